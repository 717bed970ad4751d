//! Fail points, for tests.

use std::{fmt, sync::Arc};

use beidou_schemas::TopicPartition;

/// What a test makes of an append, or of a consumer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// Its producer is broken for good once the records are handed over, as after a lost sequence.
    Fatal,
    /// Of the one writer: its transaction is committed, and neither that answer comes nor that of its first look.
    Unanswered,
    /// Of the one writer: it is time to commit its epoch again.
    Aged,
    /// The consumer brings nothing from where it is put, and says nothing of it.
    Deaf,
}

type Hook = dyn Fn(TopicPartition) -> Option<Fault> + Send + Sync;

/// A hook that tests put behind the handing over of each batch, and behind the putting of each consumer.
#[derive(Clone, Default)]
pub struct Faults(Option<Arc<Hook>>);

impl Faults {
    /// Asks `hook` after each batch that was handed to a producer, and each consumer that was put to an offset.
    pub fn new(hook: impl Fn(TopicPartition) -> Option<Fault> + Send + Sync + 'static) -> Self {
        Self(Some(Arc::new(hook)))
    }

    pub(super) fn after(&self, at: TopicPartition) -> Option<Fault> {
        self.0.as_ref().and_then(|hook| hook(at))
    }
}

impl fmt::Debug for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_some() { "Faults(set)" } else { "Faults(none)" })
    }
}
