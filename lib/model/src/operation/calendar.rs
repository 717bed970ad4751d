//! When a cluster may be touched: weekly windows and freezes.

use beidou_schemas::{
    Micros,
    operation::{ClusterRules, Reason, Window},
    time::{DAY, SECOND},
};

const MINUTE: i64 = 60 * SECOND;
const WEEK: i64 = 7 * DAY;
/// 1970-01-01 was a Thursday: Monday of that week.
const MONDAY: i64 = -3 * DAY;

/// Nothing may begin now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Closed {
    /// `AwaitingWindow` or `Frozen`.
    pub reason: Reason,
    /// When it is worth to look again.
    pub until: Micros,
    /// For people; may be empty.
    pub why: String,
}

/// Whether something may begin at this moment.
pub fn closed(rules: &ClusterRules, now: Micros) -> Option<Closed> {
    let frozen = rules.freezes.iter().filter(|freeze| freeze.from <= now && now < freeze.until).max_by_key(|f| f.until);
    if let Some(freeze) = frozen {
        return Some(Closed { reason: Reason::Frozen, until: freeze.until, why: freeze.why.clone() });
    }
    if rules.windows.is_empty() {
        return None;
    }
    let opening = rules.windows.iter().map(|window| opens(window, now)).min()?;
    (opening > now).then(|| Closed { reason: Reason::AwaitingWindow, until: opening, why: String::new() })
}

/// The moment from which the window is open: not after `now` where it is open.
fn opens(window: &Window, now: Micros) -> Micros {
    let offset = i64::from(window.utc_offset_minutes) * MINUTE;
    let local = now.0.saturating_add(offset);
    let week = (local - MONDAY).div_euclid(WEEK) * WEEK + MONDAY;
    let days: Vec<i64> = match window.days.is_empty() {
        true => (0..7).collect(),
        false => window.days.iter().map(|day| i64::from(*day) - 1).collect(),
    };
    let length = i64::from(window.minutes) * MINUTE;
    let begins = |week: i64, day: i64| week + day * DAY + i64::from(window.start_minute) * MINUTE;
    let all = [week - WEEK, week, week + WEEK].into_iter().flat_map(|week| days.iter().map(move |day| (week, *day)));
    let open = all.map(|(week, day)| begins(week, day)).filter(|begin| begin + length > local).min();
    Micros(open.unwrap_or(i64::MAX).saturating_sub(offset))
}

#[cfg(test)]
mod tests {
    use beidou_schemas::operation::Freeze;

    use super::*;

    fn at(text: &str) -> Micros {
        Micros::parse(text).unwrap()
    }

    #[test]
    fn windows_open_on_their_days_in_local_time_and_reach_over_midnight() {
        // Monday and Sunday, 22:00 to 02:00 of Shanghai.
        let window = Window { days: vec![1, 7], start_minute: 1320, minutes: 240, utc_offset_minutes: 480 };
        let rules = ClusterRules { windows: vec![window], ..ClusterRules::default() };
        // 2026-11-23 is a Monday.
        for (now, until) in [
            ("2026-11-23T14:00:00Z", None),
            ("2026-11-23T17:59:59Z", None),
            ("2026-11-23T13:59:59Z", Some("2026-11-23T14:00:00Z")),
            ("2026-11-23T18:00:00Z", Some("2026-11-29T14:00:00Z")),
            ("2026-11-29T17:00:00Z", None),
            ("2026-11-29T18:00:00Z", Some("2026-11-30T14:00:00Z")),
        ] {
            assert_eq!(closed(&rules, at(now)).map(|closed| closed.until), until.map(at), "{now}");
        }
        assert_eq!(closed(&ClusterRules::default(), at("2026-11-23T14:00:00Z")), None);
    }

    #[test]
    fn a_freeze_closes_an_open_window() {
        let (from, until) = (at("2026-12-20T00:00:00Z"), at("2027-01-03T00:00:00Z"));
        let freezes = vec![Freeze { from, until, why: "end of year".into() }];
        let rules = ClusterRules { freezes, ..ClusterRules::default() };
        let found = closed(&rules, at("2026-12-24T00:00:00Z")).unwrap();
        assert_eq!((found.reason, found.until, &*found.why), (Reason::Frozen, until, "end of year"));
        assert_eq!(closed(&rules, until), None);
    }
}
