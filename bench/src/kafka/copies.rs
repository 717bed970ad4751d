//! What three copies on three brokers cost beside one copy on one: an append is acknowledged by two of them at least. All
//! brokers share the cores of this machine; those of a site have their own.

use std::{sync::Arc, time::Instant};

use anyhow::Context;
use beidou_log::{Log, kafka::KafkaLog};
use beidou_schemas::{Record, Topic, TopicPartition};
use beidou_tests::kafka::Broker;

use super::{append, batches, count, cpu_of_all, options};
use crate::{
    questions::percentile,
    report::{Report, grouped},
    usage::own_cpu,
};

/// Beside the first one, which makes connections and does not count.
const ROUNDS: usize = 3;
/// Single appends, beside the first tenth.
const APPENDS: usize = 300;
/// As large as a fact of a ledger.
const FACT_BYTES: usize = 300;

/// A log on so many brokers, and what was appended to it in bulk.
struct Side<'a> {
    brokers: &'a [Broker],
    log: Arc<KafkaLog>,
    wall: f64,
    ours: f64,
    theirs: f64,
}

/// Measures both by turns.
pub(super) async fn measure(
    one: &[Broker],
    three: &[Broker],
    records: &[Vec<Record>],
    report: &mut Report,
) -> anyhow::Result<()> {
    let (mut one, mut three) = (Side::open(one).await?, Side::open(three).await?);
    for round in 0..=ROUNDS {
        for side in [&mut one, &mut three] {
            side.append(records, round > 0).await?;
        }
    }
    let states = (ROUNDS * count(records)) as f64;
    let each = |seconds: f64| seconds * 1e6 / states;
    let beside = format!(
        "one copy {}: {:.2} times as long; CPU of brokers {:.1} and {:.1} µs a state, of our writer {:.1} and {:.1}",
        grouped(states / one.wall),
        three.wall / one.wall,
        each(three.theirs),
        each(one.theirs),
        each(three.ours),
        each(one.ours)
    );
    report.row("appended with three copies, states/s", grouped(states / three.wall), beside);
    let event = records.iter().flatten().next().context("there are records")?;
    let fact = Record { value: vec![b'x'; FACT_BYTES].into(), ..Record::default() };
    for (what, topic, record) in [("Event", Topic::KubeEvent, event), ("fact of a ledger", Topic::Ledger, &fact)] {
        let [[one50, one99], [three50, three99]] = single(&one, &three, topic, record).await?;
        let beside = format!(
            "one copy {one50:.1} / {one99:.1}: {:.2} / {:.2} times; one append after the other",
            three50 / one50,
            three99 / one99
        );
        let value = format!("{three50:.1} / {three99:.1} ms");
        report.row(&format!("one {what} appended with three copies, p50 / p99"), value, beside);
    }
    Ok(())
}

impl<'a> Side<'a> {
    async fn open(brokers: &'a [Broker]) -> anyhow::Result<Self> {
        let log = KafkaLog::open(options(brokers, "copies.")).await?;
        Ok(Self { brokers, log, wall: 0.0, ours: 0.0, theirs: 0.0 })
    }

    async fn append(&mut self, records: &[Vec<Record>], counts: bool) -> anyhow::Result<()> {
        let batches = batches(records);
        let (begun, ours, theirs) = (Instant::now(), own_cpu(), cpu_of_all(self.brokers)?);
        append(&*self.log, batches).await?;
        if counts {
            self.wall += begun.elapsed().as_secs_f64();
            self.ours += own_cpu() - ours;
            self.theirs += cpu_of_all(self.brokers)? - theirs;
        }
        Ok(())
    }
}

/// Milliseconds of single appends to both, p50 and p99 of each.
async fn single(one: &Side<'_>, three: &Side<'_>, topic: Topic, record: &Record) -> anyhow::Result<[[f64; 2]; 2]> {
    let at = TopicPartition::new(topic, 0);
    let writers = [one.log.writer(at, "bench").await?, three.log.writer(at, "bench").await?];
    let mut times = [Vec::new(), Vec::new()];
    for place in 0..APPENDS + APPENDS / 10 {
        for (writer, times) in writers.iter().zip(&mut times) {
            let begun = Instant::now();
            writer.append(vec![record.clone()]).await?;
            if place >= APPENDS / 10 {
                times.push(begun.elapsed());
            }
        }
    }
    let [mut one, mut three] = times;
    Ok([
        [percentile(&mut one, 50)?, percentile(&mut one, 99)?],
        [percentile(&mut three, 50)?, percentile(&mut three, 99)?],
    ])
}
