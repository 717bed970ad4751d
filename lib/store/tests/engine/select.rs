//! Statements with results: through the client library, streamed, broken off, refused.

use crate::support::{EngineProcess, answer, wait_until};
use clickhouse::{Compression, Row};
use futures::StreamExt;
use serde::Deserialize;

#[derive(Row, Deserialize, Debug, PartialEq)]
struct Pair {
    number: u64,
    text: String,
}

#[tokio::test]
async fn the_client_library_queries_with_parameters_packed_and_plain() {
    let engine = EngineProcess::start();
    for compression in [Compression::None, Compression::Lz4] {
        let client = engine.client().with_compression(compression);
        let rows = client
            .query("SELECT number, {word:String} AS text FROM numbers({from:UInt64}, 3)")
            .param("word", "it's\ta \\ \"word\"\nof two lines")
            .param("from", 40)
            .fetch_all::<Pair>()
            .await
            .unwrap();
        let text = "it's\ta \\ \"word\"\nof two lines".to_owned();
        let expected: Vec<Pair> = (40..43).map(|number| Pair { number, text: text.clone() }).collect();
        assert_eq!(rows, expected, "{compression:?}");
        let one: String = client.query("SELECT ?").bind("x'y").fetch_one().await.unwrap();
        assert_eq!(one, "x'y");
        let none =
            client.query("SELECT number, 'a' AS text FROM numbers(5) WHERE number > 9").fetch_all::<Pair>().await;
        assert_eq!(none.unwrap(), Vec::new(), "an empty result has a header too");
        assert_eq!(client.query("SELECT currentDatabase()").fetch_one::<String>().await.unwrap(), "beidou");
    }
}

#[tokio::test]
async fn a_big_result_streams_as_one_document() {
    let engine = EngineProcess::start();
    let mut cursor =
        engine.client().query("SELECT number, toString(number) AS text FROM numbers(2000000)").fetch::<Pair>().unwrap();
    let mut next = 0u64;
    while let Some(row) = cursor.next().await.unwrap() {
        assert_eq!(row, Pair { number: next, text: next.to_string() });
        next += 1;
    }
    assert_eq!(next, 2_000_000);

    let sql = "SELECT number AS n, toString(number) AS s FROM numbers(700000) \
               SETTINGS output_format_arrow_compression_method = 'none' FORMAT ArrowStream";
    let bytes = engine.request().body(sql).send().await.unwrap().bytes().await.unwrap();
    let reader = arrow_ipc::reader::StreamReader::try_new(bytes.as_ref(), None).unwrap();
    let rows: usize = reader.map(|batch| batch.unwrap().num_rows()).sum();
    assert_eq!(rows, 700_000, "schema and end mark must stand in the stream once");

    let text = engine.ok("SELECT number AS n FROM numbers(300000) FORMAT CSVWithNames").await;
    assert_eq!(text.lines().count(), 300_001);
    assert_eq!(text.lines().filter(|line| line.contains('n')).count(), 1, "the names must come once");
}

#[tokio::test]
async fn formats_that_cannot_be_joined_come_whole() {
    let engine = EngineProcess::start();
    let (status, text) = engine.sql("SELECT number FROM numbers(200000) FORMAT JSON").await;
    assert_eq!(status, 200);
    let json: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(json["data"].as_array().unwrap().len(), 200_000);
    let rows = "SELECT number FROM numbers(200000) SETTINGS output_format_json_array_of_rows = 1 FORMAT JSONEachRow";
    let array: serde_json::Value = serde_json::from_str(&engine.ok(rows).await).unwrap();
    assert_eq!(array.as_array().unwrap().len(), 200_000);
    assert_eq!(engine.ok("DESCRIBE (SELECT 1 AS a)").await.split('\t').next(), Some("a"));
    assert_eq!(engine.ok("SELECT 1 AS format, 2 AS json").await, "1\t2");
    assert_eq!(engine.ok("SELECT 7 AS a WHERE 0 FORMAT CSVWithNames").await, "\"a\"");
    assert_eq!(engine.ok("SELECT a, a FROM (SELECT 1 AS a) WHERE 0 FORMAT CSVWithNames;").await, "\"a\",\"a\"");
}

#[tokio::test]
async fn an_error_in_the_middle_reaches_the_client() {
    let engine = EngineProcess::start();
    let sql = "SELECT number, toString(throwIf(number = 3000000, 'planted fault')) AS text FROM numbers(5000000)";
    for compression in [Compression::None, Compression::Lz4] {
        let client = engine.client().with_compression(compression);
        let mut cursor = client.query(sql).fetch::<Pair>().unwrap();
        let mut rows = 0u32;
        let error = loop {
            match cursor.next().await {
                Ok(Some(_)) => rows += 1,
                Ok(None) => panic!("the result must not look whole after {rows} rows"),
                Err(error) => break error.to_string(),
            }
        };
        assert!(rows > 0, "the error must come in the middle");
        assert!(error.contains("planted fault") && error.contains("395"), "{compression:?}: {error}");
    }
    let held = answer(engine.request().query(&[("wait_end_of_query", "1")]).body(sql)).await;
    assert_eq!(held.0, 500, "{}", held.1);
    assert!(held.1.contains("planted fault"));
}

