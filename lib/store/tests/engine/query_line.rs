//! Query lines against the real engine: none is an error there, none leads out of its cluster and range, and each finds
//! and counts what it does in memory.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crate::support::EngineProcess;
use beidou_model::query_line::{EventText, Field, Matcher, QueryLine, parse};
use beidou_schemas::{Micros, envelope::FoundBy, kube_event::pattern};
use beidou_store::{
    Store,
    migrate::migrate,
    query::{
        Between, Bounds, Caller, EventRow, Field as FacetField, QueryError, Reader,
        events::{EventFilter, EventsQuery},
        explain::ExplainQuery,
        facets::{FacetSort, FacetsQuery},
        histogram::{Bins, HistogramQuery},
        occurrences::OccurrencesQuery,
        patterns::PatternsQuery,
        signals::SignalsQuery,
        values::{ValueRow, ValuesQuery},
    },
};
use proptest::{
    prelude::*,
    strategy::ValueTree,
    test_runner::{Config, TestRunner},
};
use serde_json::json;
use uuid::Uuid;

const BEGIN: i64 = 1_795_444_800_000_000;
const SECOND: i64 = 1_000_000;
const HOUR: i64 = 3600 * SECOND;
const EVENTS: i64 = 160;
/// Lines that are asked; each at most once.
const LINES: usize = 700;
/// Widths of bins: whole hours and minutes are counted by roll-ups.
const WIDTHS: [i64; 3] = [HOUR, 60 * SECOND, 1000 * SECOND];
/// Fields that roll-ups have.
const ROLLED_UP: [Field; 5] = [Field::Cluster, Field::Namespace, Field::Kind, Field::Reason, Field::Type];

const CLUSTERS: [&str; 3] = ["c-1", "c-2", "c-3"];
const MESSAGES: [&str; 16] = [
    "Back-off pulling image \"mirror.hz:5000/web/ranker:4.18.2\"",
    "Failed to pull image: rpc error: code = Unknown desc = connection REFUSED",
    "Successfully assigned shop/web-7d9f8b5c-x2k9q to node-7",
    "",
    "Über den Wolken: ÜBER, über; STRASSE straße ẞ",
    "镜像pull失败 node-7 拉取 镜像",
    "0/17 nodes are available: 3 Insufficient cpu, 14 node(s) had untolerated taint(s).",
    "line one\nline two\twith tab\r\nand \\backslash\\ and 100% of _this_ 'quoted'",
    "Liveness probe failed: Get \"http://10.0.0.1:8080/healthz\": dial tcp 10.0.0.1:8080: connect: connection refused",
    "Killing: OOMKilled (exit code 137)",
    "a",
    "MountVolume.SetUp failed for volume \"data\" : stat /var/lib/kubelet/pods: no such file or directory",
    "x*y?z [a-z]{2} (b|c) ^d$ .e+ /f/ \"g\" #h ~i `j` <k> &l; !m @n",
    "Node node-7 status is now: NodeNotReady",
    "ſ K ﬁ İ ı ǆ Σσς",
    "\u{a0}nbsp\u{3000}ideographic\u{200b}zero",
];

fn row(n: i64, step: i64) -> serde_json::Value {
    let at = |list: &[&str], step: i64| list[(n / step) as usize % list.len()].to_owned();
    let message = if n == 77 { "word ".repeat(15_000) + "End" } else { at(&MESSAGES, 1) };
    let time = Micros(BEGIN + n * step).to_string();
    json!({
        "cluster_uid": at(&CLUSTERS, 5), "cluster": at(&["hz-prod-01", "hz-prod-02", "sh_test%1"], 5), "epoch": 0,
        "event_uid": Uuid::from_u128(n as u128), "resource_version": n, "time": time, "observed": time,
        "found_by": at(&["watch", "list", "seed"], 3), "occurrences": 1 + n % 13, "occurrences_delta": 1 + n % 3,
        "type": at(&["Normal", "Warning", "error"], 2), "reason": at(&["BackOff", "Failed", "Pulled", "NodeNotReady"], 1),
        "action": at(&["", "Binding"], 3), "message": message, "pattern": pattern(&message),
        "kind": at(&["Pod", "Node", "Deployment", "VirtualMachine", "StatefulSet"], 1), "namespace": at(&["shop", "kube-system", "", "a_b"], 1),
        "name": at(&["web-0", "web-7d9f8b5c-x2k9q", "node-7", "a%b_c\\d", "", "WEB-0", "ü.é"], 1),
        "object_uid": Uuid::from_u128(1000 + n as u128 % 7), "component": at(&["kubelet", "scheduler", ""], 1),
        "reporting_component": at(&["", "kubelet"], 2), "host": at(&["node-7", ""], 2), "node": at(&["node-7", "node-8", ""], 1),
        "reporting_instance": at(&["kubelet-node-7", ""], 3),
    })
}

