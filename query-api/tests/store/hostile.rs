//! Hostile input: some 1,000 statements and requests of `hostile.jsonl`, against secrets that were planted where no
//! caller may look, and a listener that nobody may call.
//!
//! A line is `{"sql": …}`, or a request: `{"get": path}` or `{"post": path, "body": …}`, each perhaps with `headers`.
//! `@FILE@` stands for the file with a secret, `@PORT@` for the listener. Every answer is searched for the secrets.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use beidou_store::sql::check;
use serde_json::Value;
use tokio::net::TcpListener;

use crate::{
    World,
    support::{Answer, TOKEN, answer},
    world_alone,
};

/// The secrets: in a file, in another database, in a column that no view has, behind the part of a frame that one shows.
const SECRETS: [&str; 4] = ["canary-file-93ad", "canary-table-93ad", "canary-column-93ad", "canary-frame-93ad"];
/// The fewest inputs that this set shall have.
const LEAST: usize = 1000;

struct Field {
    world: World,
    port: u16,
    calls: Arc<AtomicUsize>,
    file: std::path::PathBuf,
    _folder: tempfile::TempDir,
}

async fn field() -> Field {
    let world = world_alone().await;
    world.filled().await;
    let [in_file, in_table, in_column, in_frame] = SECRETS;
    for sql in [
        "CREATE DATABASE other".to_owned(),
        "CREATE TABLE other.secret (x String) ENGINE = MergeTree ORDER BY x".into(),
        format!("INSERT INTO other.secret SELECT '{in_table}'"),
        format!(
            "INSERT INTO kube_event (cluster_uid, event_uid, time, residual, reporting_instance, meta_name)
             SELECT 'u1', generateUUIDv4(), now64(6), '{in_column}', '{in_column}', '{in_column}'"
        ),
        format!(
            "INSERT INTO kube_reject (cluster_uid, observed, reason, frame) SELECT 'u1', now64(6), 'not_json', concat(repeat(' ', 600), '{in_frame}')"
        ),
    ] {
        world.engine.run(&sql).await;
    }
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("secret.csv");
    std::fs::write(&file, format!("{in_file}\n")).unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (port, calls) = (listener.local_addr().unwrap().port(), Arc::new(AtomicUsize::new(0)));
    let counted = calls.clone();
    tokio::spawn(async move {
        while listener.accept().await.is_ok() {
            counted.fetch_add(1, Ordering::SeqCst);
        }
    });
    Field { world, port, calls, file, _folder: folder }
}

impl Field {
    /// The set, with this field's file and port.
    fn inputs(&self) -> Vec<Value> {
        let text = include_str!("hostile.jsonl").replace("@FILE@", self.file.to_str().unwrap());
        let inputs: Vec<Value> = text
            .replace("@PORT@", &self.port.to_string())
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect();
        assert!(inputs.len() >= LEAST);
        inputs
    }

    async fn send(&self, input: &Value) -> Answer {
        if let Some(sql) = input["sql"].as_str() {
            return self.world.post("/api/v1/sql", serde_json::json!({"query": sql})).await;
        }
        let client = &self.world.api.client;
        let request = match (input["get"].as_str(), input["post"].as_str()) {
            (Some(path), _) => client.get(format!("{}{path}", self.world.api.url)),
            (_, Some(path)) => client.post(format!("{}{path}", self.world.api.url)).body(input["body"].to_string()),
            (None, None) => panic!("{input}"),
        };
        let mut request = request.bearer_auth(TOKEN);
        let headers = input["headers"].as_object().cloned().unwrap_or_default();
        if !headers.contains_key("content-type") {
            request = request.header("content-type", "application/json");
        }
        answer(headers.iter().fold(request, |request, (name, value)| request.header(name, value.as_str().unwrap())))
            .await
    }

