//! Migrations: the tables are brought forward to what this version knows, never back.
//!
//! ```text
//!  read what is applied ──plan──► run each missing one, then note it
//! ```
//!
//! Every statement is repeatable (`IF NOT EXISTS`), and a note is one row that may stand twice: a crash between a
//! statement and its note, or two processes that migrate at once, do no harm. A note carries the hash of the text, so
//! that tables of an unreleased version are recognised.

use std::time::Duration;

use beidou_schemas::{
    Offset, Topic,
    ddl::{MIGRATIONS, Migration},
};
use clickhouse::{Client, Row};
use serde::Deserialize;
use sha2::{Digest, Sha256};

use crate::{Store, StoreError};

/// How often a reader looks whether the writer has migrated.
const LOOK_EVERY: Duration = Duration::from_millis(200);

const NOTES: &str = "CREATE TABLE IF NOT EXISTS schema_migration \
     (number UInt32, name String, hash String COMMENT 'SHA-256 of the text', applied DateTime64(3, 'UTC')) \
     ENGINE = ReplacingMergeTree ORDER BY (number, hash) \
     SETTINGS fsync_after_insert = 1, fsync_part_directory = 1";

/// A migration that has been applied.
#[derive(Debug, Clone, PartialEq, Eq, Row, Deserialize)]
struct Note {
    number: u32,
    hash: String,
}

/// Applies all migrations that are missing; returns how many there were.
///
/// # Errors
/// [`StoreError::TooNew`] and [`StoreError::Changed`] are final; anything else is worth another try.
pub async fn migrate(store: &Store) -> Result<usize, StoreError> {
    store.define_database().await?;
    let client = store.writer()?;
    store.define("create the table of migrations", NOTES).await?;
    let notes = notes(&client).await?;
    let missing = plan(&notes, MIGRATIONS)?;
    for migration in &missing {
        for statement in migration.statements() {
            store.define("apply a migration", statement).await?;
        }
        note(store, migration).await?;
        tracing::info!(number = migration.number, name = migration.name, "applied migration");
    }
    Ok(missing.len())
}

/// Checks that the tables are those of this version.
///
/// # Errors
/// [`StoreError::NotMigrated`] while a writer has still to bring them forward: retry.
pub async fn require(store: &Store) -> Result<(), StoreError> {
    let client = store.reader()?;
    let noted = run_exists(&client).await?;
    let notes = if noted { notes(&client).await? } else { Vec::new() };
    let missing = plan(&notes, MIGRATIONS)?;
    match missing.first() {
        None => Ok(()),
        Some(first) => Err(StoreError::NotMigrated { found: first.number - 1, known: MIGRATIONS.len() as u32 }),
    }
}

/// Whether the tables hold nothing at all.
///
/// # Errors
/// When the store gives no answer: retry.
pub async fn is_empty(store: &Store) -> Result<bool, StoreError> {
    let statement =
        "SELECT count() FROM (SELECT 1 FROM kube_event LIMIT 1 UNION ALL SELECT 1 FROM kube_reject LIMIT 1)";
    let rows = store.reader()?.query_raw(statement).fetch_one::<u64>().await;
    rows.map(|rows| rows == 0).map_err(|source| StoreError::ClickHouse { act: "count its rows", source })
}

/// Whether the table of Events holds nothing.
///
/// # Errors
/// When the store gives no answer: retry.
pub async fn has_no_events(store: &Store) -> Result<bool, StoreError> {
    let statement = "SELECT count() FROM (SELECT 1 FROM kube_event LIMIT 1)";
    let rows = store.reader()?.query_raw(statement).fetch_one::<u64>().await;
    rows.map(|rows| rows == 0).map_err(|source| StoreError::ClickHouse { act: "count its rows", source })
}

/// Whether the row of a record of this topic is in the table of operations.
///
/// # Errors
/// When the store gives no answer: retry.
pub async fn has_operation_row(store: &Store, topic: Topic, offset: Offset) -> Result<bool, StoreError> {
    let source = if topic == Topic::Operation { "decided" } else { "told" };
    let statement = "SELECT count() FROM operation_event WHERE source = ? AND log_offset = ?";
    let found = store.reader()?.query(statement).bind(source).bind(offset).fetch_one::<u64>().await;
    found.map(|found| found > 0).map_err(|source| StoreError::ClickHouse { act: "look for a row", source })
}

/// What the table of Events bears as its comment once it is known to hold all that the ledger says.
const WHOLE: &str = "holds all that the ledger says";

