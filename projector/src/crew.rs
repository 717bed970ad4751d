//! The workers of the partitions that this projector has, begun and ended as these come and go.
//!
//! ```text
//!  Take ─► a worker for each partition ─► it fails for good ─────► the projector ends
//!  Give ─► ended between two cuts, or    ├► it was fenced, alone ─► the projector ends
//!          after a while wherever it is  └► it was fenced, shared ► another try, once our assignment is certain
//!          ─► only then given back
//! ```
//!
//! Who was fenced has stood still, most likely, and is told of it soon. But it may also be that whoever fenced it had stood
//! still, and has gone by now. So what is still ours when that is certain is begun again.

use std::{
    collections::{BTreeMap, VecDeque},
    time::Duration,
};

use beidou_log::{Change, Member};
use beidou_schemas::TopicPartition;
use tokio::{
    task::{AbortHandle, Id, JoinError, JoinSet},
    time::Instant,
};
use tokio_util::sync::CancellationToken;

use crate::{
    ProjectorError,
    error::chain,
    leading::Leading,
    run::{LEADING, Projector},
};

/// A worker has so long to end the cut that it is at: an insert takes milliseconds. One that is ended within it is repeated.
const GRACE: Duration = Duration::from_secs(20);

/// The workers.
pub(crate) struct Crew {
    projector: Projector,
    /// After so long an assignment is certain; `None` where nobody shares.
    certain_after: Option<Duration>,
    running: JoinSet<Result<(), ProjectorError>>,
    seats: BTreeMap<TopicPartition, Seat>,
    /// Partitions whose worker was fenced, and when another one begins.
    fenced: BTreeMap<TopicPartition, Instant>,
    /// Ends that came while others were waited for.
    ended: VecDeque<(TopicPartition, Result<(), ProjectorError>)>,
    leading: Option<Leading>,
}

struct Seat {
    stop: CancellationToken,
    task: AbortHandle,
}

type Joined = Result<(Id, Result<(), ProjectorError>), JoinError>;

impl Crew {
    pub(crate) fn new(projector: Projector, certain_after: Option<Duration>) -> Self {
        let (running, seats, fenced, ended) = (JoinSet::new(), BTreeMap::new(), BTreeMap::new(), VecDeque::new());
        Self { projector, certain_after, running, seats, fenced, ended, leading: None }
    }

    /// Works until `shutdown`.
    ///
    /// # Errors
    /// The first worker that fails for good.
    pub(crate) async fn work(
        &mut self,
        member: &mut dyn Member,
        shutdown: &CancellationToken,
    ) -> Result<(), ProjectorError> {
        loop {
            let again = self.fenced.values().min().copied();
            tokio::select! {
                biased;
                () = shutdown.cancelled() => return Ok(()),
                change = member.next() => match change.map_err(ProjectorError::Sharing)? {
                    Change::Take(partitions) => self.take(&partitions),
                    Change::Give(partitions, token) => {
                        self.give(&partitions).await;
                        drop(token);
                    }
                },
                (at, outcome) = self.next_end() => self.has_ended(at, outcome).await?,
                () = until(again) => self.begin_again(),
            }
        }
    }

    /// Ends all workers.
    pub(crate) async fn end(&mut self) {
        self.lead_no_more().await;
        let all: Vec<_> = self.seats.keys().copied().collect();
        self.stop(&all).await;
    }

    fn take(&mut self, partitions: &[TopicPartition]) {
        for at in partitions {
            self.begin(*at);
        }
        if partitions.contains(&LEADING) {
            self.lead();
        }
        self.projector.status.send_modify(|status| status.assigned = true);
        self.count();
        if !partitions.is_empty() && self.certain_after.is_some() {
            tracing::info!(partitions = some(partitions), "took partitions");
        }
    }

    async fn give(&mut self, partitions: &[TopicPartition]) {
        if partitions.contains(&LEADING) {
            self.lead_no_more().await;
        }
        self.stop(partitions).await;
        for at in partitions {
            self.fenced.remove(at);
            self.projector.metrics.forget(*at);
        }
        self.projector.status.send_modify(|status| status.partitions.retain(|at, _| !partitions.contains(at)));
        self.count();
        tracing::info!(partitions = some(partitions), "gave partitions back");
    }

    fn begin(&mut self, at: TopicPartition) {
        let stop = CancellationToken::new();
        let Some(worker) = self.projector.worker(at, stop.clone()) else { return };
        let task = self.running.spawn(worker.run());
        self.seats.insert(at, Seat { stop, task });
    }

    fn begin_again(&mut self) {
        let now = Instant::now();
        let due: Vec<_> = self.fenced.iter().filter(|(_, when)| **when <= now).map(|(at, _)| *at).collect();
        for at in &due {
            self.fenced.remove(at);
        }
        self.take(&due);
    }

