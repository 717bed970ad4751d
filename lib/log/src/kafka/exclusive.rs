//! The one writer of a partition that only one may write (a ledger): fenced by its transactional id.
//!
//! ```text
//!  open    init_transactions (fences the older one, ends what it left open) ─► epoch := committed + 1, in a transaction
//!  append  begin ─ send ─ commit ─► offsets         several appends that wait share a transaction
//!  broken  nobody newer? ─► fresh producer, init ─► nobody newer? ─► is the batch there already? else once more
//! ```
//!
//! - A fresh producer of the same id fences whoever has it. So an older writer must not take one without looking: the
//!   epoch stands in a consumer group, committed inside a transaction, so that only the holder of the id can raise it.
//!   Should two meet between look and fence, both stop; neither writes on.
//! - A group forgets what nobody commits for a week, so a writer that lives commits its epoch each day: the next one's is higher.
//! - After a commit without an answer the batch is looked for behind the last known end, until the look has an answer. Nobody
//!   else writes there, so it is stored once.

use std::{
    ops::Range,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering::SeqCst},
        mpsc::{self, RecvTimeoutError},
    },
    thread::JoinHandle,
    time::{Duration, Instant},
};

use beidou_schemas::{Offset, Record, TopicPartition};
use rdkafka::{
    ClientConfig,
    consumer::{BaseConsumer, Consumer},
    error::{KafkaError, RDKafkaErrorCode as Code},
    producer::Producer as _,
    topic_partition_list::{Offset as Place, TopicPartitionList},
};
use tokio::sync::oneshot;

use super::{
    client::{Quiet, is_fenced, is_final, listen, of_writer, refused},
    faults::{Fault, Faults},
    flight::{Deliveries, Flight, Producer, Pulse, break_for_good, hand_over},
    producer::Append,
    reader::read_range,
    waits::Waits,
};
use crate::LogError;

/// How long one act of a transaction may take; below `transaction.timeout.ms`, so that the broker does not end it first.
const ACT: Duration = Duration::from_secs(30);
/// Appends that share a transaction at most; facts have some 300 bytes.
const GROUP: usize = 256;
/// Between two looks for a marker, which stands there a few milliseconds after its commit.
const LOOK_AGAIN: Duration = Duration::from_millis(2);
/// What an act is told whose answer does not come.
const NO_ANSWER: KafkaError = KafkaError::Global(Code::OperationTimedOut);
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);
/// How often the epoch is committed again, and how soon where that has failed; brokers keep it for seven days, unless told
/// otherwise (`offsets.retention.minutes`).
const RENEW: Duration = Duration::from_secs(24 * 60 * 60);
const RENEW_AGAIN: Duration = Duration::from_secs(60 * 60);

/// What the writer must know.
#[derive(Clone)]
pub(super) struct Setup {
    pub at: TopicPartition,
    pub topic: Arc<str>,
    pub producer: ClientConfig,
    /// Of a consumer that reads the partition back, and asks for the epoch.
    pub reader: ClientConfig,
    pub faults: Faults,
    pub waits: Arc<Waits>,
}

/// The answer to whether a writer still is the newest.
type Looked = oneshot::Receiver<Result<(), LogError>>;

enum Order {
    Append(Append),
    /// Is nobody newer?
    Look(oneshot::Sender<Result<(), LogError>>),
}

