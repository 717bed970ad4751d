//! Several clusters, their credentials, their coming and going; and a log that does not take what is read.

use std::{os::unix::fs::PermissionsExt, path::Path, sync::Arc};

use crate::support::{Api, Running, eventually, facts, memory, states, story, within};
use async_trait::async_trait;
use beidou_ingest::{
    ClusterConfig, ClusterState, ConfigError, IngestError, clusters::Secret, clusters_from_kubeconfig, follow_file,
};
use beidou_log::{
    Log, LogError, Writer,
    memory::{Full, MemoryLog, Overlay},
};
use beidou_schemas::{
    Epoch, Micros, ResourceVersion, Topic, TopicPartition,
    coverage::{CoverageFact, Position},
    time::HOUR,
};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

fn named(name: &str, api: &Api) -> ClusterConfig {
    ClusterConfig::of_server(name, &api.url, None)
}

#[tokio::test]
async fn a_cluster_that_hangs_does_not_slow_another() {
    let (sick, well, log) = (Api::start("uid-1").await, Api::start("uid-2").await, memory());
    sick.lock().hang = true;
    let running = Running::start(log.clone(), vec![named("sick", &sick), named("well", &well)]);
    well.write("a", "");
    eventually(&*log, Topic::KubeEvent, |records| records.len() == 1).await;
    running.stop().await.unwrap();
}

#[tokio::test]
async fn clusters_come_and_go_while_it_runs() {
    let (a, b, log) = (Api::start("uid-1").await, Api::start("uid-2").await, memory());
    let mut running = Running::start(log.clone(), vec![named("one", &a)]);
    let begun = running.until(|status| status.awaits().is_none()).await;
    assert!(begun.clusters["one"].cluster.is_some(), "{begun:?}");
    running.watching().await;
    running.clusters.send(vec![named("two", &b)]).unwrap();
    running.until(|s| s.clusters.len() == 1 && s.clusters.contains_key("two")).await;
    a.write("x", "while it was not collected");
    running.clusters.send(vec![named("two", &b), named("one", &a)]).unwrap();
    eventually(&*log, Topic::KubeEvent, |records| records.len() == 1).await;
    running.watching().await;
    running.stop().await.unwrap();
    assert_eq!(a.lock().full_lists, 1, "it goes on where it stood");
    let facts = facts(&*log).await;
    let of_one: Vec<CoverageFact> = facts.into_iter().filter(|fact| fact.key() == "uid-1").collect();
    let ends: Vec<String> = story(&of_one).into_iter().filter(|line| line.starts_with("ended")).collect();
    assert_eq!(ends, ["ended removed", "ended shutdown"]);
}

#[tokio::test]
async fn two_clusters_with_one_uid_are_refused_with_the_way_out() {
    let (a, b, log) = (Api::start("same").await, Api::start("same").await, memory());
    let mut running = Running::start(log.clone(), vec![named("a", &a), named("b", &b)]);
    let refused = running.until(|s| s.clusters.values().any(|c| c.state == ClusterState::Refused)).await;
    let detail = refused.clusters.values().map(|c| c.detail.clone()).collect::<String>();
    assert!(detail.contains("same kube-system uid same") && detail.contains("explicit id"), "{detail}");
    let copy = ClusterConfig { id: Some("the-copy".parse().unwrap()), ..named("b", &b) };
    running.clusters.send(vec![named("a", &a), copy]).unwrap();
    running.until(|s| s.clusters.len() == 2 && s.clusters.values().all(|c| c.state == ClusterState::Watching)).await;
    running.stop().await.unwrap();
}

#[tokio::test]
async fn another_cluster_in_the_place_of_one_is_collected_as_itself() {
    let (api, log) = (Api::start("uid-1").await, memory());
    let mut running = Running::start(log.clone(), vec![named("one", &api)]);
    running.watching().await;
    let old = format!("0.a.{}", api.write("a", ""));
    eventually(&*log, Topic::KubeEvent, |records| records.len() == 1).await;
    api.lock().uid = Some("uid-2".into());
    api.set_back(50);
    let new = format!("0.b.{}", api.write("b", ""));
    let records = eventually(&*log, Topic::KubeEvent, |records| records.len() == 2).await;
    running.stop().await.unwrap();
    let source = |id: &str| {
        let record = records.iter().find(|record| record.header("ce_id") == Some(id));
        record.and_then(|record| record.header("ce_source")).map(str::to_owned)
    };
    assert_eq!([source(&old), source(&new)], ["uid-1", "uid-2"].map(|uid| Some(format!("/clusters/{uid}"))));
}

