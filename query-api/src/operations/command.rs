//! One command: checked, appended once, and waited for.

use std::time::Duration;

use beidou_model::operation::{Arrived, Refused, foresee};
use beidou_schemas::operation::{
    ASKED, Object, OperationId, TaskId, Via,
    command::{Ask, Command},
};
use uuid::Uuid;

use super::{Operations, Outcome, asked::digest, locked};
use crate::{
    app::now,
    problem::{Kind, Problem},
};

/// What a command is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Target {
    NewOperation,
    NewTask,
    There(Object),
}

/// A command that a caller wants.
#[derive(Debug, Clone)]
pub(crate) struct Wish {
    /// The caller's idempotency key.
    pub key: Option<Uuid>,
    pub target: Target,
    pub subject: String,
    pub ask: Ask,
    /// How long an outcome is waited for.
    pub wait: Duration,
}

/// What came of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Answered {
    /// The command.
    pub command: Uuid,
    /// What it is about.
    pub object: Object,
    /// It was followed; else nothing was heard in time.
    pub followed: bool,
}

impl Operations {
    /// Appends a command, if the model finds nothing against it; returns when something came of it, or nothing in time.
    pub(crate) async fn ask(&self, wish: Wish) -> Result<Answered, Problem> {
        if self.log.partitions(ASKED.topic) == 0 {
            return Err(Problem::new(Kind::LogAway, "the log has no topic for commands"));
        }
        let (id, object) = self.append(&wish).await?;
        let mut read = self.read.subscribe();
        let outcome = || locked(&self.known).outcome(id, Some(object));
        let there = read.wait_for(|_| outcome().is_some());
        // Whether it came or not, what is known now counts.
        let _late = tokio::time::timeout(wish.wait, there).await;
        match outcome() {
            None => Ok(Answered { command: id, object, followed: false }),
            Some(Outcome::Followed(_)) => Ok(Answered { command: id, object, followed: true }),
            Some(Outcome::Refused { field, value, allowed }) => {
                Err(problem(&wish.ask, &Refused { field, value, allowed }))
            }
        }
    }

    async fn append(&self, wish: &Wish) -> Result<(Uuid, Object), Problem> {
        let mut hand = self.hand.hold().await;
        self.caught_up(ASKED).await?;
        let id = wish.key.unwrap_or_else(Uuid::new_v4);
        if let Some(taken) = locked(&self.asked).find(id) {
            let object = if let Target::There(object) = wish.target { object } else { taken.object };
            return match taken.digest == digest(&wish.subject, object, &wish.ask) {
                true => Ok((id, taken.object)),
                false => Err(reused(id)),
            };
        }
        let object = match wish.target {
            Target::NewOperation => Object::Operation(OperationId(Uuid::new_v4())),
            Target::NewTask => Object::Task(TaskId(Uuid::new_v4())),
            Target::There(object) => object,
        };
        let (subject, ask, time) = (wish.subject.clone(), wish.ask.clone(), now());
        let command = Command { id, object, subject, via: Via::Api, time, ask };
        let record = command.to_record();
        let arrived = Arrived { command, partition: ASKED.partition, offset: 0 };
        let decided = self.look(|known| foresee(&known.board, &arrived, time)).await?;
        decided.map_err(|refused| problem(&wish.ask, &refused))?;
        hand.append(record).await?;
        Ok((id, object))
    }
}

fn reused(id: Uuid) -> Problem {
    let allowed = "a new UUID for each command; a repetition must ask for the same";
    Problem { kind: Kind::KeyReused, ..Problem::parameter("Idempotency-Key", &id.to_string(), allowed) }
}

/// A refusal of the model, as callers see it: 422 where the body is wrong, 409 where the state is.
pub(crate) fn problem(ask: &Ask, refused: &Refused) -> Problem {
    let makes = matches!(ask, Ask::RequestOperation(_) | Ask::RequestTask(_));
    let kind = match (makes, &*refused.field) {
        (true, "owner") | (false, "phase" | "approval" | "attempt" | "stage" | "object" | "subject") => {
            Kind::NotPossible
        }
        (true | false, _) => Kind::SpecRefused,
    };
    Problem { kind, ..Problem::parameter(&refused.field, &refused.value, &*refused.allowed) }
}
