//! Messages folded to templates: how many of each, since when, one example, and whether it is new.

use beidou_schemas::{Epoch, Micros};
use clickhouse::Row;
use serde::Deserialize;
use uuid::Uuid;

use super::{
    Between, QueryError, Reader,
    events::{EventFilter, EventKey, matching},
    statement::Statement,
};

/// Which Events to fold.
#[derive(Debug, Clone)]
pub struct PatternsQuery {
    /// Which.
    pub filter: EventFilter,
    /// When.
    pub range: Between,
    /// Since when a template counts as seen before: not behind the begin of the range.
    pub known_since: Micros,
    /// At most so many templates.
    pub top: u64,
}

/// A template. Times are microseconds since 1970, UTC.
#[derive(Debug, Clone, PartialEq, Eq, Row, Deserialize)]
pub struct PatternRow {
    /// The template.
    pub template: String,
    /// States in the range.
    pub states: u64,
    /// Occurrences: the sum of their deltas.
    pub happened: u64,
    /// Different Events (uids).
    pub events: u64,
    /// Different clusters.
    pub clusters: u64,
    /// When the first state in the range happened.
    pub first_seen: i64,
    /// When the last one did.
    pub last_seen: i64,
    /// States between `known_since` and the range.
    pub earlier: u64,
    /// How many templates the range has.
    pub different: u64,
    newest_cluster: String,
    #[serde(with = "clickhouse::serde::uuid")]
    newest_event: Uuid,
    newest_epoch: u32,
    newest_version: u64,
}

impl PatternRow {
    /// The newest state of the template: its example.
    pub fn newest(&self) -> EventKey {
        EventKey {
            time: Micros(self.last_seen),
            cluster: self.newest_cluster.clone(),
            event: self.newest_event,
            epoch: Epoch(self.newest_epoch),
            resource_version: self.newest_version,
        }
    }
}

/// A state as an example of its template.
#[derive(Debug, Clone, PartialEq, Eq, Row, Deserialize)]
pub struct ExampleRow {
    /// The cluster.
    pub cluster_uid: String,
    /// The life of its etcd.
    pub epoch: u32,
    /// The Event object.
    #[serde(with = "clickhouse::serde::uuid")]
    pub event_uid: Uuid,
    /// The state of that object.
    pub resource_version: u64,
    /// When it happened, microseconds since 1970, UTC.
    pub time: i64,
    /// `Normal`, `Warning`.
    #[serde(rename = "type")]
    pub event_type: String,
    /// Machine-readable reason.
    pub reason: String,
    /// Of the involved object.
    pub kind: String,
    /// Empty for a cluster-scoped object.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// For people, at most 500 characters of it.
    pub text: String,
}

impl ExampleRow {
    /// The state.
    pub fn key(&self) -> EventKey {
        EventKey {
            time: Micros(self.time),
            cluster: self.cluster_uid.clone(),
            event: self.event_uid,
            epoch: Epoch(self.epoch),
            resource_version: self.resource_version,
        }
    }
}

impl Reader {
    /// The templates of the range, the most frequent first.
    ///
    /// # Errors
    /// When the store gives no answer.
    pub async fn patterns(&self, query: &PatternsQuery) -> Result<Vec<PatternRow>, QueryError> {
        self.all(patterns(query), query.top).await
    }

    /// The states with these keys, in any order; one that is not there any more is left out.
    ///
    /// # Errors
    /// When the store gives no answer.
    pub async fn examples(&self, keys: &[EventKey]) -> Result<Vec<ExampleRow>, QueryError> {
        if keys.is_empty() {
            return Ok(Vec::new());
        }
        let mut rows: Vec<ExampleRow> = self.all(examples(keys), MIXED * keys.len() as u64).await?;
        rows.retain(|row| keys.contains(&row.key()));
        Ok(rows)
    }
}

/// The lists of times, clusters, uids and versions also match states that mix them: almost never one, and cut here.
const MIXED: u64 = 4;

pub(super) fn patterns(query: &PatternsQuery) -> Statement {
    let seen = Between { from: query.known_since, until: query.range.until };
    let picked = Statement::new(
        "WITH picked AS
(
SELECT pattern, time, cluster_uid, event_uid, epoch, resource_version, occurrences_delta AS delta,
    time >= fromUnixTimestamp64Micro({begin:Int64}, 'UTC') AS inside
FROM kube_event",
    )
    .between(seen)
    .with("begin", query.range.from);
    matching(picked, &query.filter)
        .line(")")
        .line(
            "SELECT toString(pattern) AS template, countIf(inside) AS states, sumIf(delta, inside) AS happened,
    uniqExactIf(event_uid, inside) AS events, uniqExactIf(cluster_uid, inside) AS clusters,
    minIf(time, inside) AS first_seen, maxIf(time, inside) AS last_seen, countIf(NOT inside) AS earlier, count() OVER () AS different,
    (maxIf((time, toString(cluster_uid), event_uid, epoch, resource_version), inside) AS newest).2 AS newest_cluster,
    newest.3 AS newest_event, newest.4 AS newest_epoch, newest.5 AS newest_version
FROM picked
GROUP BY pattern
HAVING states > 0
ORDER BY states DESC, template",
        )
        .line("LIMIT {top:UInt64}")
        .with("top", query.top)
}

/// By time first: the column of times is small, and few granules hold the others.
pub(super) fn examples(keys: &[EventKey]) -> Statement {
    let times = keys.iter().map(|key| key.time);
    let (first, last) = (times.clone().min().unwrap_or_default(), times.max().unwrap_or_default());
    let uids: Vec<String> = keys.iter().map(|key| key.event.to_string()).collect();
    let clusters: Vec<String> = keys.iter().map(|key| key.cluster.clone()).collect();
    Statement::new(
        "SELECT cluster_uid, epoch, event_uid, resource_version, time, type, reason, kind, namespace, name, leftUTF8(message, 500) AS text
FROM kube_event",
    )
    .between(Between { from: first, until: last.plus(1) })
    .when("toUnixTimestamp64Micro(time) IN {times:Array(Int64)}")
    .with("times", keys.iter().map(|key| key.time).collect::<Vec<_>>())
    .when("cluster_uid IN {clusters:Array(String)}")
    .with("clusters", clusters.as_slice())
    .when("event_uid IN {uids:Array(UUID)}")
    .with("uids", uids.as_slice())
    .when("resource_version IN {versions:Array(UInt64)}")
    .with("versions", keys.iter().map(|key| key.resource_version).collect::<Vec<_>>())
    .line("ORDER BY time DESC, cluster_uid, event_uid, epoch, resource_version")
    .limit(MIXED * keys.len() as u64)
}
