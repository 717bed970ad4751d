//! Operations as callers see them: commands go onto the log, what came of them is read from there.
//!
//! ```text
//!  POST ─► check (lib/model, pure) ─► append to ASKED ─► (controllers decide) ─► FACTS
//!                                          └──────────────┬───────────────────────┘
//!                       SAID (what runners told) ─────────┴─► follow ─► known ─► GET, streams
//! ```
//!
//! What holds:
//! - Nothing here writes facts. All state is the fold of the facts, by the same code as in controllers.
//! - A command's id is the caller's idempotency key: the same key twice is one command, and the same answer.
//! - What is asked is checked with the model before it is appended, so that a mistake is told while controllers are away.
//! - A fact of a kind that this version does not know stops the fold: answers would be wrong.
//! - Details of what has long been at rest are not in memory. Who asks for them has that operation folded anew, and the same answer.

mod asked;
pub mod chain;
mod command;
mod known;
pub(crate) mod machines;
mod reader;
mod said;
#[cfg(test)]
mod tests;

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex},
    time::Duration,
};

use axum::body::Bytes;
use beidou_log::{Log, ReadLimit, StoredRecord};
use beidou_schemas::{
    Offset, TopicPartition,
    operation::{ASKED, FACTS, Object, OperationId, SAID, command::Command, fact::Fact, said::Said},
};
use beidou_service::{CancellationToken, Readiness, readiness::Part};
use tokio::sync::watch;
use uuid::Uuid;

pub(crate) use command::{Answered, Target, Wish, problem};
pub(crate) use known::{FactHead, Known, Outcome, Spoken, Stood, Warned};
pub(crate) use said::SaidAt;

use self::{asked::Asked, reader::Reader, said::SaidIndex};
use crate::{
    app::locked,
    fold,
    hand::Hand,
    problem::{Kind, Problem},
};

/// Facts have at most 1 MB, and most have one KB; a read brings a few of them at the least.
const READ: ReadLimit = ReadLimit { max_bytes: 8 << 20, max_wait: Duration::from_secs(5) };
/// The partitions that are followed; [`Place`] is their order.
const FOLLOWED: [TopicPartition; 3] = [FACTS, SAID, ASKED];

/// How far each of [`FOLLOWED`] was read.
type Read = [Offset; 3];

/// The reader of facts and of what runners told, and the writer of commands.
pub(crate) struct Operations {
    log: Arc<dyn Log>,
    known: Mutex<Known>,
    /// Held while operations are folded anew.
    turn: tokio::sync::Mutex<()>,
    said: Mutex<SaidIndex>,
    asked: Mutex<Asked>,
    read: watch::Sender<Read>,
    /// Why the fold has stopped.
    stopped: Mutex<Option<String>>,
    /// Held until a command is appended.
    hand: Hand,
}

impl Operations {
    pub(crate) fn new(log: Arc<dyn Log>) -> Arc<Self> {
        Arc::new(Self {
            hand: Hand::new(log.clone(), ASKED),
            log,
            known: Mutex::default(),
            turn: tokio::sync::Mutex::default(),
            said: Mutex::default(),
            asked: Mutex::default(),
            read: watch::Sender::new([0; 3]),
            stopped: Mutex::default(),
        })
    }

    /// What is known, once all facts that were in the log when this was called are known.
    pub(crate) async fn look<T>(&self, look: impl FnOnce(&Known) -> T) -> Result<T, Problem> {
        self.caught_up(FACTS).await?;
        Ok(look(&locked(&self.known)))
    }

    /// What is known now.
    pub(crate) fn glance<T>(&self, look: impl FnOnce(&Known) -> T) -> T {
        look(&locked(&self.known))
    }

    /// What is known with all details of an operation, once all facts that were in the log when this was called are known.
    pub(crate) async fn look_into<T>(&self, id: Uuid, look: impl FnOnce(&Known) -> T) -> Result<T, Problem> {
        self.caught_up(FACTS).await?;
        self.glance_into(|_| BTreeSet::from([OperationId(id)]), look).await
    }

    /// What is known now, with all details of these operations.
    pub(crate) async fn glance_into<T>(
        &self,
        ids: impl Fn(&Known) -> BTreeSet<OperationId>,
        look: impl FnOnce(&Known) -> T,
    ) -> Result<T, Problem> {
        let (mut turn, mut folded) = (None, Vec::<(OperationId, Known)>::new());
        loop {
            let shed = {
                let mut known = locked(&self.known);
                for (id, alone) in folded.drain(..) {
                    known.restore(id, alone);
                }
                let shed = known.shed_of(&ids(&known));
                if shed.is_empty() {
                    let answer = look(&known);
                    known.bound();
                    return Ok(answer);
                }
                shed
            };
            // One folds at a time. Who has waited for it may find what it wants.
            if turn.is_none() {
                turn = Some(self.turn.lock().await);
                continue;
            }
            for (id, offsets) in shed {
                folded.push((id, self.alone(id, &offsets).await?));
            }
        }
    }

