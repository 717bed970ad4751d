//! The audit: log, table and archive hold the same states and facts, and what differs is repaired.
//!
//! ```text
//!  manifests, ledger ─► files, read to their end ─► rows and hash by cluster and hour ─┐
//!                                                    table: the same, by the engine ───┴► equal, or by identity
//!  log, read again ────► states, each in the table exactly once
//!  operations: log ────► rows of the table, and what each file must hold: the log has all of them for ever
//! ```
//!
//! Invariants:
//! - A file of Events is believed only when it is what manifest or ledger say. It is written again only from rows that add
//!   up to what was recorded. Rows are changed only towards a file that is believed, or towards the log.
//! - Of operations the log is right: rows and files are made again from it, and from nothing else.
//! - Nothing is removed before what takes its place is there. What cannot be repaired stays, and is a finding.
//! - Findings stop nothing: projection, queries and readiness go on. What cannot be read is a finding, and the rest is
//!   compared all the same.
//! - What an audit deletes is bounded: a rebuild that waits for it waits for minutes.

mod damage;
mod facts;
mod files;
mod hours;
mod metrics;
mod operation_files;
mod operations;
mod run;
mod tail;

pub(crate) use facts::Facts;
pub use metrics::AuditMetrics;
pub(crate) use run::Keeper;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use beidou_log::Log;
use beidou_schemas::{
    Micros, Offset, Topic, TopicPartition, ledger,
    maintenance::{AuditReport, Fault, Finding},
};
use beidou_store::{
    Store,
    archive::{Archive, Hours, StateId},
    audit::MOST_DELETIONS,
    hot,
};
use tokio::sync::watch;

use crate::{ProjectorConfig, ProjectorError, ledger::Told, status::Status, turns::Turns};

/// When a projector audits by itself.
#[derive(Debug, Clone, Default)]
pub struct AuditConfig {
    /// So long after the last one; `None`: never.
    pub every: Option<Duration>,
    /// Also when it has started.
    pub at_start: bool,
    /// Its figures.
    pub metrics: AuditMetrics,
}

/// Everything that an audit needs, and what it remembers of those before.
pub(crate) struct Auditor {
    pub log: Arc<dyn Log>,
    pub store: Store,
    pub archive: Option<Archive>,
    /// Offsets in which a state is recognised, as the workers do.
    pub window: u32,
    pub status: watch::Receiver<Status>,
    /// Who writes a ledger that is fenced for a moment.
    pub name: String,
    pub turns: Turns,
    memory: Memory,
}

/// What is known from audits before, so that the next one looks at what is new.
#[derive(Default)]
struct Memory {
    facts: Facts,
    /// Range files that were as they must be, and what they hold.
    ranges: BTreeMap<String, Hours>,
    /// In which audit a day was compared last.
    days: BTreeMap<i64, u64>,
    /// Days with files that are new since they were compared.
    fresh: BTreeSet<i64>,
    /// Audits so far.
    number: u64,
    /// Statements by which this one may still delete.
    deletions: usize,
    operations: operations::Past,
}

/// Where the projection of Events stands, by partition: archived, and in the table.
pub(crate) type Places = BTreeMap<u32, (Option<Offset>, Offset)>;

impl Auditor {
    pub(crate) fn new(
        log: Arc<dyn Log>,
        store: Store,
        config: &ProjectorConfig,
        status: watch::Receiver<Status>,
        turns: Turns,
    ) -> Self {
        let archive = config.archive.as_ref().map(|config| config.archive.clone());
        let (window, name) = (config.window, config.name.clone());
        Self { log, store, archive, window, status, name, turns, memory: Memory::default() }
    }

    /// Compares and repairs; `full`: everything, else what is new since the last time and a share of the rest.
    ///
    /// # Errors
    /// When log, store or archive give no answer. What was repaired by then stays.
    pub(crate) async fn audit(&mut self, full: bool) -> Result<AuditReport, ProjectorError> {
        let turns = self.turns.clone();
        let _turn = turns.turn.lock().await;
        turns.still_leads().await?;
        let mut report = AuditReport { full, started: now(), ..AuditReport::default() };
        self.memory.number += 1;
        self.memory.deletions = MOST_DELETIONS;
        let places = self.places().await?;
        let covered = match self.archive.clone() {
            Some(archive) => self.compare_archive(&archive, &places, full, &mut report).await?,
            None => Vec::new(),
        };
        for (&partition, &(archived, watermark)) in &places {
            let at = TopicPartition::new(Topic::KubeEvent, partition);
            let start = self.log.bounds(at).await.map_err(ProjectorError::log("find the start of", at))?.start;
            let from = archived.filter(|_| !full).unwrap_or(start).clamp(start, watermark.max(start));
            self.compare_log(at, from..watermark.max(from), &covered, &mut report).await?;
        }
        self.compare_operations(full, &mut report).await?;
        report.ended = now();
        Ok(report)
    }

    /// Where the projection of Events stands now, by the ledgers: partitions may be those of other projectors.
    pub(crate) async fn places(&self) -> Result<Places, ProjectorError> {
        let mut places = Places::new();
        for (source, at) in self.ledgers() {
            let told = Told::read(&*self.log, at, source, self.archive.is_some()).await?;
            places.insert(source.partition, (told.archived(), told.watermark().unwrap_or_default()));
        }
        Ok(places)
    }

    /// Before which moment, by cluster uid, the table is not to have any row: retention has removed it, or left it to the
    /// archive.
    async fn removed(&self) -> Result<BTreeMap<String, Micros>, ProjectorError> {
        let mut removed = self.turns.removed();
        for (uid, bound) in hot::bounds(&self.store).await? {
            let below = removed.entry(uid).or_insert(bound);
            *below = (*below).max(bound);
        }
        Ok(removed)
    }

    /// The partitions of Events, each with that of its ledger.
    pub(crate) fn ledgers(&self) -> Vec<(TopicPartition, TopicPartition)> {
        let partitions = self.log.partitions(Topic::KubeEvent);
        let events = (0..partitions).map(|partition| TopicPartition::new(Topic::KubeEvent, partition));
        events.filter_map(|source| Some((source, ledger::partition_of(source, partitions)?))).collect()
    }
}

fn now() -> Micros {
    Micros::of(jiff::Timestamp::now())
}

/// Names a few of these states, for people.
fn some_of<'a>(states: impl Iterator<Item = (&'a str, StateId)>) -> String {
    /// Enough to look one up.
    const NAMED: usize = 3;
    let name =
        |(cluster, id): (&str, StateId)| format!("{cluster}/{}/{}/{}", id.epoch, id.event_uid, id.resource_version);
    states.take(NAMED).map(name).collect::<Vec<_>>().join(", ")
}

/// Why rows stay as they are where more are to be deleted than [`MOST_DELETIONS`] statements take.
const TOO_MANY: &str =
    "nothing is changed there: more rows are to be deleted than one audit does, `beidou rebuild` mends it";

/// A finding about rows.
fn of_rows(fault: Fault, cluster_uid: &str, hour: Option<Micros>, place: String, rows: u64) -> Finding {
    let hour = hour.map(Micros::hour_text).unwrap_or_default();
    Finding { fault, cluster_uid: cluster_uid.into(), hour, place, rows, repaired: false, detail: String::new() }
}
