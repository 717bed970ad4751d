//! Processes: the product's own ingest and projector, begun, killed, held and begun again.

use std::{
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use beidou_ingest::{ClusterConfig, IngestConfig, IngestMetrics, IngestStatus, Inputs, Outside, OwnTime};
use beidou_projector::{
    CutLimit, Projector, ProjectorConfig,
    archive::{ArchiveConfig, DEFAULT_BUDGET},
    fault::Faults,
};
use beidou_schemas::Micros;
use beidou_service::telemetry::chain;
use beidou_simulator::Clock;
use beidou_store::archive::Archive;
use futures::future::BoxFuture;
use object_store::memory::InMemory;
use prometheus_client::registry::Registry;
use tokio::{sync::watch, task::JoinHandle, time::Instant};
use tokio_util::sync::CancellationToken;

use super::{
    broker::Broker,
    bucket::Bucket,
    chance::Chance,
    course::Course,
    door::{Door, Network},
    hands::Hands,
    table::Tables,
    trace::Trace,
    weather::Weather,
};

/// A process that ended by itself begins again after this.
const RESTART: Duration = Duration::from_secs(1);

/// Everything that processes work with.
pub struct Site {
    pub course: Course,
    pub trace: Trace,
    pub clock: Clock,
    /// So much the collectors' clocks are wrong, in microseconds.
    pub skew: Arc<AtomicI64>,
    pub network: Arc<Network>,
    pub broker: Arc<Broker>,
    pub tables: Arc<Tables>,
    pub objects: Arc<InMemory>,
    pub bucket: Weather,
}

/// Which process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Who {
    Ingest(usize),
    Projector(usize),
}

/// One process over all its lives.
pub struct Process {
    who: Who,
    name: String,
    site: Arc<Site>,
    hands: Hands,
    lives: u64,
    running: Option<JoinHandle<Result<(), String>>>,
    begin_at: Instant,
    /// Held until then.
    held: Option<Instant>,
    /// To be held for so long, once a cut of its stands as pending.
    aimed: Option<Duration>,
    /// How its lives ended that were not killed.
    pub ends: Vec<String>,
    /// One of them by a panic.
    pub panicked: bool,
}

impl Process {
    pub fn new(who: Who, site: &Arc<Site>) -> Self {
        let name = match who {
            Who::Ingest(n) => format!("ingest-{n}"),
            Who::Projector(n) => format!("projector-{n}"),
        };
        Self {
            who,
            name,
            site: site.clone(),
            hands: Hands::default(),
            lives: 0,
            running: None,
            begin_at: Instant::now(),
            held: None,
            aimed: None,
            ends: Vec::new(),
            panicked: false,
        }
    }

    pub fn who(&self) -> Who {
        self.who
    }

    /// Begins it if it is due, notes it if it has ended, lets it go on if it was held long enough.
    pub async fn look(&mut self) {
        if self.running.as_ref().is_some_and(JoinHandle::is_finished)
            && let Some(ended) = self.running.take()
        {
            let end = match ended.await {
                Ok(Ok(())) => "ended".to_owned(),
                Ok(Err(error)) => error,
                Err(error) => {
                    self.panicked |= error.is_panic();
                    error.to_string()
                }
            };
            self.site.trace.note(&self.name, format_args!("ends: {end}"));
            self.ends.push(end);
            self.hands.cut_off();
            self.begin_at = Instant::now() + RESTART;
        }
        if self.hands.are_held()
            && let Some(time) = self.aimed.take()
        {
            self.stands_still(time);
        }
        if self.held.is_some_and(|until| Instant::now() >= until) {
            self.held = None;
            self.site.trace.note(&self.name, format_args!("goes on"));
            self.hands.let_go();
        }
        if self.running.is_none() && Instant::now() >= self.begin_at {
            self.begin();
        }
    }

    fn life(&self) -> String {
        format!("{}/{}", self.name, self.lives)
    }

    fn begin(&mut self) {
        self.lives += 1;
        (self.hands, self.aimed) = (Hands::default(), None);
        let life = self.life();
        self.site.trace.note(&self.name, format_args!("begins life {}", self.lives));
        let running: BoxFuture<'static, Result<(), String>> = match self.who {
            Who::Ingest(n) => Box::pin(ingest(self.site.clone(), n, life, self.hands.clone())),
            Who::Projector(_) => Box::pin(projector(self.site.clone(), life, self.hands.clone())),
        };
        self.running = Some(tokio::spawn(running));
    }

    /// `kill -9`; it begins again after a while.
    pub async fn kill(&mut self, down: Duration) {
        self.site.trace.note(&self.name, format_args!("is killed"));
        self.hands.cut_off();
        (self.held, self.aimed) = (None, None);
        if let Some(running) = self.running.take() {
            running.abort();
            let _cancelled = running.await;
        }
        self.begin_at = Instant::now() + down;
    }

    /// SIGSTOP, and SIGCONT after a while.
    pub fn hold(&mut self, time: Duration) {
        if self.running.is_some() {
            self.hands.hold();
            self.aimed = None;
            self.stands_still(time);
        }
    }

    /// The same as soon as a cut of its stands as pending.
    pub fn hold_at_pending(&mut self, time: Duration) {
        if self.running.is_some() && self.held.is_none() {
            self.hands.hold_at_pending();
            self.aimed = Some(time);
        }
    }

    fn stands_still(&mut self, time: Duration) {
        self.site.trace.note(&self.name, format_args!("is held for {} ms", time.as_millis()));
        self.held = Some(Instant::now() + time);
        if matches!(self.who, Who::Projector(_)) {
            self.site.broker.expel(&self.life());
        }
    }

    /// Nothing more is done to it.
    pub fn release(&mut self) {
        if self.aimed.take().is_some() {
            self.hands.let_go();
        }
        self.held = self.held.map(|_| Instant::now());
        self.begin_at = self.begin_at.min(Instant::now() + RESTART);
    }
}

