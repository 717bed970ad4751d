//! Roll-ups are projections of the Event table: they say what its rows say, whatever happens to the rows; and the indexes
//! are used by the expressions that the migration names.

use crate::support::{EngineProcess, answer};
use beidou_schemas::ddl::MIGRATIONS;

/// States of three clusters over eleven hours; every third is repeated by a later insert of an overlapping range.
const ROWS: &str = "INSERT INTO kube_event (cluster_uid, cluster, event_uid, resource_version, time, kind, namespace, name, \
    type, reason, message, occurrences_delta) SELECT concat('c', toString(number % 3)), 'prod', \
    reinterpretAsUUID(sipHash128(number)), number, toDateTime64('2026-11-20 00:00:00', 6, 'UTC') + number, \
    if(number % 5 = 0, 'Node', 'Pod'), 'shop', concat('web-', toString(intDiv(number, 10))), \
    if(number % 4 = 0, 'Warning', 'Normal'), 'BackOff', concat('Word', toString(number), ' refused'), 1 + number % 3 \
    FROM numbers(FROM, COUNT)";

const QUESTIONS: [(&str, &str); 2] = [
    (
        "per_minute",
        "SELECT toStartOfMinute(time) AS at, type, count() AS states, sum(occurrences_delta) AS happened FROM kube_event \
         WHERE toStartOfMinute(time) >= toDateTime('2026-11-20 01:00:00', 'UTC') GROUP BY at, type ORDER BY at, type",
    ),
    (
        "per_hour",
        "SELECT toStartOfHour(time) AS at, kind, reason, count() AS states, sum(occurrences_delta) AS happened FROM kube_event \
         WHERE toStartOfHour(time) < toDateTime('2026-11-20 10:00:00', 'UTC') AND namespace = 'shop' GROUP BY at, kind, reason \
         ORDER BY at, kind, reason",
    ),
];

async fn with_table() -> EngineProcess {
    let engine = EngineProcess::start();
    for statement in MIGRATIONS.iter().flat_map(|migration| migration.statements()) {
        engine.ok(statement).await;
    }
    engine
}

async fn insert(engine: &EngineProcess, from: u64, count: u64) {
    engine.ok(&ROWS.replace("FROM, COUNT", &format!("{from}, {count}"))).await;
}

/// How many states there are; both questions are answered from the roll-ups, as the rows answer them.
async fn agree(engine: &EngineProcess, when: &str) -> u64 {
    for (projection, question) in QUESTIONS {
        let plan = engine.ok(&format!("EXPLAIN {question}")).await;
        assert!(plan.contains(projection), "{when}: {projection} is not used: {plan}");
        let rolled_up = engine.ok(question).await;
        let rows = engine.ok(&format!("{question} SETTINGS optimize_use_projections = 0")).await;
        assert!(rows.lines().count() > 10);
        assert_eq!(rolled_up, rows, "{when}: {projection}");
    }
    engine.ok("SELECT count() FROM kube_event").await.parse().unwrap()
}

#[tokio::test]
async fn roll_ups_follow_the_rows() {
    let engine = with_table().await;
    engine.ok("SYSTEM STOP MERGES kube_event").await;
    insert(&engine, 0, 20_000).await;
    insert(&engine, 20_000, 20_000).await;
    assert_eq!(agree(&engine, "two parts").await, 40_000);
    insert(&engine, 10_000, 20_000).await;
    assert_eq!(agree(&engine, "rows that stand twice").await, 60_000);
    engine.ok("SYSTEM START MERGES kube_event").await;
    engine.ok("OPTIMIZE TABLE kube_event FINAL").await;
    assert_eq!(agree(&engine, "merged").await, 40_000);
    engine.ok("DELETE FROM kube_event WHERE resource_version < 6000").await;
    assert_eq!(agree(&engine, "a lightweight delete").await, 34_000);
    insert(&engine, 40_000, 10).await;
    engine.ok("DELETE FROM kube_event WHERE resource_version = 40001").await;
    engine.ok("OPTIMIZE TABLE kube_event FINAL").await;
    assert_eq!(agree(&engine, "merged after deletes").await, 34_009);
    let mutation = "ALTER TABLE kube_event DELETE WHERE resource_version BETWEEN 7000 AND 7999";
    let (status, text) = answer(engine.request().query(&[("mutations_sync", "2")]).body(mutation)).await;
    assert_eq!(status, 200, "{text}");
    assert_eq!(agree(&engine, "a mutation").await, 33_009);
}

#[tokio::test]
async fn indexes_serve_the_expressions_that_the_migration_names() {
    let engine = with_table().await;
    insert(&engine, 0, 20_000).await;
    for (index, condition, states) in [
        ("message_words", "hasAllTokens(lower(message), 'word77 refused')", "1"),
        ("message_words", "hasAnyTokens(lower(message), ['word77', 'word78'])", "2"),
        ("message_words", "hasPhrase(lower(message), 'word77 refused')", "1"),
        ("message_words", "lower(message) LIKE '%word1999%'", "11"),
        ("name_found", "kind = 'Pod' AND namespace = 'shop' AND name = 'web-7'", "8"),
        ("uid_known", "event_uid = reinterpretAsUUID(sipHash128(toUInt64(77)))", "1"),
    ] {
        let plan = engine.ok(&format!("EXPLAIN indexes = 1 SELECT count() FROM kube_event WHERE {condition}")).await;
        assert!(plan.contains(index), "{condition}: {plan}");
        for use_skip_indexes in [0, 1] {
            let select = format!("SELECT count() FROM kube_event WHERE {condition}");
            let found = engine.ok(&format!("{select} SETTINGS use_skip_indexes = {use_skip_indexes}")).await;
            assert_eq!(found, states, "{condition}, use_skip_indexes = {use_skip_indexes}");
        }
    }
}

#[tokio::test]
async fn a_range_of_time_is_a_range_of_the_key_and_newest_first_is_read_backwards() {
    let engine = with_table().await;
    insert(&engine, 0, 40_000).await;
    let list = "SELECT name FROM kube_event WHERE time >= toDateTime64('2026-11-20 02:00:00', 6, 'UTC') \
                AND time < toDateTime64('2026-11-20 02:15:00', 6, 'UTC') \
                ORDER BY toStartOfHour(time) DESC, time DESC, cluster_uid DESC LIMIT 5";
    let plan = engine.ok(&format!("EXPLAIN indexes = 1 {list}")).await;
    assert!(plan.contains("toStartOfHour(time)"), "{plan}");
    assert!(plan.contains("InReverseOrder"), "{plan}");
}
