//! The closed sets: what an operation can be, in which state, and why.

use crate::{numbered::numbered, runner};

numbered! {
    /// What an operation does.
    pub enum OperationType {
        /// Machines become nodes, by the cluster's own installer.
        ScaleUp = 1 => "ScaleUp",
        /// Nodes are drained and leave, by the cluster's own installer.
        ScaleDown = 2 => "ScaleDown",
        /// Nodes take no new pods.
        Cordon = 3 => "Cordon",
        /// Nodes take pods again.
        Uncordon = 4 => "Uncordon",
        /// Pods are moved off nodes.
        Drain = 5 => "Drain",
        /// Nodes are started anew.
        Reboot = 6 => "Reboot",
        /// A vetted script runs on hosts.
        Command = 7 => "Command",
        /// Machines become nodes, by plain Ansible.
        NodeJoin = 8 => "NodeJoin",
        /// Nodes leave, by plain Ansible.
        NodeRemove = 9 => "NodeRemove",
    }
}

impl OperationType {
    /// Whether a bundle of this type does what is asked: plain Ansible stands in for the cluster's own installer.
    pub fn does(self, asked: Self) -> bool {
        self == asked || matches!((self, asked), (Self::NodeJoin, Self::ScaleUp) | (Self::NodeRemove, Self::ScaleDown))
    }

    /// Whether machines become nodes: what is to join has no node yet.
    pub fn joins(self) -> bool {
        matches!(self, Self::ScaleUp | Self::NodeJoin)
    }
}

numbered! {
    /// Where an operation or a task stands.
    pub enum Phase {
        /// Accepted; waits for approval, a window, a lock.
        Pending = 1 => "Pending",
        /// Its steps run.
        Running = 2 => "Running",
        /// It stands still until somebody decides.
        Held = 3 => "Held",
        /// It is being cancelled: runners stop, what was done is undone.
        Cancelling = 4 => "Cancelling",
        /// Over: the success rule holds.
        Succeeded = 5 => "Succeeded",
        /// Over: it does not.
        Failed = 6 => "Failed",
        /// Over: somebody cancelled it.
        Cancelled = 7 => "Cancelled",
        /// It stands still, and what a runner did is not known.
        Unknown = 8 => "Unknown",
    }
}

impl Phase {
    /// Nothing changes any more.
    pub const fn is_over(self) -> bool {
        matches!(self, Self::Succeeded | Self::Failed | Self::Cancelled)
    }

    /// It moves only when somebody decides.
    pub const fn stands_still(self) -> bool {
        matches!(self, Self::Held | Self::Unknown)
    }
}

numbered! {
    /// Where a host stands in a step. The number is its byte in a matrix; 0 there means that the step has not this host.
    pub enum HostState {
        /// Its turn has not come.
        Waiting = 1 => "waiting",
        /// A runner acts on it.
        Running = 2 => "running",
        /// It went well.
        Ok = 3 => "ok",
        /// A task failed on it.
        Failed = 4 => "failed",
        /// It could not be reached.
        Unreachable = 5 => "unreachable",
        /// The step was left out for it.
        Skipped = 6 => "skipped",
        /// Nobody knows what was done.
        Unknown = 7 => "unknown",
        /// It was cancelled before it was done.
        Cancelled = 8 => "cancelled",
    }
}

impl HostState {
    /// The step is over for the host, and not well.
    pub const fn is_bad(self) -> bool {
        matches!(self, Self::Failed | Self::Unreachable | Self::Unknown | Self::Cancelled)
    }

    /// The host may take the next step.
    pub const fn goes_on(self) -> bool {
        matches!(self, Self::Ok | Self::Skipped)
    }
}

impl From<runner::HostState> for HostState {
    fn from(told: runner::HostState) -> Self {
        match told {
            runner::HostState::Ok => Self::Ok,
            runner::HostState::Failed => Self::Failed,
            runner::HostState::Unreachable => Self::Unreachable,
            // The run had ended before this host: nothing was left out on purpose, and it may not go on.
            runner::HostState::Skipped => Self::Cancelled,
            runner::HostState::Unknown => Self::Unknown,
            runner::HostState::Cancelled => Self::Cancelled,
        }
    }
}

