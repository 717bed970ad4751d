//! Sets of time: half-open spans `(from, until)` in microseconds.

/// How much of one span lies in the other.
pub(super) fn overlap(one: (i64, i64), other: (i64, i64)) -> i64 {
    (one.1.min(other.1) - one.0.max(other.0)).max(0)
}

/// What of `range` no span covers, in order.
pub(super) fn holes(spans: impl Iterator<Item = (i64, i64)>, range: (i64, i64)) -> Vec<(i64, i64)> {
    let mut spans: Vec<_> = spans.filter(|span| overlap(*span, range) > 0).collect();
    spans.sort_unstable();
    let (mut at, mut holes) = (range.0, Vec::new());
    for (from, until) in spans {
        if from > at {
            holes.push((at, from));
        }
        at = at.max(until);
    }
    if at < range.1 {
        holes.push((at, range.1));
    }
    holes
}

/// Whether `reported` touches nothing of what was made, or exceeds it by more than the tolerance, both ends together.
pub(super) fn exceeds(reported: (i64, i64), made: Vec<(i64, i64)>, tolerance_us: i64) -> bool {
    let outside: i64 = holes(made.into_iter(), reported).iter().map(|(from, until)| until - from).sum();
    outside > tolerance_us || outside == reported.1 - reported.0
}

#[cfg(test)]
mod tests {
    use super::*;

    type Spans = &'static [(i64, i64)];

    #[test]
    fn holes_are_what_no_span_covers() {
        let cases: [(Spans, Spans); 6] = [
            (&[], &[(0, 10)]),
            (&[(0, 10)], &[]),
            (&[(5, 20), (-3, 5)], &[]),
            (&[(2, 4), (6, 8)], &[(0, 2), (4, 6), (8, 10)]),
            (&[(1, 9), (2, 3)], &[(0, 1), (9, 10)]),
            (&[(10, 20), (-5, 0)], &[(0, 10)]),
        ];
        for (spans, expected) in cases {
            assert_eq!(holes(spans.iter().copied(), (0, 10)), expected, "{spans:?}");
        }
    }

    #[test]
    fn excess_is_measured_over_both_ends() {
        assert!(!exceeds((0, 10), vec![(1, 9)], 2));
        assert!(exceeds((0, 10), vec![(1, 9)], 1));
        assert!(exceeds((0, 10), vec![], 100), "nothing was made");
        assert!(exceeds((0, 10), vec![(10, 20)], 100), "it only touches");
        assert!(!exceeds((0, 10), vec![(-5, 4), (4, 30)], 0));
    }
}