/// The handle of the writer's thread.
pub(super) struct Exclusive {
    pub epoch: u64,
    orders: Option<mpsc::Sender<Order>>,
    stop: Arc<AtomicBool>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl Exclusive {
    /// Fences older writers, raises the epoch, starts the thread. Blocking.
    pub(super) fn open(setup: Setup) -> Result<Self, LogError> {
        let at = setup.at;
        let stop = Arc::new(AtomicBool::new(false));
        let asking = setup.reader.create_with_context::<_, BaseConsumer<Quiet>>(Quiet);
        let asking = asking.map_err(|error| refused(format_args!("become the writer of {at}"), error))?;
        let (epoch, end, fenced, unanswered) = (0, 0, false, false);
        let (stopped, due) = (Arc::clone(&stop), Instant::now() + RENEW);
        let mut work = Work { setup, asking, producer: None, epoch, end, stop: stopped, fenced, unanswered, due };
        work.take_over().map_err(|error| match is_fenced(&error) {
            true => LogError::Fenced { at },
            false => refused(format_args!("become the writer of {at}"), error),
        })?;
        let epoch = work.epoch;
        let (orders, received) = mpsc::channel();
        let thread = std::thread::Builder::new().name(format!("ledger-{}", at.partition));
        let thread = thread.spawn(move || work.run(&received)).map_err(|source| LogError::Broker {
            act: format!("start the writer thread of {at}"),
            retry: true,
            source: Arc::new(source),
        })?;
        Ok(Self { epoch, orders: Some(orders), stop, thread: Mutex::new(Some(thread)) })
    }

    pub(super) fn append(&self, append: Append) -> Result<(), LogError> {
        self.order(Order::Append(append))
    }

    /// Asks whether it still is the newest writer.
    pub(super) fn look(&self) -> Result<Looked, LogError> {
        let (reply, answer) = oneshot::channel();
        self.order(Order::Look(reply)).map(|()| answer)
    }

    fn order(&self, order: Order) -> Result<(), LogError> {
        self.orders.as_ref().and_then(|orders| orders.send(order).ok()).ok_or(LogError::Closed)
    }
}

impl Drop for Exclusive {
    fn drop(&mut self) {
        self.stop.store(true, SeqCst);
        self.orders = None;
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        if thread.is_some_and(|thread| thread.join().is_err()) {
            tracing::error!("a writer's thread of the log ended by a panic");
        }
    }
}

struct Work {
    setup: Setup,
    asking: BaseConsumer<Quiet>,
    producer: Option<Producer>,
    epoch: u64,
    /// Behind the last record that is known to be there.
    end: Offset,
    stop: Arc<AtomicBool>,
    fenced: bool,
    /// A test keeps the answer of the next look.
    unanswered: bool,
    /// When the epoch is committed again.
    due: Instant,
}

/// Why an attempt failed.
enum Failure {
    /// For good.
    Final(KafkaError),
    /// A fresh producer may succeed.
    Broken(KafkaError),
}

impl From<KafkaError> for Failure {
    fn from(error: KafkaError) -> Self {
        if is_fenced(&error) || is_final(&error) { Self::Final(error) } else { Self::Broken(error) }
    }
}

impl Work {
    /// Becomes the writer, and says so under a new epoch.
    fn take_over(&mut self) -> Result<(), KafkaError> {
        let producer = self.fence()?;
        let (_, end) = self.asking.fetch_watermarks(&self.setup.topic, self.setup.at.partition as i32, ACT)?;
        self.end = end as Offset;
        // Where nobody wrote for a week, it is forgotten; the end of the partition then stands in for it.
        let epoch = self.committed()?.unwrap_or(0).max(self.end) + 1;
        self.commit(&producer, epoch)?;
        (self.epoch, self.producer) = (epoch, Some(producer));
        Ok(())
    }

    /// Commits an epoch in a transaction, as only the holder of the id can.
    fn commit(&self, producer: &Producer, epoch: u64) -> Result<(), KafkaError> {
        let mut offsets = TopicPartitionList::new();
        let place = Place::Offset(epoch as i64);
        offsets.add_partition_offset(&self.setup.topic, self.setup.at.partition as i32, place)?;
        let group = self.asking.group_metadata().ok_or(KafkaError::Canceled)?;
        producer.begin_transaction()?;
        patiently(&self.stop, |left| producer.send_offsets_to_transaction(&offsets, &group, left))?;
        patiently(&self.stop, |left| producer.commit_transaction(left))
    }

    /// Commits the epoch again, unless somebody newer has come.
    fn renew(&mut self) {
        let renewed = if self.fenced { Ok(()) } else { self.commit_again() };
        let wait = match renewed {
            Ok(()) => RENEW,
            Err(Failure::Final(error) | Failure::Broken(error)) => {
                tracing::warn!(%error, partition = %self.setup.at, "the writer's epoch is committed again later");
                self.fenced |= is_fenced(&error);
                self.producer = None;
                RENEW_AGAIN
            }
        };
        self.due = Instant::now() + wait;
    }

    fn commit_again(&mut self) -> Result<(), Failure> {
        listen(&self.asking);
        self.stand()?;
        let Some(producer) = &self.producer else { return Err(Failure::Broken(KafkaError::Canceled)) };
        Ok(self.commit(producer, self.epoch)?)
    }

