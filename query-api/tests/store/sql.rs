//! SQL over the real engine: what analysts get, what it costs, and what is refused.

use beidou_store::sql::{COMBINATORS, FUNCTIONS, views};
use serde_json::{Value, json};

use crate::{
    World,
    support::{Answer, answer},
    world_alone,
};

/// Rows that the engine makes of numbers, one second apart, the newest now: all within the cookbook's ranges.
const ROWS: u64 = 100_000;

/// Sixty operations of one host each, one an hour: every third fails, and every host has failed more than once.
const OPERATIONS: &str = "
    INSERT INTO operation_event (cluster, object, object_id, name, type, source, seq, epoch, kind, time, attempt, purpose, step,
        number, host, hosts, action, outcome, reason, message, duration_ms, subject, value)
    WITH ['Accepted', 'Started', 'AttemptIntended', 'AttemptOffered', 'AttemptClaimed', 'HostResult', 'AttemptEnded', 'Finished'] AS kinds,
        number % 3 = 0 AS bad, concat('10.0.0.', toString(number % 5)) AS one
    SELECT 'hz-prod-01', 'operation', toUUID(concat('00000000-0000-0000-0000-', leftPad(toString(number + 1), 12, '0'))),
        concat('ops/', toString(number)), 'ScaleUp', 'decided', place, 1, kinds[place] AS of_kind,
        now64(6) - 86400 - number * 3600 + place * 10, if(place BETWEEN 3 AND 7, 'a1', ''), if(place BETWEEN 3 AND 7, 'act', ''),
        if(place BETWEEN 3 AND 7, 'scaleUp', ''), place BETWEEN 3 AND 7, if(of_kind = 'HostResult', one, ''),
        of_kind IN ('Accepted', 'AttemptIntended', 'HostResult'), if(of_kind = 'HostResult' AND bad, 'pull the images', ''),
        multiIf(of_kind = 'Accepted', 'Pending', of_kind = 'Started', 'Running', of_kind = 'HostResult', if(bad, 'failed', 'ok'),
            of_kind = 'AttemptEnded', 'finished', of_kind = 'Finished', if(bad, 'Failed', 'Succeeded'), ''),
        if(of_kind = 'HostResult' AND bad, 'RegistryUnreachable', ''), '', if(place IN (6, 7), 10000, 0), 'dev',
        if(of_kind = 'AttemptIntended', concat('{\"body\":{\"hosts\":[\"', one, '\"]}}'), '{}')
    FROM numbers(60) ARRAY JOIN arrayEnumerate(kinds) AS place";

impl World {
    pub(super) async fn filled(&self) {
        self.engine
            .run(&format!(
                "INSERT INTO kube_event (cluster_uid, cluster, event_uid, resource_version, time, observed, found_by,
                    occurrences, occurrences_delta, type, reason, message, pattern, kind, namespace, name, node, component)
                SELECT 'u1', 'hz-prod-01', generateUUIDv4(), number, now64(6) - number, now64(6), 'watch', number % 7 + 1, 1,
                    if(number % 4 = 0, 'Warning', 'Normal'), ['BackOff', 'Pulled', 'FailedScheduling', 'Evicted', 'Killing'][number % 5 + 1],
                    concat('Pulled image in ', toString(number % 9), '.5s, number ', toString(number)), 'Pulled image in <n>s, number <n>',
                    'Pod', 'shop', concat('web-', toString(number % 50)), concat('node-', toString(number % 9)), 'kubelet'
                FROM numbers({ROWS})"
            ))
            .await;
        self.engine
            .run(
                "INSERT INTO kube_coverage (cluster_uid, cluster, epoch, state, from_time, until_time, reason) VALUES
                ('u1', 'hz-prod-01', 0, 'gap', now64(6) - 7200, now64(6) - 3600, 'too_old')",
            )
            .await;
        self.engine.run(OPERATIONS).await;
    }

    pub(super) async fn post(&self, path: &str, body: Value) -> Answer {
        let request = self.api.client.post(format!("{}{path}", self.api.url)).bearer_auth(crate::support::TOKEN);
        answer(request.header("content-type", "application/json").body(body.to_string())).await
    }

    async fn sql(&self, query: &str) -> Value {
        let answer = self.post("/api/v1/sql", json!({"query": query})).await;
        assert_eq!(answer.status, 200, "{query}: {}", answer.text);
        answer.json()
    }
}

