//! All clusters together: one task each, started and ended as the configuration says.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use beidou_log::Log;
use beidou_schemas::ClusterUid;
use tokio::{sync::watch, task::JoinSet};
use tokio_util::sync::CancellationToken;

use crate::{
    clusters::{self, ClusterConfig},
    config::IngestConfig,
    coverage::Coverage,
    error::IngestError,
    fault::Fault,
    import::Importer,
    metrics::IngestMetrics,
    outside::Outside,
    publish::{Publisher, Retry},
    status::{Board, ClusterState, IngestStatus},
    watch::{Driver, Ending, Tools, chain},
};

/// Our name as a writer of the log.
const WRITER: &str = "ingest";
/// What was read is brought into the log for so long after the order to stop; then the process ends without it.
const GRACE: Duration = Duration::from_secs(10);
/// The wait between two tries to connect and identify; doubled up to [`LONGEST_PAUSE`].
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

/// What ingest works with.
pub struct Inputs {
    /// The log to append to.
    pub log: Arc<dyn Log>,
    /// The clusters to collect; ingest follows its changes.
    pub clusters: watch::Receiver<Vec<ClusterConfig>>,
    /// Registered metrics.
    pub metrics: IngestMetrics,
    /// Where to show the state.
    pub status: watch::Sender<IngestStatus>,
    /// The hour, chance, and the way to clusters: [`crate::Machine`], unless it is simulated.
    pub outside: Arc<dyn Outside>,
    /// A planted bug, for tests: see [`Fault::from_environment`].
    pub fault: Option<Fault>,
}

/// Which cluster uid is collected under which name.
type Owners = Arc<Mutex<HashMap<ClusterUid, String>>>;

/// Collects until `shutdown`. Everything read by then is in the log when this returns.
///
/// # Errors
/// When the log refuses for good. A cluster that is sick is no error: its status says so.
pub async fn run(config: IngestConfig, inputs: Inputs, shutdown: CancellationToken) -> Result<(), IngestError> {
    config.validate()?;
    let Inputs { log, clusters, metrics, status, outside, fault } = inputs;
    let board = Board::new(status);
    let abandon = CancellationToken::new();
    let retry = Retry { board: board.clone(), metrics: metrics.clone(), abandon: abandon.clone(), fault };
    let opening = async {
        let publisher = Publisher::open(log.as_ref(), WRITER, retry.clone()).await?;
        let own = (retry, Arc::clone(&outside));
        let (coverage, writing) = Coverage::open(log.as_ref(), WRITER, &config.collector, own).await?;
        Ok::<_, IngestError>((Arc::new(publisher), coverage, writing))
    };
    // A log that is full or away is waited for, but not when there is nothing to bring into it.
    let Some(opened) = shutdown.run_until_cancelled(opening).await else { return Ok(()) };
    let (publisher, coverage, writing) = opened?;
    let importer = Importer::new(Arc::clone(&log), Arc::clone(&publisher), coverage.clone());
    let tools = Arc::new(Tools { config, publisher, coverage, metrics, board, outside, fault });
    let fleet = Fleet { tools, tasks: JoinSet::new(), running: BTreeMap::new(), owners: Owners::default() };

    let mut writing = tokio::spawn(writing);
    let importing_ends = CancellationToken::new();
    let mut importing = tokio::spawn(importer.run(importing_ends.clone()));
    let importing_ends = importing_ends.drop_guard();
    let collected = tokio::select! {
        biased;
        collected = fleet.collect(clusters, shutdown, abandon.clone()) => collected,
        written = &mut writing => return written.unwrap_or(Err(IngestError::Stopped)),
        imported = &mut importing => return imported.unwrap_or(Err(IngestError::Stopped)),
    };
    drop(importing_ends);
    let collected = collected.and(importing.await.unwrap_or(Err(IngestError::Stopped)));
    // The last handle of the coverage channel went with the fleet, so the writer ends when it has written all.
    let written = writing.await.unwrap_or(Err(IngestError::Stopped));
    match collected {
        // A cluster that could not go on because the coverage writer failed: the writer knows why.
        Err(IngestError::Stopped) => written.and(Err(IngestError::Stopped)),
        other => other.and(written),
    }
}

/// The tasks of all clusters.
struct Fleet {
    tools: Arc<Tools>,
    tasks: JoinSet<(String, Result<(), IngestError>)>,
    running: BTreeMap<String, (ClusterConfig, Ending)>,
    owners: Owners,
}

impl Fleet {
    async fn collect(
        mut self,
        mut clusters: watch::Receiver<Vec<ClusterConfig>>,
        shutdown: CancellationToken,
        abandon: CancellationToken,
    ) -> Result<(), IngestError> {
        loop {
            let wanted = clusters.borrow_and_update().clone();
            self.end_what_is_not(&wanted);
            self.begin(wanted);
            self.tools.board.opened(self.running.keys());
            tokio::select! {
                biased;
                () = shutdown.cancelled() => return self.stop(abandon).await,
                Ok(()) = clusters.changed() => {}
                Some(ended) = self.tasks.join_next() => self.ended(ended)?,
            }
        }
    }