    fn fence(&self) -> Result<Producer, KafkaError> {
        let producer: Producer = self.setup.producer.create_with_context(Deliveries)?;
        patiently(&self.stop, |left| producer.init_transactions(left))?;
        Ok(producer)
    }

    /// The epoch of the newest writer, if the broker still knows it.
    fn committed(&self) -> Result<Option<u64>, KafkaError> {
        let mut asked = TopicPartitionList::new();
        asked.add_partition(&self.setup.topic, self.setup.at.partition as i32);
        let answer = self.asking.committed_offsets(asked, ACT)?;
        Ok(answer.elements().first().and_then(|found| match found.offset() {
            Place::Offset(epoch) => Some(epoch as u64),
            _ => None,
        }))
    }

    fn run(mut self, received: &mpsc::Receiver<Order>) {
        loop {
            if Instant::now() >= self.due {
                self.setup.waits.begin((self.setup.at, self.epoch));
                self.renew();
                self.setup.waits.end((self.setup.at, self.epoch));
            }
            match received.recv_timeout(self.due.saturating_duration_since(Instant::now())) {
                Ok(first) => self.serve(first, received),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return,
            }
        }
    }

    /// Does what is asked for, and with the first append those that wait behind it.
    fn serve(&mut self, first: Order, received: &mpsc::Receiver<Order>) {
        let (mut group, mut next) = (Vec::new(), Some(first));
        while let Some(order) = next.take() {
            match order {
                Order::Append(append) => group.push(append),
                Order::Look(reply) => drop(reply.send(self.look())),
            }
            next = if group.len() < GROUP { received.try_recv().ok() } else { None };
        }
        if group.is_empty() {
            return;
        }
        self.setup.waits.begin((self.setup.at, self.epoch));
        let answer = self.append(&group);
        self.setup.waits.end((self.setup.at, self.epoch));
        match answer {
            Ok(ranges) => {
                for (append, range) in group.into_iter().zip(ranges) {
                    let _caller_gone = append.reply.send(Ok(range));
                }
            }
            Err(error) => {
                for append in group {
                    let _caller_gone = append.reply.send(Err(error.again()));
                }
            }
        }
    }