#[tokio::test]
async fn a_wrong_token_is_named_and_a_right_one_taken_without_a_restart() {
    let (api, log) = (Api::start("uid-1").await, memory());
    api.lock().token = Some("right".into());
    let with = |token: &str| vec![ClusterConfig::of_server("one", &api.url, Some(Secret::new(token)))];
    let mut running = Running::start(log, with("wrong"));
    let status = running.until(|s| s.clusters.values().any(|c| !c.detail.is_empty())).await;
    assert!(status.clusters["one"].detail.contains("401"), "{status:?}");
    running.clusters.send(with("right")).unwrap();
    running.watching().await;
    running.stop().await.unwrap();
}

#[tokio::test]
async fn a_cluster_that_was_away_when_it_began_is_unproven_since_its_last_proof() {
    let (known, new, log) = (Api::start("uid-1").await, Api::start("uid-2").await, memory());
    known.lock().token = Some("right".into());
    new.lock().token = Some("right".into());
    let now = Micros::of(jiff::Timestamp::now());
    let position = Position {
        cluster: "uid-1".parse().unwrap(),
        cluster_name: "known".into(),
        epoch: Epoch(0),
        session: Uuid::now_v7(),
        start_resource_version: ResourceVersion(1),
        resource_version: ResourceVersion(1),
        from: now.plus(-2 * HOUR),
        until: now.plus(-HOUR),
    };
    let writer = log.writer(TopicPartition::new(Topic::KubeCoverage, 0), "before").await.unwrap();
    let fact = CoverageFact::Started(position).to_record_by("another", Uuid::now_v7(), now);
    writer.append(vec![fact]).await.unwrap();
    let with = |name: &str, api: &Api| ClusterConfig::of_server(name, &api.url, Some(Secret::new("wrong")));
    let mut running = Running::start(log, vec![with("known", &known), with("new", &new)]);
    running.until(|s| s.clusters.len() == 2 && s.clusters.values().all(|c| !c.detail.is_empty())).await;
    let unproven = |name: &str| running.figure(&format!("unproven_seconds{{cluster=\"{name}\"}}")).unwrap();
    assert!(unproven("known") >= 3600.0, "{}", unproven("known"));
    assert!((0.0..3600.0).contains(&unproven("new")), "{}", unproven("new"));
    running.stop().await.unwrap();
}

fn kubeconfig(folder: &Path, server: &str, command: &str) -> std::path::PathBuf {
    let script = folder.join("plugin.sh");
    std::fs::write(&script, format!("#!/bin/sh\n{command}\n")).expect("the temporary folder takes files");
    std::fs::set_permissions(&script, std::fs::Permissions::from_mode(0o755))
        .expect("the temporary folder takes files");
    let path = folder.join("kubeconfig");
    let text = format!(
        "apiVersion: v1\nkind: Config\ncurrent-context: lab\n\
         clusters: [{{name: c, cluster: {{server: '{server}'}}}}]\n\
         contexts: [{{name: lab, context: {{cluster: c, user: u}}}}]\n\
         users: [{{name: u, user: {{exec: {{apiVersion: client.authentication.k8s.io/v1, interactiveMode: Never, \
         command: '{}'}}}}}}]\n",
        script.display()
    );
    std::fs::write(&path, text).expect("the temporary folder takes files");
    path
}

#[tokio::test]
async fn an_exec_plugin_of_a_kubeconfig_gives_the_token() {
    let (api, log, folder) = (Api::start("uid-1").await, memory(), tempfile::tempdir().unwrap());
    api.lock().token = Some("from-plugin".into());
    let answer = r#"echo '{"apiVersion":"client.authentication.k8s.io/v1","kind":"ExecCredential","status":{"token":"from-plugin"}}'"#;
    let path = kubeconfig(folder.path(), &api.url, answer);
    let clusters = clusters_from_kubeconfig(&path, &[]).unwrap();
    assert_eq!(clusters[0].name, "lab");
    api.write("a", "");
    let running = Running::start(log.clone(), clusters);
    eventually(&*log, Topic::KubeEvent, |records| records.len() == 1).await;
    running.stop().await.unwrap();
}

