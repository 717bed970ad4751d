//! The whole way in one: what a real API server committed is in table, archive and API, each state once, whoever was killed.
//!
//! ```text
//!  controllers, scheduler, simulated nodes ─► API server ─┬► 2 × ingest ─► Kafka ─► 2 × projector ─┬► engine ─► query-api
//!                                                         │                                        └► bucket        │
//!                                                         └► the test's own watch ─► verdict ◄──────────────────────┘
//! ```

use std::{
    collections::{HashMap, HashSet},
    time::Duration,
};

use anyhow::{Context, ensure};
use beidou_schemas::Micros;
use beidou_simulator::{Clock, StateId, oracle::Entry};
use beidou_tests::{
    beidou::http,
    control_plane::{Access, ControlPlane, nodes::Nodes, witness::Witness},
    faults::{
        site::{GAVE, HEARTBEAT, Plan, Role, Site, TOOK},
        verdict::{Case, Interval, Oracle, kept::unlike},
    },
    kafka::Broker,
    s3::Server,
    wait::until,
};
use futures::{StreamExt, TryStreamExt, stream};
use k8s_openapi::{
    api::{apps::v1::Deployment, core::v1::Event},
    apimachinery::pkg::apis::meta::v1::Time,
    jiff::Timestamp,
};
use kube::{
    Api, Client,
    api::{ListParams, Patch, PatchParams, PostParams},
};
use serde_json::{Value, json};

/// What is waited for takes seconds; a starved machine may take far longer.
const LIMIT: Duration = Duration::from_secs(180);
/// Nodes that pods come to.
const NODES: usize = 3;
/// So many Events are reported in a storm, each in so many states, by so many at once.
const REPORTED: usize = 60;
const REPEATED: i32 = 3;
const AT_ONCE: usize = 4;
/// Watches that have proven something.
const SESSIONS: &str = "SELECT uniqExact(session) FROM kube_coverage WHERE state = 'complete'";
/// Fewer than there are states, so that the API must page.
const PAGE: usize = 100;

/// The fleet and what it stands on; processes that need others go before them.
struct World {
    site: Site,
    witness: Witness,
    admin: Client,
    _nodes: Nodes,
    _control_plane: ControlPlane,
    _broker: Broker,
    _store: Server,
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_real_cluster_reports_is_in_table_archive_and_api_once() {
    let mut world = World::start().await.unwrap();
    world.two_of_each().await.unwrap();
    world.kill_amid_load().await.unwrap();
    world.all_agree().await.unwrap();
}

impl World {
    async fn start() -> anyhow::Result<Self> {
        let (mut control_plane, broker, store) =
            tokio::try_join!(ControlPlane::start(), Broker::start(), Server::start())?;
        control_plane.schedule()?;
        control_plane.judge_nodes()?;
        let admin = control_plane.client(Access::Admin).await?;
        // Before ingest, which must miss nothing that this sees.
        let witness = Witness::start(&admin).await?;
        let bucket = Server::site(&store.url(), "fleet");
        let mut site = Site::planned(Plan {
            clusters: vec![json!({"name": "real", "kubeconfig": control_plane.kubeconfig(Access::Collector)})],
            log: Plan::kafka(&broker.address()),
            bucket: Some([bucket.clone(), bucket]),
            ..Plan::default()
        })?;
        for role in [Role::Engine, Role::Ingest, Role::Projector] {
            site.start(role)?;
        }
        site.endpoint().await?;
        counted(&mut site, "SELECT count() FROM kube_coverage WHERE reason = 'first_list'", 1).await?;
        witness.ledger.append(Entry::Listed {
            cluster: witness.cluster,
            incarnation: 0,
            client: "beidou".into(),
            resource_version: 0,
            items: 0,
            at_us: Clock::Real.now_us(),
        });
        let nodes = Nodes::start(&admin, NODES).await?;
        made(&admin, "RegisteredNode", NODES).await?;
        counted(&mut site, "SELECT count() FROM kube_event", NODES as u64).await?;
        site.hide_nothing().await?;
        site.start(Role::QueryApi)?;
        Ok(Self { site, witness, admin, _nodes: nodes, _control_plane: control_plane, _broker: broker, _store: store })
    }

    /// Starts the second ingest and the second projector, and returns when both work.
    async fn two_of_each(&mut self) -> anyhow::Result<()> {
        counted(&mut self.site, SESSIONS, 1).await?;
        self.another_session(Role::SecondIngest).await?;
        self.site.start(Role::SecondProjector)?;
        self.site.changed(Role::SecondProjector, TOOK, 0).await?;
        self.site.changed(Role::Projector, GAVE, 0).await
    }

