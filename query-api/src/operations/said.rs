//! What runners told: where it stands in the log, and how it is read in order without holes.
//!
//! An event has a number within its attempt. Two writers may have written the same numbers: of two records that begin with
//! the same event, the one of the higher epoch counts. A runner that got no answer says more at its next try: of one epoch,
//! the longer one counts.

use std::{collections::BTreeMap, time::Duration};

use beidou_log::ReadLimit;
use beidou_schemas::{
    Offset,
    operation::{OperationId, SAID, said::Said},
    runner::{AttemptId, TaskEvent},
};

use super::{Operations, locked, reader::Reader};
use crate::problem::{Kind, Problem};

/// Places that are remembered over all operations, some 40 MB. Those of the operation that was told of least recently go
/// first; they are found again by a scan.
const MOST_PLACES: usize = 1_000_000;
/// One read of the log.
const READ: ReadLimit = ReadLimit { max_bytes: 2 << 20, max_wait: Duration::ZERO };
/// What one answer may read: more takes another page.
const MOST_BYTES: usize = 32 << 20;
/// What a scan for forgotten places may read.
const MOST_SCAN_BYTES: usize = 512 << 20;

/// A record that was told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Piece {
    /// The first and the last event in it.
    pub first: u64,
    pub last: u64,
    epoch: u64,
    pub offset: Offset,
}

/// The attempts of an operation in the order in which they were first heard, each with its records in order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Told {
    order: Vec<AttemptId>,
    pieces: BTreeMap<AttemptId, BTreeMap<u64, Piece>>,
    count: usize,
}

/// An operation's part of the topic.
#[derive(Debug)]
struct Span {
    first: Offset,
    last: Offset,
    /// `None`: forgotten, a scan finds them.
    told: Option<Told>,
}

/// All operations.
#[derive(Debug, Default)]
pub(super) struct SaidIndex {
    spans: BTreeMap<OperationId, Span>,
    count: usize,
}

/// Where a reader of an operation's events stands: the attempt by its place, and the next event of it.
pub(crate) type SaidAt = (usize, u64);

/// What one reading brought.
#[derive(Debug, Default)]
pub(crate) struct SaidPage {
    /// Records without their events, and one event each.
    pub events: Vec<(Said, TaskEvent)>,
    /// Where it goes on; `None` behind the last event.
    pub next: Option<SaidAt>,
    /// Where the reading stands at the end, for whoever waits for more.
    pub at: SaidAt,
    /// Numbers that are missing within an attempt: from, to.
    pub holes: Vec<(AttemptId, u64, u64)>,
}

impl Told {
    fn take(&mut self, offset: Offset, said: &Said) {
        let (Some(first), Some(last)) = (said.events.first(), said.events.last()) else { return };
        let piece = Piece { first: first.seq, last: last.seq, epoch: said.epoch, offset };
        if !self.pieces.contains_key(&said.attempt) {
            self.order.push(said.attempt.clone());
        }
        let of_attempt = self.pieces.entry(said.attempt.clone()).or_default();
        match of_attempt.get(&piece.first) {
            Some(known) if (known.epoch, known.last) >= (piece.epoch, piece.last) => {}
            Some(_) => drop(of_attempt.insert(piece.first, piece)),
            None => {
                of_attempt.insert(piece.first, piece);
                self.count += 1;
            }
        }
    }

    /// The place of an attempt.
    pub(crate) fn place(&self, attempt: &AttemptId) -> Option<usize> {
        self.order.iter().position(|known| known == attempt)
    }

    /// Where the last so many events begin: of one attempt, or of all.
    pub(crate) fn tail(&self, only: Option<&AttemptId>, count: u64) -> SaidAt {
        let mut rest = count;
        for (place, attempt) in self.order.iter().enumerate().rev() {
            if only.is_some_and(|only| only != attempt) {
                continue;
            }
            for piece in self.pieces.get(attempt).into_iter().flat_map(BTreeMap::values).rev() {
                let own = piece.last - piece.first + 1;
                if own >= rest {
                    return (place, piece.last + 1 - rest);
                }
                rest -= own;
            }
        }
        (0, 1)
    }

    /// Offsets of all records that count, in the order of the log.
    pub(crate) fn offsets(&self) -> Vec<Offset> {
        let mut all: Vec<Offset> = self.pieces.values().flat_map(|of| of.values()).map(|piece| piece.offset).collect();
        all.sort_unstable();
        all
    }
}

