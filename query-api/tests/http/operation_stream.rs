//! Streams and exports: every fact once and in order, from any place on; and a file that proves itself.

use beidou_model::operation::{Board, view};
use beidou_query_api::operation_export::{Chain, ChainError, FORMAT};
use beidou_schemas::{
    Micros,
    operation::{
        Object, OperationId, TaskId,
        fact::{Body, Fact},
    },
};
use serde_json::{Value, json};

use crate::support::{
    Api, log,
    operations::{RUN, TASK, golden, golden_until, said, say, tell},
    sse::{Message, Tail},
    without_store,
};

fn of(object: Object) -> Vec<Fact> {
    golden().into_iter().filter(|fact| fact.object == object).collect()
}

async fn open(api: &Api, path: &str, last: Option<&str>) -> Tail {
    Tail::open_at(api, path, last).await.0
}

fn seqs(messages: &[Message]) -> Vec<u64> {
    messages.iter().map(|message| message.json()["seq"].as_u64().unwrap()).collect()
}

#[tokio::test]
async fn a_stream_tells_each_fact_once_and_goes_on_behind_any_of_them() {
    let log = log();
    let early = golden_until(|fact| fact.object == Object::Operation(OperationId(RUN)) && fact.seq == 20);
    tell(&log, &early).await;
    let api = without_store(log.clone()).await;
    let path = format!("/api/v1/operations/{RUN}/stream");
    let mut live = open(&api, &path, None).await;
    tell(&log, &golden()[early.len()..]).await;
    let facts = of(Object::Operation(OperationId(RUN)));
    let new = live.messages(facts.len() - 19).await;
    assert_eq!(seqs(&new), (20..=facts.len() as u64).collect::<Vec<_>>());
    // All of them from the beginning, and behind any one of them.
    let all = open(&api, &format!("{path}?after=0"), None).await.messages(facts.len()).await;
    assert_eq!(seqs(&all), (1..=facts.len() as u64).collect::<Vec<_>>());
    assert_eq!(all[0].json()["fact"], json!("Accepted"));
    for seen in [0, 1, 40, facts.len() - 1] {
        let rest = open(&api, &path, Some(&all[seen].id)).await.messages(facts.len() - seen - 1).await;
        assert_eq!(seqs(&rest), seqs(&all[seen + 1..]), "behind {seen}");
    }
    // The changes of the messages are the matrix.
    let board = Board::fold(&golden());
    let operation = &board.operations[&OperationId(RUN)];
    let mut cells = view::matrix_at(operation, operation.created.plus(-1)).bytes;
    cells.fill(1);
    let told = all.iter().map(|message| message.json()["changes"].as_array().unwrap().len()).sum::<usize>();
    assert_eq!(told, operation.changes.len(), "each change once");
    for change in all.iter().flat_map(|message| message.json()["changes"].as_array().unwrap().clone()) {
        let number = |at: usize| change[at].as_u64().unwrap() as usize;
        cells[number(0) * 5 + number(1)] = number(2) as u8;
    }
    assert_eq!(cells, view::matrix_at(operation, Micros(i64::MAX)).bytes);
    assert_eq!(all.last().unwrap().json()["summary"]["phase"], json!("Cancelled"));
    let whole = all.iter().filter(|message| message.json()["summary"].is_object()).count();
    assert!(whole <= 1 + all.len() / 128, "of messages that are made at once the last one tells how things stand");
    assert!(live.frame().await.is_none(), "the stream of what is over ends");
}

#[tokio::test]
async fn a_task_is_streamed_with_its_operations() {
    let log = log();
    tell(&log, &golden()).await;
    let api = without_store(log).await;
    let board = Board::fold(&golden());
    let made: Vec<OperationId> = board.tasks[&TaskId(TASK)].steps.iter().filter_map(|step| step.operation).collect();
    let wanted = golden().into_iter().filter(|fact| match fact.object {
        Object::Task(_) => true,
        Object::Operation(id) => made.contains(&id),
        Object::Board => false,
    });
    let wanted: Vec<&str> = wanted.map(|fact| fact.body.name()).collect();
    let path = format!("/api/v1/tasks/{TASK}/stream?after=0");
    let messages = open(&api, &path, None).await.messages(wanted.len()).await;
    let told: Vec<String> =
        messages.iter().map(|message| message.json()["fact"].as_str().unwrap().to_owned()).collect();
    assert_eq!(told, wanted);
    assert!(messages.iter().any(|message| message.json()["operation"]["name"] == "ops/q3-scaleup"));
}

