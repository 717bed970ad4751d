//! Bins with round borders over a range, and how completely each is known.

use beidou_model::coverage::{Part, PartState};
use beidou_schemas::{Micros, time::SECOND};
use beidou_store::query::histogram::Bins;

use utoipa::IntoParams;

use crate::{
    ask::{Params, Range},
    problem::Problem,
};

/// A console is two thousand pixels wide: a bin of eight can still be pointed at.
const MOST: u64 = 240;
const USUAL: u64 = 60;

const MINUTE: i64 = 60;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;
/// Widths in seconds. Each begins at a multiple of itself since 1970, UTC. The last one holds every time that a column can.
const WIDTHS: [i64; 20] = [
    1,
    5,
    10,
    30,
    MINUTE,
    5 * MINUTE,
    10 * MINUTE,
    30 * MINUTE,
    HOUR,
    3 * HOUR,
    6 * HOUR,
    12 * HOUR,
    DAY,
    7 * DAY,
    30 * DAY,
    90 * DAY,
    365 * DAY,
    3_650 * DAY,
    36_500 * DAY,
    365_000 * DAY,
];

/// `bins`.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "names and describes the parameter; `ask` reads it")]
pub(crate) struct BinsParam {
    /// At most so many bins. Their width is the narrowest of 1, 5, 10, 30 seconds or minutes, 1, 3, 6, 12 hours, 1, 7, 30,
    /// 90, 365 days that is wide enough; `1` gives one bin for the whole range.
    #[param(minimum = 1, maximum = 240, default = 60)]
    bins: Option<u32>,
}

/// How many bins are wanted at most.
pub(crate) fn most(params: &Params) -> Result<u64, Problem> {
    params.number("bins", 1..=MOST, USUAL)
}

/// The narrowest bins of which `most` cover the range. Where even the widest do not, as with `most` = 1 and a range over
/// one of their borders, the range itself is the bin.
pub(crate) fn bins(range: Range, most: u64) -> Bins {
    let covering = |seconds: i64| {
        let width = seconds * SECOND;
        let begin = range.from.0.div_euclid(width) * width;
        let count = (range.until.0 - begin + width - 1).div_euclid(width);
        Bins { begin: Micros(begin), width, count: count.unsigned_abs() }
    };
    let whole = Bins { begin: range.from, width: range.until.0 - range.from.0, count: 1 };
    WIDTHS.into_iter().map(covering).find(|bins| bins.count <= most).unwrap_or(whole)
}

/// What is known of a bin.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct BinKnown {
    /// The worst that holds for a part of it; `None` where all of it is complete.
    pub worst: Option<PartState>,
    /// Of how many clusters a part of it is not complete.
    pub clusters: u64,
}

/// What is known of each bin, from the parts that are not complete, cluster by cluster, in order of time.
pub(crate) fn known(bins: Bins, clusters: impl IntoIterator<Item = Vec<Part>>) -> Vec<BinKnown> {
    let mut known = vec![BinKnown::default(); bins.count as usize];
    for parts in clusters {
        let mut counted = None;
        for part in parts.iter().filter(|part| part.from < part.until) {
            for place in places(bins, part) {
                let Some(bin) = known.get_mut(place) else { continue };
                bin.worst = bin.worst.max(Some(part.state));
                // Parts come in order: a bin that was counted for this cluster is the last one or none.
                if counted.is_none_or(|counted| counted < place) {
                    bin.clusters += 1;
                    counted = Some(place);
                }
            }
        }
    }
    known
}

/// The bins that a part touches.
fn places(bins: Bins, part: &Part) -> std::ops::RangeInclusive<usize> {
    let last = bins.count.saturating_sub(1) as i64;
    let place = |at: i64| (at - bins.begin.0).div_euclid(bins.width).clamp(0, last) as usize;
    place(part.from.0)..=place(part.until.0 - 1)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn range(from: i64, until: i64) -> Range {
        Range { from: Micros(from), until: Micros(until) }
    }

    #[test]
    fn borders_are_round() {
        // 2026-11-23T14:40:00Z.
        let at = 1_795_444_800 * SECOND;
        for (seconds, most, width, count) in [
            (60, 60, 1, 60),
            (61, 60, 5, 13),
            (3600, 60, MINUTE, 60),
            (3600, 100, MINUTE, 60),
            (3600, 20, 5 * MINUTE, 12),
            (86_400, 60, 30 * MINUTE, 49),
            (86_400, 24, 3 * HOUR, 9),
            (90 * 86_400, 240, 12 * HOUR, 181),
            (90 * 86_400, 60, 7 * DAY, 14),
        ] {
            let bins = bins(range(at, at + seconds * SECOND), most);
            assert_eq!((bins.width / SECOND, bins.count), (width, count), "{seconds} s in {most}");
        }
        let one = bins(range(at + 1, at + 7), 1);
        assert_eq!((one.width, one.begin.0, one.count), (SECOND, at, 1));
        let over_a_border = bins(range(-5, 5), 1);
        assert_eq!((over_a_border.width, over_a_border.count), (10, 1));
    }

    proptest! {
        #[test]
        fn bins_cover_the_range_and_are_not_too_many(from in 0i64..10_413_792_000_000_000, length in 1i64..10_413_792_000_000_000, most in 1u64..=240) {
            let range = range(from, from + length);
            let bins = bins(range, most);
            let end = bins.begin.0 + bins.width * bins.count as i64;
            prop_assert!(bins.count <= most);
            prop_assert!(bins.begin <= range.from && range.from.0 < bins.begin.0 + bins.width);
            prop_assert!(end - bins.width < range.until.0 && range.until.0 <= end);
        }

        #[test]
        fn a_bin_is_known_as_its_worst_moment(cuts in prop::collection::btree_set(0i64..1000, 0..12), states in prop::collection::vec(0u8..4, 12)) {
            let bins = Bins { begin: Micros(-50), width: 100, count: 12 };
            let state = |n: u8| [None, Some(PartState::Degraded), Some(PartState::Gap), Some(PartState::Unknown)][n as usize];
            let cuts: Vec<i64> = cuts.into_iter().collect();
            let pieces = cuts.windows(2).zip(states).filter_map(|(cut, n)| state(n).map(|state| (cut[0], cut[1], state)));
            let parts: Vec<Part> = pieces.map(|(from, until, state)| Part { state, reason: String::new(), from: Micros(from), until: Micros(until) }).collect();
            let told = known(bins, [parts.clone(), Vec::new(), parts.clone()]);
            for (place, told) in told.iter().enumerate() {
                let (begin, end) = (place as i64 * 100 - 50, place as i64 * 100 + 50);
                let moments = (begin..end).map(Micros);
                let at = |at: Micros| parts.iter().find(|part| part.from <= at && at < part.until).map(|part| part.state);
                let worst = moments.map(at).max().flatten();
                prop_assert_eq!(*told, BinKnown { worst, clusters: if worst.is_some() { 2 } else { 0 } });
            }
        }
    }
}
