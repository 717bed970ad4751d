//! How long the Events of each cluster are kept, and which moment that makes of now. No clock.
//!
//! Whole days, UTC: with 30 days, today and the 30 days before it stay. So tables and archive, whose files are of one day,
//! lose the same rows.

use std::collections::{BTreeMap, BTreeSet};

use beidou_schemas::{Micros, time::DAY};

/// For how many days Events are kept; 0 is for ever.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Retention {
    /// Of clusters that are not named below.
    pub days: u32,
    /// Of single clusters, by uid or by a name that the cluster has or had.
    pub clusters: BTreeMap<String, u32>,
    /// For how many days the tables have them as well, where the archive has them longer; 0: as long as that.
    pub in_tables: u32,
    /// The same of single clusters.
    pub clusters_in_tables: BTreeMap<String, u32>,
}

impl Retention {
    /// Whether nothing ever goes.
    pub fn is_for_ever(&self) -> bool {
        let all = [self.days, self.in_tables].into_iter();
        all.chain(self.clusters.values().chain(self.clusters_in_tables.values()).copied()).all(|days| days == 0)
    }

    /// Entries that fit none of these uids and names: a slip of the keyboard, or a cluster that is not there yet.
    pub fn unknown<'a>(&self, known: impl IntoIterator<Item = &'a str>) -> Vec<&str> {
        let named = self.clusters.keys().chain(self.clusters_in_tables.keys());
        let mut unknown: BTreeSet<&str> = named.map(String::as_str).collect();
        for name in known {
            unknown.remove(name);
        }
        unknown.into_iter().collect()
    }

    /// Events of this cluster that happened before this moment go; `None` where all stay. The uid counts before names; of
    /// several names that fit, the one that keeps longest.
    pub fn cutoff(&self, uid: &str, names: &[String], now: Micros) -> Option<Micros> {
        cutoff(days_of(self.days, &self.clusters, uid, names), now)
    }

    /// Events of this cluster that happened before this moment leave the tables once the archive has them; `None` where none
    /// do before they go altogether.
    pub fn table_cutoff(&self, uid: &str, names: &[String], now: Micros) -> Option<Micros> {
        let hot = cutoff(days_of(self.in_tables, &self.clusters_in_tables, uid, names), now)?;
        self.cutoff(uid, names, now).is_none_or(|gone| gone < hot).then_some(hot)
    }
}

/// The days of a cluster: by its uid, by the name that keeps longest, or those of all.
fn days_of(of_all: u32, clusters: &BTreeMap<String, u32>, uid: &str, names: &[String]) -> u32 {
    let for_ever_last = |days: &u32| days.checked_sub(1).unwrap_or(u32::MAX);
    let by_name = || names.iter().filter_map(|name| clusters.get(name)).copied().max_by_key(for_ever_last);
    clusters.get(uid).copied().or_else(by_name).unwrap_or(of_all)
}

fn cutoff(days: u32, now: Micros) -> Option<Micros> {
    let cutoff = Micros((now.0.div_euclid(DAY) - i64::from(days)).saturating_mul(DAY));
    (days > 0 && cutoff.0 > 0).then_some(cutoff)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_days_by_uid_then_name_then_default() {
        let of = |pairs: &[(&str, u32)]| pairs.iter().map(|(name, days)| ((*name).to_owned(), *days)).collect();
        let clusters = of(&[("u1", 7), ("lab", 1), ("old", 30), ("core", 0)]);
        let kept = Retention { days: 90, clusters, ..Retention::default() };
        let (now, day) = (Micros(20_000 * DAY + DAY / 2), |days: i64| Some(Micros((20_000 - days) * DAY)));
        for (uid, names, cutoff) in [
            ("u1", vec!["core"], day(7)),
            ("u2", vec!["lab"], day(1)),
            ("u2", vec!["lab", "old"], day(30)),
            ("u2", vec!["lab", "core"], None),
            ("u2", vec!["other"], day(90)),
            ("u2", vec![], day(90)),
        ] {
            let names: Vec<_> = names.into_iter().map(str::to_owned).collect();
            assert_eq!(kept.cutoff(uid, &names, now), cutoff, "{uid} {names:?}");
        }
        assert!(!kept.is_for_ever());
        assert_eq!(kept.unknown(["u1", "core", "other", "lab"]), ["old"]);
        let for_ever = Retention { clusters: of(&[("a", 0)]), ..Retention::default() };
        assert!(for_ever.is_for_ever());
        assert_eq!(for_ever.cutoff("a", &[], now), None);
        let longer_than_time = Retention { days: u32::MAX, ..Retention::default() };
        assert_eq!(longer_than_time.cutoff("a", &[], now), None);
    }

    #[test]
    fn tables_lose_only_what_the_archive_keeps() {
        let of = |pairs: &[(&str, u32)]| pairs.iter().map(|(name, days)| ((*name).to_owned(), *days)).collect();
        let (clusters, clusters_in_tables) = (of(&[("short", 5)]), of(&[("u1", 7), ("all", 0)]));
        let kept = Retention { days: 90, clusters, in_tables: 30, clusters_in_tables };
        let now = Micros(20_000 * DAY + DAY / 2);
        for (uid, name, days) in
            [("u1", "x", Some(7)), ("u2", "x", Some(30)), ("u2", "all", None), ("u2", "short", None)]
        {
            let expected = days.map(|days: i64| Micros((20_000 - days) * DAY));
            assert_eq!(kept.table_cutoff(uid, &[name.into()], now), expected, "{uid} {name}");
        }
        let as_long = Retention { days: 30, in_tables: 30, ..Retention::default() };
        assert_eq!(as_long.table_cutoff("a", &[], now), None);
        let hot_alone = Retention { in_tables: 1, ..Retention::default() };
        assert!(!hot_alone.is_for_ever() && hot_alone.table_cutoff("a", &[], now).is_some());
        assert_eq!(kept.unknown(["u1", "short"]), ["all"]);
    }
}
