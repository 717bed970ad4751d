//! Drafts of operations: a save goes onto the log, and what counts is what was read back.
//!
//! ```text
//!  POST, PUT, DELETE ─► append to DRAFTS ─► follow ─► shelf ─► GET
//! ```
//!
//! Nothing is kept but the log: a restart folds it again. Several servers append at once; the fold says which of two saves
//! for one version counts, and a writer asks it after its own fact was read back.

mod shelf;

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use beidou_log::{Log, ReadLimit, StoredRecord};
use beidou_schemas::{
    Offset,
    operation::{DRAFTS, draft::DraftFact},
};
use beidou_service::CancellationToken;
use tokio::sync::watch;
use uuid::Uuid;

pub(crate) use shelf::{MOST_DRAFTS, Shelf};

use crate::{
    app::locked,
    fold,
    hand::Hand,
    problem::{Kind, Problem},
};

/// A draft has some 256 KiB at most: a read brings some dozens at the least.
const READ: ReadLimit = ReadLimit { max_bytes: 8 << 20, max_wait: Duration::from_secs(5) };

/// The topic's reader and writer.
pub(crate) struct Drafts {
    log: Arc<dyn Log>,
    shelf: Mutex<Shelf>,
    read: watch::Sender<Offset>,
    /// Why the fold has stopped.
    stopped: Mutex<Option<String>>,
    /// Held until a write is read back.
    hand: Hand,
}

impl Drafts {
    pub(crate) fn new(log: Arc<dyn Log>) -> Arc<Self> {
        Arc::new(Self {
            hand: Hand::new(log.clone(), DRAFTS),
            log,
            shelf: Mutex::default(),
            read: watch::Sender::new(0),
            stopped: Mutex::default(),
        })
    }

    /// What is known, once all that was in the log when this was called is known.
    pub(crate) async fn look<T>(&self, look: impl FnOnce(&Shelf) -> T) -> Result<T, Problem> {
        if self.log.partitions(DRAFTS.topic) == 0 {
            return Err(Problem::new(Kind::LogAway, "the log has no topic for drafts"));
        }
        self.read_up_to(fold::end(&*self.log, DRAFTS).await?).await?;
        Ok(look(&locked(&self.shelf)))
    }

    /// Appends what `make` makes of what is known, and looks at what came of it once that is read back.
    pub(crate) async fn write<T>(
        &self,
        make: impl FnOnce(&Shelf) -> Result<DraftFact, Problem>,
        look: impl FnOnce(&Shelf, DraftFact) -> T,
    ) -> Result<T, Problem> {
        let mut hand = self.hand.hold().await;
        let fact = self.look(make).await??;
        let range = hand.append(fact.to_record(Uuid::new_v4())).await?;
        self.read_up_to(range.end).await?;
        Ok(look(&locked(&self.shelf), fact))
    }

    async fn read_up_to(&self, wanted: Offset) -> Result<(), Problem> {
        if let Some(why) = locked(&self.stopped).clone() {
            return Err(Problem::new(Kind::LogAway, format!("drafts are not read any more: {why}")));
        }
        fold::reached(&self.read, |read| *read >= wanted, "the topic of drafts is not all read yet").await
    }

    /// Reads the topic until the end of the process, or until a fact of a newer version.
    pub(crate) async fn follow(self: Arc<Self>, stop: CancellationToken) {
        if self.log.partitions(DRAFTS.topic) == 0 {
            return stop.cancelled().await;
        }
        stop.run_until_cancelled(self.read_on()).await;
    }

    async fn read_on(&self) {
        let take = |stored: &StoredRecord| {
            let fact = DraftFact::from_json(&stored.record.value);
            let unread = |error| format!("offset {} of {DRAFTS} cannot be read: {error}", stored.offset);
            fact.map(|fact| locked(&self.shelf).take(fact)).map_err(unread)
        };
        let why = fold::follow(&*self.log, DRAFTS, READ, take, |next| _ = self.read.send_replace(next)).await;
        *locked(&self.stopped) = Some(why);
    }
}