#[tokio::test]
async fn an_export_verifies_and_folds_to_the_same_operation() {
    let log = log();
    tell(&log, &golden()).await;
    let attempt = "00000000-precheck-b0-a1";
    let records =
        [said(attempt, "preCheck", 1, 1, 3), said(attempt, "preCheck", 1, 4, 5), said(attempt, "preCheck", 2, 4, 9)];
    say(&log, &records).await;
    let api = without_store(log).await;
    let answer = api.get(&format!("/api/v1/operations/{RUN}/export")).await;
    assert_eq!((answer.status, answer.header("content-type")), (200, "application/x-ndjson"));
    assert!(answer.header("content-disposition").contains(&format!("operation-{RUN}.ndjson")));
    let lines = Chain::verify(&answer.text).unwrap();
    let values: Vec<Value> = lines.iter().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!((&values[0]["kind"], &values[0]["format"]), (&json!("head"), &json!(FORMAT)));
    let kinds = |kind: &str| values.iter().filter(|value| value["kind"] == kind).count();
    let facts = of(Object::Operation(OperationId(RUN)));
    assert_eq!((kinds("digest"), kinds("fact"), kinds("said")), (3, facts.len(), 2), "what does not count is not told");
    let read = values.iter().filter(|value| value["kind"] == "fact");
    let read: Vec<Fact> = read.map(|value| Fact::from_json(value["fact"].to_string().as_bytes()).unwrap()).collect();
    assert_eq!(read, facts);
    let (there, here) = (Board::fold(&golden()), Board::fold(&read));
    let run = OperationId(RUN);
    assert_eq!(here.operations[&run].changes, there.operations[&run].changes);
    assert_eq!(here.operations[&run].phase, there.operations[&run].phase);
}

#[tokio::test]
async fn an_export_that_was_touched_is_refused() {
    let log = log();
    tell(&log, &golden()).await;
    let api = without_store(log).await;
    let text = api.get(&format!("/api/v1/operations/{RUN}/export")).await.text;
    let lines: Vec<&str> = text.lines().collect();
    let count = lines.len() as u64 - 1;
    let joined = |lines: &[&str]| lines.join("\n") + "\n";
    assert!(Chain::verify(&joined(&lines)).is_ok());
    let changed = text.replacen("the rack is dark", "the rack is dork", 1);
    assert!(matches!(Chain::verify(&changed), Err(ChainError::Head { .. })));
    let mut swapped = lines.clone();
    swapped.swap(7, 8);
    assert!(matches!(Chain::verify(&joined(&swapped)), Err(ChainError::Head { .. })));
    let mut fewer = lines.clone();
    fewer.remove(9);
    assert_eq!(Chain::verify(&joined(&fewer)), Err(ChainError::Count { found: count - 1, told: count }));
    assert_eq!(Chain::verify(&joined(&lines[..lines.len() - 1])), Err(ChainError::Cut(count)));
    let mut more = lines.clone();
    more.push("{}");
    assert_eq!(Chain::verify(&joined(&more)), Err(ChainError::Behind(count + 2)));
    assert_eq!(Chain::verify(""), Err(ChainError::Cut(0)));
}

#[tokio::test]
async fn a_stream_of_what_is_over_tells_the_rest_and_ends() {
    let log = log();
    tell(&log, &golden()).await;
    let api = without_store(log).await;
    let last = of(Object::Operation(OperationId(RUN))).len();
    let path = format!("/api/v1/operations/{RUN}/stream");
    let mut whole = open(&api, &format!("{path}?after=0"), None).await;
    let messages = whole.messages(last).await;
    assert!(whole.frame().await.is_none());
    assert!(matches!(
        of(Object::Operation(OperationId(RUN))).last().unwrap().body,
        Body::Notified(_) | Body::LockReleased(_) | Body::Finished(_)
    ));
    let mut none = open(&api, &path, Some(&messages[last - 1].id)).await;
    assert!(none.frame().await.is_none(), "nothing is left to be told");
}
