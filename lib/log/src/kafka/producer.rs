//! The shared producer: what many writers append, in order, kept until it is acknowledged.
//!
//! ```text
//!  append ─ buffer has room? ─► orders ─► one thread: keep, hand over ──► librdkafka ──► brokers
//!                                   ▲       │ silent or broken: a fresh producer, all that is kept handed over again
//!                                   └── landed ── acknowledgements ◄───────────┘
//! ```
//!
//! Nothing is dropped: a broker that is away makes appends wait, and the buffer makes their callers wait. What is handed
//! over again may be stored twice (the broker had it, its answer was lost): readers know Events and facts by identity.

use std::{
    collections::BTreeMap,
    ops::Range,
    sync::{
        Arc, Mutex, PoisonError,
        mpsc::{self, RecvTimeoutError},
    },
    thread::JoinHandle,
    time::{Duration, Instant},
};

use beidou_schemas::{Offset, Record, TopicPartition};
use rdkafka::{
    ClientConfig,
    error::{KafkaError, RDKafkaErrorCode},
    producer::Producer as _,
};
use tokio::sync::{OwnedSemaphorePermit, oneshot, watch};

use super::{
    client::{code, is_final, of_writer},
    faults::{Fault, Faults},
    flight::{Deliveries, Flight, Producer, Pulse, break_for_good, hand_over},
    watchdog::{Act, Look, Watchdog},
};
use crate::LogError;

/// How often the thread looks at what is not acknowledged.
const TICK: Duration = Duration::from_millis(500);
/// How long a broker has to say who leads a partition.
const PROBE: Duration = Duration::from_secs(5);
/// The first pause before another producer is made; doubled up to [`LONGEST_PAUSE`].
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);
/// What is not acknowledged when the log is closed has so long; nobody waits for it any more.
const LAST_WAIT: Duration = Duration::from_secs(5);

/// What a producer must know.
#[derive(Clone)]
pub(super) struct Setup {
    /// The thread's name.
    pub name: &'static str,
    pub config: ClientConfig,
    pub silence: Duration,
    pub faults: Faults,
    /// Tells what is wrong, while something is.
    pub trouble: watch::Sender<Option<String>>,
}

/// One append, kept until it is acknowledged.
pub(super) struct Append {
    pub at: TopicPartition,
    pub topic: Arc<str>,
    pub records: Vec<Record>,
    pub reply: oneshot::Sender<Result<Range<Offset>, LogError>>,
    /// Its share of the buffer.
    pub permit: OwnedSemaphorePermit,
}

enum Order {
    Append(Append),
    Landed { generation: u64, number: u64 },
    Close,
}

/// The handle of the thread.
pub(super) struct Shared {
    orders: mpsc::Sender<Order>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl Shared {
    /// Starts the thread; the producer is made by it.
    pub(super) fn start(setup: Setup) -> std::io::Result<Self> {
        let (orders, received) = mpsc::channel();
        let work = Work {
            watchdog: Watchdog::new(setup.silence),
            setup,
            orders: orders.clone(),
            producer: None,
            generation: 0,
            next: 0,
            kept: BTreeMap::new(),
            pulses: BTreeMap::new(),
            pause: FIRST_PAUSE,
            again: Instant::now(),
        };
        let thread = std::thread::Builder::new().name(work.setup.name.into()).spawn(move || work.run(&received))?;
        Ok(Self { orders, thread: Mutex::new(Some(thread)) })
    }

    /// Puts an append into the queue.
    pub(super) fn append(&self, append: Append) -> Result<(), LogError> {
        self.orders.send(Order::Append(append)).map_err(|_thread_gone| LogError::Closed)
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        let _thread_gone = self.orders.send(Order::Close);
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        if thread.is_some_and(|thread| thread.join().is_err()) {
            tracing::error!("a producer's thread of the log ended by a panic");
        }
    }
}

struct Kept {
    append: Append,
    flight: Arc<Flight>,
    sent: Instant,
}

struct Work {
    setup: Setup,
    orders: mpsc::Sender<Order>,
    producer: Option<Producer>,
    /// Which producer; answers of an older one do not count.
    generation: u64,
    /// The number of the next append.
    next: u64,
    /// What is not acknowledged, in the order of appending.
    kept: BTreeMap<u64, Kept>,
    pulses: BTreeMap<TopicPartition, Arc<Pulse>>,
    watchdog: Watchdog,
    pause: Duration,
    /// When a producer may be made.
    again: Instant,
}

impl Work {
    fn run(mut self, received: &mpsc::Receiver<Order>) {
        let mut closing: Option<Instant> = None;
        loop {
            match received.recv_timeout(TICK) {
                Ok(Order::Append(append)) => self.take(append),
                Ok(Order::Landed { generation, number }) if generation == self.generation => self.landed(number),
                Ok(Order::Landed { .. }) => {}
                Ok(Order::Close) => closing = Some(Instant::now() + LAST_WAIT),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return,
            }
            if closing.is_some_and(|end| self.kept.is_empty() || Instant::now() >= end) {
                return;
            }
            self.stand();
            self.watch();
        }
    }

