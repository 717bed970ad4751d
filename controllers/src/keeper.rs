//! The only writer of `beidou.operation.v1`: folds what is there, takes commands and what was seen, writes the facts that
//! follow, and asks what is due.
//!
//! ```text
//!  commands ──► decide ─┐                                      ┌─► acts (in tasks of their own)
//!  tell(seen) ► observe ├─► facts ─► append ─► read back ─► board ─► next ─┤
//!  time ──────► next ───┘                                      └─► facts again
//! ```
//!
//! The board is what was read back from the log, never what was meant to be written.

use std::{
    collections::{HashMap, HashSet},
    sync::{Arc, RwLock},
    time::Duration,
};

use beidou_log::{Log, LogError, ReadLimit, Writer};
use beidou_model::operation::{
    Action, Arrived, Board, Ignored, Refused, Seen, begin, decide, foresee, next, observe, refusal, wake,
};
use beidou_schemas::{
    Micros, Offset, TopicPartition,
    operation::{FACTS, fact::Fact},
    time::SECOND,
};
use tokio::{
    sync::{mpsc, oneshot, watch},
    task::JoinSet,
    time::Instant,
};

use crate::{
    clock::Clock,
    error::{ControllersError, chain},
    fault::{Faults, Point},
    metrics::ControllersMetrics,
};

const READ: ReadLimit = ReadLimit { max_bytes: 8 << 20, max_wait: Duration::ZERO };
/// Between two tries at a log that refuses.
const RETRY_EVERY: Duration = Duration::from_secs(1);
/// Calls that wait: runners of a fleet's operations come together at most so often.
const QUEUE: usize = 1024;
/// Acts at the same time.
const MOST_ACTS: usize = 64;
/// An act that failed is tried again after this, doubled each time.
const FIRST_RETRY: Duration = Duration::from_millis(500);
const LONGEST_RETRY: Duration = Duration::from_secs(30);
/// Without anything due, time is looked at so often.
const IDLE: Duration = Duration::from_secs(60);

/// What the keeper is asked.
enum Call {
    Seen(Box<Seen>, oneshot::Sender<Result<(), Ignored>>),
    Command(Box<Arrived>, Option<Refused>, oneshot::Sender<()>),
}

/// Why nothing was told.
#[derive(Debug, thiserror::Error)]
pub enum TellError {
    /// It changes nothing.
    #[error(transparent)]
    Ignored(#[from] Ignored),
    /// Controllers end.
    #[error("controllers end")]
    Gone,
}

/// The way to the keeper; clones share it.
#[derive(Clone)]
pub struct Keeper {
    calls: mpsc::Sender<Call>,
    board: Arc<RwLock<Board>>,
    clock: Arc<Clock>,
    /// Grows with each change of the board.
    changes: watch::Receiver<u64>,
}

impl Keeper {
    /// Records what was seen; returns when that is durable.
    ///
    /// # Errors
    /// When it changes nothing, or controllers end.
    pub async fn tell(&self, seen: Seen) -> Result<(), TellError> {
        let (answer, answered) = oneshot::channel();
        self.calls.send(Call::Seen(Box::new(seen), answer)).await.map_err(|_| TellError::Gone)?;
        Ok(answered.await.map_err(|_| TellError::Gone)??)
    }

    /// Hands a command over; returns when what follows is durable. It is refused for what nobody could tell of it, unless it would
    /// be in any case.
    pub(crate) async fn command(&self, arrived: Arrived, untold: Option<Refused>) -> Result<(), TellError> {
        let (answer, answered) = oneshot::channel();
        self.calls.send(Call::Command(Box::new(arrived), untold, answer)).await.map_err(|_| TellError::Gone)?;
        answered.await.map_err(|_| TellError::Gone)
    }

    /// Looks at the board.
    pub fn look<T>(&self, look: impl FnOnce(&Board) -> T) -> T {
        look(&self.board.read().unwrap_or_else(std::sync::PoisonError::into_inner))
    }

    /// The time of facts: what the board says of times is compared with this one.
    pub(crate) fn now(&self) -> Micros {
        self.clock.now()
    }

    /// Tells of changes.
    #[must_use]
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.changes.clone()
    }
}

/// What does the acts.
pub(crate) trait Hand: Clone + Send + Sync + 'static {
    /// Does one, and tells what came of it. It takes no longer than a few requests, or than a runner may take to stop: what waits
    /// for something else comes back with how long until it is looked at again. An error means that it is to be tried again.
    fn act(&self, action: Action) -> impl Future<Output = Result<Option<Duration>, String>> + Send;
}

/// The writer, not yet at work.
pub(crate) struct Writing {
    log: Arc<dyn Log>,
    writer: Arc<dyn Writer>,
    board: Arc<RwLock<Board>>,
    clock: Arc<Clock>,
    version: watch::Sender<u64>,
    calls: mpsc::Receiver<Call>,
    faults: Faults,
    metrics: ControllersMetrics,
}