    /// Stores a group, however many producers it takes.
    fn append(&mut self, group: &[Append]) -> Result<Vec<Range<Offset>>, LogError> {
        let at = self.setup.at;
        if self.fenced {
            return Err(LogError::Fenced { at });
        }
        let (mut pause, mut sent) = (FIRST_PAUSE, false);
        loop {
            match self.once(group, &mut sent) {
                Ok(ranges) => return Ok(ranges),
                Err(Failure::Final(error)) => {
                    self.fenced |= is_fenced(&error);
                    // What is left of the transaction is ended by the next producer.
                    self.producer = None;
                    return Err(of_writer(at, error));
                }
                Err(Failure::Broken(error)) => {
                    tracing::warn!(%error, partition = %at, "the writer takes a fresh producer");
                    self.setup.waits.failed((at, self.epoch), &error);
                    self.producer = None;
                }
            }
            if !self.pause(pause) {
                return Err(LogError::Closed);
            }
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    /// One try. What an earlier one has sent is looked for first, and sent again only once it is seen not to be there.
    fn once(&mut self, group: &[Append], sent: &mut bool) -> Result<Vec<Range<Offset>>, Failure> {
        listen(&self.asking);
        self.stand()?;
        if *sent && let Some(ranges) = self.found(group)? {
            return Ok(ranges);
        }
        *sent = true;
        self.attempt(group)
    }

    fn attempt(&mut self, group: &[Append]) -> Result<Vec<Range<Offset>>, Failure> {
        let Some(producer) = &self.producer else { return Err(Failure::Broken(KafkaError::Canceled)) };
        producer.begin_transaction()?;
        let mut flights = Vec::new();
        for append in group {
            let flight = Flight::new(Flight::unsent(append.records.len()), Pulse::new(), || {});
            for (index, record) in append.records.iter().enumerate() {
                let place = (&*self.setup.topic, self.setup.at.partition);
                hand_over(producer, place, record, &flight, index)?;
            }
            flights.push(flight);
        }
        let fault = self.setup.faults.after(self.setup.at);
        if fault == Some(Fault::Fatal) {
            break_for_good(producer);
        }
        if fault == Some(Fault::Aged) {
            self.due = Instant::now();
        }
        let committed = patiently(&self.stop, |left| producer.commit_transaction(left));
        // The records' own errors say more than that of the transaction.
        if let Some(error) = flights.iter().find_map(|flight| flight.failure()).filter(|error| is_final(error)) {
            return Err(Failure::Final(error.clone()));
        }
        committed?;
        if fault == Some(Fault::Unanswered) {
            self.unanswered = true;
            return Err(Failure::Broken(NO_ANSWER));
        }
        let ranges: Vec<_> = flights.iter().map(|flight| flight.range()).collect();
        self.end = ranges.iter().map(|range| range.end).max().unwrap_or(self.end).max(self.end);
        self.shows();
        Ok(ranges)
    }

    /// A commit is answered before its marker stands in the partition: whoever is told that records are there shall find
    /// them. They are stored; where this cannot be seen, the answer is late and no error.
    fn shows(&self) {
        let (topic, partition, until) = (&self.setup.topic, self.setup.at.partition as i32, Instant::now() + ACT);
        while Instant::now() < until && !self.stop.load(SeqCst) {
            match self.asking.fetch_watermarks(topic, partition, ACT) {
                Ok((_, shown)) if shown as Offset >= self.end => return,
                Ok(_) | Err(_) => std::thread::sleep(LOOK_AGAIN),
            }
        }
    }

    /// A producer where there is none: only where no newer writer has come.
    fn stand(&mut self) -> Result<(), Failure> {
        if self.producer.is_some() {
            return Ok(());
        }
        self.is_newest()?;
        let producer = self.fence()?;
        self.is_newest()?;
        self.producer = Some(producer);
        Ok(())
    }

    fn is_newest(&mut self) -> Result<(), Failure> {
        match self.committed()? {
            Some(newest) if newest > self.epoch => {
                self.fenced = true;
                Err(Failure::Final(KafkaError::MessageProduction(Code::Fenced)))
            }
            Some(_) | None => Ok(()),
        }
    }

    fn look(&mut self) -> Result<(), LogError> {
        let at = self.setup.at;
        listen(&self.asking);
        if self.fenced {
            return Err(LogError::Fenced { at });
        }
        self.is_newest().map_err(|(Failure::Final(error) | Failure::Broken(error))| match is_fenced(&error) {
            true => LogError::Fenced { at },
            false => refused(format_args!("ask whether somebody newer writes {at}"), error),
        })
    }

    /// After a commit without an answer: what stands behind the last known end, if it is this group; `None` where it is not
    /// there. A look that fails has seen nothing.
    fn found(&mut self, group: &[Append]) -> Result<Option<Vec<Range<Offset>>>, Failure> {
        if std::mem::take(&mut self.unanswered) {
            return Err(Failure::Broken(NO_ANSWER));
        }
        let at = (&*self.setup.topic, self.setup.at.partition);
        let stored = read_range(&self.setup.reader, at, self.end, ACT)?;
        let wanted: Vec<&Record> = group.iter().flat_map(|append| &append.records).collect();
        if stored.len() < wanted.len() || !stored.iter().zip(&wanted).all(|(found, wanted)| found.record == **wanted) {
            return Ok(None);
        }
        let mut rest = stored.iter();
        let ranges: Vec<_> = group
            .iter()
            .map(|append| {
                let offsets: Vec<Offset> = rest.by_ref().take(append.records.len()).map(|one| one.offset).collect();
                offsets.first().zip(offsets.last()).map_or(self.end..self.end, |(first, last)| *first..last + 1)
            })
            .collect();
        self.end = ranges.iter().map(|range| range.end).max().unwrap_or(self.end);
        Ok(Some(ranges))
    }

    /// Waits; `false` when the log is closed meanwhile.
    fn pause(&self, pause: Duration) -> bool {
        let end = Instant::now() + pause;
        while Instant::now() < end && !self.stop.load(SeqCst) {
            std::thread::sleep(Duration::from_millis(20).min(pause));
        }
        !self.stop.load(SeqCst)
    }
}

/// One act of a transaction, asked for again while the client says that this helps.
fn patiently(stop: &AtomicBool, act: impl Fn(Duration) -> Result<(), KafkaError>) -> Result<(), KafkaError> {
    let end = Instant::now() + ACT;
    loop {
        match act(end.saturating_duration_since(Instant::now())) {
            Err(KafkaError::Transaction(error))
                if error.is_retriable() && Instant::now() < end && !stop.load(SeqCst) => {}
            answer => return answer,
        }
    }
}
