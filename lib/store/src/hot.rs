//! Where the table of Events ends and the archive alone goes on: a moment for each cluster, and how rows leave the table.
//!
//! ```text
//!  rows before the cutoff ─► by day: rows and hash, as the archive's files of that day ─► bound noted ─► rows removed
//! ```
//!
//! Only rows whose place in the log the archive's files of days cover go. What comes late for such a day stays until a
//! compaction has taken it in; whoever reads both takes it from the table until then ([`crate::query::cold`]).

use std::collections::BTreeMap;

use beidou_schemas::{
    Micros,
    archive::PartitionRange,
    kube_event::{ROW_HASH_SQL, RangeHash},
    time::DAY,
};
use clickhouse::Row;
use serde::Deserialize;

use crate::{
    Store, StoreError,
    archive::Sum,
    audit::{TABLE, covered_by, quoted},
};

/// By cluster uid, the moment before which the archive is asked.
pub type Hot = BTreeMap<String, Micros>;

/// A name in a condition is the column's, not that of what is selected.
const COLUMNS: (&str, &str) = ("prefer_column_name_to_alias", "1");

fn failed(act: &'static str) -> impl Fn(clickhouse::error::Error) -> StoreError {
    move |source| StoreError::ClickHouse { act, source }
}

pub(crate) const BOUNDS: &str = "SELECT toString(cluster_uid) AS cluster_uid, toUnixTimestamp64Micro(max(hot_from)) AS hot_from\n\
     FROM kube_hot\nGROUP BY cluster_uid";

/// A bound as it is read.
#[derive(Debug, Clone, Row, Deserialize)]
pub(crate) struct BoundRow {
    pub cluster_uid: String,
    pub hot_from: i64,
}

/// The bounds that are noted now.
///
/// # Errors
/// When the store gives no answer: retry.
pub async fn bounds(store: &Store) -> Result<Hot, StoreError> {
    let rows: Vec<BoundRow> =
        store.writer()?.query_raw(BOUNDS).fetch_all().await.map_err(failed("read where the table of Events ends"))?;
    Ok(rows.into_iter().map(|row| (row.cluster_uid, Micros(row.hot_from))).collect())
}

/// Notes the bound of a cluster, with every name that it had. Call it [`crate::retention::NOTICE`] before any row goes.
///
/// # Errors
/// When the store gives no answer: repeat it, of several bounds the latest counts.
pub async fn note(store: &Store, cluster_uid: &str, names: &[String], from: Micros) -> Result<(), StoreError> {
    let sql = "INSERT INTO kube_hot (cluster_uid, cluster, hot_from, noted) \
         SELECT ?, arrayJoin(?), fromUnixTimestamp64Micro(?, 'UTC'), now64(6, 'UTC')";
    let note = || async {
        let noted = store.writer()?.query(sql).bind(cluster_uid).bind(names).bind(from.0).execute().await;
        noted.map_err(failed("note where the table of Events ends"))
    };
    store.in_turn("kube_hot", note).await
}

/// What the table has of a cluster's day.
#[derive(Debug, Clone, PartialEq, Eq, Row, Deserialize)]
struct DayRow {
    cluster_uid: String,
    day: i64,
    rows: u64,
    hash: u64,
}

/// What the table has from before these moments, as far as these ranges of the log cover it: by cluster uid and day, counted
/// from 1970.
///
/// # Errors
/// When the store gives no answer: retry.
pub async fn days_before(
    store: &Store,
    cutoffs: &Hot,
    covered: &[PartitionRange],
) -> Result<BTreeMap<(String, i64), Sum>, StoreError> {
    if cutoffs.is_empty() {
        return Ok(BTreeMap::new());
    }
    let sql = format!(
        "SELECT toString(cluster_uid) AS cluster_uid, intDiv(toUnixTimestamp64Micro(time), {DAY}) AS day, count() AS rows, \
         sum({ROW_HASH_SQL}) AS hash FROM {TABLE} WHERE ({}) AND ({}) GROUP BY cluster_uid, day",
        before(cutoffs),
        covered_by(covered)
    );
    let query = store.writer()?.query_raw(&sql).with_setting(COLUMNS.0, COLUMNS.1);
    let rows: Vec<DayRow> = query.fetch_all().await.map_err(failed("add up rows that are to leave the table"))?;
    let of_row = |row: DayRow| ((row.cluster_uid, row.day), Sum { rows: row.rows, hash: RangeHash(row.hash) });
    Ok(rows.into_iter().map(of_row).collect())
}

/// Removes what the table has from before these moments, as far as these ranges of the log cover it; returns when it is
/// gone, and how many rows there were.
///
/// # Errors
/// When the store gives no answer: repeat it later. The removal may go on at the store all the same.
pub async fn remove(store: &Store, cutoffs: &Hot, covered: &[PartitionRange]) -> Result<u64, StoreError> {
    if cutoffs.is_empty() {
        return Ok(0);
    }
    let condition = format!("({}) AND ({})", before(cutoffs), covered_by(covered));
    let client = store.writer()?;
    let rows = client.query_raw(&format!("SELECT count() FROM {TABLE} WHERE {condition}")).fetch_one::<u64>().await;
    let rows = rows.map_err(failed("count rows that are to leave the table"))?;
    if rows > 0 {
        let deletion = client.query_raw(&format!("ALTER TABLE {TABLE} DELETE WHERE {condition}"));
        deletion
            .with_setting("mutations_sync", "1")
            .execute()
            .await
            .map_err(failed("remove rows that the archive has"))?;
    }
    Ok(rows)
}

/// The condition that a row happened before the moment of its cluster.
pub(crate) fn before(cutoffs: &Hot) -> String {
    let mut by_moment: BTreeMap<Micros, Vec<String>> = BTreeMap::new();
    for (uid, moment) in cutoffs {
        by_moment.entry(*moment).or_default().push(quoted(uid));
    }
    let one = |(moment, uids): (Micros, Vec<String>)| {
        format!("(cluster_uid IN ({}) AND time < fromUnixTimestamp64Micro({}, 'UTC'))", uids.join(", "), moment.0)
    };
    if by_moment.is_empty() { "0".into() } else { by_moment.into_iter().map(one).collect::<Vec<_>>().join(" OR ") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clusters_with_one_bound_stand_together_and_texts_are_quoted() {
        let hot = Hot::from([("a".into(), Micros(5)), ("b'\\".into(), Micros(5)), ("c".into(), Micros(7))]);
        assert_eq!(
            before(&hot),
            "(cluster_uid IN ('a', 'b\\'\\\\') AND time < fromUnixTimestamp64Micro(5, 'UTC')) OR (cluster_uid IN ('c') AND \
             time < fromUnixTimestamp64Micro(7, 'UTC'))"
        );
        assert_eq!(before(&Hot::new()), "0");
    }
}
