//! Inserts: typed, Arrow, inline, packed in every way; broken ones leave nothing; repeated ones count once.

use crate::support::{EngineProcess, answer, wait_until};
use arrow_array::{ArrayRef, RecordBatch, StringArray, UInt64Array};
use bytes::Bytes;
use clickhouse::{Compression, Row};
use serde::{Deserialize, Serialize};
use std::io::Write;
use std::sync::Arc;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

const TABLE: &str = "CREATE TABLE t (number UInt64, text LowCardinality(String)) ENGINE = MergeTree ORDER BY number";

#[derive(Row, Serialize, Deserialize, Debug, PartialEq)]
struct Line {
    number: u64,
    text: String,
}

fn arrow(numbers: std::ops::Range<u64>) -> Bytes {
    let texts = numbers.clone().map(|number| Some(format!("text\n\n{}", number % 7)));
    let columns: Vec<(&str, ArrayRef)> = vec![
        ("number", Arc::new(UInt64Array::from_iter_values(numbers))),
        ("text", Arc::new(StringArray::from_iter(texts))),
    ];
    let batch = RecordBatch::try_from_iter(columns).unwrap();
    let mut out = Vec::new();
    let mut writer = arrow_ipc::writer::StreamWriter::try_new(&mut out, &batch.schema()).unwrap();
    writer.write(&batch).unwrap();
    writer.finish().unwrap();
    drop(writer);
    Bytes::from(out)
}

async fn with_table() -> EngineProcess {
    let engine = EngineProcess::start();
    engine.client().query(TABLE).execute().await.unwrap();
    engine
}

async fn count(engine: &EngineProcess) -> u64 {
    engine.client().query("SELECT count() FROM t").fetch_one().await.unwrap()
}

#[tokio::test]
async fn typed_and_arrow_inserts_come_back() {
    let engine = with_table().await;
    for compression in [Compression::None, Compression::Lz4] {
        let client = engine.client().with_compression(compression);
        client.query("TRUNCATE TABLE t").execute().await.unwrap();
        let mut insert = client.insert::<Line>("t").await.unwrap();
        for number in 0..3000 {
            insert.write(&Line { number, text: format!("a\n\nb{}", number % 3) }).await.unwrap();
        }
        insert.end().await.unwrap();
        let mut insert = client.insert_formatted_with("INSERT INTO t FORMAT ArrowStream");
        insert.send(arrow(3000..70_000)).await.unwrap();
        insert.end().await.unwrap();
        assert_eq!(count(&engine).await, 70_000, "{compression:?}");
        let first = client.query("SELECT ?fields FROM t WHERE number IN (1, 3000) ORDER BY number").fetch_all::<Line>();
        let expected = [(1, "a\n\nb1"), (3000, "text\n\n4")].map(|(number, text)| Line { number, text: text.into() });
        assert_eq!(first.await.unwrap(), expected);
    }
}

#[tokio::test]
async fn a_blank_line_in_inline_data_cuts_nothing() {
    let engine = with_table().await;
    // As one text: statement and data in the body.
    engine
        .ok("INSERT INTO t FORMAT JSONEachRow\n{\"number\":1,\"text\":\"a\\n\\nb\"}\n\n{\"number\":2,\"text\":\"c\"}\n")
        .await;
    assert_eq!(engine.ok("SELECT number, text FROM t ORDER BY number FORMAT CSV").await, "1,\"a\n\nb\"\n2,\"c\"");
    engine.ok("TRUNCATE TABLE t").await;
    engine.ok("INSERT INTO t FORMAT CSV\n1,\"a\n\nb\"\n2,c\n").await;
    assert_eq!(count(&engine).await, 2);
    engine.ok("INSERT INTO t VALUES (3, 'x\n\ny'),\n\n(4, 'z')").await;
    assert_eq!(count(&engine).await, 4);
    // In the URL, and joined from both.
    let all_in_url = engine.request().query(&[("query", "INSERT INTO t VALUES (5, 'u')")]);
    assert_eq!(answer(all_in_url).await.0, 200);
    let joined = engine.request().query(&[("query", "INSERT INTO t (number,")]).body("text) VALUES (6, 'j')");
    assert_eq!(answer(joined).await, (200, String::new()));
    assert_eq!(count(&engine).await, 6);
    engine.ok("INSERT INTO t SELECT number + 10, 'selected' FROM t").await;
    assert_eq!(count(&engine).await, 12);
}

