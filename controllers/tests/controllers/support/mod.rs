//! Controllers over a log in memory, and runners that speak real HTTP to their door.

mod api_server;

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    fs,
    path::PathBuf,
    sync::{Arc, Mutex},
};

use async_trait::async_trait;
use beidou_controllers::{
    ControllersConfig, ControllersError, ControllersMetrics, Inputs,
    config::TargetConfig,
    execute::{ExecuteError, Executor, Order, Standing},
    fault::Faults,
    run,
};
use beidou_log::{Log, ReadLimit, memory::MemoryLog};
use beidou_schemas::{
    Micros, Topic,
    operation::{
        ASKED, FACTS, Object, OperationId, Phase, Via,
        command::{Ask, Command},
        fact::{Body, Fact},
    },
    runner::{
        Assignment, AttemptId, CLAIM_PATH, Claim, EVENTS_PATH, Ended, Events, FINISH_PATH, Finish, HostOutcome,
        HostState, TaskEvent, TaskEventKind,
    },
};
use beidou_service::{CancellationToken, Metrics, Readiness, held_port::HeldPort};
use tokio::{sync::oneshot, task::JoinHandle};
use uuid::Uuid;

pub use self::api_server::ApiServer;

const BUNDLE: &str = "
apiVersion: beidou.io/v1
kind: Bundle
name: probe
version: 1.0.0
operationType: Command
description: Two steps that do nothing.
runner: command
lock: none
targetApi: none
groups:
  hosts: {from: machines, min: 1, max: 500}
parameters: {type: object, additionalProperties: false, properties: {}}
flow: [first, second]
steps:
  - {name: first, command: run.sh, limit: hosts, mutates: true, deadline: 10m, retry: host}
  - {name: second, command: run.sh, limit: hosts, mutates: true, deadline: 10m, retry: host}
";

/// A site that outlives its controllers.
pub struct Site {
    pub log: Arc<MemoryLog>,
    pub runners: Arc<Runners>,
    /// Of the controllers that were started last.
    metrics: Mutex<Metrics>,
    pub folder: tempfile::TempDir,
    pub config: ControllersConfig,
    /// It stays the same over restarts, as a Service's does.
    _port: HeldPort,
}

impl Site {
    pub fn new() -> Self {
        // HTTP clients are built without a choice of cryptography; only the first test of a process makes it.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let folder = tempfile::tempdir().unwrap();
        let bundle = folder.path().join("probe");
        fs::create_dir(&bundle).unwrap();
        fs::write(bundle.join("bundle.yaml"), BUNDLE).unwrap();
        fs::write(bundle.join("run.sh"), "#!/bin/sh\n").unwrap();
        let port = HeldPort::any().unwrap();
        let target: TargetConfig = serde_json::from_value(serde_json::json!({"name": "c"})).unwrap();
        let config = ControllersConfig {
            listen: port.address().to_string(),
            bundles: vec![beidou_playbooks::Place::Path(bundle)],
            clusters: vec![target],
            hold_at_warnings: 0,
            ..ControllersConfig::default()
        };
        let topics = [(Topic::OperationCommand, 2), (Topic::Operation, 1), (Topic::OperationTask, 1)];
        let (log, runners, metrics) = (MemoryLog::new(topics), Arc::default(), Mutex::default());
        Self { log, runners, metrics, folder, config, _port: port }
    }

    pub fn door(&self) -> String {
        format!("http://{}", self.config.listen)
    }

    /// Its nodes can be operated on under this name.
    pub fn knows(&mut self, server: &ApiServer, name: &str) -> PathBuf {
        let file = self.folder.path().join(name);
        fs::write(&file, server.kubeconfig()).unwrap();
        self.config.clusters.push(TargetConfig { kubeconfig: Some(file.clone()), ..TargetConfig::named(name) });
        file
    }

    /// Starts controllers.
    pub fn start(&self, faults: Faults) -> (JoinHandle<Result<(), ControllersError>>, CancellationToken) {
        self.start_over(self.log.clone(), faults)
    }

    /// The same over a log that lies over the site's.
    pub fn start_over(
        &self,
        log: Arc<dyn Log>,
        faults: Faults,
    ) -> (JoinHandle<Result<(), ControllersError>>, CancellationToken) {
        let (registry, mut metrics) = (Metrics::default(), None);
        registry.register("controllers", |registry| metrics = Some(ControllersMetrics::new(registry)));
        *self.metrics.lock().unwrap() = registry;
        let inputs = Inputs {
            log,
            folder: PathBuf::from(self.folder.path()).join("controllers"),
            part: Readiness::default().part("controllers"),
            metrics: metrics.unwrap(),
            faults,
            executor: Some(self.runners.clone()),
        };
        let stop = CancellationToken::new();
        (tokio::spawn(run(self.config.clone(), inputs, stop.clone())), stop)
    }

    /// Waits until operations on a cluster are not refused any more.
    pub async fn known(&self, name: &str) {
        self.facts_until(|fact| matches!(&fact.body, Body::ClusterRuled(ruled) if ruled.cluster == name)).await;
    }

