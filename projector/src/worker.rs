//! One source partition: recover, then cut after cut. See the flow in `lib.rs`.

use std::{ops::Range, sync::Arc, time::Duration};

use beidou_log::{Log, LogError, ReadLimit, Writer};
use beidou_model::ledger::verify;
use beidou_schemas::{
    Offset, Topic, TopicPartition,
    ledger::{Cut, LedgerFact},
    time::SECOND,
};
use beidou_store::{
    Store, StoreError,
    insert::{Block, insert},
    migrate::{is_empty, require},
};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::{
    ProjectorConfig, ProjectorError,
    archive::{Stage, needed},
    budget::Budget,
    compute::compute,
    encode::{CutRange, Encoded, Encoder},
    error::chain,
    fault::{Bug, Step},
    gather::{Gathered, Source},
    held::Held,
    learn::learn,
    ledger::LedgerHand,
    metrics::{Metrics, SourceMetrics},
    patience::Patience,
    readable::Readable,
    status::{Phase, Reporter},
    turns::Turns,
};

/// How the projector registers at the log.
pub const CONSUMER: &str = "projector";
/// How much the rebuild of the index reads at once.
const REBUILD_READ: ReadLimit = ReadLimit { max_bytes: 8 << 20, max_wait: Duration::ZERO };
/// Asks whether the first record is still there.
pub(crate) const LOOK: ReadLimit = ReadLimit { max_bytes: 1, max_wait: Duration::ZERO };

/// What a worker works with.
pub struct Worker {
    pub at: TopicPartition,
    pub ledger_at: TopicPartition,
    pub log: Arc<dyn Log>,
    pub store: Store,
    pub config: Arc<ProjectorConfig>,
    pub budget: Budget,
    /// Of rows that wait for the archive.
    pub archive_budget: Budget,
    pub turns: Turns,
    /// It is to end, between two cuts.
    pub stop: CancellationToken,
    pub metrics: SourceMetrics,
    pub reporter: Reporter,
}

impl Worker {
    /// Works until it is told to stop, and ends between two cuts then, or until it fails for good. Drop the future to stop it
    /// at any point: what was on its way is repeated by whoever comes next.
    pub async fn run(self) -> Result<(), ProjectorError> {
        match self.work().await {
            Err(ProjectorError::GivenBack { .. }) => Ok(()),
            ended => ended,
        }
    }

    /// One of another source with the same hands, of which nobody is told.
    pub fn beside(&self, at: TopicPartition, ledger_at: TopicPartition) -> Self {
        let Self { log, store, config, budget, archive_budget, turns, stop, .. } = self;
        Self {
            at,
            ledger_at,
            log: log.clone(),
            store: store.clone(),
            config: config.clone(),
            budget: budget.clone(),
            archive_budget: archive_budget.clone(),
            turns: turns.clone(),
            stop: stop.clone(),
            metrics: Metrics::unseen_of(at),
            reporter: self.reporter.silent_of(at),
        }
    }

    async fn work(&self) -> Result<(), ProjectorError> {
        self.metrics.last_done.set(jiff::Timestamp::now().as_second());
        self.ready_tables().await?;
        let faults = &self.config.faults;
        let window = if faults.has(Bug::SeenForgotten) { 1 } else { self.config.window };
        let Some(encoder) = Encoder::new(self.at, window) else { return Ok(()) };
        let (log, name) = (&*self.log, self.config.name.as_str());
        let hand = self.patiently(|| LedgerHand::open(log, self.ledger_at, self.at, name, self.archives())).await?;
        self.refuse_lost_tables(&hand).await?;
        self.refill(&hand).await?;
        let mut state = self.recover(hand, encoder).await?;
        let mut patience = Patience::default();
        while !self.stop.is_cancelled() {
            let gather = state.source.gather(&self.config.cut, state.last, &self.budget);
            let Some(gathered) = self.stop.run_until_cancelled(gather).await else { break };
            match gathered {
                Ok(gathered) => {
                    self.goes_on(&mut patience);
                    if let Some(gathered) = gathered {
                        self.project(&mut state, gathered, None).await?;
                    }
                }
                Err(error) => self.wait(ProjectorError::log("read", self.at)(error), &mut patience).await?,
            }
            self.look_at_end(&state).await?;
            self.look_at_archive(&mut state).await?;
        }
        if let Some(stage) = state.stage.take() {
            stage.end().await;
        }
        Ok(())
    }

