//! What the facts say: the board, and where in the log the facts of each object stand. Pure.
//!
//! Details are what grows with hosts × steps: changes of cells, outcomes of hosts in attempts, heads of facts. An operation that
//! rests is shed of them when newer ones have taken its place. Where its facts stand is kept, so that they can be folded anew.

use std::collections::{BTreeSet, HashMap, VecDeque};

use beidou_model::operation::{Applied, Board, Rests};
use beidou_schemas::{
    Micros, Offset,
    operation::{
        Object, OperationId, Reason,
        fact::{Body, Fact, WarningsRose},
    },
};
use uuid::Uuid;

/// Commands whose outcome is remembered with its words, the newest ones: some 600 bytes each.
pub(crate) const MOST_OUTCOMES: usize = 20_000;
/// Rises of Warnings that are remembered for an operation, the newest ones.
const MOST_WARNINGS: usize = 20;
/// Times of standing still that are remembered for an operation, the newest ones.
const MOST_HOLDS: usize = 50;
/// Words that are remembered for an operation, the newest ones.
const MOST_SAID: usize = 50;

/// Details of operations at rest that are kept, changes and heads of facts: some 100 bytes each, with the outcomes beside them.
/// A run of 2,000 hosts and 60 steps has 360,000.
pub(super) const MOST_DETAILS: usize = 1_000_000;

/// A fact in short.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct FactHead {
    pub seq: u64,
    pub time: Micros,
    /// The name of its kind.
    pub kind: &'static str,
    /// How many changes of cells its operation had behind it.
    pub changes: usize,
}

/// The facts of an object, in order.
#[derive(Debug, Default)]
struct Facts {
    /// Where they stand.
    offsets: Vec<Offset>,
    /// All of them in short; none of what was shed.
    heads: Vec<FactHead>,
}

impl Facts {
    fn are_shed(&self) -> bool {
        self.heads.len() < self.offsets.len()
    }
}

/// What came of a command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Outcome {
    Followed(Object),
    Refused { field: String, value: String, allowed: String },
}

/// Warnings rose on the nodes of an operation.
#[derive(Debug, Clone)]
pub(crate) struct Warned {
    pub time: Micros,
    pub rose: WarningsRose,
}

/// An operation stood still.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Stood {
    pub since: Micros,
    /// None while it still does.
    pub until: Option<Micros>,
    /// The place of the stage in which it stood.
    pub stage: u32,
    pub reason: Option<Reason>,
    pub message: String,
}

/// Somebody said something to an operation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Spoken {
    pub time: Micros,
    /// `start`, or the word that was said.
    pub act: &'static str,
    pub subject: String,
    /// For people; may be empty.
    pub why: String,
}

/// What was said, by whom and why; none where nobody did.
fn said(body: &Body) -> Option<(&'static str, &str, &str)> {
    Some(match body {
        Body::Accepted(said) => ("start", &*said.subject, &*said.why),
        Body::Approved(said) => ("approve", &*said.subject, &*said.why),
        Body::Rejected(said) => ("reject", &*said.subject, &*said.why),
        Body::Held(said) => ("hold", said.subject.as_deref()?, &*said.message),
        Body::Resumed(said) => {
            // Where no runner had come, a retry is this fact alone.
            let retried = if said.why == "retry" { Some("") } else { said.why.strip_prefix("retry: ") };
            let (act, why) = retried.map_or(("resume", &*said.why), |why| ("retry", why));
            (act, said.subject.as_deref()?, why)
        }
        Body::RetryAsked(said) => ("retry", &*said.subject, &*said.why),
        Body::StepSkipped(said) => ("skip", &*said.subject, &*said.why),
        Body::CancelAsked(said) => ("cancel", &*said.subject, &*said.why),
        _ => return None,
    })
}

