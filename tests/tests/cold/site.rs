//! A site with six days of Events of two clusters: projector, engine, archive in a folder, and the API before them.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use beidou_log::{Log, memory::MemoryLog};
use beidou_model::retention::Retention;
use beidou_projector::{
    maintenance::{Asking, Outcome, Wish},
    retention::enforce,
};
use beidou_query_api::{QueryApiConfig, TokenConfig, bind, serve};
use beidou_schemas::{
    Epoch, Identity, Micros, Record, ResourceVersion, Topic, TopicPartition,
    envelope::{EventEnvelope, FoundBy},
    time::{DAY, SECOND},
    topic::partition_of,
};
use beidou_service::{CancellationToken, Metrics, Readiness};
use beidou_store::{
    Store,
    archive::{Archive, FileWriter, GroupLimit},
};
use serde_json::{Value, json};
use tempfile::TempDir;
use uuid::Uuid;

use crate::{
    server,
    support::{Engine, PARTITIONS, Running, append, ask, kept, log, number},
};

/// 2026-11-23T12:00:00Z: what "now" is for retention.
pub const NOW: Micros = Micros(1_795_435_200_000_000);
pub const CLUSTERS: [&str; 2] = ["0f8fad5b-d9cb-469f-a165-70867728950e", "1f8fad5b-d9cb-469f-a165-70867728950e"];
pub const NAMES: [&str; 2] = ["cold,1", "cold-2"];
/// So many days the Events span, today among them.
const DAYS: u64 = 6;
const STATES: u64 = 240;
const TOKEN: &str = "a-token-for-tests-1";

/// For ever in the archive, so many days in the tables.
pub fn keeping(days: u32) -> Retention {
    Retention { in_tables: days, ..Retention::default() }
}

/// A state with this version on a day before or behind today; some stand at the very edges of their day.
pub fn state(number: u64, version: u64, day: i64) -> Value {
    let midnight = NOW.0.div_euclid(DAY) * DAY + day * DAY;
    let in_day = match number % 7 {
        0 => 0,
        1 => DAY - 1,
        _ => (number as i64 * 7919 * SECOND + 250_000) % DAY,
    };
    // Of today only what has been.
    let time = Micros(midnight + if day == 0 { in_day % (DAY / 2) } else { in_day }).micros_text();
    let reason = ["BackOff", "Pulled", "Failed", "Évincé"][number as usize % 4];
    let uid = Uuid::from_u128(1 + u128::from(number / 3)).to_string();
    json!({
        "kind": "Event", "apiVersion": "v1",
        "metadata": {"name": format!("e-{number}"), "namespace": "recsys", "uid": uid,
            "resourceVersion": version.to_string(), "creationTimestamp": "2026-11-18T00:00:00Z"},
        "involvedObject": {"kind": if number.is_multiple_of(5) { "Node" } else { "Pod" }, "namespace": "recsys",
            "name": format!("pod-{}", number % 11), "uid": Uuid::from_u128(77).to_string(), "apiVersion": "v1"},
        "reason": reason, "message": format!("Image \"über/ranker:2.{}\"\n\n? it's {{gone}} {number}", number % 9),
        "source": {"component": "kubelet", "host": format!("node-{}", number % 4)},
        "firstTimestamp": "2026-11-18T00:00:00Z", "lastTimestamp": time, "count": 1 + number % 3,
        "type": if number.is_multiple_of(2) { "Warning" } else { "Normal" },
        "series": null, "eventTime": null, "reportingComponent": "", "reportingInstance": "",
        "extra": {"unknown": [1, 2, number]}
    })
}

fn record(value: &Value) -> (TopicPartition, Record) {
    let text = |name: &str| value["metadata"][name].as_str().unwrap().to_owned();
    let version: u64 = text("resourceVersion").parse().unwrap();
    let cluster = (version % 2) as usize;
    let identity = Identity {
        cluster: CLUSTERS[cluster].parse().unwrap(),
        epoch: Epoch(1),
        event: text("uid").parse().unwrap(),
        resource_version: ResourceVersion(version),
    };
    let partition = partition_of(&identity.cluster, &identity.event, PARTITIONS);
    let envelope = EventEnvelope {
        identity,
        // A comma parts nothing but itself.
        cluster_name: NAMES[cluster].into(),
        observed: NOW,
        found_by: if version.is_multiple_of(3) { FoundBy::List } else { FoundBy::Watch },
    };
    let json = serde_json::to_vec(value).unwrap();
    (TopicPartition::new(Topic::KubeEvent, partition), envelope.wrap(json.into()))
}

struct Api {
    url: String,
    stop: CancellationToken,
}

pub struct Site {
    pub store: Store,
    pub archive: Archive,
    /// How many there must be.
    pub states: u64,
    api: Api,
    log: Arc<MemoryLog>,
    projector: Running,
    asking: Asking,
    exports: PathBuf,
    _engine: Engine,
    _folder: TempDir,
}

