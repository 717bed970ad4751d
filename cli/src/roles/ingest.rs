//! `beidou ingest`: watches clusters and writes their Events to the log.

use std::{
    path::Path,
    sync::Arc,
    time::{Duration, SystemTime},
};

use anyhow::Context;
use beidou_ingest::{
    ClusterConfig, ConfigError, IngestMetrics, IngestStatus, Inputs, Machine, clusters_from_kubeconfig, fault::Fault,
};
use beidou_log::Log;
use beidou_schemas::TopicPartition;
use beidou_service::Part;
use serde::Deserialize;
use tokio::sync::watch;

use super::Process;
use crate::{
    args::roles::{Ingest, Kubeconfig},
    exit::{Code, Failure},
    site,
};

/// How often old segments are looked for in partitions where little is written.
const RETAIN_EVERY: Duration = Duration::from_secs(600);

/// How often a log that answers nothing for the moment is asked again at the start.
const RETRY_EVERY: Duration = Duration::from_secs(1);

/// Runs the role alone.
///
/// # Errors
/// When the clusters cannot be read, or the log refuses.
pub async fn main(args: Ingest) -> anyhow::Result<()> {
    let process = Process::start(&args.role, args.probe.flag().into_iter().collect())?;
    let clusters = follow(&process, &args.kubeconfig)?;
    if clusters.borrow().is_empty() {
        let next = "name clusters under `clusters` in a --config file, or with --kubeconfig";
        return Err(Failure::new(Code::Usage, "there is no cluster to collect", next).into());
    }
    process.serve_probe("ingest").await?;
    let Some(log) = process.log().await? else { return Ok(()) };
    run(process, log, clusters).await
}

/// The clusters of the flags and the file, as they change.
///
/// # Errors
/// When the kubeconfig cannot be read, or two clusters have one name.
pub fn follow(process: &Process, from: &Kubeconfig) -> anyhow::Result<watch::Receiver<Vec<ClusterConfig>>> {
    let fixed = of_kubeconfig(from)?;
    let (from, path) = (from.clone(), from.kubeconfig.clone());
    let again = move || of_kubeconfig(&from);
    let all = [fixed.as_slice(), &process.site.clusters].concat();
    beidou_ingest::clusters::validate(&all).map_err(|error| {
        Failure::new(Code::Usage, "the clusters are not valid", "correct --kubeconfig, or `clusters`").because(error)
    })?;
    let (sender, receiver) = watch::channel(all);
    let files = [process.role.config.clone(), path].into_iter().flatten().collect();
    tokio::spawn(site::follow(process.role.clone(), files, again, sender, process.stop.clone()));
    Ok(receiver)
}

/// Collects until the process shall end.
///
/// # Errors
/// When the log refuses for good.
pub async fn run(
    process: Process,
    log: Arc<dyn Log>,
    clusters: watch::Receiver<Vec<ClusterConfig>>,
) -> anyhow::Result<()> {
    let mut metrics = None;
    process.metrics.register("ingest", |registry| metrics = Some(IngestMetrics::new(registry)));
    let metrics = metrics.context("metrics are registered at once")?;
    let (status, seen) = watch::channel(IngestStatus::default());
    tokio::spawn(report(process.readiness.part("ingest"), seen));
    let Some(held) = process.stop.run_until_cancelled(hold_for_projector(log.as_ref())).await else { return Ok(()) };
    held?;
    tokio::spawn(retain(log.clone(), process.stop.clone()));
    let (outside, fault) = (Arc::new(Machine), Fault::from_environment());
    let inputs = Inputs { log, clusters, metrics, status, outside, fault };
    Ok(beidou_ingest::run(process.site.ingest.clone(), inputs, process.stop.clone()).await?)
}

async fn report(part: Part, mut status: watch::Receiver<IngestStatus>) {
    let mut begun = false;
    loop {
        let why = not_ready(&status.borrow_and_update(), &mut begun);
        match why {
            Some(why) => part.waiting(why),
            None => part.ready(),
        }
        if status.changed().await.is_err() {
            return part.waiting("it has ended");
        }
    }
}

/// A sick cluster does not make the process unready: the others are collected. A log that takes nothing does, and so does the
/// start, until there is a watch wherever there can be one: a rolling restart goes on with the next pod then.
fn not_ready(status: &IngestStatus, begun: &mut bool) -> Option<String> {
    let awaits = if *begun { None } else { status.awaits() };
    *begun |= awaits.is_none();
    status.log_trouble.clone().or(awaits)
}

/// Registers the projector as a consumer before it has ever run, so that retention waits for it.
async fn hold_for_projector(log: &dyn Log) -> anyhow::Result<()> {
    for topic in beidou_projector::SOURCES {
        for partition in 0..log.partitions(topic) {
            let at = TopicPartition::new(topic, partition);
            while let Err(error) = log.release(at, beidou_projector::CONSUMER, 0).await {
                if !error.is_retryable() {
                    return Err(error).context("cannot register the projector at the log");
                }
                tracing::warn!(%error, "cannot register the projector at the log, trying again");
                tokio::time::sleep(RETRY_EVERY).await;
            }
        }
    }
    Ok(())
}

