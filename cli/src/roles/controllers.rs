//! `beidou controllers`: makes operations of commands, and runners of their steps.

use std::sync::Arc;

use anyhow::Context;
use beidou_controllers::{
    ControllersConfig, ControllersMetrics, Inputs, config::TargetConfig, execute::Executor, fault::Faults,
    run as control,
};
use beidou_log::Log;

use super::Process;
use crate::{args::roles::Controllers, places};

/// Runs the role alone.
///
/// # Errors
/// When the log, the management cluster or the listener cannot be used, or other controllers took over.
pub async fn main(args: Controllers) -> anyhow::Result<()> {
    let process = Process::start(&args.role, args.probe.flag().into_iter().collect())?;
    process.serve_probe("controllers").await?;
    let Some(log) = process.log().await? else { return Ok(()) };
    run(process, log, None).await
}

/// Runs until the process shall end. `executor` takes the place of the configured one.
///
/// # Errors
/// As [`main`].
pub async fn run(process: Process, log: Arc<dyn Log>, executor: Option<Arc<dyn Executor>>) -> anyhow::Result<()> {
    let mut metrics = None;
    process.metrics.register("controllers", |registry| metrics = Some(ControllersMetrics::new(registry)));
    let inputs = Inputs {
        log,
        folder: places::controllers(&process.data),
        part: process.readiness.part("controllers"),
        metrics: metrics.context("metrics are registered at once")?,
        faults: Faults::from_environment(),
        executor,
    };
    Ok(control(config(&process), inputs, process.stop.clone()).await?)
}

/// Clusters that are watched by a kubeconfig can be operated on under the same name, as far as its user may.
fn config(process: &Process) -> ControllersConfig {
    let mut config = process.site.controllers.clone();
    for cluster in &process.site.clusters {
        let known = config.clusters.iter().any(|one| one.name == cluster.name);
        if let Some(kubeconfig) = cluster.kubeconfig.clone().filter(|_| !known) {
            let context = cluster.context.clone();
            config.clusters.push(TargetConfig {
                kubeconfig: Some(kubeconfig),
                context,
                ..TargetConfig::named(&cluster.name)
            });
        }
    }
    config
}
