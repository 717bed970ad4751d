//! The stage of one partition: a task that takes rows, and puts them as files.

use std::{sync::Arc, time::Duration};

use arrow_array::{RecordBatch, UInt64Array};
use beidou_log::{LogError, Writer};
use beidou_schemas::{
    Micros, Offset, TopicPartition,
    archive::Collection,
    ledger::{Archived, Archiving, LedgerFact},
};
use beidou_store::archive::{Finished, Put};
use tokio::{
    sync::{mpsc, watch},
    task::JoinHandle,
    time::Instant,
};
use uuid::Uuid;

use super::{ArchiveConfig, metrics::StageMetrics, open::OpenFile};
use crate::{
    ProjectorError,
    budget::{Budget, Share},
    compute::compute,
    error::chain,
    fault::{Bug, Faults, Step},
    status::Reporter,
};

/// Portions on their way to a stage; what bounds them is their budget.
const QUEUE: usize = 64;
/// Wait before the second try; doubled up to [`MAX_BACKOFF`].
const FIRST_BACKOFF: Duration = Duration::from_millis(100);
/// A disk that is full, or a store that is away, is asked this often: what it costs after it has come back.
const MAX_BACKOFF: Duration = Duration::from_secs(5);

/// The rows of a part of the log; each batch in the order of the log.
#[derive(Debug)]
pub(crate) struct Portion {
    /// First offset; the portion before ended here.
    pub from: Offset,
    /// Behind the last offset.
    pub to: Offset,
    /// Its rows: none where all were duplicates or rejects.
    pub rows: Vec<RecordBatch>,
}

/// What a stage works with.
pub(crate) struct StageParts {
    pub at: TopicPartition,
    /// Of what its files are.
    pub collection: Collection,
    /// Its number among the sources of that.
    pub number: u32,
    pub ledger_at: TopicPartition,
    pub writer: Arc<dyn Writer>,
    pub config: ArchiveConfig,
    pub budget: Budget,
    pub faults: Faults,
    pub reporter: Reporter,
}

/// A worker's hand on its stage. Dropped, the stage ends; its open file is written anew after the next start.
pub(crate) struct Stage {
    portions: mpsc::Sender<(Portion, Share)>,
    budget: Budget,
    watermark: watch::Receiver<Offset>,
    begin: Offset,
    repeat: Option<Offset>,
    task: JoinHandle<Result<(), ProjectorError>>,
}

impl Portion {
    /// What of it lies at `offset` and behind.
    fn behind(self, offset: Offset) -> Option<Self> {
        if self.from >= offset {
            return Some(self);
        }
        let tail = |batch: &RecordBatch| {
            let offsets = batch.column_by_name("log_offset")?.as_any().downcast_ref::<UInt64Array>()?;
            let first = offsets.values().partition_point(|row| *row < offset);
            (first < batch.num_rows()).then(|| batch.slice(first, batch.num_rows() - first))
        };
        let rows = self.rows.iter().filter_map(tail).collect();
        (self.to > offset).then_some(Self { from: offset, to: self.to, rows })
    }
}

impl Stage {
    /// Starts the stage at `begin`; `repeat` is the end of a file that a crash left half-way there.
    pub(crate) fn start(parts: StageParts, begin: Offset, repeat: Option<Offset>) -> Self {
        let (watermark, reader) = watch::channel(begin);
        let (portions, queue) = mpsc::channel(QUEUE);
        let budget = parts.budget.clone();
        let metrics = parts.config.metrics.of(parts.collection, parts.number);
        metrics.watermark.set(begin as i64);
        parts.reporter.change(|status| status.archived = Some(begin));
        let working = Working { parts, metrics, open: None, close_at: None, repeat, watermark };
        Self { portions, budget, watermark: reader, begin, repeat, task: tokio::spawn(working.run(queue)) }
    }

    /// Where the first portion must begin.
    pub(crate) fn begin(&self) -> Offset {
        self.begin
    }

    /// The end of the first file, where a crash has left one half-way: a portion must end here.
    pub(crate) fn repeat(&self) -> Option<Offset> {
        self.repeat
    }

    /// Everything below is in the archive.
    pub(crate) fn watermark(&self) -> Offset {
        *self.watermark.borrow()
    }

    /// Whether the watermark has moved since this was asked last.
    pub(crate) fn has_moved(&mut self) -> bool {
        let moved = self.watermark.has_changed().unwrap_or(false);
        self.watermark.mark_unchanged();
        moved
    }