    /// Takes an append in, and hands it over if there is a producer.
    fn take(&mut self, append: Append) {
        let (number, pulse) = (self.next, self.pulses.entry(append.at).or_insert_with(Pulse::new).clone());
        self.next += 1;
        let flight = self.flight(number, Flight::unsent(append.records.len()), pulse);
        self.kept.insert(number, Kept { append, flight, sent: Instant::now() });
        if self.producer.is_some() {
            self.hand_over(number);
        }
    }

    fn flight(&self, number: u64, earlier: Vec<i64>, pulse: Arc<Pulse>) -> Arc<Flight> {
        let (orders, generation) = (self.orders.clone(), self.generation);
        Flight::new(earlier, pulse, move || {
            let _thread_gone = orders.send(Order::Landed { generation, number });
        })
    }

    fn hand_over(&mut self, number: u64) {
        let (Some(producer), Some(kept)) = (&self.producer, self.kept.get(&number)) else { return };
        let place = (&*kept.append.topic, kept.append.at.partition);
        for index in kept.flight.open() {
            let record = &kept.append.records[index];
            while let Err(error) = hand_over(producer, place, record, &kept.flight, index) {
                if code(&error) != Some(RDKafkaErrorCode::QueueFull) {
                    kept.flight.refuse(error);
                    break;
                }
                // Its own bound lies above our buffer, so this does not last.
                std::thread::sleep(Duration::from_millis(1));
            }
        }
        if self.setup.faults.after(kept.append.at) == Some(Fault::Fatal) {
            break_for_good(producer);
        }
    }

    /// All records of an append were answered.
    fn landed(&mut self, number: u64) {
        if self.broken() {
            return;
        }
        let Some(kept) = self.kept.get(&number) else { return };
        let answer = match kept.flight.failure() {
            None => Ok(kept.flight.range()),
            Some(error) if is_final(error) => Err(of_writer(kept.append.at, error.clone())),
            Some(error) => {
                let error = error.clone();
                return self.renew(&error.to_string());
            }
        };
        if answer.is_ok() {
            self.pause = FIRST_PAUSE;
        }
        if let Some(kept) = self.kept.remove(&number) {
            let Kept { append: Append { reply, permit, .. }, .. } = kept;
            let _caller_gone = reply.send(answer);
            drop(permit);
        }
    }

    /// Whether the producer is broken for good; it is dropped then. What waits is kept, unless it is the user's rights that
    /// are missing: then a fresh producer would break as well, and who appends is told.
    fn broken(&mut self) -> bool {
        let Some((code, text)) = self.producer.as_ref().and_then(|producer| producer.client().fatal_error()) else {
            return false;
        };
        let error = KafkaError::MessageProduction(code);
        if is_final(&error) {
            for (_, Kept { append, .. }) in std::mem::take(&mut self.kept) {
                let _caller_gone = append.reply.send(Err(of_writer(append.at, error.clone())));
            }
        }
        self.renew(&text);
        true
    }

