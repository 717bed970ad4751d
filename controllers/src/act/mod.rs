//! Does what the model asks for, and tells what came of it. Nothing is decided here; each act is harmless when repeated.

mod nodes;
mod runners;
mod steps;
mod tasks;
mod watch;

use std::{path::PathBuf, sync::Arc, time::Duration};

use beidou_model::operation::{Action, Seen};
use beidou_playbooks::Bundle;
use beidou_schemas::{
    operation::{Object, OperationId, command::Command},
    runner::{Assignment, AttemptId, BundleRef},
};
use tokio::sync::watch as channel;

use crate::{
    assign,
    bundles::Bundles,
    commands::Wisher,
    execute::Executor,
    fault::Faults,
    gate::{Hook, Notes},
    keeper::{Hand, Keeper, TellError},
    metrics::ControllersMetrics,
    resources::Resources,
    target::{Nodes, Target, TargetError, Targets},
    token::Tokens,
};

pub(crate) use self::{steps::carry_out, watch::watch};

/// What acts stand on; clones share it.
#[derive(Clone)]
pub(crate) struct Hands(Arc<Inner>);

/// See [`Hands`].
pub(crate) struct Inner {
    pub keeper: Keeper,
    pub executor: Arc<dyn Executor>,
    pub making: runners::Making,
    pub tokens: Tokens,
    pub bundles: Bundles,
    /// Never marked as seen: a clone of it has changed as soon as all clusters were looked at once.
    pub targets: channel::Receiver<Targets>,
    pub wisher: Wisher,
    pub resources: Option<Resources>,
    pub hooks: Vec<Hook>,
    pub notes: Notes,
    pub http: reqwest::Client,
    /// Where runners come to.
    pub door: String,
    /// The same for the callbacks of ticket systems.
    pub callbacks: String,
    pub folder: PathBuf,
    pub faults: Faults,
    pub metrics: ControllersMetrics,
}

impl std::ops::Deref for Hands {
    type Target = Inner;

    fn deref(&self) -> &Inner {
        &self.0
    }
}

impl Hand for Hands {
    async fn act(&self, action: Action) -> Result<Option<Duration>, String> {
        let kind = name(&action);
        let mut again = None;
        let done = match action {
            Action::Record(_) | Action::Wait { .. } => Ok(()),
            Action::StartAttempt { operation, attempt } => self.start(operation, &attempt).await,
            Action::StopAttempt { operation, attempt } => self.stop(operation, &attempt).await,
            Action::Release { operation, attempt, host } => {
                self.release(operation, &attempt, &host).await.map(|waits| again = waits)
            }
            Action::Undo { operation, kind, host } => self.undo(operation, kind, &host).await,
            Action::CreateOperation { task, asked } => self.create(task, &asked).await,
            Action::OpenGate { task, step, of_seq } => self.open_gate(task, step, of_seq).await,
            Action::Notify { object, of_seq } => self.notify(object, of_seq).await,
        };
        let counted = if done.is_ok() { kind } else { "failed" };
        ControllersMetrics::count(&self.metrics.acts, counted);
        done.map(|()| again)
    }
}

fn name(action: &Action) -> &'static str {
    match action {
        Action::Record(_) => "record",
        Action::Wait { .. } => "wait",
        Action::StartAttempt { .. } => "start_attempt",
        Action::StopAttempt { .. } => "stop_attempt",
        Action::Release { .. } => "release",
        Action::Undo { .. } => "undo",
        Action::CreateOperation { .. } => "create_operation",
        Action::OpenGate { .. } => "open_gate",
        Action::Notify { .. } => "notify",
    }
}

impl Hands {
    pub(crate) fn new(inner: Inner) -> Self {
        Self(Arc::new(inner))
    }

    /// Tells; that it changes nothing is as good.
    async fn tell(&self, seen: Seen) -> Result<(), String> {
        match self.keeper.tell(seen).await {
            Ok(()) => Ok(()),
            Err(TellError::Ignored(ignored)) => {
                tracing::debug!(%ignored, "what was seen changes nothing");
                Ok(())
            }
            Err(TellError::Gone) => Err("controllers end".into()),
        }
    }

