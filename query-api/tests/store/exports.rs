//! Exports: jobs whose files are whole, whatever their length; cancelled, removed, bounded.

use std::path::Path;

use beidou_query_api::QueryApiConfig;
use beidou_store::sql::views;
use serde_json::{Value, json};

use crate::{
    World,
    support::{Answer, TOKEN, answer, config, start, wait::until},
    world_alone,
};

async fn with_folder() -> (World, tempfile::TempDir) {
    let mut world = world_alone().await;
    let folder = tempfile::tempdir().unwrap();
    let config = QueryApiConfig { exports_folder: Some(folder.path().join("exports")), ..config() };
    world.api = start(config, world.log.clone(), world.engine.store()).await;
    world.filled().await;
    (world, folder)
}

impl World {
    async fn export(&self, query: &str, body: Value) -> Value {
        let made = self.post(&format!("/api/v1/exports{query}"), body).await;
        assert_eq!(made.status, 202, "{}", made.text);
        made.json()
    }

    async fn ended(&self, id: &Value) -> Value {
        let path = format!("/api/v1/exports/{}", id.as_str().unwrap());
        let mut seen = Value::Null;
        until("the end of an export", async || {
            seen = self.api.get(&path).await.json();
            seen["state"] != "running"
        })
        .await;
        seen
    }

    async fn delete(&self, path: &str) -> Answer {
        answer(self.api.client.delete(format!("{}{path}", self.api.url)).bearer_auth(TOKEN)).await
    }

    async fn bytes(&self, id: &Value) -> Vec<u8> {
        let response =
            self.api.request(&format!("/api/v1/exports/{}/file", id.as_str().unwrap())).send().await.unwrap();
        assert_eq!(response.status(), 200);
        response.bytes().await.unwrap().to_vec()
    }

    /// As the engine's own readers of these forms read it: others made the file.
    async fn read_back(&self, sql: &str, form: &str) -> String {
        let client = self.engine.store().archive_reader().unwrap();
        let mut cursor = client.query_raw(sql).fetch_bytes(form).unwrap();
        String::from_utf8_lossy(&cursor.collect().await.unwrap()).into_owned()
    }
}

/// The file of an export, as the engine names it among tables.
fn table_of(folder: &Path, id: &Value, format: &str) -> String {
    let (ending, form) = if format == "arrow" { ("arrows", "ArrowStream") } else { ("parquet", "Parquet") };
    format!("file('{}/exports/{}.{ending}', '{form}')", folder.display(), id.as_str().unwrap())
}

