//! Maintenance as callers see it: requests go onto the log, what came of them is read from there.
//!
//! ```text
//!  POST, PUT, DELETE ─► append to partition 0 ─► (projector works) ─► partition 1
//!                              └──────────────► follow both ─► board ─► GET
//! ```
//!
//! Nothing is kept but the log: a restart folds it again. An answer to a write comes after its own fact was read back, so
//! that the caller's next question knows it.

mod board;
mod links;

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use beidou_log::{Log, ReadLimit, StoredRecord};
use beidou_schemas::{
    Micros, Offset, TopicPartition,
    fact::FactError,
    maintenance::fact::{OUTCOMES, Outcome, REQUESTS, Request},
};
use beidou_service::CancellationToken;
use tokio::sync::watch;
use uuid::Uuid;

pub(crate) use board::{Board, Kind as WorkKind, MOST_QUERIES, Query, State, Work};

use crate::{app::locked, fold, hand::Hand, problem::Problem};

/// Reports have at most 1 MB; a read brings a few of them at the least.
const READ: ReadLimit = ReadLimit { max_bytes: 4 << 20, max_wait: Duration::from_secs(5) };

/// The topic's reader and writer.
pub(crate) struct Upkeep {
    log: Arc<dyn Log>,
    board: Mutex<Board>,
    /// How far requests and outcomes were read.
    read: watch::Sender<(Offset, Offset)>,
    /// Held until a write is read back.
    hand: Hand,
}

impl Upkeep {
    pub(crate) fn new(log: Arc<dyn Log>) -> Arc<Self> {
        let hand = Hand::new(log.clone(), REQUESTS);
        Arc::new(Self { log, board: Mutex::default(), read: watch::Sender::new((0, 0)), hand })
    }

    /// What is known, once all that was in the log when this was called is known.
    pub(crate) async fn board<T>(&self, look: impl FnOnce(&Board) -> T) -> Result<T, Problem> {
        let (requests, outcomes) = (fold::end(&*self.log, REQUESTS).await?, fold::end(&*self.log, OUTCOMES).await?);
        self.read_up_to(requests, outcomes).await?;
        Ok(look(&locked(&self.board)))
    }

    /// Appends a request, if `check` finds nothing against it; returns when it is read back.
    pub(crate) async fn ask(
        &self,
        request: Request,
        check: impl FnOnce(&Board) -> Result<(), Problem>,
    ) -> Result<(), Problem> {
        let mut hand = self.hand.hold().await;
        self.board(check).await??;
        let range = hand.append(request.to_record(Uuid::new_v4())).await?;
        self.read_up_to(range.end, 0).await
    }

    async fn read_up_to(&self, requests: Offset, outcomes: Offset) -> Result<(), Problem> {
        let is_enough = |(r, o): &(Offset, Offset)| *r >= requests && *o >= outcomes;
        fold::reached(&self.read, is_enough, "the maintenance topic cannot be read").await
    }

    /// Reads both partitions until the end of the process.
    pub(crate) async fn follow(self: Arc<Self>, stop: CancellationToken) {
        if self.log.partitions(REQUESTS.topic) <= OUTCOMES.partition {
            return stop.cancelled().await;
        }
        let all = futures::future::join(self.follow_one(REQUESTS), self.follow_one(OUTCOMES));
        stop.run_until_cancelled(all).await;
    }

    async fn follow_one(&self, at: TopicPartition) {
        let take = |stored: &StoredRecord| {
            self.take(at, stored);
            Ok(())
        };
        let read = |next| self.read.send_modify(|(r, o)| if at == REQUESTS { *r = next } else { *o = next });
        fold::follow(&*self.log, at, READ, take, read).await;
    }

    fn take(&self, at: TopicPartition, stored: &StoredRecord) {
        let (json, time) = (&stored.record.value, stored.record.header("ce_time").and_then(Micros::parse));
        let taken: Result<(), FactError> = if at == REQUESTS {
            Request::from_json(json).map(|request| locked(&self.board).ask(request))
        } else {
            Outcome::from_json(json).map(|outcome| locked(&self.board).tell(outcome, time.unwrap_or_default()))
        };
        if let Err(error) = taken {
            tracing::warn!(%at, offset = stored.offset, error = %error, "a fact of the maintenance topic was not understood");
        }
    }
}