async fn retain(log: Arc<dyn Log>, stop: beidou_service::CancellationToken) {
    let mut beats = tokio::time::interval(RETAIN_EVERY);
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            _ = beats.tick() => {}
        }
        match log.enforce_retention(SystemTime::now()).await {
            Ok(freed) if freed.segments > 0 => {
                tracing::info!(segments = freed.segments, bytes = freed.bytes, "old events left the log");
            }
            Ok(_) => {}
            Err(error) => tracing::warn!(%error, "retention of the log failed, it is tried again"),
        }
    }
}

/// The part of a kubeconfig that says which context is meant where none is named.
#[derive(Default, Deserialize)]
struct CurrentContext {
    #[serde(rename = "current-context", default)]
    name: String,
}

fn of_kubeconfig(from: &Kubeconfig) -> anyhow::Result<Vec<ClusterConfig>> {
    let Some(path) = &from.kubeconfig else { return Ok(Vec::new()) };
    let path = std::path::absolute(path).unwrap_or_else(|_| path.clone());
    let contexts = match (from.all_contexts, from.contexts.is_empty()) {
        (true, _) => Vec::new(),
        (false, false) => from.contexts.clone(),
        (false, true) => vec![current_context(&path)?],
    };
    clusters_from_kubeconfig(&path, &contexts).map_err(|error| {
        let unknown = "name one of these with --context, or take --all-contexts";
        let next = if matches!(error, ConfigError::Context { .. }) { unknown } else { NOT_UNDERSTOOD };
        Failure::new(Code::Usage, "the clusters of the kubeconfig cannot be used", next).because(error).into()
    })
}

/// What to do with a file that is no kubeconfig.
const NOT_UNDERSTOOD: &str =
    "correct the file, or name another with --kubeconfig; `kubectl config view --raw --flatten` prints a whole one";

fn current_context(path: &Path) -> Result<String, Failure> {
    let refused = |text: &str, next: &str| Failure::new(Code::Usage, format!("{text} {}", path.display()), next);
    let text = std::fs::read_to_string(path)
        .map_err(|error| refused("cannot read the kubeconfig", "check the path and its permissions").because(error))?;
    // An empty file is a mapping without keys.
    let current: Option<CurrentContext> = serde_yaml_ng::from_str(&text)
        .map_err(|error| refused("cannot understand the kubeconfig", NOT_UNDERSTOOD).because(error))?;
    let name = current.unwrap_or_default().name;
    if name.is_empty() {
        return Err(refused("no current context in the kubeconfig", "name one with --context, or take --all-contexts"));
    }
    Ok(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    const KUBECONFIG: &str = "{apiVersion: v1, kind: Config, current-context: b, clusters: [{name: c, cluster: {server: 'https://127.0.0.1:1'}}],
      users: [], contexts: [{name: a, context: {cluster: c, user: u}}, {name: b, context: {cluster: c, user: u}}]}";

    fn names(contexts: &[&str], all_contexts: bool, text: &str) -> anyhow::Result<Vec<String>> {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("config");
        std::fs::write(&path, text).unwrap();
        let contexts = contexts.iter().map(|name| (*name).to_owned()).collect();
        let found = of_kubeconfig(&Kubeconfig { kubeconfig: Some(path), contexts, all_contexts })?;
        Ok(found.into_iter().map(|cluster| cluster.name).collect())
    }

    #[test]
    fn it_is_ready_once_it_collects_and_then_goes_by_the_log_alone() {
        let (mut status, mut begun) = (IngestStatus::default(), false);
        let mut why = |status: &IngestStatus| not_ready(status, &mut begun);
        assert_eq!(why(&status).as_deref(), Some("it opens the log"));
        status.opened = true;
        assert_eq!(why(&status), None, "there is no cluster to meet");
        status.log_trouble = Some("no space".into());
        assert_eq!(why(&status).as_deref(), Some("no space"));
        let later = IngestStatus::default();
        assert_eq!(why(&later), None, "what comes later is no start");
    }

    #[test]
    fn contexts_are_chosen_as_asked() {
        assert_eq!(names(&[], false, KUBECONFIG).unwrap(), ["b"]);
        assert_eq!(names(&["a"], false, KUBECONFIG).unwrap(), ["a"]);
        assert_eq!(names(&[], true, KUBECONFIG).unwrap(), ["a", "b"]);
    }

    #[test]
    fn what_cannot_be_used_is_a_usage_error() {
        for (contexts, text, said) in [
            (&["c"][..], KUBECONFIG, "a, b"),
            (&[], "{}", "--context"),
            (&[], "", "--context"),
            (&[], "][", "cannot understand"),
            (&[], "a shopping list", "expected a mapping"),
            (&[], "current-context: [a]", "expected a string"),
            (&["a"], "a shopping list", "expected mapping"),
            (&["a"], "contexts: [a]", "line 1 column 12"),
        ] {
            let error = names(contexts, false, text).unwrap_err();
            let shown = crate::exit::text(&error);
            assert!(crate::exit::code(&error) == Code::Usage && shown.contains(said), "{text:?}: {shown}");
            assert!(shown.contains("/config") && shown.contains("next: "), "file and way out: {shown}");
            assert!(!shown.contains("struct"), "a type of ours: {shown}");
        }
        let missing = Kubeconfig { kubeconfig: Some("/does/not/exist".into()), ..Kubeconfig::default() };
        assert!(crate::exit::text(&of_kubeconfig(&missing).unwrap_err()).contains("/does/not/exist"));
    }
}
