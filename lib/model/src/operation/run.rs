//! An operation, as the facts tell it.

use std::collections::BTreeMap;

use beidou_schemas::{
    Micros,
    operation::{
        Actor, HostState, OperationId, OperationSpec, Owner, Phase, Plan, Reason, Stage, StepPlan, UndoBy, UndoKind,
        fact::{Accepted, Ending, Lock, Released},
    },
};
use serde::{Deserialize, Serialize};

use super::{Attempt, Debt, DebtState, Rests};

/// The number of an operation's first fact.
const ACCEPTED: u64 = 1;

/// A host in a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cell {
    /// Where it stands.
    pub state: HostState,
    /// Since when.
    pub since: Micros,
    /// How long it took, in milliseconds; 0 while it is not through.
    pub duration_ms: u64,
}

/// A host's state in a step changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    /// When.
    pub time: Micros,
    /// The step, a place in the plan.
    pub step: u32,
    /// The host, a place in the plan.
    pub host: u32,
    /// Where it stands from then on.
    pub state: HostState,
}

/// Locks that an operation holds or held.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LockSpan {
    /// What.
    pub locks: Vec<Lock>,
    /// Since when.
    pub since: Micros,
    /// Until when, unless renewed.
    pub until: Micros,
    /// Why.
    pub why: String,
    /// Since when it is free, and why.
    pub released: Option<(Micros, Released)>,
}

/// People are to be told of a fact.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Notice {
    /// The fact.
    pub of_seq: u64,
    /// Failed tries.
    pub tries: u32,
    /// Not before.
    pub after: Micros,
    /// How it stood then; absent where it waits for an approval.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stood: Option<Stood>,
}

/// How something stands, or stood.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stood {
    /// Where.
    pub phase: Phase,
    /// Why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<Reason>,
    /// The same for people.
    pub message: String,
}

impl Notice {
    /// That an approval is waited for: told as it stands when it is told.
    pub(crate) fn asks(of_seq: u64, after: Micros) -> Self {
        Self { of_seq, tries: 0, after, stood: None }
    }

    /// That it is held, or over: told as it stood, however late.
    pub(crate) fn tells(of_seq: u64, after: Micros, phase: Phase, reason: Reason, message: &str) -> Self {
        let stood = Stood { phase, reason: Some(reason), message: message.to_owned() };
        Self { stood: Some(stood), ..Self::asks(of_seq, after) }
    }
}

/// An operation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Operation {
    /// Its id.
    pub id: OperationId,
    /// For people: `namespace/name`.
    pub name: String,
    /// Who asked.
    pub subject: String,
    /// Why, for people; may be empty.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub why: String,
    /// What it is to do.
    pub spec: OperationSpec,
    /// The task that it belongs to.
    pub owner: Option<Owner>,
    /// How it is carried out.
    pub plan: Plan,
    /// The number of its last fact.
    pub seq: u64,
    /// The epoch of its last fact.
    pub epoch: u64,
    /// When it was accepted.
    pub created: Micros,
    /// When its last fact was written.
    pub updated: Micros,
    /// Where it stands.
    pub phase: Phase,
    /// Why, where it stands still or is over.
    pub reason: Option<Reason>,
    /// The same for people.
    pub message: String,
    /// Since when it stands there.
    pub since: Micros,
    /// Who approved.
    pub approved: Option<String>,
    /// When its first step could begin.
    pub started: Option<Micros>,
    /// The present stage: a place in the plan, or behind the last one.
    pub stage: u32,
    /// The next stage begins not before.
    pub soak_until: Micros,
    /// Failures of the present stage are accepted.
    pub accepted: bool,
    /// The last attempt came to nothing: why.
    pub trouble: Option<(Reason, String)>,
    /// Hosts by step: `cells[step][host]`.
    pub cells: Vec<Vec<Cell>>,
    /// Every change of a cell, in order; gone once they were shed.
    pub changes: Vec<Change>,
    /// Of changes that were shed: when the first and the last one of each step came.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub spans: Option<Vec<Option<(Micros, Micros)>>>,
    /// Its attempts, in order.
    pub attempts: Vec<Attempt>,
    /// Names of the nodes that its hosts are, by address, as far as they were told.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub nodes: BTreeMap<String, String>,
    /// What must be undone.
    pub debts: Vec<Debt>,
    /// Its locks, in order.
    pub locks: Vec<LockSpan>,
    /// How it will end.
    pub ending: Option<Ending>,
    /// When it was over.
    pub ended: Option<Micros>,
    /// What people are to be told.
    pub notices: Vec<Notice>,
    /// Its facts do not follow one another: nothing is done any more.
    pub broken: bool,
}