    /// A ledger that speaks of rows beside tables without any: the tables were lost, and going on would hide it. With an
    /// archive they were restored before.
    async fn refuse_lost_tables(&self, hand: &LedgerHand) -> Result<(), ProjectorError> {
        let bounds = self.bounds(self.at).await?;
        let filled = hand.ledger().watermark().is_some_and(|done| done > bounds.start);
        if !filled || self.at.topic != Topic::KubeEvent || self.config.archive.is_some() {
            return Ok(());
        }
        match self.patiently(|| async { Ok(is_empty(&self.store).await?) }).await? {
            true => Err(ProjectorError::TablesLost { at: self.at }),
            false => Ok(()),
        }
    }

    /// Rebuilds the index from the log, and repeats what a crash left pending.
    async fn recover(&self, mut hand: LedgerHand, encoder: Encoder) -> Result<State, ProjectorError> {
        self.turns.writes(self.at, hand.writer());
        let bounds = self.bounds(self.at).await?;
        let watermark = match hand.ledger().watermark() {
            Some(watermark) => watermark,
            None => self.patiently(|| self.beginning(&bounds)).await?,
        };
        self.begin_archive(&mut hand, bounds.start, watermark).await?;
        let mut stage = self.stage(&hand);
        // The archive lies behind the table; from there on both are functions of the log.
        let begin = stage.as_ref().map_or(watermark, Stage::begin).min(watermark);
        let mut held = Held::new(encoder.memory(), self.config.held_bytes);
        self.patiently(|| self.release(held.release(begin))).await?;
        let from = held.release(begin);
        let (encoder, blind) = match self.config.faults.has(Bug::IndexNotRebuilt) {
            true => (encoder, false),
            false => self.remember(encoder, &mut held, from..begin).await?,
        };
        let (encoder, blind) = self.catch_up((encoder, blind), &mut held, &mut stage, begin..watermark).await?;
        if self.config.faults.has(Bug::PendingCutAnew) {
            hand.forget_pending();
        }
        let pending = hand.ledger().recover()?;
        let source = Source::new(self.log.clone(), self.at, watermark);
        let encoder = Some(encoder);
        let mut state = State { hand, encoder, blind, source, held, stage, last: None, told_short: false };
        self.reporter.change(|status| (status.watermark, status.end) = (watermark, bounds.end));
        for cut in pending {
            tracing::info!(source = %self.at, from = cut.from, to = cut.to, "repeating a pending cut");
            let gathered = self.exactly(&mut state.source, &cut).await?;
            if gathered.lost_to.is_none() {
                verify(&cut, gathered.records.len() as u64, &gathered.hash())?;
            }
            self.project(&mut state, gathered, Some(cut)).await?;
        }
        self.reporter.change(|status| status.phase = Phase::Running);
        Ok(state)
    }

    /// Where an empty ledger begins: at the first record. If earlier ones were removed, at 0, so that the first cut finds
    /// the loss.
    async fn beginning(&self, bounds: &Range<Offset>) -> Result<Offset, ProjectorError> {
        match self.log.read(self.at, 0, LOOK).await {
            Ok(_) => Ok(bounds.start),
            Err(LogError::Removed { .. }) => Ok(0),
            Err(error) => Err(ProjectorError::log("read", self.at)(error)),
        }
    }

    async fn exactly(&self, source: &mut Source, cut: &Cut) -> Result<Gathered, ProjectorError> {
        let mut patience = Patience::default();
        loop {
            match source.exactly(cut.from, cut.to).await {
                Ok(gathered) => {
                    self.goes_on(&mut patience);
                    return Ok(gathered);
                }
                Err(error) => {
                    self.wait(ProjectorError::log("repeat a pending cut of", self.at)(error), &mut patience).await?;
                }
            }
        }
    }

    /// Lets the encoder see a range again, and tells whether something of it is not there to be seen.
    async fn remember(
        &self,
        mut encoder: Encoder,
        held: &mut Held,
        range: Range<Offset>,
    ) -> Result<(Encoder, bool), ProjectorError> {
        // What is gone or damaged is in the tables; the index knows a little less.
        let (mut past, mut patience) = (Readable::starting(range.start), Patience::default());
        while encoder.memory() > 0 {
            let (from, batch) = match past.read(&*self.log, self.at, range.end, REBUILD_READ).await {
                Ok(Some(found)) => found,
                Ok(None) => break,
                Err(error) => {
                    self.wait(error, &mut patience).await?;
                    continue;
                }
            };
            self.goes_on(&mut patience);
            held.hold(from..past.next, &batch.records);
            encoder = self
                .compute(move || {
                    encoder.remember(&batch.records);
                    encoder
                })
                .await?;
        }
        for damage in &past.damaged {
            tracing::error!(source = %self.at, what = damage.what, "the log is damaged, `beidou audit --full` tells who has the rows");
        }
        let blind = !(past.lost.is_empty() && past.damaged.is_empty());
        Ok((encoder, blind))
    }

