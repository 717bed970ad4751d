//! The alarm before retention removes records that are not in the tables, where the log does not wait for them; and how far
//! behind the tables are while a worker waits for the store, and looks at nothing else.

use std::{
    sync::Arc,
    time::{Duration, SystemTime},
};

use beidou_log::{Log, Threat};
use beidou_schemas::{Offset, TopicPartition};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::{metrics::Metrics, run::Projector, status::Status};

/// How often it is looked.
const EVERY: Duration = Duration::from_secs(60);

/// Tells how far behind the partitions of a projector are, and by a warning too that retention comes near one of them.
pub struct Alarm {
    log: Arc<dyn Log>,
    status: watch::Receiver<Status>,
    metrics: Metrics,
}

impl Projector {
    /// Its alarm, to be run beside it.
    pub fn alarm(&self) -> Alarm {
        Alarm { log: self.log.clone(), status: self.status.subscribe(), metrics: self.metrics.clone() }
    }
}

impl Alarm {
    /// Looks until `stop`.
    pub async fn run(self, stop: CancellationToken) {
        let mut beats = tokio::time::interval(EVERY);
        while stop.run_until_cancelled(beats.tick()).await.is_some() {
            self.look(SystemTime::now()).await;
        }
    }

    async fn look(&self, now: SystemTime) {
        // A worker that has not read its ledger yet does not know where it stands.
        let known =
            |(at, one): (&TopicPartition, &crate::PartitionStatus)| (one.end > 0).then_some((*at, one.watermark));
        let all: Vec<(TopicPartition, Offset)> = self.status.borrow().partitions.iter().filter_map(known).collect();
        for (at, watermark) in all {
            if let Ok(bounds) = self.log.bounds(at).await {
                self.metrics.lag(at, bounds.end.saturating_sub(watermark));
            }
            match self.log.threat(at, watermark, now).await {
                Ok(threat) => {
                    self.metrics.near_retention(at, threat.map_or(0, |threat| threat.unread));
                    if let Some(Threat { unread, overtaken }) = threat {
                        tracing::warn!(
                            partition = %at,
                            unread,
                            overtaken,
                            "retention of the log comes near what is not in the tables: let the projector catch up, or keep more"
                        );
                    }
                }
                Err(error) => tracing::debug!(%error, partition = %at, "the log cannot tell how near retention is"),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use async_trait::async_trait;
    use beidou_log::{
        LogError,
        memory::{MemoryLog, Overlay},
    };
    use beidou_schemas::{Record, Topic};
    use prometheus_client::{encoding::text::encode, registry::Registry};

    use super::*;
    use crate::status::Reporter;

    const AT: TopicPartition = TopicPartition { topic: Topic::KubeEvent, partition: 0 };

    /// A log whose retention waits for nobody, and is always near: it tells from where it is read.
    struct Passing(Arc<MemoryLog>);

    #[async_trait]
    impl Overlay for Passing {
        fn below(&self) -> &MemoryLog {
            &self.0
        }

        async fn threat(&self, _: TopicPartition, next: Offset, _: SystemTime) -> Result<Option<Threat>, LogError> {
            Ok((next < 12).then_some(Threat { unread: 12 - next, overtaken: false }))
        }
    }

    #[tokio::test]
    async fn how_far_behind_a_partition_is_and_how_near_retention_are_figures_of_whoever_has_it() {
        let mut registry = Registry::default();
        let metrics = Metrics::register(&mut registry);
        let _worker = metrics.of(AT);
        let status = watch::Sender::default();
        let reporter = Reporter::new(AT, status.clone());
        let log = Arc::new(Passing(MemoryLog::new([(Topic::KubeEvent, 1)])));
        log.0.writer(AT, "test").await.unwrap().append(vec![Record::default(); 12]).await.unwrap();
        let alarm = Alarm { log, status: status.subscribe(), metrics: metrics.clone() };
        let shown = || {
            let mut text = String::new();
            encode(&mut text, &registry).unwrap();
            let of = |name: &str, line: &str| line.strip_prefix(name)?.split(' ').nth(1).map(str::to_owned);
            ["near_retention_records{", "lag_records{"].map(|name| text.lines().find_map(|line| of(name, line)))
        };
        let both = |figure: &str| [Some(figure.to_owned()), Some(figure.to_owned())];
        alarm.look(SystemTime::UNIX_EPOCH).await;
        assert_eq!(shown(), [Some("0".into()), None], "it is not known yet where the worker stands");
        for (watermark, unread) in [(5, "7"), (12, "0")] {
            reporter.change(|status| (status.watermark, status.end) = (watermark, 12));
            alarm.look(SystemTime::UNIX_EPOCH).await;
            assert_eq!(shown(), both(unread));
        }
        metrics.forget(AT);
        alarm.look(SystemTime::UNIX_EPOCH).await;
        assert_eq!(shown(), [None, None], "another one tells it now");
    }
}