    /// Hands rows over; waits while too many wait already. What is in the archive already is left out.
    ///
    /// # Errors
    /// What ended the stage for good.
    pub(crate) async fn take(&mut self, portion: Portion) -> Result<(), ProjectorError> {
        let Some(portion) = portion.behind(self.begin) else { return Ok(()) };
        let bytes = portion.rows.iter().map(RecordBatch::get_array_memory_size).sum();
        let share = tokio::select! {
            biased;
            share = self.budget.take(bytes) => share,
            ended = &mut self.task => return Err(of(ended)),
        };
        match self.portions.send((portion, share)).await {
            Ok(()) => Ok(()),
            Err(_) => self.check().await,
        }
    }

    /// Ends it wherever it stands, and returns when it does nothing any more.
    pub(crate) async fn end(mut self) {
        self.task.abort();
        let _how_it_ended = (&mut self.task).await;
    }

    /// Waits for a stage that has ended, and for no other.
    ///
    /// # Errors
    /// What ended the stage for good.
    pub(crate) async fn check(&mut self) -> Result<(), ProjectorError> {
        if self.task.is_finished() || self.portions.is_closed() { Err(of((&mut self.task).await)) } else { Ok(()) }
    }
}

fn of(ended: Result<Result<(), ProjectorError>, tokio::task::JoinError>) -> ProjectorError {
    match ended {
        Ok(Err(error)) => error,
        Ok(Ok(())) => unreachable!("a stage ends well only after its worker"),
        // A panic is one of ours: it goes on in the worker, whose name is told.
        Err(error) => std::panic::resume_unwind(error.into_panic()),
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        self.task.abort();
    }
}

struct Working {
    parts: StageParts,
    metrics: StageMetrics,
    open: Option<OpenFile>,
    /// When the open file is old.
    close_at: Option<Instant>,
    repeat: Option<Offset>,
    watermark: watch::Sender<Offset>,
}

impl Working {
    async fn run(mut self, mut portions: mpsc::Receiver<(Portion, Share)>) -> Result<(), ProjectorError> {
        loop {
            let next = match self.close_at {
                Some(at) => tokio::time::timeout_at(at, portions.recv()).await,
                None => Ok(portions.recv().await),
            };
            match next {
                Ok(Some((portion, share))) => {
                    self.take(portion).await?;
                    drop(share);
                }
                Ok(None) => return Ok(()),
                Err(_) => self.close().await?,
            }
        }
    }

    async fn take(&mut self, portion: Portion) -> Result<(), ProjectorError> {
        let Portion { from, to, rows } = portion;
        let mut open = self.open.take().unwrap_or_else(|| OpenFile::new(self.parts.number, from));
        debug_assert_eq!(open.to, from, "portions follow one another");
        let open = compute(self.parts.at, move || open.add(to, &rows).map(|()| open))
            .await?
            .map_err(ProjectorError::Archiving)?;
        let close = match self.repeat {
            Some(end) => to >= end,
            None => open.is_full(self.parts.config.max_rows),
        };
        self.open = Some(open);
        if close {
            return self.close().await;
        }
        // A file that is repeated ends where it ended, however long that takes.
        if self.repeat.is_none() && self.close_at.is_none() {
            self.close_at = Some(Instant::now() + self.parts.config.max_age);
        }
        Ok(())
    }

    /// Puts the open file, with its facts around it.
    async fn close(&mut self) -> Result<(), ProjectorError> {
        self.close_at = None;
        let Some(open) = self.open.take() else { return Ok(()) };
        let (source, from, to) = (self.parts.at, open.from, open.to);
        let finished = compute(source, move || open.finish()).await?.map_err(ProjectorError::Archiving)?;
        if self.repeat.take().is_none() {
            self.append(LedgerFact::Archiving(Archiving { source, from, to })).await?;
        } else {
            tracing::info!(%source, from, to, "repeating a file of the archive");
        }
        let faults = self.parts.faults.clone();
        faults.reach_archive(Step::Archiving, source, from..to).await;
        let path = self.parts.collection.range_path(self.parts.number, from, to);
        if faults.has(Bug::ArchivedBeforePut) {
            self.append(archived(source, (from, to), &path, finished.as_ref(), None)).await?;
            faults.reach_archive(Step::Put, source, from..to).await;
        }
        let put = match &finished {
            Some(file) => Some(self.put(&path, file).await?),
            None => None,
        };
        faults.reach_archive(Step::Put, source, from..to).await;
        self.append(archived(source, (from, to), &path, finished.as_ref(), put.as_ref())).await?;
        faults.reach_archive(Step::Archived, source, from..to).await;
        self.note(to, finished.as_ref(), put.as_ref());
        Ok(())
    }

