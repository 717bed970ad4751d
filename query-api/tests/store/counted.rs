//! Counted by the store, and reckoned again here: histogram, facets, patterns, explain.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BTreeSet},
};

use beidou_schemas::Micros;
use serde_json::{Value, json};
use uuid::Uuid;

use super::oracle::{ALL, Counts, Fact, LATER, by_value, counts, filled, items, range, told, within};
use crate::support::events::cluster_uid;

/// Filters as parameters, and the same over rows.
type Filter = (&'static str, fn(&Fact) -> bool);

const FILTERS: [Filter; 7] = [
    ("", |_| true),
    ("&type=Warning", |fact| fact.is("type", "Warning")),
    ("&cluster=cluster-2&kind=Pod", |fact| fact.text("cluster_uid") == cluster_uid(2) && fact.is("kind", "Pod")),
    ("&component=scheduler", |fact| fact.is("component", "scheduler") || fact.is("reporting_component", "scheduler")),
    ("&text=low%20on", |fact| fact.text("message").contains("low on")),
    ("&reason=Never", |_| false),
    ("&q=type:warning%20-kind:Node", |fact| fact.is("type", "Warning") && !fact.is("kind", "Node")),
];

fn passing(facts: &[Fact], filter: fn(&Fact) -> bool) -> Vec<Fact> {
    facts.iter().filter(|fact| filter(fact)).cloned().collect()
}

#[tokio::test]
async fn bins_hold_what_happened_in_them() {
    let (world, facts) = filled().await;
    for (query, filter) in FILTERS {
        let facts = passing(&facts, filter);
        for (asked, bins, seconds) in [
            (ALL, 240, 60.0),
            (ALL, 40, 300.0),
            (ALL, 5, 3600.0),
            (LATER, 200, 30.0),
            (LATER, 60, 60.0),
            (LATER, 3, 1800.0),
        ] {
            let path = format!("/api/v1/events/histogram?{asked}&bins={bins}{query}");
            let answer = world.api.list(&path).await;
            let (from, to) = range(&answer, "range");
            let found = items(&answer, "bins");
            assert!(found.len() <= bins, "{path}");
            assert_eq!(answer["bin_seconds"], seconds, "{path}");
            assert!(found.windows(2).all(|pair| pair[0]["to"] == pair[1]["from"]), "{path}");
            let edge = |bin: &Value, name: &str| Micros::parse(bin[name].as_str().unwrap()).unwrap();
            assert!(edge(&found[0], "from") <= from && to <= edge(found.last().unwrap(), "to"), "{path}");
            for bin in found {
                let inside = within(&facts, (edge(bin, "from").max(from), edge(bin, "to").min(to)));
                assert_eq!(told(bin), counts(inside.iter().copied()), "{path}: {bin}");
                assert_eq!(types(bin), of_types(&inside), "{path}: {bin}");
            }
            let inside = within(&facts, (from, to));
            assert_eq!((told(&answer), types(&answer)), (counts(inside.iter().copied()), of_types(&inside)), "{path}");
        }
    }
    let one = world.api.list(&format!("/api/v1/events/histogram?{LATER}&bins=1")).await;
    assert_eq!(items(&one, "bins").len(), 1);
    assert_eq!(told(&one["bins"][0]), counts(within(&facts, range(&one, "range"))));
}

fn types(value: &Value) -> BTreeMap<String, Counts> {
    items(value, "by_type").iter().map(|of| (of["type"].as_str().unwrap().to_owned(), told(of))).collect()
}

fn of_types(facts: &[&Fact]) -> BTreeMap<String, Counts> {
    let named = |(name, counts): (String, Counts)| (if name == "Odd" { "other".into() } else { name }, counts);
    by_value(facts, "type").into_iter().map(named).collect()
}

#[tokio::test]
async fn bins_that_are_not_complete_say_so() {
    let (world, _) = filled().await;
    let row = |cluster: u128, state: &str, from: &str, until: &str, offset: u64| {
        let session = if state == "complete" { Uuid::from_u128(offset.into()) } else { Uuid::nil() };
        json!({"cluster_uid": cluster_uid(cluster), "cluster": format!("cluster-{cluster}"), "state": state, "session": session,
            "from_time": format!("2026-11-23T{from}Z"), "until_time": format!("2026-11-23T{until}Z"), "reason": "expired",
            "log_offset": offset})
    };
    let rows = [
        row(1, "complete", "14:00:00", "14:30:00", 1),
        row(1, "gap", "14:30:00", "14:31:30", 2),
        row(1, "complete", "14:31:30", "17:00:00", 3),
        row(2, "complete", "14:00:00", "15:00:00", 4),
        row(2, "degraded", "14:31:00", "14:31:00.000001", 5),
        row(2, "degraded", "15:00:00", "15:02:00", 6),
        row(2, "complete", "15:02:00", "17:00:00", 7),
    ];
    world.insert("kube_coverage", rows).await;
    let known = async |query: &str| {
        let path = format!("/api/v1/events/histogram?from=2026-11-23T14:29:00Z&to=2026-11-23T15:03:00Z&bins=60{query}");
        let answer = world.api.list(&path).await;
        let told = |bin: &Value| {
            let at = bin["from"].as_str().unwrap()[11..16].to_owned();
            (at, bin["coverage"].as_str().unwrap().to_owned(), bin["incomplete_clusters"].as_u64().unwrap())
        };
        items(&answer, "bins").iter().map(told).filter(|(_, coverage, _)| coverage != "complete").collect::<Vec<_>>()
    };
    let of = |at: &str, state: &str, clusters| (at.to_owned(), state.to_owned(), clusters);
    assert_eq!(known("&cluster=cluster-1").await, [of("14:30", "gap", 1), of("14:31", "gap", 1)]);
    assert_eq!(
        known("&cluster=cluster-1,cluster-2").await,
        [of("14:30", "gap", 1), of("14:31", "gap", 1), of("15:00", "degraded", 1), of("15:01", "degraded", 1)],
        "what another session proved complete is complete"
    );
    assert!(known("").await.iter().all(|(_, state, _)| state == "unknown"), "the third cluster was never watched");
}

/// Values with their counts and Warnings, in order.
fn first_values(facts: &[&Fact], field: &str, sort: &str) -> Vec<(String, Counts, u64)> {
    let warned: Vec<&Fact> = facts.iter().copied().filter(|fact| fact.is("type", "Warning")).collect();
    let warned = by_value(&warned, field);
    let with_warnings = |(value, counts): (String, Counts)| {
        let warnings = warned.get(&value).map_or(0, |(states, _)| *states);
        (value, counts, warnings)
    };
    let mut values: Vec<_> = by_value(facts, field).into_iter().map(with_warnings).collect();
    let rank = |(_, counts, warnings): &(String, Counts, u64)| {
        Reverse(if sort == "warnings" { (*warnings, counts.0) } else { (counts.0, 0) })
    };
    values.sort_by(|one, other| rank(one).cmp(&rank(other)).then_with(|| one.0.cmp(&other.0)));
    values
}

const FIELDS: [&str; 9] = ["cluster", "namespace", "kind", "reason", "type", "component", "node", "name", "pattern"];

#[tokio::test]
async fn facets_are_the_most_frequent_values_or_the_most_warned() {
    let (world, facts) = filled().await;
    for (query, filter) in FILTERS {
        let facts = passing(&facts, filter);
        // The first five are those of the roll-up.
        for (asked, top, fields, sort) in [
            (ALL, 50, &FIELDS[..], "states"),
            (LATER, 3, &FIELDS[..], "warnings"),
            (ALL, 50, &FIELDS[..5], "warnings"),
            (LATER, 3, &FIELDS[..5], "states"),
        ] {
            let path =
                format!("/api/v1/events/facets?{asked}&top={top}&fields={}&sort={sort}{query}", fields.join(","));
            let answer = world.api.list(&path).await;
            let inside = within(&facts, range(&answer, "range"));
            assert_eq!(told(&answer), counts(inside.iter().copied()), "{path}");
            let told_of: Vec<_> =
                items(&answer, "facets").iter().map(|facet| facet["field"].as_str().unwrap()).collect();
            assert_eq!(told_of, fields);
            for facet in items(&answer, "facets") {
                let field = facet["field"].as_str().unwrap();
                let expected = first_values(&inside, field, sort);
                assert_eq!(facet["different"], expected.len(), "{path}: {field}");
                let value = |value: &Value| {
                    (value["value"].as_str().unwrap().to_owned(), told(value), value["warnings"].as_u64().unwrap())
                };
                let found: Vec<_> = items(facet, "values").iter().map(value).collect();
                assert_eq!(found, expected[..expected.len().min(top)], "{path}: {field}");
            }
        }
    }
}

#[tokio::test]
async fn a_facets_number_is_what_its_filter_finds() {
    let (world, _) = filled().await;
    let answer =
        world.api.list(&format!("/api/v1/events/facets?{ALL}&type=Warning&fields=component,cluster,node,reason")).await;
    for facet in items(&answer, "facets") {
        let field = facet["field"].as_str().unwrap();
        for value in items(facet, "values").iter().filter(|value| value["value"] != "") {
            let filter = format!("{field}={}", value["value"].as_str().unwrap());
            let list = world.api.list(&format!("/api/v1/events?{ALL}&type=Warning&limit=1&total=true&{filter}")).await;
            assert_eq!(list["total"]["value"], value["states"], "{filter}");
        }
    }
    let cluster = &answer["facets"][0]["values"][0];
    assert!(cluster["label"].as_str().unwrap().starts_with("cluster-"), "{cluster}");
    let usual = world.api.list(&format!("/api/v1/events/facets?{ALL}")).await;
    assert_eq!(items(&usual, "facets").len(), 8);
    for (wrong, parameter) in
        [("fields=message", "fields"), ("top=0", "top"), ("top=51", "top"), ("sort=name", "sort"), ("bins=3", "bins")]
    {
        let refused = world.api.get(&format!("/api/v1/events/facets?{wrong}")).await;
        assert_eq!((refused.status, refused.json()["parameter"]["name"].as_str()), (400, Some(parameter)));
    }
}

#[tokio::test]
async fn patterns_fold_messages_and_know_the_new_ones() {
    let (world, facts) = filled().await;
    for (query, filter) in FILTERS {
        let facts = passing(&facts, filter);
        for (asked, top) in [(ALL, 200), (LATER, 200), (LATER, 1)] {
            let path = format!("/api/v1/events/patterns?{asked}&top={top}{query}");
            let answer = world.api.list(&path).await;
            let (inside, before) =
                (within(&facts, range(&answer, "range")), within(&facts, range(&answer, "baseline")));
            let known = by_value(&before, "pattern");
            let mut expected: Vec<_> = by_value(&inside, "pattern").into_iter().collect();
            expected.sort_by(|one, other| other.1.0.cmp(&one.1.0).then_with(|| one.0.cmp(&other.0)));
            assert_eq!(answer["different"], expected.len(), "{path}");
            expected.truncate(top);
            let found = items(&answer, "items");
            assert_eq!(found.len(), expected.len(), "{path}");
            for (item, (template, counts)) in found.iter().zip(expected) {
                assert_eq!((item["pattern"].as_str().unwrap(), told(item)), (template.as_str(), counts), "{path}");
                let of: Vec<_> = inside.iter().filter(|fact| fact.is("pattern", &template)).collect();
                let different = |column: &str| of.iter().map(|fact| fact.text(column)).collect::<BTreeSet<_>>().len();
                assert_eq!(
                    (item["events"].as_u64(), item["clusters"].as_u64()),
                    (Some(different("event_uid") as u64), Some(different("cluster_uid") as u64))
                );
                let (first, last) = (of.iter().map(|fact| fact.time()).min(), of.iter().map(|fact| fact.time()).max());
                let time = |name: &str| Micros::parse(item[name].as_str().unwrap());
                assert_eq!((time("first_time"), time("last_time")), (first, last));
                let seen = known.get(&template).map_or(0, |(states, _)| *states);
                assert_eq!((&item["new"], &item["states_before"]), (&json!(seen == 0), &json!(seen)));
                let newest = of
                    .iter()
                    .max_by_key(|fact| (fact.time(), fact.text("cluster_uid").to_owned(), fact.key()))
                    .unwrap();
                assert_eq!(item["example"]["message"], newest.0["message"], "{path}");
                assert_eq!(item["example"]["resource_version"], newest.number("resource_version").to_string());
            }
        }
    }
    let later = world.api.list(&format!("/api/v1/events/patterns?{LATER}")).await;
    let new: Vec<_> = items(&later, "items").iter().filter(|item| item["new"] == true).collect();
    assert!(new.iter().any(|item| item["example"]["reason"] == "Evicted"), "{later}");
    assert_eq!(later["baseline_coverage"].as_array().unwrap().len(), 3);
}

/// As documented.
fn g(after: u64, before: u64) -> f64 {
    let (a, b) = (after as f64, before as f64);
    let part = |n: f64| if n > 0.0 { n * (2.0 * n / (a + b)).ln() } else { 0.0 };
    2.0 * (part(a) + part(b))
}

#[tokio::test]
async fn changes_are_ranked_by_the_documented_measure() {
    let (world, facts) = filled().await;
    for (query, filter) in FILTERS {
        let facts = passing(&facts, filter);
        for (asked, top) in
            [(format!("{LATER}&baseline=56m"), 50), (LATER.into(), 2), (format!("{LATER}&baseline=1d"), 5)]
        {
            let path = format!("/api/v1/events/explain?{asked}&top={top}&fields={}{query}", FIELDS.join(","));
            let answer = world.api.list(&path).await;
            let (inside, before) =
                (within(&facts, range(&answer, "range")), within(&facts, range(&answer, "baseline")));
            let sums = (counts(inside.iter().copied()), counts(before.iter().copied()));
            let sum = |name: &str| answer[name].as_u64().unwrap();
            assert_eq!(
                ((sum("states"), sum("occurrences")), (sum("states_before"), sum("occurrences_before"))),
                sums,
                "{path}"
            );
            let changes = items(&answer, "changes");
            let expected = expected(&inside, &before, top);
            assert_eq!(changes.len(), expected.len(), "{path}");
            for (change, (new, field, value, after, before)) in changes.iter().zip(expected) {
                let score = change["score"].as_f64().unwrap();
                assert!((score - g(after, before)).abs() < 0.001, "{path}: {change}");
                let number = |name: &str| change[name].as_u64().unwrap();
                assert_eq!(
                    (
                        change["new"] == true,
                        change["field"].as_str(),
                        change["value"].as_str(),
                        number("states"),
                        number("states_before")
                    ),
                    (new, Some(field), Some(value.as_str()), after, before),
                    "{path}"
                );
            }
            assert_eq!(world.api.list(&path).await["changes"], answer["changes"], "the same data, the same order");
        }
    }
    let first = &world.api.list(&format!("/api/v1/events/explain?{LATER}")).await["changes"][0];
    assert_eq!((first["new"].as_bool(), first["value"].as_str()), (Some(true), Some("Evicted")), "{first}");
    for wrong in ["baseline=1s", "baseline=yesterday", "baseline=-1d", "fields=text"] {
        assert_eq!(world.api.get(&format!("/api/v1/events/explain?{LATER}&{wrong}")).await.status, 400, "{wrong}");
    }
}

type Expected = (bool, &'static str, String, u64, u64);

/// New ones first, then the others, `top` of each: by score, then number, then field, then value.
fn expected(inside: &[&Fact], before: &[&Fact], top: usize) -> Vec<Expected> {
    let mut all: Vec<Expected> = Vec::new();
    for field in FIELDS {
        let (after, before) = (by_value(inside, field), by_value(before, field));
        let values: BTreeSet<_> = after.keys().chain(before.keys()).collect();
        for value in values {
            let states = |of: &BTreeMap<String, Counts>| of.get(value).map_or(0, |(states, _)| *states);
            let (a, b) = (states(&after), states(&before));
            if a != b {
                all.push((b == 0, field, value.clone(), a, b));
            }
        }
    }
    let place = |field: &str| FIELDS.iter().position(|one| *one == field);
    all.sort_by(|one, other| {
        let score = |of: &Expected| g(of.3, of.4);
        let ranked = score(other).total_cmp(&score(one)).then(other.3.cmp(&one.3));
        ranked.then(place(one.1).cmp(&place(other.1))).then_with(|| one.2.cmp(&other.2))
    });
    let (new, known): (Vec<_>, Vec<_>) = all.into_iter().partition(|change| change.0);
    new.into_iter().take(top).chain(known.into_iter().take(top)).collect()
}
