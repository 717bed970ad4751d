//! What the facts say: the board, and where in the log the facts of each object stand. Pure.

use std::collections::{HashMap, VecDeque};

use beidou_model::operation::{Applied, Board};
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

/// A fact of an object, and where it stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct FactPlace {
    pub offset: Offset,
    pub seq: u64,
    pub time: Micros,
    /// The name of its kind.
    pub kind: &'static str,
    /// How many changes of cells its operation had behind it.
    pub changes: usize,
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
        Body::Resumed(said) => ("resume", said.subject.as_deref()?, &*said.why),
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
    facts: HashMap<Uuid, Vec<FactPlace>>,
    outcomes: HashMap<Uuid, Outcome>,
    /// The order in which outcomes came.
    order: VecDeque<Uuid>,
    warnings: HashMap<OperationId, VecDeque<Warned>>,
    holds: HashMap<OperationId, VecDeque<Stood>>,
    said: HashMap<OperationId, VecDeque<Spoken>>,
}

impl Known {
    /// Takes a fact in. One that does not count changes nothing.
    pub(crate) fn take(&mut self, offset: Offset, fact: &Fact) {
        match self.board.apply(fact) {
            Applied::Stale | Applied::Repeated => return,
            Applied::Taken | Applied::Stopped => {}
        }
        let changes = match fact.object {
            Object::Operation(id) => self.board.operations.get(&id).map_or(0, |operation| operation.changes.len()),
            Object::Board | Object::Task(_) => 0,
        };
        if fact.object != Object::Board {
            let place = FactPlace { offset, seq: fact.seq, time: fact.time, kind: fact.body.name(), changes };
            self.facts.entry(fact.object.id()).or_default().push(place);
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
        }
        if let Some(cause) = fact.cause {
            self.settle(cause.command, fact);
        }
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
        if matches!(act, "retry" | "skip")
            && all.back().is_some_and(|last| last.act == "resume" && last.time == fact.time)
        {
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

    /// The facts of an object, in order.
    pub(crate) fn facts(&self, id: Uuid) -> &[FactPlace] {
        self.facts.get(&id).map_or(&[], Vec::as_slice)
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