    /// Appends commands.
    pub(crate) async fn ask(&self, commands: &[Command]) -> Result<(), String> {
        self.wisher.ask(commands).await.map_err(|error| crate::error::chain(&error))
    }

    pub(crate) fn webhook(&self, name: &str) -> Option<&Hook> {
        self.hooks.iter().find(|hook| hook.name == name)
    }

    /// The cluster of an operation; one that only names machines, where nobody knows it and the bundle does not care. Before
    /// clusters were looked at for the first time, nothing is said of any.
    async fn target_of(&self, operation: OperationId) -> Result<Target, TargetError> {
        let mut targets = self.targets.clone();
        // Once they are looked at no more, controllers end.
        let _ = targets.changed().await;
        let (cluster, bundle) = self
            .keeper
            .look(|board| {
                let found = board.operations.get(&operation)?;
                Some((found.spec.cluster_name.clone(), found.plan.bundle.name.clone()))
            })
            .ok_or_else(|| TargetError::Unknown(format!("operation {operation}")))?;
        if let Some(target) = targets.borrow().get(&cluster) {
            return Ok(target.clone());
        }
        let careless = self
            .bundles
            .get(&bundle)
            .is_some_and(|bundle| bundle.manifest().target_api == beidou_playbooks::TargetApi::None);
        careless.then(|| Target::bare(&cluster)).ok_or_else(|| TargetError::Unknown(format!("the cluster {cluster:?}")))
    }

    /// Whether clusters were looked at since the start.
    pub(crate) fn has_looked_at_clusters(&self) -> bool {
        self.targets.has_changed().unwrap_or(true)
    }

    async fn nodes_of(&self, operation: OperationId) -> Result<Nodes, TargetError> {
        self.target_of(operation).await?.nodes()
    }

    /// The nodes that its bundle must know of.
    async fn known_nodes(&self, target: &Target) -> Result<assign::Known, String> {
        match target.nodes() {
            Ok(nodes) => nodes.known().await.map_err(|error| crate::error::chain(&error)),
            // What needs nodes says so by its own check.
            Err(_) => Ok(assign::Known::new()),
        }
    }

    /// The bundle that an operation was planned with: never another one that came under its name. Why there is none, for people.
    pub(crate) fn bundle_of(&self, id: OperationId) -> Result<&Bundle, String> {
        let planned = self.keeper.look(|board| board.operations.get(&id).map(|found| found.plan.bundle.clone()));
        let BundleRef { name, digest } = planned.ok_or_else(|| format!("operation {id} is not known"))?;
        let bundle = self.bundles.get(&name).ok_or_else(|| format!("the bundle {name} is not there"))?;
        let other =
            || format!("the bundle {name} is not the one that the plan was made of; bring that one back, or cancel");
        (bundle.digest() == digest).then_some(bundle).ok_or_else(other)
    }

    /// What the runner of an attempt is to do.
    pub(crate) async fn assignment(&self, id: OperationId, attempt: &AttemptId) -> Result<Assignment, String> {
        let target = self.target_of(id).await.map_err(|error| crate::error::chain(&error))?;
        let known = self.known_nodes(&target).await?;
        let bundle = self.bundle_of(id)?;
        self.keeper.look(|board| {
            let operation = board.operations.get(&id).ok_or_else(|| format!("operation {id} is not known"))?;
            let attempt = operation.attempts.iter().find(|one| one.id == *attempt);
            let attempt = attempt.ok_or_else(|| "the attempt is not known".to_owned())?;
            let path = |name: &str| self.executor.secret_path(&attempt.id, name);
            assign::assignment(bundle, operation, attempt, &target, &known, path)
        })
    }

    /// The files of an operation's bundle.
    pub(crate) fn bundle_tar(&self, operation: OperationId) -> Option<Vec<u8>> {
        self.bundle_of(operation).ok().map(Bundle::to_tar)
    }

    fn object_name(&self, object: Object) -> String {
        self.keeper
            .look(|board| match object {
                Object::Board => None,
                Object::Operation(id) => board.operations.get(&id).map(|found| found.name.clone()),
                Object::Task(id) => board.tasks.get(&id).map(|found| found.name.clone()),
            })
            .unwrap_or_else(|| object.to_string())
    }
}
