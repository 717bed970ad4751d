//! The thin hand of one cluster's chain: does what the chain says, tells it what happened.
//!
//! ```text
//!   stream ─► lines ─► batch ─► append (one under way) ─► Acked ─► chain ─► positions
//!                        │
//!                        └ full: reading stops until the append is done
//! ```
//!
//! Memory of a cluster: a batch under way and one being filled, each of [`MOST_BATCH_BYTES`] and one frame more, the
//! index of live Events (some tens of bytes each), and the connection.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use beidou_model::watch::{Asked, Chain, CompareInput, Comparer, Input};
use beidou_schemas::{ClusterUid, Micros, ResourceVersion, coverage::Reason};
use bytes::Bytes;
use futures::future::BoxFuture;
use kube::client::Body;
use tokio::time::{Instant, Interval, MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::{
    compare::{ComparePage, comparer},
    frame::State,
    prove::{Proof, Prover},
    request::{ApiError, Link},
    store::Store,
    stream::{Arrival, Stream},
};
use crate::{
    clusters::{self, ClusterConfig, ConnectError},
    config::IngestConfig,
    coverage::Coverage,
    error::IngestError,
    fault::Fault,
    heartbeat::Heartbeat,
    metrics::IngestMetrics,
    outside::Outside,
    publish::{Batch, Publisher},
    status::Board,
};

/// A batch is appended when it has so many bytes: some thousand Events, far more than a group commit needs.
pub(super) const MOST_BATCH_BYTES: usize = 2 << 20;
/// Frames wait so long for company. Short against a heartbeat, long against an fsync.
const LINGER: Duration = Duration::from_millis(20);
/// How often the chain is told that time passes, at most.
const TICK: Duration = Duration::from_secs(1);
/// What all clusters share.
pub(crate) struct Tools {
    pub(crate) config: IngestConfig,
    pub(crate) publisher: Arc<Publisher>,
    pub(crate) coverage: Coverage,
    pub(crate) metrics: IngestMetrics,
    pub(crate) board: Board,
    pub(crate) outside: Arc<dyn Outside>,
    pub(crate) fault: Option<Fault>,
}

impl Tools {
    /// The way to a cluster.
    pub(crate) async fn link(&self, cluster: &ClusterConfig) -> Result<Link, ConnectError> {
        match self.outside.client(cluster) {
            Some(client) => Ok(Link::new(client, cluster.name.clone())),
            None => clusters::connect(cluster).await,
        }
    }
}

/// How the task of a cluster is told to end.
#[derive(Clone, Default)]
pub(crate) struct Ending {
    pub(crate) token: CancellationToken,
    removed: Arc<AtomicBool>,
}

impl Ending {
    pub(crate) fn removed(&self) {
        self.removed.store(true, Ordering::Relaxed);
        self.token.cancel();
    }

    fn reason(&self) -> Reason {
        if self.removed.load(Ordering::Relaxed) { Reason::Removed } else { Reason::Shutdown }
    }
}

pub(super) enum Answer {
    Opened(Result<Body, ApiError>, Duration),
    Page(Result<Bytes, ApiError>),
}

enum Happening {
    Tick,
    Woke,
    Answer(Answer),
    /// With the moment of the question.
    Proof(Prover, Micros, Result<Proof, ApiError>),
    Compared(ComparePage),
    Appended(Result<Batch, IngestError>),
    Arrival(Arrival),
    Linger,
    Ending,
}

pub(super) type Slot<T> = Option<BoxFuture<'static, T>>;

/// Drives one cluster's chain.
pub(crate) struct Driver {
    pub(super) tools: Arc<Tools>,
    pub(super) config: ClusterConfig,
    pub(super) link: Link,
    pub(super) store: Store,
    pub(super) chain: Chain,
    pub(super) stream: Option<Stream>,
    /// The number of the stream that is open, or was last.
    pub(super) streams: u64,
    /// Why the stream ended; told to the chain when all that was read is acknowledged.
    pub(super) ended: Option<(Reason, String)>,
    pub(super) batch: Batch,
    filling_since: Option<Instant>,
    appending: Slot<Result<Batch, IngestError>>,
    pub(super) request: Slot<Answer>,
    pub(super) prover: Prover,
    pub(super) proving: Slot<(Prover, Micros, Result<Proof, ApiError>)>,
    pub(super) wake: Option<Instant>,
    ticks: Interval,
    /// What the log has of live Events, and the comparison of it with lists.
    pub(super) comparer: Comparer,
    pub(super) comparing: Slot<ComparePage>,
    /// The states of the page that is being compared.
    pub(super) compared: Vec<State>,
    pub(super) page_size: u32,
    /// The way to the server is in doubt: read it anew before the next try.
    pub(super) stale: bool,
    /// So many tries in a row have not reached it.
    unreached: u32,
    /// The server's etcd was set back, or is that of another cluster: see [`Driver::look_who_answers`].
    doubted: bool,
    /// Another cluster answers.
    pub(super) replaced: bool,
    /// It is to end.
    ending: CancellationToken,
    /// A list came before the watch that is being opened.
    pub(super) listed: bool,
    /// Where the server stood when it was asked last.
    pub(super) stands_at: ResourceVersion,
    pub(super) last_frame: Option<Micros>,
    /// A cluster that was never listed is not proven since.
    pub(super) begun: Micros,
    /// The latest proof that was published.
    pub(super) proven: Micros,
    pub(super) detail: String,
}

impl Driver {
    pub(super) fn now(&self) -> Micros {
        self.tools.outside.now()
    }

    /// Drives the chain until the ending is told; everything read by then is in the log.
    pub(crate) async fn run(
        tools: Arc<Tools>,
        config: ClusterConfig,
        cluster: ClusterUid,
        link: Link,
        ending: Ending,
    ) -> Result<(), IngestError> {
        let standing = tools.coverage.standing(&cluster);
        let settings = tools.config.chain_settings();
        let (chain, actions) = Chain::start(settings, cluster.clone(), config.name.clone(), standing);
        let heartbeat =
            config.heartbeat.then(|| Heartbeat::new(&tools.config.heartbeat_namespace, &tools.config.collector));
        let mut ticks = interval(TICK.min(Duration::from_millis(tools.config.heartbeat_ms / 10)));
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let comparer = comparer(&tools, &chain);
        let (partitions, begun) = (tools.publisher.partitions(), tools.outside.now());
        let frames = tools.metrics.frames_of(&config.name);
        tools.metrics.begin(&config.name);
        let store = Store { cluster, name: config.name.clone(), partitions, metrics: tools.metrics.clone(), frames };
        let mut driver = Self {
            page_size: tools.config.page_size,
            tools,
            config,
            link,
            store,
            chain,
            stream: None,
            streams: 0,
            ended: None,
            batch: Batch::default(),
            filling_since: None,
            appending: None,
            request: None,
            prover: Prover::new(heartbeat),
            proving: None,
            wake: None,
            ticks,
            comparer,
            comparing: None,
            compared: Vec::new(),
            stale: false,
            unreached: 0,
            doubted: false,
            replaced: false,
            ending: ending.token.clone(),
            listed: false,
            stands_at: ResourceVersion::default(),
            last_frame: None,
            begun,
            proven: Micros::default(),
            detail: String::new(),
        };
        driver.act(actions).await?;
        loop {
            let happening = driver.next(&ending.token).await;
            if matches!(happening, Happening::Ending) {
                return driver.end(ending.reason()).await;
            }
            // Frames come by the thousand; what they change shows with their acknowledgement.
            let quiet = matches!(happening, Happening::Arrival(_) | Happening::Linger);
            driver.handle(happening).await?;
            if driver.replaced {
                return driver.end(Reason::Removed).await;
            }
            driver.flow().await?;
            if !quiet {
                driver.report();
            }
        }
    }

    fn may_read(&self) -> bool {
        let own = self.batch.is_empty() || self.batch.stream == self.streams;
        self.ended.is_none() && own && self.batch.bytes < MOST_BATCH_BYTES
    }

    async fn next(&mut self, ending: &CancellationToken) -> Happening {
        let may_read = self.may_read();
        let linger = self.filling_since.filter(|_| self.appending.is_none()).map(|since| since + LINGER);
        tokio::select! {
            biased;
            () = ending.cancelled() => Happening::Ending,
            appended = ready(&mut self.appending) => Happening::Appended(appended),
            (prover, asked, proof) = ready(&mut self.proving) => Happening::Proof(prover, asked, proof),
            page = ready(&mut self.comparing) => Happening::Compared(page),
            answer = ready(&mut self.request) => Happening::Answer(answer),
            () = at(self.wake) => Happening::Woke,
            _ = self.ticks.tick() => Happening::Tick,
            () = at(linger) => Happening::Linger,
            arrival = arrival(&mut self.stream), if may_read => Happening::Arrival(arrival),
        }
    }

    async fn handle(&mut self, happening: Happening) -> Result<(), IngestError> {
        match happening {
            Happening::Tick => {
                self.gauge();
                let reading = self.may_read();
                self.input(Input::Tick { reading }).await?;
                self.compare(CompareInput::Tick).await
            }
            Happening::Woke => {
                self.wake = None;
                self.renew().await;
                self.look_who_answers().await;
                if self.replaced { Ok(()) } else { self.input(Input::Woke).await }
            }
            Happening::Answer(Answer::Opened(Ok(body), timeout)) => {
                self.stream = Some(Stream::new(body, timeout));
                (self.listed, self.unreached) = (false, 0);
                self.detail.clear();
                self.input(Input::Opened { session: Uuid::now_v7() }).await
            }
            Happening::Answer(Answer::Opened(Err(error), _)) => self.refused(Asked::Open, &error).await,
            Happening::Answer(Answer::Page(Ok(body))) => self.page(&body).await,
            Happening::Answer(Answer::Page(Err(error))) => {
                if matches!(error, ApiError::TooLarge(_)) {
                    self.page_size = (self.page_size / 2).max(1);
                }
                self.refused(Asked::List, &error).await
            }
            Happening::Proof(prover, asked, Ok(Proof { beat, written })) => {
                (self.prover, self.unreached) = (prover, 0);
                self.stands_at = beat.version;
                self.comparer.witness(asked, self.now(), beat.version);
                self.input(Input::Proved { version: beat.version, written, set_back: beat.set_back }).await
            }
            Happening::Proof(prover, _, Err(error)) => {
                self.prover = prover;
                self.refused(Asked::Prove, &error).await
            }
            Happening::Compared(page) => self.compare_page(page).await,
            Happening::Appended(batch) => self.appended(batch?).await,
            Happening::Arrival(Arrival::Line(line)) => self.lines(line).await,
            Happening::Arrival(Arrival::End(reason, detail)) => {
                self.ended = Some((reason, detail));
                Ok(())
            }
            Happening::Linger => {
                self.append();
                Ok(())
            }
            Happening::Ending => Ok(()),
        }
    }

    /// Keeps things moving: appends what is full or final, and tells the chain of an end that is settled.
    async fn flow(&mut self) -> Result<(), IngestError> {
        if self.batch.is_empty() {
            self.filling_since = None;
        } else if self.filling_since.is_none() {
            self.filling_since = Some(Instant::now());
        }
        let full = self.batch.bytes >= MOST_BATCH_BYTES || self.ended.is_some();
        if full && !self.batch.is_empty() && self.appending.is_none() {
            self.append();
        }
        if self.batch.is_empty()
            && self.appending.is_none()
            && let Some((reason, detail)) = self.ended.take()
        {
            self.detail = if detail.is_empty() { String::new() } else { format!("{}: {detail}", reason.name()) };
            tracing::debug!(cluster = %self.config.name, reason = reason.name(), %detail, "the watch ended");
            self.input(Input::Closed { reason, detail }).await?;
        }
        Ok(())
    }

    /// Hands the batch to the log.
    fn append(&mut self) {
        let mut batch = std::mem::take(&mut self.batch);
        self.filling_since = None;
        let publisher = Arc::clone(&self.tools.publisher);
        let late = self.tools.fault == Some(Fault::PositionBeforeAck);
        self.appending = Some(Box::pin(async move {
            if late {
                tokio::time::sleep(PLANTED_DELAY).await;
            }
            publisher.append_batch(&mut batch).await.map(|()| batch)
        }));
    }

    async fn appended(&mut self, batch: Batch) -> Result<(), IngestError> {
        self.count_appended(&batch);
        if batch.stream != self.streams || self.stream.is_none() {
            return Ok(());
        }
        self.remember(&batch);
        if let Some(version) = batch.version {
            self.input(Input::Acked { version }).await?;
        }
        self.compare(CompareInput::Tick).await
    }

    /// Brings what was read into the log and says where the watch stands.
    async fn end(mut self, reason: Reason) -> Result<(), IngestError> {
        let open = (self.streams, self.stream.is_some());
        loop {
            if let Some(appending) = self.appending.take() {
                self.appended(appending.await?).await?;
            } else if self.batch.is_empty() {
                break;
            } else {
                self.append();
            }
        }
        tracing::info!(cluster = %self.config.name, reason = reason.name(), ?open, "collection ends");
        let actions = self.chain.step(self.now(), Input::Stop { reason });
        self.act(actions).await?;
        self.report();
        Ok(())
    }

    pub(super) async fn input(&mut self, input: Input) -> Result<(), IngestError> {
        // These end what was lost.
        let lost = matches!(input, Input::PageRead { .. } | Input::Proved { set_back: true, .. });
        let now = if lost { self.tools.outside.latest() } else { self.now() };
        let epoch = self.chain.epoch();
        let actions = self.chain.step(now, input);
        self.doubted |= self.chain.epoch() != epoch;
        self.act(actions).await
    }

    async fn refused(&mut self, of: Asked, error: &ApiError) -> Result<(), IngestError> {
        let why = error.refusal();
        self.stale |= error.doubts_the_way(&mut self.unreached);
        let what = match of {
            Asked::Prove => "cannot ask where the server stands",
            Asked::Open => "cannot open the watch",
            Asked::List => "cannot list Events",
        };
        let advice = error.advice();
        self.detail = format!("{what}: {error}{advice}");
        tracing::warn!(cluster = %self.config.name, %error, "{what}{advice}");
        self.input(Input::Refused { of, why, detail: error.to_string() }).await
    }

    /// Reads the way to the server anew, credentials and all: kubeconfigs, tokens and certificates are replaced in place.
    async fn renew(&mut self) {
        if std::mem::take(&mut self.stale) {
            let ending = self.ending.clone();
            match ending.run_until_cancelled(self.tools.link(&self.config)).await {
                Some(Ok(link)) => self.link = link,
                Some(Err(error)) => self.detail = super::chain(&error),
                None => {}
            }
        }
    }

    /// A cluster that was made anew in the place of this one, with the same authority, has an etcd of its own: it looks as if that
    /// of this one had been set back. It is not this one, and begins as itself.
    pub(super) async fn look_who_answers(&mut self) {
        if !self.doubted {
            return;
        }
        let ending = self.ending.clone();
        let answer = ending.run_until_cancelled(clusters::identify(&self.config, &self.link)).await;
        match answer {
            Some(Ok(found)) => {
                (self.doubted, self.replaced) = (false, found != self.store.cluster);
                if self.replaced {
                    let (name, was) = (&self.config.name, &self.store.cluster);
                    tracing::warn!(cluster = %name, %was, %found, "another cluster answers in the place of this one");
                }
            }
            // It is asked again with the next try.
            Some(Err(error)) => self.detail = super::chain(&error),
            None => {}
        }
    }
}

/// With the bug "position before ack" an append comes so much later than the position.
const PLANTED_DELAY: Duration = Duration::from_millis(400);

async fn ready<T>(slot: &mut Slot<T>) -> T {
    match slot {
        Some(future) => {
            let value = future.await;
            *slot = None;
            value
        }
        None => std::future::pending().await,
    }
}

async fn at(time: Option<Instant>) {
    match time {
        Some(time) => tokio::time::sleep_until(time).await,
        None => std::future::pending().await,
    }
}

async fn arrival(stream: &mut Option<Stream>) -> Arrival {
    match stream {
        Some(stream) => stream.next().await,
        None => std::future::pending().await,
    }
}
