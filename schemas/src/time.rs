//! Time as Beidou stores it: microseconds since 1970-01-01 UTC, the precision of a Kubernetes `MicroTime`.

use std::fmt::{self, Write};

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Microseconds since the Unix epoch, UTC. Written as RFC 3339 with six digits.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Micros(pub i64);

/// One second.
pub const SECOND: i64 = 1_000_000;
/// One hour.
pub const HOUR: i64 = 3600 * SECOND;
/// One day.
pub const DAY: i64 = 86_400 * SECOND;

impl Micros {
    /// The time of a [`jiff::Timestamp`], cut to microseconds.
    pub fn of(time: jiff::Timestamp) -> Self {
        Self(time.as_microsecond())
    }

    /// Reads any RFC 3339 time.
    pub fn parse(text: &str) -> Option<Self> {
        fast(text.as_bytes()).or_else(|| text.parse::<jiff::Timestamp>().ok().map(Self::of))
    }

    /// As Kubernetes writes a `metav1.Time`: whole seconds. `None` if the time has a fraction.
    pub fn seconds_text(self) -> Option<String> {
        (self.0 % SECOND == 0).then(|| self.text(false))
    }

    /// As Kubernetes writes a `metav1.MicroTime`: six digits.
    pub fn micros_text(self) -> String {
        self.text(true)
    }

    fn text(self, fraction: bool) -> String {
        let mut text = String::with_capacity(27);
        self.write(&mut text, fraction);
        text
    }

    /// Adds [`Micros::micros_text`] to a text.
    pub fn write_micros(self, text: &mut String) {
        self.write(text, true);
    }

    fn write(self, text: &mut String, fraction: bool) {
        let seconds = self.0.div_euclid(SECOND);
        let (year, month, day) = civil(seconds.div_euclid(86_400));
        let of_day = seconds.rem_euclid(86_400);
        match year {
            0..10_000 => digits(text, year, 1000),
            _ => write!(text, "{year:04}").expect("a String takes any text"),
        }
        let fields = [('-', month), ('-', day), ('T', of_day / 3600), (':', of_day / 60 % 60), (':', of_day % 60)];
        for (sign, field) in fields {
            text.push(sign);
            digits(text, field, 10);
        }
        if fraction {
            text.push('.');
            digits(text, self.0.rem_euclid(SECOND), 100_000);
        }
        text.push('Z');
    }

    /// Whether a column can hold the time: a ClickHouse `DateTime64(6)` reaches to the end of 2299.
    pub fn in_column(self) -> bool {
        (0..10_413_792_000 * SECOND).contains(&self.0)
    }

    /// Year and month as `yyyymm`, UTC: ClickHouse's `toYYYYMM`.
    pub fn year_month(self) -> u32 {
        let (year, month, _) = civil(self.0.div_euclid(DAY));
        u32::try_from(year * 100 + month).unwrap_or(0)
    }

    /// The day as `2026-11-23`, UTC.
    pub fn day_text(self) -> String {
        let (year, month, day) = civil(self.0.div_euclid(DAY));
        format!("{year:04}-{month:02}-{day:02}")
    }

    /// The hour as `2026-11-23T14`, UTC.
    pub fn hour_text(self) -> String {
        format!("{}T{:02}", self.day_text(), self.0.rem_euclid(DAY) / HOUR)
    }

    /// This time moved by `micros`.
    pub fn plus(self, micros: i64) -> Self {
        Self(self.0.saturating_add(micros))
    }
}

impl fmt::Display for Micros {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.micros_text())
    }
}

impl Serialize for Micros {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Micros {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).ok_or_else(|| serde::de::Error::custom(format!("{text:?} is not an RFC 3339 time")))
    }
}

/// The two forms that Kubernetes writes, without a general parser: this runs five times per Event.
fn fast(text: &[u8]) -> Option<Micros> {
    let fraction = match text {
        [.., b'Z'] if text.len() == 20 => 0,
        [.., b'Z'] if text.len() == 27 && text[19] == b'.' => number(&text[20..26])?,
        _ => return None,
    };
    if text[4] != b'-' || text[7] != b'-' || text[10] != b'T' || text[13] != b':' || text[16] != b':' {
        return None;
    }
    let (year, month, day) = (number(&text[..4])?, number(&text[5..7])?, number(&text[8..10])?);
    let (hour, minute, second) = (number(&text[11..13])?, number(&text[14..16])?, number(&text[17..19])?);
    if hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    let days = days_from_civil(year, month, day);
    (civil(days) == (year, month, day))
        .then(|| Micros((days * 86_400 + hour * 3600 + minute * 60 + second) * SECOND + fraction))
}

fn number(digits: &[u8]) -> Option<i64> {
    digits.iter().try_fold(0, |n, d| d.is_ascii_digit().then(|| n * 10 + i64::from(d - b'0')))
}

/// Days since 1970-01-01 of a proleptic Gregorian date (H. Hinnant, "chrono-compatible low-level date algorithms").
fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let of_era = year - era * 400;
    let of_year = (153 * (if month > 2 { month - 3 } else { month + 9 }) + 2) / 5 + day - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

/// Adds the digits of a number, from `place` on.
fn digits(text: &mut String, number: i64, mut place: i64) {
    while place > 0 {
        text.push(char::from(b'0' + u8::try_from(number / place % 10).unwrap_or(0)));
        place /= 10;
    }
}

/// The inverse of [`days_from_civil`].
fn civil(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let of_era = days - era * 146_097;
    let year = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let shifted = (5 * of_year + 2) / 153;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    (year + era * 400 + i64::from(month <= 2), month, of_year - (153 * shifted + 2) / 5 + 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn agrees_with_jiff(micros in -2_000_000_000_000_000i64..4_000_000_000_000_000) {
            let time = Micros(micros);
            prop_assert_eq!(Micros::parse(&time.micros_text()), Some(time));
            let jiff: jiff::Timestamp = time.micros_text().parse().unwrap();
            prop_assert_eq!(Micros::of(jiff), time);
        }
    }

    #[test]
    fn the_month_is_the_calendars() {
        for (time, month) in [
            ("1970-01-01T00:00:00Z", 197_001),
            ("2024-02-29T23:59:59.999999Z", 202_402),
            ("2024-03-01T00:00:00Z", 202_403),
            ("2026-12-31T23:59:59Z", 202_612),
        ] {
            assert_eq!(Micros::parse(time).unwrap().year_month(), month, "{time}");
            assert_eq!(Micros::parse(time).unwrap().day_text(), time[..10]);
        }
    }

    #[test]
    fn impossible_dates_are_no_times() {
        for bad in ["2026-02-30T00:00:00Z", "2026-13-01T00:00:00Z", "2026-01-01T24:00:00Z", "yesterday", ""] {
            assert_eq!(Micros::parse(bad), None, "{bad}");
        }
        assert_eq!(Micros::parse("2026-01-01T01:00:00+01:00"), Micros::parse("2026-01-01T00:00:00Z"));
    }
}