    /// Drops the producer; another one is made after a pause.
    fn renew(&mut self, why: &str) {
        tracing::warn!(why, kept = self.kept.len(), producer = self.setup.name, "the log takes a fresh producer");
        self.generation += 1;
        self.producer = None;
        self.again = Instant::now() + self.pause;
        self.pause = (self.pause * 2).min(LONGEST_PAUSE);
    }

    /// Makes a producer where there is none, and hands over all that is kept.
    fn stand(&mut self) {
        if self.producer.is_some() || Instant::now() < self.again {
            return;
        }
        match self.setup.config.create_with_context::<_, Producer>(Deliveries) {
            Ok(producer) => self.producer = Some(producer),
            Err(error) => {
                self.setup.trouble.send_replace(Some(error.to_string()));
                return self.renew(&error.to_string());
            }
        }
        let numbers: Vec<u64> = self.kept.keys().copied().collect();
        for number in numbers {
            let Some(kept) = self.kept.get(&number) else { continue };
            let pulse = self.pulses.entry(kept.append.at).or_insert_with(Pulse::new).clone();
            let flight = self.flight(number, kept.flight.offsets(), pulse);
            let all_there = flight.open().next().is_none();
            if let Some(kept) = self.kept.get_mut(&number) {
                (kept.flight, kept.sent) = (flight, Instant::now());
            }
            match all_there {
                true => self.landed(number),
                false => self.hand_over(number),
            }
        }
    }

    /// Looks for a partition that has been silent for too long.
    fn watch(&mut self) {
        if self.broken() {
            return;
        }
        let now = Instant::now();
        let waits = |kept: &Kept| {
            let pulse = self.pulses.get(&kept.append.at).map(|pulse| pulse.last());
            (now.saturating_duration_since(pulse.map_or(kept.sent, |pulse| pulse.max(kept.sent))), kept.append.at)
        };
        let oldest = self.kept.values().map(waits).max();
        let (topic, producer) = (self.topic_of(oldest), self.producer.as_ref());
        let probe = |at: TopicPartition| match (producer, &topic) {
            (Some(producer), Some(topic)) => look(producer, topic, at),
            (None, _) | (_, None) => Look::Away("there is no producer".into()),
        };
        match self.watchdog.act(now, oldest, probe) {
            Act::Nothing => {}
            Act::Well => {
                self.setup.trouble.send_if_modified(|trouble| trouble.take().is_some());
            }
            Act::Tell(text) => {
                tracing::warn!(waiting = self.kept.len(), "{text}");
                self.setup.trouble.send_replace(Some(text));
            }
            Act::Renew(text) => {
                self.setup.trouble.send_replace(Some(text.clone()));
                self.renew(&text);
            }
        }
    }

    fn topic_of(&self, oldest: Option<(Duration, TopicPartition)>) -> Option<Arc<str>> {
        let (_, at) = oldest?;
        self.kept.values().find(|kept| kept.append.at == at).map(|kept| Arc::clone(&kept.append.topic))
    }
}

/// Whether a broker answers, and says that the partition has a leader.
fn look(producer: &Producer, topic: &str, at: TopicPartition) -> Look {
    let answer: Result<_, KafkaError> = producer.client().fetch_metadata(Some(topic), PROBE);
    match answer {
        Err(error) => Look::Away(error.to_string()),
        Ok(metadata) => {
            let partitions = metadata.topics().iter().flat_map(|topic| topic.partitions());
            match partitions.into_iter().find(|partition| partition.id() == at.partition as i32) {
                Some(partition) if partition.leader() >= 0 => Look::Led,
                Some(_) => Look::Away(format!("{at} has no leader")),
                None => Look::Away(format!("{at} is not there")),
            }
        }
    }
}
