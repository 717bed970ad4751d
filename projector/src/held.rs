//! How much of the log is held back behind the watermark, for the index of seen states to be rebuilt from.
//!
//! ```text
//!  log   ├────────────┤ released ├───── held: at most the window, at most so many bytes ─────┤ watermark
//! ```
//!
//! The window alone would not do: where records are large and the log's disk cap is small, it would be more than the cap
//! allows, and the log could never take another record. Held by bytes the window is shorter there after a restart.
//!
//! It is the tables' watermark that it is held behind. An archive that is away for long falls behind that by more than is held,
//! and nothing is held before it then: the records that it lacks stay, those that tell which of them were seen before do
//! not. To hold those as well would fill the log twice as fast while the archive is away. What they would tell the table knows:
//! see `archive::follow`.

use std::{collections::VecDeque, ops::Range};

use beidou_log::StoredRecord;
use beidou_schemas::Offset;

/// Stretches are joined up to such a part of the window and of the bytes, so that of either there are at most twice as many.
const PARTS: u64 = 256;

/// What is held back.
#[derive(Debug)]
pub struct Held {
    window: u64,
    most_bytes: u64,
    /// Stretches that are held, oldest first, with the bytes of their records.
    stretches: VecDeque<(Range<Offset>, u64)>,
    bytes: u64,
    /// Everything below was too much.
    floor: Offset,
}

impl Held {
    /// Nothing is held; at most so many offsets and so many bytes of records will be.
    pub fn new(window: u64, most_bytes: u64) -> Self {
        Self { window, most_bytes, stretches: VecDeque::new(), bytes: 0, floor: 0 }
    }

    /// Holds the records of a range that follows on the ones before. One by one: a start reads megabytes at once, and held as one
    /// stretch they would all go with the next record.
    pub fn hold(&mut self, range: Range<Offset>, records: &[StoredRecord]) {
        let mut from = range.start;
        for StoredRecord { offset, record } in records {
            self.hold_stretch(from..offset + 1, record.size() as u64);
            from = offset + 1;
        }
        if from < range.end {
            self.hold_stretch(from..range.end, 0);
        }
    }

    fn hold_stretch(&mut self, stretch: Range<Offset>, bytes: u64) {
        let outside = stretch.end.saturating_sub(self.window);
        self.bytes = self.bytes.saturating_add(bytes);
        match self.stretches.back_mut() {
            // Cuts of a trickle are small: kept one by one they would be as many as the window.
            Some((last, more))
                if stretch.end.saturating_sub(last.start) <= self.window / PARTS
                    && more.saturating_add(bytes) <= self.most_bytes / PARTS =>
            {
                last.end = stretch.end;
                *more += bytes;
            }
            Some(_) | None => self.stretches.push_back((stretch, bytes)),
        }
        while let Some((oldest, bytes)) = self.stretches.front()
            && (oldest.end <= outside || self.bytes > self.most_bytes)
        {
            self.floor = oldest.end;
            self.bytes = self.bytes.saturating_sub(*bytes);
            self.stretches.pop_front();
        }
    }

    /// What may be released when everything below `watermark` is in the tables: everything below this.
    pub fn release(&self, watermark: Offset) -> Offset {
        watermark.saturating_sub(self.window).max(self.floor).min(watermark)
    }
}

#[cfg(test)]
mod tests {
    use beidou_schemas::Record;

    use super::*;

    #[test]
    fn held_are_the_window_and_no_more_than_the_bytes() {
        let table = [
            // window, most bytes, stretches (end, bytes), released
            (100, 1000, vec![(40, 10)], 0),
            (100, 1000, vec![(40, 10), (150, 10)], 50),
            (0, 1000, vec![(40, 10), (150, 10)], 150),
            (100, 1000, vec![(40, 400), (60, 400), (80, 400)], 40),
            (100, 1000, vec![(40, 400), (60, 5000)], 60),
            (100, 1000, vec![(40, 400), (60, 5000), (70, 900)], 60),
            (30, 1000, vec![(40, 900), (60, 900), (80, 900)], 60),
        ];
        for (window, most_bytes, stretches, released) in table {
            let mut held = Held::new(window, most_bytes);
            let mut from = 0;
            for &(end, bytes) in &stretches {
                held.hold_stretch(from..end, bytes);
                from = end;
            }
            assert_eq!(held.release(from), released, "{window} {most_bytes} {stretches:?}");
        }
        let mut trickle = Held::new(1000, u64::MAX);
        (0..5000).for_each(|offset| trickle.hold_stretch(offset..offset + 1, 1));
        assert!(trickle.stretches.len() <= 4 * PARTS as usize, "{}", trickle.stretches.len());
        assert_eq!((trickle.release(5000), trickle.bytes / 100), (4000, 10));
        assert_eq!(Held::new(100, 1000).release(250), 150, "before anything was read: by the window alone");
    }

    #[test]
    fn of_what_is_read_at_once_no_more_goes_than_is_too_much() {
        let record = Record { value: vec![0; 100].into(), ..Record::default() };
        let size = record.size() as u64;
        let records: Vec<_> = (0..50).map(|n| StoredRecord { offset: 2 * n, record: record.clone() }).collect();
        let mut held = Held::new(1000, 20 * size);
        held.hold(0..110, &records);
        assert_eq!((held.release(110), held.bytes), (59, 20 * size));
    }
}
