//! When a cluster may be touched: weekly windows and freezes.

use beidou_schemas::{
    Micros,
    operation::{ClusterRules, Reason, Window},
    time::{DAY, SECOND},
};
use jiff::{
    SignedDuration, Timestamp,
    civil::{DateTime, Time},
    tz::{AmbiguousOffset, TimeZone},
};

const MINUTE: i64 = 60 * SECOND;
const WEEK: i64 = 7 * DAY;

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
    // One whose zone this version does not know never opens.
    let openings = rules.windows.iter().filter_map(|window| opens(window, now));
    let opening = openings.min().unwrap_or(now.plus(WEEK));
    (opening > now).then(|| Closed { reason: Reason::AwaitingWindow, until: opening, why: String::new() })
}

/// The moment from which the window is open: not after `now` where it is open.
fn opens(window: &Window, now: Micros) -> Option<Micros> {
    let zone = window.zone()?;
    let today = zone.to_datetime(Timestamp::from_microsecond(now.0).ok()?).date();
    // One lasts a week at most, and the next one begins within a week. Later days begin later.
    let mut begins = (-7_i64..=7).filter_map(|day| {
        let start = SignedDuration::from_mins(day * 24 * 60 + i64::from(window.start_minute));
        let clock = today.to_datetime(Time::midnight()).checked_add(start).ok()?;
        let weekday = clock.date().weekday().to_sunday_zero_offset().unsigned_abs();
        let counts = window.days.is_empty() || window.days.iter().any(|day| day % 7 == weekday);
        counts.then(|| first(&zone, clock)).flatten()
    });
    begins.find(|begin| begin.plus(i64::from(window.minutes) * MINUTE) > now)
}

/// The first moment at which clocks show this; where they jump over it, that of the jump.
fn first(zone: &TimeZone, clock: DateTime) -> Option<Micros> {
    let shown = zone.to_ambiguous_timestamp(clock);
    let earlier = shown.earlier().ok()?;
    let time = match shown.offset() {
        // By the offset of after the jump it lies before it.
        AmbiguousOffset::Gap { .. } => zone.following(earlier).next()?.timestamp(),
        AmbiguousOffset::Unambiguous { .. } | AmbiguousOffset::Fold { .. } => earlier,
    };
    Some(Micros::of(time))
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
        let window =
            Window { days: vec![1, 7], start_minute: 1320, minutes: 240, time_zone: None, utc_offset_minutes: 480 };
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

    /// When a window opens that begins at this hour and minute of a weekday, 0 for any, seen from a moment before.
    fn opening(zone: &str, day: u8, (hour, minute): (u32, u32), minutes: u32, before: &str) -> Micros {
        let days = (1..=7).filter(|one| day == 0 || day == *one).collect();
        let (start_minute, time_zone) = (hour * 60 + minute, Some(zone.to_owned()));
        let window = Window { days, start_minute, minutes, time_zone, utc_offset_minutes: 0 };
        let rules = ClusterRules { windows: vec![window], ..ClusterRules::default() };
        let opens = closed(&rules, at(before)).expect("it is closed before").until;
        let ends = opens.plus(i64::from(minutes) * MINUTE);
        let open = [opens.plus(-1), opens, ends.plus(-1), ends].map(|time| closed(&rules, time).is_none());
        assert_eq!(open, [false, true, true, false], "{zone}: it is open for its minutes, which are real ones");
        opens
    }

    #[test]
    fn windows_of_a_zone_follow_its_clocks() {
        for (zone, day, start, minutes, before, opens) in [
            // The same clock in winter and in summer.
            ("Europe/Berlin", 0, (22, 30), 60, "2026-03-28T12:00:00Z", "2026-03-28T21:30:00Z"),
            ("Europe/Berlin", 0, (22, 30), 60, "2026-03-29T12:00:00Z", "2026-03-29T20:30:00Z"),
            // 02:00 to 03:00 is no time of that day: all of it begins with the jump.
            ("Europe/Berlin", 0, (1, 59), 30, "2026-03-29T00:00:00Z", "2026-03-29T00:59:00Z"),
            ("Europe/Berlin", 0, (2, 0), 60, "2026-03-29T00:00:00Z", "2026-03-29T01:00:00Z"),
            ("Europe/Berlin", 0, (2, 30), 60, "2026-03-29T00:00:00Z", "2026-03-29T01:00:00Z"),
            ("Europe/Berlin", 0, (3, 0), 60, "2026-03-29T00:00:00Z", "2026-03-29T01:00:00Z"),
            ("America/New_York", 7, (2, 59), 30, "2026-03-07T12:00:00Z", "2026-03-08T07:00:00Z"),
            // 02:30 comes twice: the first one counts, and the second is none.
            ("Europe/Berlin", 0, (2, 30), 45, "2026-10-25T00:00:00Z", "2026-10-25T00:30:00Z"),
            ("Europe/Berlin", 0, (2, 30), 45, "2026-10-25T01:15:00Z", "2026-10-26T01:30:00Z"),
            ("America/New_York", 0, (1, 0), 60, "2026-11-01T00:00:00Z", "2026-11-01T05:00:00Z"),
            // Over midnight and the change.
            ("Europe/Berlin", 6, (22, 0), 360, "2026-03-28T12:00:00Z", "2026-03-28T21:00:00Z"),
            ("Europe/Berlin", 6, (22, 0), 360, "2026-10-24T12:00:00Z", "2026-10-24T20:00:00Z"),
            ("Europe/Berlin", 6, (23, 30), 10_000, "2026-10-24T21:00:00Z", "2026-10-24T21:30:00Z"),
            // In the south clocks go forward in October, at Lord Howe by half an hour.
            ("Australia/Sydney", 7, (2, 30), 60, "2026-10-03T12:00:00Z", "2026-10-03T16:00:00Z"),
            ("Australia/Sydney", 7, (2, 30), 60, "2026-04-04T12:00:00Z", "2026-04-04T15:30:00Z"),
            ("Australia/Lord_Howe", 7, (2, 15), 60, "2026-10-03T12:00:00Z", "2026-10-03T15:30:00Z"),
            // Nobody changes clocks there.
            ("Asia/Shanghai", 0, (22, 0), 60, "2026-03-29T12:00:00Z", "2026-03-29T14:00:00Z"),
            ("Asia/Kolkata", 0, (0, 15), 30, "2026-07-01T12:00:00Z", "2026-07-01T18:45:00Z"),
            ("UTC", 1, (22, 0), 60, "2026-11-23T12:00:00Z", "2026-11-23T22:00:00Z"),
            // 30 December 2011, a Friday, was no day there.
            ("Pacific/Apia", 5, (22, 30), 60, "2011-12-30T00:00:00Z", "2011-12-30T10:00:00Z"),
        ] {
            let found = opening(zone, day, start, minutes, before);
            assert_eq!(found, at(opens), "{zone} {start:?} from {before}");
        }
    }

    #[test]
    fn a_window_of_a_zone_that_is_not_known_never_opens() {
        let time_zone = Some("Mars/Olympus".to_owned());
        let unknown = Window { days: Vec::new(), start_minute: 0, minutes: 1440, time_zone, utc_offset_minutes: 0 };
        let known = Window { time_zone: None, minutes: 60, ..unknown.clone() };
        let now = at("2026-11-23T14:00:00Z");
        let until =
            |windows| closed(&ClusterRules { windows, ..ClusterRules::default() }, now).map(|closed| closed.until);
        assert_eq!(until(vec![unknown.clone()]), Some(now.plus(WEEK)));
        assert_eq!(until(vec![unknown, known]), Some(at("2026-11-24T00:00:00Z")), "but others do");
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