fn reader(store: &Store) -> Reader {
    let caller = Caller { request_id: "r".into(), subject: "test".into() };
    Reader::new(store.clone(), caller, Bounds { time: Duration::from_secs(60), memory_bytes: 1 << 30 })
}

/// One Event after another, each so much later.
async fn filled(store: &Store, step: i64) {
    migrate(store).await.unwrap();
    let rows: Vec<String> = (0..EVENTS).map(|n| row(n, step).to_string()).collect();
    let sql = format!(
        "INSERT INTO kube_event SETTINGS date_time_input_format = 'best_effort' FORMAT JSONEachRow\n{}",
        rows.join("\n")
    );
    store.writer().unwrap().query_raw(&sql).execute().await.unwrap();
}

async fn found(reader: &Reader, filter: EventFilter, range: Between) -> Result<Vec<EventRow>, String> {
    let query = EventsQuery { filter, range, after: None, limit: 1000, most_bytes: 1 << 30 };
    let page = reader.events(&query).await.map_err(|error| format!("{error:?}"))?;
    assert!(!page.more);
    Ok(page.rows)
}

/// The line applied in memory to a row that the store gave.
fn passes(matcher: &Matcher, row: &EventRow) -> bool {
    matcher.matches(&EventText {
        cluster: &row.cluster,
        cluster_uid: &row.cluster_uid,
        namespace: &row.namespace,
        kind: &row.kind,
        name: &row.name,
        event_uid: row.event_uid,
        object_uid: row.object_uid,
        reason: &row.reason,
        event_type: &row.event_type,
        action: &row.action,
        component: &row.component,
        reporting_component: &row.reporting_component,
        host: &row.host,
        node: &row.node,
        reporting_instance: &row.reporting_instance,
        message: &row.message,
        pattern: &pattern(&row.message),
        found_by: u8::try_from(row.found_by).ok().and_then(FoundBy::from_number).unwrap().name(),
        occurrences: row.occurrences,
    })
}

/// A part of a text that is stored, so that lines find something.
fn stored() -> impl Strategy<Value = String> {
    let texts: Vec<String> = (0..EVENTS).filter(|n| *n != 77).map(|n| row(n, SECOND)).flat_map(texts).collect();
    (prop::sample::select(texts), any::<prop::sample::Index>(), 0usize..30).prop_map(|(text, from, length)| {
        let from = from.index(text.chars().count() + 1);
        text.chars().skip(from).take(length).collect()
    })
}

fn texts(row: serde_json::Value) -> Vec<String> {
    let names = ["message", "name", "reason", "kind", "namespace", "type", "component", "node", "pattern", "cluster"];
    names.iter().map(|name| row[name].as_str().unwrap().to_owned()).collect()
}

fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

/// Characters with a meaning in lines, in LIKE, in regular expressions, in SQL or in parameters.
const SIGNS: &str = "[-a-z0-9*?%_.\\\\'\" \\[\\]{}()|^$+/,:;=<>!@#&~`\u{e9}\u{955c}\t\n]{0,12}";

