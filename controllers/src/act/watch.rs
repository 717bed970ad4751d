//! Looks at runners that were made: one that is gone and said nothing has ended all the same; and what is over is cleared away.

use std::{collections::BTreeSet, time::Duration};

use beidou_model::operation::{Attempt, Board, Seen};
use beidou_schemas::{
    operation::{AttemptEnd, OperationId, fact::AttemptEnded},
    runner::AttemptId,
    time::HOUR,
};
use tokio::time::{MissedTickBehavior, interval};

use super::{Hands, steps::API};
use crate::{execute::Standing, keeper::now};

/// The next step begins after a runner has told its end; this is for those that do not.
const LOOK_EVERY: Duration = Duration::from_secs(2);

/// What ended so lately is cleared away; a try that fails is repeated however long it takes.
const CLEARED_WITHIN: i64 = HOUR;

/// Looks until it is dropped.
pub(crate) async fn watch(hands: Hands) {
    let mut leavings = Leavings::default();
    let mut beats = interval(LOOK_EVERY);
    beats.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        beats.tick().await;
        let (open, over) = hands.keeper.look(runners);
        for (operation, attempt) in open {
            hands.look_at(operation, attempt).await;
        }
        for attempt in leavings.left(over) {
            match hands.clear(&attempt).await {
                Ok(true) => leavings.cleared(attempt),
                Ok(false) => {}
                Err(error) => tracing::warn!(%attempt, error, "what a runner left cannot be removed yet"),
            }
        }
    }
}

/// Runners that were made: those that act, and attempts that ended lately, however short their runners were there.
fn runners(board: &Board) -> (Vec<(OperationId, AttemptId)>, BTreeSet<AttemptId>) {
    let (mut open, mut over) = (Vec::new(), BTreeSet::new());
    let since = now().plus(-CLEARED_WITHIN);
    for operation in board.operations.values().filter(|one| !one.phase.is_over() || one.updated > since) {
        for attempt in operation.attempts.iter().filter(|one| may_have_left(one)) {
            match &attempt.over {
                // That it is over is never written down any more. What still acts is left until it has ended.
                None if operation.broken => drop(over.insert(attempt.id.clone())),
                None if attempt.launched.is_none() => {}
                None => open.push((operation.id, attempt.id.clone())),
                Some(end) if end.at > since => drop(over.insert(attempt.id.clone())),
                Some(_) => {}
            }
        }
    }
    (open, over)
}

/// Whether there may be something of its runner. Its secrets are there before it is, and one that was made may be known to
/// nobody: the try has failed, or controllers were killed in it.
fn may_have_left(attempt: &Attempt) -> bool {
    let ours = attempt.launched.as_ref().is_none_or(|launch| launch.executor != API);
    ours && attempt.token_sha256.is_some()
}

fn is_claimed(board: &Board, attempt: &AttemptId) -> bool {
    board.attempt(attempt).is_some_and(|(_, one)| one.claimed.is_some())
}

/// What runners left behind: Jobs, Secrets, tokens.
#[derive(Default)]
struct Leavings {
    left: BTreeSet<AttemptId>,
    cleared: BTreeSet<AttemptId>,
}

impl Leavings {
    /// What is to be cleared away, where these have ended lately.
    fn left(&mut self, over: BTreeSet<AttemptId>) -> Vec<AttemptId> {
        self.cleared.retain(|attempt| over.contains(attempt));
        self.left.extend(over.into_iter().filter(|attempt| !self.cleared.contains(attempt)));
        self.left.iter().cloned().collect()
    }

    fn cleared(&mut self, attempt: AttemptId) {
        self.left.remove(&attempt);
        self.cleared.insert(attempt);
    }
}

impl Hands {
    async fn look_at(&self, operation: OperationId, attempt: AttemptId) {
        let standing = match self.executor.look(&attempt).await {
            Ok(standing) => standing,
            Err(error) => {
                tracing::debug!(%attempt, error = crate::error::chain(&error), "a runner cannot be looked at");
                return;
            }
        };
        let (exit, signal, message) = match standing {
            Standing::Running => return,
            Standing::Gone { exit, signal, message } => (exit, signal, message),
            Standing::Absent => (None, None, "there is no such runner any more".into()),
        };
        let ended = AttemptEnded { attempt, end: AttemptEnd::Missing, exit, signal, message };
        // The next look tries again.
        let _ = self.tell(Seen::Ended(operation, ended, Default::default())).await;
    }

