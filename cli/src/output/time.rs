//! Times for people: in their own zone, with the zone said once; lengths of time in two units at most.

use jiff::{SignedDuration, Timestamp, tz::TimeZone};

/// A moment, to the second: `11-24 14:06:10`, with its year where that is not the present one.
pub fn local(time: Timestamp, now: Timestamp, zone: &TimeZone) -> String {
    let (time, now) = (time.to_zoned_datetime(zone.clone()), now.to_zoned_datetime(zone.clone()));
    let form = if time.year() == now.year() { "%m-%d %H:%M:%S" } else { "%Y-%m-%d %H:%M:%S" };
    time.strftime(form).to_string()
}

/// The zone at a moment, as heading: `TIME (CST)`, or with its offset where the zone has no short name.
pub fn zone_name(time: Timestamp, zone: &TimeZone) -> String {
    time.to_zoned_datetime(zone.clone()).strftime("%Z").to_string()
}

/// A length of time: `3d4h`, `2h5m`, `45s`; below a second `<1s`.
pub fn length(duration: SignedDuration) -> String {
    let seconds = duration.as_secs().max(0);
    let units = [(seconds / 86_400, "d"), (seconds / 3_600 % 24, "h"), (seconds / 60 % 60, "m"), (seconds % 60, "s")];
    let text: String = units
        .iter()
        .skip_while(|(number, _)| *number == 0)
        .take(2)
        .filter(|(number, _)| *number > 0)
        .map(|(number, unit)| format!("{number}{unit}"))
        .collect();
    if text.is_empty() { "<1s".into() } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_local_and_name_their_zone() {
        let time: Timestamp = "2026-11-24T06:06:10.5Z".parse().unwrap();
        let zone = TimeZone::fixed(jiff::tz::offset(8));
        assert_eq!(local(time, time, &zone), "11-24 14:06:10");
        let (new_year, old_year) = ("2026-12-31T16:00:00Z".parse().unwrap(), "2026-12-31T15:59:59Z".parse().unwrap());
        assert_eq!(local(new_year, new_year, &zone), "01-01 00:00:00");
        assert_eq!(local(old_year, new_year, &zone), "2026-12-31 23:59:59");
        assert_eq!(zone_name(time, &zone), "+08");
        assert_eq!(zone_name(time, &TimeZone::UTC), "UTC");
    }

    #[test]
    fn lengths_have_two_units() {
        for (seconds, text) in
            [(0, "<1s"), (45, "45s"), (125, "2m5s"), (7200, "2h"), (7_261, "2h1m"), (90_000, "1d1h"), (-5, "<1s")]
        {
            assert_eq!(length(SignedDuration::from_secs(seconds)), text);
        }
    }
}