impl Site {
    /// All in table and archive, half of it in files of days.
    pub async fn filled() -> Self {
        let folder = tempfile::tempdir().unwrap();
        // A quote in the path ends no text of a statement.
        let archive = Archive::folder(&folder.path().join("the archive's")).unwrap();
        Self::with(folder, archive, Store::embedded).await
    }

    /// The same with this archive.
    pub async fn on(archive: Archive) -> Self {
        Self::with(tempfile::tempdir().unwrap(), archive, Store::embedded).await
    }

    /// The same with this archive, whose bucket at this URL the store reads by itself.
    pub async fn on_server(archive: Archive, url: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        server::prepare(folder.path(), url);
        Self::with(folder, archive, server::store).await
    }

    async fn with(folder: TempDir, archive: Archive, store_in: fn(&Path) -> Store) -> Self {
        let engine = Engine::start(folder.path()).await;
        let (log, store) = (log(), store_in(folder.path()));
        let config = kept::config(&archive, 30, Duration::from_millis(50));
        let (projector, asking) = Running::maintained(config, &log, &store);
        let exports = folder.path().join("exports");
        let api = start(config_of(&exports, 1000), &log, &store, &archive).await;
        let mut site =
            Self { store, archive, states: 0, api, log, projector, asking, exports, _engine: engine, _folder: folder };
        let all: Vec<_> = (0..STATES).map(|n| state(n, n + 1, (n / 2 % DAYS) as i64 - DAYS as i64 + 1)).collect();
        let (first, second) = all.split_at(all.len() / 2);
        site.append(first).await;
        let compaction = beidou_store::archive::Compaction::new(NOW.plus(DAY), NOW);
        site.archive.compact(&compaction).await.unwrap();
        site.append(second).await;
        site
    }

    /// New states, in table and archive.
    pub async fn append(&mut self, states: &[Value]) {
        for partition in 0..PARTITIONS {
            let at = TopicPartition::new(Topic::KubeEvent, partition);
            let records: Vec<_> = states.iter().map(record).filter(|(of, _)| *of == at).map(|(_, r)| r).collect();
            for batch in records.chunks(100) {
                append(&self.log, at, batch.to_vec()).await;
            }
        }
        self.states += states.len() as u64;
        kept::all_archived(&mut self.projector, &self.log).await;
    }

    /// Enforces retention now; how many rows have left the table for the archive alone.
    pub async fn enforce(&mut self, kept: &Retention) -> u64 {
        enforce(kept, &self.store, Some(&self.archive), NOW).await.unwrap().unwrap().cooled
    }

    pub async fn ask(&mut self, wish: Wish) -> Outcome {
        ask(&mut self.asking, wish).await
    }

    pub async fn in_table(&self) -> u64 {
        number(&self.store, "SELECT count() FROM kube_event").await
    }

    pub async fn in_table_before(&self, moment: Micros) -> u64 {
        let sql = format!("SELECT count() FROM kube_event WHERE toUnixTimestamp64Micro(time) < {}", moment.0);
        number(&self.store, &sql).await
    }

    /// The file of a cluster's day.
    pub async fn day_file(&self, cluster: &str, day: Micros) -> PathBuf {
        let days = self.archive.catalogue().await.unwrap().days;
        let entry = days.values().find(|entry| entry.cluster_uid == cluster && entry.dt == day.day_text()).unwrap();
        self.archive.root().unwrap().join(&entry.path)
    }

    /// Flips a byte in the middle of a file.
    pub fn flip(&self, path: &Path) {
        let mut content = std::fs::read(path).unwrap();
        let middle = content.len() / 2;
        content[middle] ^= 1;
        std::fs::write(path, content).unwrap();
    }

    /// Fills every file of a day with rows of one of them, again and again: a question to them takes its time.
    pub async fn swell(&self, times: usize) {
        let days = self.archive.catalogue().await.unwrap().days;
        let opened = self.archive.open(days.keys().next().unwrap()).await.unwrap();
        let rows: Vec<_> = opened.batches().unwrap().map(Result::unwrap).collect();
        let mut file = FileWriter::in_memory(rows[0].schema_ref(), GroupLimit::RANGE).unwrap();
        for batch in std::iter::repeat_n(&rows, times).flatten() {
            file.add(batch).unwrap();
        }
        let content = file.finish().unwrap().content;
        for path in days.keys() {
            std::fs::write(self.archive.root().unwrap().join(path), &content).unwrap();
        }
    }

    /// The API with fewer files of the archive for a question.
    pub async fn limit(&mut self, files: u32) {
        self.api.stop.cancel();
        self.api = start(config_of(&self.exports, files), &self.log, &self.store, &self.archive).await;
    }

    /// The API as it begins: it knows nothing of before.
    pub async fn api_again(&mut self) {
        self.limit(1000).await;
    }

