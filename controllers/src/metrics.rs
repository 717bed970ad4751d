//! The metrics of controllers. Labels are closed sets, never operations or hosts.

use std::collections::BTreeMap;

use beidou_model::operation::Board;
use beidou_schemas::{
    Micros,
    operation::{Phase, Reason},
    time::SECOND,
};
use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{
        counter::Counter,
        family::Family,
        gauge::Gauge,
        histogram::{Histogram, exponential_buckets},
    },
    registry::{Registry, Unit},
};

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(crate) struct OfKind {
    pub kind: &'static str,
}

/// All metrics of controllers; clones share them.
#[derive(Debug, Clone)]
pub struct ControllersMetrics {
    pub(crate) leads: Gauge,
    pub(crate) epoch: Gauge,
    pub(crate) facts: Family<OfKind, Counter>,
    pub(crate) commands: Family<OfKind, Counter>,
    pub(crate) command: Histogram,
    pub(crate) acts: Family<OfKind, Counter>,
    pub(crate) events: Counter,
    pub(crate) claims: Family<OfKind, Counter>,
    pub(crate) door: Family<OfKind, Counter>,
    open: Family<OfKind, Gauge>,
    standing_still: Family<OfKind, Gauge>,
    oldest_heard: Gauge,
    pub(crate) log_retries: Counter,
}

impl Default for ControllersMetrics {
    fn default() -> Self {
        Self {
            leads: Gauge::default(),
            epoch: Gauge::default(),
            facts: Family::default(),
            commands: Family::default(),
            // From ten milliseconds to ten minutes.
            command: Histogram::new(exponential_buckets(0.01, 2.0, 17)),
            acts: Family::default(),
            events: Counter::default(),
            claims: Family::default(),
            door: Family::default(),
            open: Family::default(),
            standing_still: Family::default(),
            oldest_heard: Gauge::default(),
            log_retries: Counter::default(),
        }
    }
}

impl ControllersMetrics {
    /// Makes the metrics and registers them.
    pub fn new(registry: &mut Registry) -> Self {
        let all = Self::default();
        registry.register("leads", "1 where these controllers carry operations out", all.leads.clone());
        registry.register("epoch", "The epoch of this writer: it grows with each start of any", all.epoch.clone());
        registry.register("facts", "Facts appended, by kind", all.facts.clone());
        registry.register("commands", "Commands read, by what became of them", all.commands.clone());
        let help = "From asking until what follows of a command is on the log";
        registry.register_with_unit("command", help, Unit::Seconds, all.command.clone());
        registry.register("acts", "Acts done, by what they are and how they ended", all.acts.clone());
        registry.register("task_events", "Events taken from runners", all.events.clone());
        registry.register("claims", "Claims of runners, by the answer", all.claims.clone());
        registry.register("door_requests", "Requests at the door, by the answer", all.door.clone());
        registry.register("open", "Operations and tasks that are not over, by phase", all.open.clone());
        let help = "Operations and tasks that move only when somebody decides, by reason";
        registry.register("standing_still", help, all.standing_still.clone());
        let help = "When the runner that has been silent for longest was heard of; 0 where none acts";
        registry.register_with_unit("oldest_heard_timestamp", help, Unit::Seconds, all.oldest_heard.clone());
        registry.register(
            "log_retries",
            "Appends and reads that the log refused for the moment",
            all.log_retries.clone(),
        );
        all.begin();
        all
    }

    /// So that alerts see the first time.
    fn begin(&self) {
        let zeros: [(&Family<OfKind, Counter>, &[&'static str]); 4] = [
            (&self.claims, &["granted", "refused"]),
            (&self.commands, &["followed", "refused"]),
            (&self.acts, &["failed"]),
            (&self.door, &DOOR),
        ];
        for (family, kinds) in zeros {
            for &kind in kinds {
                family.get_or_create_owned(&OfKind { kind });
            }
        }
        self.look_at(&Board::default());
    }

    pub(crate) fn count(family: &Family<OfKind, Counter>, kind: &'static str) {
        family.get_or_create(&OfKind { kind }).inc();
    }

    /// Counts an answer of the door.
    pub(crate) fn answered(&self, status: u16) {
        let [taken, refused, unknown, failed] = DOOR;
        let kind = match status {
            401 => unknown,
            500.. => failed,
            400.. => refused,
            _ => taken,
        };
        Self::count(&self.door, kind);
    }

    /// Tells how things stand.
    pub(crate) fn look_at(&self, board: &Board) {
        let operations = board.operations.awake().map(|one| (one.phase, one.reason));
        let tasks = board.tasks.awake().map(|one| (one.phase, one.reason));
        let (mut phases, mut reasons) = (BTreeMap::new(), BTreeMap::new());
        for (phase, reason) in operations.chain(tasks) {
            *phases.entry(phase).or_insert(0) += 1;
            if let Some(reason) = reason.filter(|_| phase.stands_still()) {
                *reasons.entry(reason).or_insert(0) += 1;
            }
        }
        for phase in Phase::ALL.iter().filter(|phase| !phase.is_over()) {
            let count = phases.get(phase).copied().unwrap_or(0);
            self.open.get_or_create(&OfKind { kind: phase.name() }).set(count);
        }
        for reason in Reason::ALL {
            let count = reasons.get(reason).copied().unwrap_or(0);
            self.standing_still.get_or_create(&OfKind { kind: reason.name() }).set(count);
        }
        // What controllers do without a runner is not claimed, and nothing is heard of it.
        let acting = board.operations.awake().filter_map(|one| one.open_attempt()).filter(|one| one.runner.is_some());
        let oldest: Option<Micros> = acting.map(|one| one.heard).min();
        self.oldest_heard.set(oldest.map_or(0, |at| at.0 / SECOND));
    }
}

/// Answers of the door: it was taken, it is not possible now, nobody knows the token, it failed and is tried again.
const DOOR: [&str; 4] = ["taken", "refused", "unauthenticated", "failed"];
