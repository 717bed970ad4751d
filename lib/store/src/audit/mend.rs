//! Changes to the table. Each is repeatable: a crash half-way leaves what the next audit finds.

use arrow_array::RecordBatch;
use beidou_schemas::{Micros, kube_event::ROW_HASH_SQL};
use uuid::Uuid;

use super::{StateRow, TABLE, failed, quoted};
use crate::{
    Store, StoreError,
    insert::{Block, insert},
};

/// States that one statement deletes: its text stays below the engine's bound of 256 KB.
pub const MOST_DELETED: usize = 1000;
/// Statements by which one audit deletes. Each rewrites the parts of its months that have such rows: 13 seconds each were
/// seen where 2.7 million rows would have taken ten hours. So many of them hold a rebuild up for some minutes.
pub const MOST_DELETIONS: usize = 30;

/// Inserts rows of one month. The token is new each time: rows that were deleted since would be skipped by an old one.
///
/// # Errors
/// When the store gives no answer: the outcome is unknown, and the next audit finds it.
pub async fn insert_rows(store: &Store, rows: &RecordBatch) -> Result<(), StoreError> {
    if rows.num_rows() == 0 {
        return Ok(());
    }
    insert(store, &Block::encode(TABLE, format!("{TABLE}/audit/{}", Uuid::new_v4()), rows)?).await
}

/// Merges the parts of a month into one, in which each identity stands once. Merge before deleting: the engine merges no
/// month that has a part without rows, until it has dropped that some time later.
///
/// # Errors
/// When the store refuses or gives no answer.
pub async fn merge_doubled(store: &Store, month: u32) -> Result<(), StoreError> {
    let sql = format!("OPTIMIZE TABLE {TABLE} PARTITION {month} FINAL");
    let query = store.writer()?.query_raw(&sql).with_setting("optimize_throw_if_noop", "1");
    query.execute().await.map_err(failed("merge a month"))
}

/// How many statements delete so many states.
pub fn deletions(states: usize) -> usize {
    states.div_ceil(MOST_DELETED)
}

/// Deletes the rows of these states that have exactly these hashes.
///
/// # Errors
/// When the store refuses or gives no answer.
pub async fn delete_states(store: &Store, states: &[StateRow]) -> Result<(), StoreError> {
    for states in states.chunks(MOST_DELETED) {
        let state = |state: &StateRow| {
            let StateRow { cluster_uid, epoch, event_uid, resource_version, hash, .. } = state;
            format!("({}, {epoch}, toUUID('{event_uid}'), {resource_version}, {hash})", quoted(cluster_uid))
        };
        let months: std::collections::BTreeSet<_> =
            states.iter().map(|state| Micros(state.time).year_month().to_string()).collect();
        let sql = format!(
            "ALTER TABLE {TABLE} DELETE WHERE toYYYYMM(time) IN ({}) \
             AND (cluster_uid, epoch, event_uid, resource_version, {ROW_HASH_SQL}) IN ({})",
            months.into_iter().collect::<Vec<_>>().join(", "),
            states.iter().map(state).collect::<Vec<_>>().join(", ")
        );
        let query = store.writer()?.query_raw(&sql).with_setting("mutations_sync", "2");
        query.execute().await.map_err(failed("delete states"))?;
    }
    Ok(())
}