/// Becomes the writer and folds everything that is there.
pub(crate) async fn open(
    log: Arc<dyn Log>,
    name: &str,
    faults: Faults,
    metrics: ControllersMetrics,
) -> Result<(Keeper, Writing), ControllersError> {
    let writer = patiently(&metrics, "become the writer of", FACTS, || async { log.writer(FACTS, name).await }).await?;
    let (sender, calls) = mpsc::channel(QUEUE);
    let (version, changes) = watch::channel(0);
    let board = Arc::new(RwLock::new(Board::default()));
    let clock = Arc::new(Clock::default());
    let mut writing =
        Writing { log, writer, board: Arc::clone(&board), clock: Arc::clone(&clock), version, calls, faults, metrics };
    writing.fold().await?;
    let first = writing.with(|board| begin(board, name, clock.now()));
    writing.write(vec![first]).await?;
    let epoch = writing.with(|board| board.epoch);
    writing.metrics.epoch.set(i64::try_from(epoch).unwrap_or(i64::MAX));
    Ok((Keeper { calls: sender, board, clock, changes }, writing))
}

impl Writing {
    fn with<T>(&self, look: impl FnOnce(&Board) -> T) -> T {
        look(&self.board.read().unwrap_or_else(std::sync::PoisonError::into_inner))
    }

    async fn fold(&mut self) -> Result<(), ControllersError> {
        let log = Arc::clone(&self.log);
        let bounds = patiently(&self.metrics, "find the end of", FACTS, || async { log.bounds(FACTS).await }).await?;
        let mut at = bounds.start;
        while at < bounds.end {
            let batch = patiently(&self.metrics, "read", FACTS, || async { log.read(FACTS, at, READ).await }).await?;
            for stored in &batch.records {
                self.apply(stored.offset, &stored.record.value)?;
            }
            if batch.next <= at {
                break;
            }
            at = batch.next;
        }
        Ok(())
    }

    fn apply(&self, offset: Offset, json: &[u8]) -> Result<(), ControllersError> {
        let fact = Fact::from_json(json).map_err(|source| ControllersError::Fact { at: FACTS, offset, source })?;
        ControllersMetrics::count(&self.metrics.facts, fact.body.name());
        self.clock.see(fact.time);
        let mut board = self.board.write().unwrap_or_else(std::sync::PoisonError::into_inner);
        board.apply(&fact);
        // Nobody replays a run here: query-api reads it from the log.
        board.shed(fact.object);
        Ok(())
    }

    /// Appends facts in one piece, reads them back, and takes them in.
    async fn write(&mut self, facts: Vec<Fact>) -> Result<(), ControllersError> {
        if facts.is_empty() {
            return Ok(());
        }
        self.faults.reach(Point::BeforeFacts).await;
        let records: Vec<_> = facts.iter().map(Fact::to_record).collect();
        let (writer, log) = (Arc::clone(&self.writer), Arc::clone(&self.log));
        let append = || async { writer.append(records.clone()).await };
        let range = patiently(&self.metrics, "append to", FACTS, append).await?;
        let (mut at, mut wanted) = (range.start, records.iter());
        while at < range.end && wanted.len() > 0 {
            let batch =
                patiently(&self.metrics, "read back", FACTS, || async { log.read(FACTS, at, READ).await }).await?;
            for stored in batch.records.iter().take_while(|stored| stored.offset < range.end) {
                let same = wanted.next().is_some_and(|record| record.value == stored.record.value);
                if !same {
                    return Err(ControllersError::NotReadBack { at: FACTS, offset: stored.offset });
                }
                self.apply(stored.offset, &stored.record.value)?;
            }
            if batch.next <= at {
                break;
            }
            at = batch.next;
        }
        if wanted.len() > 0 {
            return Err(ControllersError::NotReadBack { at: FACTS, offset: at });
        }
        self.with(|board| self.metrics.look_at(board));
        self.version.send_modify(|version| *version += 1);
        self.faults.reach(Point::AfterFacts).await;
        Ok(())
    }

    async fn take(&mut self, call: Call) -> Result<(), ControllersError> {
        let moment = self.clock.now();
        match call {
            Call::Seen(seen, answer) => {
                let followed = self.with(|board| observe(board, &seen, moment));
                let result = match followed {
                    Ok(facts) => self.write(facts).await.map(Ok)?,
                    Err(ignored) => Err(ignored),
                };
                let _ = answer.send(result);
            }
            Call::Command(arrived, untold, answer) => {
                let decided = |board: &Board| match untold {
                    None => decide(board, &arrived, moment),
                    Some(untold) => match foresee(board, &arrived, moment) {
                        Ok(facts) if !facts.is_empty() => Err(untold),
                        other => other,
                    },
                };
                let (kind, facts) = self.with(|board| match decided(board) {
                    Ok(facts) => ("followed", facts),
                    Err(refused) => {
                        tracing::info!(command = %arrived.command.id, object = %arrived.command.object, field = refused.field, value = refused.value, allowed = refused.allowed, "a command is refused");
                        ("refused", refusal(board, &arrived, &refused, moment))
                    }
                });
                ControllersMetrics::count(&self.metrics.commands, kind);
                self.write(facts).await?;
                // Clocks of those who ask may be ahead.
                let waited = (now().0 - arrived.command.time.0).max(0);
                self.metrics.command.observe(waited as f64 / SECOND as f64);
                let _ = answer.send(());
            }
        }
        Ok(())
    }