/// Whether the table of Events was called whole by [`call_whole`]. Where it is empty, this tells apart that nothing is
/// missing and that it was lost.
///
/// # Errors
/// When the store gives no answer: retry.
pub async fn is_called_whole(store: &Store) -> Result<bool, StoreError> {
    let statement =
        "SELECT count() FROM system.tables WHERE database = currentDatabase() AND name = 'kube_event' AND comment = ?";
    let found = store.writer()?.query(statement).bind(WHOLE).fetch_one::<u64>().await;
    found.map(|found| found > 0).map_err(|source| StoreError::ClickHouse { act: "read what a table is called", source })
}

/// Calls the table of Events whole, or `whole` no more.
///
/// # Errors
/// When the store refuses or gives no answer: retry.
pub async fn call_whole(store: &Store, whole: bool) -> Result<(), StoreError> {
    call(store, "kube_event", whole).await
}

pub(crate) async fn call(store: &Store, table: &str, whole: bool) -> Result<(), StoreError> {
    let comment = if whole { WHOLE } else { "" };
    store.define("say what a table holds", &format!("ALTER TABLE {table} MODIFY COMMENT '{comment}'")).await
}

/// Waits until the engine is there and its tables are those of this version.
///
/// # Errors
/// What no waiting can mend.
pub async fn wait_migrated(store: &Store) -> Result<(), StoreError> {
    loop {
        match require(store).await {
            Err(error) if error.is_retryable() => tracing::debug!(%error, "the tables are not ready yet"),
            outcome => return outcome,
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

/// What is still to be applied, in order.
fn plan(notes: &[Note], known: &'static [Migration]) -> Result<Vec<&'static Migration>, StoreError> {
    let newest = known.last().map_or(0, |migration| migration.number);
    if let Some(found) = notes.iter().map(|note| note.number).max().filter(|&number| number > newest) {
        return Err(StoreError::TooNew { found, known: newest });
    }
    let changed = |note: &&Note| known.iter().any(|m| m.number == note.number && hash(m) != note.hash);
    if let Some(note) = notes.iter().find(changed) {
        return Err(StoreError::Changed { number: note.number });
    }
    Ok(known.iter().filter(|m| notes.iter().all(|note| note.number != m.number)).collect())
}

fn hash(migration: &Migration) -> String {
    Sha256::digest(migration.sql).iter().map(|byte| format!("{byte:02x}")).collect()
}

async fn run_exists(client: &Client) -> Result<bool, StoreError> {
    let found = client.query_raw("EXISTS TABLE schema_migration").fetch_one::<u8>().await;
    found.map(|found| found == 1).map_err(|source| StoreError::ClickHouse { act: "look for the tables", source })
}

async fn notes(client: &Client) -> Result<Vec<Note>, StoreError> {
    let statement = "SELECT number, hash FROM schema_migration GROUP BY number, hash ORDER BY number, hash";
    let notes = client.query_raw(statement).fetch_all().await;
    notes.map_err(|source| StoreError::ClickHouse { act: "read the applied migrations", source })
}

pub(crate) async fn note(store: &Store, migration: &Migration) -> Result<(), StoreError> {
    let statement = "INSERT INTO schema_migration (number, name, hash, applied) SELECT ?, ?, ?, now64(3)";
    let note = || async {
        let query = store.writer()?.query(statement).bind(migration.number).bind(migration.name).bind(hash(migration));
        query.execute().await.map_err(|source| StoreError::ClickHouse { act: "note a migration", source })
    };
    store.in_turn("schema_migration", note).await
}

#[cfg(test)]
mod tests {
    use super::*;

    const KNOWN: &[Migration] =
        &[Migration { number: 1, name: "a", sql: "one" }, Migration { number: 2, name: "b", sql: "two" }];

    fn noted(number: u32, text: &'static str) -> Note {
        Note { number, hash: hash(&Migration { number, name: "", sql: text }) }
    }

    #[test]
    fn only_what_is_missing_is_applied_in_order() {
        for (notes, missing) in [
            (vec![], vec![1, 2]),
            (vec![noted(1, "one")], vec![2]),
            (vec![noted(1, "one"), noted(1, "one")], vec![2]),
            (vec![noted(2, "two")], vec![1]),
            (vec![noted(1, "one"), noted(2, "two")], vec![]),
        ] {
            let planned: Vec<_> = plan(&notes, KNOWN).unwrap().iter().map(|m| m.number).collect();
            assert_eq!(planned, missing, "{notes:?}");
        }
    }

    #[test]
    fn newer_and_changed_tables_are_refused_with_the_way_out() {
        let error = plan(&[noted(1, "one"), noted(3, "three")], KNOWN).unwrap_err();
        assert!(matches!(error, StoreError::TooNew { found: 3, known: 2 }));
        assert!(error.to_string().contains("upgrade") && !error.is_retryable(), "{error}");
        let error = plan(&[noted(1, "other")], KNOWN).unwrap_err();
        assert!(matches!(error, StoreError::Changed { number: 1 }) && !error.is_retryable());
    }
}