numbered! {
    /// Why something waits, is held, has failed, or is not known.
    pub enum Reason {
        /// Another subject than the requester must approve.
        AwaitingApproval = 1 => "AwaitingApproval",
        /// Outside of the cluster's maintenance windows.
        AwaitingWindow = 2 => "AwaitingWindow",
        /// Changes of the cluster are frozen.
        Frozen = 3 => "Frozen",
        /// Another operation holds the cluster or a node.
        AwaitingLock = 4 => "AwaitingLock",
        /// `spec.suspend` is set.
        Suspended = 5 => "Suspended",
        /// Somebody held it.
        HeldOnRequest = 6 => "HeldOnRequest",
        /// The first host of a step failed.
        CanaryFailed = 7 => "CanaryFailed",
        /// More hosts failed than the limit allows.
        FailedHosts = 8 => "FailedHosts",
        /// Warnings rose on the touched nodes.
        WarningsRose = 9 => "WarningsRose",
        /// A runner ended without telling what it did.
        OutcomeUnknown = 10 => "OutcomeUnknown",
        /// Nothing was heard of a runner any more.
        RunnerSilent = 11 => "RunnerSilent",
        /// No runner came to do the work.
        NeverClaimed = 12 => "NeverClaimed",
        /// It took longer than allowed.
        DeadlinePassed = 13 => "DeadlinePassed",
        /// Fewer hosts came through than the success rule asks for.
        SuccessRuleUnmet = 14 => "SuccessRuleUnmet",
        /// No host is left for the next step.
        NoHostsLeft = 15 => "NoHostsLeft",
        /// An approver said no.
        Rejected = 16 => "Rejected",
        /// Nobody answered a gate in time.
        GateTimedOut = 17 => "GateTimedOut",
        /// An operation of the task failed.
        OperationFailed = 18 => "OperationFailed",
        /// An operation of the task stands still.
        OperationHeld = 19 => "OperationHeld",
        /// An operation of the task was cancelled.
        OperationCancelled = 20 => "OperationCancelled",
        /// Somebody cancelled it.
        CancelledOnRequest = 21 => "CancelledOnRequest",
        /// The specification is not valid.
        SpecRefused = 22 => "SpecRefused",
        /// The log holds facts of it that do not follow one another.
        SequenceBroken = 23 => "SequenceBroken",
        /// It waited for its start for too long.
        NeverStarted = 24 => "NeverStarted",
        /// The runner could not be made.
        StartFailed = 25 => "StartFailed",
        /// A webhook did not take what it was told.
        WebhookFailed = 26 => "WebhookFailed",
        /// It came to its end.
        Completed = 27 => "Completed",
    }
}

numbered! {
    /// Who does a step.
    pub enum Actor {
        /// A runner, by ansible-playbook.
        Ansible = 1 => "ansible",
        /// A runner, by a script.
        Command = 2 => "command",
        /// Controllers, at the API server of the cluster: cordon and taint are lifted, host by host.
        Release = 3 => "release",
    }
}

numbered! {
    /// What a retry of a step may repeat.
    pub enum RetryScope {
        /// Hosts that are not through.
        Host = 1 => "host",
        /// The whole batch, since hosts depend on one another.
        Step = 2 => "step",
        /// Nothing: repeating would harm.
        None = 3 => "none",
    }
}

numbered! {
    /// What an operation locks.
    pub enum LockScope {
        /// The cluster: one such operation at a time.
        Cluster = 1 => "cluster",
        /// Its nodes alone.
        Node = 2 => "node",
        /// Nothing: it changes nothing.
        None = 3 => "none",
    }
}

numbered! {
    /// What was done to a host and must be undone unless all ends well.
    pub enum UndoKind {
        /// The node was cordoned.
        Cordon = 1 => "cordon",
        /// The node has our taint.
        Taint = 2 => "taint",
        /// The machine joined as a node.
        Join = 3 => "join",
    }
}

numbered! {
    /// How it is undone.
    pub enum UndoBy {
        /// Controllers do it at the API server of the cluster.
        Api = 1 => "api",
        /// A runner does it, by a playbook of the bundle.
        Playbook = 2 => "playbook",
    }
}

numbered! {
    /// Why nothing must be undone any more though nothing was undone.
    pub enum Settled {
        /// The operation did what it was to do: a cordon that was asked for, a node that is in service.
        Purpose = 1 => "purpose",
        /// The task that owns the operation lifts it.
        Task = 2 => "task",
        /// It was lifted by a step.
        Released = 3 => "released",
        /// A later operation has had the host: what was left is its own.
        Taken = 4 => "taken",
        /// It was so before: somebody else has done it, and nothing of it is taken back.
        Found = 5 => "found",
    }
}