    /// Runs until everything that could call is gone, or the log refuses for good.
    pub(crate) async fn run(mut self, hand: impl Hand) -> Result<(), ControllersError> {
        let mut acts = Acts { hand, running: JoinSet::new(), keys: HashSet::new(), again: HashMap::new() };
        loop {
            let due = self.due(&mut acts).await?;
            tokio::select! {
                call = self.calls.recv() => match call {
                    Some(call) => self.take(call).await?,
                    None => return Ok(()),
                },
                Some(done) = acts.running.join_next() => acts.ended(done),
                () = tokio::time::sleep_until(due) => {}
            }
        }
    }

    /// Writes what is due, begins the acts; when to look again.
    async fn due(&mut self, acts: &mut Acts<impl Hand>) -> Result<Instant, ControllersError> {
        loop {
            // While the log refused, runners waited with what they say: none of them was silent, and none is late.
            while let Ok(call) = self.calls.try_recv() {
                self.take(call).await?;
            }
            let moment = self.clock.now();
            let mut actions = self.with(|board| next(board, moment));
            if let Some(Action::Record(facts)) = actions.first_mut() {
                let facts = std::mem::take(facts);
                self.write(facts).await?;
                continue;
            }
            let woken = wake(&actions).map_or(IDLE, |at| {
                Duration::from_micros(u64::try_from(at.0 - moment.0).unwrap_or(0))
                    .min(IDLE)
                    .max(Duration::from_millis(1))
            });
            let retried = acts.begin(actions);
            return Ok((Instant::now() + woken).min(retried.unwrap_or_else(|| Instant::now() + IDLE)));
        }
    }
}

/// Acts that run, and those that wait for another try.
struct Acts<H> {
    hand: H,
    running: JoinSet<(String, Result<Option<Duration>, String>)>,
    keys: HashSet<String>,
    again: HashMap<String, (Instant, Duration)>,
}

impl<H: Hand> Acts<H> {
    /// Begins what is due and does not run; when the next try is due.
    fn begin(&mut self, actions: Vec<Action>) -> Option<Instant> {
        let (moment, mut earliest) = (Instant::now(), None);
        let due: Vec<(String, Action)> = actions
            .into_iter()
            .filter(|action| !matches!(action, Action::Wait { .. } | Action::Record(_)))
            .map(|action| (format!("{action:?}"), action))
            .collect();
        self.again.retain(|key, _| due.iter().any(|(known, _)| known == key));
        for (key, action) in due {
            if self.keys.contains(&key) {
                continue;
            }
            if let Some((at, _)) = self.again.get(&key).filter(|(at, _)| *at > moment) {
                earliest = Some(earliest.map_or(*at, |known: Instant| known.min(*at)));
                continue;
            }
            if self.running.len() >= MOST_ACTS {
                break;
            }
            let (hand, name) = (self.hand.clone(), key.clone());
            self.running.spawn(async move { (name, hand.act(action).await) });
            self.keys.insert(key);
        }
        earliest
    }

    fn ended(&mut self, done: Result<(String, Result<Option<Duration>, String>), tokio::task::JoinError>) {
        match done {
            Ok((key, result)) => {
                self.keys.remove(&key);
                let waited = self.again.remove(&key).map(|(_, waited)| waited);
                // Done and still asked for: the fact that it makes is on its way, or was ignored; not at once again either.
                let longer = waited.map_or(FIRST_RETRY, |waited| (waited * 2).min(LONGEST_RETRY));
                let wait = match result {
                    Ok(wait) => wait.unwrap_or(longer),
                    Err(error) => {
                        let again_ms = longer.as_millis() as u64;
                        tracing::warn!(act = key, error, again_ms, "an act failed and is tried again");
                        longer
                    }
                };
                self.again.insert(key, (Instant::now() + wait, wait));
            }
            Err(error) => {
                tracing::error!(%error, "an act panicked: a bug");
                self.keys.clear();
            }
        }
    }
}

/// The time of this machine, where nobody compares it with that of facts.
pub(crate) fn now() -> Micros {
    Micros::of(jiff::Timestamp::now())
}

/// Tries again while the log refuses for a while.
pub(crate) async fn patiently<T, F: Future<Output = Result<T, LogError>>>(
    metrics: &ControllersMetrics,
    what: &'static str,
    at: TopicPartition,
    mut act: impl FnMut() -> F,
) -> Result<T, ControllersError> {
    let mut told = false;
    loop {
        match act().await {
            Err(error) if error.is_retryable() => {
                metrics.log_retries.inc();
                if !std::mem::replace(&mut told, true) {
                    tracing::warn!(%at, what, error = chain(&error), "the log refuses, operations wait for it");
                }
                tokio::time::sleep(RETRY_EVERY).await;
            }
            outcome => return outcome.map_err(ControllersError::log(what, at)),
        }
    }
}

#[cfg(test)]
mod tests;