    /// What controllers, scheduler and kubelets report, while an ingest and a projector are killed and started again.
    async fn kill_amid_load(&mut self) -> anyhow::Result<()> {
        let deployments = Api::<Deployment>::default_namespaced(self.admin.clone());
        let scale = async |replicas: u32| {
            let scale = Patch::Merge(json!({"spec": {"replicas": replicas}}));
            deployments.patch("web", &PatchParams::default(), &scale).await
        };
        for (name, replicas, cpu) in [("web", 6, "100m"), ("giant", 1, "1000")] {
            deployments.create(&PostParams::default(), &deployment(name, replicas, cpu)).await?;
        }
        made(&self.admin, "Scheduled", 6).await?;
        made(&self.admin, "FailedScheduling", 1).await?;

        self.killed_amid_a_storm(Role::Ingest).await?;
        scale(12).await?;
        made(&self.admin, "Scheduled", 12).await?;
        self.another_session(Role::Ingest).await?;

        let took = self.site.told(Role::Projector, TOOK)?;
        self.killed_amid_a_storm(Role::Projector).await?;
        scale(8).await?;
        made(&self.admin, "SuccessfulDelete", 4).await?;
        self.site.start(Role::Projector)?;
        self.site.changed(Role::Projector, TOOK, took).await?;
        storm(&self.admin, "after").await
    }

    /// Starts an ingest, and waits until a watch of its own has proven something.
    async fn another_session(&mut self, role: Role) -> anyhow::Result<()> {
        let sessions: u64 = self.site.sql(SESSIONS).await?.first().context("a count")?.parse()?;
        self.site.start(role)?;
        counted(&mut self.site, SESSIONS, sessions + 1).await
    }

    async fn killed_amid_a_storm(&mut self, role: Role) -> anyhow::Result<()> {
        let Self { site, witness, admin, .. } = self;
        let half = witness.ledger.len() + REPORTED * REPEATED as usize / 2;
        let killed = async {
            until("half of the storm is over", LIMIT, async || (witness.ledger.len() >= half).then_some(())).await?;
            site.kill(role)?;
            anyhow::Ok(())
        };
        tokio::try_join!(storm(admin, role.label()), killed)?;
        Ok(())
    }

    /// Waits until all hold the same and all time is told, and says what is wrong where that does not come.
    async fn all_agree(&mut self) -> anyhow::Result<()> {
        let (until_us, mut wrong) = (Clock::Real.now_us(), Vec::new());
        let agreed = until("all hold what the API server committed", LIMIT, async || {
            wrong = self.wrong(until_us).await.unwrap_or_else(|error| vec![format!("{error:#}")]);
            wrong.is_empty().then_some(())
        });
        let agreed = agreed.await;
        ensure!(agreed.is_ok(), "{wrong:#?}");
        let lines = self.site.log_lines()?;
        let strange = ["ERROR", "panicked", "the audit found a difference"];
        let strange: Vec<_> = lines.iter().filter(|line| strange.iter().any(|what| line.contains(what))).collect();
        ensure!(strange.is_empty(), "{strange:#?}");
        Ok(())
    }

    /// Table, coverage and archive against what the test's own watch saw, that against a list, and the API against all.
    async fn wrong(&mut self, until_us: i64) -> anyhow::Result<Vec<String>> {
        self.site.all_run()?;
        ensure!(!self.witness.has_ended(), "the test's own watch has ended");
        let (oracle, own) = (Oracle::of(&self.witness.ledger.entries()), HashSet::new());
        let (stored, intervals) = (self.site.stored().await?, self.site.intervals().await?);
        let tolerance_us = HEARTBEAT.as_micros() as i64;
        let case = Case { oracle: &oracle, own: &own, stored: &stored, intervals: &intervals, tolerance_us, until_us };
        let wrong = case.wrong();
        if !wrong.is_empty() {
            return Ok(wrong);
        }
        let mut wrong = unlike(&self.site.table().await?, &self.site.archived().await?);
        let mut latest = HashMap::new();
        for state in &stored.states {
            let version = latest.entry(state.uid).or_insert(state.resource_version);
            *version = state.resource_version.max(*version);
        }
        if self.witness.listed().await? != latest {
            wrong.push("the table does not end with what the API server lists".into());
        }
        wrong.extend(self.wrong_pages(&stored.states).await?);
        wrong.extend(self.untold(&intervals, until_us).await?);
        Ok(wrong)
    }

