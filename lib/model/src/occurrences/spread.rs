//! Batches of occurrences in bins: an estimate, and bounds that hold however they were spread.

use std::ops::Range;

use beidou_schemas::Micros;

use super::Batch;

/// What is known of a bin.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Bin {
    /// Spread evenly between the moments that are known.
    pub estimate: f64,
    /// At least so many.
    pub least: u64,
    /// At most so many.
    pub most: u64,
}

/// Bins of one width over a range; of the first and the last bin only what lies in the range counts.
#[derive(Debug, Clone, PartialEq)]
pub struct Series {
    begin: i64,
    width: i64,
    range: Range<i64>,
    bins: Vec<Bin>,
}

impl Series {
    /// Empty bins, the first of which begins at `begin`; `width` in microseconds, at least 1. All of `range` lies in them.
    pub fn new(begin: Micros, width: i64, count: usize, range: Range<Micros>) -> Self {
        let (width, range) = (width.max(1), range.start.0.max(begin.0)..range.end.0);
        let end = begin.0 + width * count as i64;
        Self { begin: begin.0, width, range: range.start..range.end.min(end), bins: vec![Bin::default(); count] }
    }

    /// The bins.
    pub fn bins(&self) -> &[Bin] {
        &self.bins
    }

    /// Occurrences at moments that are known, by the bin's place. A place that does not exist is left out.
    pub fn add_known(&mut self, place: usize, occurrences: u64) {
        if let Some(bin) = self.bins.get_mut(place) {
            bin.estimate += occurrences as f64;
            bin.least += occurrences;
            bin.most += occurrences;
        }
    }

    /// A batch; what lies outside of the range is left out. O(bins that it touches).
    pub fn add(&mut self, batch: &Batch) {
        for known in [batch.first, Some(batch.last)].into_iter().flatten() {
            self.add_at(known, 1);
        }
        let (from, until) = (batch.after.0, batch.last.0);
        if from >= until {
            return self.add_at(batch.last, u64::from(batch.between));
        }
        let (first, last) = (from.max(self.range.start), until.min(self.range.end));
        if batch.between == 0 || first >= last {
            return;
        }
        let rate = f64::from(batch.between) / (until - from) as f64;
        for place in self.place(first)..=self.place(last - 1) {
            let begin = self.begin + self.width * place;
            let inside = (begin + self.width).min(last) - begin.max(first);
            let bin = &mut self.bins[place as usize];
            bin.estimate += rate * inside as f64;
            // All of them, or none: whether a bin holds the whole stretch decides.
            if begin.max(self.range.start) <= from && until < (begin + self.width).min(self.range.end) {
                bin.least += u64::from(batch.between);
            }
            bin.most += u64::from(batch.between);
        }
    }

    fn add_at(&mut self, time: Micros, occurrences: u64) {
        if self.range.contains(&time.0) {
            self.add_known(self.place(time.0) as usize, occurrences);
        }
    }

    fn place(&self, at: i64) -> i64 {
        (at - self.begin).div_euclid(self.width)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn batch(first: Option<i64>, after: i64, last: i64, between: u32) -> Batch {
        Batch { first: first.map(Micros), last: Micros(last), after: Micros(after), between }
    }

    fn told(range: Range<Micros>, batches: &[Batch]) -> Vec<(f64, u64, u64)> {
        let mut series = Series::new(Micros(100), 10, 4, range);
        batches.iter().for_each(|batch| series.add(batch));
        series.bins().iter().map(|bin| (bin.estimate, bin.least, bin.most)).collect()
    }

    #[test]
    fn batches_are_spread_with_bounds() {
        let zero = (0.0, 0, 0);
        for (name, batches, expected) in [
            ("one moment", vec![batch(None, 115, 115, 0)], [zero, (1.0, 1, 1), zero, zero]),
            ("a clock that went back", vec![batch(None, 115, 115, 4)], [zero, (5.0, 5, 5), zero, zero]),
            ("inside one bin", vec![batch(Some(111), 111, 119, 4)], [zero, (6.0, 6, 6), zero, zero]),
            ("over three", vec![batch(None, 105, 125, 4)], [(1.0, 0, 4), (2.0, 0, 4), (2.0, 1, 5), zero]),
            ("from before", vec![batch(None, 80, 120, 8)], [(2.0, 0, 8), (2.0, 0, 8), (1.0, 1, 1), zero]),
            ("until after", vec![batch(None, 120, 160, 8)], [zero, zero, (2.0, 0, 8), (2.0, 0, 8)]),
            ("all around", vec![batch(Some(0), 0, 200, 20)], [(1.0, 0, 20); 4]),
            ("elsewhere", vec![batch(Some(0), 0, 50, 20), batch(None, 140, 150, 3)], [zero; 4]),
        ] {
            assert_eq!(told(Micros(0)..Micros(500), &batches), expected, "{name}");
        }
    }

    #[test]
    fn of_a_bin_that_the_range_cuts_only_the_part_inside_counts() {
        let zero = (0.0, 0, 0);
        for (name, batches, expected) in [
            ("before, in the same bin", vec![batch(Some(101), 101, 104, 2)], [zero; 4]),
            ("across the begin", vec![batch(Some(101), 101, 109, 8)], [(5.0, 1, 9), zero, zero, zero]),
            ("across the end", vec![batch(Some(131), 131, 139, 8)], [zero, zero, zero, (5.0, 1, 9)]),
            ("all around", vec![batch(None, 100, 140, 40)], [(5.0, 0, 40), (10.0, 0, 40), (10.0, 0, 40), (5.0, 0, 40)]),
        ] {
            assert_eq!(told(Micros(105)..Micros(135), &batches), expected, "{name}");
        }
    }

    proptest! {
        #[test]
        fn nothing_is_added_and_nothing_lost(
            batches in prop::collection::vec((0i64..400, 0i64..400, 0u32..50, any::<bool>()), 0..20),
            width in 1i64..60,
        ) {
            let batches: Vec<_> = batches
                .into_iter()
                .map(|(after, length, between, first)| batch(first.then_some(after), after, after + length, between))
                .collect();
            let mut series = Series::new(Micros(0), width, (801 / width + 1) as usize, Micros(0)..Micros(801));
            batches.iter().for_each(|batch| series.add(batch));
            let all: u64 = batches.iter().map(|b| u64::from(b.between) + 1 + u64::from(b.first.is_some())).sum();
            let estimate: f64 = series.bins().iter().map(|bin| bin.estimate).sum();
            prop_assert!((estimate - all as f64).abs() < 1e-6 * (all as f64 + 1.0), "{} of {}", estimate, all);
            for bin in series.bins() {
                let fits = bin.least as f64 <= bin.estimate + 1e-6 && bin.estimate <= bin.most as f64 + 1e-6;
                prop_assert!(fits, "{:?}", bin);
            }
        }
    }
}
