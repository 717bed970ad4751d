//! What runs: listed with its progress, stopped by its id here or in the store, and bounded in number.

use std::sync::Arc;

use beidou_query_api::QueryApiConfig;
use serde_json::{Value, json};
use tokio::task::JoinHandle;

use crate::{
    World,
    support::{Answer, TOKEN, answer, config, start, wait::until},
    world_alone,
};

/// Reads for far longer than a test waits, and is stopped between blocks.
const SLOW: &str = "SELECT sum(sipHash64(leftPad(toString(number), 300))) FROM numbers(490000000)";
/// So does this, over [`ENDLESS`].
const HISTOGRAM: &str = "/api/v1/events/histogram?q=message:/nowhere$/&from=-1h";
/// In place of the table of Events: each message costs as much as many rows without it.
const ENDLESS: &str = "CREATE VIEW kube_event AS
    SELECT 'u1' AS cluster_uid, 'hz-prod-01' AS cluster, now64(6) - 300 AS time, 'Warning' AS type,
        toUInt32(1) AS occurrences_delta, replaceRegexpAll(leftPad(toString(number), 300, 'ab'), 'a[bc]', 'c') AS message
    FROM numbers(20000000)";

/// A world whose statements are not ended by their time limit, however late a starved machine comes to look at them.
async fn patient() -> Arc<World> {
    let mut world = world_alone().await;
    let config = QueryApiConfig { query_time_limit_seconds: 3600, ..config() };
    world.api = start(config, world.log.clone(), world.engine.store()).await;
    world.engine.run("RENAME TABLE kube_event TO kept").await;
    world.engine.run(ENDLESS).await;
    Arc::new(world)
}

impl World {
    /// Asks while the test goes on: SQL where there is a statement.
    fn asking(self: &Arc<Self>, path: &'static str, statement: Option<String>) -> JoinHandle<Answer> {
        let world = self.clone();
        tokio::spawn(async move {
            match statement {
                Some(query) => world.post(path, json!({"query": query})).await,
                None => world.api.get(path).await,
            }
        })
    }

    async fn running(&self) -> Vec<Value> {
        self.api.get("/api/v1/running").await.json()["items"].as_array().unwrap().clone()
    }

    /// What runs, once rows are read for it.
    async fn reading(&self) -> Value {
        let mut seen = Vec::new();
        until("what runs, with its progress", async || {
            seen = self.running().await;
            seen.first().is_some_and(|item| item["progress"]["rows_read"].as_u64().is_some_and(|rows| rows > 0))
        })
        .await;
        seen.swap_remove(0)
    }

    async fn has_ended(&self, id: &str) {
        let sql = format!("SELECT count() FROM system.processes WHERE Settings['log_comment'] LIKE '%{id}%'");
        until("no statement in the engine", async || self.engine.text(&sql).await.trim() == "0").await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_runs_is_listed_with_its_progress_and_stopped_by_its_id() {
    let world = patient().await;
    for (path, statement) in [
        ("/api/v1/sql", Some(SLOW.to_owned())),
        // The engine runs a subquery for its value while it plans, also where a plan is all that is asked for.
        ("/api/v1/sql/estimate", Some(format!("SELECT ({SLOW}) AS n"))),
        (HISTOGRAM, None),
    ] {
        let asking = world.asking(path, statement.clone());
        let item = world.reading().await;
        let kind = if statement.is_some() { "sql" } else { "events" };
        let query = statement.as_deref().unwrap_or(path);
        assert_eq!((&item["kind"], &item["subject"], &item["query"]), (&json!(kind), &json!("tester"), &json!(query)));
        let id = item["id"].as_str().unwrap();
        let stop = || world.api.client.delete(format!("{}/api/v1/running/{id}", world.api.url)).bearer_auth(TOKEN);
        let stopped = answer(stop()).await;
        assert_eq!((stopped.status, &stopped.json()["cancelled"]), (200, &item["id"]));
        let told = asking.await.unwrap();
        assert_eq!((told.status, told.json()["type"].as_str()), (409, Some("/problems/cancelled")), "{path}");
        world.has_ended(id).await;
        assert!(world.running().await.is_empty());
        assert_eq!(answer(stop()).await.status, 404);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_store_stops_what_it_is_told_to_by_the_statement_of_the_docs() {
    let page = include_str!("../../../docs/sql.md");
    let kill = page.split('`').find(|part| part.starts_with("KILL QUERY")).unwrap();
    let world = patient().await;
    for (path, statement, told) in [
        ("/api/v1/sql", Some(SLOW.to_owned()), (409, Some("/problems/cancelled"))),
        (HISTOGRAM, None, (503, Some("/problems/busy"))),
    ] {
        let asking = world.asking(path, statement);
        let item = world.reading().await;
        let id = item["id"].as_str().unwrap();
        let other = kill.replace("\"ID\"", "\"00000000-0000-0000-0000-000000000000\"");
        world.engine.run(&other).await;
        assert_eq!(world.running().await[0]["id"], item["id"], "that of another id goes on");
        world.engine.run(&kill.replace("\"ID\"", &format!("\"{id}\""))).await;
        let answer = asking.await.unwrap();
        assert_eq!((answer.status, answer.json()["type"].as_str()), told, "{path}: {}", answer.text);
        assert_eq!(answer.header("x-request-id"), id);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn statements_have_two_places_and_give_them_back() {
    let world = patient().await;
    let slow = [(); 2].map(|()| world.asking("/api/v1/sql", Some(SLOW.to_owned())));
    until("two running statements", async || world.running().await.len() == 2).await;
    for path in ["/api/v1/sql", "/api/v1/sql/estimate"] {
        let third = world.post(path, json!({"query": "SELECT 1"})).await;
        assert_eq!((third.status, third.json()["type"].as_str()), (503, Some("/problems/busy")), "{path}");
    }
    // Callers that go away leave nothing behind.
    slow.iter().for_each(JoinHandle::abort);
    until("places that are free", async || world.post("/api/v1/sql", json!({"query": "SELECT 1"})).await.status == 200)
        .await;
}
