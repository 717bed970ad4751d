//! Runners are made and stopped. A step that controllers do themselves at an API server is an attempt like any other, whose
//! runner is this process.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use beidou_model::operation::{Attempt, Operation, Seen};
use beidou_playbooks::{Act, ApiAct};
use beidou_schemas::{
    operation::{
        AttemptEnd, OperationId,
        fact::{AttemptEnded, AttemptLaunched, AttemptOffered},
    },
    runner::AttemptId,
};
use tokio::time::{Instant, sleep};

use super::Hands;
use crate::{
    assign::{self, BASTION_KEY, SSH_KEY},
    execute::{ExecuteError, Executor, Order, Secret, Standing},
    fault::Point,
    target::Target,
    token::digest,
};

/// Beyond its deadline a runner has this long for its first and last words.
const BESIDE: Duration = Duration::from_secs(300);
/// From SIGTERM to SIGKILL: longer than the runner gives its own program.
const STOP_GRACE: Duration = Duration::from_secs(60);
/// One that is to stop is looked at again after a quarter of the time that it has taken so far, within these.
const LOOK_AGAIN: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(2));

/// Attempts whose runners are being made just now: what is over of those is not cleared away yet.
#[derive(Default)]
pub(crate) struct Making(Mutex<BTreeSet<AttemptId>>);

/// Until it is dropped, the runner of an attempt is being made.
struct Made<'a>(&'a Making, &'a AttemptId);

impl Making {
    fn begin<'a>(&'a self, attempt: &'a AttemptId) -> Made<'a> {
        self.all().insert(attempt.clone());
        Made(self, attempt)
    }

    pub(super) fn has(&self, attempt: &AttemptId) -> bool {
        self.all().contains(attempt)
    }

    fn all(&self) -> MutexGuard<'_, BTreeSet<AttemptId>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Made<'_> {
    fn drop(&mut self) {
        self.0.all().remove(self.1);
    }
}

impl Hands {
    /// Operation and attempt, and what the bundle does there where controllers do it themselves.
    pub(super) fn found(
        &self,
        id: OperationId,
        attempt: &AttemptId,
    ) -> Result<(Operation, Attempt, Option<ApiAct>), String> {
        self.keeper.look(|board| {
            let operation = board.operations.get(&id).ok_or_else(|| format!("operation {id} is not known"))?;
            let found = operation.attempts.iter().find(|one| one.id == *attempt);
            let found = found.ok_or_else(|| format!("attempt {attempt} is not known"))?;
            let planned = &operation.plan.bundle;
            let bundle = self.bundles.get(&planned.name).filter(|bundle| bundle.digest() == planned.digest);
            let step = bundle.map(|bundle| assign::step(bundle, operation, found)).transpose().unwrap_or_default();
            let api = step.and_then(|step| match step.act {
                Act::Api(act) => Some(act),
                Act::Playbook(_) | Act::Command(_) => None,
            });
            Ok((operation.clone(), found.clone(), api))
        })
    }

    pub(super) async fn start(&self, id: OperationId, attempt: &AttemptId) -> Result<(), String> {
        // Before it is looked whether the attempt is over: who clears away looks the other way round.
        let _making = self.making.begin(attempt);
        let (operation, found, api) = self.found(id, attempt)?;
        if found.launched.is_some() || found.over.is_some() {
            return Ok(());
        }
        if let Err(why) = self.bundle_of(id) {
            return self.not_started(id, attempt, why).await;
        }
        if let Some(act) = api {
            return self.start_api(&operation, &found, act).await;
        }
        match self.shut(&operation, &found).await {
            Ok(()) => {}
            Err(error) if error.is_retryable() => return Err(crate::error::chain(&error)),
            Err(error) => return self.not_started(id, attempt, crate::error::chain(&error)).await,
        }
        let (order, mut nodes) = match self.order(&operation, &found).await {
            Ok(order) => order,
            Err(Start::Later(why)) => return Err(why),
            Err(Start::Never(why)) => return self.not_started(id, attempt, why).await,
        };
        let token_sha256 = digest(order.token.0.as_bytes());
        if found.token_sha256.as_deref() != Some(&token_sha256) {
            self.tell(Seen::Offered(id, AttemptOffered { attempt: attempt.clone(), token_sha256 })).await?;
        }
        if !self.is_wanted(id, attempt) {
            return Ok(());
        }
        self.faults.reach(Point::BeforeLaunch).await;
        match self.executor.launch(&order).await {
            Ok(place) => {
                self.faults.reach(Point::AfterLaunch).await;
                let (attempt, executor) = (attempt.clone(), self.executor.name().to_owned());
                nodes.retain(|ip, name| operation.nodes.get(ip) != Some(&*name));
                self.tell(Seen::Launched(id, AttemptLaunched { attempt, executor, place, nodes })).await
            }
            Err(error) if error.is_retryable() => Err(crate::error::chain(&error)),
            Err(error @ (ExecuteError::Other(_) | ExecuteError::Local { .. } | ExecuteError::Kube { .. })) => {
                self.not_started(id, attempt, crate::error::chain(&error)).await
            }
        }
    }