impl Rests for Operation {
    fn rests(&self) -> bool {
        self.phase.is_over() && self.open_attempt().is_none() && self.notices.is_empty()
    }
}

impl Operation {
    pub(crate) fn new(id: OperationId, accepted: Accepted, seq: u64, epoch: u64, now: Micros) -> Self {
        let Accepted { name, subject, spec, owner, plan, why } = accepted;
        let cell = Cell { state: HostState::Waiting, since: now, duration_ms: 0 };
        let cells = vec![vec![cell; plan.hosts.len()]; plan.steps.len()];
        let asks = plan.approval.then(|| Notice::asks(seq, now));
        Self {
            id,
            name,
            subject,
            why,
            spec,
            owner,
            plan,
            seq,
            epoch,
            created: now,
            updated: now,
            phase: Phase::Pending,
            reason: None,
            message: String::new(),
            since: now,
            approved: None,
            started: None,
            stage: 0,
            soak_until: now,
            accepted: false,
            trouble: None,
            cells,
            changes: Vec::new(),
            spans: None,
            attempts: Vec::new(),
            nodes: BTreeMap::new(),
            debts: Vec::new(),
            locks: Vec::new(),
            ending: None,
            ended: None,
            notices: asks.into_iter().collect(),
            broken: false,
        }
    }

    /// Lets go of what only those want who look back: its changes, and what became of hosts in its attempts. It is most of what an
    /// operation of many hosts takes.
    pub fn shed(&mut self) {
        self.spans = Some(self.step_spans());
        self.changes = Vec::new();
        self.attempts.iter_mut().for_each(|attempt| attempt.results = BTreeMap::new());
    }

    /// Takes back what was shed, from a fold of the same facts.
    pub fn restore(&mut self, whole: Self) {
        (self.changes, self.spans) = (whole.changes, whole.spans);
        for (attempt, same) in self.attempts.iter_mut().zip(whole.attempts) {
            attempt.results = same.results;
        }
    }

    /// When the first and the last change of each step came.
    pub(crate) fn step_spans(&self) -> Vec<Option<(Micros, Micros)>> {
        let mut spans = self.spans.clone().unwrap_or_else(|| vec![None; self.plan.steps.len()]);
        for change in &self.changes {
            spans[change.step as usize].get_or_insert((change.time, change.time)).1 = change.time;
        }
        spans
    }

    /// Of its approval nobody must be told any more: it is there, or of no use.
    pub(crate) fn stop_asking(&mut self) {
        self.notices.retain(|notice| notice.of_seq != ACCEPTED);
    }

    /// The present stage, if one is left.
    pub fn present(&self) -> Option<&Stage> {
        self.plan.stages.get(self.stage as usize)
    }

    /// A step of the plan.
    pub fn step(&self, step: u32) -> &StepPlan {
        &self.plan.steps[step as usize]
    }

    /// A host in a step.
    pub fn cell(&self, step: u32, host: u32) -> &Cell {
        &self.cells[step as usize][host as usize]
    }

    /// The attempt that is not over.
    pub fn open_attempt(&self) -> Option<&Attempt> {
        self.attempts.last().filter(|attempt| attempt.over.is_none())
    }

