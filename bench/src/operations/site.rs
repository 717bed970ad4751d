//! Controllers in this process over a file log, with a bundle that does nothing.

use std::{
    collections::BTreeMap,
    fs,
    os::unix::fs::PermissionsExt,
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::Context;
use beidou_controllers::{
    ControllersConfig, ControllersError, ControllersMetrics, Inputs,
    config::{Local, TargetConfig},
    execute::Executor,
    fault::Faults,
    run,
};
use beidou_log::{
    Log, ReadLimit,
    file::{FileLog, FileOptions},
};
use beidou_schemas::{
    Micros, Offset, Topic,
    operation::{
        ASKED, FACTS, Object, OperationId, Via,
        command::{Ask, Command, RequestOperation},
        fact::{Body, Fact},
    },
};
use beidou_service::{CancellationToken, Readiness};
use tokio::task::JoinHandle;
use uuid::Uuid;

/// Nothing here may take longer.
const LIMIT: Duration = Duration::from_secs(300);

/// Controllers that run.
pub struct Site {
    pub log: Arc<FileLog>,
    folder: tempfile::TempDir,
    config: ControllersConfig,
    stop: CancellationToken,
    running: Option<JoinHandle<Result<(), ControllersError>>>,
}

/// The bundle: so many steps of the kind `command`, one after the other.
fn bundle(steps: usize) -> String {
    let names: Vec<String> = (1..=steps).map(|step| format!("step{step}")).collect();
    let step = |name: &String| {
        format!("  - {{name: {name}, command: run.sh, limit: hosts, mutates: false, deadline: 10m, retry: host}}\n")
    };
    format!(
        "apiVersion: beidou.io/v1\nkind: Bundle\nname: probe\nversion: 1.0.0\noperationType: Command\n\
         description: Steps that do nothing.\nrunner: command\nlock: none\ntargetApi: none\n\
         groups:\n  hosts: {{from: machines, min: 1, max: 500}}\n\
         parameters: {{type: object, additionalProperties: false, properties: {{}}}}\n\
         flow: [{}]\nsteps:\n{}",
        names.join(", "),
        names.iter().map(step).collect::<String>()
    )
}

/// The log as `beidou up` has it, as far as operations go.
pub fn open_log(folder: &Path) -> anyhow::Result<Arc<FileLog>> {
    let counts = [(Topic::OperationCommand, 2), (Topic::Operation, 1), (Topic::OperationTask, 1)];
    Ok(FileLog::open(FileOptions::new(folder.join("log"), BTreeMap::from(counts)))?)
}

impl Site {
    /// A site whose bundle has so many steps. Nothing runs yet.
    pub fn new(steps: usize) -> anyhow::Result<Self> {
        let folder = tempfile::tempdir()?;
        let made = folder.path().join("probe");
        fs::create_dir(&made)?;
        fs::write(made.join("bundle.yaml"), bundle(steps))?;
        fs::write(made.join("run.sh"), "#!/bin/sh\n")?;
        fs::set_permissions(made.join("run.sh"), fs::Permissions::from_mode(0o755))?;
        let runner = std::env::current_exe()?.with_file_name("beidou");
        let program = vec![runner.display().to_string(), "run-step".into()];
        // No machine is reached; a runner takes none without a key.
        let key = folder.path().join("key");
        fs::write(&key, "no key of any machine\n")?;
        let config = ControllersConfig {
            bundles: vec![beidou_playbooks::Place::Path(made)],
            clusters: vec![TargetConfig { ssh_key: Some(key), ..TargetConfig::named("c") }],
            local: Local { program, ..Local::default() },
            hold_at_warnings: 0,
            ..ControllersConfig::default()
        };
        let log = open_log(folder.path())?;
        Ok(Self { log, folder, config, stop: CancellationToken::new(), running: None })
    }

    /// Starts controllers, and returns when they serve: after how long.
    pub async fn start(&mut self, executor: Option<Arc<dyn Executor>>) -> anyhow::Result<Duration> {
        let readiness = Readiness::default();
        let part = readiness.part("controllers");
        let inputs = Inputs {
            log: self.log.clone(),
            folder: self.folder.path().join("controllers"),
            part,
            metrics: ControllersMetrics::default(),
            faults: Faults::default(),
            executor,
        };
        let begun = Instant::now();
        let running = tokio::spawn(run(self.config.clone(), inputs, self.stop.clone()));
        while !readiness.is_ready() {
            anyhow::ensure!(begun.elapsed() < LIMIT && !running.is_finished(), "controllers do not start");
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        self.running = Some(running);
        Ok(begun.elapsed())
    }

    /// Ends controllers.
    pub async fn end(mut self) -> anyhow::Result<tempfile::TempDir> {
        self.stop.cancel();
        if let Some(running) = self.running.take() {
            running.await??;
        }
        Ok(self.folder)
    }

    /// Asks for an operation with this flow on so many hosts.
    pub async fn operate(&self, flow: usize, hosts: usize) -> anyhow::Result<OperationId> {
        let id = OperationId(Uuid::new_v4());
        let machines: Vec<_> = (1..=hosts)
            .map(|host| serde_json::json!({"ip": format!("10.0.{}.{}", host / 250, host % 250 + 1)}))
            .collect();
        let spec = serde_json::from_value(serde_json::json!({
            "clusterName": "c", "operationType": "Command", "bundle": "probe",
            "operationFlow": (1..=flow).map(|step| format!("step{step}")).collect::<Vec<_>>(),
            "operationMachines": machines,
        }))?;
        let ask = Ask::from(RequestOperation { name: "bench/probe".into(), spec, owner: None, why: String::new() });
        let (object, time) = (Object::Operation(id), Micros::of(jiff::Timestamp::now()));
        let command = Command { id: Uuid::new_v4(), object, subject: "bench".into(), via: Via::Api, time, ask };
        self.log.writer(ASKED, "bench").await?.append(vec![command.to_record()]).await?;
        Ok(id)
    }

    /// The facts from an offset on until one fits, it among them; and the offset behind them.
    pub async fn facts_until(&self, from: Offset, fits: impl Fn(&Fact) -> bool) -> anyhow::Result<(Vec<Fact>, Offset)> {
        let (mut next, mut all) = (from, Vec::new());
        let limit = ReadLimit { max_bytes: 1 << 20, max_wait: LIMIT };
        loop {
            let batch = self.log.read(FACTS, next, limit).await?;
            anyhow::ensure!(batch.next > next, "the operation does not go on");
            for stored in batch.records {
                let fact = Fact::from_json(&stored.record.value).context("a fact")?;
                let found = fits(&fact);
                all.push(fact);
                if found {
                    return Ok((all, stored.offset + 1));
                }
            }
            next = batch.next;
        }
    }
}

/// Whether it is the end of an operation.
pub fn is_over(fact: &Fact) -> bool {
    matches!(fact.body, Body::Finished(_) | Body::Refused(_))
}
