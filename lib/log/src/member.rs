//! Who works on which partitions, where several share them.
//!
//! ```text
//!  join ─► Take [0, 1, 2, 3] ─► a second one joins ─► Give [2, 3] ─► work there is stopped, the token dropped
//!                                                                      └─► only now the second one: Take [2, 3]
//! ```
//!
//! Membership is about work, not about truth: nothing is read and no position is kept through it. A member that stands
//! still may lose its partitions without being told in time, so whoever must be alone on a partition fences the others as
//! its writer.

use std::{fmt, time::Duration};

use async_trait::async_trait;
use beidou_schemas::{Topic, TopicPartition};

use crate::{Log, LogError};

/// A place among those who share partitions. Dropped, it leaves, as a process that dies does.
#[async_trait]
pub trait Member: Send {
    /// Waits for the next change. The first one is a [`Change::Take`], of no partition where all are taken.
    ///
    /// Dropped while it waits, it has missed nothing.
    ///
    /// # Errors
    /// When the log refuses for good that partitions are shared.
    async fn next(&mut self) -> Result<Change, LogError>;

    /// Leaves, and returns when the others may have the partitions. Stop the work on them first.
    async fn leave(self: Box<Self>);

    /// An assignment that has stood unchanged for so long is no stale one. `None` where nobody else can have a partition.
    fn certain_after(&self) -> Option<Duration>;
}

/// What changes for a member.
#[derive(Debug)]
pub enum Change {
    /// These partitions are its own from now on, beside those that it has.
    Take(Vec<TopicPartition>),
    /// These go to others once the token is dropped: stop all work on them first.
    Give(Vec<TopicPartition>, Given),
}

/// Held while work goes on on partitions that were asked back; dropped, they are free for others.
pub struct Given(#[expect(dead_code, reason = "it is there to be dropped")] Box<dyn Send>);

impl Given {
    pub(crate) fn new(token: impl Send + 'static) -> Self {
        Self(Box::new(token))
    }
}

impl fmt::Debug for Given {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Given")
    }
}

/// All partitions of some topics, for a log that nobody else shares.
#[derive(Debug)]
pub(crate) struct Alone(Option<Vec<TopicPartition>>);

impl Alone {
    pub(crate) fn new<L: Log + ?Sized>(log: &L, topics: &[Topic]) -> Self {
        Self(Some(all(topics, |topic| log.partitions(topic))))
    }
}

/// All partitions of some topics, in order.
pub(crate) fn all(topics: &[Topic], partitions: impl Fn(Topic) -> u32) -> Vec<TopicPartition> {
    let of =
        |topic: &Topic| (0..partitions(*topic)).map(|number| TopicPartition::new(*topic, number)).collect::<Vec<_>>();
    topics.iter().flat_map(of).collect()
}

#[async_trait]
impl Member for Alone {
    async fn next(&mut self) -> Result<Change, LogError> {
        match self.0.take() {
            Some(partitions) => Ok(Change::Take(partitions)),
            None => std::future::pending().await,
        }
    }

    async fn leave(self: Box<Self>) {}

    fn certain_after(&self) -> Option<Duration> {
        None
    }
}
