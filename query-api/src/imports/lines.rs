//! The answer of an import, line by line, while the dump is still read.

use axum::body::Bytes;
use beidou_model::import::{Reject, RejectReason};
use serde::Serialize;
use tokio::sync::mpsc;
use utoipa::ToSchema;

use crate::problem::{Problem, ProblemBody};

/// So many rejects are told; more are counted. A dump with more of them is not what somebody meant to import.
const MOST_REJECTS: usize = 10_000;
/// Room for all of them, a line of progress and the end: the import never waits for the reader of its answer, who may
/// well send all before it reads anything.
const ROOM: usize = MOST_REJECTS + 8;

/// What was read so far.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = ImportCounts)]
pub(crate) struct Counts {
    /// Bytes of the dump.
    pub bytes: u64,
    /// Items of the dump: all of the following.
    pub items: u64,
    /// States that were not known.
    pub imported: u64,
    /// Among them those whose identity is a hash of their content.
    pub hashed: u64,
    /// States that are stored already, or stand twice in the dump.
    pub known: u64,
    /// Frames of Events that ended, bookmarks and heartbeats: not stored, as a watch does not store them.
    pub passed: u64,
    /// Items that cannot be imported.
    pub rejected: u64,
}

/// An item that cannot be imported.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = ImportReject)]
pub(crate) struct RejectLine {
    /// The line of the dump on which it begins, from 1.
    pub line: u64,
    /// `not_json`, `not_an_event`, `identity`, `time`, `cut_off`, `too_large`, `other_format`, `no_cluster`.
    #[schema(value_type = String)]
    pub reason: RejectReason,
    /// The same in words.
    pub detail: String,
    /// How it begins.
    pub excerpt: String,
}

/// A cluster that states were imported into.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = ImportCluster)]
pub(crate) struct ClusterLine {
    /// Its name.
    pub name: String,
    /// Its uid; of a cluster that was not known one made from the name.
    pub uid: String,
    /// Whether it was known before.
    pub known: bool,
    /// States that were not known.
    pub imported: u64,
}

/// What came of an import.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = ImportDone)]
pub(crate) struct Done {
    /// What was read.
    #[serde(flatten)]
    pub counts: Counts,
    /// The clusters.
    pub clusters: Vec<ClusterLine>,
    /// Nothing was stored: it was only asked what would be.
    pub dry_run: bool,
    /// Rejects that were not told.
    pub rejects_left_out: u64,
    /// What it says of completeness.
    #[schema(value_type = String)]
    pub coverage: &'static str,
}

/// A line of the answer: an object with one of these members.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum ImportLine {
    /// How far it has come; about once a second, for a reader who keeps up.
    Progress(Counts),
    /// An item that cannot be imported.
    Reject(RejectLine),
    /// The last line of an import that read all of the dump: everything imported is found by queries.
    Done(Done),
    /// The last line of one that did not. What it had imported stays; the dump can be imported again.
    Failed(ProblemBody),
}

/// Where the lines go.
pub(crate) struct Lines {
    queue: mpsc::Sender<Bytes>,
    rejects: usize,
    left_out: u64,
    request_id: String,
}

/// A way for lines, and its end.
pub(crate) fn lines(request_id: String) -> (Lines, mpsc::Receiver<Bytes>) {
    let (queue, receiver) = mpsc::channel(ROOM);
    (Lines { queue, rejects: 0, left_out: 0, request_id }, receiver)
}

impl Lines {
    /// Nobody waits for the answer any more.
    pub(super) fn abandoned(&self) -> bool {
        self.queue.is_closed()
    }

    /// Told only to somebody who has read all before it.
    pub(super) fn progress(&self, counts: &Counts) {
        if self.queue.capacity() == self.queue.max_capacity() {
            self.put(&ImportLine::Progress(counts.clone()));
        }
    }

    pub(super) fn reject(&mut self, line: u64, reject: Reject) {
        if self.rejects == MOST_REJECTS {
            self.left_out += 1;
            return;
        }
        self.rejects += 1;
        let Reject { reason, detail, excerpt } = reject;
        self.put(&ImportLine::Reject(RejectLine { line, reason, detail, excerpt }));
    }

    pub(super) fn rejects_left_out(&self) -> u64 {
        self.left_out
    }

    pub(super) fn done(&self, done: Done) {
        self.put(&ImportLine::Done(done));
    }

    pub(super) fn failed(&self, problem: Problem) {
        self.put(&ImportLine::Failed(problem.body(&self.request_id)));
    }

    /// There is room for all lines that are ever put: a line is lost only where nobody reads any more.
    fn put(&self, line: &ImportLine) {
        let mut json = serde_json::to_vec(line).expect("texts and numbers always serialise");
        json.push(b'\n');
        if self.queue.try_send(json.into()).is_err() {
            tracing::debug!("nobody reads the answer of this import");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_caller_who_reads_nothing_stops_nothing_and_loses_no_reject() {
        let (mut lines, mut answer) = lines("r".into());
        let reject = || Reject { reason: RejectReason::NotJson, detail: "d".into(), excerpt: "e".into() };
        lines.progress(&Counts { items: 1, ..Counts::default() });
        for line in 0..MOST_REJECTS as u64 + 2 {
            lines.progress(&Counts { items: 2, ..Counts::default() });
            lines.reject(line, reject());
        }
        assert_eq!(lines.rejects_left_out(), 2);
        let counts = Counts { rejected: MOST_REJECTS as u64 + 2, ..Counts::default() };
        lines.done(Done { counts, clusters: Vec::new(), dry_run: false, rejects_left_out: 2, coverage: "" });
        drop(lines);
        let mut told = Vec::new();
        while let Ok(line) = answer.try_recv() {
            told.push(String::from_utf8(line.to_vec()).unwrap());
        }
        assert_eq!(told.len(), MOST_REJECTS + 2, "one line of progress, the rejects, the end");
        assert!(told[0].starts_with(r#"{"progress":{"bytes":0,"items":1,"#), "{}", told[0]);
        assert_eq!(told[1], "{\"reject\":{\"line\":0,\"reason\":\"not_json\",\"detail\":\"d\",\"excerpt\":\"e\"}}\n");
        assert!(told[MOST_REJECTS + 1].starts_with(r#"{"done":{"bytes":0,"#));
    }
}