/// The questions of the cookbook, as they stand on the page.
fn cookbook() -> Vec<String> {
    let page = include_str!("../../../docs/sql.md");
    let book = page.split("## Cookbook").nth(1).unwrap();
    book.split("```sql\n").skip(1).map(|rest| rest.split("```").next().unwrap().to_owned()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_cookbook_answers() {
    let world = world_alone().await;
    world.filled().await;
    let questions = cookbook();
    assert_eq!(questions.len(), 13);
    for question in &questions {
        let answer = world.sql(question).await;
        // The same question, unread by the guard, has the same answer: printing keeps the meaning.
        let columns = answer["columns"].as_array().unwrap();
        assert!(!columns.is_empty(), "{question}");
        if !question.contains("is new") && !question.contains("NOT IN") {
            assert!(!answer["rows"].as_array().unwrap().is_empty(), "{question}");
        }
        let plain = world.engine.text(&format!("SELECT count() FROM ({question})")).await;
        assert_eq!(plain.trim(), answer["rows"].as_array().unwrap().len().to_string(), "{question}");
        let estimate = world.post("/api/v1/sql/estimate", json!({"query": question})).await.json();
        assert_eq!(estimate["allowed"], true, "{estimate}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn operations_are_counted_by_state_host_and_step() {
    let world = world_alone().await;
    world.filled().await;
    let states = "SELECT state, count() AS n, sum(hosts_ok) AS ok, sum(hosts_bad) AS bad, any(duration_ms) AS ms FROM operations \
        GROUP BY state ORDER BY state";
    let expected = json!([["Failed", 20, 0, 20, 60_000], ["Succeeded", 40, 40, 0, 60_000]]);
    assert_eq!(world.sql(states).await["rows"], expected);
    let hosts = "SELECT outcome, count() AS n, max(code) AS code, max(failed_task) AS task FROM operation_hosts GROUP BY outcome ORDER BY outcome";
    let expected = json!([["failed", 20, "RegistryUnreachable", "pull the images"], ["ok", 40, "", ""]]);
    assert_eq!(world.sql(hosts).await["rows"], expected);
    let steps = "SELECT step, outcome, sum(hosts_ok) AS ok, sum(hosts_bad) AS bad, min(duration_ms) AS ms FROM operation_steps GROUP BY step, outcome";
    assert_eq!(world.sql(steps).await["rows"], json!([["scaleUp", "finished", 40, 20, 10_000]]));
    let facts = "SELECT object, source, count() AS n FROM operation_events GROUP BY object, source";
    assert_eq!(world.sql(facts).await["rows"], json!([["operation", "decided", 480]]));
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_have_their_forms_and_their_bounds() {
    let world = world_alone().await;
    world.filled().await;
    let answer = world.sql("SELECT count() AS n, max(kind) AS kind FROM events").await;
    assert_eq!(answer["columns"], json!([{"name": "n", "type": "UInt64"}, {"name": "kind", "type": "String"}]));
    assert_eq!((&answer["rows"], &answer["truncated"]), (&json!([[ROWS, "Pod"]]), &json!(false)));
    let two = json!({"query": "SELECT max(message) FROM events WHERE cluster IN (SELECT cluster FROM coverage)", "max_rows": 1});
    let two = world.post("/api/v1/sql", two).await;
    assert_eq!(two.status, 200, "an estimate has a row for each table: {}", two.text);
    let few = world.post("/api/v1/sql", json!({"query": "SELECT name FROM events", "max_rows": 7})).await.json();
    assert_eq!((few["rows"].as_array().unwrap().len(), &few["truncated"]), (7, &json!(true)));
    let exact =
        world.post("/api/v1/sql", json!({"query": "SELECT name FROM events LIMIT 7", "max_rows": 7})).await.json();
    assert_eq!((exact["rows"].as_array().unwrap().len(), &exact["truncated"]), (7, &json!(false)));
    let short = world.post("/api/v1/sql", json!({"query": "SELECT name FROM events", "max_bytes": 40})).await.json();
    assert!(short["rows"].as_array().unwrap().len() <= 4 && short["truncated"] == true, "{short}");

    let ranged = json!({"query": "SELECT count() FROM events WHERE time >= {from} AND time < {to}"});
    let all = world.post("/api/v1/sql?from=1970-01-02T00:00:00Z", ranged.clone()).await.json();
    assert_eq!(all["rows"], json!([[ROWS]]), "{all}");
    assert!(all["range"]["from"] == "1970-01-02T00:00:00.000000Z" && all["coverage"][0]["complete"] == false, "{all}");
    let none = world.post("/api/v1/sql?from=1970-01-02T00:00:00Z&to=1970-01-03T00:00:00Z", ranged.clone()).await.json();
    assert_eq!(none["rows"], json!([[0]]), "{none}");
    let missing = world.post("/api/v1/sql", ranged).await;
    assert!(missing.status == 400 && missing.text.contains("the request has no range"), "{}", missing.text);

    let form = async |format: &str| {
        let body = json!({"query": "SELECT name FROM events ORDER BY name LIMIT 2", "format": format});
        world.post("/api/v1/sql", body).await
    };
    assert_eq!(form("csv").await.text, "\"name\"\n\"web-0\"\n\"web-0\"\n");
    assert_eq!(form("ndjson").await.text, "{\"name\":\"web-0\"}\n{\"name\":\"web-0\"}\n");
    for (format, begins, media) in [
        ("parquet", "PAR1", "application/vnd.apache.parquet"),
        ("arrow", "\u{fffd}", "application/vnd.apache.arrow.stream"),
    ] {
        let answer = form(format).await;
        assert!(answer.status == 200 && answer.text.starts_with(begins), "{format}: {}", answer.text);
        assert_eq!(answer.header("content-type"), media);
    }
    let much =
        world.post("/api/v1/sql", json!({"query": "SELECT name FROM events", "format": "csv", "max_rows": 7})).await;
    assert_eq!((much.status, much.json()["type"].as_str()), (422, Some("/problems/too-much")));
    let (said, parameter) = (much.json()["detail"].to_string(), much.json()["parameter"].clone());
    assert!(said.contains("max_rows is 7") && !said.contains("Limit for"), "{said}");
    assert_eq!((&parameter["name"], &parameter["value"]), (&json!("max_rows"), &json!("7")));
}

#[tokio::test(flavor = "multi_thread")]
async fn refusals_say_what_to_do() {
    let world = world_alone().await;
    for (query, status, kind, says) in [
        ("SELECT nam FROM events", 400, "bad-sql", "nam"),
        ("SELECT * FROM kube_event", 400, "bad-sql", "events, coverage, rejects"),
        ("SELECT toInt32('x')", 400, "bad-sql", "Cannot parse"),
        ("SELECT sum(number) FROM numbers(600000000)", 422, "too-much", "bound `time`"),
    ] {
        let answer = world.post("/api/v1/sql", json!({"query": query})).await;
        assert_eq!(
            (answer.status, answer.json()["type"].as_str()),
            (status, Some(&*format!("/problems/{kind}"))),
            "{}",
            answer.text
        );
        assert!(answer.text.contains(says), "{}", answer.text);
        assert!(!answer.text.contains("127.0.0.1"), "{}", answer.text);
    }
    for (body, says) in [
        (json!({"query": "SELECT 1", "max_rows": 0}), "max_rows"),
        (json!({"query": "SELECT 1", "max_bytes": 9, "format": "csv"}), "with the format json"),
        (json!({"query": "SELECT 1", "settings": {"readonly": 0}}), "unknown field"),
        (json!({"query": "SELECT 1", "format": "Native"}), "allowed: json, csv, ndjson, arrow, parquet"),
        (json!({"query": " "}), "the statement is empty"),
        (json!(["SELECT 1"]), "cannot be read"),
    ] {
        let answer = world.post("/api/v1/sql", body).await;
        assert!(answer.status == 400 && answer.text.contains(says), "{}", answer.text);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bound_on_time_reads_its_hours_and_words_use_their_index() {
    let world = world_alone().await;
    world.filled().await;
    let rows = async |query: &str| {
        world.post("/api/v1/sql/estimate", json!({"query": query})).await.json()["rows"].as_u64().unwrap()
    };
    let all = rows("SELECT max(message) FROM events").await;
    assert!(all >= ROWS, "{all}");
    let hour = rows("SELECT max(message) FROM events WHERE time > now() - INTERVAL 1 HOUR").await;
    assert!(hour * 4 < all, "{hour} of {all}");
    let words = rows("SELECT count() FROM events WHERE hasAllTokens(lower(message), 'number 77123')").await;
    assert!(words * 4 < all, "{words} of {all}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_schema_is_what_the_engine_has() {
    let world = world_alone().await;
    for view in views() {
        let described: Vec<_> =
            view.columns.iter().map(|c| format!("{}\t{}\t{}", c.name, c.column_type, c.comment)).collect();
        let sql = format!(
            "SELECT name, type, comment FROM system.columns WHERE database = 'beidou' AND table = '{}' ORDER BY position",
            view.name
        );
        assert_eq!(world.engine.text(&sql).await.trim_end(), described.join("\n"));
    }
    let known = world
        .engine
        .text("SELECT name FROM system.functions UNION ALL SELECT alias_to FROM system.functions WHERE alias_to != ''")
        .await;
    let known: std::collections::BTreeSet<_> = known.lines().collect();
    let aggregate = world.engine.text("SELECT name FROM system.functions WHERE is_aggregate").await;
    let mut missing = Vec::new();
    for family in FUNCTIONS {
        for function in family.functions {
            if !known.contains(function) {
                missing.push(function);
            }
            let is_aggregate = aggregate.lines().any(|name| name == *function);
            assert_eq!(
                is_aggregate,
                family.name == "aggregate" || (family.name == "window" && is_aggregate),
                "{function}"
            );
        }
    }
    assert!(missing.is_empty(), "the engine has no {missing:?}");
    let combinators = world.engine.text("SELECT name FROM system.aggregate_function_combinators").await;
    assert!(COMBINATORS.iter().all(|name| combinators.lines().any(|known| known == *name)));
    let schema = world.api.get("/api/v1/sql/schema").await.json();
    let names: Vec<_> = schema["views"].as_array().unwrap().iter().map(|view| view["name"].clone()).collect();
    let expected =
        ["events", "coverage", "rejects", "operation_hosts", "operation_steps", "operations", "operation_events"];
    assert_eq!(names, expected);
    assert_eq!(schema["limits"]["rows"], 100_000);
}

/// What the guard writes in another way than its caller, and says the same.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_written_anew_means_what_it_meant() {
    let world = world_alone().await;
    world.filled().await;
    for (sql, expected) in [
        (
            "SELECT count(), - -1, -+-2, 1 - - -1, -(-3), [1, 2][- -1], - NOT 0 FROM events",
            json!([ROWS, 1, 2, 0, 3, 1, -1]),
        ),
        ("SELECT 1 IN (+1, 2), 2 IN (- -2), 3 IN 1 + 2, 1 IN [1, 2]", json!([1, 1, 1, 1])),
        ("SELECT TRIM('  a '), TRIM(BOTH 'x' FROM 'xax'), TRIM(LEADING 'x' FROM 'xax')", json!(["a", "a", "ax"])),
        ("SELECT trim(TRAILING 'x' FROM 'xax'), TRIM(BOTH '' FROM 'a'), POSITION('a' IN 'ba')", json!(["xa", "a", 2])),
        ("SELECT .5, CASE WHEN 1 THEN .25 END, toInt64(INTERVAL '2' DAY + INTERVAL -1 DAY)", json!([0.5, 0.25, 1])),
    ] {
        assert_eq!(world.sql(sql).await["rows"], json!([expected]), "{sql}");
    }
}

/// In some places the engine takes a bare name for a function. The guard refuses each statement of that kind.
#[tokio::test(flavor = "multi_thread")]
async fn no_function_is_called_by_a_bare_name() {
    let world = world_alone().await;
    let client = world.engine.store().reader().unwrap();
    let mut called = 0;
    for function in FUNCTIONS.iter().flat_map(|family| family.functions) {
        for (arguments, name) in [
            ("toString, [1]", "toString"),
            ("not, [true]", "not"),
            ("plus, [1], [2]", "plus"),
            ("[1], toString", "toString"),
            ("toString", "toString"),
            ("+toString, [1]", "toString"),
            ("(+(toString)), [1]", "toString"),
            ("TRIM(BOTH '' FROM toString), [1]", "toString"),
        ] {
            let sql = format!("SELECT {function}({arguments}), (SELECT 1 AS {name})");
            let taken = client.query_raw(&sql).fetch_bytes("TSV").unwrap().collect().await.is_ok();
            called += u32::from(taken);
            assert!(!taken || beidou_store::sql::check(&sql).is_err(), "{sql}");
        }
    }
    assert!(called > 10, "{called}: the engine does so");
}
