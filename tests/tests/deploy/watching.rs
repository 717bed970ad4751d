//! Alert rules and dashboards: they name metrics that are exported, with their labels, and ask SQL that is answered.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    time::Duration,
};

use beidou_tests::{
    beidou::{Home, http},
    helm::deploy,
    wait::until,
};
use serde_json::Value;

/// A demo is up in seconds and its first audit ends soon after; a starved machine may take far longer.
const LIMIT: Duration = Duration::from_secs(180);

/// Small bounds, so that a young site has met each of them.
const SOON: [(&str, &str); 4] = [
    ("BEIDOU_ARCHIVE_MAX_AGE_SECONDS", "1"),
    ("BEIDOU_PROJECTOR_WINDOW", "1000"),
    ("BEIDOU_INGEST_HEARTBEAT_MS", "500"),
    ("BEIDOU_INGEST_COMPARE_EVERY_SECONDS", "5"),
];

/// The names of samples, each with its labels.
type Exported = BTreeMap<String, BTreeSet<String>>;

fn dashboard(name: &str) -> Value {
    serde_json::from_str(&fs::read_to_string(deploy(&format!("grafana/dashboards/{name}.json"))).unwrap()).unwrap()
}

fn rules() -> Vec<Value> {
    let text = fs::read_to_string(deploy("prometheus/rules.yaml")).unwrap();
    let file: Value = serde_yaml_ng::from_str(&text).unwrap();
    let groups = file["groups"].as_array().unwrap().iter();
    groups.flat_map(|group| group["rules"].as_array().unwrap().clone()).collect()
}

/// The texts below this key, at any depth.
fn texts(value: &Value, key: &str) -> Vec<String> {
    match value {
        Value::Object(object) => object
            .iter()
            .flat_map(|(name, below)| match below.as_str() {
                Some(text) if name == key => vec![text.to_owned()],
                _ => texts(below, key),
            })
            .collect(),
        Value::Array(all) => all.iter().flat_map(|one| texts(one, key)).collect(),
        _ => Vec::new(),
    }
}

/// All expressions of alerts and of the operators' dashboards.
fn expressions() -> Vec<String> {
    let alerts = rules().iter().map(|rule| rule["expr"].as_str().unwrap().to_owned()).collect();
    [alerts, texts(&dashboard("pipeline"), "expr"), texts(&dashboard("operations"), "expr")].concat()
}

/// The words of a PromQL expression that begin like our metrics.
fn names(expression: &str) -> BTreeSet<String> {
    let words = expression.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_'));
    words.filter(|word| word.starts_with("beidou_")).map(String::from).collect()
}

/// The labels that an expression groups or selects by.
fn labels(expression: &str) -> BTreeSet<String> {
    let within = |open: &'static str, close: char| {
        expression.split(open).skip(1).map(move |rest| rest.split(close).next().unwrap_or_default())
    };
    let matchers = within("{", '}').flat_map(|list| list.split(',')).filter_map(|one| one.split(['=', '!']).next());
    let grouped = ["by (", "ignoring (", "without ("].into_iter().flat_map(|word| within(word, ')'));
    let all = matchers.chain(grouped.flat_map(|list| list.split(',')));
    all.map(|label| label.trim().to_owned()).filter(|label| !label.is_empty()).collect()
}

async fn exported(home: &Home) -> Option<Exported> {
    let (url, token) = home.target().ok()?;
    let text = http().get(format!("{url}/metrics")).bearer_auth(token).send().await.ok()?.text().await.ok()?;
    let mut all = Exported::new();
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        let (name, rest) = line.split_once(['{', ' ']).unwrap();
        let pairs = rest.split_once('}').map_or("", |(labels, _)| labels);
        let labels = pairs.split("\",").filter_map(|pair| pair.split_once('=')).map(|(label, _)| label.to_owned());
        all.entry(name.to_owned()).or_default().extend(labels);
    }
    Some(all)
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_watched_is_exported_and_what_is_asked_is_answered() {
    let mut home = Home::new().unwrap().with(&SOON);
    home.serve(&["demo", "--states", "50000"]).await.unwrap();
    let wanted: BTreeSet<String> = expressions().iter().flat_map(|one| names(one)).collect();
    assert!(wanted.len() > 40, "{wanted:?}");
    let mut missing = Vec::new();
    let all = until("all metrics are exported", LIMIT, async || {
        let all = exported(&home).await?;
        missing = wanted.iter().filter(|name| !all.contains_key(*name)).cloned().collect();
        missing.is_empty().then_some(all)
    });
    let all = all.await.unwrap_or_else(|overdue| panic!("{overdue}; these are not: {missing:?}"));
    for expression in expressions() {
        let known: BTreeSet<String> = names(&expression).iter().flat_map(|name| all[name].clone()).collect();
        for label in labels(&expression) {
            assert!(known.contains(&label), "{expression}: no metric of it has the label {label:?}");
        }
    }
    answered(&home).await;
}