#[tokio::test]
async fn errors_have_codes_statuses_and_text() {
    let engine = EngineProcess::start();
    for (sql, status, part) in [
        ("SELECT FROM WHERE", 400, "SYNTAX_ERROR"),
        ("SELECT * FROM nowhere", 404, "UNKNOWN_TABLE"),
        ("selec", 400, "SYNTAX_ERROR"),
        ("", 400, "Empty query"),
        ("SELECT 1; SELECT 2", 400, "Multi-statements"),
        ("SELECT {missing:String}", 400, "UNKNOWN_QUERY_PARAMETER"),
        ("SELECT 1 INTO OUTFILE '/tmp/beidou-outfile'", 400, "INTO OUTFILE is not allowed"),
        ("INSERT INTO t FROM INFILE '/etc/passwd' FORMAT LineAsString", 501, "INFILE"),
        ("SELECT * FROM file('/etc/passwd', 'LineAsString')", 403, "ACCESS_DENIED"),
        ("SELECT * FROM url('http://127.0.0.1:1/', 'LineAsString')", 403, "ACCESS_DENIED"),
        ("SELECT count() FROM numbers(1000000000000) SETTINGS max_execution_time = 0.2", 408, "TIMEOUT_EXCEEDED"),
        ("SELECT groupArray(number) FROM numbers(1000000000)", 500, "MEMORY_LIMIT_EXCEEDED"),
    ] {
        let (got, text) = engine.sql(sql).await;
        assert!(got == status && text.contains(part), "{sql}: {got} {text}");
        assert!(text.contains("Code: ") && text.contains("(version "), "{sql}: {text}");
    }
    let unknown = answer(engine.request().query(&[("no_such_setting", "1")]).body("SELECT 1")).await;
    assert_eq!(unknown.0, 404, "{}", unknown.1);
    assert!(unknown.1.contains("UNKNOWN_SETTING"));
    assert_eq!(engine.ok("SELECT 1").await, "1", "the engine lives on");
}

/// Number of statements like `%needle%` that run now.
async fn running(engine: &EngineProcess, needle: &str) -> u64 {
    let sql =
        format!("SELECT count() FROM system.processes WHERE query LIKE '%{needle}%' AND query NOT LIKE '%processes%'");
    engine.ok(&sql).await.parse().unwrap()
}

#[tokio::test]
async fn a_client_that_leaves_stops_its_statement() {
    let engine = EngineProcess::start();
    // Before the first row: the handler itself is dropped.
    let endless = engine.request().body("SELECT count() FROM numbers(1000000000000) WHERE sipHash64(number) = 1");
    let waiting = tokio::spawn(endless.send());
    wait_until("the statement to run", async || running(&engine, "sipHash64").await == 1).await;
    waiting.abort();
    wait_until("the statement to stop", async || running(&engine, "sipHash64").await == 0).await;
    // In the middle: the body is dropped.
    let streamed = engine.request().body("SELECT number, 'endless' FROM system.numbers").send().await.unwrap();
    let mut chunks = streamed.bytes_stream();
    assert!(chunks.next().await.unwrap().is_ok());
    assert_eq!(running(&engine, "endless").await, 1);
    drop(chunks);
    wait_until("the stream to stop", async || running(&engine, "endless").await == 0).await;
}

#[tokio::test]
async fn kill_finds_a_statement_by_the_callers_own_log_comment() {
    let engine = EngineProcess::start();
    let sql = "SELECT count() FROM numbers(1000000000000) WHERE cityHash64(number) = 1";
    let request = engine.request().query(&[("log_comment", "of my own")]).body(sql);
    let waiting = tokio::spawn(answer(request));
    wait_until("the statement to run", async || running(&engine, "cityHash64").await == 1).await;
    engine.ok("KILL QUERY WHERE Settings['log_comment'] = 'of my own' ASYNC").await;
    let (status, text) = waiting.await.unwrap();
    assert_eq!(status, 500);
    assert!(text.contains("QUERY_WAS_CANCELLED"), "{text}");
}

#[tokio::test]
async fn settings_of_one_request_do_not_leak_into_the_next() {
    let engine = EngineProcess::start();
    let limited =
        answer(engine.request().query(&[("max_result_rows", "1")]).body("SELECT number FROM numbers(5)")).await;
    assert!(limited.1.contains("TOO_MANY_ROWS"), "{}", limited.1);
    engine.ok("SET max_result_rows = 1").await;
    assert_eq!(engine.ok("SELECT count() FROM (SELECT number FROM numbers(5))").await, "5");
    assert_eq!(engine.ok("SELECT number FROM numbers(3)").await, "0\n1\n2");
}

#[tokio::test]
async fn many_statements_at_once_all_get_their_own_answer() {
    let engine = EngineProcess::start();
    let client = engine.client();
    let queries = (0..64u64).map(|number| {
        let client = client.clone();
        async move { client.query("SELECT ? + count() FROM numbers(100000)").bind(number).fetch_one::<u64>().await }
    });
    let answers: Vec<_> = futures::future::join_all(queries).await;
    for (number, answer) in (0u64..).zip(answers) {
        assert_eq!(answer.unwrap(), number + 100_000);
    }
}