    /// Brings one cut into the tables. `repeated` is the cut that already stands in the ledger as pending.
    async fn project(
        &self,
        state: &mut State,
        gathered: Gathered,
        repeated: Option<Cut>,
    ) -> Result<(), ProjectorError> {
        let records = gathered.records.len() as u64;
        state.held.hold(gathered.from..gathered.to, &gathered.records);
        let lost = match gathered.lost_to {
            Some(to) => Some(self.lost(state.hand.observed(), gathered.from..to, &gathered.records).await?),
            None => None,
        };
        let planned = state.hand.ledger();
        let cut = match &repeated {
            Some(cut) => cut.clone(),
            None => planned.plan(gathered.from, gathered.to, records, gathered.hash()),
        };
        let mut encoder = state.encoder.take().expect("put back below, or the worker has ended");
        self.learn(&mut encoder, cut.from).await?;
        let range = CutRange { source: self.at, from: cut.from, to: cut.to };
        let encode = self.compute(move || {
            let mut encoded = encoder.encode(range, &gathered.records);
            if let (Ok(out), Some(lost)) = (&mut encoded, &lost)
                && let Err(error) = lost.encode(range, out)
            {
                encoded = Err(error);
            }
            (encoder, encoded, gathered.share)
        });
        let gate = self.turns.gate.clone();
        let Some(turn) = self.stop.run_until_cancelled(gate.read()).await else {
            return Err(ProjectorError::GivenBack { at: self.at });
        };
        let pending = self.append(&mut state.hand, LedgerFact::Pending(cut.clone()), repeated.is_none());
        let (encoded, pending) = tokio::join!(encode, pending);
        let (encoder, encoded, share) = encoded?;
        pending?;
        state.encoder = Some(encoder);
        let mut encoded = encoded?;
        self.tell_lost(&encoded);
        let range = cut.from..cut.to;
        let mut rows = std::mem::take(&mut encoded.archive);
        self.finish(state, cut, encoded).await?;
        drop((share, turn));
        // What was inserted before the crash was encoded by an index that knew more.
        if state.blind && state.stage.is_some() && repeated.is_some() {
            rows = self.of_table(range.clone()).await?;
        }
        self.archive(&mut state.stage, range, rows).await
    }

    /// Lets the encoder know what it needs of other facts to encode the cut that begins there.
    pub(crate) async fn learn(&self, encoder: &mut Encoder, from: Offset) -> Result<(), ProjectorError> {
        let mut patience = Patience::default();
        while let Err(error) = learn(&*self.log, encoder, from).await {
            self.wait(error, &mut patience).await?;
        }
        self.goes_on(&mut patience);
        Ok(())
    }

    /// Inserts an encoded cut and notes it as done.
    async fn finish(&self, state: &mut State, cut: Cut, encoded: Encoded) -> Result<(), ProjectorError> {
        let (to, rows) = (cut.to, encoded.rows);
        let done = LedgerHand::done(cut.clone(), rows, encoded.observed);
        let early = self.config.faults.has(Bug::DoneBeforeInsert);
        if early {
            self.append(&mut state.hand, done.clone(), true).await?;
        }
        self.config.faults.reach(Step::Pending, &cut).await;
        let writer = state.hand.writer();
        for block in &encoded.blocks {
            self.insert(&*writer, block).await?;
        }
        self.config.faults.reach(Step::Inserted, &cut).await;
        self.append(&mut state.hand, done, !early).await?;
        self.config.faults.reach(Step::Done, &cut).await;
        self.note_done(to, &encoded);
        self.look_at_window(&mut state.told_short, encoded.window_span);
        state.last = Some(Instant::now());
        self.release_needless(state, to).await;
        Ok(())
    }

    async fn release_needless(&self, state: &State, watermark: Offset) {
        if let Err(error) = self.release(state.held.release(needed(&state.stage, watermark))).await {
            // The next cut says it again; until then the log only keeps more than it must.
            tracing::warn!(error = chain(&error), source = %self.at, "cannot release records of the log");
        }
    }

    /// A stage that has ended ends the worker. What it has put meanwhile is released, also where no cut comes any more
    /// because the log is full.
    async fn look_at_archive(&self, state: &mut State) -> Result<(), ProjectorError> {
        let Some(stage) = &mut state.stage else { return Ok(()) };
        stage.check().await?;
        if stage.has_moved() {
            self.release_needless(state, state.source.next()).await;
        }
        Ok(())
    }

    async fn release(&self, upto: Offset) -> Result<(), ProjectorError> {
        self.log.release(self.at, CONSUMER, upto).await.map_err(ProjectorError::log("release records of", self.at))
    }

