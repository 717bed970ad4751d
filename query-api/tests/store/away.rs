//! What is in the tables is answered while the log is away.

use beidou_log::memory::Away;
use beidou_store::migrate::migrate;

use crate::support::{config, engine::Engine, log, start, wait::until};

#[tokio::test]
async fn what_is_in_the_tables_is_answered_while_the_log_is_away() {
    let data = tempfile::tempdir().unwrap();
    let engine = Engine::shared(data.path()).await;
    migrate(&engine.store()).await.unwrap();
    let log = Away::new(log());
    let api = start(config(), log.clone(), engine.store()).await;
    until("the role is ready", async || api.bare("/readyz").await.status == 200).await;
    assert_eq!(api.bare("/readyz").await.json()["parts"]["query-api/log"], "ready");
    log.set(true);
    for path in ["/api/v1/events", "/api/v1/clusters", "/api/v1/coverage"] {
        api.list(path).await;
    }
    let ready = api.bare("/readyz").await;
    assert_eq!((ready.status, ready.json()["ready"].as_bool()), (200, Some(true)), "{}", ready.text);
    assert_eq!(ready.json()["parts"]["query-api/log"], "no answer within 2 s", "and it tells");
    let operations = api.get("/api/v1/operations").await;
    assert_eq!((operations.status, operations.json()["type"].as_str()), (503, Some("/problems/log-away")));
}