    fn note(&self, to: Offset, file: Option<&Finished>, put: Option<&Put>) {
        if let (Some(file), Some(put)) = (file, put) {
            self.metrics.files.inc();
            self.metrics.bytes.inc_by(put.bytes);
            self.metrics.rows.inc_by(file.note.rows);
            self.metrics.put_now();
        }
        self.metrics.watermark.set(to as i64);
        self.watermark.send_replace(to);
        self.parts.reporter.change(|status| (status.archived, status.archive_error) = (Some(to), None));
    }

    /// Puts a file, however long the archive is away or full.
    async fn put(&mut self, path: &str, file: &Finished) -> Result<Put, ProjectorError> {
        let mut backoff = FIRST_BACKOFF;
        loop {
            let asked = Instant::now();
            match self.parts.config.archive.put_file(path, file).await {
                Err(error) if error.is_retryable() => {
                    self.wait("the archive refuses, trying again", &error, &mut backoff).await
                }
                Ok(put) => {
                    self.metrics.put.observe(asked.elapsed().as_secs_f64());
                    return Ok(put);
                }
                Err(error) => return Err(ProjectorError::Archiving(error)),
            }
        }
    }

    /// Appends a fact, however long the log's disk is full. A fact that stands twice says no more than one.
    async fn append(&mut self, fact: LedgerFact) -> Result<(), ProjectorError> {
        let mut backoff = FIRST_BACKOFF;
        loop {
            let record = fact.to_record(Uuid::new_v4(), Micros::of(jiff::Timestamp::now()));
            match self.parts.writer.append(vec![record]).await {
                Ok(_) => return Ok(()),
                Err(error) if LogError::is_retryable(&error) => {
                    self.wait("the log refuses a fact of the archive, trying again", &error, &mut backoff).await;
                }
                Err(error) => return Err(ProjectorError::log("append to", self.parts.ledger_at)(error)),
            }
        }
    }

    /// Says so once per outage, and waits.
    async fn wait(
        &mut self,
        what: &'static str,
        error: &(dyn std::error::Error + Send + Sync + 'static),
        backoff: &mut Duration,
    ) {
        if *backoff == FIRST_BACKOFF {
            tracing::warn!(source = %self.parts.at, error = error as &dyn std::error::Error, "{what}");
        }
        self.metrics.retries.inc();
        self.parts.reporter.change(|status| status.archive_error = Some(chain(error)));
        tokio::time::sleep(*backoff).await;
        *backoff = (*backoff * 2).min(MAX_BACKOFF);
    }
}

/// The fact that a range is archived. Without `put` it tells what is going to be put: the planted bug.
fn archived(
    source: TopicPartition,
    (from, to): (Offset, Offset),
    path: &str,
    file: Option<&Finished>,
    put: Option<&Put>,
) -> LedgerFact {
    let Some(file) = file else {
        let (sha256, path, hash) = (String::new(), String::new(), Default::default());
        return LedgerFact::Archived(Archived { source, from, to, rows: 0, hash, bytes: 0, sha256, path });
    };
    let (bytes, sha256, hash) = match put {
        Some(put) => (put.bytes, put.sha256.clone(), put.hash),
        None => (file.content.len() as u64, file.sha256.clone(), file.note.hash),
    };
    let (rows, path) = (file.note.rows, path.to_owned());
    LedgerFact::Archived(Archived { source, from, to, rows, hash, bytes, sha256, path })
}

#[cfg(test)]
mod tests {
    use beidou_schemas::{Topic, archive::FileNote, kube_event::RangeHash};

    use super::*;

    #[test]
    fn the_fact_tells_what_is_there_where_another_version_has_put_it() {
        let source = TopicPartition { topic: Topic::KubeEvent, partition: 0 };
        let note = FileNote {
            schema: 1,
            rows: 2,
            hash: RangeHash(3),
            ranges: Vec::new(),
            min_time: Micros(0),
            max_time: Micros(0),
            observed: Micros(0),
        };
        let own = Finished { content: "own".into(), sha256: "own".into(), note };
        let there = Put { bytes: 5, sha256: "there".into(), hash: RangeHash(7), repeated: true };
        let LedgerFact::Archived(fact) = archived(source, (0, 2), "path", Some(&own), Some(&there)) else {
            panic!("it is archived")
        };
        assert_eq!((fact.rows, fact.bytes, fact.sha256.as_str(), fact.hash), (2, 5, "there", RangeHash(7)));
    }
}