    /// Whether it is to have a runner still: its token is known, and it is not to stop.
    fn is_wanted(&self, id: OperationId, attempt: &AttemptId) -> bool {
        self.keeper.look(|board| {
            let open = board.operations.get(&id).and_then(|operation| operation.open_attempt());
            open.is_some_and(|open| open.id == *attempt && open.stop.is_none() && open.token_sha256.is_some())
        })
    }

    fn is_open(&self, id: OperationId, attempt: &AttemptId) -> bool {
        self.keeper.look(|board| {
            let open = board.operations.get(&id).and_then(|operation| operation.open_attempt());
            open.is_some_and(|open| open.id == *attempt)
        })
    }

    pub(super) async fn not_started(
        &self,
        id: OperationId,
        attempt: &AttemptId,
        message: String,
    ) -> Result<(), String> {
        tracing::warn!(%attempt, message, "the runner could not be made");
        let end = AttemptEnd::NotStarted;
        let ended = AttemptEnded { attempt: attempt.clone(), end, exit: None, signal: None, message };
        self.tell(Seen::Ended(id, ended, Default::default())).await
    }

    /// Ends an attempt that has its runner, which is not to act: of one that had the work before nobody knows what it did.
    pub(crate) async fn give_up(&self, id: OperationId, attempt: &Attempt, message: String) -> Result<(), String> {
        tracing::warn!(attempt = %attempt.id, message, "a runner gets no work");
        let end = if attempt.claimed.is_some() { AttemptEnd::Missing } else { AttemptEnd::NotStarted };
        let ended = AttemptEnded { attempt: attempt.id.clone(), end, exit: None, signal: None, message };
        self.tell(Seen::Ended(id, ended, Default::default())).await
    }

    /// What the runner is made of: the same for the same attempt. Beside it the names of nodes that its machines are.
    async fn order(
        &self,
        operation: &Operation,
        attempt: &Attempt,
    ) -> Result<(Order, BTreeMap<String, String>), Start> {
        let target = self.target_of(operation.id).await.map_err(|error| Start::Later(crate::error::chain(&error)))?;
        // What cannot be assigned is known now, not when a runner has come for it.
        let known = self.known_nodes(&target).await.map_err(Start::Later)?;
        let bundle = self.bundle_of(operation.id).map_err(Start::Never)?;
        let path = |name: &str| self.executor.secret_path(&attempt.id, name);
        let assigned = assign::assignment(bundle, operation, attempt, &target, &known, path).map_err(Start::Never)?;
        let input = [assigned.bundle.digest.clone(), assigned.limit.join(","), assigned.playbook.clone()].join("\n");
        let secrets = self.secrets(operation, &target).await?;
        let order = Order {
            attempt: attempt.id.clone(),
            input: digest(input.as_bytes())[..32].to_owned(),
            door: self.door.clone(),
            token: self.tokens.of(&attempt.id),
            secrets,
            deadline: Duration::from_millis(attempt.deadline_ms) + BESIDE,
        };
        Ok((order, assign::nodes(&assigned.inventory, &assigned.limit)))
    }

    async fn secrets(&self, operation: &Operation, target: &Target) -> Result<Vec<(String, Secret)>, Start> {
        let key = target.reach.key.clone().unwrap_or(Secret(String::new()));
        let mut all = vec![(SSH_KEY.to_owned(), key)];
        if let Some((.., Some(key))) = &target.reach.bastion {
            all.push((BASTION_KEY.to_owned(), key.clone()));
        }
        for secret in &operation.spec.secrets {
            let value = match &self.resources {
                Some(resources) => resources.secret(&secret.secret, &secret.key).await.map_err(|error| {
                    let text = crate::error::chain(&error);
                    if error.is_retryable() { Start::Later(text) } else { Start::Never(text) }
                })?,
                None => self.secret_file(&secret.secret, &secret.key)?,
            };
            all.push((assign::file_of(&secret.parameter), value));
        }
        Ok(all)
    }

