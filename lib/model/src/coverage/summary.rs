//! A range's coverage in a few figures: how much of each state, why, the longest stretch without proof, and a strip of
//! bins for a time axis.

use std::{collections::BTreeMap, ops::Range};

use beidou_schemas::Micros;

use super::{Part, PartState, length};

/// Time that is not complete for one reason.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Because {
    /// What is known of it.
    pub state: PartState,
    /// Why.
    pub reason: String,
    /// Microseconds in all.
    pub micros: i64,
    /// In so many parts.
    pub parts: usize,
}

/// The figures of a range.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Summary {
    /// Microseconds of the range.
    pub total: i64,
    /// Microseconds that are complete.
    pub complete: i64,
    /// What is not, by state and reason, the most first.
    pub because: Vec<Because>,
    /// The longest stretch in which anything may be missing: neighbouring parts together.
    pub longest: Option<Range<Micros>>,
    /// For each bin the worst that is known of any of its moments, unknown being the worst; `None` where all is complete.
    pub strip: Vec<Option<PartState>>,
}

impl Summary {
    /// Microseconds in one state.
    pub fn micros(&self, state: PartState) -> i64 {
        self.because.iter().filter(|because| because.state == state).map(|because| because.micros).sum()
    }
}

/// Summarises the parts that [`super::merge`] found of a range: sorted, disjoint, inside of it. O(parts + bins).
pub fn summarise(parts: &[Part], range: Range<Micros>, bins: usize) -> Summary {
    let total = length(&range);
    let mut because = BTreeMap::<(PartState, &str), (i64, usize)>::new();
    let mut longest: Option<Range<Micros>> = None;
    let mut stretch: Option<Range<Micros>> = None;
    for part in parts {
        let (micros, count) = because.entry((part.state, &part.reason)).or_default();
        (*micros, *count) = (*micros + length(&(part.from..part.until)), *count + 1);
        let joined = match stretch.take() {
            Some(before) if before.end == part.from => before.start..part.until,
            Some(_) | None => part.from..part.until,
        };
        if longest.as_ref().is_none_or(|longest| length(&joined) > length(longest)) {
            longest = Some(joined.clone());
        }
        stretch = Some(joined);
    }
    let missing: i64 = because.values().map(|(micros, _)| micros).sum();
    let told = |((state, reason), (micros, parts)): ((PartState, &str), (i64, usize))| Because {
        state,
        reason: reason.into(),
        micros,
        parts,
    };
    let mut because: Vec<_> = because.into_iter().map(told).collect();
    because.sort_by_key(|because| std::cmp::Reverse(because.micros));
    Summary { total, complete: total - missing, because, longest, strip: strip(parts, &range, bins) }
}

/// The states of the bins. A bin begins where the one before ends, to the microsecond.
fn strip(parts: &[Part], range: &Range<Micros>, bins: usize) -> Vec<Option<PartState>> {
    let mut strip = vec![None; bins];
    let (total, bins) = (i128::from(length(range)), bins as i128);
    if total == 0 || bins == 0 {
        return strip;
    }
    for part in parts {
        let place = |at: i64| i128::from(at - range.start.0) * bins / total;
        let (first, last) = (place(part.from.0).max(0), place(part.until.0 - 1).min(bins - 1));
        for bin in first..=last {
            strip[bin as usize] = strip[bin as usize].max(Some(part.state));
        }
    }
    strip
}

/// `part` of `whole` in per cent, exact arithmetic, cut off and never rounded up: 100 only where nothing is missing, and
/// as many digits (two at least, nine at most) as it takes to tell it from 100.
pub fn percent(part: i64, whole: i64) -> String {
    if whole <= 0 || part >= whole {
        return "100".into();
    }
    let (part, whole) = (i128::from(part.max(0)), i128::from(whole));
    let mut digits = 2;
    loop {
        let scale = 10_i128.pow(digits);
        let cut = part * 100 * scale / whole;
        if cut % 10 != 9 || digits == 9 {
            return format!("{}.{:0width$}", cut / scale, cut % scale, width = digits as usize);
        }
        digits += 1;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn part(state: PartState, reason: &str, from: i64, until: i64) -> Part {
        Part { state, reason: reason.into(), from: Micros(from), until: Micros(until) }
    }

    #[test]
    fn per_cent_never_rounds_up_to_all() {
        for (part, whole, text) in [
            (0, 10, "0.00"),
            (1, 3, "33.33"),
            (1, 2, "50.00"),
            (9_998, 10_000, "99.98"),
            (9_999, 10_000, "99.990"),
            (86_399_999_999, 86_400_000_000, "99.999999998"),
            (i64::MAX - 1, i64::MAX, "99.999999999"),
            (10, 10, "100"),
            (0, 0, "100"),
        ] {
            assert_eq!(percent(part, whole), text, "{part} of {whole}");
        }
    }

    #[test]
    fn a_range_is_summarised() {
        use PartState::{Degraded, Gap, Unknown};
        let parts = [
            part(Degraded, "expired", 10, 20),
            part(Gap, "restored", 20, 25),
            part(Degraded, "expired", 40, 52),
            part(Unknown, "not_yet_proven", 95, 100),
        ];
        let summary = summarise(&parts, Micros(0)..Micros(100), 10);
        assert_eq!((summary.total, summary.complete), (100, 68));
        assert_eq!(summary.longest, Some(Micros(10)..Micros(25)), "neighbours are one stretch");
        assert_eq!([Degraded, Gap, Unknown].map(|state| summary.micros(state)), [22, 5, 5]);
        let first = &summary.because[0];
        assert_eq!((first.state, first.reason.as_str(), first.micros, first.parts), (Degraded, "expired", 22, 2));
        let (d, g, u) = (Some(Degraded), Some(Gap), Some(Unknown));
        assert_eq!(summary.strip, [None, d, g, None, d, d, None, None, None, u]);
        assert_eq!(summarise(&[], Micros(5)..Micros(5), 3).strip, [None; 3]);
    }

    proptest! {
        #[test]
        fn a_bin_is_complete_only_where_all_its_moments_are(
            cuts in prop::collection::btree_set(0i64..200, 2..12),
            bins in 1usize..50,
        ) {
            let cuts: Vec<_> = cuts.into_iter().collect();
            let pairs = cuts.chunks_exact(2);
            let parts: Vec<_> = pairs.map(|pair| part(PartState::Gap, "x", pair[0], pair[1])).collect();
            let summary = summarise(&parts, Micros(0)..Micros(200), bins);
            for (bin, known) in summary.strip.iter().enumerate() {
                let moments = (0..200).filter(|at| at * bins as i64 / 200 == bin as i64);
                let gap = moments.clone().any(|at| parts.iter().any(|p| (p.from.0..p.until.0).contains(&at)));
                prop_assert_eq!(known.is_some(), gap, "bin {} of {:?}", bin, parts);
            }
            let missing: i64 = parts.iter().map(|p| p.until.0 - p.from.0).sum();
            prop_assert_eq!(summary.complete, 200 - missing);
        }

        #[test]
        fn per_cent_is_not_more_than_the_truth(part in 0i64..1_000_000, more in 1i64..1_000_000) {
            let text = percent(part, part + more);
            let truth = part as f64 / (part + more) as f64 * 100.0;
            let told: f64 = text.parse().unwrap();
            prop_assert!(told <= truth + 1e-9 && told < 100.0 && truth - told < 0.01 + 1e-9, "{} for {}", text, truth);
        }
    }
}