fn value() -> impl Strategy<Value = String> {
    let globs =
        (stored(), prop::sample::select(vec!["*", "?", "*?", "?*"]), any::<bool>()).prop_map(|(text, sign, first)| {
            let escaped: String =
                text.chars().map(|c| if c.is_alphanumeric() { c.into() } else { format!("\\{c}") }).collect();
            if first { format!("{sign}{escaped}") } else { format!("{escaped}{sign}") }
        });
    let patterns = prop::sample::select(vec![
        "/re/",
        "/(?i)REFUSED$/",
        "/^Back-off .*\"$/",
        "/[0-9]+\\/[0-9]+/",
        "/\\d{2,3}|über/",
        "/one.line/",
        "/\\bnode\\b/",
        "/[^\\w\\s-]/",
        "/(?:a|b(c|d)?)+x?/",
        "/^$/",
        "/\\W\\D\\S/",
        "/(?i)straße|k/",
        "/[\\\\%_']/",
        "/x{0,3}y/",
        "/.{900}/",
        "/(?i)([^k]{30}){30}/",
        "/镜像.+?失/",
        "/a{2,}/",
        "/[a&&b~~c-]/",
        "/\\.\\*\\?\\+\\(\\)\\[\\]\\{\\}\\|\\^\\$/",
    ]);
    prop_oneof![
        3 => stored().prop_map(|text| quoted(&text)),
        1 => SIGNS.prop_map(|text| quoted(&text)),
        2 => globs,
        2 => patterns.prop_map(str::to_owned),
        1 => SIGNS.prop_map(|text| format!("/{text}/")),
        1 => SIGNS,
        1 => prop::sample::select(vec!["watch", "po", "warning", "refused", "node-7", "c-1"]).prop_map(str::to_owned),
    ]
}

fn term() -> impl Strategy<Value = String> {
    let fields = prop::sample::select(vec![
        "",
        "",
        "",
        "cluster:",
        "namespace:",
        "kind:",
        "name:",
        "reason:",
        "type:",
        "action:",
        "component:",
        "host:",
        "node:",
        "instance:",
        "message:",
        "pattern:",
        "found_by:",
    ]);
    let one = (fields, prop::collection::vec(value(), 1..4)).prop_map(|(field, values)| match (field, values.len()) {
        ("", _) | (_, 1) => format!("{field}{}", values[0]),
        (field, _) => format!("{field}({})", values.join(" ")),
    });
    let term = prop_oneof![
        8 => one,
        1 => (prop::sample::select(vec![">", ">=", "<", "<=", "="]), 0u32..15).prop_map(|(sign, number)| format!("count{sign}{number}")),
        1 => (0u128..170).prop_map(|n| format!("uid:{}", Uuid::from_u128(n))),
        1 => (1000u128..1010).prop_map(|n| format!("uid:({} other.uid)", Uuid::from_u128(n))),
    ];
    (any::<bool>(), term).prop_map(|(negated, term)| if negated { format!("-{term}") } else { term })
}

/// Lines that can be read, each once.
fn lines() -> BTreeSet<String> {
    let mut runner = TestRunner::new_with_rng(
        Config::default(),
        prop::test_runner::TestRng::deterministic_rng(prop::test_runner::RngAlgorithm::ChaCha),
    );
    let strategy = prop::collection::vec(term(), 1..3).prop_map(|terms| terms.join(" "));
    let mut lines = BTreeSet::new();
    while lines.len() < LINES {
        let line = strategy.new_tree(&mut runner).unwrap().current();
        if parse(&line).is_ok() {
            lines.insert(line);
        }
    }
    lines
}

#[tokio::test(flavor = "multi_thread")]
async fn every_line_finds_what_it_finds_in_memory_and_nothing_outside() {
    let engine = EngineProcess::start();
    let store = Store::embedded(engine.data());
    filled(&store, SECOND).await;
    let reader = reader(&store);
    let within = Between { from: Micros(BEGIN + 10 * SECOND), until: Micros(BEGIN + 150 * SECOND) };
    let bounded = EventFilter { clusters: Some(vec!["c-1".into(), "c-2".into()]), ..EventFilter::default() };
    let all = found(&reader, bounded.clone(), within).await.unwrap();
    assert!(all.len() > 80 && all.iter().all(|row| row.cluster_uid != "c-3"));
    let (mut some, mut none, mut every) = (0, 0, 0);
    for line in lines() {
        let read = parse(&line).unwrap();
        let matcher = Matcher::new(&read);
        let expected: Vec<Uuid> = all.iter().filter(|row| passes(&matcher, row)).map(|row| row.event_uid).collect();
        let filter = EventFilter { line: Some(read.clone()), ..bounded.clone() };
        let rows = found(&reader, filter, within).await.unwrap_or_else(|error| panic!("{line:?} ({read}): {error}"));
        let rows: Vec<Uuid> = rows.iter().map(|row| row.event_uid).collect();
        assert_eq!(rows, expected, "{line:?} is read as {read}, {:?}", read.terms());
        match expected.len() {
            0 => none += 1,
            n if n == all.len() => every += 1,
            _ => some += 1,
        }
    }
    assert!(some * 3 > LINES, "lines tell something: some {some}, none {none}, every {every}");
}