    /// Ends these workers between two cuts; those that do not come to an end, wherever they are.
    async fn stop(&mut self, partitions: &[TopicPartition]) {
        let mut left: BTreeMap<TopicPartition, Seat> =
            partitions.iter().filter_map(|at| Some((*at, self.seats.remove(at)?))).collect();
        left.values().for_each(|seat| seat.stop.cancel());
        let grace = Instant::now() + GRACE;
        while !left.is_empty() {
            let joined = match tokio::time::timeout_at(grace, self.running.join_next_with_id()).await {
                Ok(joined) => joined,
                Err(_elapsed) => {
                    left.values().for_each(|seat| seat.task.abort());
                    self.running.join_next_with_id().await
                }
            };
            let Some(joined) = joined else { break };
            let id = id_of(&joined);
            let gone = left.iter().find(|(_, seat)| seat.task.id() == id).map(|(at, _)| *at);
            match gone {
                Some(at) => {
                    left.remove(&at);
                    tell_late(at, joined);
                }
                None => self.note_end(joined),
            }
        }
        partitions.iter().for_each(|at| self.projector.turns.leaves(*at));
    }

    /// The next worker that ends by itself.
    async fn next_end(&mut self) -> (TopicPartition, Result<(), ProjectorError>) {
        loop {
            if let Some(ended) = self.ended.pop_front() {
                return ended;
            }
            match self.running.join_next_with_id().await {
                Some(joined) => self.note_end(joined),
                None => std::future::pending().await,
            }
        }
    }

    fn note_end(&mut self, joined: Joined) {
        let id = id_of(&joined);
        let Some(at) = self.seats.iter().find(|(_, seat)| seat.task.id() == id).map(|(at, _)| *at) else { return };
        let outcome = match joined {
            Ok((_, outcome)) => outcome,
            Err(source) => Err(ProjectorError::Panicked { at, source }),
        };
        self.ended.push_back((at, outcome));
    }

    async fn has_ended(
        &mut self,
        at: TopicPartition,
        outcome: Result<(), ProjectorError>,
    ) -> Result<(), ProjectorError> {
        if self.seats.remove(&at).is_none() {
            return Ok(());
        }
        self.projector.turns.leaves(at);
        let (error, pause) = match (outcome, self.certain_after) {
            (Err(error), Some(pause)) if error.is_fenced() => (error, pause),
            (outcome, _) => return outcome,
        };
        if at == LEADING {
            self.lead_no_more().await;
        }
        let seconds = pause.as_secs();
        tracing::warn!(
            source = %at, error = chain(&error), seconds,
            "another projector has written this ledger: this one stops here, and goes on if the partition is still its own then"
        );
        self.fenced.insert(at, Instant::now() + pause);
        self.projector.status.send_modify(|status| {
            if let Some(partition) = status.partitions.get_mut(&at) {
                partition.retries(chain(&error));
            }
        });
        Ok(())
    }

    fn lead(&mut self) {
        self.projector.metrics.leads.set(1);
        self.leading = Some(Leading::begin(&self.projector, self.certain_after));
    }

    async fn lead_no_more(&mut self) {
        if let Some(leading) = self.leading.take() {
            leading.end().await;
        }
        self.projector.metrics.leads.set(0);
        self.projector.config.audit.metrics.forget();
    }

    fn count(&self) {
        self.projector.metrics.partitions.set((self.seats.len() + self.fenced.len()) as i64);
    }
}

fn id_of(joined: &Joined) -> Id {
    match joined {
        Ok((id, _)) => *id,
        Err(error) => error.id(),
    }
}

/// A worker that was to end has ended: however it did, the partition is another one's matter now.
fn tell_late(at: TopicPartition, joined: Joined) {
    match joined {
        Ok((_, Ok(()))) => {}
        Ok((_, Err(error))) => {
            tracing::info!(source = %at, error = chain(&error), "a worker that was to end has failed")
        }
        Err(error) if error.is_cancelled() => tracing::info!(source = %at, "a worker was ended within a cut"),
        Err(error) => tracing::error!(source = %at, error = chain(&error), "a worker that was to end has panicked"),
    }
}

fn some(partitions: &[TopicPartition]) -> String {
    partitions.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

async fn until(when: Option<Instant>) {
    match when {
        Some(when) => tokio::time::sleep_until(when).await,
        None => std::future::pending().await,
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use beidou_log::memory::MemoryLog;
    use beidou_schemas::{Topic, maintenance::AuditReport};
    use beidou_store::Store;
    use prometheus_client::{encoding::text::encode, registry::Registry};

    use super::*;
    use crate::{
        ProjectorConfig,
        audit::{AuditConfig, AuditMetrics},
    };

    /// Else the alert would ring on for what whoever leads now has repaired long since.
    #[tokio::test]
    async fn who_leads_no_more_tells_nothing_of_its_last_audit() {
        let mut figures = Registry::default();
        let metrics = AuditMetrics::register(&mut figures);
        metrics.note(&AuditReport { unrepaired: 2, ..AuditReport::default() });
        let audit = AuditConfig { metrics, ..AuditConfig::default() };
        let config = ProjectorConfig { audit, ..ProjectorConfig::default() };
        let store = Store::embedded(Path::new("/nowhere"));
        let log = MemoryLog::new([(Topic::KubeEvent, 1)]);
        let mut crew = Crew::new(Projector::new(config, log, store, &mut Registry::default()), None);
        let tells = |line: &str| {
            let mut text = String::new();
            encode(&mut text, &figures).unwrap();
            text.lines().any(|told| told == line)
        };
        assert!(tells("unrepaired 2"));
        crew.lead_no_more().await;
        assert!(tells("unrepaired 0"));
    }
}
