//! Records that were handed to a producer, and what became of each: the only place where acknowledgements arrive.
//!
//! ```text
//!  Flight (one append) ─ record 0 ─► producer ─► broker ─► delivery ─► its offset, or the first error
//!                      └ record n …                                    the last one wakes the thread that sent it
//! ```

use std::{
    ops::Range,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicI64, AtomicU64, AtomicUsize, Ordering::SeqCst},
    },
    time::Instant,
};

use beidou_schemas::{Offset, Record};
use rdkafka::{
    ClientContext, Message,
    config::RDKafkaLogLevel,
    error::{KafkaError, RDKafkaErrorCode},
    message::{Header, OwnedHeaders},
    producer::{BaseRecord, DeliveryResult, NoCustomPartitioner, ProducerContext, ThreadedProducer},
};

use super::client::{write_error, write_line};

/// A producer whose acknowledgements arrive in a thread of its own.
pub(super) type Producer = ThreadedProducer<Deliveries>;

/// Not acknowledged yet.
const OPEN: i64 = -1;
/// Acknowledged, and the broker no longer knows where: it told of a duplicate of long ago.
const SOMEWHERE: i64 = -2;

/// What happens when the last record of a flight has been answered.
type Landed = dyn Fn() + Send + Sync;

/// The records of one append on their way.
pub(super) struct Flight {
    offsets: Vec<AtomicI64>,
    left: AtomicUsize,
    failed: OnceLock<KafkaError>,
    landed: Box<Landed>,
    pulse: Arc<Pulse>,
}

impl Flight {
    /// A flight of so many records; those that an earlier one has delivered are not sent again.
    pub(super) fn new(earlier: Vec<i64>, pulse: Arc<Pulse>, landed: impl Fn() + Send + Sync + 'static) -> Arc<Self> {
        let left = earlier.iter().filter(|offset| **offset == OPEN).count();
        let offsets = earlier.into_iter().map(AtomicI64::new).collect();
        let failed = OnceLock::new();
        Arc::new(Self { offsets, left: AtomicUsize::new(left), failed, landed: Box::new(landed), pulse })
    }

    /// Offsets of a flight that has not begun.
    pub(super) fn unsent(records: usize) -> Vec<i64> {
        vec![OPEN; records]
    }

    /// The offsets so far.
    pub(super) fn offsets(&self) -> Vec<i64> {
        self.offsets.iter().map(|offset| offset.load(SeqCst)).collect()
    }

    /// The records that are not acknowledged.
    pub(super) fn open(&self) -> impl Iterator<Item = usize> {
        self.offsets().into_iter().enumerate().filter(|(_, offset)| *offset == OPEN).map(|(index, _)| index)
    }

    /// The first error, if a record was refused.
    pub(super) fn failure(&self) -> Option<&KafkaError> {
        self.failed.get()
    }

    /// Where the records stand, once all are acknowledged; empty where no broker knows.
    pub(super) fn range(&self) -> Range<Offset> {
        let known: Vec<i64> = self.offsets().into_iter().filter(|offset| *offset >= 0).collect();
        match (known.iter().min(), known.iter().max()) {
            (Some(first), Some(last)) => *first as Offset..*last as Offset + 1,
            (None, _) | (_, None) => 0..0,
        }
    }

    /// A record was refused before it was sent.
    pub(super) fn refuse(&self, error: KafkaError) {
        let _a_later_error = self.failed.set(error);
        self.answered();
    }

    fn answered(&self) {
        if self.left.fetch_sub(1, SeqCst) == 1 {
            (self.landed)();
        }
    }
}

/// When the last acknowledgement came.
pub(super) struct Pulse {
    begun: Instant,
    millis: AtomicU64,
}

impl Pulse {
    pub(super) fn new() -> Arc<Self> {
        Arc::new(Self { begun: Instant::now(), millis: AtomicU64::new(0) })
    }

    fn beat(&self) {
        self.millis.store(self.begun.elapsed().as_millis() as u64, SeqCst);
    }

    pub(super) fn last(&self) -> Instant {
        self.begun + std::time::Duration::from_millis(self.millis.load(SeqCst))
    }
}

/// One record of a flight: what librdkafka gives back with its acknowledgement.
pub(super) struct Seat {
    flight: Arc<Flight>,
    index: usize,
}

/// Takes acknowledgements.
#[derive(Debug, Clone, Copy)]
pub(super) struct Deliveries;

impl ClientContext for Deliveries {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        write_line(level, facility, message);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        write_error(&error, reason);
    }
}

impl ProducerContext<NoCustomPartitioner> for Deliveries {
    type DeliveryOpaque = Box<Seat>;

    fn delivery(&self, result: &DeliveryResult<'_>, seat: Self::DeliveryOpaque) {
        match result {
            Ok(message) => {
                let offset = if message.offset() < 0 { SOMEWHERE } else { message.offset() };
                seat.flight.offsets[seat.index].store(offset, SeqCst);
                seat.flight.pulse.beat();
            }
            Err((error, _)) => {
                let _a_later_error = seat.flight.failed.set(error.clone());
            }
        }
        seat.flight.answered();
    }
}

/// Hands one record to the producer.
///
/// # Errors
/// What the producer says; the record is then not on its way.
pub(super) fn hand_over(
    producer: &Producer,
    (topic, partition): (&str, u32),
    record: &Record,
    flight: &Arc<Flight>,
    index: usize,
) -> Result<(), KafkaError> {
    let mut headers = OwnedHeaders::new_with_capacity(record.headers.count() as usize);
    for (name, value) in record.headers.iter() {
        // Checked before: names are UTF-8.
        let key = std::str::from_utf8(name).unwrap_or_default();
        headers = headers.insert(Header { key, value: Some(value) });
    }
    let seat = Box::new(Seat { flight: Arc::clone(flight), index });
    let message = BaseRecord::with_opaque_to(topic, seat)
        .partition(partition as i32)
        .key(record.key.as_ref())
        .payload(record.value.as_ref())
        .headers(headers);
    producer.send(message).map_err(|(error, _)| error)
}

/// Breaks a producer for good, as a lost sequence would. For tests.
pub(super) fn break_for_good(producer: &Producer) {
    use rdkafka::producer::Producer as _;
    let code = RDKafkaErrorCode::OutOfOrderSequenceNumber as i32;
    // SAFETY: the client lives as long as the borrow of the producer, the text is a static C string, and the function
    // may be called from any thread.
    unsafe {
        let code = std::mem::transmute::<i32, rdkafka::types::RDKafkaRespErr>(code);
        rdkafka::bindings::rd_kafka_test_fatal_error(
            producer.client().native_ptr(),
            code,
            c"asked for by a test".as_ptr(),
        );
    }
}