/// The Events of a table with all that is text or number.
fn events_of(table: &str) -> String {
    format!(
        "SELECT toUnixTimestamp64Micro(time), toUnixTimestamp64Micro(observed), cluster, cluster_uid, type, reason, action, kind,
            namespace, name, node, component, message, pattern, occurrences, new_occurrences, resource_version, found_by
        FROM {table} WHERE reason = 'BackOff' ORDER BY resource_version"
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn each_form_has_all_rows_of_the_filters_and_the_coverage_of_their_range() {
    let (world, folder) = with_folder().await;
    let filter = "?from=-2d&q=reason:BackOff&cluster=hz-prod-01";
    let sql = "SELECT count() FROM kube_event WHERE reason = 'BackOff'";
    let expected: u64 = world.engine.text(sql).await.trim().parse().unwrap();
    assert!(expected > 10_000, "more than any page holds");
    let rows = world.engine.text(&events_of("events")).await;
    assert_eq!(rows.lines().count() as u64, expected);
    let columns: Vec<_> = views().into_iter().find(|view| view.name == "events").unwrap().columns;
    let columns: Vec<_> = columns.iter().map(|column| column.name).collect();
    for format in ["csv", "ndjson", "arrow", "parquet"] {
        let made = world.export(filter, json!({"format": format})).await;
        assert!(made["coverage"][0]["share"].is_number() && made["range"]["from"].is_string(), "{made}");
        let done = world.ended(&made["id"]).await;
        assert_eq!((&done["state"], &done["rows"]), (&json!("done"), &json!(expected)), "{done}");
        let bytes = world.bytes(&made["id"]).await;
        assert_eq!(done["bytes"], json!(bytes.len()));
        match format {
            "csv" | "ndjson" => {
                let text = String::from_utf8(bytes).unwrap();
                let header = u64::from(format == "csv");
                assert_eq!(text.lines().count() as u64, expected + header);
                assert!(text.lines().nth(1).unwrap().contains("BackOff"), "{format}");
            }
            _ => {
                let table = table_of(folder.path(), &made["id"], format);
                let head = world.read_back(&format!("SELECT * FROM {table} LIMIT 1"), "TSVWithNames").await;
                assert_eq!(head.lines().next().unwrap().split('\t').collect::<Vec<_>>(), columns, "{format}");
                assert!(world.read_back(&events_of(&table), "TSVRaw").await == rows, "{format}: the rows differ");
                let uids = format!("SELECT uniqExact(event_uid) FROM {table}");
                assert_eq!(world.read_back(&uids, "TSVRaw").await.trim(), expected.to_string(), "{format}");
            }
        }
    }
    let all = world.api.get("/api/v1/exports").await.json();
    assert_eq!(all["items"].as_array().unwrap().len(), 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_parquet_file_is_read_by_others_as_the_rows_that_were_asked_for() {
    let (world, folder) = with_folder().await;
    let sql = "SELECT name, count() AS n, max(time) AS last FROM events GROUP BY name ORDER BY name";
    let made = world.export("", json!({"format": "parquet", "sql": sql})).await;
    let done = world.ended(&made["id"]).await;
    assert_eq!((&done["state"], &done["rows"]), (&json!("done"), &json!(50)), "{done}");
    let rows = |table: &str| format!("SELECT name, n, toUnixTimestamp64Micro(last) AS at FROM {table} ORDER BY name");
    let read = world.read_back(&rows(&table_of(folder.path(), &made["id"], "parquet")), "TSVRaw").await;
    assert_eq!(read, world.engine.text(&rows(&format!("({sql})"))).await);
    // No row, and still a file with its columns.
    let empty =
        world.export("", json!({"format": "parquet", "sql": "SELECT name FROM events WHERE name = 'nobody'"})).await;
    let done = world.ended(&empty["id"]).await;
    assert_eq!((&done["state"], &done["rows"]), (&json!("done"), &json!(0)), "{done}");
    assert!(world.bytes(&empty["id"]).await.starts_with(b"PAR1"));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_export_is_cancelled_while_it_runs_and_removed_when_it_has_ended() {
    let (world, folder) = with_folder().await;
    let slow = json!({"format": "csv", "sql": "SELECT sum(sipHash64(leftPad(toString(number), 300))) FROM numbers(490000000)"});
    let made = world.export("", slow).await;
    let path = format!("/api/v1/exports/{}", made["id"].as_str().unwrap());
    until("an export among what runs, with its progress", async || {
        let running = world.api.get("/api/v1/running").await.json();
        running["items"][0]["id"] == made["id"]
            && running["items"][0]["progress"]["rows_read"].as_u64().is_some_and(|n| n > 0)
    })
    .await;
    let early = world.api.get(&format!("{path}/file")).await;
    assert_eq!((early.status, early.json()["type"].as_str()), (404, Some("/problems/no-export")));
    assert_eq!(world.delete(&path).await.status, 204);
    assert_eq!(world.ended(&made["id"]).await["state"], "cancelled");
    assert_eq!(world.delete(&path).await.status, 204);
    assert_eq!(world.api.get(&path).await.status, 404);
    let left = std::fs::read_dir(folder.path().join("exports")).unwrap().count();
    assert_eq!(left, 0, "nothing is left behind");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_exported_is_said_at_once() {
    let (world, _folder) = with_folder().await;
    for (query, body, kind) in [
        ("", json!({"format": "json"}), "bad-parameter"),
        ("", json!({"format": "zip"}), "bad-parameter"),
        ("", json!({"format": "csv", "sql": ""}), "bad-sql"),
        ("", json!({"format": "csv", "sql": "SELECT * FROM kube_event"}), "bad-sql"),
        ("", json!({"format": "csv", "sql": "SELECT nam FROM events"}), "bad-sql"),
        ("?q=kind:Pod", json!({"format": "csv", "sql": "SELECT 1"}), "bad-parameter"),
        ("?q=kind:(", json!({"format": "csv"}), "bad-query-line"),
        ("?nonsense=1", json!({"format": "csv"}), "unknown-parameter"),
    ] {
        let refused = world.post(&format!("/api/v1/exports{query}"), body).await;
        assert_eq!(refused.json()["type"].as_str(), Some(&*format!("/problems/{kind}")), "{}", refused.text);
    }
    let both = world.post("/api/v1/exports?q=kind:Pod", json!({"format": "csv", "sql": "SELECT 1"})).await;
    assert_eq!(
        both.json()["detail"].as_str().unwrap().split(';').next(),
        Some("q stands beside sql, which takes no filters")
    );
    assert_eq!(world.api.get("/api/v1/exports").await.json()["items"], json!([]));
}
