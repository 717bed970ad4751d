//! Looks at runners that were made: one that is gone and said nothing has ended all the same; and what is over is cleared away.

use std::{collections::BTreeSet, time::Duration};

use beidou_model::operation::Seen;
use beidou_playbooks::{Act, ApiAct};
use beidou_schemas::{
    operation::{AttemptEnd, OperationId, fact::AttemptEnded},
    runner::AttemptId,
    time::HOUR,
};
use tokio::time::{MissedTickBehavior, interval};

use super::{Hands, nodes::API};
use crate::{assign, execute::Standing, keeper::now};

/// The next step begins after a runner has told its end; this is for those that do not.
const LOOK_EVERY: Duration = Duration::from_secs(2);

/// Looks until it is dropped.
pub(crate) async fn watch(hands: Hands) {
    let mut clear: BTreeSet<AttemptId> = hands.keeper.look(|board| {
        let all = board.operations.values().flat_map(|operation| &operation.attempts);
        let since = now().plus(-HOUR);
        all.filter(|one| one.launched.is_some() && one.over.as_ref().is_none_or(|over| over.at > since))
            .map(|one| one.id.clone())
            .collect()
    });
    hands.resume_api().await;
    let mut beats = interval(LOOK_EVERY);
    beats.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        beats.tick().await;
        let (open, over) = hands.keeper.look(|board| {
            let (mut open, mut over) = (Vec::new(), BTreeSet::new());
            for operation in board.operations.values() {
                for attempt in operation
                    .attempts
                    .iter()
                    .filter(|one| one.launched.as_ref().is_some_and(|launch| launch.executor != API))
                {
                    match attempt.over {
                        None => open.push((operation.id, attempt.id.clone())),
                        Some(_) if clear.contains(&attempt.id) => drop(over.insert(attempt.id.clone())),
                        Some(_) => {}
                    }
                }
            }
            (open, over)
        });
        for (operation, attempt) in open {
            clear.insert(attempt.clone());
            hands.look_at(operation, attempt).await;
        }
        for attempt in over {
            match hands.clear(&attempt).await {
                Ok(true) => drop(clear.remove(&attempt)),
                Ok(false) => {}
                Err(error) => tracing::warn!(%attempt, error, "what a runner left cannot be removed yet"),
            }
        }
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

    /// Whether nothing is left. A runner that told its end may take a moment to be gone.
    async fn clear(&self, attempt: &AttemptId) -> Result<bool, String> {
        let failed = |error| crate::error::chain(&error);
        if self.executor.look(attempt).await.map_err(failed)? == Standing::Running {
            return Ok(false);
        }
        self.executor.forget(attempt).await.map_err(failed).map(|()| true)
    }

    /// Steps that an earlier process of controllers had begun at an API server go on: each act may be repeated.
    async fn resume_api(&self) {
        let begun: Vec<_> = self.keeper.look(|board| {
            let open = board.operations.values().filter_map(|operation| Some((operation, operation.open_attempt()?)));
            let open = open.filter(|(_, one)| one.launched.as_ref().is_some_and(|launch| launch.executor == API));
            open.filter_map(|(operation, attempt)| {
                let bundle = self.bundles.get(&operation.plan.bundle.name)?;
                let act: ApiAct = match assign::step(bundle, operation, attempt).ok()?.act {
                    Act::Api(act) => act,
                    Act::Playbook(_) | Act::Command(_) => return None,
                };
                Some((operation.clone(), attempt.clone(), act))
            })
            .collect()
        });
        for (operation, attempt, act) in begun {
            let hands = self.clone();
            tokio::spawn(async move {
                if let Err(error) = hands.run_api(&operation, &attempt, act).await {
                    tracing::warn!(attempt = %attempt.id, error, "a step at an API server did not go on");
                }
            });
        }
    }
}
