//! Blocks and migrations against the real engine: a repeated block is stored once, whatever happened in between.

use std::sync::Arc;

use crate::support::EngineProcess;
use arrow_array::{ArrayRef, RecordBatch, StringArray, TimestampMicrosecondArray, UInt64Array};
use beidou_schemas::ddl::MIGRATIONS;
use beidou_store::{
    Store, StoreError,
    insert::{Block, insert},
    migrate::{migrate, require},
};

const OCTOBER: i64 = 1_792_800_000_000_000;
const NOVEMBER: i64 = 1_795_444_800_000_000;

fn block(token: &str, times: &[i64]) -> Block {
    let versions: ArrayRef = Arc::new(UInt64Array::from_iter_values(0..times.len() as u64));
    let times: ArrayRef = Arc::new(TimestampMicrosecondArray::from(times.to_vec()).with_timezone("UTC"));
    let texts: ArrayRef = Arc::new(StringArray::from(vec!["a\n\nb"; versions.len()]));
    let columns = [("time", times), ("resource_version", versions), ("message", texts)];
    Block::encode("kube_event", token.into(), &RecordBatch::try_from_iter(columns).unwrap()).unwrap()
}

async fn count(store: &Store) -> u64 {
    store.reader().unwrap().query_raw("SELECT count() FROM kube_event").fetch_one().await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repeated_block_is_stored_once_also_after_kill_minus_nine() {
    let dir = tempfile::tempdir().unwrap();
    let mut engine = EngineProcess::start_on(dir.path());
    let store = Store::embedded(dir.path());
    migrate(&store).await.unwrap();
    let (one, same_rows) = (block("one", &[NOVEMBER; 500]), block("two", &[NOVEMBER; 500]));
    for _ in 0..2 {
        insert(&store, &one).await.unwrap();
        insert(&store, &one).await.unwrap();
        assert_eq!(count(&store).await, 500);
        engine.child.kill().unwrap();
        engine.child.wait().unwrap();
        assert!(insert(&store, &one).await.unwrap_err().is_retryable());
        engine = EngineProcess::start_on(dir.path());
    }
    insert(&store, &same_rows).await.unwrap();
    assert_eq!(count(&store).await, 1000, "the token decides, not the content");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_block_over_two_months_is_refused_whole() {
    let engine = EngineProcess::start();
    let store = Store::embedded(engine.data());
    migrate(&store).await.unwrap();
    let error = insert(&store, &block("both", &[OCTOBER, NOVEMBER])).await.unwrap_err();
    assert!(format!("{error:?}").contains("TOO_MANY_PARTS"), "{error:?}");
    assert_eq!(count(&store).await, 0);
    insert(&store, &block("october", &[OCTOBER])).await.unwrap();
    insert(&store, &block("november", &[NOVEMBER])).await.unwrap();
    assert_eq!(count(&store).await, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn migrations_are_repeatable_concurrent_and_forward_only() {
    let engine = EngineProcess::start();
    let store = Store::embedded(engine.data());
    assert!(matches!(require(&store).await, Err(StoreError::NotMigrated { found: 0, .. })));
    let (one, two, three) = tokio::join!(migrate(&store), migrate(&store), migrate(&store));
    assert!(one.is_ok() && two.is_ok() && three.is_ok(), "{one:?} {two:?} {three:?}");
    assert_eq!(migrate(&store).await.unwrap(), 0);
    require(&store).await.unwrap();
    let writer = store.writer().unwrap();
    // A crash between the statements of a migration and its note.
    writer.query_raw("DELETE FROM schema_migration WHERE number = 2").execute().await.unwrap();
    assert_eq!(migrate(&store).await.unwrap(), 1);
    let newer = MIGRATIONS.len() + 1;
    let note = format!("INSERT INTO schema_migration SELECT {newer}, 'later', 'x', now64(3)");
    writer.query_raw(&note).execute().await.unwrap();
    for outcome in [migrate(&store).await.map(drop), require(&store).await] {
        assert!(matches!(outcome, Err(StoreError::TooNew { .. })), "{outcome:?}");
    }
}