#[tokio::test]
async fn every_content_encoding_is_understood() {
    let engine = with_table().await;
    let data: Vec<u8> =
        (0..5000).flat_map(|number| format!("{{\"number\":{number},\"text\":\"t\"}}\n").into_bytes()).collect();
    let gzip = {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(&data).unwrap();
        encoder.finish().unwrap()
    };
    let lz4 = {
        let mut encoder = lz4_flex::frame::FrameEncoder::new(Vec::new());
        encoder.write_all(&data).unwrap();
        encoder.finish().unwrap()
    };
    let zstd = zstd::encode_all(data.as_slice(), 3).unwrap();
    let mut expected = 0;
    for (encoding, body) in [("gzip", gzip), ("lz4", lz4), ("zstd", zstd), ("identity", data)] {
        let insert = |body: Vec<u8>| {
            let query = [("query", "INSERT INTO t FORMAT JSONEachRow")];
            engine.request().query(&query).header("content-encoding", encoding).body(body)
        };
        assert_eq!(answer(insert(body.clone())).await, (200, String::new()), "{encoding}");
        expected += 5000;
        assert_eq!(count(&engine).await, expected, "{encoding}");
        let cut = body[..body.len() - 9].to_vec();
        let (status, text) = answer(insert(cut)).await;
        assert_eq!(status, 400, "{encoding} cut: {text}");
        assert_eq!(count(&engine).await, expected, "{encoding}: a cut body must not commit");
    }
}

