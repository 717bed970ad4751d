//! Facts of operations stand in the table once, with the names and lengths that follow from those before them; and the views
//! say what the model's own fold says.

use std::{collections::BTreeMap, path::Path, sync::Arc, time::Duration};

use crate::support::{
    Engine, Running, append, events, execute, kept, log, log_of_operations, number,
    operations::{LOG, RUN, golden, records, stuck_at, told, world},
    rows, scene, wait_for,
};
use beidou_log::memory::MemoryLog;
use beidou_model::operation::Board;
use beidou_projector::{CutLimit, ProjectorConfig, fault::Faults};
use beidou_schemas::{
    Record, Topic,
    operation::{
        FACTS, HostState, Object, Phase, Purpose, SAID, SecretRef,
        fact::{Body, Fact, Finished, WriterStarted},
    },
};
use beidou_store::{Store, archive::Archive};
use serde_json::{Value, json};

/// Small cuts, so that there are many.
fn config(faults: Faults) -> ProjectorConfig {
    let cut = CutLimit { records: 10, linger: Duration::from_millis(5), pace: Duration::ZERO, ..CutLimit::default() };
    ProjectorConfig { cut, faults, ..ProjectorConfig::default() }
}

/// All columns but those of places, in an order of their own.
async fn table(store: &Store) -> Vec<Value> {
    rows(store, "SELECT * EXCEPT (log_offset) FROM operation_event ORDER BY object_id, source, attempt, seq, epoch")
        .await
}

