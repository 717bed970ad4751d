//! What the facts say: the board, and where in the log the facts of each object stand. Pure.

use std::collections::{HashMap, VecDeque};

use beidou_model::operation::{Applied, Board};
use beidou_schemas::{
    Micros, Offset,
    operation::{
        Object, OperationId,
        fact::{Body, Fact, WarningsRose},
    },
};
use uuid::Uuid;

/// Commands whose outcome is remembered with its words, the newest ones: some 600 bytes each.
pub(crate) const MOST_OUTCOMES: usize = 20_000;
/// Rises of Warnings that are remembered for an operation, the newest ones.
const MOST_WARNINGS: usize = 20;

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

/// Everything that the facts say.
#[derive(Debug, Default)]
pub(crate) struct Known {
    pub board: Board,
    facts: HashMap<Uuid, Vec<FactPlace>>,
    outcomes: HashMap<Uuid, Outcome>,
    /// The order in which outcomes came.
    order: VecDeque<Uuid>,
    warnings: HashMap<OperationId, VecDeque<Warned>>,
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
        if let Some(cause) = fact.cause {
            self.settle(cause.command, fact);
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

    /// Rises of Warnings, in order.
    pub(crate) fn warnings(&self, id: OperationId) -> impl Iterator<Item = &Warned> {
        self.warnings.get(&id).into_iter().flatten()
    }
}
