//! OpenSearch beside ours: the same Events, the same four questions, the same machine, one after the other.
//!
//! ```text
//!  history ─► our log ─► projector (with the archive) ─► table ─► questions
//!     └─────► _bulk, two clients ─► index, merged to one segment ─► the same questions
//! ```
//!
//! The peer gets what its manuals recommend for logs: one shard, no replica, explicit fields, a refresh every 30 s, bulks of
//! 5,000, ids of its own; its stronger codec, and a final merge. It keeps the documents as they come; ours drops what
//! was seen before, computes deltas, and keeps a log, a table and an archive.

use std::{
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use anyhow::Context;
use beidou_simulator::{HistoryOptions, history};
use reqwest::{Client, Method};
use serde_json::{Value, json};

use crate::{
    questions::{Literals, NAMES, PAGE, TIMELINE, TOP, Timed, of, timed},
    report::{Report, grouped},
    usage::cpu_of,
};

const INDEX: &str = "events";
/// Documents of one bulk.
const BULK: usize = 5_000;
/// Bulks that are prepared before they are sent: making them is not measured.
const ROUND: usize = 20;
/// As much as the engine may take beside its caches.
const HEAP: &str = "2g";
const LIMIT: Duration = Duration::from_secs(180);

/// A node, ended when dropped.
pub struct OpenSearch {
    child: Child,
    url: String,
    http: Client,
}

impl Drop for OpenSearch {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ended = self.child.kill();
        let _status = self.child.wait();
    }
}