    /// The API with room for copies of so many bytes.
    pub async fn copies(&mut self, bytes: u64) {
        self.api.stop.cancel();
        let config = QueryApiConfig { archive_copies_bytes: bytes, ..config_of(&self.exports, 1000) };
        self.api = start(config, &self.log, &self.store, &self.archive).await;
    }

    /// Removes all copies.
    pub fn forget_copies(&self) {
        std::fs::remove_dir_all(copies_of(&self.exports)).unwrap();
    }

    /// How many copies of files there are, and their bytes.
    pub fn copied(&self) -> (u64, u64) {
        let mut found = (0, 0);
        let mut folders = vec![copies_of(&self.exports)];
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).into_iter().flatten() {
                let (path, about) = (entry.as_ref().unwrap().path(), entry.as_ref().unwrap().metadata().unwrap());
                match about.is_dir() {
                    true => folders.push(path),
                    false => found = (found.0 + 1, found.1 + about.len()),
                }
            }
        }
        found
    }

    /// A range with everything.
    pub fn all(&self) -> String {
        "from=2026-11-01T00:00:00Z&to=2026-11-24T00:00:00Z".into()
    }

    pub async fn try_get(&self, path: &str) -> (u16, Value) {
        let answer = client().get(format!("{}{path}", self.api.url)).bearer_auth(TOKEN).send().await.unwrap();
        let (status, text) = (answer.status().as_u16(), answer.text().await.unwrap());
        (status, serde_json::from_str(&text).unwrap_or_else(|error| panic!("{path}: {error}: {text}")))
    }

    pub async fn get(&self, path: &str) -> Value {
        let (status, answer) = self.try_get(path).await;
        assert_eq!(status, 200, "{path}: {answer}");
        answer
    }

    /// The question that runs; null where none does.
    pub async fn running(&self) -> Value {
        self.get("/api/v1/running").await["items"][0].clone()
    }

    /// Stops it.
    pub async fn cancel(&self, id: &str) -> Value {
        let stopped = client().delete(format!("{}/api/v1/running/{id}", self.api.url)).bearer_auth(TOKEN);
        serde_json::from_str(&stopped.send().await.unwrap().text().await.unwrap()).unwrap()
    }

    /// How many statements over table and archive the engine works on.
    pub async fn statements(&self) -> u64 {
        let sql =
            "SELECT count() FROM system.processes WHERE query LIKE '%kube_event_all%' AND query NOT LIKE '%processes%'";
        number(&self.store, sql).await
    }

    /// The lines of an export, sorted.
    pub async fn export(&self, query: &str) -> (Vec<String>, Value) {
        let made = client().post(format!("{}/api/v1/exports?{query}", self.api.url)).bearer_auth(TOKEN);
        let made = made.json(&json!({"format": "ndjson"})).send().await.unwrap();
        let made: Value = serde_json::from_str(&made.text().await.unwrap()).unwrap();
        let path = format!("/api/v1/exports/{}", made["id"].as_str().unwrap());
        let mut seen = Value::Null;
        crate::support::wait_until("the end of an export", async || {
            seen = self.get(&path).await;
            seen["state"] != "running"
        })
        .await;
        assert_eq!(seen["state"], "done", "{seen}");
        let file = client().get(format!("{}{path}/file", self.api.url)).bearer_auth(TOKEN).send().await.unwrap();
        let mut lines: Vec<String> = file.text().await.unwrap().lines().map(str::to_owned).collect();
        lines.sort_unstable();
        (lines, seen)
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        self.api.stop.cancel();
    }
}

fn client() -> reqwest::Client {
    // Fails only where another test of this process has done it before.
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::builder().no_proxy().build().unwrap()
}

fn copies_of(exports: &Path) -> PathBuf {
    exports.with_file_name("copies")
}

fn config_of(exports: &Path, archive_files: u32) -> QueryApiConfig {
    let token = TokenConfig { subject: "tester".into(), token: Some(TOKEN.into()), ..TokenConfig::default() };
    QueryApiConfig {
        listen: ([127, 0, 0, 1], 0).into(),
        tokens: vec![token],
        coverage_age_ms: 0,
        // A question that a test cancels is not ended before, however late a starved machine comes to look at it.
        query_time_limit_seconds: 600,
        archive_files,
        exports_folder: Some(exports.into()),
        archive_copies_folder: Some(copies_of(exports)),
        ..QueryApiConfig::default()
    }
}

async fn start(config: QueryApiConfig, log: &Arc<MemoryLog>, store: &Store, archive: &Archive) -> Api {
    let bound = bind(config).await.unwrap().with_archive(Some(archive.clone()));
    let (url, stop) = (bound.url(), CancellationToken::new());
    let log: Arc<dyn Log> = log.clone();
    tokio::spawn(serve(bound, log, store.clone(), Metrics::default(), Readiness::default(), stop.clone()));
    Api { url, stop }
}

/// Maps are compared by their text.
pub type Texts = BTreeMap<String, Value>;
