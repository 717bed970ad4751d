//! What tails read: each partition once for all that stand at its end.
//!
//! ```text
//!  partition ──one read──► its youngest batches ──► every tail, each at its own pace
//!      └── few reads at once ──► tails that stand before these batches, until they meet them
//! ```
//!
//! The shared read is that of the tail that stands furthest. It has no task: whoever waits for it drives it, and when nobody
//! does any more it ends.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex},
};

use beidou_log::{Log, LogError, ReadBatch, ReadLimit};
use beidou_schemas::{Offset, Topic, TopicPartition};
use futures::{
    FutureExt,
    future::{BoxFuture, Shared, WeakShared},
};
use tokio::{sync::Semaphore, time::Duration};
use tokio_util::task::AbortOnDropHandle;

use crate::app::locked;

/// The shared read of a partition.
const AT_END: ReadLimit = ReadLimit { max_bytes: 256 << 10, max_wait: Duration::from_secs(10) };
/// One read of a tail that stands behind: what it asks for is there.
const BEHIND: ReadLimit = ReadLimit { max_bytes: 256 << 10, max_wait: Duration::ZERO };
/// So many of those at once, of all tails and partitions; the others wait for their turn.
const AT_ONCE: usize = 8;
/// The youngest batches of a partition that are kept, in bytes; the last one in any case. With 32 partitions 32 MB.
pub(super) const KEPT: usize = 1 << 20;
/// What a record, and a batch, take beside their bytes.
const OVERHEAD: usize = 256;

/// What a read brought; many tails hold it.
pub(super) type Brought = Result<Arc<ReadBatch>, Arc<LogError>>;
type Reading = BoxFuture<'static, Brought>;

/// The reads of all tails.
pub(crate) struct Reads {
    log: Arc<dyn Log>,
    fronts: Vec<Arc<Mutex<Front>>>,
    /// To read behind.
    turns: Arc<Semaphore>,
}

/// How far a partition is read, by whichever tail stands furthest.
#[derive(Default)]
struct Front {
    /// The youngest batches, one behind the other, each with the offset at which its read began.
    kept: VecDeque<(Offset, Arc<ReadBatch>)>,
    bytes: usize,
    /// Behind them: here the shared read begins.
    next: Offset,
    /// The shared read, as long as somebody waits for it.
    reading: Option<WeakShared<Reading>>,
}

/// Where a tail stands.
enum Place {
    Kept(Arc<ReadBatch>),
    End(Shared<Reading>),
    /// Further than the shared read, which is about to come by.
    Ahead(Shared<Reading>),
    Behind,
}

impl Reads {
    pub(crate) fn new(log: Arc<dyn Log>) -> Self {
        let fronts = (0..log.partitions(Topic::KubeEvent)).map(|_| Arc::default()).collect();
        Self { log, fronts, turns: Arc::new(Semaphore::new(AT_ONCE)) }
    }

    /// A batch that goes beyond `from`, or ends there; it may begin before.
    pub(super) async fn read(&self, partition: u32, from: Offset) -> Brought {
        let at = TopicPartition::new(Topic::KubeEvent, partition);
        let front = &self.fronts[partition as usize];
        let mut may_wait = true;
        loop {
            match self.place(at, from, may_wait) {
                Place::Kept(batch) => return Ok(batch),
                Place::End(reading) => return reading.await,
                Place::Ahead(reading) => {
                    drop(reading.await);
                    may_wait = false;
                }
                Place::Behind => {
                    let batch = self.read_behind(at, from).await?;
                    if batch.next > from {
                        return Ok(batch);
                    }
                    // Nothing lies between here and the front: somebody stood beyond the end of the log.
                    *locked(front) = Front::default();
                }
            }
        }
    }

    /// A task of its own: a tail that waits for its caller polls none of its reads, and one with a turn would keep it.
    async fn read_behind(&self, at: TopicPartition, from: Offset) -> Brought {
        let (log, turns) = (self.log.clone(), self.turns.clone());
        let read = async move {
            let _turn = turns.acquire_owned().await.map_err(|_closed| LogError::Closed)?;
            log.read(at, from, BEHIND).await
        };
        match AbortOnDropHandle::new(tokio::spawn(read)).await {
            Ok(brought) => brought.map(Arc::new).map_err(Arc::new),
            Err(_ended_with_the_process) => Err(Arc::new(LogError::Closed)),
        }
    }

    fn place(&self, at: TopicPartition, from: Offset, may_wait: bool) -> Place {
        let shared = &self.fronts[at.partition as usize];
        let mut front = locked(shared);
        let holds = |(begin, batch): &&(Offset, Arc<ReadBatch>)| (*begin..batch.next).contains(&from);
        if let Some((_, batch)) = front.kept.iter().find(holds) {
            return Place::Kept(batch.clone());
        }
        if from < front.next {
            return Place::Behind;
        }
        match front.reading.as_ref().and_then(WeakShared::upgrade) {
            Some(reading) if from == front.next => Place::End(reading),
            Some(reading) if may_wait => Place::Ahead(reading),
            Some(_) | None => {
                if from > front.next {
                    *front = Front { next: from, ..Front::default() };
                }
                let reading = read_on(self.log.clone(), shared.clone(), at, from).boxed().shared();
                front.reading = reading.downgrade();
                Place::End(reading)
            }
        }
    }
}

/// The shared read that begins at `from`. What it brings is kept, unless another tail stood further meanwhile.
async fn read_on(log: Arc<dyn Log>, shared: Arc<Mutex<Front>>, at: TopicPartition, from: Offset) -> Brought {
    let brought = log.read(at, from, AT_END).await.map(Arc::new).map_err(Arc::new);
    let mut front = locked(&shared);
    if front.next == from {
        match &brought {
            Ok(batch) => front.keep(from, batch),
            Err(_) => *front = Front::default(),
        }
    }
    drop(front);
    brought
}

impl Front {
    fn keep(&mut self, from: Offset, batch: &Arc<ReadBatch>) {
        self.reading = None;
        if batch.next == from {
            return;
        }
        self.next = batch.next;
        self.bytes += size(batch);
        self.kept.push_back((from, batch.clone()));
        while self.bytes > KEPT && self.kept.len() > 1 {
            if let Some((_, oldest)) = self.kept.pop_front() {
                self.bytes -= size(&oldest);
            }
        }
    }
}

fn size(batch: &ReadBatch) -> usize {
    OVERHEAD + batch.records.iter().map(|stored| OVERHEAD + stored.record.size()).sum::<usize>()
}