impl OpenSearch {
    /// Installs and starts a node with its data in `folder`.
    pub async fn start(folder: &Path) -> anyhow::Result<Self> {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("opensearch/install");
        let installed = Command::new(&script).stderr(Stdio::inherit()).output()?;
        anyhow::ensure!(installed.status.success(), "OpenSearch cannot be installed");
        let place = PathBuf::from(String::from_utf8(installed.stdout)?.trim());
        std::fs::create_dir_all(folder.join("config"))?;
        std::fs::write(folder.join("config/opensearch.yml"), "")?;
        let port = std::net::TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let child = Command::new("java")
            .args([&format!("-Xms{HEAP}"), &format!("-Xmx{HEAP}"), "-XX:+UseG1GC", "-Dlog4j2.disableJmx=true"])
            .arg(format!("-Dopensearch.path.conf={}", folder.join("config").display()))
            .args(["-cp", &format!("{0}/classes:{0}/libs/*", place.display()), "Node"])
            .arg(folder)
            .arg(port.to_string())
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .spawn()
            .context("cannot start java")?;
        let mut node = Self { child, url: format!("http://127.0.0.1:{port}"), http: Client::new() };
        let begun = Instant::now();
        while node.call(Method::GET, "_cluster/health", None).await.is_err() {
            anyhow::ensure!(node.child.try_wait()?.is_none(), "OpenSearch ended: the lines above say why");
            anyhow::ensure!(begun.elapsed() < LIMIT, "OpenSearch is not ready after {} s", LIMIT.as_secs());
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
        Ok(node)
    }

    async fn call(&self, method: Method, path: &str, body: Option<Value>) -> anyhow::Result<Value> {
        let request = self.http.request(method, format!("{}/{path}", self.url));
        let request = match body {
            Some(body) => request.json(&body),
            None => request,
        };
        let answer = request.send().await?;
        let (status, answer) = (answer.status(), answer.json::<Value>().await?);
        anyhow::ensure!(status.is_success(), "{path}: {status} {answer}");
        Ok(answer)
    }

    async fn bulk(&self, body: String) -> anyhow::Result<()> {
        let request = self.http.post(format!("{}/{INDEX}/_bulk?filter_path=errors", self.url));
        let answer: Value =
            request.header("content-type", "application/x-ndjson").body(body).send().await?.json().await?;
        anyhow::ensure!(answer["errors"] == false, "a bulk was refused: {answer}");
        Ok(())
    }

    /// Indexes a history, and merges it; rows for rate and size.
    pub async fn load(&self, states: u64, now: i64, report: &mut Report) -> anyhow::Result<()> {
        let settings = json!({"number_of_shards": 1, "number_of_replicas": 0, "refresh_interval": "30s", "codec": "best_compression"});
        self.call(Method::PUT, INDEX, Some(json!({"settings": settings, "mappings": mapping()}))).await?;
        let (mut cpu, mut wall, mut count) = (0.0, 0.0, 0_u64);
        let mut rest = documents(states, now);
        loop {
            let mut bulks: Vec<_> =
                std::iter::from_fn(|| bulk(&mut rest).transpose()).take(ROUND).collect::<Result<_, _>>()?;
            if bulks.is_empty() {
                break;
            }
            count += bulks.iter().map(|(documents, _)| documents).sum::<u64>();
            let second = bulks.split_off(bulks.len() / 2);
            let send = async |bulks: Vec<(u64, String)>| {
                for (_, body) in bulks {
                    self.bulk(body).await?;
                }
                anyhow::Ok(())
            };
            let (begun, used) = (Instant::now(), cpu_of(self.child.id())?);
            tokio::try_join!(send(bulks), send(second))?;
            cpu += cpu_of(self.child.id())? - used;
            wall += begun.elapsed().as_secs_f64();
        }
        let used = cpu_of(self.child.id())?;
        self.call(Method::POST, &format!("{INDEX}/_forcemerge?max_num_segments=1"), None).await?;
        self.call(Method::POST, &format!("{INDEX}/_flush"), None).await?;
        self.call(Method::POST, &format!("{INDEX}/_refresh"), None).await?;
        let merge = cpu_of(self.child.id())? - used;
        let stats = self.call(Method::GET, &format!("{INDEX}/_stats/store,docs"), None).await?;
        let size = stats["_all"]["primaries"]["store"]["size_in_bytes"].as_u64().context("a size")?;
        let beside = format!("{cpu:.1} CPU-s and {merge:.1} of the last merge, {wall:.1} s wall");
        report.row("OpenSearch: JSON → indexed, Events/s per core", grouped(count as f64 / (cpu + merge)), beside);
        let each = format!("{:.1}", size as f64 / count as f64);
        report.row("OpenSearch: bytes per Event", each, "best_compression, one segment".into());
        Ok(())
    }

    /// The four questions; caches of requests off.
    pub async fn ask(&self, literals: &Literals) -> anyhow::Result<[Timed; 4]> {
        let search = async |body: Value| {
            let answer = self.call(Method::POST, &format!("{INDEX}/_search?request_cache=false"), Some(body)).await?;
            Ok(answer["hits"]["total"]["value"].as_u64().unwrap_or_default() as usize)
        };
        let newest = json!([{"@timestamp": "desc"}]);
        let pid = self.child.id();
        let timeline = timed(pid, async |place| {
            let (cluster, kind, namespace, name) = of(&literals.objects, place)?;
            let mut filter = vec![
                json!({"term": {"cluster": cluster}}),
                json!({"term": {"involvedObject.kind": kind}}),
                json!({"term": {"involvedObject.name": name}}),
            ];
            if !namespace.is_empty() {
                filter.push(json!({"term": {"involvedObject.namespace": namespace}}));
            }
            search(json!({"size": TIMELINE, "sort": newest, "query": {"bool": {"filter": filter}}})).await
        });
        let timeline = timeline.await?;
        let warnings = timed(pid, async |place| {
            let filter = [json!({"term": {"type": "Warning"}}), time(literals.quarter(place))];
            search(json!({"size": PAGE, "sort": newest, "query": {"bool": {"filter": filter}}})).await
        });
        let warnings = warnings.await?;
        let sums = timed(pid, async |place| {
            let top = |field: &str| json!({"terms": {"field": field, "size": TOP}});
            let facets = json!({
                "hours": {"date_histogram": {"field": "@timestamp", "fixed_interval": "1h"}, "aggs": {"type": top("type")}},
                "cluster": top("cluster"), "namespace": top("involvedObject.namespace"), "kind": top("involvedObject.kind"),
                "reason": top("reason"), "type": top("type"),
            });
            let filter = [time(literals.day(place))];
            search(json!({"size": 0, "track_total_hits": true, "query": {"bool": {"filter": filter}}, "aggs": facets}))
                .await
        });
        let sums = sums.await?;
        let words = timed(pid, async |place| {
            let word = of(&literals.words, place)?;
            search(json!({"size": PAGE, "sort": newest, "query": {"bool": {"filter": [{"match": {"message": word}}]}}}))
                .await
        });
        Ok([timeline, warnings, sums, words.await?])
    }
}

/// Both answers in one row for each question.
pub fn compare(ours: &[Timed; 4], theirs: &[Timed; 4], report: &mut Report) {
    for ((name, our), their) in NAMES.into_iter().zip(ours).zip(theirs) {
        let show = |timed: &Timed| {
            let Timed { p50, p99, cpu, rows } = timed;
            format!("{p50:.1} / {p99:.1} ms, {cpu:.1} CPU-ms, {rows} rows")
        };
        report.row(&format!("{name}: ours"), show(our), format!("OpenSearch: {}", show(their)));
    }
}

fn time(range: beidou_store::query::Between) -> Value {
    let millis = |micros: i64| micros.div_euclid(1000);
    let (from, until) = (millis(range.from.0), millis(range.until.0));
    json!({"range": {"@timestamp": {"gte": from, "lt": until, "format": "epoch_millis"}}})
}

fn mapping() -> Value {
    let (word, time) = (json!({"type": "keyword", "ignore_above": 1024}), json!({"type": "date"}));
    let all = |names: &[&str]| {
        let fields: serde_json::Map<String, Value> =
            names.iter().map(|name| ((*name).to_owned(), word.clone())).collect();
        json!({ "properties": fields })
    };
    let object = all(&["kind", "namespace", "name", "uid", "apiVersion", "resourceVersion", "fieldPath"]);
    json!({"dynamic": false, "properties": {
        "cluster": word, "@timestamp": {"type": "date", "format": "epoch_millis"}, "reason": word, "type": word, "action": word,
        "message": {"type": "text"}, "count": {"type": "integer"}, "firstTimestamp": time, "lastTimestamp": time,
        "reportingComponent": word, "reportingInstance": word, "involvedObject": object,
        "metadata": all(&["name", "namespace", "uid", "resourceVersion"]), "source": all(&["component", "host"]),
    }})
}

/// The same history that ours has, each Event with its cluster and time.
fn documents(states: u64, now: i64) -> impl Iterator<Item = anyhow::Result<String>> {
    let wanted = HistoryOptions { states, ..HistoryOptions::demo(1, now) };
    history(&wanted).into_iter().flat_map(|cluster| {
        let uid = cluster.cluster().uid.to_string();
        cluster.map(move |state| {
            let mut document: Value = serde_json::from_slice(&state.json)?;
            document["cluster"] = json!(uid);
            document["@timestamp"] = json!(state.time_us.div_euclid(1000));
            Ok(document.to_string())
        })
    })
}

fn bulk(documents: &mut impl Iterator<Item = anyhow::Result<String>>) -> anyhow::Result<Option<(u64, String)>> {
    let (mut body, mut count) = (String::new(), 0);
    for document in documents.by_ref().take(BULK) {
        body.push_str("{\"create\":{}}\n");
        body.push_str(&document?);
        body.push('\n');
        count += 1;
    }
    Ok((count > 0).then_some((count, body)))
}
