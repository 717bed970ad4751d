//! What rows of operations need of the facts before them: whose they are, and since when what they end has gone on.
//!
//! A fact names its object by id alone; the first one says cluster, name and type. Names are kept for ever, some 200 bytes for
//! each; all else goes when the object is over.

use std::collections::HashMap;

use beidou_schemas::{
    Micros, Offset,
    operation::{
        AttemptId, Object, Purpose,
        fact::{Accepted, AttemptIntended, Body, Fact, Refused, TaskAccepted},
    },
};
use uuid::Uuid;

/// All operations and tasks.
#[derive(Debug, Default)]
pub(in crate::encode) struct Runs {
    /// Every fact below was taken in.
    pub next: Offset,
    /// Of the writer that writes: facts of lower ones do not count.
    epoch: u64,
    all: HashMap<Object, Run>,
}

/// An operation, a task, or the board.
#[derive(Debug, Default)]
pub(super) struct Run {
    pub cluster: String,
    pub name: String,
    pub kind: &'static str,
    /// The task that owns it, or that it is; nil where none.
    pub task: Uuid,
    seq: u64,
    epoch: u64,
    /// `None` before it was accepted, and when it is over.
    live: Option<Live>,
}

/// What goes on.
#[derive(Debug)]
pub(super) struct Live {
    accepted: Micros,
    pub started: bool,
    /// Since when it stands still.
    held: Option<Micros>,
    /// Since when the present stage is worked on.
    stage: Option<Micros>,
    /// Since when the present step of a task goes on, and its gate waits.
    step: Micros,
    gate: Micros,
    steps: Vec<String>,
    /// Step and batch of each stage.
    stages: Vec<(u32, u32)>,
    attempts: HashMap<AttemptId, Attempt>,
}

/// A run of a runner.
#[derive(Debug)]
pub(super) struct Attempt {
    pub step: String,
    pub batch: u32,
    pub number: u32,
    pub purpose: Purpose,
    /// Its claim, or what came before it.
    since: Micros,
    claimed: bool,
}

impl Runs {
    /// Takes a fact in; how long what ended with it took, in milliseconds. `None` where the fact does not count: it is one of
    /// a writer that has been followed by another, or stands twice. The model's fold has the same rule.
    pub(super) fn take(&mut self, fact: &Fact) -> Option<u64> {
        let run = self.all.entry(fact.object).or_default();
        let repeated = fact.seq <= run.seq && (fact.epoch <= run.epoch || fact.object == Object::Board);
        if fact.epoch < self.epoch || repeated {
            return None;
        }
        if let Body::WriterStarted(_) = fact.body {
            self.epoch = fact.epoch;
        }
        (run.seq, run.epoch) = (fact.seq, fact.epoch);
        run.is_named_by(fact);
        Some(run.moves(fact))
    }

    pub(super) fn of(&self, object: Object) -> Option<&Run> {
        self.all.get(&object)
    }
}

impl Run {
    fn is_named_by(&mut self, fact: &Fact) {
        if let Object::Task(id) = fact.object {
            self.task = id.0;
        }
        match &fact.body {
            Body::Accepted(Accepted { name, spec, owner, .. }) => {
                (self.cluster, self.name) = (spec.cluster_name.clone(), name.clone());
                self.kind = spec.operation_type.name();
                self.task = owner.map_or(Uuid::nil(), |owner| owner.task.0);
            }
            Body::TaskAccepted(TaskAccepted { name, spec, .. }) => {
                (self.cluster, self.name) = (spec.cluster.clone(), name.clone());
                self.kind = spec.operation_task_type.name();
            }
            Body::Refused(Refused { name, cluster, .. }) => {
                (self.cluster, self.name) = (cluster.clone(), name.clone());
            }
            _ => {}
        }
    }