    /// Waits until a metric has this value.
    pub async fn measured(&self, metric: &str, fits: impl Fn(f64) -> bool) {
        let name = format!("beidou_controllers_{metric} ");
        let encoded = || self.metrics.lock().unwrap().encode();
        let value = || encoded().lines().find_map(|line| line.strip_prefix(&name)?.parse().ok());
        let met = async {
            while !value().is_some_and(&fits) {
                tokio::task::yield_now().await;
            }
        };
        let met = tokio::time::timeout(std::time::Duration::from_secs(60), met).await;
        assert!(met.is_ok(), "{metric} is not as it should be:\n{}", encoded());
    }

    /// Asks as query-api does.
    pub async fn ask(&self, object: Object, subject: &str, ask: Ask) {
        let (id, time) = (Uuid::new_v4(), Micros::of(jiff::Timestamp::now()));
        let command = Command { id, object, subject: subject.into(), via: Via::Api, time, ask };
        let writer = self.log.writer(ASKED, "test").await.unwrap();
        writer.append(vec![command.to_record()]).await.unwrap();
    }

    /// Asks for an operation on these hosts.
    pub async fn operate(&self, id: u128, flow: &[&str], hosts: &[&str]) -> OperationId {
        let machines: Vec<_> = hosts.iter().map(|ip| serde_json::json!({"ip": ip})).collect();
        let spec = serde_json::json!({
            "clusterName": "c", "operationType": "Command", "operationFlow": flow, "operationMachines": machines,
            "bundle": "probe", "batches": {"canary": 0, "soakSeconds": 0, "size": 100, "poolPercent": 100},
        });
        self.request(id, spec).await
    }

    /// Asks for what the shipped bundle of this type does to the nodes of the cluster `k`, all at once.
    pub async fn act_on_nodes(&self, id: u128, kind: &str, hosts: &[&str]) -> OperationId {
        self.request(id, of_nodes(kind, hosts)).await
    }

    /// Asks for an operation.
    pub async fn request(&self, id: u128, spec: serde_json::Value) -> OperationId {
        let id = OperationId(Uuid::from_u128(id));
        let spec = serde_json::from_value(spec).unwrap();
        let request = beidou_schemas::operation::command::RequestOperation {
            name: "n/probe".into(),
            spec,
            owner: None,
            why: String::new(),
        };
        self.ask(Object::Operation(id), "alice", request.into()).await;
        id
    }

    /// All facts until one fits; waits for it.
    pub async fn facts_until(&self, fits: impl Fn(&Fact) -> bool) -> Vec<Fact> {
        let (mut next, mut all) = (0, Vec::new());
        let limit = ReadLimit { max_bytes: 1 << 20, max_wait: std::time::Duration::from_secs(60) };
        loop {
            let batch = self.log.read(FACTS, next, limit).await.unwrap();
            assert!(batch.next > next, "no such fact within a minute, after {:?}", names(&all));
            next = batch.next;
            for stored in batch.records {
                let fact = Fact::from_json(&stored.record.value).unwrap();
                let found = fits(&fact);
                all.push(fact);
                if found {
                    return all;
                }
            }
        }
    }
}

/// The specification of an operation on nodes of the cluster `k`.
pub fn of_nodes(kind: &str, hosts: &[&str]) -> serde_json::Value {
    let machines: Vec<_> = hosts.iter().map(|ip| serde_json::json!({"ip": ip})).collect();
    serde_json::json!({
        "clusterName": "k", "operationType": kind, "operationMachines": machines,
        "batches": {"canary": 0, "soakSeconds": 0, "size": 100, "poolPercent": 100},
    })
}

/// How an operation has ended.
pub fn finished(facts: &[Fact]) -> Phase {
    match &facts.last().unwrap().body {
        Body::Finished(finished) => finished.phase,
        other => panic!("{}: {:?}", other.name(), names(facts)),
    }
}

pub fn names(facts: &[Fact]) -> Vec<&'static str> {
    facts.iter().map(|fact| fact.body.name()).collect()
}

pub fn is_over(fact: &Fact) -> bool {
    matches!(fact.body, Body::Finished(_) | Body::Refused(_))
}

/// What a scripted runner does, by attempt.
#[derive(Default)]
pub struct Runners {
    made: Mutex<HashMap<AttemptId, (Order, JoinHandle<()>)>>,
    /// How often an attempt was carried out.
    pub done: Arc<Mutex<BTreeMap<AttemptId, usize>>>,
    /// Hosts on which a runner fails.
    pub bad: Arc<Mutex<HashSet<String>>>,
    /// Whether runners wait for a stop in place of acting.
    pub idle: std::sync::atomic::AtomicBool,
    /// The next one is made only when this comes.
    pub late: Mutex<Option<oneshot::Receiver<()>>>,
    /// The next one comes to the door only when this comes.
    pub shy: Mutex<Option<oneshot::Receiver<()>>>,
    /// What was cleared away, and whether there was a runner then.
    pub forgotten: Mutex<BTreeMap<AttemptId, bool>>,
}