    /// Locks that it holds.
    pub fn held_locks(&self) -> Option<&LockSpan> {
        self.locks.last().filter(|span| span.released.is_none())
    }

    /// Whether a host may take a step: all steps before went well. It is released only where the checks really held.
    pub fn may_take(&self, step: u32, host: u32) -> bool {
        let release = self.step(step).actor == Actor::Release;
        (0..step).all(|before| {
            let state = self.cell(before, host).state;
            state.goes_on() && !(release && self.step(before).checks && state != HostState::Ok)
        })
    }

    /// Hosts of a stage that wait and may go.
    pub fn todo(&self, stage: &Stage) -> Vec<u32> {
        let waits = |host: &u32| self.cell(stage.step, *host).state == HostState::Waiting;
        stage.hosts.iter().copied().filter(|host| waits(host) && self.may_take(stage.step, *host)).collect()
    }

    /// Hosts of a stage that are through, and that are not.
    pub fn tally(&self, stage: &Stage) -> (u32, u32) {
        let count = |fits: fn(HostState) -> bool| {
            stage.hosts.iter().filter(|host| fits(self.cell(stage.step, **host).state)).count() as u32
        };
        (count(HostState::goes_on), count(HostState::is_bad))
    }

    /// Whether a host came through all steps.
    pub fn is_through(&self, host: u32) -> bool {
        (0..self.plan.steps.len() as u32).all(|step| self.cell(step, host).state.goes_on())
    }

    /// An entry of this kind in the undo ledger that somebody must still act on.
    pub(crate) fn owes(&self, kind: UndoKind, host: u32) -> Option<&Debt> {
        self.debts.iter().find(|debt| debt.kind == kind && debt.host == host && debt.stands())
    }

    /// The entry that stands for what a step may have to undo. What controllers undo is one act, whichever step owes it; a playbook
    /// undoes its own step alone.
    pub(crate) fn owes_for(&self, step: u32, kind: UndoKind, host: u32) -> Option<&Debt> {
        let by = self.step(step).undo.iter().find(|undo| undo.kind == kind)?.by;
        let fits = |debt: &&Debt| debt.by == by && (by == UndoBy::Api || debt.step == step);
        self.debts.iter().filter(fits).find(|debt| debt.kind == kind && debt.host == host && debt.stands())
    }

    /// Whether the host had joined and was taken out again by playbooks or at the API server. What is left of its node is
    /// to be deleted, not to be opened.
    pub fn join_undone(&self, host: &str) -> bool {
        let Some(host) = self.place(host) else { return false };
        let joins = || self.debts.iter().filter(move |debt| debt.kind == UndoKind::Join && debt.host == host);
        joins().next_back().is_some_and(|debt| debt.state == DebtState::Done) && !joins().any(Debt::stands)
    }

    /// Whether every step that checks was really passed by the host: none left out.
    pub fn is_checked(&self, host: u32) -> bool {
        let mut cells = self.plan.steps.iter().zip(&self.cells);
        cells.all(|(step, hosts)| !step.checks || hosts[host as usize].state == HostState::Ok)
    }

    /// Addresses of hosts.
    pub fn addresses(&self, hosts: &[u32]) -> Vec<String> {
        hosts.iter().map(|host| self.plan.hosts[*host as usize].clone()).collect()
    }

    /// The place of an address in the plan.
    pub fn place(&self, address: &str) -> Option<u32> {
        self.plan.hosts.iter().position(|host| host == address).map(|place| place as u32)
    }

    /// Moves a host in a step.
    pub(crate) fn set(&mut self, step: u32, host: u32, state: HostState, time: Micros, duration_ms: u64) {
        let cell = &mut self.cells[step as usize][host as usize];
        if cell.state != state {
            // In logs of before a clock may have been set back; what shows a moment takes changes in their order.
            let time = self.changes.last().map_or(time, |last| time.max(last.time));
            self.changes.push(Change { time, step, host, state });
            *cell = Cell { state, since: time, duration_ms };
        }
    }
}
