//! Where occurrences probably never reached the API server: the signature of client-go's spam filter.
//!
//! A recorder lets a burst of 25 Events of one source about one object pass, then one every 300 seconds; the rest it
//! drops without a word (client-go `record`, `EventSourceObjectSpamFilter`). The states that did arrive show it: the
//! bucket, filled and emptied by them, runs dry, and what follows comes at the pace of its refilling.

use beidou_schemas::Micros;

/// Tokens of a full bucket.
const BURST: f64 = 25.0;
/// Microseconds in which one token comes back.
const REFILL: f64 = 300_000_000.0;
/// Times are cut to seconds and writes are late by some: a bucket that is overdrawn by more is not the default one, or
/// was made anew by a restart of its component.
const OVERDRAFT: f64 = 1.5;
/// A state that comes when this much of a token is there came as soon as it could.
const DRIP: std::ops::RangeInclusive<f64> = 0.7..=1.5;
/// So many at the pace of refilling are no accident.
const DRIPS: u32 = 2;

/// A stretch in which the spam filter was closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Closed {
    /// The bucket ran dry.
    pub from: Micros,
    /// The last state that came at the pace of its refilling.
    pub until: Micros,
}

/// The first stretch in which a spam filter with the default limits was closed, from the times at which states of one
/// source about one object were written, in order. `None` where the times do not look like that.
pub fn closed(times: &[Micros]) -> Option<Closed> {
    let mut bucket = BURST;
    let mut before = *times.first()?;
    let mut dry: Option<(Micros, Micros, u32)> = None;
    for &time in times {
        bucket = (bucket + (time.0 - before.0).max(0) as f64 / REFILL).min(BURST);
        before = time;
        dry = match dry {
            Some((from, _, drips)) if DRIP.contains(&bucket) => Some((from, time, drips + 1)),
            // Time enough has passed for more: the source had been silent.
            Some(known @ (.., DRIPS..)) if bucket > *DRIP.end() => return Some(found(known)),
            Some(_) if bucket > *DRIP.end() => None,
            other => other,
        };
        bucket -= 1.0;
        if bucket < -OVERDRAFT {
            if let Some(known @ (.., DRIPS..)) = dry {
                return Some(found(known));
            }
            (bucket, dry) = (BURST - 1.0, None);
        } else if bucket < 1.0 && dry.is_none() {
            dry = Some((time, time, 0));
        }
    }
    dry.filter(|(.., drips)| *drips >= DRIPS).map(found)
}

fn found((from, until, _): (Micros, Micros, u32)) -> Closed {
    Closed { from, until }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn times(parts: &[(i64, i64, i64)]) -> Vec<Micros> {
        let mut at = 1_795_444_800;
        let mut all = Vec::new();
        for &(pause, count, step) in parts {
            at += pause;
            for _ in 0..count {
                all.push(Micros(at * 1_000_000));
                at += step;
            }
        }
        all
    }

    #[test]
    fn the_signature_is_a_burst_and_then_the_pace_of_refilling() {
        let hour = 3600;
        for (name, parts, expected) in [
            ("a burst, then one per 5 minutes", vec![(0, 25, 1), (276, 5, 300)], Some((24, 1501))),
            ("a slower burst, then the pace", vec![(0, 26, 10), (290, 4, 301)], Some((240, 1453))),
            ("a burst alone", vec![(0, 25, 1)], None),
            ("a burst, then one", vec![(0, 25, 1), (276, 1, 0)], None),
            ("a burst of 20, then the pace", vec![(0, 20, 1), (280, 6, 300)], None),
            ("one per 5 minutes", vec![(0, 100, 300)], None),
            ("no limit", vec![(0, 2000, 1)], None),
            ("no limit, slowly", vec![(0, 500, 20)], None),
            ("a burst, silence, a burst", vec![(0, 25, 1), (3 * hour, 25, 1)], None),
            ("nothing", vec![], None),
            ("the signature after a restart", vec![(0, 40, 1), (300, 4, 300)], None),
            (
                "the signature, then silence, then more",
                vec![(0, 25, 1), (276, 3, 300), (5 * hour, 3, 1)],
                Some((24, 901)),
            ),
        ] {
            let found = closed(&times(&parts)).map(|closed| {
                let second = |time: Micros| time.0 / 1_000_000 - 1_795_444_800;
                (second(closed.from), second(closed.until))
            });
            assert_eq!(found, expected, "{name}");
        }
    }
}
