//! How much time the window holds: the measure that tells whether it is long enough.
//!
//! A list repeats every Event that still lives. The window recognises all of them while it spans at least the time for
//! which Events live.

use std::collections::VecDeque;

use beidou_schemas::{Micros, Offset};

/// Marks over the whole window: the span is at most this fraction of it too short.
const MARKS: u64 = 256;

/// When the records of a window were observed, by some marks in it.
#[derive(Debug)]
pub struct WindowSpan {
    window: u64,
    /// Some records of the window, oldest first.
    marks: VecDeque<(Offset, Micros)>,
    /// When the last of all was observed.
    latest: Micros,
    /// Records have left the window.
    is_full: bool,
}

impl WindowSpan {
    /// The span of an empty window over the last `window` offsets.
    pub fn new(window: u32) -> Self {
        Self { window: window.into(), marks: VecDeque::new(), latest: Micros(i64::MIN), is_full: false }
    }

    /// Notes when the record at `offset` was observed. Offsets must grow from call to call.
    pub fn note(&mut self, offset: Offset, observed: Micros) {
        self.latest = self.latest.max(observed);
        while self.marks.front().is_some_and(|(oldest, _)| offset - oldest > self.window) {
            self.marks.pop_front();
            self.is_full = true;
        }
        let step = (self.window / MARKS).max(1);
        if self.marks.back().is_none_or(|(newest, _)| offset - newest >= step) {
            self.marks.push_back((offset, observed));
        }
    }

    /// Microseconds between the oldest record of the window and the latest; `None` while nothing has left it, for then it
    /// holds all that there was.
    pub fn micros(&self) -> Option<i64> {
        let (_, oldest) = self.marks.front().filter(|_| self.is_full)?;
        Some(self.latest.0.saturating_sub(oldest.0).max(0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    type Records = &'static [(Offset, i64)];

    fn span(window: u32, records: impl IntoIterator<Item = (Offset, i64)>) -> (Option<i64>, usize) {
        let mut span = WindowSpan::new(window);
        records.into_iter().for_each(|(offset, observed)| span.note(offset, Micros(observed)));
        (span.micros(), span.marks.len())
    }

    #[test]
    fn a_full_window_tells_the_time_between_its_ends() {
        let cases: [(Records, Option<i64>); 6] = [
            (&[], None),
            (&[(0, 100)], None),
            (&[(0, 100), (10, 500)], None),
            (&[(0, 100), (1, 200), (11, 500)], Some(300)),
            (&[(0, 100), (5, 600), (11, 500)], Some(0)),
            (&[(0, 100), (99, 500)], Some(0)),
        ];
        for (records, expected) in cases {
            assert_eq!(span(10, records.iter().copied()).0, expected, "{records:?}");
        }
    }

    #[test]
    fn it_is_exact_up_to_a_mark_and_small() {
        let window = 100_000;
        let (micros, marks) = span(window, (0..450_000).map(|offset| (offset, offset as i64)));
        let (micros, exact) = (micros.unwrap(), i64::from(window));
        assert!((exact - exact / MARKS as i64..=exact).contains(&micros), "{micros}");
        assert!(marks as u64 <= MARKS + 1, "{marks}");
    }
}