/// States and occurrences, by what is counted and its value.
type Counts = BTreeMap<(String, String), (u64, u64)>;

fn bins(range: Between, width: i64) -> Bins {
    let begin = range.from.0.div_euclid(width) * width;
    Bins { begin: Micros(begin), width, count: ((range.until.0 - begin) / width) as u64 + 1 }
}

/// What each picture of the Events of a line tells.
async fn counted(
    reader: &Reader,
    line: &QueryLine,
    filter: &EventFilter,
    range: Between,
) -> Result<Counts, QueryError> {
    let mut counts = Counts::new();
    let mut count = |of: String, value: String, counted: (u64, u64)| {
        if counted.0 > 0 {
            counts.insert((of, value), counted);
        }
    };
    let filter = || filter.clone();
    for width in WIDTHS {
        let query = HistogramQuery { filter: filter(), range, bins: bins(range, width) };
        for row in reader.histogram(&query).await? {
            count(format!("bins of {width}"), format!("{} {}", row.bin, row.severity), (row.states, row.happened));
        }
    }
    let fields = ROLLED_UP.map(|field| FacetField::of_name(field.name()).unwrap()).to_vec();
    let sort = FacetSort::States;
    let facets = FacetsQuery { filter: filter(), range, fields: fields.clone(), top: 100, sort };
    for row in reader.facets(&facets).await? {
        count(format!("warned facet {}", row.field), row.value.clone(), (row.warnings, row.warnings));
        count(format!("facet {}", row.field), row.value, (row.states, row.happened));
    }
    let patterns = PatternsQuery { filter: filter(), range, known_since: range.from, top: 100 };
    for row in reader.patterns(&patterns).await? {
        count("pattern".into(), row.template, (row.states, row.happened));
    }
    let baseline = Between { from: range.from.plus(range.from.0 - range.until.0), until: range.from };
    let explain = ExplainQuery { filter: filter(), range, baseline, fields, top: 1 };
    for row in reader.explain(&explain).await?.into_iter().filter(|row| row.field.is_empty()) {
        count("change".into(), String::new(), (row.after, row.happened_after));
    }
    let occurrences = OccurrencesQuery { filter: filter(), range, bins: bins(range, HOUR), silence: HOUR };
    for row in reader.known_occurrences(&occurrences).await? {
        count("known".into(), row.bin.to_string(), (row.happened, row.happened));
    }
    // What a signal's line says of clusters is not looked at.
    if !line.names(Field::Cluster) {
        let clusters = filter().clusters;
        let signals = SignalsQuery { clusters, lines: vec![line.clone()], range, baseline };
        for row in reader.signals(&signals, 10).await? {
            count("signal".into(), row.cluster_uid, (row.after, row.after));
        }
    }
    Ok(counts)
}

/// The same, reckoned from the rows.
fn reckoned(rows: &[&EventRow], line: &QueryLine, range: Between) -> Counts {
    let mut counts = Counts::new();
    for row in rows {
        let delta = u64::from(row.occurrences_delta);
        let mut count = |of: &str, value: &str, happened: u64| {
            let counted = counts.entry((of.to_owned(), value.to_owned())).or_default();
            *counted = (counted.0 + 1, counted.1 + happened);
        };
        let bin = |width: i64| (row.time - bins(range, width).begin.0) / width;
        let severity = if row.event_type == "error" { "" } else { row.event_type.as_str() };
        for width in WIDTHS {
            count(&format!("bins of {width}"), &format!("{} {severity}", bin(width)), delta);
        }
        let template = pattern(&row.message);
        for (of, value) in [
            ("facet ", ""),
            ("facet cluster", row.cluster_uid.as_str()),
            ("facet namespace", row.namespace.as_str()),
            ("facet kind", row.kind.as_str()),
            ("facet reason", row.reason.as_str()),
            ("facet type", row.event_type.as_str()),
            ("pattern", template.as_str()),
            ("change", ""),
        ] {
            count(of, value, delta);
            if row.event_type == "Warning" && of.starts_with("facet") {
                count(&format!("warned {of}"), value, 1);
            }
        }
        if row.occurrences_delta == 1 {
            count("known", &bin(HOUR).to_string(), 1);
        }
        if !line.names(Field::Cluster) {
            count("signal", &row.cluster_uid, 1);
        }
    }
    counts
}