    /// Whether nothing is left. A runner that told its end may take a moment to be gone; one that was made too late is stopped,
    /// for nobody gives it the work any more.
    async fn clear(&self, attempt: &AttemptId) -> Result<bool, String> {
        let failed = |error| crate::error::chain(&error);
        if self.making.has(attempt) {
            return Ok(false);
        }
        if self.executor.look(attempt).await.map_err(failed)? == Standing::Running {
            if !self.keeper.look(|board| is_claimed(board, attempt)) {
                self.executor.stop(attempt, false).await.map_err(failed)?;
            }
            return Ok(false);
        }
        self.executor.forget(attempt).await.map_err(failed).map(|()| true)
    }
}

#[cfg(test)]
mod tests {
    use beidou_model::operation::{Arrived, Launch, Operation, begin, built_in, decide, observe};
    use beidou_schemas::{
        Micros,
        operation::{
            ClusterRules, Object, Purpose, Via, WISHED,
            command::{Command, RequestOperation},
        },
    };
    use uuid::Uuid;

    use super::*;

    fn attempt(token: Option<&str>, executor: Option<&str>) -> Attempt {
        Attempt {
            id: "0f1e2d3c-one-b0-a1".parse().unwrap(),
            stage: 0,
            step: 0,
            batch: 0,
            number: 1,
            purpose: Purpose::Act,
            hosts: Vec::new(),
            intended: Micros(0),
            deadline_ms: 1,
            token_sha256: token.map(str::to_owned),
            launched: executor.map(|name| Launch { executor: name.into(), place: String::new(), at: Micros(0) }),
            runner: None,
            claimed: None,
            heard: Micros(0),
            next: 1,
            results: Default::default(),
            stop: None,
            over: None,
        }
    }

    /// With one operation.
    fn board(id: OperationId) -> Board {
        let (mut board, now) = (Board::default(), now());
        let first = begin(&board, "test", now);
        board.apply(&first);
        for seen in [Seen::Cluster("c".into(), Some(ClusterRules::default())), Seen::Bundle(Box::new(built_in()))] {
            observe(&board, &seen, now).unwrap().iter().for_each(|fact| _ = board.apply(fact));
        }
        let spec = serde_json::from_value(serde_json::json!({
            "clusterName": "c", "operationType": "Uncordon", "operationFlow": ["uncordon"],
            "operationMachines": [{"ip": "10.0.0.11"}],
        }));
        let ask = RequestOperation { name: "n/a".into(), spec: spec.unwrap(), owner: None, why: String::new() }.into();
        let (object, subject, via) = (Object::Operation(id), "dev".to_owned(), Via::Resource);
        let command = Command { id: Uuid::from_u128(8), object, subject, via, time: now, ask };
        let arrived = Arrived { command, partition: WISHED.partition, offset: 0 };
        decide(&board, &arrived, now).unwrap().iter().for_each(|fact| _ = board.apply(fact));
        board
    }

    #[test]
    fn what_is_broken_is_cleared_away_as_what_is_over() {
        let id = OperationId(Uuid::from_u128(7));
        let open = |executor: Option<&str>, broken: bool| {
            let mut board = board(id);
            let with = |operation: &mut Operation| {
                operation.attempts.push(attempt(Some("ab"), executor));
                operation.broken = broken;
            };
            board.operations.change(&id, with).unwrap();
            let (open, over) = runners(&board);
            (open.len(), over.len())
        };
        let table = [
            ((None, false), (0, 0)),
            ((Some("job"), false), (1, 0)),
            ((None, true), (0, 1)),
            ((Some("job"), true), (0, 1)),
        ];
        for ((executor, broken), expected) in table {
            assert_eq!(open(executor, broken), expected, "{executor:?} {broken}");
        }
    }

    #[test]
    fn secrets_may_be_left_also_where_nobody_knows_of_a_runner() {
        let table = [
            (None, None, false),
            (Some("ab"), None, true),
            (Some("ab"), Some("job"), true),
            (Some("ab"), Some(API), false),
        ];
        for (token, executor, left) in table {
            assert_eq!(may_have_left(&attempt(token, executor)), left, "{token:?} {executor:?}");
        }
    }

    #[test]
    fn what_is_left_is_cleared_once_and_tried_until_it_is_gone() {
        let [a, b]: [AttemptId; 2] = ["0f1e2d3c-one-b0-a1", "0f1e2d3c-two-b0-a1"].map(|id| id.parse().unwrap());
        let mut leavings = Leavings::default();
        assert_eq!(leavings.left(BTreeSet::from([a.clone(), b.clone()])), [a.clone(), b.clone()]);
        leavings.cleared(a.clone());
        assert_eq!(leavings.left(BTreeSet::from([a.clone(), b.clone()])), std::slice::from_ref(&b));
        // An hour later nobody speaks of them any more, and what could not be cleared is still left.
        assert_eq!(leavings.left(BTreeSet::new()), [b]);
        assert!(leavings.cleared.is_empty());
    }
}