/// Everything that the facts say.
#[derive(Debug, Default)]
pub(crate) struct Known {
    pub board: Board,
    facts: HashMap<Uuid, Facts>,
    /// Operations at rest that are whole, each with how many details it has; who came first is shed first.
    whole: VecDeque<(OperationId, usize)>,
    /// How many details these have.
    details: usize,
    outcomes: HashMap<Uuid, Outcome>,
    /// The order in which outcomes came.
    order: VecDeque<Uuid>,
    warnings: HashMap<OperationId, VecDeque<Warned>>,
    holds: HashMap<OperationId, VecDeque<Stood>>,
    said: HashMap<OperationId, VecDeque<Spoken>>,
}

impl Known {
    /// Takes a fact in. One that does not count changes nothing. Nothing is shed here.
    pub(crate) fn take(&mut self, offset: Offset, fact: &Fact) {
        let rested = self.rests(fact.object);
        match self.board.apply(fact) {
            Applied::Stale | Applied::Repeated => return,
            Applied::Taken | Applied::Stopped => {}
        }
        if fact.object != Object::Board {
            self.note(offset, fact);
        }
        if let (Object::Operation(id), Body::WarningsRose(rose)) = (fact.object, &fact.body) {
            let all = self.warnings.entry(id).or_default();
            all.push_back(Warned { time: fact.time, rose: rose.clone() });
            if all.len() > MOST_WARNINGS {
                all.pop_front();
            }
        }
        if let Object::Operation(id) = fact.object {
            self.stand(id, fact.time);
            self.hear(id, fact);
            if !rested && self.rests(fact.object) {
                self.keep(id);
            }
        }
        if let Some(cause) = fact.cause {
            self.settle(cause.command, fact);
        }
    }

    fn rests(&self, object: Object) -> bool {
        let Object::Operation(id) = object else { return false };
        self.board.operations.get(&id).is_some_and(Rests::rests)
    }

    /// Notes where a fact stands, and what it is unless its operation was shed.
    fn note(&mut self, offset: Offset, fact: &Fact) {
        let changes = match fact.object {
            Object::Operation(id) => self.board.operations.get(&id).map_or(0, |operation| operation.changes.len()),
            Object::Board | Object::Task(_) => 0,
        };
        let facts = self.facts.entry(fact.object.id()).or_default();
        if !facts.are_shed() {
            facts.heads.push(FactHead { seq: fact.seq, time: fact.time, kind: fact.body.name(), changes });
        }
        facts.offsets.push(offset);
    }

    /// Counts the details of an operation at rest.
    fn keep(&mut self, id: OperationId) {
        let changes = self.board.operations.get(&id).map_or(0, |operation| operation.changes.len());
        let details = changes + self.heads(id.0).len();
        self.whole.push_back((id, details));
        self.details += details;
    }

    /// Sheds operations until what is kept is bounded. The last one stays, however large it is.
    pub(super) fn bound(&mut self) {
        let last = self.whole.back().map_or(0, |(_, details)| *details);
        self.shed(MOST_DETAILS.max(last));
    }

    /// Sheds operations at rest until no more than so many details are left. One that goes on again is left alone.
    pub(super) fn shed(&mut self, most: usize) {
        while self.details > most
            && let Some((id, details)) = self.whole.pop_front()
        {
            self.details -= details;
            if self.rests(Object::Operation(id))
                && let Some(facts) = self.facts.get_mut(&id.0)
            {
                facts.heads = Vec::new();
                facts.offsets.shrink_to_fit();
                self.board.operations.change(&id, |operation| operation.shed());
            }
        }
    }

    /// Those among these operations that were shed, and where their facts stand.
    pub(super) fn shed_of(&self, ids: &BTreeSet<OperationId>) -> Vec<(OperationId, Vec<Offset>)> {
        let found = ids.iter().filter_map(|id| Some((*id, self.facts.get(&id.0)?)));
        found.filter(|(_, facts)| facts.are_shed()).map(|(id, facts)| (id, facts.offsets.clone())).collect()
    }

    /// Makes an operation whole by the fold of its facts alone; unless others came meanwhile.
    pub(super) fn restore(&mut self, id: OperationId, mut alone: Self) {
        let Some(facts) = self.facts.get_mut(&id.0) else { return };
        let fits = |same: &Facts| facts.are_shed() && same.offsets.len() == facts.offsets.len();
        let Some(same) = alone.facts.remove(&id.0).filter(fits) else { return };
        let Some(operation) = alone.board.operations.into_values().next() else { return };
        facts.heads = same.heads;
        self.board.operations.change(&id, |found| found.restore(operation));
        self.keep(id);
    }