/// What is outside of a collector.
struct Simulated {
    clock: Clock,
    skew: Arc<AtomicI64>,
    time: Mutex<OwnTime>,
    chance: Chance,
    door: Arc<Door>,
}

impl Simulated {
    /// The machine's time, with what its clocks say: the wall clock may be wrong, the steady one is not.
    fn readings(&self) -> (MutexGuard<'_, OwnTime>, Micros, i64) {
        let steady = self.clock.now_us();
        let time = self.time.lock().unwrap_or_else(PoisonError::into_inner);
        (time, Micros(steady + self.skew.load(Ordering::SeqCst)), steady)
    }
}

impl Outside for Simulated {
    fn now(&self) -> Micros {
        let (mut time, wall, steady) = self.readings();
        time.now(wall, steady).0
    }

    fn latest(&self) -> Micros {
        let (mut time, wall, steady) = self.readings();
        time.latest(wall, steady)
    }

    fn any_of(&self, range: std::ops::RangeInclusive<i64>) -> i64 {
        self.chance.any(range)
    }

    fn client(&self, _cluster: &ClusterConfig) -> Option<kube::Client> {
        Some(self.door.client())
    }
}

async fn ingest(site: Arc<Site>, number: usize, life: String, hands: Hands) -> Result<(), String> {
    let course = &site.course;
    let collector = format!("collector-{number}");
    let config = IngestConfig {
        collector: collector.clone(),
        heartbeat_ms: course.heartbeat_ms,
        watch_timeout_ms: course.watch_timeout_ms,
        page_size: course.page_size,
        longest_wait_ms: 2000,
        compare_every_seconds: course.compare_every_seconds,
        ..IngestConfig::default()
    };
    let cluster = ClusterConfig {
        name: "one".into(),
        kubeconfig: None,
        context: None,
        server: Some("http://one".into()),
        token: None,
        token_file: None,
        ca_file: None,
        id: None,
        heartbeat: true,
    };
    let door = Arc::new(Door { network: site.network.clone(), collector, hands: hands.clone() });
    let steady = site.clock.now_us();
    let outside = Simulated {
        clock: site.clock.clone(),
        skew: site.skew.clone(),
        time: Mutex::new(OwnTime::new(Micros(steady + site.skew.load(Ordering::SeqCst)), steady)),
        chance: Chance::of(course.seed, &life),
        door,
    };
    let (_clusters, clusters) = watch::channel(vec![cluster]);
    let inputs = Inputs {
        log: site.broker.of(&life, hands),
        clusters,
        metrics: IngestMetrics::new(&mut Registry::default()),
        status: watch::channel(IngestStatus::default()).0,
        outside: Arc::new(outside),
        fault: course.planted.of_ingest(),
    };
    beidou_ingest::run(config, inputs, CancellationToken::new()).await.map_err(|error| chain(&error))
}

async fn projector(site: Arc<Site>, life: String, hands: Hands) -> Result<(), String> {
    let course = &site.course;
    let bucket = Bucket {
        objects: site.objects.clone(),
        weather: site.bucket.clone(),
        trace: site.trace.clone(),
        who: life.clone(),
        hands: hands.clone(),
    };
    let archive = ArchiveConfig {
        max_rows: course.file_rows,
        max_age: course.file_age,
        budget: DEFAULT_BUDGET,
        ..ArchiveConfig::new(Archive::on(Arc::new(bucket)))
    };
    let config = ProjectorConfig {
        name: life.clone(),
        cut: CutLimit {
            records: course.cut_records,
            linger: Duration::from_millis(50),
            pace: Duration::from_millis(200),
            ..CutLimit::default()
        },
        held_bytes: course.held_bytes,
        archive: Some(archive),
        faults: Faults { bugs: course.planted.of_projector(), ..Faults::default() },
        ..ProjectorConfig::default()
    };
    let log = site.broker.of(&life, hands.clone());
    let projector = Projector::new(config, log, site.tables.of(hands), &mut Registry::default());
    projector.run(CancellationToken::new()).await.map_err(|error| chain(&error))
}