    fn note_done(&self, to: Offset, encoded: &Encoded) {
        self.metrics.rows.inc_by(encoded.rows);
        self.metrics.duplicates.inc_by(encoded.duplicates);
        self.metrics.rejects.inc_by(encoded.rejects);
        self.metrics.cuts.inc();
        self.metrics.watermark.set(to as i64);
        self.metrics.last_done.set(jiff::Timestamp::now().as_second());
        self.reporter.change(|status| {
            status.watermark = to;
            status.end = status.end.max(to);
        });
        if encoded.rejects > 0 {
            tracing::warn!(source = %self.at, records = encoded.rejects, "records could not be decoded, see kube_reject");
        }
    }

    /// Says once when the index of seen states holds less than the time for which a list may bring one again.
    fn look_at_window(&self, told: &mut bool, span: Option<i64>) {
        let Some(span) = span else { return };
        let seconds = span / SECOND;
        self.metrics.window_span.set(seconds);
        let ttl = self.config.event_ttl.as_secs();
        if seconds.unsigned_abs() < ttl && !std::mem::replace(told, true) {
            tracing::warn!(
                source = %self.at, window = self.config.window, seconds, event_ttl_seconds = ttl,
                "seen states are remembered for less than the Event TTL, a list may repeat some: raise projector.window"
            );
        }
    }

    /// Looks whether nobody newer writes the ledger of this source.
    async fn still_writes(&self, writer: &dyn Writer) -> Result<(), ProjectorError> {
        let act = "insert as the writer of";
        let look = || async { writer.is_newest().await.map_err(ProjectorError::log(act, self.ledger_at)) };
        match self.patiently(look).await {
            Err(error) if error.is_fenced() && self.config.faults.has(Bug::FenceIgnored) => Ok(()),
            looked => looked,
        }
    }

    /// Inserts a block, however long the engine is away, but not behind somebody newer: who had stood still since PENDING
    /// may come so late that the engine has forgotten the token under which the newer one has repeated the cut. What it waits
    /// for its turn at replicas between look and insert is far less than tokens are known for.
    pub async fn insert(&self, writer: &dyn Writer, block: &Block) -> Result<(), ProjectorError> {
        let (mut patience, mut tried) = (Patience::default(), false);
        loop {
            self.still_writes(writer).await?;
            let begun = Instant::now();
            let faults = &self.config.faults;
            let anew = (tried && faults.has(Bug::NewTokenOnRetry)).then(|| block.of_run(Uuid::new_v4()));
            tried = true;
            match insert(&self.store, anew.as_ref().unwrap_or(block)).await {
                Err(error) if error.is_retryable() && faults.has(Bug::UnclearIsDone) => return Ok(()),
                Ok(()) => {
                    self.metrics.insert.observe(begun.elapsed().as_secs_f64());
                    self.goes_on(&mut patience);
                    return Ok(());
                }
                Err(error) => self.wait(error.into(), &mut patience).await?,
            }
            match require(&self.store).await {
                Ok(()) => {}
                // It came back without its tables: what the ledger calls done is not there. Made again by this one, another
                // one's next insert would fill them, and hide it.
                Err(StoreError::NotMigrated { .. }) => return Err(ProjectorError::TablesLost { at: self.at }),
                Err(error) => self.wait(error.into(), &mut patience).await?,
            }
        }
    }

    /// Appends a fact, however long the log's disk is full. A fact that stands twice says no more than one.
    pub async fn append(&self, hand: &mut LedgerHand, fact: LedgerFact, wanted: bool) -> Result<(), ProjectorError> {
        let mut patience = Patience::default();
        if !wanted {
            return Ok(());
        }
        loop {
            match hand.append(fact.clone()).await {
                Ok(()) => {
                    self.goes_on(&mut patience);
                    return Ok(());
                }
                Err(error) if error.is_fenced() && self.config.faults.has(Bug::FenceIgnored) => {
                    return hand.pretend(&fact);
                }
                Err(error) => self.wait(error, &mut patience).await?,
            }
        }
    }

    /// Keeps lag and status true.
    async fn look_at_end(&self, state: &State) -> Result<(), ProjectorError> {
        let bounds = self.bounds(self.at).await?;
        let watermark = state.source.next();
        self.metrics.lag.set(bounds.end.saturating_sub(watermark) as i64);
        self.reporter.change(|status| status.end = bounds.end);
        Ok(())
    }

    /// Runs what takes processor time off the reactor.
    pub async fn compute<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, ProjectorError> {
        compute(self.at, work).await
    }
}

/// What a worker knows between cuts.
struct State {
    hand: LedgerHand,
    /// Away only while a cut is encoded.
    encoder: Option<Encoder>,
    /// It was made from less of the log than it remembers: of what is in the table already only the table can tell.
    blind: bool,
    source: Source,
    held: Held,
    stage: Option<Stage>,
    /// When the last cut was done.
    last: Option<Instant>,
    /// It was said that the window is short.
    told_short: bool,
}
