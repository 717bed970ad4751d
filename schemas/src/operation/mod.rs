//! Operations on nodes and the tasks that make them: what is asked, what was decided, and what became of it.
//!
//! ```text
//!  query-api ──► 0 ┐                                         fold ─► decide ─► next
//!                  ├ beidou.operation.command.v1 ──► controllers ──► beidou.operation.v1        facts: all state
//!  controllers ► 1 ┘  (resources, callbacks)                    └──► beidou.operation.task.v1   what Ansible says
//! ```
//!
//! The state of everything is the fold of `beidou.operation.v1`. A fact belongs to one object: an operation, a task, or the
//! board that both stand on (which writer writes, which bundles there are, when a cluster may be touched). Facts of an
//! object are counted from 1 without holes; a writer of a lower epoch is not heard any more.

pub mod bundle;
pub mod command;
pub mod draft;
pub mod fact;
mod ids;
mod kinds;
mod plan;
mod rules;
pub mod said;
mod spec;
mod task;

pub use crate::runner::AttemptId;
pub use ids::{Object, OperationId, TaskId};
pub use kinds::{
    Actor, AttemptEnd, GateMode, HostState, LockScope, OperationType, Phase, Purpose, Reason, RetryScope, Settled,
    TaskStepKind, UndoBy, UndoKind, Via,
};
pub use plan::{Limits, Order, Plan, Stage, StepPlan, SuccessRule, UndoPlan};
pub use rules::{ClusterRules, Freeze, Window};
pub use spec::{Batches, Machine, OperationSpec, Owner, SecretRef};
pub use task::{Gate, NamedMachine, NamedStep, TaskSpec};

use crate::{Topic, TopicPartition};

/// Partitions of the command topic: each has one kind of writer.
pub const COMMAND_PARTITIONS: u32 = 2;
/// Commands that came to the API.
pub const ASKED: TopicPartition = TopicPartition { topic: Topic::OperationCommand, partition: 0 };
/// Commands that controllers make of resources and callbacks.
pub const WISHED: TopicPartition = TopicPartition { topic: Topic::OperationCommand, partition: 1 };
/// The facts.
pub const FACTS: TopicPartition = TopicPartition { topic: Topic::Operation, partition: 0 };
/// Operations that somebody is still writing.
pub const DRAFTS: TopicPartition = TopicPartition { topic: Topic::OperationDraft, partition: 0 };
/// What runners tell per play, task and host.
pub const SAID: TopicPartition = TopicPartition { topic: Topic::OperationTask, partition: 0 };

/// Hosts of one operation at most.
pub const MOST_HOSTS: usize = 5000;
/// Steps of one operation at most.
pub const MOST_STEPS: usize = 64;
/// Hosts × steps of one operation at most. Its plan has below 1 MB where batches have their usual size; where each host is one, a stage of
/// some 66 bytes for each: 11 MB, which is below a record's bound, beside a specification of 2 MiB.
pub const MOST_CELLS: usize = 160_000;
/// Bundles of one task at most.
pub const MOST_BUNDLES: usize = 8;

#[cfg(test)]
mod tests;
