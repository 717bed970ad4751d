//! What our writer costs beside a bare loop of the client library: the same records, the same settings, the same topic.

use std::{
    slice::from_ref,
    sync::atomic::{AtomicUsize, Ordering::SeqCst},
    time::Duration,
};

use anyhow::Context;
use beidou_log::kafka::{
    KafkaLog,
    settings::{BULK, CLIENT, PRODUCER},
};
use beidou_schemas::{Record, Topic};
use beidou_tests::kafka::Broker;
use rdkafka::{
    ClientContext,
    message::{Header, OwnedHeaders},
    producer::{BaseProducer, BaseRecord, DeliveryResult, Producer, ProducerContext},
};

use super::{BATCH, ON_THE_WAY, append, batches, count, options};
use crate::{project::PARTITIONS, report::Report, usage::own_cpu};

/// Beside the first one, which makes connections and does not count.
const ROUNDS: usize = 5;
/// As many records on their way as with our writer.
const MOST: usize = PARTITIONS as usize * ON_THE_WAY * BATCH;
/// Between two looks whether there is room.
const PAUSE: Duration = Duration::from_millis(1);
/// Nothing here may take longer.
const LIMIT: Duration = Duration::from_secs(120);

/// Measures both by turns.
pub(super) async fn measure(broker: &Broker, records: &[Vec<Record>], report: &mut Report) -> anyhow::Result<()> {
    let options = options(from_ref(broker), "produce.");
    let log = KafkaLog::open(options.clone()).await?;
    let bare = Bare::new(broker, options.name(Topic::KubeEvent))?;
    let (mut ours, mut theirs, mut ratios) = (0.0, 0.0, Vec::new());
    for round in 0..=ROUNDS {
        let batches = batches(records);
        let begun = own_cpu();
        append(&*log, batches).await?;
        let between = own_cpu();
        bare.send(records)?;
        let (us, them) = (between - begun, own_cpu() - between);
        if round > 0 {
            (ours, theirs) = (ours + us, theirs + them);
            ratios.push(us / them);
        }
    }
    ratios.sort_by(f64::total_cmp);
    let each = |seconds: f64| seconds * 1e6 / (ROUNDS * count(records)) as f64;
    let beside = format!(
        "µs a record {:.2}, and {:.2}; {:.2} to {:.2} in {ROUNDS} rounds; must 1.5, aim 1.15",
        each(ours),
        each(theirs),
        ratios.first().context("a round")?,
        ratios.last().context("a round")?,
    );
    report.row("CPU of our writer into Kafka over a bare loop of its client", format!("{:.2}", ours / theirs), beside);
    Ok(())
}

/// The client library alone.
struct Bare {
    producer: BaseProducer<Counted>,
    topic: String,
}

/// How many records the broker has, and how many were refused.
#[derive(Default)]
struct Counted {
    stored: AtomicUsize,
    refused: AtomicUsize,
}

impl ClientContext for Counted {}

impl ProducerContext for Counted {
    type DeliveryOpaque = ();

    fn delivery(&self, result: &DeliveryResult<'_>, (): Self::DeliveryOpaque) {
        let count = if result.is_ok() { &self.stored } else { &self.refused };
        count.fetch_add(1, SeqCst);
    }
}

impl Bare {
    fn new(broker: &Broker, topic: String) -> anyhow::Result<Self> {
        let mut config = broker.client();
        for setting in [CLIENT, PRODUCER, BULK].into_iter().flatten() {
            config.set(setting.key, setting.value);
        }
        Ok(Self { producer: config.create_with_context(Counted::default())?, topic })
    }

    /// Sends batches of all partitions by turns; returns when all are acknowledged.
    fn send(&self, records: &[Vec<Record>]) -> anyhow::Result<()> {
        let counted = self.producer.context();
        let before = counted.stored.load(SeqCst);
        let mut rest: Vec<_> = records.iter().map(|records| records.chunks(BATCH)).collect();
        let mut more = true;
        while more {
            more = false;
            for (partition, batches) in rest.iter_mut().enumerate() {
                let Some(batch) = batches.next() else { continue };
                more = true;
                for record in batch {
                    self.send_one(partition as i32, record)?;
                }
                self.producer.poll(Duration::ZERO);
                while self.producer.in_flight_count() as usize > MOST {
                    self.producer.poll(PAUSE);
                }
            }
        }
        self.producer.flush(LIMIT)?;
        let (stored, refused) = (counted.stored.load(SeqCst) - before, counted.refused.load(SeqCst));
        anyhow::ensure!((stored, refused) == (count(records), 0), "{stored} were stored, and {refused} refused");
        Ok(())
    }

    fn send_one(&self, partition: i32, record: &Record) -> anyhow::Result<()> {
        let mut headers = OwnedHeaders::new_with_capacity(record.headers.count() as usize);
        for (name, value) in record.headers.iter() {
            headers = headers.insert(Header { key: std::str::from_utf8(name)?, value: Some(value) });
        }
        let message = BaseRecord::to(&self.topic)
            .partition(partition)
            .key(record.key.as_ref())
            .payload(record.value.as_ref())
            .headers(headers);
        self.producer.send(message).map_err(|(error, _)| error)?;
        Ok(())
    }
}