/// Lines that roll-ups know are counted by whole hours and minutes, with rows at both ends of the range.
#[tokio::test(flavor = "multi_thread")]
async fn pictures_count_what_a_line_finds_in_memory() {
    let engine = EngineProcess::start();
    let store = Store::embedded(engine.data());
    let step = 113 * SECOND;
    filled(&store, step).await;
    let reader = reader(&store);
    let range = Between { from: Micros(BEGIN + 10 * step), until: Micros(BEGIN + 150 * step) };
    let bounded = EventFilter { clusters: Some(vec!["c-1".into(), "c-2".into()]), ..EventFilter::default() };
    let all = found(&reader, bounded.clone(), range).await.unwrap();
    let mut rolled_up = 0;
    for (place, line) in lines().into_iter().enumerate() {
        let read = parse(&line).unwrap();
        let is_rolled_up = read.terms().iter().all(|term| ROLLED_UP.iter().any(|field| term.of(*field).is_some()));
        rolled_up += u32::from(is_rolled_up);
        if !is_rolled_up && place % 20 > 0 {
            continue;
        }
        let matcher = Matcher::new(&read);
        let rows: Vec<&EventRow> = all.iter().filter(|row| passes(&matcher, row)).collect();
        let filter = EventFilter { line: Some(read.clone()), ..bounded.clone() };
        let told = counted(&reader, &read, &filter, range).await;
        let told = told.unwrap_or_else(|error| panic!("{line:?} ({read}): {error:?}"));
        assert_eq!(told, reckoned(&rows, &read, range), "{line:?} is read as {read}");
    }
    assert!(rolled_up > 20, "roll-ups answer some: {rolled_up}");
}

/// Words are found by the index, not by reading every message.
#[tokio::test(flavor = "multi_thread")]
async fn a_word_is_looked_up_in_the_index() {
    let engine = EngineProcess::start();
    let store = Store::embedded(engine.data());
    filled(&store, SECOND).await;
    let plan = engine
        .ok("EXPLAIN indexes = 1 SELECT count() FROM kube_event WHERE hasAllTokens(lower(message), ['nowhere'])")
        .await;
    assert!(plan.contains("Granules: 0/"), "{plan}");
}

/// Values come with the number of states that have them, as many as the filter for them finds.
#[tokio::test(flavor = "multi_thread")]
async fn values_are_counted_within_cluster_and_range() {
    let engine = EngineProcess::start();
    let store = Store::embedded(engine.data());
    filled(&store, SECOND).await;
    let reader = reader(&store);
    let range = Between { from: Micros(BEGIN + 10 * SECOND), until: Micros(BEGIN + 150 * SECOND) };
    let clusters = Some(vec!["c-1".to_owned()]);
    for field in Field::ALL {
        let query = ValuesQuery { field: *field, prefix: String::new(), clusters: clusters.clone(), range, limit: 100 };
        let values = reader.values(&query).await.unwrap();
        let has_list = !matches!(field, Field::Message | Field::Uid);
        assert_eq!(!values.is_empty(), has_list, "{field}");
        assert!(values.windows(2).all(|pair| pair[0].states >= pair[1].states), "{field}: {values:?}");
        for ValueRow { value, states } in values {
            let line = parse(&format!("{field}:{}", quoted(&value))).unwrap();
            let filter = EventFilter { line: Some(line), clusters: clusters.clone(), ..EventFilter::default() };
            assert_eq!(reader.count_events(&filter, range).await.unwrap(), states, "{field} {value:?}");
        }
    }
    let begins =
        |prefix: &str| ValuesQuery { field: Field::Reason, prefix: prefix.into(), clusters: None, range, limit: 1 };
    assert_eq!(reader.values(&begins("bAcK")).await.unwrap()[0].value, "BackOff");
    assert!(reader.values(&begins("%")).await.unwrap().is_empty());
}
