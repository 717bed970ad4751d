//! One source partition: recover, then cut after cut. See the flow in `lib.rs`.

use std::{sync::Arc, time::Duration};

use beidou_log::{Log, LogError, ReadLimit};
use beidou_model::ledger::verify;
use beidou_schemas::{
    Offset, Topic, TopicPartition,
    ledger::{Cut, LedgerFact},
};
use beidou_store::{
    Store, StoreError,
    insert::{Block, insert},
    migrate::migrate,
};
use tokio::time::Instant;

use crate::{
    ProjectorConfig, ProjectorError,
    budget::Budget,
    encode::{CutRange, Encoded, Encoder},
    error::chain,
    fault::Step,
    gather::{Gathered, Source},
    ledger::LedgerHand,
    metrics::SourceMetrics,
    status::{Phase, Reporter},
};

/// How the projector registers at the log.
pub const CONSUMER: &str = "projector";
/// Wait before the second try; doubled up to [`MAX_BACKOFF`]: an engine restarts in under a second.
const FIRST_BACKOFF: Duration = Duration::from_millis(50);
const MAX_BACKOFF: Duration = Duration::from_secs(5);
/// How much the rebuild of the index reads at once.
const REBUILD_READ: ReadLimit = ReadLimit { max_bytes: 8 << 20, max_wait: Duration::ZERO };

/// What a worker works with.
pub struct Worker {
    pub at: TopicPartition,
    pub ledger_at: TopicPartition,
    pub log: Arc<dyn Log>,
    pub store: Store,
    pub config: Arc<ProjectorConfig>,
    pub budget: Budget,
    pub metrics: SourceMetrics,
    pub reporter: Reporter,
}

impl Worker {
    /// Works until it fails for good; drop the future to stop it at any point.
    pub async fn run(self, tables_are_empty: bool) -> Result<(), ProjectorError> {
        let Some(encoder) = Encoder::new(self.at, self.config.window) else { return Ok(()) };
        let hand = LedgerHand::open(&*self.log, self.ledger_at, self.at, &self.config.name).await?;
        if tables_are_empty {
            self.refuse_lost_tables(&hand).await?;
        }
        let mut state = self.recover(hand, encoder).await?;
        let mut backoff = FIRST_BACKOFF;
        loop {
            match state.source.gather(&self.config.cut, state.last, &self.budget).await {
                Ok(gathered) => {
                    backoff = FIRST_BACKOFF;
                    if let Some(gathered) = gathered {
                        self.project(&mut state, gathered, None).await?;
                    }
                }
                Err(error) => self.retry_log("read", self.at, error, &mut backoff).await?,
            }
            self.look_at_end(&state).await?;
        }
    }

    /// A ledger that speaks of rows beside tables without any: the tables were lost, and going on would hide it.
    async fn refuse_lost_tables(&self, hand: &LedgerHand) -> Result<(), ProjectorError> {
        let bounds = self.log.bounds(self.at).await.map_err(ProjectorError::log("find the bounds of", self.at))?;
        match hand.ledger().watermark() {
            Some(done) if self.at.topic == Topic::KubeEvent && done > bounds.start => {
                Err(ProjectorError::TablesLost { at: self.at })
            }
            Some(_) | None => Ok(()),
        }
    }

    /// Rebuilds the index from the log, and repeats what a crash left pending.
    async fn recover(&self, hand: LedgerHand, encoder: Encoder) -> Result<State, ProjectorError> {
        let bounds = self.log.bounds(self.at).await.map_err(ProjectorError::log("find the bounds of", self.at))?;
        let watermark = hand.ledger().watermark().unwrap_or(bounds.start);
        let held = watermark.saturating_sub(encoder.memory());
        self.log.release(self.at, CONSUMER, held).await.map_err(ProjectorError::log("register at", self.at))?;
        let from = held.max(bounds.start);
        let encoder = self.remember(encoder, from, watermark).await?;
        let pending = hand.ledger().recover()?;
        let source = Source::new(self.log.clone(), self.at, watermark);
        let mut state = State { hand, encoder: Some(encoder), source, last: None };
        self.reporter.change(|status| (status.watermark, status.end) = (watermark, bounds.end));
        for cut in pending {
            tracing::info!(source = %self.at, from = cut.from, to = cut.to, "repeating a pending cut");
            let read = state.source.exactly(cut.from, cut.to).await;
            let gathered = read.map_err(ProjectorError::log("repeat a pending cut of", self.at))?;
            verify(&cut, gathered.records.len() as u64, &gathered.hash())?;
            self.project(&mut state, gathered, Some(cut)).await?;
        }
        self.reporter.change(|status| status.phase = Phase::Running);
        Ok(state)
    }

