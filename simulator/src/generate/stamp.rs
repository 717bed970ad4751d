//! Writes times and JSON strings straight into a byte buffer.
//!
//! The history path makes a million Events in seconds; a general formatter would cost more than the rest of it.
//! A test compares each writer with the `jiff` library.

use crate::clock::{DAY_US, SECOND_US};

/// Appends `2026-11-23T06:10:58Z` (RFC 3339, whole seconds, as Kubernetes `Time`).
pub fn seconds(out: &mut Vec<u8>, us: i64) {
    let text = civil(us);
    out.extend_from_slice(&text[..19]);
    out.push(b'Z');
}

/// Appends `2026-11-23T06:10:58.412345Z` (as Kubernetes `MicroTime`).
pub fn micros(out: &mut Vec<u8>, us: i64) {
    let text = civil(us);
    out.extend_from_slice(&text[..19]);
    let mut fraction = *b".000000Z";
    let mut rest = us.rem_euclid(SECOND_US);
    for digit in fraction[1..7].iter_mut().rev() {
        *digit = b'0' + (rest % 10) as u8;
        rest /= 10;
    }
    out.extend_from_slice(&fraction);
}

/// `YYYY-MM-DDTHH:MM:SS`, days to civil date after Howard Hinnant's "chrono-compatible low-level date algorithms".
fn civil(us: i64) -> [u8; 19] {
    let days = us.div_euclid(DAY_US) + 719_468;
    let era = days.div_euclid(146_097);
    let day_of_era = days.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    let second = us.rem_euclid(DAY_US) / SECOND_US;

    let mut text = *b"0000-00-00T00:00:00";
    let mut put = |at: usize, value: i64| {
        text[at] = b'0' + (value / 10 % 10) as u8;
        text[at + 1] = b'0' + (value % 10) as u8;
    };
    put(0, year / 100);
    put(2, year % 100);
    put(5, month);
    put(8, day);
    put(11, second / 3600);
    put(14, second / 60 % 60);
    put(17, second % 60);
    text
}

/// Appends `text` as a JSON string, quotes included.
pub fn string(out: &mut Vec<u8>, text: &str) {
    out.push(b'"');
    let mut plain_from = 0;
    for (at, byte) in text.bytes().enumerate() {
        if byte >= 0x20 && byte != b'"' && byte != b'\\' {
            continue;
        }
        out.extend_from_slice(&text.as_bytes()[plain_from..at]);
        plain_from = at + 1;
        match byte {
            b'"' => out.extend_from_slice(b"\\\""),
            b'\\' => out.extend_from_slice(b"\\\\"),
            b'\n' => out.extend_from_slice(b"\\n"),
            b'\t' => out.extend_from_slice(b"\\t"),
            control => out.extend_from_slice(format!("\\u{control:04x}").as_bytes()),
        }
    }
    out.extend_from_slice(&text.as_bytes()[plain_from..]);
    out.push(b'"');
}

/// Appends a number in decimal.
pub fn number(out: &mut Vec<u8>, mut value: u64) {
    let mut digits = [0u8; 20];
    let mut at = digits.len();
    loop {
        at -= 1;
        digits[at] = b'0' + (value % 10) as u8;
        value /= 10;
        if value == 0 {
            break;
        }
    }
    out.extend_from_slice(&digits[at..]);
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn times_agree_with_jiff(us in 0i64..4_000_000_000_000_000) {
            let (mut whole, mut fine) = (Vec::new(), Vec::new());
            seconds(&mut whole, us);
            micros(&mut fine, us);
            let known = jiff::Timestamp::from_microsecond(us).unwrap();
            prop_assert_eq!(String::from_utf8(whole).unwrap(), known.strftime("%Y-%m-%dT%H:%M:%SZ").to_string());
            prop_assert_eq!(String::from_utf8(fine).unwrap(), format!("{known:.6}"));
        }

        #[test]
        fn strings_and_numbers_agree_with_serde_json(text in ".*", value: u64) {
            let (mut written, mut digits) = (Vec::new(), Vec::new());
            string(&mut written, &text);
            number(&mut digits, value);
            prop_assert_eq!(serde_json::from_slice::<String>(&written).unwrap(), text);
            prop_assert_eq!(String::from_utf8(digits).unwrap(), value.to_string());
        }
    }
}
