//! The log in Kafka, each part by turns with what it is measured against.
//!
//! ```text
//!  the same records ─► our writer                             │ a bare loop of the client library          (`produce`)
//!                   ─► log in Kafka ─► projector ─► engine,   │ log in files ─► the same                   (`pipeline`)
//!                                                  archive    │
//!                   ─► three brokers, three copies            │ one broker, one copy                       (`copies`)
//!  a thousand Events a second ─► beidou up, log in Kafka ─►   │ log in files                               (`lag`)
//!                                              found by the API
//! ```
//!
//! Brokers are those of the tests, on loopback: a small heap, and the quick compiler of the JVM. Their CPU is told apart from that
//! of our processes.

mod copies;
mod lag;
mod pipeline;
mod produce;

use std::{path::Path, slice::from_ref};

use beidou_log::{
    Log,
    kafka::{Kafka, KafkaOptions},
};
use beidou_schemas::{Micros, Record, Topic, TopicPartition};
use beidou_tests::kafka::Broker;
use futures::{
    StreamExt, TryStreamExt,
    future::{ready, try_join_all},
    stream,
};

use crate::{
    project::{self, PARTITIONS},
    report::Report,
    usage::cpu_of,
};

/// Event states of the run.
pub const STATES: u64 = 300_000;
/// Records of one append to a partition.
const BATCH: usize = 1000;
/// Appends to a partition that are on their way at once.
const ON_THE_WAY: usize = 4;

/// Measures all of it.
pub async fn measure(states: u64, report: &mut Report) -> anyhow::Result<()> {
    let records = project::records(states, Micros::of(jiff::Timestamp::now()))?;
    let broker = Broker::start().await?;
    produce::measure(&broker, &records, report).await?;
    pipeline::measure(&broker, &records, report).await?;
    lag::measure(&broker, report).await?;
    copies::measure(from_ref(&broker), &Broker::several(3).await?, &records, report).await
}

/// A site with topics of its own, and a copy of each record on every broker.
fn options(brokers: &[Broker], prefix: &str) -> KafkaOptions {
    let kafka = Kafka {
        brokers: brokers.iter().map(Broker::address).collect(),
        prefix: prefix.into(),
        replicas: brokers.len() as u16,
        ..Kafka::default()
    };
    KafkaOptions::new(kafka, project::options(Path::new("")).partitions)
}

/// How many there are.
fn count(records: &[Vec<Record>]) -> usize {
    records.iter().map(Vec::len).sum()
}

/// The appends of each partition. Made before the clock runs.
fn batches(records: &[Vec<Record>]) -> Vec<Vec<Vec<Record>>> {
    records.iter().map(|records| records.chunks(BATCH).map(<[Record]>::to_vec).collect()).collect()
}

/// Appends to all partitions at once, several batches to each; returns when all are durable.
async fn append(log: &dyn Log, batches: Vec<Vec<Vec<Record>>>) -> anyhow::Result<()> {
    let mut writers = Vec::new();
    for partition in 0..PARTITIONS {
        writers.push(log.writer(TopicPartition::new(Topic::KubeEvent, partition), "bench").await?);
    }
    try_join_all(writers.iter().zip(batches).map(|(writer, batches)| {
        let appends = stream::iter(batches).map(move |batch| writer.append(batch));
        appends.buffered(ON_THE_WAY).try_for_each(|_range| ready(Ok(())))
    }))
    .await?;
    Ok(())
}

/// CPU seconds of brokers.
fn cpu_of_all(brokers: &[Broker]) -> anyhow::Result<f64> {
    brokers.iter().map(|broker| broker.pid().and_then(cpu_of)).sum()
}
