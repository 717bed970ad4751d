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
}

impl Retention {
    /// Whether nothing ever goes.
    pub fn is_for_ever(&self) -> bool {
        self.days == 0 && self.clusters.values().all(|&days| days == 0)
    }

    /// Entries that fit none of these uids and names: a slip of the keyboard, or a cluster that is not there yet.
    pub fn unknown<'a>(&self, known: impl IntoIterator<Item = &'a str>) -> Vec<&str> {
        let mut unknown: BTreeSet<&str> = self.clusters.keys().map(String::as_str).collect();
        for name in known {
            unknown.remove(name);
        }
        unknown.into_iter().collect()
    }

    /// Events of this cluster that happened before this moment go; `None` where all stay. The uid counts before names; of
    /// several names that fit, the one that keeps longest.
    pub fn cutoff(&self, uid: &str, names: &[String], now: Micros) -> Option<Micros> {
        let for_ever_last = |days: &u32| days.checked_sub(1).unwrap_or(u32::MAX);
        let by_name = || names.iter().filter_map(|name| self.clusters.get(name)).copied().max_by_key(for_ever_last);
        let days = self.clusters.get(uid).copied().or_else(by_name).unwrap_or(self.days);
        let cutoff = Micros((now.0.div_euclid(DAY) - i64::from(days)).saturating_mul(DAY));
        (days > 0 && cutoff.0 > 0).then_some(cutoff)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_days_by_uid_then_name_then_default() {
        let of = |pairs: &[(&str, u32)]| pairs.iter().map(|(name, days)| ((*name).to_owned(), *days)).collect();
        let kept = Retention { days: 90, clusters: of(&[("u1", 7), ("lab", 1), ("old", 30), ("core", 0)]) };
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
        let for_ever = Retention { days: 0, clusters: of(&[("a", 0)]) };
        assert!(for_ever.is_for_ever());
        assert_eq!(for_ever.cutoff("a", &[], now), None);
        let longer_than_time = Retention { days: u32::MAX, clusters: BTreeMap::new() };
        assert_eq!(longer_than_time.cutoff("a", &[], now), None);
    }
}