impl SaidIndex {
    pub(super) fn take(&mut self, offset: Offset, said: &Said) {
        let span = self.spans.entry(said.operation).or_insert_with(|| Span {
            first: offset,
            last: offset,
            told: Some(Told::default()),
        });
        span.last = offset;
        if let Some(told) = &mut span.told {
            let before = told.count;
            told.take(offset, said);
            self.count += told.count - before;
        }
        self.forget(said.operation, MOST_PLACES);
    }

    /// Forgets places until no more than so many are left; those of one operation stay.
    pub(super) fn forget(&mut self, but: OperationId, most: usize) {
        while self.count > most {
            let remembered = self.spans.iter_mut().filter(|(id, span)| **id != but && span.told.is_some());
            let Some((_, oldest)) = remembered.min_by_key(|(_, span)| span.last) else { return };
            self.count -= oldest.told.take().map_or(0, |told| told.count);
        }
    }
}

impl Operations {
    /// Where the events of an operation stand.
    pub(crate) async fn told(&self, id: OperationId) -> Result<Told, Problem> {
        self.caught_up(SAID).await?;
        let (first, last) = match locked(&self.said).spans.get(&id) {
            None => return Ok(Told::default()),
            Some(Span { told: Some(told), .. }) => return Ok(told.clone()),
            Some(span) => (span.first, span.last),
        };
        let (mut told, mut at, mut read) = (Told::default(), first, 0);
        while at <= last {
            let batch = self.log.read(SAID, at, READ).await?;
            for stored in batch.records.iter().take_while(|stored| stored.offset <= last) {
                read += stored.record.value.len();
                let said = decoded(stored.offset, &stored.record.value)?;
                if said.operation == id {
                    told.take(stored.offset, &said);
                }
            }
            if batch.next <= at || read > MOST_SCAN_BYTES {
                let detail = format!("what runners told stands too far apart in the log: {} MB", MOST_SCAN_BYTES >> 20);
                return Err(Problem::new(Kind::TooMuch, detail));
            }
            at = batch.next;
        }
        Ok(told)
    }

    /// Reads events in order from a place on, those that `wanted` lets through, at most so many.
    pub(crate) async fn said(
        &self,
        told: &Told,
        from: SaidAt,
        only: Option<&AttemptId>,
        wanted: impl Fn(&Said, &TaskEvent) -> bool,
        limit: usize,
    ) -> Result<SaidPage, Problem> {
        let mut page = SaidPage { at: from, ..SaidPage::default() };
        let mut reader = Reader::new(&*self.log, SAID);
        for (place, attempt) in told.order.iter().enumerate().skip(from.0) {
            let mut next = if place == from.0 { from.1.max(1) } else { 1 };
            if only.is_some_and(|only| only != attempt) {
                continue;
            }
            let pieces = told.pieces.get(attempt).into_iter().flat_map(BTreeMap::values);
            for piece in pieces.filter(|piece| piece.last >= from.1 || place != from.0) {
                if page.events.len() >= limit || reader.read > MOST_BYTES {
                    (page.next, page.at) = (Some((place, next)), (place, next));
                    return Ok(page);
                }
                if piece.first > next {
                    page.holes.push((attempt.clone(), next, piece.first - 1));
                }
                let mut said = decoded(piece.offset, &reader.record(piece.offset).await?)?;
                let (events, wanted_from) = (std::mem::take(&mut said.events), next);
                for event in events.into_iter().filter(|event| event.seq >= wanted_from) {
                    if page.events.len() >= limit {
                        (page.next, page.at) = (Some((place, event.seq)), (place, event.seq));
                        return Ok(page);
                    }
                    next = event.seq + 1;
                    if wanted(&said, &event) {
                        page.events.push((said.clone(), event));
                    }
                }
            }
            page.at = (place, next);
        }
        Ok(page)
    }
}

fn decoded(offset: Offset, json: &[u8]) -> Result<Said, Problem> {
    Said::from_json(json).map_err(|error| Problem {
        cause: format!("offset {offset} of {SAID}: {error}"),
        ..Problem::new(Kind::Internal, format!("the record at offset {offset} of {SAID} cannot be read"))
    })
}
