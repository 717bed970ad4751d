//! Retention in the tables: which clusters have rows how old, the note that older ones are gone, and their removal.
//!
//! Rows go by a mutation, which writes the parts that hold them anew without them: counts and roll-ups are of the rows that
//! stay, and their space is free a few minutes later. A row that comes late for a removed day goes at the next call.

use std::time::Duration;

use beidou_schemas::{
    Micros,
    coverage::{CoverageState, Reason},
    kube_event::TimeFlags,
    time::{DAY, SECOND},
};
use clickhouse::{Row, query::Query};
use serde::Deserialize;

use crate::{Store, StoreError};

/// The rows of one cluster.
#[derive(Debug, Clone, PartialEq, Eq, Row, Deserialize)]
pub struct ClusterRows {
    /// The cluster.
    pub cluster_uid: String,
    /// Every name it had.
    pub names: Vec<String>,
    /// The hour of the oldest row, in seconds since 1970; without rows the hour that has begun.
    pub first_hour: i64,
    /// All rows.
    pub rows: u64,
}

impl ClusterRows {
    /// The hour of its oldest row.
    pub fn first(&self) -> Micros {
        Micros(self.first_hour.saturating_mul(SECOND))
    }
}

/// From the roll-up by the hour, which has a row for each cluster, namespace, kind, reason and type of an hour; and from the
/// coverage, for clusters without rows.
const CLUSTERS: &str = "SELECT cluster_uid, groupUniqArray(toString(cluster)) AS names, \
     toInt64(toUnixTimestamp(min(hour))) AS first_hour, sum(n) AS rows FROM (\
     SELECT cluster_uid, cluster, toStartOfHour(time) AS hour, count() AS n FROM kube_event \
     GROUP BY cluster_uid, cluster, hour \
     UNION ALL SELECT cluster_uid, cluster, toStartOfHour(now64(6, 'UTC')), 0 FROM kube_coverage GROUP BY cluster_uid, cluster\
     ) GROUP BY cluster_uid ORDER BY cluster_uid";

/// All clusters that have rows, or were watched.
///
/// # Errors
/// When the store gives no answer: retry.
pub async fn clusters(store: &Store) -> Result<Vec<ClusterRows>, StoreError> {
    let rows = store.reader()?.query_raw(CLUSTERS).fetch_all().await;
    rows.map_err(|source| StoreError::ClickHouse { act: "list the clusters with their rows", source })
}

/// The hour of the newest Event by the clock of its own cluster: where the time of observation stands in for an Event's own, it
/// says nothing. `None` without such a row.
///
/// # Errors
/// When the store gives no answer: retry.
pub async fn newest_hour(store: &Store) -> Result<Option<Micros>, StoreError> {
    const NOT_ITS_OWN: u8 = TimeFlags::NONE_GIVEN | TimeFlags::FUTURE | TimeFlags::PAST;
    let sql = format!(
        "SELECT toInt64(toUnixTimestamp(toStartOfHour(time))) FROM kube_event WHERE bitAnd(time_flags, {NOT_ITS_OWN}) = 0 \
         ORDER BY toStartOfHour(time) DESC LIMIT 1"
    );
    let found = store.reader()?.query_raw(&sql).fetch_optional::<i64>().await;
    let found = found.map_err(|source| StoreError::ClickHouse { act: "look for the newest Event", source })?;
    Ok(found.map(|seconds| Micros(seconds.saturating_mul(SECOND))))
}

/// The row's version is the cutoff's day: the latest one stands, also after retention was made longer.
const NOTE: &str = "INSERT INTO kube_coverage (cluster_uid, cluster, epoch, state, session, from_time, until_time, \
     start_resource_version, resource_version, reason, detail, deleted_frames, log_offset) \
     SELECT ?, ?, 0, ?, toUUID('00000000-0000-0000-0000-000000000000'), \
     fromUnixTimestamp64Micro(0, 'UTC'), fromUnixTimestamp64Micro(?, 'UTC'), 0, 0, ?, ?, 0, ?";

/// Notes in the coverage that a cluster's Events from before `cutoff` are gone. Call it [`NOTICE`] before any of them goes.
///
/// # Errors
/// When the store gives no answer: repeat it, a note that stands twice says no more than one.
pub async fn note_removed(store: &Store, uid: &str, name: &str, cutoff: Micros) -> Result<(), StoreError> {
    let detail = format!("Events from before {} were removed", cutoff.day_text());
    let note = || async {
        let note = store.writer()?.query(NOTE).bind(uid).bind(name).bind(CoverageState::Gap.name()).bind(cutoff.0);
        let note = note.bind(Reason::RemovedByRetention.name()).bind(&detail).bind(cutoff.0.div_euclid(DAY));
        note.execute().await.map_err(|source| StoreError::ClickHouse { act: "note what retention removes", source })
    };
    store.in_turn("kube_coverage", note).await
}

/// A note was read by everybody after so long: answers may tell a coverage that was read some seconds ago.
pub const NOTICE: Duration = Duration::from_secs(5);

/// Removes the rows of these clusters from before their cutoffs; returns when they are gone, and how many there were.
///
/// # Errors
/// When the store gives no answer: repeat it later. The removal may go on at the store all the same.
pub async fn remove(store: &Store, cutoffs: &[(String, Micros)]) -> Result<u64, StoreError> {
    let failed = |act| move |source| StoreError::ClickHouse { act, source };
    let client = store.writer()?;
    let condition = vec!["(cluster_uid = ? AND time < fromUnixTimestamp64Micro(?, 'UTC'))"; cutoffs.len()].join(" OR ");
    if cutoffs.is_empty() {
        return Ok(0);
    }
    let bound = |sql: String| cutoffs.iter().fold(client.query(&sql), bind);
    let rows = bound(format!("SELECT count() FROM kube_event WHERE {condition}")).fetch_one::<u64>().await;
    let rows = rows.map_err(failed("count rows that are to go"))?;
    if rows > 0 {
        let deletion = bound(format!("ALTER TABLE kube_event DELETE WHERE {condition}"));
        deletion
            .with_setting("mutations_sync", "1")
            .execute()
            .await
            .map_err(failed("remove rows whose time is over"))?;
    }
    Ok(rows)
}

fn bind(query: Query, (uid, cutoff): &(String, Micros)) -> Query {
    query.bind(uid).bind(cutoff.0)
}

/// Removals that the store has not finished, of an earlier call that was given up.
///
/// # Errors
/// When the store gives no answer: retry.
pub async fn unfinished(store: &Store) -> Result<u64, StoreError> {
    let sql = "SELECT count() FROM system.mutations WHERE database = currentDatabase() AND table = 'kube_event' AND NOT is_done";
    let found = store.writer()?.query_raw(sql).fetch_one().await;
    found.map_err(|source| StoreError::ClickHouse { act: "look for unfinished removals", source })
}