    /// The first secret in a text, plain or in an encoding that SQL has.
    fn leak<'a>(&self, text: &str, secrets: &'a [&'a str]) -> Option<&'a str> {
        let lower = text.to_lowercase();
        let shown = |secret: &&&str| {
            let hex: String = secret.bytes().map(|byte| format!("{byte:02x}")).collect();
            let reversed: String = secret.chars().rev().collect();
            lower.contains(**secret) || lower.contains(&hex) || lower.contains(&reversed)
        };
        secrets.iter().find(shown).copied().or_else(|| lower.contains("root:x:0").then_some("/etc/passwd"))
    }

    async fn state(&self) -> String {
        let sql = "SELECT (SELECT count() FROM kube_event), (SELECT count() FROM system.tables WHERE database NOT IN ('system', 'INFORMATION_SCHEMA', 'information_schema')), \
                   (SELECT count() FROM system.functions WHERE origin != 'System'), (SELECT count() FROM system.databases)";
        self.world.engine.text(sql).await
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_leaks_nothing_is_called_and_nothing_changes() {
    let field = field().await;
    let before = field.state().await;
    let (mut refused, mut answered, mut wrong) = (0, Vec::new(), Vec::new());
    for input in field.inputs() {
        let answer = field.send(&input).await;
        if answer.status == 500 || field.leak(&answer.text, &SECRETS).is_some() {
            wrong.push(format!("{input}: {}", answer.text));
        }
        match answer.status {
            200 => answered.push(input),
            _ => refused += 1,
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    // The engine might still be at work for somebody: it answers once more.
    assert_eq!(field.state().await, before, "no statement has changed anything");
    assert_eq!(field.calls.load(Ordering::SeqCst), 0, "no statement has called anybody");
    assert!(
        !field.file.with_file_name("secret.csv.out").exists() && !field.file.with_file_name("secret.csv.bak").exists()
    );
    println!("{refused} refused, {} answered without a secret:", answered.len());
    // What takes long is answered on one machine and stopped on another.
    let quick = answered
        .iter()
        .map(|input| input.to_string().chars().take(120).collect::<String>())
        .filter(|input| !input.contains("00000"));
    insta::assert_snapshot!(quick.collect::<Vec<_>>().join("\n"));
}

/// What the second fence holds by itself: the statements as they are, sent to the engine as its reader. Tables of other
/// databases are the first fence's part here, since the embedded engine has one user for all of them.
#[tokio::test(flavor = "multi_thread")]
async fn the_engines_own_fence_holds_files_connections_and_changes() {
    let field = field().await;
    let before = field.state().await;
    let client = field.world.engine.store().reader().unwrap();
    let (mut refused, mut answered, mut seen, mut files) = (0, 0, Vec::new(), Vec::new());
    for input in field.inputs() {
        // What takes the engine long is the limits' part.
        let Some(sql) = input["sql"].as_str().filter(|sql| !sql.contains("000000") && !sql.contains("20000")) else {
            continue;
        };
        let query = client.query_raw(sql).with_setting("max_execution_time", "5");
        let text = match query.fetch_bytes("TSV") {
            Ok(mut cursor) => cursor.collect().await.map(|bytes| String::from_utf8_lossy(&bytes).into_owned()),
            Err(error) => Err(error),
        };
        match text {
            Ok(text) => {
                answered += 1;
                files.extend(field.leak(&text, &SECRETS[..1]).map(|_| sql.to_owned()));
                seen.extend(field.leak(&text, &SECRETS[1..]).map(|secret| (secret.to_owned(), sql.to_owned())));
            }
            Err(_) => refused += 1,
        }
    }
    assert!(files.is_empty(), "{files:#?}");
    assert_eq!(field.state().await, before, "no statement has changed anything");
    assert_eq!(field.calls.load(Ordering::SeqCst), 0, "no statement has called anybody");
    assert!(!field.file.with_file_name("secret.csv.out").exists(), "no statement has written a file");
    println!(
        "the engine alone: {refused} refused, {answered} answered, {} of them with a secret of a table",
        seen.len()
    );
    assert!(seen.iter().all(|(_, sql)| check(sql).is_err()), "the guard refuses each of them: {seen:?}");
}

/// The search for secrets can fail: a statement that the guard would let through if it knew that table shows one.
#[tokio::test(flavor = "multi_thread")]
async fn a_leak_would_be_seen() {
    let field = field().await;
    let text = field.world.engine.text("SELECT hex(x), reverse(x), x FROM other.secret").await;
    for part in text.trim().split('\t') {
        assert_eq!(field.leak(part, &SECRETS), Some(SECRETS[1]), "{part}");
    }
}