    fn moves(&mut self, fact: &Fact) -> u64 {
        let time = fact.time;
        match &fact.body {
            Body::Accepted(accepted) => self.live = Some(Live::of_operation(accepted, time)),
            Body::TaskAccepted(accepted) => self.live = Some(Live::of_task(accepted, time)),
            Body::HostResult(result) => return result.outcome.duration_ms,
            Body::Finished(_) => return self.live.take().map_or(0, |live| took(live.accepted, time)),
            body => return self.live.as_mut().map_or(0, |live| live.moves(body, time)),
        }
        0
    }

    pub(super) fn live(&self) -> Option<&Live> {
        self.live.as_ref()
    }
}

impl Live {
    fn new(accepted: Micros) -> Self {
        Self {
            accepted,
            started: false,
            held: None,
            stage: None,
            step: accepted,
            gate: accepted,
            steps: Vec::new(),
            stages: Vec::new(),
            attempts: HashMap::new(),
        }
    }

    fn of_operation(accepted: &Accepted, time: Micros) -> Self {
        let plan = &accepted.plan;
        let steps = plan.steps.iter().map(|step| step.name.clone()).collect();
        let stages = plan.stages.iter().map(|stage| (stage.step, stage.batch)).collect();
        Self { steps, stages, ..Self::new(time) }
    }

    fn of_task(accepted: &TaskAccepted, time: Micros) -> Self {
        let steps = accepted.spec.steps().map(|(step, bundle)| step.name_of(bundle)).collect();
        Self { steps, ..Self::new(time) }
    }

    fn moves(&mut self, body: &Body, time: Micros) -> u64 {
        let since = match body {
            Body::Started(_) => {
                self.started = true;
                Some(self.accepted)
            }
            Body::Held(_) => {
                self.held.get_or_insert(time);
                None
            }
            Body::Resumed(_) | Body::CancelAsked(_) => self.held.take(),
            Body::StageEnded(_) => self.stage.take(),
            Body::AttemptIntended(intended) => {
                self.intend(intended, time);
                None
            }
            Body::AttemptClaimed(claimed) => {
                self.attempts.get_mut(&claimed.attempt).and_then(|found| found.claim(time))
            }
            Body::AttemptEnded(ended) => self.attempts.get(&ended.attempt).map(|found| found.since),
            Body::TaskStepStarted(_) => {
                (self.started, self.step) = (true, time);
                None
            }
            Body::GateAsked(_) => {
                self.gate = time;
                None
            }
            Body::GateAnswered(_) => Some(self.gate),
            Body::TaskStepEnded(_) => Some(self.step),
            _ => None,
        };
        since.map_or(0, |since| took(since, time))
    }

    fn intend(&mut self, intended: &AttemptIntended, time: Micros) {
        let AttemptIntended { attempt, step, batch, number, purpose, .. } = intended.clone();
        if purpose == Purpose::Act {
            self.stage.get_or_insert(time);
        }
        self.attempts.insert(attempt, Attempt { step, batch, number, purpose, since: time, claimed: false });
    }

    /// The name of a step; empty where the plan has it not.
    pub(super) fn step(&self, place: u32) -> &str {
        self.steps.get(place as usize).map_or("", String::as_str)
    }

    /// Step and batch of a stage.
    pub(super) fn stage(&self, place: u32) -> (&str, u32) {
        self.stages.get(place as usize).map_or(("", 0), |(step, batch)| (self.step(*step), *batch))
    }

    pub(super) fn attempt(&self, id: &AttemptId) -> Option<&Attempt> {
        self.attempts.get(id)
    }
}

impl Attempt {
    /// The first claim is when the work began; returns since when it was waited for.
    fn claim(&mut self, time: Micros) -> Option<Micros> {
        if std::mem::replace(&mut self.claimed, true) {
            return None;
        }
        Some(std::mem::replace(&mut self.since, time))
    }
}

fn took(since: Micros, until: Micros) -> u64 {
    u64::try_from(until.0.saturating_sub(since.0) / 1000).unwrap_or(0)
}