numbered! {
    /// What an attempt is for.
    pub enum Purpose {
        /// The step.
        Act = 1 => "act",
        /// Undoing the step.
        Undo = 2 => "undo",
    }
}

numbered! {
    /// How an attempt ended.
    pub enum AttemptEnd {
        /// The runner told what became of each host.
        Finished = 1 => "finished",
        /// It ended without a final account.
        Missing = 2 => "missing",
        /// Nothing was heard of it any more.
        Silent = 3 => "silent",
        /// No runner claimed it.
        NeverClaimed = 4 => "never_claimed",
        /// It was stopped, and said so.
        Stopped = 5 => "stopped",
        /// It was stopped, and said nothing.
        NotStopped = 6 => "not_stopped",
        /// The runner could not be made.
        NotStarted = 7 => "not_started",
    }
}

numbered! {
    /// How a gate opens.
    pub enum GateMode {
        /// Another subject than the requester approves.
        Approval = 1 => "approval",
        /// A ticket system is asked, and calls back.
        Webhook = 2 => "webhook",
        /// It opens by itself.
        Open = 3 => "open",
    }
}

numbered! {
    /// Where a command came from.
    pub enum Via {
        /// The HTTP API.
        Api = 1 => "api",
        /// A resource of the management cluster.
        Resource = 2 => "resource",
        /// A task that makes its operations.
        Task = 3 => "task",
        /// A signed callback.
        Callback = 4 => "callback",
    }
}

numbered! {
    /// A step of a task.
    pub enum TaskStepKind {
        /// An operation with the flow `preCheck`.
        ScaleUpPreCheck = 1 => "ScaleUpPreCheck",
        /// The work order before the change.
        ScaleUpWorkprocess = 2 => "ScaleUpWorkprocess",
        /// An operation with the flow `scaleUp`, `postCheck`; nodes stay cordoned and tainted.
        ScaleUp = 3 => "ScaleUp",
        /// Cordon and taint are lifted, where the check behind holds.
        UncordonNodes = 4 => "UncordonNodes",
        /// The closing work order.
        ScaleUpSubWorkprocess = 5 => "ScaleUpSubWorkprocess",
        /// An operation with the flow `preCheck`.
        ScaleDownPreCheck = 6 => "ScaleDownPreCheck",
        /// The work order before the change.
        ScaleDownWorkprocess = 7 => "ScaleDownWorkprocess",
        /// An operation with the flow `scaleDown`, `postCheck`.
        ScaleDown = 8 => "ScaleDown",
        /// The closing work order.
        ScaleDownSubWorkprocess = 9 => "ScaleDownSubWorkprocess",
    }
}

impl TaskStepKind {
    /// Whether it is a closing work order.
    pub fn closes(self) -> bool {
        matches!(self, Self::ScaleUpSubWorkprocess | Self::ScaleDownSubWorkprocess)
    }

    /// Whether the bundles of the task do it.
    pub fn is_by_bundle(self) -> bool {
        matches!(self, Self::ScaleUpPreCheck | Self::ScaleUp | Self::ScaleDownPreCheck | Self::ScaleDown)
    }

    /// What it is called where one of several bundles does it: `ScaleUp/command`.
    pub fn name_of(self, bundle: Option<&str>) -> String {
        bundle.map_or_else(|| self.name().to_owned(), |bundle| format!("{self}/{bundle}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table<T: Copy>(what: &str, all: &[T], row: impl Fn(T) -> (u8, &'static str)) -> String {
        let rows: Vec<_> = all.iter().map(|kind| row(*kind)).map(|(number, name)| format!("{number} {name}")).collect();
        format!("{what}: {}", rows.join(", "))
    }

    #[test]
    fn numbers_and_names_are_golden() {
        macro_rules! tables {
            ($($kind:ident),+) => {
                [$(table(stringify!($kind), $kind::ALL, |kind| (kind.number(), kind.name())),)+]
            };
        }
        let text = tables!(
            OperationType,
            Phase,
            HostState,
            Reason,
            Actor,
            RetryScope,
            LockScope,
            UndoKind,
            UndoBy,
            Settled,
            Purpose,
            AttemptEnd,
            GateMode,
            Via,
            TaskStepKind
        );
        insta::assert_snapshot!(text.join("\n"));
    }
}