/// Each statement of the analysts' dashboard, with Grafana's words replaced as its plugin does, finds something of a week.
async fn answered(home: &Home) {
    let clusters = home.sql("SELECT DISTINCT cluster FROM coverage ORDER BY cluster").await.unwrap();
    let list = clusters.iter().map(|name| format!("'{name}'")).collect::<Vec<_>>().join(",");
    let board = dashboard("events");
    let statements = texts(&board, "rawSql");
    assert!(statements.len() > 5);
    for statement in statements {
        let asked = statement
            .replace("$__timeFilter(time)", "time >= now() - INTERVAL 8 DAY AND time <= now()")
            .replace("$__timeFilter(observed)", "observed >= now() - INTERVAL 8 DAY AND observed <= now()")
            .replace("$__timeInterval(time)", "toStartOfInterval(toDateTime(time), INTERVAL 600 second)")
            .replace("$__fromTime", "(now() - INTERVAL 8 DAY)")
            .replace("$__toTime", "now()")
            .replace("${cluster:singlequote}", &list)
            .replace("${type:singlequote}", "'Normal','Warning'")
            .replace("${word:singlequote}", "''");
        assert!(!asked.contains('$'), "a word of Grafana that the plugin does not know: {asked}");
        let rows = home.sql(&asked).await.unwrap();
        assert!(!rows.is_empty() || asked.contains("FROM rejects"), "{asked}: nothing is found");
    }
}

/// Prometheus would refuse the whole file for one slip.
#[test]
fn every_expression_is_promql() {
    for expression in expressions() {
        // Grafana puts lengths of time in before it asks.
        let asked = expression.replace("$__rate_interval", "5m").replace("$__range", "6h");
        if let Err(error) = promql_parser::parser::parse(&asked) {
            panic!("{expression}: {error}");
        }
    }
    assert!(promql_parser::parser::parse("sum by (cluster) (rate(a[5m])").is_err(), "a slip is seen");
}

#[test]
fn each_alert_says_what_is_lost_and_what_to_do() {
    let mut seen = BTreeSet::new();
    for rule in rules() {
        let name = rule["alert"].as_str().unwrap().to_owned();
        let severity = rule["labels"]["severity"].as_str().unwrap();
        assert!(["warning", "critical"].contains(&severity), "{name}: {severity}");
        for key in ["summary", "description"] {
            assert!(rule["annotations"][key].as_str().is_some_and(|text| text.len() > 20), "{name}: {key}");
        }
        assert!(seen.insert(name.clone()), "{name} stands twice");
    }
}

/// A projector that never got as far as to know how much waits must not pass as one that is done.
#[test]
fn an_old_ledger_is_told_unless_it_is_known_that_nothing_waits() {
    let rule = rules().into_iter().find(|rule| rule["alert"] == "BeidouLedgerOld").unwrap();
    let (old, silent) = rule["expr"].as_str().unwrap().split_once(" unless ").unwrap();
    assert!(old.starts_with("time() - beidou_projector_last_done_timestamp_seconds > "), "{old}");
    assert_eq!(silent, "beidou_projector_lag_records == 0");
}

/// An append to Kafka waits and is never refused: counts of refusals alone would be silent while no broker answers.
#[test]
fn a_log_that_is_waited_for_is_told_as_one_that_refuses() {
    for (name, role) in [("BeidouLogRefuses", "ingest"), ("BeidouOperationsLogRefuses", "controllers")] {
        let rule = rules().into_iter().find(|rule| rule["alert"] == name).unwrap();
        let retries = format!("beidou_{role}_log_retries_total");
        let waits = format!("beidou_log_waiting > 0 and on (instance) {retries}");
        assert_eq!(rule["expr"], format!("rate({retries}[5m]) > 0 or {waits}"));
    }
}

#[test]
fn alerts_of_operations_have_their_row_in_the_docs() {
    let docs = fs::read_to_string(deploy("../docs/operations.md")).unwrap();
    let rows = docs.lines().filter_map(|line| line.strip_prefix("| Beidou")).filter_map(|row| row.split(' ').next());
    let rows: BTreeSet<String> = rows.map(|name| format!("Beidou{name}")).collect();
    let text = fs::read_to_string(deploy("prometheus/rules.yaml")).unwrap();
    let file: Value = serde_yaml_ng::from_str(&text).unwrap();
    let group = file["groups"].as_array().unwrap().iter().find(|group| group["name"] == "beidou-operating").unwrap();
    let alerts = group["rules"].as_array().unwrap().iter().map(|rule| rule["alert"].as_str().unwrap().to_owned());
    assert_eq!(rows, alerts.collect());
}

#[test]
fn a_slip_of_the_pen_is_noticed() {
    let expression =
        r#"sum by (le, topic) (rate(beidou_x_total{kind=~"a|b",cluster!="c"}[5m])) / ignoring (name) beidou_y"#;
    assert_eq!(names(expression), ["beidou_x_total", "beidou_y"].map(String::from).into());
    assert_eq!(labels(expression), ["cluster", "kind", "le", "name", "topic"].map(String::from).into());
}
