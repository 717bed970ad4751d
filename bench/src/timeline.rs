//! The timeline of an object: the question of an incident, asked for many objects.

use std::time::{Duration, Instant};

use anyhow::Context;
use beidou_schemas::Micros;
use beidou_store::{
    Store,
    query::{
        Between, Bounds, Caller, Reader,
        timeline::{Object, TimelineQuery},
    },
};

use crate::report::Report;

/// Enough for a p99 that does not hang on one hiccup.
const OBJECTS: u64 = 500;

/// Measures all queries twice over different objects, so that no cache answers.
pub async fn measure(store: &Store, report: &mut Report) -> anyhow::Result<()> {
    let sql = format!(
        "SELECT cluster_uid, kind, namespace, name FROM kube_event GROUP BY ALL ORDER BY cityHash64(name), name LIMIT {OBJECTS}"
    );
    let objects: Vec<(String, String, String, String)> = store.reader()?.query(&sql).fetch_all().await?;
    let caller = Caller { request_id: "bench".into(), subject: "bench".into() };
    let bounds = Bounds { time: Duration::from_secs(10), memory_bytes: 1 << 30 };
    let reader = Reader::new(store.clone(), caller, bounds);
    let (mut asked, mut floor, mut rows) = (Vec::new(), Vec::new(), 0);
    for (cluster, kind, namespace, name) in objects {
        let object = Object { clusters: vec![cluster], kind, namespace, name };
        let range = Between { from: Micros(0), until: Micros(i64::MAX / 2) };
        let query = TimelineQuery { object, line: None, range, after: None, limit: 1000, most_bytes: 1 << 20 };
        let begun = Instant::now();
        rows += reader.timeline(&query).await?.rows.len();
        asked.push(begun.elapsed());
        let begun = Instant::now();
        reader.ping().await?;
        floor.push(begun.elapsed());
    }
    let count = asked.len().max(1);
    let (p50, p99) = (percentile(&mut asked, 50)?, percentile(&mut asked, 99)?);
    let (least, beside) = (percentile(&mut floor, 50)?, percentile(&mut floor, 99)?);
    report.row(
        "timeline of an object, p50 / p99",
        format!("{p50:.1} / {p99:.1} ms"),
        format!("SELECT 1: {least:.1} / {beside:.1} ms; {count} objects, {} rows each on average", rows / count),
    );
    Ok(())
}

/// In milliseconds.
fn percentile(times: &mut [Duration], share: usize) -> anyhow::Result<f64> {
    times.sort_unstable();
    let at = (times.len() * share).div_ceil(100).saturating_sub(1);
    Ok(times.get(at).context("something was measured")?.as_secs_f64() * 1e3)
}
