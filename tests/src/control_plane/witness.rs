//! A watch of the test's own over the Events of a control plane. It writes down what was committed as the simulator does, so that
//! the same verdict judges what Beidou made of it.

use std::collections::HashMap;

use anyhow::{Context, bail};
use beidou_simulator::{
    Clock, Ledger, StateId,
    oracle::{Entry, Verb},
};
use futures::{StreamExt, TryStreamExt};
use k8s_openapi::api::core::v1::{Event, Namespace};
use kube::{
    Api, Client,
    api::{ListParams, WatchEvent, WatchParams},
};
use tokio::task::AbortHandle;
use uuid::Uuid;

/// What ingest writes to prove that a quiet cluster is quiet: no history.
const HEARTBEAT: &str = "BeidouHeartbeat";

/// The running watch; it ends with this.
pub struct Witness {
    /// What it saw.
    pub ledger: Ledger,
    /// The uid of the cluster.
    pub cluster: Uuid,
    events: Api<Event>,
    task: AbortHandle,
}

impl Witness {
    /// Begins to watch.
    ///
    /// # Errors
    /// When the API server refuses.
    pub async fn start(client: &Client) -> anyhow::Result<Self> {
        let system = Api::<Namespace>::all(client.clone()).get("kube-system").await?;
        let cluster: Uuid = system.metadata.uid.context("a namespace has a uid")?.parse()?;
        let (events, ledger) = (Api::<Event>::all(client.clone()), Ledger::default());
        let list = events.list(&ListParams::default()).await?;
        for event in &list.items {
            note(&ledger, cluster, event, Verb::Added)?;
        }
        let version = list.metadata.resource_version.context("a list has a version")?;
        let (of, to) = (events.clone(), ledger.clone());
        let task = tokio::spawn(async move {
            if let Err(error) = follow(&of, version, cluster, &to).await {
                panic!("the test's own watch has ended: {error:#}");
            }
        });
        Ok(Self { ledger, cluster, events, task: task.abort_handle() })
    }

    /// Whether it has ended by itself: then what it saw is not all.
    #[must_use]
    pub fn has_ended(&self) -> bool {
        self.task.is_finished()
    }

    /// What the API server lists now: the version of each Event.
    ///
    /// # Errors
    /// When it refuses.
    pub async fn listed(&self) -> anyhow::Result<HashMap<Uuid, u64>> {
        let list = self.events.list(&ListParams::default()).await?;
        let history = list.items.iter().filter(|event| event.reason.as_deref() != Some(HEARTBEAT));
        history.map(|event| identity(self.cluster, event).map(|state| (state.uid, state.resource_version))).collect()
    }
}

impl Drop for Witness {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Goes on where the API server ends a watch, as it does after some minutes.
async fn follow(events: &Api<Event>, mut version: String, cluster: Uuid, ledger: &Ledger) -> anyhow::Result<()> {
    loop {
        let mut changes = events.watch(&WatchParams::default(), &version).await?.boxed();
        while let Some(change) = changes.try_next().await? {
            let (event, verb) = match change {
                WatchEvent::Added(event) => (event, Verb::Added),
                WatchEvent::Modified(event) => (event, Verb::Modified),
                WatchEvent::Deleted(event) => (event, Verb::Deleted),
                WatchEvent::Bookmark(mark) => {
                    version = mark.metadata.resource_version;
                    continue;
                }
                WatchEvent::Error(status) => bail!("{status:?}"),
            };
            note(ledger, cluster, &event, verb)?;
            version = event.metadata.resource_version.context("an Event has a version")?;
        }
    }
}

fn note(ledger: &Ledger, cluster: Uuid, event: &Event, verb: Verb) -> anyhow::Result<()> {
    if event.reason.as_deref() == Some(HEARTBEAT) {
        return Ok(());
    }
    let (state, at_us) = (identity(cluster, event)?, Clock::Real.now_us());
    ledger.append(match verb {
        Verb::Deleted => Entry::Deleted { state, at_us },
        Verb::Added | Verb::Modified => Entry::Committed { state, at_us, verb, count: count(event), carried: false },
    });
    Ok(())
}

fn identity(cluster: Uuid, event: &Event) -> anyhow::Result<StateId> {
    let version = event.metadata.resource_version.as_deref().context("an Event has a version")?;
    let uid = event.metadata.uid.as_deref().context("an Event has a uid")?;
    Ok(StateId { cluster, incarnation: 0, resource_version: version.parse()?, uid: uid.parse()? })
}

/// How often it has happened so far.
fn count(event: &Event) -> u64 {
    let series = event.series.as_ref().and_then(|series| series.count).filter(|count| *count > 0);
    series.or(event.count).and_then(|count| u64::try_from(count).ok()).unwrap_or(1).max(1)
}