async fn projected(log: &Arc<MemoryLog>, store: &Store) {
    let mut projector = Running::start(config(Faults::default()), log, store);
    projector.caught_up(log).await;
    projector.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn each_fact_is_one_row_and_names_its_operation() {
    let (_engine, log, store) = scene(world().await).await;
    projected(&log, &store).await;
    let decided = rows(
        &store,
        "SELECT toString(object_id) AS id, cluster, name, type, toUInt32(seq) AS seq, kind, value, \
         toUnixTimestamp64Micro(time) AS time FROM operation_event WHERE source = 'decided' ORDER BY log_offset \
         SETTINGS output_format_json_quote_64bit_integers = 0",
    );
    let (decided, facts) = (decided.await, golden());
    assert_eq!(decided.len(), facts.len());
    let board = Board::fold(&facts);
    for ((row, fact), line) in decided.iter().zip(&facts).zip(LOG.lines()) {
        let (cluster, name, kind_of) = match fact.object {
            Object::Operation(id) => {
                let operation = &board.operations[&id];
                ("c1", &*operation.name, operation.spec.operation_type.name())
            }
            Object::Task(id) => ("c1", &*board.tasks[&id].name, "ScaleUp"),
            Object::Board => (row["cluster"].as_str().unwrap(), "", ""),
        };
        let expected = json!({"id": fact.object.id(), "cluster": cluster, "name": name, "type": kind_of, "seq": fact.seq,
            "kind": fact.body.name(), "value": line, "time": fact.time.0});
        assert_eq!(*row, expected);
    }
    let told = rows(
        &store,
        "SELECT cluster, name, step, action, host, outcome, reason, kind, toUInt32(sum(duration_ms)) AS ms, \
         toUInt32(count()) AS n FROM operation_event WHERE source = 'told' GROUP BY ALL",
    );
    let expected = json!({"cluster": "c1", "name": "ops/1", "step": "scaleUp", "action": "pull the images", "kind": "host",
        "host": "10.0.0.1", "outcome": "failed", "reason": "RegistryUnreachable", "ms": 21_000, "n": 20});
    assert_eq!(told.await, [expected]);
}

/// What the model says of an operation, as the views have it.
fn expected(board: &Board) -> Vec<Value> {
    let of = |operation: &beidou_model::operation::Operation| {
        let bad = |host: usize| operation.cells.iter().any(|step| step[host].state.is_bad());
        let hosts = 0..operation.plan.hosts.len();
        let took = operation.started.zip(operation.ended).map(|(from, to)| (to.0 - from.0) / 1000);
        json!({
            "operation": operation.id.0, "state": operation.phase.name(), "requester": operation.subject,
            "requested": operation.created.0, "started": operation.started.map(|at| at.0),
            "ended": operation.ended.map(|at| at.0), "duration_ms": took, "hosts": operation.plan.hosts.len(),
            "hosts_bad": hosts.filter(|host| bad(*host)).count(), "message": operation.message,
        })
    };
    board.operations.values().map(of).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_views_say_what_the_model_says() {
    let dir = tempfile::tempdir().unwrap();
    let engine = Engine::shared(dir.path()).await;
    let store = engine.store();
    // Half-way through the recorded run, and at its end.
    let facts = golden();
    let log = log_of_operations();
    for part in [&facts[..facts.len() / 2], &facts[facts.len() / 2..]] {
        append(&log, FACTS, records(part)).await;
        projected(&log, &store).await;
        let known: usize = number(&store, "SELECT count() FROM operation_event").await as usize;
        let board = Board::fold(&facts[..known]);
        let found = rows(
            &store,
            "SELECT toString(operation) AS operation, state, requester, toUnixTimestamp64Micro(requested) AS requested, \
             toUnixTimestamp64Micro(started) AS started, toUnixTimestamp64Micro(ended) AS ended, duration_ms, hosts, \
             hosts_bad, message FROM operations ORDER BY toString(operation) SETTINGS output_format_json_quote_64bit_integers = 0",
        );
        assert_eq!(found.await, expected(&board));
        check_hosts(&store, &board).await;
        check_steps(&store, &board).await;
    }
}

/// Cells that a person has reset or left out since the last attempt are not known to it.
async fn check_hosts(store: &Store, board: &Board) {
    let found = rows(
        store,
        "SELECT toString(operation) AS id, step, host, outcome, duration_ms FROM operation_hosts \
         SETTINGS output_format_json_quote_64bit_integers = 0",
    );
    let found: BTreeMap<_, _> = found
        .await
        .into_iter()
        .map(|row| ((row["id"].to_string(), row["step"].to_string(), row["host"].to_string()), row))
        .collect();
    let mut compared = 0;
    for operation in board.operations.values() {
        let cells = operation
            .cells
            .iter()
            .enumerate()
            .flat_map(|(s, step)| step.iter().enumerate().map(move |(h, c)| (s, h, c)));
        for (step, host, cell) in
            cells.filter(|(.., cell)| !matches!(cell.state, HostState::Waiting | HostState::Skipped))
        {
            let key =
                (json!(operation.id.0), json!(operation.plan.steps[step].name), json!(operation.plan.hosts[host]));
            let row = &found[&(key.0.to_string(), key.1.to_string(), key.2.to_string())];
            assert_eq!(row["outcome"], cell.state.name(), "{row}");
            let running = cell.state == HostState::Running;
            assert_eq!(row["duration_ms"], if running { Value::Null } else { json!(cell.duration_ms) }, "{row}");
            compared += 1;
        }
    }
    assert!(compared > 8, "{compared}");
}

async fn check_steps(store: &Store, board: &Board) {
    let found = rows(
        store,
        "SELECT toString(operation) AS id, step, batch, attempt, purpose, outcome, hosts, \
         toUnixTimestamp64Micro(started) AS started, toUnixTimestamp64Micro(ended) AS ended FROM operation_steps \
         ORDER BY id, intended, step, batch, attempt, purpose SETTINGS output_format_json_quote_64bit_integers = 0",
    );
    let mut expected = Vec::new();
    for operation in board.operations.values() {
        for attempt in &operation.attempts {
            let outcome = attempt.over.as_ref().map_or("running", |over| over.end.name());
            let step = operation.plan.steps[attempt.step as usize].name.clone();
            let row = json!({"id": operation.id.0, "step": step, "batch": attempt.batch, "attempt": attempt.number,
                "purpose": attempt.purpose.name(), "outcome": outcome, "hosts": attempt.hosts.len(),
                "started": attempt.claimed.map(|at| at.0), "ended": attempt.over.as_ref().map(|over| over.at.0)});
            let purpose = if attempt.purpose == Purpose::Act { "act" } else { "undo" };
            expected.push(((operation.id, attempt.intended, step, attempt.batch, attempt.number, purpose), row));
        }
    }
    expected.sort_by(|one, other| one.0.cmp(&other.0));
    assert_eq!(found.await, expected.into_iter().map(|(_, row)| row).collect::<Vec<_>>());
}

async fn told_step(file: &Path, topic: Topic, step: &str) {
    let mark = format!(" {step} {topic}/");
    let seen = || std::fs::read_to_string(file).ok().filter(|text| text.contains(&mark)).map(drop);
    wait_for(&format!("step{mark}"), seen).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_crash_between_pending_and_done_loses_doubles_and_changes_nothing() {
    let (dir, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (engine, whole) = (Engine::shared(dir.path()).await, Engine::shared(other.path()).await);
    let (log, store) = (log_of_operations(), engine.store());
    for (round, part) in golden().chunks(90).enumerate() {
        append(&log, FACTS, records(part)).await;
        if round == 1 {
            append(&log, SAID, vec![told(1).to_record()]).await;
        }
        let file = dir.path().join(format!("steps-{round}"));
        let crashing = Running::start(config(stuck_at(&file)), &log, &store);
        told_step(&file, Topic::Operation, "pending").await;
        crashing.crash().await;
        std::fs::remove_file(&file).unwrap();
        let short = Faults { hold: Duration::from_millis(1), ..stuck_at(&file) };
        let crashing = Running::start(config(short), &log, &store);
        told_step(&file, Topic::Operation, "inserted").await;
        crashing.crash().await;
    }
    projected(&log, &store).await;
    projected(&world().await, &whole.store()).await;
    assert_eq!(table(&store).await, table(&whole.store()).await);
    assert_eq!(number(&store, "SELECT count() FROM operation_event").await, golden().len() as u64 + 20);
}

#[tokio::test(flavor = "multi_thread")]
async fn facts_that_do_not_count_are_no_rows_and_what_is_none_is_a_reject() {
    let (_engine, log, store) = scene(world().await).await;
    let last = golden().into_iter().rfind(|fact| fact.object == Object::Operation(RUN)).unwrap();
    let board_seq = golden().iter().filter(|fact| fact.object == Object::Board).count() as u64;
    let started = Fact {
        object: Object::Board,
        seq: board_seq + 1,
        epoch: 7,
        body: WriterStarted { writer: "w2".into() }.into(),
        ..last.clone()
    };
    let finished = Finished {
        phase: Phase::Failed,
        reason: beidou_schemas::operation::Reason::Completed,
        message: "of a writer that was followed by another".into(),
    };
    let stale = Fact { seq: last.seq + 1, body: finished.into(), ..last.clone() };
    let broken = Record { value: b"\xff{".to_vec().into(), ..last.to_record() };
    append(&log, FACTS, vec![last.to_record(), started.to_record(), stale.to_record(), broken]).await;
    let broken = Record { value: b"\xff[".to_vec().into(), ..told(1).to_record() };
    append(&log, SAID, vec![told(2).to_record(), broken]).await;
    projected(&log, &store).await;
    let count = "SELECT count() FROM operation_event WHERE source = 'decided'";
    assert_eq!(number(&store, count).await, golden().len() as u64 + 1, "the new writer's fact, and no other");
    let messages = "SELECT DISTINCT message FROM operation_event FINAL WHERE source = 'told'";
    assert_eq!(rows(&store, messages).await, [json!({"message": "no route, epoch 2"})], "the later epoch counts");
    let found = rows(&store, "SELECT topic, cluster_uid, hex(frame) AS frame FROM kube_reject ORDER BY topic").await;
    let row = |topic: Topic, frame: &str| json!({"topic": topic.name(), "cluster_uid": "", "frame": frame});
    assert_eq!(found, [row(Topic::OperationTask, "FF5B"), row(Topic::Operation, "FF7B")]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_older_store_is_brought_forward_and_filled_from_the_first_fact() {
    let dir = tempfile::tempdir().unwrap();
    let engine = Engine::shared(dir.path()).await;
    let store = engine.store();
    let event = [events::event(1, 1, 1, "2026-11-23T13:59:00Z")];
    // A projector of before knew neither the topics nor the tables.
    let before = log();
    events::append(&before, &event).await;
    projected(&before, &store).await;
    for view in ["operations", "operation_steps", "operation_hosts", "operation_events", "operation_event"] {
        execute(&store, &format!("DROP TABLE {view} SYNC")).await;
    }
    execute(&store, "ALTER TABLE schema_migration DELETE WHERE number >= 9").await;
    let log = world().await;
    events::append(&log, &event).await;
    projected(&log, &store).await;
    assert_eq!(number(&store, "SELECT count() FROM operation_event").await, golden().len() as u64 + 20);
    assert_eq!(number(&store, "SELECT count() FROM operations").await, 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wiped_store_is_filled_from_the_log_again() {
    let dir = tempfile::tempdir().unwrap();
    let engine = Engine::shared(dir.path()).await;
    let (log, store) = (world().await, engine.store());
    let archive = Archive::folder(&dir.path().join("archive")).unwrap();
    let config = || kept::config(&archive, 30, Duration::from_millis(200));
    events::append(&log, &kept::history(0..60)).await;
    let mut projector = Running::start(config(), &log, &store);
    kept::all_archived(&mut projector, &log).await;
    projector.stop().await;
    let before = table(&store).await;
    for table in ["operation_event", "kube_event", "kube_coverage", "kube_reject", "schema_migration"] {
        execute(&store, &format!("DROP TABLE {table} SYNC")).await;
    }
    let mut projector = Running::start(config(), &log, &store);
    projector.caught_up(&log).await;
    projector.stop().await;
    assert_eq!(table(&store).await, before);
    assert_eq!(before.len(), golden().len() + 20);
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_that_this_table_alone_has_lost_are_made_again() {
    let (_engine, log, store) = scene(world().await).await;
    events::append(&log, &kept::history(0..30)).await;
    projected(&log, &store).await;
    let before = table(&store).await;
    assert_eq!(before.len(), golden().len() + 20);
    // All of it; and the first ones, as a restore that was killed leaves it.
    for lost in ["1", "log_offset < 40"] {
        execute(&store, &format!("ALTER TABLE operation_event DELETE WHERE {lost}")).await;
        assert!(table(&store).await.len() < before.len());
        projected(&log, &store).await;
        execute(&store, "OPTIMIZE TABLE operation_event FINAL").await;
        assert_eq!(table(&store).await, before);
    }
}

/// The log holds references in place of secrets, and the row what the log holds.
#[tokio::test(flavor = "multi_thread")]
async fn a_secret_parameter_is_a_reference_in_every_column() {
    let (_engine, log, store) = scene(log_of_operations()).await;
    let mut facts = golden();
    let reference = SecretRef { parameter: "bootstrap_token".into(), secret: "join".into(), key: "token".into() };
    for fact in &mut facts {
        if let Body::Accepted(accepted) = &mut fact.body {
            accepted.spec.secrets = vec![reference.clone()];
        }
    }
    append(&log, FACTS, records(&facts)).await;
    projected(&log, &store).await;
    let kept = "SELECT DISTINCT JSONExtractRaw(value, 'body', 'spec', 'secrets') AS kept FROM operation_event WHERE kind = 'Accepted'";
    let expected = r#"[{"key":"token","parameter":"bootstrap_token","secret":"join"}]"#;
    assert_eq!(rows(&store, kept).await, [json!({"kept": expected})]);
    // Of tokens of attempts there is the SHA-256 alone, and in no column but the fact as it stands in the log.
    let hashes = "SELECT count() FROM operation_event WHERE match(concat(message, reason, action, outcome, subject, attempt, host), '[0-9a-f]{64}')";
    assert_eq!(number(&store, hashes).await, 0);
    let others = "SELECT count() FROM operation_event WHERE match(value, 'token') \
        AND kind NOT IN ('Accepted', 'AttemptOffered') AND NOT match(value, '\"parameter\":')";
    assert_eq!(number(&store, others).await, 0);
}
