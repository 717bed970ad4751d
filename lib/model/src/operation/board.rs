//! The fold of `beidou.operation.v1`: bundles, clusters' rules, operations, tasks, locks, and which commands were followed.

use std::collections::{BTreeMap, BTreeSet};

use beidou_schemas::{
    Micros, Offset,
    operation::{
        AttemptId, ClusterRules, Object, OperationId, TaskId,
        bundle::BundleShape,
        fact::{Cause, Fact, Lock},
    },
};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{Attempt, Kept, Notice, Operation, Rests, Task};

/// What became of a fact at the fold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Applied {
    /// It counts.
    Taken,
    /// A writer of a lower epoch wrote it: it does not count.
    Stale,
    /// It has been seen already.
    Repeated,
    /// It does not follow the facts before: its object stands still for good, and says so.
    Stopped,
}

/// Something that was asked for and is not valid.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RefusedObject {
    /// What was to be made.
    pub object: Object,
    /// For people: `namespace/name`.
    pub name: String,
    /// Who asked.
    pub subject: String,
    /// The cluster that was named.
    pub cluster: String,
    /// When.
    pub at: Micros,
    /// What was wrong.
    pub field: String,
    /// What stood there.
    pub value: String,
    /// What would have been accepted.
    pub allowed: String,
}

/// The state of everything. Its JSON is a snapshot: with the facts behind it, it becomes the same board.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Board {
    /// Of the writer that writes.
    pub epoch: u64,
    /// Who writes.
    pub writer: String,
    /// Since when.
    pub since: Micros,
    /// The number of the board's own last fact.
    pub seq: u64,
    /// Bundles by name.
    pub bundles: BTreeMap<String, BundleShape>,
    /// Rules by cluster.
    pub clusters: BTreeMap<String, ClusterRules>,
    /// Operations.
    pub operations: Kept<OperationId, Operation>,
    /// Tasks.
    pub tasks: Kept<TaskId, Task>,
    /// What was asked for and is not valid, by id.
    pub refused: BTreeMap<Uuid, RefusedObject>,
    /// Who holds what.
    #[serde(with = "pairs")]
    pub locks: BTreeMap<Lock, OperationId>,
    /// Commands that were followed, or refused.
    pub commands: BTreeSet<Uuid>,
    /// Where the next command stands, by partition of the command topic.
    pub followed: BTreeMap<u32, Offset>,
    /// Facts of operations and tasks that the board does not know.
    pub strangers: u64,
}

impl Board {
    /// The board of these facts.
    pub fn fold<'a>(facts: impl IntoIterator<Item = &'a Fact>) -> Self {
        let mut board = Self::default();
        for fact in facts {
            board.apply(fact);
        }
        board
    }

    /// Sheds the details of what a fact of this object may have brought to rest. Nothing that is decided looks at them; the
    /// report of a task does, until that rests as well. The fold itself sheds nothing: its golden files have all.
    pub fn shed(&mut self, object: Object) {
        let named: Vec<OperationId> = match object {
            Object::Board => Vec::new(),
            Object::Operation(id) => vec![id],
            Object::Task(id) => {
                let task = self.tasks.get(&id).into_iter();
                task.flat_map(|task| &task.steps).filter_map(|step| step.operation).collect()
            }
        };
        for id in named {
            let Some(found) = self.operations.get(&id).filter(|found| found.rests()) else { continue };
            let task = found.owner.and_then(|owner| self.tasks.get(&owner.task));
            if task.is_none_or(Rests::rests) {
                self.operations.change(&id, Operation::shed);
            }
        }
    }

    /// The number of an object's last fact.
    pub fn seq_of(&self, object: Object) -> u64 {
        let refused = || u64::from(self.refused.contains_key(&object.id()));
        match object {
            Object::Board => self.seq,
            Object::Operation(id) => self.operations.get(&id).map_or_else(refused, |operation| operation.seq),
            Object::Task(id) => self.tasks.get(&id).map_or_else(refused, |task| task.seq),
        }
    }

    /// Who holds one of these locks, if it is not this operation.
    pub fn holder(&self, locks: &[Lock], of: OperationId, now: Micros) -> Option<&Operation> {
        let other = |lock| self.locks.get(lock).filter(|holder| **holder != of);
        locks.iter().filter_map(other).filter_map(|holder| self.operations.get(holder)).find(|holder| {
            // What nobody can renew any more holds no longer than it was taken for.
            !holder.broken || holder.held_locks().is_some_and(|span| now < span.until)
        })
    }

    /// An attempt and its operation. Its id begins as that of the operation does: no other is looked at. Where two operations
    /// begin alike, the newer attempt is the one that has a runner.
    pub fn attempt(&self, id: &AttemptId) -> Option<(&Operation, &Attempt)> {
        let first = u128::from(u32::from_str_radix(id.as_str().get(..8)?, 16).ok()?) << 96;
        let last = first | (u128::MAX >> 32);
        let runs = self.operations.range(OperationId(Uuid::from_u128(first))..=OperationId(Uuid::from_u128(last)));
        let all = runs.flat_map(|(_, run)| run.attempts.iter().map(move |one| (run, one)));
        all.filter(|(_, one)| one.id == *id).max_by_key(|(_, one)| one.intended)
    }

    /// The operation that a task's step made.
    pub fn made_by(&self, task: TaskId, operation: OperationId) -> Option<&Operation> {
        self.operations.get(&operation).filter(|found| found.owner.is_some_and(|owner| owner.task == task))
    }

    /// What people are to be told of a fact.
    pub fn notice(&self, object: Object, of_seq: u64) -> Option<&Notice> {
        let notices = match object {
            Object::Board => return None,
            Object::Operation(id) => &self.operations.get(&id)?.notices,
            Object::Task(id) => &self.tasks.get(&id)?.notices,
        };
        notices.iter().find(|notice| notice.of_seq == of_seq)
    }

    pub(crate) fn follow(&mut self, cause: Cause) {
        self.commands.insert(cause.command);
        let next = self.followed.entry(cause.partition).or_default();
        *next = (*next).max(cause.offset + 1);
    }
}

/// A map whose keys are no strings, as a list of pairs.
mod pairs {
    use std::collections::BTreeMap;

    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    pub fn serialize<K: Serialize, V: Serialize, S: Serializer>(
        map: &BTreeMap<K, V>,
        to: S,
    ) -> Result<S::Ok, S::Error> {
        to.collect_seq(map)
    }

    pub fn deserialize<'de, K, V, D>(from: D) -> Result<BTreeMap<K, V>, D::Error>
    where
        K: Deserialize<'de> + Ord,
        V: Deserialize<'de>,
        D: Deserializer<'de>,
    {
        Ok(Vec::<(K, V)>::deserialize(from)?.into_iter().collect())
    }
}