#[async_trait]
impl Executor for Runners {
    fn name(&self) -> &'static str {
        "scripted"
    }

    fn secret_path(&self, _: &AttemptId, name: &str) -> String {
        format!("/secrets/{name}")
    }

    async fn launch(&self, order: &Order) -> Result<String, ExecuteError> {
        let late = self.late.lock().unwrap().take();
        if let Some(late) = late {
            late.await.unwrap();
        }
        let mut made = self.made.lock().unwrap();
        if !made.contains_key(&order.attempt) {
            let (done, bad) = (Arc::clone(&self.done), Arc::clone(&self.bad));
            let idle = self.idle.load(std::sync::atomic::Ordering::Relaxed);
            let (shy, order_of) = (self.shy.lock().unwrap().take(), order.clone());
            let runner = tokio::spawn(async move {
                if let Some(shy) = shy {
                    shy.await.unwrap();
                }
                play(order_of, done, bad, idle).await;
            });
            made.insert(order.attempt.clone(), (order.clone(), runner));
        }
        Ok(format!("task {}", order.attempt))
    }

    async fn look(&self, attempt: &AttemptId) -> Result<Standing, ExecuteError> {
        let gone = || Standing::Gone { exit: None, signal: None, message: "it has ended".into() };
        Ok(match self.made.lock().unwrap().get(attempt) {
            None => Standing::Absent,
            Some((_, runner)) if runner.is_finished() => gone(),
            Some(_) => Standing::Running,
        })
    }

    async fn stop(&self, attempt: &AttemptId, _: bool) -> Result<(), ExecuteError> {
        if let Some((_, runner)) = self.made.lock().unwrap().get(attempt) {
            runner.abort();
        }
        Ok(())
    }

    async fn forget(&self, attempt: &AttemptId) -> Result<(), ExecuteError> {
        let made = self.made.lock().unwrap().contains_key(attempt);
        self.forgotten.lock().unwrap().insert(attempt.clone(), made);
        Ok(())
    }
}

/// A runner of one attempt, as patient with the door as the real one.
async fn play(
    order: Order,
    done: Arc<Mutex<BTreeMap<AttemptId, usize>>>,
    bad: Arc<Mutex<HashSet<String>>>,
    idle: bool,
) {
    let runner = Uuid::new_v4();
    let attempt = order.attempt.clone();
    let claim = Claim { attempt: attempt.clone(), runner };
    let Some(text) = post(&order, CLAIM_PATH, &claim).await else { return };
    let assignment: Assignment = serde_json::from_str(&text).unwrap();
    *done.lock().unwrap().entry(attempt.clone()).or_default() += 1;
    if idle {
        return std::future::pending().await;
    }
    let event = TaskEvent::new(1, Micros::of(jiff::Timestamp::now()), TaskEventKind::Start);
    let events = Events { attempt: attempt.clone(), runner, first: 1, events: vec![event] };
    post(&order, EVENTS_PATH, &events).await;
    let outcome = |host: &String| {
        let state = if bad.lock().unwrap().contains(host) { HostState::Failed } else { HostState::Ok };
        let none = || None;
        HostOutcome {
            state,
            failed_task: none(),
            message: none(),
            code: none(),
            remedy: none(),
            changed: 1,
            ok: 1,
            duration_ms: 5,
        }
    };
    let hosts = assignment.limit.iter().map(|host| (host.clone(), outcome(host))).collect();
    let ended = Ended::Stats;
    let finish = Finish { attempt, runner, ended, exit: Some(0), signal: None, reason: None, hosts, last_seq: 1 };
    post(&order, FINISH_PATH, &finish).await;
}

/// Until there is an answer that is final; none where the door says no.
async fn post(order: &Order, path: &str, body: &impl serde::Serialize) -> Option<String> {
    let http = reqwest::Client::new();
    let token = token_of(order);
    loop {
        let request = http.post(format!("{}{path}", order.door)).header("authorization", format!("Bearer {token}"));
        let request = request.header("content-type", "application/json").body(serde_json::to_string(body).unwrap());
        let limit = std::time::Duration::from_secs(2);
        match request.timeout(limit).send().await {
            Ok(answer) if answer.status().is_success() => return answer.text().await.ok(),
            Ok(answer) if answer.status().as_u16() == 409 => return None,
            Ok(_) | Err(_) => tokio::task::yield_now().await,
        }
    }
}

pub fn token_of(order: &Order) -> &str {
    order.token.reveal()
}

impl Runners {
    /// Waits until it is so.
    pub async fn until(&self, fits: impl Fn(&Self) -> bool) {
        let met = async {
            while !fits(self) {
                tokio::task::yield_now().await;
            }
        };
        let met = tokio::time::timeout(std::time::Duration::from_secs(60), met).await;
        assert!(met.is_ok(), "cleared away: {:?}", self.forgotten.lock().unwrap());
    }

    /// Whether what is left of an attempt was cleared away, and its runner with it.
    pub fn has_forgotten(&self, attempt: &AttemptId) -> bool {
        self.forgotten.lock().unwrap().get(attempt) == Some(&true)
    }

    pub fn order(&self, attempt: &AttemptId) -> Order {
        self.made.lock().unwrap()[attempt].0.clone()
    }
}
