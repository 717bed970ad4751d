//! A run: the site is put up, things happen to it, it comes to rest, and is judged.

use std::{
    collections::HashSet,
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use beidou_log::Log;
use beidou_projector::{CONSUMER, GROUP, SOURCES};
use beidou_schemas::TopicPartition;
use beidou_simulator::{
    ApiServer, Clock, Cut, EventRecord, Expiry, Feeder, Fleet, Ledger, Refusal, ServerOptions, StateId,
    generate::EventStream, oracle::Judge,
};
use beidou_store::archive::Archive;
use object_store::memory::InMemory;
use tokio::time::Instant;
use uuid::Uuid;

use super::{
    broker::Broker,
    chance::Chance,
    course::{Course, Step, System},
    door::{Breaks, Network},
    hands::pass,
    process::{Process, Site, Who},
    table::Tables,
    trace::Trace,
    verdict::{Facts, archived_rows, judge, proven_until, states_of},
    weather::Weather,
};

/// When it begins: soon a month ends, so that some cuts have rows of two.
const START_US: i64 = 1_796_083_170_000_000;
/// How often it is looked at processes, and whether Events are due.
const BEAT: Duration = Duration::from_millis(50);
/// How often it is looked whether all is at rest.
const LOOK: Duration = Duration::from_millis(500);
/// After the last fault all is at rest within this, by the simulated clock.
const REST: Duration = Duration::from_secs(150);
/// So often the busy Event is overwritten while its cluster is out of reach: all but its last state are lost then.
const OVERWRITTEN: u32 = 4;
/// A restore that goes back by less is not seen by who has not read so far.
const LEAST_BACK: u64 = 30;

/// What came of a run.
pub struct Outcome {
    pub wrong: Vec<String>,
    pub trace: Vec<String>,
    pub hash: u64,
    /// States that were committed, and that are not in the table.
    pub states: usize,
    pub absent: usize,
}

/// Runs a course, in virtual time on this thread alone.
pub fn run(course: Course) -> Outcome {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
    runtime.expect("a runtime without threads").block_on(async { World::begin(course).await.go().await })
}

struct World {
    site: Arc<Site>,
    server: ApiServer,
    ledger: Ledger,
    feeder: Feeder,
    busy: EventRecord,
    chance: Chance,
    processes: Vec<Process>,
    own: HashSet<Uuid>,
    /// Older versions than this cannot be restored.
    compacted: u64,
    feeding: bool,
    /// When the last rest began: all time before it must be told.
    rest_from_us: i64,
    wrong: Vec<String>,
}

impl World {
    async fn begin(course: Course) -> Self {
        let (seed, trace, ledger, clock) =
            (course.seed, Trace::begin(), Ledger::default(), Clock::runtime_at(START_US));
        let fleet = Fleet::new(seed, 1, 3);
        let cluster = fleet.clusters[0].clone();
        let mut options = ServerOptions::new(cluster.clone(), ledger.clone());
        (options.clock, options.seed, options.compaction_us) = (clock.clone(), seed, 0);
        let (server, router) = ApiServer::in_process(options);
        let network = Network {
            router,
            token: server.token().to_owned(),
            weather: Weather::new(seed, "network"),
            trace: trace.clone(),
            breaks: Breaks::default(),
        };
        let stream = |seed| EventStream::new(seed, cluster.clone(), START_US, course.rate, START_US + 600_000_000);
        let tables = Tables::start(Weather::new(seed, "tables"), trace.clone());
        let broker = Broker::start(Weather::new(seed, "log"), trace.clone(), tables.clone()).await;
        hold_for_projector(&broker).await;
        let busy = stream(seed ^ 1).next_occurrence().2.clone();
        let feeder = Feeder::new(server.clone(), clock.clone(), stream(seed));
        let site = Arc::new(Site {
            trace,
            clock,
            skew: Arc::new(AtomicI64::new(0)),
            network: Arc::new(network),
            broker,
            tables,
            objects: Arc::new(InMemory::new()),
            bucket: Weather::new(seed, "bucket"),
            course,
        });
        let collectors = (0..site.course.collectors).map(Who::Ingest);
        let all = collectors.chain((0..site.course.projectors).map(Who::Projector));
        let processes = all.map(|who| Process::new(who, &site)).collect();
        let (_, compacted) = server.position();
        Self {
            site,
            server,
            ledger,
            feeder,
            busy,
            chance: Chance::of(seed, "world"),
            processes,
            own: HashSet::new(),
            compacted,
            feeding: true,
            rest_from_us: START_US,
            wrong: Vec::new(),
        }
    }

    async fn go(mut self) -> Outcome {
        // What was replaced before the first list nobody owes.
        self.feeding = false;
        if !self.settle(REST).await {
            self.wrong.push("it does not begin".to_owned());
        }
        self.feeding = true;
        for (pause, step) in self.site.course.steps.clone() {
            self.until(Instant::now() + pause).await;
            self.site.trace.note("world", format_args!("{step:?}"));
            self.take(step).await;
        }
        let settled = self.settle(REST).await;
        if !settled {
            let unrest = self.unrest().await;
            self.wrong.push(format!("it does not come to rest: {unrest}"));
        }
        let archive = Archive::on(self.site.objects.clone());
        let entries = self.ledger.entries();
        let facts = Facts {
            course: &self.site.course,
            entries: &entries,
            own: &self.own,
            until_us: self.rest_from_us,
            tables: &self.site.tables,
            archive: &archive,
        };
        self.wrong.extend(judge(&facts).await);
        self.wrong.extend(self.processes.iter().filter(|p| p.panicked).map(|p| format!("a panic: {:?}", p.ends)));
        let stored: HashSet<StateId> = self.stored().into_iter().collect();
        let judged = Judge::of(&entries);
        let states = judged.states().keys().filter(|state| !self.own.contains(&state.uid));
        let (states, absent): (Vec<&StateId>, Vec<&StateId>) = states.partition(|state| stored.contains(state));
        Outcome {
            wrong: self.wrong,
            hash: self.site.trace.hash(),
            trace: self.site.trace.lines(),
            states: states.len() + absent.len(),
            absent: absent.len(),
        }
    }

    /// Lets time pass up to a moment.
    async fn until(&mut self, at: Instant) {
        while Instant::now() < at {
            self.beat().await;
            pass(BEAT.min(at.saturating_duration_since(Instant::now()))).await;
        }
    }

    /// What goes on all the time.
    async fn beat(&mut self) {
        for process in &mut self.processes {
            process.look().await;
        }
        if self.feeding && self.chance.in_share(self.site.course.rate * BEAT.as_secs_f64()) {
            self.feeder.emit(1);
        }
        if self.feeding && self.chance.in_share(0.02) {
            self.overwrite();
        }
        if self.site.course.retains && self.chance.in_share(0.05) {
            self.site.broker.retain();
        }
    }

    fn overwrite(&mut self) {
        self.busy.occur(self.site.clock.now_us(), 1);
        self.server.report(&mut self.busy);
    }

    async fn take(&mut self, step: Step) {
        let faults = self.server.faults();
        match step {
            Step::Kill(who, down) => self.process(who).kill(down).await,
            Step::Hold(who, time) => self.process(who).hold(time),
            Step::HoldAtPending(who, time) => self.process(who).hold_at_pending(time),
            Step::Expel => self.site.broker.log.expel_oldest(GROUP),
            Step::Away(system, time) => {
                self.weather(system).go_away(time);
                if system == System::Network {
                    self.site.network.breaks.all();
                }
            }
            Step::Weather(system, shares) => self.weather(system).turn(shares),
            Step::CutStreams(in_frame) => faults.cut_streams(if in_frame { Cut::MidFrame } else { Cut::Clean }),
            Step::BreakConnections => self.site.network.breaks.all(),
            Step::Compact(time) => self.compact(time).await,
            Step::Expire(by_frame) => {
                self.compacted = faults.compact_now();
                faults.tell_expiry_by(expiry(by_frame));
                faults.cut_streams(Cut::Clean);
            }
            Step::ExpireLists(times) => faults.expire_next_lists(times),
            Step::Empty(times) => faults.empty_next_watches(times),
            Step::Refuse(times, how) => {
                let how = [Refusal::TooManyRequests, Refusal::InternalError, Refusal::Unavailable][usize::from(how)];
                faults.refuse_next(times, how);
            }
            Step::Restore(back) => self.restore(back).await,
            Step::Burst(states) => self.feeder.emit(states),
            Step::Retain => self.site.broker.retain(),
            Step::Skew(ms) => self.site.skew.store(ms * 1000, Ordering::SeqCst),
        }
    }

    fn process(&mut self, who: Who) -> &mut Process {
        let place = self.processes.iter().position(|process| process.who() == who);
        &mut self.processes[place.expect("the course names those that there are")]
    }

    fn weather(&self, system: System) -> &Weather {
        match system {
            System::Network => &self.site.network.weather,
            System::Log => &self.site.broker.weather,
            System::Tables => &self.site.tables.weather,
            System::Bucket => &self.site.bucket,
        }
    }

    /// The cluster is out of reach for a while, loses states then, and forgets its history.
    async fn out_of_reach(&mut self, time: Duration) {
        self.weather(System::Network).go_away(time);
        self.site.network.breaks.all();
        let end = Instant::now() + time;
        for left in (0..OVERWRITTEN).rev() {
            self.overwrite();
            self.until(end - time * left / OVERWRITTEN).await;
        }
    }

    async fn compact(&mut self, time: Duration) {
        self.out_of_reach(time).await;
        self.compacted = self.server.faults().compact_now();
        self.server.faults().tell_expiry_by(expiry(self.chance.in_share(0.5)));
    }

    /// Restores an older etcd, once all have read so far, and goes on when all have noticed: a counter that has outgrown a
    /// collector's position while that one was away cannot be told from one that never went back.
    async fn restore(&mut self, back: u64) {
        self.feeding = false;
        let settled = self.settle(REST).await && self.all_watch().await;
        self.out_of_reach(Duration::from_millis(600)).await;
        let (_, version) = self.server.position();
        let to = version.saturating_sub(back).max(self.compacted);
        if settled && version - to >= LEAST_BACK {
            self.remember_heartbeats();
            let at = self.server.faults().restart_with_lower_rv(to);
            self.site.trace.note("world", format_args!("restored from {version} to {at}"));
            self.site.network.breaks.all();
            if self.chance.in_share(0.4) {
                let who = Who::Ingest(self.chance.place(self.site.course.collectors));
                self.process(who).kill(Duration::from_millis(300)).await;
            }
            // Not further back the next time: what two restores brought back the judge cannot tell apart.
            self.compacted = at;
            // A list that was answered and not kept cannot be told from one that was kept.
            let noticed = self.all_watch().await && self.settle(REST).await;
            if !noticed {
                self.wrong.push(format!("not all notice the restore: {}", self.ends()));
            }
        }
        self.feeding = true;
    }

    /// Waits until each collector watches, with nothing lost that no list has settled, and has proven so.
    async fn all_watch(&mut self) -> bool {
        let end = Instant::now() + REST;
        let watch = |world: &Self| {
            let faults = world.server.faults();
            faults.unsettled_losses() == 0 && faults.running_streams() >= world.site.course.collectors
        };
        while !watch(self) && Instant::now() < end {
            self.until(Instant::now() + BEAT).await;
        }
        self.until(Instant::now() + Duration::from_millis(3 * self.site.course.heartbeat_ms)).await;
        // A watch may have reached its time limit just now.
        Instant::now() < end && self.server.faults().unsettled_losses() == 0
    }

    fn remember_heartbeats(&mut self) {
        for number in 0..self.site.course.collectors {
            let event = self.server.event("default", &format!("beidou-heartbeat.collector-{number}"));
            let event: Option<serde_json::Value> = event.and_then(|json| serde_json::from_slice(&json).ok());
            let uid: Option<Uuid> = event.and_then(|event| event["metadata"]["uid"].as_str()?.parse().ok());
            self.own.extend(uid);
        }
    }

    /// Ends all faults and all load, and waits until all that can be had is everywhere, and all time is told.
    async fn settle(&mut self, limit: Duration) -> bool {
        let feeding = std::mem::replace(&mut self.feeding, false);
        for system in System::ALL {
            self.weather(system).clear();
        }
        self.site.skew.store(0, Ordering::SeqCst);
        let faults = self.server.faults();
        faults.expire_next_lists(0);
        faults.empty_next_watches(0);
        faults.refuse_next(0, Refusal::InternalError);
        self.processes.iter_mut().for_each(Process::release);
        self.rest_from_us = self.site.clock.now_us();
        let end = Instant::now() + limit;
        let mut rests = false;
        while !rests && Instant::now() < end {
            self.until(Instant::now() + LOOK).await;
            rests = self.unrest().await.is_empty();
        }
        self.feeding = feeding;
        rests
    }

    fn stored(&self) -> Vec<StateId> {
        states_of(&self.site.tables.blocks("kube_event"))
    }

    /// What is still to come, in words; empty at rest.
    async fn unrest(&mut self) -> String {
        let proven = proven_until(&self.site.tables);
        if proven < self.rest_from_us {
            return format!("time is told up to {proven}, not to {}; {}", self.rest_from_us, self.ends());
        }
        self.remember_heartbeats();
        let judged = Judge::of(&self.ledger.entries());
        let (excused, stored) = (judged.excused(), self.stored());
        let there: HashSet<_> = stored.iter().collect();
        let due =
            |state: &&StateId| !self.own.contains(&state.uid) && !excused.contains(state) && !there.contains(state);
        let missing = judged.states().keys().filter(due).count();
        if missing > 0 {
            let first = judged.states().keys().filter(due).min();
            return format!("{missing} states are not in the table, {first:?}; {}", self.ends());
        }
        match archived_rows(&Archive::on(self.site.objects.clone())).await {
            all if all == stored.len() as u64 => String::new(),
            some => format!("{some} of {} rows are in the archive; {}", stored.len(), self.ends()),
        }
    }

    /// How processes ended by themselves.
    fn ends(&self) -> String {
        let ends = self.processes.iter().filter_map(|process| process.ends.last());
        format!("{:?}", ends.collect::<Vec<_>>())
    }
}

fn expiry(by_frame: bool) -> Expiry {
    if by_frame { Expiry::ErrorFrame } else { Expiry::HttpStatus }
}

/// As ingest's start does it: retention waits for a projector that has never run.
async fn hold_for_projector(broker: &Broker) {
    for topic in SOURCES {
        for partition in 0..broker.log.partitions(topic) {
            let at = TopicPartition::new(topic, partition);
            broker.log.release(at, CONSUMER, 0).await.expect("the memory twin has it");
        }
    }
}