    /// The API pages each state once.
    async fn wrong_pages(&mut self, states: &HashSet<StateId>) -> anyhow::Result<Option<String>> {
        let api = self.site.listening().await?;
        let (mut paged, mut rows, mut cursor) = (HashSet::new(), 0, String::new());
        loop {
            let page = events(&api, &format!("from=-1h&limit={PAGE}{cursor}")).await?;
            for item in page["items"].as_array().context("a page has items")? {
                paged.insert(state(item)?);
                rows += 1;
            }
            match page["next"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => break,
            }
        }
        ensure!(rows > PAGE, "{rows} rows need no pages");
        let right = paged == *states && rows == states.len();
        Ok((!right).then(|| format!("the API pages {rows} rows, {} states of {}", paged.len(), states.len())))
    }

    /// The API calls all time complete from the first list until the end of the load.
    async fn untold(&mut self, intervals: &[Interval], until_us: i64) -> anyhow::Result<Option<String>> {
        let first = intervals.iter().find(|interval| interval.reason == "first_list").context("a first list")?;
        let (from, to) = (Micros(first.until_us), Micros(until_us));
        let page = events(&self.site.listening().await?, &format!("from={from}&to={to}&limit=1")).await?;
        let coverage = &page["coverage"];
        let complete =
            coverage[0]["complete"] == true && coverage[0]["cluster_uid"] == self.witness.cluster.to_string();
        Ok((!complete).then(|| format!("the API does not call {from} to {to} complete: {coverage:#}")))
    }
}

/// Waits until a statement counts so many.
async fn counted(site: &mut Site, sql: &str, least: u64) -> anyhow::Result<()> {
    let what = format!("{sql} is {least}");
    let counted = until(&what, LIMIT, async || {
        if let Err(error) = site.all_run() {
            return Some(Err(error));
        }
        let count: u64 = site.sql(sql).await.ok()?.first()?.parse().ok()?;
        (count >= least).then_some(Ok(()))
    });
    counted.await?
}

/// Waits until the cluster has so many Events with this reason.
async fn made(admin: &Client, reason: &str, least: usize) -> anyhow::Result<()> {
    let (events, with) = (Api::<Event>::all(admin.clone()), ListParams::default().fields(&format!("reason={reason}")));
    let what = format!("the cluster has {least} Events with reason {reason}");
    let made = until(&what, LIMIT, async || (events.list(&with).await.ok()?.items.len() >= least).then_some(()));
    Ok(made.await?)
}

/// Events as kubelets report them: each is made, and then counted up.
async fn storm(admin: &Client, name: &str) -> anyhow::Result<()> {
    let events = &Api::<Event>::default_namespaced(admin.clone());
    let reports = (0..REPORTED).map(|number| async move {
        let name = format!("{name}-{number}");
        events.create(&PostParams::default(), &back_off(&name)).await?;
        for count in 2..=REPEATED {
            let again = json!({"count": count, "lastTimestamp": Time(Timestamp::now())});
            events.patch(&name, &PatchParams::default(), &Patch::Merge(again)).await?;
        }
        anyhow::Ok(())
    });
    stream::iter(reports).buffer_unordered(AT_ONCE).try_collect().await
}

fn back_off(name: &str) -> Event {
    let now = Time(Timestamp::now());
    let event = json!({
        "metadata": {"name": name},
        "involvedObject": {"apiVersion": "v1", "kind": "Pod", "namespace": "default", "name": name},
        "type": "Warning", "reason": "BackOff", "message": "Back-off restarting failed container",
        "source": {"component": "kubelet", "host": "node-1"},
        "count": 1, "firstTimestamp": now, "lastTimestamp": now,
    });
    serde_json::from_value(event).expect("an Event")
}

fn deployment(name: &str, replicas: u32, cpu: &str) -> Deployment {
    let resources = json!({"requests": {"cpu": cpu}});
    let container = json!({"name": "main", "image": "example.invalid/nothing:1", "resources": resources});
    let labels = json!({"app": name});
    let template = json!({"metadata": {"labels": labels}, "spec": {"containers": [container]}});
    let spec = json!({"replicas": replicas, "selector": {"matchLabels": labels}, "template": template});
    serde_json::from_value(json!({"metadata": {"name": name}, "spec": spec})).expect("a Deployment")
}

/// A page of Events.
async fn events((url, token): &(String, String), query: &str) -> anyhow::Result<Value> {
    let answer = http().get(format!("{url}/api/v1/events?{query}")).bearer_auth(token).send().await?;
    Ok(answer.error_for_status()?.json().await?)
}

fn state(item: &Value) -> anyhow::Result<StateId> {
    let field = |name: &str| item[name].as_str().with_context(|| format!("{name} of {item}"));
    Ok(StateId {
        cluster: field("cluster_uid")?.parse()?,
        incarnation: u32::try_from(item["epoch"].as_u64().context("an Event has an epoch")?)?,
        resource_version: field("resource_version")?.parse()?,
        uid: field("uid")?.parse()?,
    })
}
