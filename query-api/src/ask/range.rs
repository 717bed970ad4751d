//! The range of time of a query: absolute or relative, always bounded.

use std::ops::RangeInclusive;

use beidou_schemas::{Micros, time::SECOND};
use beidou_store::query::Between;

use super::Params;
use crate::problem::Problem;

/// A range and how it was asked for.
pub(crate) type Range = Between;

/// Without `from`, a day: the last shift and the one before it.
const DEFAULT_LENGTH: i64 = 24 * 3600 * SECOND;
const ALLOWED: &str = "RFC 3339 (2026-11-23T14:00:00Z), now, or relative to now: -90s, -30m, -6h, -7d, -2w";

/// Reads `from` and `to`; `from` is part of the range, `to` is not.
pub(crate) fn range(params: &Params, now: Micros) -> Result<Range, Problem> {
    let until = moment(params, "to", now)?.unwrap_or(now);
    let from = moment(params, "from", now)?.unwrap_or(until.plus(-DEFAULT_LENGTH));
    in_order(params, from, until)?;
    Ok(Range { from, until })
}

/// Reads `from` and `to` of what has no bound where they are not given.
pub(crate) fn bounds(params: &Params, now: Micros) -> Result<(Option<Micros>, Option<Micros>), Problem> {
    let (from, until) = (moment(params, "from", now)?, moment(params, "to", now)?);
    from.zip(until).map_or(Ok(()), |(from, until)| in_order(params, from, until))?;
    Ok((from, until))
}

fn in_order(params: &Params, from: Micros, until: Micros) -> Result<(), Problem> {
    if from < until {
        return Ok(());
    }
    let written = params.one("from")?.unwrap_or_default();
    Err(Problem::parameter("from", written, format!("a time before `to`, which is {until}")))
}

/// Reads `baseline`, which says how much earlier the range begins that this one is compared with, as long as it. Unsaid, that
/// is the time right before it. Not before 1970.
pub(crate) fn baseline(params: &Params, range: Range) -> Result<Range, Problem> {
    let own = range.until.0 - range.from.0;
    let allowed = "a length of time such as 1d or 1w, at least as long as the range";
    let shift = length(params, "baseline", own..=i64::MAX / 2, allowed)?.unwrap_or(own);
    let earlier = |time: Micros| time.plus(-shift).max(Micros(0));
    Ok(Range { from: earlier(range.from), until: earlier(range.until) })
}

/// Reads a moment.
pub(crate) fn moment(params: &Params, name: &str, now: Micros) -> Result<Option<Micros>, Problem> {
    let Some(text) = params.one(name)? else { return Ok(None) };
    // An unescaped `+` of a zone arrives as a space.
    let time = relative(text, now).or_else(|| Micros::parse(text)).or_else(|| Micros::parse(&text.replace(' ', "+")));
    match time {
        Some(time) if time.in_column() => Ok(Some(time)),
        Some(_) => Err(Problem::parameter(name, text, "a time from 1970 to 2299")),
        None => Err(Problem::parameter(name, text, ALLOWED)),
    }
}

/// `now`, `-6h`, `now-6h`, `+5m`.
fn relative(text: &str, now: Micros) -> Option<Micros> {
    let text = text.strip_prefix("now").unwrap_or(text);
    if text.is_empty() {
        return Some(now);
    }
    let (sign, amount) = match text.split_at_checked(1)? {
        ("-", amount) => (-1, amount),
        ("+" | " ", amount) => (1, amount),
        _ => return None,
    };
    Some(now.plus(sign * micros_of(amount)?))
}

/// `60s`, `6h`: microseconds.
fn micros_of(amount: &str) -> Option<i64> {
    let unit = match amount.chars().last()? {
        's' => 1,
        'm' => 60,
        'h' => 3600,
        'd' => 86_400,
        'w' => 7 * 86_400,
        _ => return None,
    };
    let digits = &amount[..amount.len() - 1];
    let number: i64 = digits.parse().ok().filter(|_| digits.bytes().all(|b| b.is_ascii_digit()))?;
    number.checked_mul(unit)?.checked_mul(SECOND)
}

/// Reads a length of time, microseconds, within bounds; `allowed` says them.
pub(crate) fn length(
    params: &Params,
    name: &str,
    bounds: RangeInclusive<i64>,
    allowed: &str,
) -> Result<Option<i64>, Problem> {
    let Some(text) = params.one(name)? else { return Ok(None) };
    let micros = micros_of(text).filter(|micros| bounds.contains(micros));
    micros.map(Some).ok_or_else(|| Problem::parameter(name, text, allowed))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// 2026-11-24T00:00:00Z.
    const NOW: Micros = Micros(1_795_478_400_000_000);

    fn asked(query: &str) -> Result<(i64, i64), Problem> {
        let params = Params::parse(Some(query), &["from", "to"])?;
        let range = range(&params, NOW)?;
        Ok(((range.from.0 - NOW.0) / SECOND, (range.until.0 - NOW.0) / SECOND))
    }

    #[test]
    fn ranges_are_read() {
        for (query, expected) in [
            ("", (-86_400, 0)),
            ("from=-6h", (-21_600, 0)),
            ("from=now-90s&to=now", (-90, 0)),
            ("from=-2w&to=-7d", (-1_209_600, -604_800)),
            ("to=-30m", (-88_200, -1_800)),
            ("to=%2B5m", (-86_100, 300)),
            ("from=2026-11-23T14:00:00Z&to=2026-11-23T15:00:00Z", (-36_000, -32_400)),
            ("from=2026-11-23T14:00:00%2B01:00&to=2026-11-23T14:00:00.5Z", (-39_600, -35_999)),
            ("from=2026-11-23T14:00:00+01:00&to=now", (-39_600, 0)),
        ] {
            assert_eq!(asked(query), Ok(expected), "{query}");
        }
    }

    #[test]
    fn anything_else_names_the_parameter() {
        for (query, name) in [
            ("from=yesterday", "from"),
            ("to=-6", "to"),
            ("to=-6y", "to"),
            ("to=6h", "to"),
            ("to=-%C3%A9h", "to"),
            ("to=--6h", "to"),
            ("from=-999999999999999999w", "from"),
            ("from=1969-12-31T23:59:59Z", "from"),
            ("from=-1h&to=-2h", "from"),
            ("from=now&to=now", "from"),
            ("from=-1h&from=-2h", "from"),
            ("from=", "from"),
        ] {
            let problem = asked(query).expect_err(query);
            assert_eq!(problem.parameter.unwrap().name, name, "{query}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in ".{0,12}") {
            let query: String = form_urlencoded::Serializer::new(String::new()).append_pair("from", &text).finish();
            let _ = asked(&query);
        }
    }
}