    /// Notes when an operation begins to stand still, and when it goes on. Another reason begins another time.
    fn stand(&mut self, id: OperationId, now: Micros) {
        let Some(operation) = self.board.operations.get(&id) else { return };
        let still = operation.phase.stands_still();
        if !still && !self.holds.contains_key(&id) {
            return;
        }
        let all = self.holds.entry(id).or_default();
        let same = |last: &Stood| still && last.since == operation.since && last.reason == operation.reason;
        if let Some(last) = all.back_mut().filter(|last| last.until.is_none()) {
            if same(last) {
                return;
            }
            last.until = Some(now);
        }
        if still {
            let (since, stage, reason) = (operation.since, operation.stage, operation.reason);
            all.push_back(Stood { since, until: None, stage, reason, message: operation.message.clone() });
        }
        if all.len() > MOST_HOLDS {
            all.pop_front();
        }
    }

    /// Notes what somebody said. Who retries or skips lets it go on as well, and says one thing.
    fn hear(&mut self, id: OperationId, fact: &Fact) {
        let Some((act, subject, why)) = said(&fact.body) else { return };
        let all = self.said.entry(id).or_default();
        let goes_on = |last: &Spoken| last.time == fact.time && (last.act == "resume" || last.act == act);
        if matches!(act, "retry" | "skip") && all.back().is_some_and(goes_on) {
            all.pop_back();
        }
        all.push_back(Spoken { time: fact.time, act, subject: subject.to_owned(), why: why.to_owned() });
        if all.len() > MOST_SAID {
            all.pop_front();
        }
    }

    /// The first fact of a command says what came of it.
    fn settle(&mut self, command: Uuid, fact: &Fact) {
        if self.outcomes.contains_key(&command) {
            return;
        }
        let refused = |field: &String, value: &String, allowed: &String| Outcome::Refused {
            field: field.clone(),
            value: value.clone(),
            allowed: allowed.clone(),
        };
        let outcome = match &fact.body {
            Body::CommandRefused(said) => refused(&said.field, &said.value, &said.allowed),
            Body::Refused(said) => refused(&said.field, &said.value, &said.allowed),
            _ => Outcome::Followed(fact.object),
        };
        self.outcomes.insert(command, outcome);
        self.order.push_back(command);
        if self.order.len() > MOST_OUTCOMES
            && let Some(oldest) = self.order.pop_front()
        {
            self.outcomes.remove(&oldest);
        }
    }

    /// What came of a command about this object. Of one that is long gone only that it was followed or refused is known.
    pub(crate) fn outcome(&self, command: Uuid, object: Option<Object>) -> Option<Outcome> {
        let forgotten = || object.filter(|_| self.board.commands.contains(&command)).map(Outcome::Followed);
        self.outcomes.get(&command).cloned().or_else(forgotten)
    }

    /// Where the facts of an object stand, in order.
    pub(crate) fn facts(&self, id: Uuid) -> &[Offset] {
        self.facts.get(&id).map_or(&[], |facts| facts.offsets.as_slice())
    }

    /// The same facts in short; none of what was shed.
    pub(crate) fn heads(&self, id: Uuid) -> &[FactHead] {
        self.facts.get(&id).map_or(&[], |facts| facts.heads.as_slice())
    }

    /// Times in which an operation stood still, in order.
    pub(crate) fn holds(&self, id: OperationId) -> impl Iterator<Item = &Stood> {
        self.holds.get(&id).into_iter().flatten()
    }

    /// What people said to an operation, in order.
    pub(crate) fn said(&self, id: OperationId) -> impl Iterator<Item = &Spoken> {
        self.said.get(&id).into_iter().flatten()
    }

    /// Rises of Warnings, in order.
    pub(crate) fn warnings(&self, id: OperationId) -> impl Iterator<Item = &Warned> {
        self.warnings.get(&id).into_iter().flatten()
    }
}
