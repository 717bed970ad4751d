//! Waits until what was appended to the import topic stands in the table.

use std::{sync::Arc, time::Duration};

use beidou_log::{Log, ReadLimit};
use beidou_schemas::{Offset, Topic, TopicPartition, coverage::CoverageFact};
use tokio::time::Instant;

use crate::{
    problem::{Kind, Problem},
    projected::Projected,
};

const COVERAGE: TopicPartition = TopicPartition { topic: Topic::KubeCoverage, partition: 0 };
/// Facts are small; those of a minute of a large fleet fit.
const READ: ReadLimit = ReadLimit { max_bytes: 1 << 20, max_wait: Duration::from_secs(1) };
/// Ingest and projector take a batch within a second. Where nothing moves for so long, one of them does not run.
const PATIENCE: Duration = Duration::from_secs(60);

/// Follows imported states to the table.
pub(super) struct Arrival {
    log: Arc<dyn Log>,
    projected: Arc<Projected>,
    /// Where to go on in the coverage topic.
    next: Offset,
    /// So far ingest has come.
    upto: Offset,
}

impl Arrival {
    /// Begins before the first append.
    pub(super) async fn new(log: Arc<dyn Log>, projected: Arc<Projected>) -> Result<Self, Problem> {
        let next = log.bounds(COVERAGE).await?.end;
        Ok(Self { log, projected, next, upto: 0 })
    }

    /// Waits until all below `end` of the import topic is found by queries.
    pub(super) async fn all_below(&mut self, end: Offset) -> Result<(), Problem> {
        let mut moved = Instant::now();
        while self.upto < end {
            if moved.elapsed() > PATIENCE {
                return Err(overdue("ingest does not take imported states from the log"));
            }
            let read = self.log.read(COVERAGE, self.next, READ).await?;
            self.next = read.next;
            for stored in &read.records {
                if let Ok(CoverageFact::Imported(fact)) = CoverageFact::from_json(&stored.record.value)
                    && fact.upto > self.upto
                {
                    (self.upto, moved) = (fact.upto, Instant::now());
                }
            }
        }
        match self.projected.caught_up(PATIENCE).await? {
            true => Ok(()),
            false => Err(overdue("the projector does not bring the log into the tables")),
        }
    }
}

fn overdue(what: &str) -> Problem {
    let seconds = PATIENCE.as_secs();
    let detail = format!(
        "{what}: nothing moved for {seconds} s; is it running? What was read is in the log and comes into the tables later; \
         import the dump again then, nothing is stored twice"
    );
    Problem::new(Kind::TimeLimit, detail)
}

#[cfg(test)]
mod tests {
    use beidou_log::memory::MemoryLog;
    use beidou_schemas::{Micros, coverage::Imported};
    use uuid::Uuid;

    use super::*;

    /// Waits for an ingest that brings one state after another onto the Event topic, each after so long.
    async fn brought(step: Duration, states: Offset) -> Result<(), Problem> {
        let log: Arc<dyn Log> = MemoryLog::new([(Topic::KubeEvent, 1), (Topic::Ledger, 1), (Topic::KubeCoverage, 1)]);
        let mut arrival = Arrival::new(log.clone(), Projected::new(log.clone(), Duration::ZERO)).await?;
        let writer = log.writer(COVERAGE, "ingest").await?;
        let bringing = async {
            let mut ticks = tokio::time::interval(step);
            ticks.tick().await;
            for upto in 1..=states {
                ticks.tick().await;
                let fact = CoverageFact::Imported(Imported { upto });
                writer.append(vec![fact.to_record(Uuid::new_v4(), Micros(0))]).await?;
            }
            Ok::<_, Problem>(())
        };
        let (arrived, brought) = tokio::join!(arrival.all_below(states), bringing);
        brought.and(arrived)
    }

    #[tokio::test(start_paused = true)]
    async fn patience_ends_with_an_ingest_that_stands_and_not_with_a_slow_one() {
        assert_eq!(brought(PATIENCE * 2 / 3, 4).await, Ok(()));
        let overdue = brought(PATIENCE * 2, 1).await.unwrap_err();
        assert!(overdue.kind == Kind::TimeLimit && overdue.detail.contains("nothing moved for 60 s"), "{overdue:?}");
    }
}