    /// Tells the tasks of clusters that are gone or changed to end. A changed cluster begins again when its task has
    /// ended, and goes on from where it stood.
    fn end_what_is_not(&self, wanted: &[ClusterConfig]) {
        for (name, (config, ending)) in &self.running {
            match wanted.iter().find(|cluster| cluster.name == *name) {
                Some(same) if same == config => {}
                Some(_) => ending.token.cancel(),
                None => ending.removed(),
            }
        }
    }

    fn begin(&mut self, wanted: Vec<ClusterConfig>) {
        for config in wanted {
            if self.running.contains_key(&config.name) {
                continue;
            }
            let ending = Ending::default();
            self.running.insert(config.name.clone(), (config.clone(), ending.clone()));
            let (tools, owners) = (Arc::clone(&self.tools), Arc::clone(&self.owners));
            self.tasks.spawn(async move {
                let name = config.name.clone();
                let result = collect_one(tools, config, &owners, ending).await;
                owners.lock().unwrap_or_else(PoisonError::into_inner).retain(|_, owner| *owner != name);
                (name, result)
            });
        }
    }

    fn ended(
        &mut self,
        ended: Result<(String, Result<(), IngestError>), tokio::task::JoinError>,
    ) -> Result<(), IngestError> {
        match ended {
            Ok((name, result)) => {
                self.running.remove(&name);
                self.tools.board.remove(&name);
                self.tools.metrics.forget(&name);
                result
            }
            // A panic is a bug of ours; going on without that cluster would hide it.
            Err(error) => std::panic::resume_unwind(error.into_panic()),
        }
    }

    async fn stop(mut self, abandon: CancellationToken) -> Result<(), IngestError> {
        self.running.values().for_each(|(_, order)| order.token.cancel());
        let deadline = tokio::time::sleep(GRACE);
        tokio::pin!(deadline);
        let mut result = Ok(());
        loop {
            tokio::select! {
                biased;
                ended = self.tasks.join_next() => match ended {
                    Some(ended) => result = result.and(self.ended(ended)),
                    None => return result,
                },
                () = &mut deadline, if !abandon.is_cancelled() => abandon.cancel(),
            }
        }
    }
}

/// One cluster from its configuration to its end.
async fn collect_one(
    tools: Arc<Tools>,
    config: ClusterConfig,
    owners: &Owners,
    ending: Ending,
) -> Result<(), IngestError> {
    let (mut pause, begun) = (FIRST_PAUSE, tools.outside.now());
    loop {
        let met = tokio::select! {
            biased;
            met = meet(&tools, &config, owners) => met,
            () = ending.token.cancelled() => return Ok(()),
        };
        let (state, detail) = match met {
            Ok((cluster, link)) => return Driver::run(tools, config, cluster, link, ending).await,
            Err(NotMet::Sick(detail)) => (ClusterState::Identifying, detail),
            Err(NotMet::Refused(detail)) => (ClusterState::Refused, detail),
        };
        tracing::warn!(cluster = %config.name, %detail, "the cluster is not collected");
        // Without a figure no alert would tell of a cluster that was away when this process began.
        let since = tools.coverage.proven(&config.name).unwrap_or(begun);
        tools.metrics.proven(&config.name, since, tools.outside.now());
        tools.board.update(&config.name, |status| (status.state, status.detail) = (state, detail));
        tokio::select! {
            biased;
            () = tokio::time::sleep(pause) => pause = (pause * 2).min(LONGEST_PAUSE),
            () = ending.token.cancelled() => return Ok(()),
        }
    }
}

enum NotMet {
    Sick(String),
    Refused(String),
}

/// Connects, asks who the cluster is, claims that identity, and checks the rights.
async fn meet(
    tools: &Tools,
    config: &ClusterConfig,
    owners: &Owners,
) -> Result<(ClusterUid, crate::watch::Link), NotMet> {
    tools.board.update(&config.name, |status| status.state = ClusterState::Identifying);
    let sick = |error: &dyn std::error::Error| NotMet::Sick(chain(error));
    let link = tools.link(config).await.map_err(|error| sick(&error))?;
    let namespace = &tools.config.heartbeat_namespace;
    let notices = clusters::missing_rights(&link, namespace, config.id.is_some(), config.heartbeat).await;
    for notice in &notices {
        tracing::warn!(cluster = %config.name, "{notice}");
    }
    tools.board.update(&config.name, |status| status.notices = notices);
    let cluster = clusters::identify(config, &link).await.map_err(|error| sick(&error))?;
    let owner = owners
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .entry(cluster.clone())
        .or_insert_with(|| config.name.clone())
        .clone();
    if owner != config.name {
        return Err(NotMet::Refused(format!(
            "{} has the same kube-system uid {cluster} as {owner}: if they are one cluster, remove one of them; if one is a \
             copy of the other, give it an explicit id",
            config.name
        )));
    }
    tools.board.update(&config.name, |status| {
        status.cluster = Some(cluster.clone());
        status.detail.clear();
    });
    Ok((cluster, link))
}
