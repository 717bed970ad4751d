//! Operations in the demo: the real controllers, whose runners tell of machines that do not exist.
//!
//! ```text
//!  query-api ◄── what people ask, and a few things to begin with
//!      └─► log ─► controllers ─► Machines (an executor) ─► simulated runners ─► door of the controllers
//!                     └─► nodes of the simulated API servers ◄── register ──┘
//! ```

use std::{
    collections::HashMap,
    fs,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use anyhow::Context;
use async_trait::async_trait;
use beidou_controllers::{
    config::TargetConfig,
    execute::{ExecuteError, Executor, Order, Standing},
    target::TAINT,
};
use beidou_schemas::runner::{Assignment, AttemptId};
use beidou_service::CancellationToken;
use beidou_simulator::{
    runner::{Errand, run},
    server::ApiServer,
};
use serde_json::Value;
use tokio::task::JoinHandle;

use super::{Stage, story};
use crate::roles::controllers;

/// Runs the controllers of the demo until the process shall end.
///
/// # Errors
/// When the log refuses.
pub async fn control(stage: &Stage, servers: Vec<ApiServer>) -> anyhow::Result<()> {
    let file = stage.process.data.join("demo.kubeconfig");
    fs::write(&file, ApiServer::kubeconfig(&servers)).with_context(|| format!("cannot write {}", file.display()))?;
    let mut process = stage.process.clone();
    process.site.controllers.clusters = servers
        .iter()
        .map(|server| {
            let name = &server.cluster().name;
            TargetConfig {
                kubeconfig: Some(file.clone()),
                context: Some(name.clone()),
                parameters: [("kubespray_path".into(), "/opt/kubespray".into()), (FILE.into(), file_of(server))]
                    .into_iter()
                    .collect(),
                ..TargetConfig::named(name)
            }
        })
        .collect();
    let machines = Machines { servers, seed: stage.mark.seed, running: Mutex::default() };
    // Dropped with the controllers: nobody would answer any more.
    let controlled = controllers::run(process, stage.log.clone(), Some(Arc::new(machines)));
    let told = async {
        story::tell(stage.context.clone(), stage.mark.seed).await;
        std::future::pending().await
    };
    tokio::select! {
        ended = controlled => ended,
        never = told => never,
    }
}

/// The parameter of Kubespray's bundles that tells which cluster a step is for.
const FILE: &str = "group_vars_file";

fn file_of(server: &ApiServer) -> Value {
    format!("/opt/site/{}.yml", server.cluster().name).into()
}

/// Makes simulated runners, in this process.
struct Machines {
    servers: Vec<ApiServer>,
    seed: u64,
    running: Mutex<HashMap<AttemptId, Runner>>,
}

struct Runner {
    input: String,
    stop: CancellationToken,
    task: JoinHandle<()>,
}

impl Machines {
    fn running(&self) -> MutexGuard<'_, HashMap<AttemptId, Runner>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn start(&self, order: &Order) -> Runner {
        let (stop, servers) = (CancellationToken::new(), self.servers.clone());
        let errand = Errand {
            door: order.door.clone(),
            attempt: order.attempt.clone(),
            token: order.token.reveal().to_owned(),
            seed: self.seed,
            stop: stop.clone(),
        };
        let task = tokio::spawn(async move {
            let attempt = errand.attempt.clone();
            let joins = |assignment: &Assignment, name: &str, address: &str| {
                let of = |server: &&ApiServer| assignment.variables.get(FILE) == Some(&file_of(server));
                if let Some(server) = servers.iter().find(of) {
                    server.register_node(name, address, TAINT);
                }
            };
            if let Err(error) = run(errand, joins).await {
                tracing::info!(%attempt, %error, "a simulated runner ended early");
            }
        });
        Runner { input: order.input.clone(), stop, task }
    }
}

#[async_trait]
impl Executor for Machines {
    fn name(&self) -> &'static str {
        "simulated"
    }

    fn secret_path(&self, attempt: &AttemptId, name: &str) -> String {
        format!("/simulated/{attempt}/{name}")
    }

    async fn launch(&self, order: &Order) -> Result<String, ExecuteError> {
        let mut running = self.running();
        match running.get(&order.attempt) {
            Some(known) if known.input != order.input => return Err(ExecuteError::Other(order.attempt.to_string())),
            Some(_) => {}
            None => drop(running.insert(order.attempt.clone(), self.start(order))),
        }
        Ok(format!("simulated {}", order.attempt))
    }

    async fn look(&self, attempt: &AttemptId) -> Result<Standing, ExecuteError> {
        Ok(match self.running().get(attempt) {
            None => Standing::Absent,
            Some(runner) if !runner.task.is_finished() => Standing::Running,
            Some(_) => Standing::Gone { exit: None, signal: None, message: "it has ended".into() },
        })
    }

    async fn stop(&self, attempt: &AttemptId, force: bool) -> Result<(), ExecuteError> {
        if let Some(runner) = self.running().get(attempt) {
            runner.stop.cancel();
            if force {
                runner.task.abort();
            }
        }
        Ok(())
    }

    async fn forget(&self, attempt: &AttemptId) -> Result<(), ExecuteError> {
        self.running().remove(attempt);
        Ok(())
    }
}