/// Sends the head of an insert and a part of its body over a raw connection, then leaves.
async fn abort_insert(engine: &EngineProcess, framing: &str, body: &str) {
    let address = engine.endpoint.url.strip_prefix("http://").unwrap();
    let mut stream = tokio::net::TcpStream::connect(address).await.unwrap();
    let writer = &engine.endpoint.writer;
    let head = format!(
        "POST /?query=INSERT+INTO+beidou.t+FORMAT+JSONEachRow HTTP/1.1\r\nHost: {address}\r\nX-ClickHouse-User: {}\r\n\
         X-ClickHouse-Key: {}\r\n{framing}\r\n\r\n",
        writer.user, writer.password
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    stream.write_all(body.as_bytes()).await.unwrap();
    // The engine must have begun, or nothing would be proven.
    wait_until("the insert to run", async || running_inserts(engine).await == 1).await;
    stream.shutdown().await.unwrap();
    drop(stream);
    wait_until("the insert to end", async || running_inserts(engine).await == 0).await;
}

async fn running_inserts(engine: &EngineProcess) -> u64 {
    let sql = "SELECT count() FROM system.processes WHERE query ILIKE 'INSERT%'";
    engine.ok(sql).await.parse().unwrap()
}

#[tokio::test]
async fn a_body_that_ends_early_never_commits() {
    let engine = with_table().await;
    let rows: String = (0..1000).map(|number| format!("{{\"number\":{number},\"text\":\"t\"}}\n")).collect();
    abort_insert(&engine, &format!("Content-Length: {}", rows.len() * 2), &rows).await;
    assert_eq!(count(&engine).await, 0, "with a length");
    let chunk = format!("{:x}\r\n{rows}\r\n", rows.len());
    abort_insert(&engine, "Transfer-Encoding: chunked", &chunk).await;
    assert_eq!(count(&engine).await, 0, "chunked");

    // The same way to its end commits.
    let address = engine.endpoint.url.strip_prefix("http://").unwrap();
    let mut stream = tokio::net::TcpStream::connect(address).await.unwrap();
    let writer = &engine.endpoint.writer;
    let request = format!(
        "POST /?query=INSERT+INTO+beidou.t+FORMAT+JSONEachRow HTTP/1.1\r\nHost: {address}\r\nX-ClickHouse-User: {}\r\n\
         X-ClickHouse-Key: {}\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n{chunk}0\r\n\r\n",
        writer.user, writer.password
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut reply = String::new();
    stream.read_to_string(&mut reply).await.unwrap();
    assert!(reply.starts_with("HTTP/1.1 200"), "{reply}");
    assert_eq!(count(&engine).await, 1000);
}

#[tokio::test]
async fn a_dropped_client_insert_leaves_nothing() {
    let engine = with_table().await;
    let mut insert = engine.client().insert_formatted_with("INSERT INTO t FORMAT ArrowStream");
    insert.send(arrow(0..50_000)).await.unwrap();
    drop(insert);
    wait_until("the insert to end", async || running_inserts(&engine).await == 0).await;
    assert_eq!(count(&engine).await, 0);
}

#[tokio::test]
async fn bad_data_is_refused_with_the_engines_reason() {
    let engine = with_table().await;
    let insert =
        |body: &'static str| engine.request().query(&[("query", "INSERT INTO t FORMAT JSONEachRow")]).body(body);
    let (status, text) = answer(insert("{\"number\":1}\n{\"number\":\"x\"}\n")).await;
    assert_eq!(status, 400, "{text}");
    assert!(text.contains("Code: "), "{text}");
    assert_eq!(count(&engine).await, 0);
    assert_eq!(answer(insert("")).await, (200, String::new()), "no rows are no error");
    let (status, text) = answer(engine.request().query(&[("query", "INSERT INTO nowhere FORMAT CSV")]).body("1")).await;
    assert_eq!(status, 404, "{text}");
}

#[tokio::test]
async fn the_reason_reaches_a_client_that_is_still_sending() {
    let engine = with_table().await;
    for (sql, reason) in
        [("INSERT INTO nowhere FORMAT ArrowStream", "UNKNOWN_TABLE"), ("INSERT INTO t FORMAT JSONEachRow", "Code: ")]
    {
        let body = [vec![b'['; 16], vec![b'x'; 24 << 20]].concat();
        let (status, text) = answer(engine.request().query(&[("query", sql)]).body(body)).await;
        assert!(status >= 400 && text.contains(reason), "{sql}: {status} {text}");
    }
    assert_eq!(count(&engine).await, 0);
}

async fn insert_with_token(engine: &EngineProcess, token: &str, numbers: std::ops::Range<u64>) {
    let client = engine.client().with_setting("insert_deduplication_token", token);
    let mut insert = client.insert_formatted_with("INSERT INTO t FORMAT ArrowStream");
    insert.send(arrow(numbers)).await.unwrap();
    insert.end().await.unwrap();
}

#[tokio::test]
async fn a_repeated_token_counts_once_even_after_a_kill() {
    let data = tempfile::tempdir().unwrap();
    let engine = EngineProcess::start_on(data.path());
    let table = format!("{TABLE} SETTINGS non_replicated_deduplication_window = 100");
    engine.client().query(&table).execute().await.unwrap();
    insert_with_token(&engine, "cut-1", 0..1000).await;
    insert_with_token(&engine, "cut-1", 0..1000).await;
    assert_eq!(count(&engine).await, 1000);
    let before = engine.endpoint.clone();
    engine.kill();

    let engine = EngineProcess::start_on(data.path());
    assert_eq!(engine.endpoint.url, before.url, "a restarted engine is found where it was");
    assert_ne!(engine.endpoint.writer, before.writer, "secrets are those of one run");
    assert_ne!(engine.endpoint.pid, before.pid);
    assert_eq!(count(&engine).await, 1000, "what was acknowledged is there");
    insert_with_token(&engine, "cut-1", 0..1000).await;
    assert_eq!(count(&engine).await, 1000, "the token is remembered");
    insert_with_token(&engine, "cut-2", 1000..1500).await;
    assert_eq!(count(&engine).await, 1500);
}

#[tokio::test]
async fn inserts_are_synced_to_disk_by_default() {
    let engine = EngineProcess::start();
    let sql = "SELECT name, value FROM system.merge_tree_settings WHERE name IN ('fsync_after_insert', \
               'fsync_part_directory') ORDER BY name";
    assert_eq!(engine.ok(sql).await, "fsync_after_insert\t1\nfsync_part_directory\t1");
}