    /// The fold of an operation's facts alone.
    async fn alone(&self, id: OperationId, offsets: &[Offset]) -> Result<Known, Problem> {
        let (mut alone, mut reader) = (Known::default(), Reader::new(&*self.log, FACTS));
        for offset in offsets {
            let json = reader.record(*offset).await?;
            alone.take(*offset, &decoded(*offset, &json)?);
        }
        match alone.facts(id.0).len() == offsets.len() {
            true => Ok(alone),
            false => Err(Problem::new(Kind::Internal, format!("the facts of operation {id} are not those of before"))),
        }
    }

    /// The object of a command that stands in the log.
    pub(crate) async fn object_of(&self, command: Uuid) -> Result<Option<Object>, Problem> {
        self.caught_up(ASKED).await?;
        Ok(locked(&self.asked).find(command).map(|taken| taken.object))
    }

    /// The facts at these offsets, which are in order.
    pub(crate) async fn facts_at(&self, offsets: &[Offset]) -> Result<Vec<(Offset, Fact)>, Problem> {
        let mut facts = Vec::with_capacity(offsets.len());
        for (offset, json) in self.records(FACTS, offsets).await? {
            facts.push((offset, decoded(offset, &json)?));
        }
        Ok(facts)
    }

    /// The records at these offsets, which are in order.
    pub(crate) async fn records(
        &self,
        at: TopicPartition,
        offsets: &[Offset],
    ) -> Result<Vec<(Offset, Bytes)>, Problem> {
        let mut reader = Reader::new(&*self.log, at);
        let mut records = Vec::with_capacity(offsets.len());
        for offset in offsets {
            records.push((*offset, reader.record(*offset).await?));
        }
        Ok(records)
    }

    /// Tells of each batch that was read.
    pub(crate) fn changes(&self) -> watch::Receiver<Read> {
        self.read.subscribe()
    }

    /// Waits until all that the partition has now is read.
    async fn caught_up(&self, at: TopicPartition) -> Result<(), Problem> {
        if self.log.partitions(at.topic) <= at.partition {
            return Ok(());
        }
        if let Some(why) = locked(&self.stopped).clone() {
            return Err(Problem::new(Kind::LogAway, format!("operations are not read any more: {why}")));
        }
        let (place, wanted) = (place(at), fold::end(&*self.log, at).await?);
        fold::reached(&self.read, |read| read[place] >= wanted, "the facts of operations are not all read yet").await
    }

    /// Reads all three partitions until the end of the process.
    pub(crate) async fn follow(self: Arc<Self>, readiness: Readiness, stop: CancellationToken) {
        let there = FOLLOWED.iter().all(|at| self.log.partitions(at.topic) > at.partition);
        if !there {
            return stop.cancelled().await;
        }
        let part = readiness.part("query-api/operations");
        part.waiting("it folds the facts of operations");
        let caught_up = async {
            loop {
                match self.caught_up(FACTS).await {
                    Ok(()) => break part.ready(),
                    Err(problem) => part.waiting(problem.detail),
                }
                tokio::time::sleep(fold::RETRY_EVERY).await;
            }
        };
        let follow = |at| self.follow_one(at, &part);
        let all = futures::future::join4(follow(FACTS), follow(SAID), follow(ASKED), caught_up);
        stop.run_until_cancelled(all).await;
    }

    async fn follow_one(&self, at: TopicPartition, part: &Part) {
        let place = place(at);
        let take = |stored: &StoredRecord| self.take(at, stored);
        let read = |next| self.read.send_modify(|read| read[place] = next);
        let why = fold::follow(&*self.log, at, READ, take, read).await;
        part.waiting(why.clone());
        *locked(&self.stopped) = Some(why);
    }

    fn take(&self, at: TopicPartition, stored: &StoredRecord) -> Result<(), String> {
        let (offset, json) = (stored.offset, &stored.record.value);
        let unread = |error| format!("the record at offset {offset} of {at} cannot be read: {error}");
        if at == FACTS {
            let fact = Fact::from_json(json).map_err(unread)?;
            let mut known = locked(&self.known);
            known.take(offset, &fact);
            known.bound();
        } else if at == SAID {
            let said = Said::from_json(json).map_err(unread)?;
            locked(&self.said).take(offset, &said);
        } else {
            let command = Command::from_json(json).map_err(unread)?;
            locked(&self.asked).take(&command);
        }
        Ok(())
    }
}

fn decoded(offset: Offset, json: &[u8]) -> Result<Fact, Problem> {
    Fact::from_json(json).map_err(|error| Problem {
        cause: format!("offset {offset} of {FACTS}: {error}"),
        ..Problem::new(Kind::Internal, format!("the record at offset {offset} of {FACTS} cannot be read"))
    })
}

/// The place of a partition in [`FOLLOWED`].
fn place(at: TopicPartition) -> usize {
    FOLLOWED.iter().position(|known| *known == at).unwrap_or_default()
}
