//! From a write at the (simulated) API server until the HTTP API finds it, beside a steady thousand Events a second; and
//! what the API itself adds to the answers of its store.

use std::{
    path::Path,
    time::{Duration, Instant},
};

use anyhow::Context;
use beidou_simulator::{ApiServer, Clock, Feeder, Fleet, Ledger, Live, Oddity, ServerOptions, generate::EventStream};
use beidou_store::Store;
use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::{
    child::Child,
    project,
    questions::{Literals, TIMELINE, of, percentile},
    report::Report,
};

const SEED: u64 = 3;
/// New states per second.
const RATE: f64 = 1000.0;
/// So often the API is asked: enough that ten answers are slower than the 99th percentile.
const QUESTIONS: usize = 1000;
/// Marks that are looked for.
const MARKS: usize = 200;
/// Between two marks: none meets the same beat of a cut again and again.
const APART: Duration = Duration::from_millis(73);
/// Between two looks: far below what is measured.
const LOOK_EVERY: Duration = Duration::from_millis(2);
/// Nothing here may take longer.
const LIMIT: Duration = Duration::from_secs(60);

/// A running `beidou up`.
struct Up {
    _child: Child,
    url: String,
    token: String,
    http: reqwest::Client,
}

impl Up {
    async fn start(folder: &Path, server: &ApiServer, site: Value) -> anyhow::Result<Self> {
        let port = std::net::TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let listen = format!("127.0.0.1:{port}");
        let child = Child::with(&["up", "--listen", &listen], folder, std::slice::from_ref(server), site)?;
        let (url, http) = (format!("http://{listen}"), reqwest::Client::new());
        let mut up = Self { _child: child, url, token: String::new(), http };
        let begun = Instant::now();
        while up.get("/readyz").await.ok() != Some(StatusCode::OK) {
            anyhow::ensure!(begun.elapsed() < LIMIT, "beidou up is not ready after {} s", LIMIT.as_secs());
            tokio::time::sleep(LOOK_EVERY * 50).await;
        }
        up.token = std::fs::read_to_string(folder.join("data/token"))?.trim().to_owned();
        Ok(up)
    }

    async fn get(&self, path: &str) -> anyhow::Result<StatusCode> {
        let answer = self.http.get(format!("{}{path}", self.url)).bearer_auth(&self.token).send().await?;
        let status = answer.status();
        answer.bytes().await?;
        Ok(status)
    }
}

/// Measures how soon what is written is found.
pub async fn measure(report: &mut Report) -> anyhow::Result<()> {
    let Found { p50, p99, beside } = found(json!({})).await?;
    report.row("written at the API server → found by the API, p50 / p99", format!("{p50:.0} / {p99:.0} ms"), beside);
    Ok(())
}

/// How soon, in milliseconds, and among what.
pub struct Found {
    pub p50: f64,
    pub p99: f64,
    pub beside: String,
}

/// Looks how soon a site with these sections of the configuration finds what is written.
pub async fn found(site: Value) -> anyhow::Result<Found> {
    let folder = tempfile::tempdir()?;
    let cluster = Fleet::new(SEED, 1, 100).clusters.remove(0);
    let server = ApiServer::start(ServerOptions::new(cluster.clone(), Ledger::default())).await?;
    let up = Up::start(folder.path(), &server, site).await?;
    let stream = EventStream::new(SEED, cluster.clone(), Clock::Real.now_us(), RATE, i64::MAX);
    let live = Live::start(Feeder::new(server.clone(), Clock::Real, stream), RATE);
    let mut times = Vec::new();
    // The first tenth warms up.
    for place in 0..MARKS + MARKS / 10 {
        tokio::time::sleep(APART).await;
        let begun = Instant::now();
        let (uid, _) = server.faults().commit_odd(Oddity::OddText);
        let path = format!("/api/v1/events/{}/{uid}", cluster.uid);
        while up.get(&path).await? != StatusCode::OK {
            anyhow::ensure!(begun.elapsed() < LIMIT, "a mark is not found after {} s", LIMIT.as_secs());
            tokio::time::sleep(LOOK_EVERY).await;
        }
        if place >= MARKS / 10 {
            times.push(begun.elapsed());
        }
    }
    let beside = format!("{MARKS} marks among {RATE} Events/s, {} in all; must 2 s, aim 300 ms", live.reported());
    Ok(Found { p50: percentile(&mut times, 50)?, p99: percentile(&mut times, 99)?, beside })
}

/// Measures what the API adds to a timeline: the time until its answer is here, less the wait for the store that the answer
/// itself tells.
pub async fn overhead(url: &str, data: &Path, report: &mut Report) -> anyhow::Result<()> {
    let store = Store::embedded(data);
    let literals = Literals::of(&store).await?;
    // Both would wait for a core beside the merges of a load.
    project::merged(&store).await?;
    let token = std::fs::read_to_string(data.join("token"))?.trim().to_owned();
    let http = reqwest::Client::new();
    let (mut whole, mut added) = (Vec::new(), Vec::new());
    for place in 0..QUESTIONS {
        let (cluster, kind, namespace, name) = of(&literals.objects, place)?;
        let part = if namespace.is_empty() { "_" } else { namespace };
        let path = format!("{url}/api/v1/objects/{cluster}/{kind}/{part}/{name}/timeline?from=-7d&limit={TIMELINE}");
        let begun = Instant::now();
        let answer = http.get(&path).bearer_auth(&token).send().await?.error_for_status()?;
        let store = waited(&answer)?;
        answer.bytes().await?;
        let took = begun.elapsed();
        whole.push(took);
        added.push(took.saturating_sub(store));
    }
    let [a50, a99] = [percentile(&mut added, 50)?, percentile(&mut added, 99)?];
    let [w50, w99] = [percentile(&mut whole, 50)?, percentile(&mut whole, 99)?];
    let beside = format!("a timeline until it is here {w50:.1} / {w99:.1} ms, less its wait for the store; must 3 ms");
    report.row("what the API adds (coverage among it), p50 / p99", format!("{a50:.1} / {a99:.1} ms"), beside);
    Ok(())
}

/// The wait for the store that an answer tells.
fn waited(answer: &reqwest::Response) -> anyhow::Result<Duration> {
    let told = answer.headers().get("server-timing").context("no header server-timing")?.to_str()?;
    let millis = told.split(", ").find_map(|part| part.strip_prefix("store;dur=")).context("it tells no store")?;
    Ok(Duration::from_secs_f64(millis.parse::<f64>()? / 1e3))
}
