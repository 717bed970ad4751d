//! Signals: each line counted in each cluster in two ranges, reckoned again here.

use std::collections::BTreeMap;

use serde_json::Value;

use super::oracle::{Fact, LATER, filled, items, range, within};
use crate::support::events::cluster_uid;

type Line = (&'static str, fn(&Fact) -> bool);

/// Lines over the message stand between the others, which the store counts apart from them.
const LINES: [Line; 6] = [
    ("type:Warning", |fact| fact.is("type", "Warning")),
    ("message:/low on/", |fact| fact.text("message").contains("low on")),
    ("reason:(Evicted Never) -kind:Node", |fact| fact.is("reason", "Evicted") && !fact.is("kind", "Node")),
    ("resource type:Warning", |fact| fact.text("message").contains("resource") && fact.is("type", "Warning")),
    ("reason:Never", |_| false),
    ("", |_| true),
];

/// Holds whole hours, as the time before it does: those come from the roll-up.
const HOURS: &str = "from=2026-11-23T15:29:30.25Z&to=2026-11-23T17:00:00Z";

fn asked(range: &str) -> String {
    let lines = LINES.map(|(line, _)| format!("line={}", line.replace(' ', "%20")));
    format!("/api/v1/fleet/signals?{range}&{}", lines.join("&"))
}

fn g(a: u64, b: u64) -> f64 {
    let term = |n: u64| if n == 0 { 0.0 } else { n as f64 * (2.0 * n as f64 / (a + b) as f64).ln() };
    2.0 * (term(a) + term(b))
}

fn by_cluster(facts: &[&Fact], holds: fn(&Fact) -> bool) -> BTreeMap<String, u64> {
    let mut found = BTreeMap::new();
    for fact in facts.iter().filter(|fact| holds(fact)) {
        *found.entry(fact.text("cluster_uid").to_owned()).or_default() += 1;
    }
    found
}

#[tokio::test]
async fn each_line_is_counted_in_each_cluster_in_both_ranges() {
    let (world, facts) = filled().await;
    let one = cluster_uid(2);
    let one = Some(one.as_str());
    for (range_of, more, only) in [
        (LATER, "", None),
        (LATER, "&baseline=1h", None),
        (LATER, "&cluster=cluster-2", one),
        (HOURS, "", None),
        (HOURS, "&baseline=100m", None),
        (HOURS, "&cluster=cluster-2", one),
    ] {
        let path = asked(range_of) + more;
        let answer = world.api.list(&path).await;
        let (inside, before) = (within(&facts, range(&answer, "range")), within(&facts, range(&answer, "baseline")));
        let signals = items(&answer, "signals");
        assert_eq!(signals.len(), LINES.len());
        for (signal, (line, holds)) in signals.iter().zip(LINES) {
            assert_eq!(signal["line"], line);
            let (after, before) = (by_cluster(&inside, holds), by_cluster(&before, holds));
            let found = signal["clusters"].as_object().unwrap();
            let wanted = |uid: &&String| only.is_none_or(|only| only == uid.as_str());
            let expected: Vec<&String> = {
                let mut all: Vec<_> = after.keys().chain(before.keys()).filter(wanted).collect();
                all.sort();
                all.dedup();
                all
            };
            assert_eq!(found.keys().collect::<Vec<_>>(), expected, "{path}: {line}");
            for (uid, cell) in found {
                let of = |counts: &BTreeMap<String, u64>| counts.get(uid).copied().unwrap_or_default();
                let (a, b) = (of(&after), of(&before));
                let told = (cell["states"].as_u64().unwrap(), cell["states_before"].as_u64().unwrap());
                assert_eq!(told, (a, b), "{path}: {line} in {uid}");
                assert!((cell["score"].as_f64().unwrap() - g(a, b)).abs() < 0.001, "{path}: {line}: {cell}");
            }
        }
        let told = |name: &str| answer[name].as_array().map(Vec::len);
        assert_eq!(told("coverage"), told("baseline_coverage"));
    }
}

#[tokio::test]
async fn what_cannot_be_counted_is_refused_by_name() {
    let (world, _) = filled().await;
    for (query, name) in [
        ("", "line"),
        ("&line=nmespace:x", "line"),
        ("&line=cluster:a", "line"),
        ("&line=type:Warning&baseline=1s", "baseline"),
        ("&line=type:Warning&cluster=nowhere", "cluster"),
        (&"&line=a".repeat(21), "line"),
    ] {
        let refused = world.api.get(&format!("/api/v1/fleet/signals?{LATER}{query}")).await;
        let parameter: &Value = &refused.json()["parameter"]["name"];
        assert!((400..500).contains(&refused.status) && parameter == name, "{query}: {}", refused.text);
    }
}
