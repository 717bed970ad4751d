//! Times as people type them: `7d`, `36h`, `2026-11-24`, `2026-11-24T14:00`, RFC 3339, `now`.

use jiff::{SignedDuration, Timestamp, civil::DateTime, tz::TimeZone};

const ALLOWED: &str = "write a length of time before now (90s, 30m, 36h, 7d, 2w), a date (2026-11-24, in your zone), \
                       a date with a time (2026-11-24T14:00), an RFC 3339 time, or now";

/// Accepts what [`parse`] accepts, unchanged: what "now" is, is known only when the command runs.
pub fn checked(text: &str) -> Result<String, String> {
    parse(text, Timestamp::UNIX_EPOCH, &TimeZone::UTC).map(|_| text.to_owned())
}

/// The moment that a text means at `now` in `zone`.
///
/// # Errors
/// A sentence with what is allowed.
pub fn parse(text: &str, now: Timestamp, zone: &TimeZone) -> Result<Timestamp, String> {
    let text = text.trim();
    if text == "now" {
        return Ok(now);
    }
    let refused = || format!("{text:?} is no time; {ALLOWED}");
    if let Some(age) = age(text) {
        return now.checked_sub(age).map_err(|_| format!("{text:?} lies too far back; {ALLOWED}"));
    }
    if let Ok(time) = text.parse::<Timestamp>() {
        return Ok(time);
    }
    let local: DateTime = text.parse().map_err(|_| refused())?;
    local.to_zoned_datetime(zone.clone()).map(|time| time.timestamp()).map_err(|_| refused())
}

/// `7d`, `1h30m`, `-36h`: whole numbers, each with a unit.
fn age(text: &str) -> Option<SignedDuration> {
    let mut rest = text.strip_prefix('-').unwrap_or(text);
    let mut seconds: i64 = 0;
    if rest.is_empty() {
        return None;
    }
    while !rest.is_empty() {
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        let number: i64 = rest[..digits].parse().ok()?;
        let unit = rest[digits..].chars().next()?;
        let factor = match unit {
            's' => 1,
            'm' => 60,
            'h' => 3_600,
            'd' => 86_400,
            'w' => 7 * 86_400,
            _ => return None,
        };
        seconds = seconds.checked_add(number.checked_mul(factor)?)?;
        rest = &rest[digits + unit.len_utf8()..];
    }
    Some(SignedDuration::from_secs(seconds))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_forms_mean_what_they_say() {
        let now: Timestamp = "2026-11-24T12:00:00Z".parse().unwrap();
        let zone = TimeZone::fixed(jiff::tz::offset(8));
        for (text, expected) in [
            ("now", "2026-11-24T12:00:00Z"),
            ("90s", "2026-11-24T11:58:30Z"),
            ("36h", "2026-11-23T00:00:00Z"),
            ("7d", "2026-11-17T12:00:00Z"),
            ("2w", "2026-11-10T12:00:00Z"),
            ("1h30m", "2026-11-24T10:30:00Z"),
            ("-6h", "2026-11-24T06:00:00Z"),
            (" 1d ", "2026-11-23T12:00:00Z"),
            ("2026-11-20", "2026-11-19T16:00:00Z"),
            ("2026-11-20T14:00", "2026-11-20T06:00:00Z"),
            ("2026-11-20 14:00:30", "2026-11-20T06:00:30Z"),
            ("2026-11-20T14:00:00Z", "2026-11-20T14:00:00Z"),
            ("2026-11-20T14:00:00.25+02:00", "2026-11-20T12:00:00.25Z"),
        ] {
            assert_eq!(parse(text, now, &zone).unwrap().to_string(), expected, "{text}");
        }
    }

    #[test]
    fn what_is_no_time_is_told_what_is_one() {
        for text in ["", "7", "d", "7x", "7d 3", "yesterday", "2026-13-01", "-", "99999999999999w", "9999999999w"] {
            let error = checked(text).unwrap_err();
            assert!(error.contains("36h") && error.contains("RFC 3339"), "{text}: {error}");
        }
    }
}