    async fn remember(&self, mut encoder: Encoder, from: Offset, to: Offset) -> Result<Encoder, ProjectorError> {
        let mut next = from;
        while next < to && encoder.memory() > 0 {
            let read = self.log.read(self.at, next, REBUILD_READ).await;
            let mut batch = read.map_err(ProjectorError::log("rebuild the index from", self.at))?;
            if batch.next <= next {
                break;
            }
            next = batch.next;
            batch.records.retain(|stored| stored.offset < to);
            encoder = self
                .compute(move || {
                    encoder.remember(&batch.records);
                    encoder
                })
                .await?;
        }
        Ok(encoder)
    }

    /// Brings one cut into the tables. `repeated` is the cut that already stands in the ledger as pending.
    async fn project(
        &self,
        state: &mut State,
        gathered: Gathered,
        repeated: Option<Cut>,
    ) -> Result<(), ProjectorError> {
        let records = gathered.records.len() as u64;
        let planned = state.hand.ledger();
        let cut = match &repeated {
            Some(cut) => cut.clone(),
            None => planned.plan(gathered.from, gathered.to, records, gathered.hash()),
        };
        let mut encoder = state.encoder.take().expect("put back below, or the worker has ended");
        let range = CutRange { source: self.at, from: cut.from, to: cut.to };
        let encode = self.compute(move || {
            let encoded = encoder.encode(range, &gathered.records);
            (encoder, encoded, gathered.share)
        });
        let pending = self.append(&mut state.hand, LedgerFact::Pending(cut.clone()), repeated.is_none());
        let (encoded, pending) = tokio::join!(encode, pending);
        let (encoder, encoded, share) = encoded?;
        pending?;
        state.encoder = Some(encoder);
        let encoded = encoded?;
        self.finish(state, cut, encoded).await?;
        drop(share);
        Ok(())
    }

    /// Inserts an encoded cut and notes it as done.
    async fn finish(&self, state: &mut State, cut: Cut, encoded: Encoded) -> Result<(), ProjectorError> {
        let (to, rows) = (cut.to, encoded.rows);
        let done = LedgerHand::done(cut.clone(), rows, encoded.observed);
        if self.config.faults.done_before_insert {
            self.append(&mut state.hand, done.clone(), true).await?;
        }
        self.config.faults.reach(Step::Pending, &cut).await;
        for block in &encoded.blocks {
            self.insert(block).await?;
        }
        self.config.faults.reach(Step::Inserted, &cut).await;
        self.append(&mut state.hand, done, !self.config.faults.done_before_insert).await?;
        self.config.faults.reach(Step::Done, &cut).await;
        self.note_done(to, &encoded);
        state.last = Some(Instant::now());
        let memory = state.encoder.as_ref().map_or(0, Encoder::memory);
        if let Err(error) = self.log.release(self.at, CONSUMER, to.saturating_sub(memory)).await {
            // The next cut says it again; until then the log only keeps more than it must.
            tracing::warn!(error = chain(&error), source = %self.at, "cannot release records of the log");
        }
        Ok(())
    }