    /// Where there is no management cluster, Secrets are files: `secrets/<secret>/<key>` in the data folder.
    fn secret_file(&self, secret: &str, key: &str) -> Result<Secret, Start> {
        let plain = |part: &str| !part.is_empty() && !part.starts_with('.') && !part.contains('/');
        if !plain(secret) || !plain(key) {
            return Err(Start::Never(format!("{secret}/{key} is no name of a Secret and a key")));
        }
        let path = self.folder.join("secrets").join(secret).join(key);
        let read = std::fs::read_to_string(&path);
        read.map(Secret).map_err(|error| Start::Never(format!("cannot read the secret {}: {error}", path.display())))
    }

    pub(super) async fn stop(&self, id: OperationId, attempt: &AttemptId) -> Result<(), String> {
        let (_, found, api) = self.found(id, attempt)?;
        let Some(launched) = found.launched.filter(|_| found.over.is_none()) else {
            let end = AttemptEnd::NeverClaimed;
            let ended =
                AttemptEnded { attempt: attempt.clone(), end, exit: None, signal: None, message: String::new() };
            return self.tell(Seen::Ended(id, ended, Default::default())).await;
        };
        if api.is_some() || launched.executor == super::steps::API {
            return self.end_api(id, attempt, AttemptEnd::Stopped).await;
        }
        let failed = |error: ExecuteError| crate::error::chain(&error);
        // Nobody could tell once it is gone.
        let kept = if found.claimed.is_none() { self.executor.waits_for(attempt).await } else { None };
        self.executor.stop(attempt, false).await.map_err(failed)?;
        let is_open = || self.is_open(id, attempt);
        let (exit, signal, message) = match gone(&*self.executor, attempt, is_open).await.map_err(failed)? {
            Some(Standing::Gone { exit, signal, message }) => (exit, signal, message),
            Some(Standing::Absent | Standing::Running) => (None, None, "there is no such runner".into()),
            None => return Ok(()),
        };
        let message = kept.map_or(message.clone(), |kept| format!("{message}; {kept}"));
        let ended = AttemptEnded { attempt: attempt.clone(), end: AttemptEnd::Stopped, exit, signal, message };
        self.tell(Seen::Ended(id, ended, Default::default())).await
    }
}

/// Waits until the runner of an attempt is there no more, and ends it by force after a while. None where the attempt is over
/// before: then nobody waits for it.
async fn gone(
    executor: &dyn Executor,
    attempt: &AttemptId,
    is_open: impl Fn() -> bool,
) -> Result<Option<Standing>, ExecuteError> {
    let begun = Instant::now();
    let mut forced = false;
    while is_open() {
        let standing = executor.look(attempt).await?;
        if standing != Standing::Running {
            return Ok(Some(standing));
        }
        if !forced && begun.elapsed() > STOP_GRACE {
            forced = true;
            executor.stop(attempt, true).await?;
        }
        sleep((begun.elapsed() / 4).clamp(LOOK_AGAIN.0, LOOK_AGAIN.1)).await;
    }
    Ok(None)
}

/// Why no runner is made.
enum Start {
    /// It may be possible later.
    Later(String),
    /// It never will.
    Never(String),
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use async_trait::async_trait;

    use super::*;

    /// Its runners stay, whatever they are told.
    struct Stubborn;

    #[async_trait]
    impl Executor for Stubborn {
        fn name(&self) -> &'static str {
            "stubborn"
        }

        fn secret_path(&self, _: &AttemptId, _: &str) -> String {
            String::new()
        }

        async fn launch(&self, order: &Order) -> Result<String, ExecuteError> {
            Ok(order.attempt.to_string())
        }

        async fn look(&self, _: &AttemptId) -> Result<Standing, ExecuteError> {
            Ok(Standing::Running)
        }

        async fn stop(&self, _: &AttemptId, _: bool) -> Result<(), ExecuteError> {
            Ok(())
        }

        async fn forget(&self, _: &AttemptId) -> Result<(), ExecuteError> {
            Ok(())
        }
    }

    #[tokio::test]
    async fn a_runner_that_was_given_up_is_waited_for_no_more() {
        let (attempt, looks) = ("0f1e2d3c-one-b0-a1".parse().unwrap(), Cell::new(0));
        let is_open = || looks.replace(looks.get() + 1) < 2;
        assert_eq!(gone(&Stubborn, &attempt, is_open).await.unwrap(), None);
        assert_eq!(looks.get(), 3);
    }
}
