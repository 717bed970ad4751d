//! One sweep over the borders of all intervals: between two neighbouring borders nothing changes.

use std::{collections::BTreeSet, ops::Range};

use beidou_schemas::{
    Micros,
    coverage::{CoverageState, Reason},
};

use super::{
    Coverage, IMPORTED_ONLY, IN_ARCHIVE_ONLY, Known, NOT_WATCHED, NOT_WATCHED_YET, NOT_YET_PROJECTED, NOT_YET_PROVEN,
    Part, PartState, Span, TOO_MANY_BREAKS, length,
};

const REMOVED: &str = Reason::LogRemoved.name();
const MISSED: &str = Reason::MissedByWatch.name();
const EXPIRED: &str = Reason::RemovedByRetention.name();

/// Merges what is known of a cluster into the answer for the asked range. O(n log n) in the number of intervals.
pub fn merge(known: &Known, asked: Range<Micros>) -> Coverage {
    let total = length(&asked);
    if total == 0 {
        return Coverage { share: 1.0, complete: true, parts: Vec::new() };
    }
    let parts = Sweep::new(known, &asked).parts();
    let missing: i64 = parts.iter().map(|part| length(&(part.from..part.until))).sum();
    Coverage { share: (total - missing) as f64 / total as f64, complete: parts.is_empty(), parts }
}

/// An interval begins or ends; `span` is its place in the sorted list.
struct Edge {
    at: Micros,
    begins: bool,
    span: usize,
}

struct Sweep<'a> {
    known: &'a Known,
    asked: &'a Range<Micros>,
    spans: Vec<&'a Span>,
    /// Open intervals by state; of several the first in order gives its reason, so that the answer is always the same.
    complete: usize,
    degraded: BTreeSet<usize>,
    gaps: BTreeSet<usize>,
    /// Open intervals of what was delivered and then removed from the log.
    removed: usize,
    /// Open intervals of what a watch did not bring though it said so.
    missed: usize,
    /// Open intervals of what was kept as long as it was to be kept.
    expired: usize,
    /// Open intervals of what whoever asks does not reach: it has left the tables.
    archived: usize,
}

impl<'a> Sweep<'a> {
    fn new(known: &'a Known, asked: &'a Range<Micros>) -> Self {
        let touches = |span: &&Span| span.from < span.until && span.from < asked.end && span.until > asked.start;
        let mut spans: Vec<_> = known.spans.iter().filter(touches).collect();
        spans.sort();
        let (degraded, gaps) = (BTreeSet::new(), BTreeSet::new());
        Self { known, asked, spans, complete: 0, degraded, gaps, removed: 0, missed: 0, expired: 0, archived: 0 }
    }

    fn parts(mut self) -> Vec<Part> {
        let edges = self.edges();
        let mut edges = edges.iter().peekable();
        let mut found: Vec<Part> = Vec::new();
        for border in self.borders().windows(2) {
            while let Some(edge) = edges.next_if(|edge| edge.at <= border[0]) {
                self.take(edge);
            }
            if let Some((state, reason)) = self.verdict(border[0]) {
                extend(&mut found, Part { state, reason: reason.into(), from: border[0], until: border[1] });
            }
        }
        found
    }

    fn edges(&self) -> Vec<Edge> {
        let both = |(span, of): (usize, &&Span)| {
            [Edge { at: of.from, begins: true, span }, Edge { at: of.until, begins: false, span }]
        };
        let mut edges: Vec<_> = self.spans.iter().enumerate().flat_map(both).collect();
        edges.sort_by_key(|edge| edge.at);
        edges
    }

    /// Every moment of the range at which the verdict may change, both ends included.
    fn borders(&self) -> Vec<Micros> {
        let own = [Some(self.asked.start), Some(self.asked.end), self.known.first, self.known.running];
        let spans = self.spans.iter().flat_map(|span| [span.from, span.until]);
        let all = own.into_iter().flatten().chain([self.known.projected, self.known.whole_from]).chain(spans);
        let inside: BTreeSet<_> = all.filter(|at| (self.asked.start..=self.asked.end).contains(at)).collect();
        inside.into_iter().collect()
    }

    fn take(&mut self, edge: &Edge) {
        let span = self.spans[edge.span];
        let count = match (span.state, span.reason.as_str()) {
            (CoverageState::Complete, _) => Some(&mut self.complete),
            (CoverageState::Degraded, MISSED) => Some(&mut self.missed),
            (CoverageState::Gap, REMOVED) => Some(&mut self.removed),
            (CoverageState::Gap, EXPIRED) => Some(&mut self.expired),
            (CoverageState::Gap, IN_ARCHIVE_ONLY) => Some(&mut self.archived),
            (CoverageState::Degraded | CoverageState::Gap, _) => None,
        };
        if let Some(count) = count {
            return if edge.begins { *count += 1 } else { *count -= 1 };
        }
        let open = if span.state == CoverageState::Gap { &mut self.gaps } else { &mut self.degraded };
        if edge.begins {
            open.insert(edge.span)
        } else {
            open.remove(&edge.span)
        };
    }

    /// What is to be said of the time from `at` to the next border; `None` where it is complete.
    fn verdict(&self, at: Micros) -> Option<(PartState, &'a str)> {
        // What was never watched stays what it is: retention took away what was there, and claims no more.
        let watched = self.known.first.is_some_and(|first| at >= first);
        if watched && at < self.known.whole_from {
            return Some((PartState::Unknown, TOO_MANY_BREAKS));
        }
        if watched && self.expired > 0 {
            return Some((PartState::Gap, EXPIRED));
        }
        if watched && self.archived > 0 {
            return Some((PartState::Gap, IN_ARCHIVE_ONLY));
        }
        if self.removed > 0 {
            return Some((PartState::Gap, REMOVED));
        }
        let reason = |open: &BTreeSet<usize>| open.first().map(|&span| self.spans[span].reason.as_str());
        let degraded = reason(&self.degraded);
        if self.complete > 0 || self.missed > 0 || degraded.is_some() {
            if at >= self.known.projected {
                return Some((PartState::Unknown, NOT_YET_PROJECTED));
            }
            if self.missed > 0 {
                return Some((PartState::Degraded, MISSED));
            }
            return if self.complete > 0 { None } else { degraded.map(|why| (PartState::Degraded, why)) };
        }
        Some(match reason(&self.gaps) {
            Some(why) => (PartState::Gap, why),
            None => (PartState::Unknown, self.why_unknown(at)),
        })
    }

    fn why_unknown(&self, at: Micros) -> &'static str {
        match (self.known.first, self.known.running) {
            (None, _) if self.known.imported => IMPORTED_ONLY,
            (None, _) => NOT_WATCHED_YET,
            (Some(first), _) if at < first => NOT_WATCHED_YET,
            (Some(_), Some(proven)) if at >= proven => NOT_YET_PROVEN,
            (Some(_), Some(_) | None) => NOT_WATCHED,
        }
    }
}

/// Adds a part, or lengthens the one before it.
fn extend(parts: &mut Vec<Part>, part: Part) {
    match parts.last_mut() {
        Some(last) if last.until == part.from && last.state == part.state && last.reason == part.reason => {
            last.until = part.until;
        }
        Some(_) | None => parts.push(part),
    }
}
