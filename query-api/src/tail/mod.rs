//! The live tail: states straight from the log, filtered here, as server-sent events.
//!
//! ```text
//!  partitions ──reads, shared──► filter ──► short queue ──► the caller's connection
//!      ▲                                        │ full for too long: the caller is let go, and resumes by its last id
//!      └── positions ── signed: the id of every message
//! ```
//!
//! What holds:
//! - A message's id is the position of all partitions behind it: resuming there repeats nothing and loses nothing.
//! - Records that retention removed before they were read are told as a `gap` message, never passed over in silence; what
//!   cannot be decoded is told as a `reject` message.
//! - A filter that lets nothing through still moves the position: heartbeats carry it.
//! - However many tails stand at the end of a partition, it is read once; a tail that stands before it keeps none of them
//!   waiting. Within a partition the order is that of the log.
//! - The log holds a state again where its writer had to repeat itself; the item's `id` tells repetitions.

mod reads;
mod stream;

#[cfg(test)]
mod tests;

use std::{sync::Arc, time::Duration};

use axum::response::sse::Event;
use beidou_log::LogError;
use beidou_schemas::{Offset, Topic, TopicPartition};
use beidou_store::query::events::EventFilter;
use futures::future::try_join_all;
use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    answer::event::EventItem,
    app::App,
    ask::{cursor::Purpose, filter::passes, line::TailLine},
    follow::{Ended, Follower},
    problem::{Kind, Problem},
};

pub(crate) use reads::Reads;
pub(crate) use stream::run;

/// How long a caller waits before it connects again.
const RECONNECT: Duration = Duration::from_secs(2);

/// Where a tail stands: the next offset of each partition.
pub(crate) type Position = Vec<Offset>;

/// Records that retention removed before this tail read them.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct TailGap {
    /// The partition of the log.
    partition: u32,
    /// First record that was not sent.
    #[schema(value_type = u64)]
    from: Offset,
    /// The record with which the tail goes on.
    #[schema(value_type = u64)]
    to: Offset,
    /// `retention`.
    #[schema(value_type = String)]
    reason: &'static str,
}

/// A record that could not be decoded.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct TailReject {
    /// The partition of the log.
    partition: u32,
    /// The record.
    #[schema(value_type = u64)]
    offset: Offset,
    /// What the decoder said.
    detail: String,
}

/// One caller's tail.
pub(crate) struct Tail {
    pub app: Arc<App>,
    pub filter: EventFilter,
    /// The query line, made ready.
    pub line: Option<TailLine>,
    /// Names and uids of clusters as the caller wrote them, and uids found for them; `None`: all.
    pub clusters: Option<Vec<String>>,
    pub position: Position,
    pub follower: Follower,
}

impl Tail {
    fn passes(&self, item: &EventItem) -> bool {
        let of_cluster = |all: &Vec<String>| all.contains(&item.cluster_uid) || all.contains(&item.cluster);
        self.clusters.as_ref().is_none_or(of_cluster)
            && passes(&self.filter, item)
            && self.line.as_ref().is_none_or(|line| line.passes(item))
    }

    fn id(&self) -> String {
        self.app.signer.seal(Purpose::Tail, b"", &self.position)
    }

    async fn item(&self, item: &EventItem) -> Result<(), Ended> {
        let data = serde_json::to_string(item).expect("an item has string keys");
        self.app.metrics.tail_messages.inc();
        self.send(Event::default().id(self.id()).data(data)).await
    }

    async fn gap(&self, gap: &TailGap) -> Result<(), Ended> {
        tracing::warn!(partition = gap.partition, from = gap.from, to = gap.to, "retention overtook a live tail");
        let data = serde_json::to_string(gap).expect("a gap has string keys");
        self.send(Event::default().event("gap").id(self.id()).data(data)).await
    }

    async fn reject(&self, reject: &TailReject) -> Result<(), Ended> {
        let data = serde_json::to_string(reject).expect("a reject has string keys");
        self.send(Event::default().event("reject").id(self.id()).data(data)).await
    }

    /// A sign of life that carries the position: an `id` without data moves `Last-Event-ID` and wakes nobody.
    async fn heartbeat(&self) -> Result<(), Ended> {
        self.send(Event::default().comment("heartbeat").id(self.id()).retry(RECONNECT)).await
    }

    async fn send(&self, event: Event) -> Result<(), Ended> {
        let sent = self.follower.send(event).await;
        if let Err(Ended::TooSlow) = sent {
            self.app.metrics.tails_too_slow.inc();
            tracing::info!("a live tail was ended, its reader is too slow");
        }
        sent
    }
}

/// The position behind the last record of every partition.
pub(crate) async fn end(app: &App) -> Result<Position, LogError> {
    let partitions = 0..app.log.partitions(Topic::KubeEvent);
    let bounds = partitions.map(|p| app.log.bounds(TopicPartition::new(Topic::KubeEvent, p)));
    Ok(try_join_all(bounds).await?.into_iter().map(|bounds| bounds.end).collect())
}

/// Reads the id of an earlier message.
pub(crate) fn position(app: &App, name: &str, text: &str) -> Result<Position, Problem> {
    let partitions = app.log.partitions(Topic::KubeEvent) as usize;
    let opened: Option<Position> = app.signer.open(Purpose::Tail, b"", text);
    opened.filter(|position| position.len() == partitions).ok_or_else(|| Problem {
        kind: Kind::BadPosition,
        ..Problem::parameter(name, text, "the id of an earlier message of this tail")
    })
}