#[tokio::test]
async fn a_failing_exec_plugin_and_unreadable_kubeconfigs_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = kubeconfig(folder.path(), "http://127.0.0.1:9", "exit 3");
    let mut running = Running::start(memory(), clusters_from_kubeconfig(&path, &["lab".into()]).unwrap());
    let status = running.until(|s| s.clusters.values().any(|c| !c.detail.is_empty())).await;
    assert!(status.clusters["lab"].detail.contains("exec plugin"), "{status:?}");
    running.stop().await.unwrap();

    let missing = clusters_from_kubeconfig(&path, &["prod".into()]).unwrap_err().to_string();
    assert!(missing.contains("\"prod\"") && missing.contains("it has lab"), "{missing}");
    std::fs::write(&path, "a: [").unwrap();
    assert!(matches!(clusters_from_kubeconfig(&path, &[]), Err(ConfigError::Kubeconfig { .. })));
    assert!(clusters_from_kubeconfig(&folder.path().join("none"), &[]).is_err());
}

#[tokio::test]
async fn the_cluster_file_is_followed_and_a_bad_one_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("clusters.yaml");
    let (clusters, mut seen) = watch::channel(Vec::new());
    let (reload, asked) = watch::channel(0);
    let stop = CancellationToken::new();
    std::fs::write(&path, "clusters: [{name: a, kubeconfig: kc}]").unwrap();
    let following = tokio::spawn(follow_file(path.clone(), clusters, asked, stop.clone()));
    reload.send_modify(|n| *n += 1);
    within(seen.wait_for(|clusters| clusters.len() == 1)).await.unwrap();
    assert_eq!(seen.borrow()[0].kubeconfig.as_deref(), Some(&*folder.path().join("kc")), "relative to the file");
    std::fs::write(&path, "clusters: [{name: a, kubeconfig: kc, typo: 1}]").unwrap();
    reload.send_modify(|n| *n += 1);
    tokio::task::yield_now().await;
    std::fs::write(&path, "clusters: [{name: a, kubeconfig: kc}, {name: b, server: 'https://h'}]").unwrap();
    reload.send_modify(|n| *n += 1);
    within(seen.wait_for(|clusters| clusters.len() == 2)).await.unwrap();
    stop.cancel();
    within(following).await.unwrap();
}

#[tokio::test]
async fn a_full_log_holds_the_position_and_nothing_is_dropped() {
    let (api, log) = (Api::start("uid-1").await, Full::new(memory(), Topic::KubeEvent));
    let mut running = Running::start(log.clone(), vec![named("one", &api)]);
    running.watching().await;
    log.set(true);
    let first = api.write("a", "");
    running.until(|s| s.log_trouble.is_some()).await;
    let beats = api.lock().heartbeats;
    api.write("b", "");
    running.until(|_| api.lock().heartbeats >= beats + 3).await;
    let claimed = facts(&*log).await.into_iter().filter_map(|fact| match fact {
        CoverageFact::Advanced(position) => Some(position.resource_version.0),
        _ => None,
    });
    assert!(claimed.max().is_none_or(|version| version < first), "no position beyond what the log has");
    log.set(false);
    let records = eventually(&*log, Topic::KubeEvent, |records| records.len() == 2).await;
    running.until(|s| s.log_trouble.is_none()).await;
    running.stop().await.unwrap();
    assert_eq!(states(&records).len(), 2);
    assert_eq!(api.lock().watched.len(), 1, "the watch was not given up");
}

/// A log whose disk has no room for a writer.
struct NoRoom(Arc<MemoryLog>);

#[async_trait]
impl Overlay for NoRoom {
    fn below(&self) -> &MemoryLog {
        &self.0
    }

    async fn writer(&self, _at: TopicPartition, _name: &str) -> Result<Arc<dyn Writer>, LogError> {
        Err(LogError::Full { path: "disk".into() })
    }
}

#[tokio::test]
async fn a_log_that_was_full_from_the_start_does_not_hold_up_the_end() {
    let mut running = Running::start(Arc::new(NoRoom(memory())), Vec::new());
    running.until(|s| s.log_trouble.is_some()).await;
    running.stop().await.unwrap();
}

#[tokio::test]
async fn a_newer_writer_ends_the_older_ingest() {
    let (api, log) = (Api::start("uid-1").await, memory());
    let mut older = Running::start(log.clone(), vec![named("one", &api)]);
    older.watching().await;
    let newer = Running::start(log.clone(), vec![named("one", &api)]);
    let error = older.ended().await.unwrap_err();
    assert!(matches!(error, IngestError::Append(LogError::Fenced { .. })), "{error:?}");
    newer.stop().await.unwrap();
}