    fn note_done(&self, to: Offset, encoded: &Encoded) {
        self.metrics.rows.inc_by(encoded.rows);
        self.metrics.duplicates.inc_by(encoded.duplicates);
        self.metrics.rejects.inc_by(encoded.rejects);
        self.metrics.cuts.inc();
        self.metrics.watermark.set(to as i64);
        self.metrics.last_done.set(jiff::Timestamp::now().as_second());
        self.reporter.change(|status| {
            status.phase = Phase::Running;
            status.watermark = to;
            status.end = status.end.max(to);
            status.error = None;
        });
        if encoded.rejects > 0 {
            tracing::warn!(source = %self.at, records = encoded.rejects, "records could not be decoded, see kube_reject");
        }
    }

    /// Inserts a block, however long the engine is away.
    async fn insert(&self, block: &Block) -> Result<(), ProjectorError> {
        let mut backoff = FIRST_BACKOFF;
        loop {
            let begun = Instant::now();
            match insert(&self.store, block).await {
                Ok(()) => {
                    self.metrics.insert.observe(begun.elapsed().as_secs_f64());
                    return Ok(());
                }
                Err(error) => self.retry_store(error, &mut backoff).await?,
            }
            match migrate(&self.store).await {
                Ok(0) => {}
                // It came back without its tables: what the ledger calls done is not there.
                Ok(_) => return Err(ProjectorError::TablesLost { at: self.at }),
                Err(error) => self.retry_store(error, &mut backoff).await?,
            }
        }
    }

    /// Appends a fact, however long the log's disk is full. A fact that stands twice says no more than one.
    async fn append(&self, hand: &mut LedgerHand, fact: LedgerFact, wanted: bool) -> Result<(), ProjectorError> {
        let mut backoff = FIRST_BACKOFF;
        if !wanted {
            return Ok(());
        }
        loop {
            match hand.append(fact.clone()).await {
                Err(ProjectorError::Log { act, at, source }) => self.retry_log(act, at, source, &mut backoff).await?,
                outcome => return outcome,
            }
        }
    }

    async fn retry_store(&self, error: StoreError, backoff: &mut Duration) -> Result<(), ProjectorError> {
        if !error.is_retryable() {
            return Err(error.into());
        }
        self.wait("the store refuses, trying again", &error, backoff).await;
        Ok(())
    }

    async fn retry_log(
        &self,
        act: &'static str,
        at: TopicPartition,
        error: LogError,
        backoff: &mut Duration,
    ) -> Result<(), ProjectorError> {
        if !error.is_retryable() {
            return Err(ProjectorError::log(act, at)(error));
        }
        self.wait("the log refuses, trying again", &error, backoff).await;
        Ok(())
    }

    /// Says so once per outage, and waits.
    async fn wait(
        &self,
        what: &'static str,
        error: &(dyn std::error::Error + Send + Sync + 'static),
        backoff: &mut Duration,
    ) {
        if *backoff == FIRST_BACKOFF {
            tracing::warn!(source = %self.at, error = error as &dyn std::error::Error, "{what}");
        }
        self.metrics.retries.inc();
        self.reporter.change(|status| {
            status.phase = Phase::Retrying;
            status.error = Some(chain(error));
        });
        tokio::time::sleep(*backoff).await;
        *backoff = (*backoff * 2).min(MAX_BACKOFF);
    }

    /// Keeps lag and status true.
    async fn look_at_end(&self, state: &State) -> Result<(), ProjectorError> {
        let bounds = self.log.bounds(self.at).await.map_err(ProjectorError::log("find the end of", self.at))?;
        let watermark = state.source.next();
        self.metrics.lag.set(bounds.end.saturating_sub(watermark) as i64);
        self.reporter.change(|status| status.end = bounds.end);
        Ok(())
    }

    /// Runs what takes processor time off the reactor.
    async fn compute<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Result<T, ProjectorError> {
        let done = tokio::task::spawn_blocking(work).await;
        done.map_err(|source| ProjectorError::Panicked { at: self.at, source })
    }
}

/// What a worker knows between cuts.
struct State {
    hand: LedgerHand,
    /// Away only while a cut is encoded.
    encoder: Option<Encoder>,
    source: Source,
    /// When the last cut was done.
    last: Option<Instant>,
}
