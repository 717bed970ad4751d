//! Around one Event, and around one object: neighbours, lanes, the state at a moment.

use std::collections::BTreeMap;

use beidou_schemas::Micros;
use serde_json::{Value, json};

use super::oracle::{ALL, Counts, Fact, filled, items, range, told, within};
use crate::support::events::{SECOND, cluster_uid, seed};

fn versions(list: &[Value]) -> Vec<u64> {
    list.iter().map(|item| item["resource_version"].as_str().unwrap().parse().unwrap()).collect()
}

#[tokio::test]
async fn neighbours_are_what_else_happened_near_it() {
    let (world, facts) = filled().await;
    let anchors = [40, 41, 43, 202, 599].map(|n| facts[n].clone());
    for anchor in &anchors {
        let scopes: [(&str, &[&str]); 4] = [
            ("object", &["kind", "namespace", "name"]),
            ("node", &["node"]),
            ("namespace", &["namespace"]),
            ("cluster", &[]),
        ];
        for (scope, columns) in scopes {
            for (within, limit) in [("30m", 200), ("10m", 2)] {
                let uid = anchor.text("event_uid");
                let (cluster, version) = (anchor.text("cluster_uid"), anchor.number("resource_version"));
                let path = format!(
                    "/api/v1/events/{cluster}/{uid}/neighbours?scope={scope}&within={within}&limit={limit}&resource_version={version}"
                );
                let answer = world.api.list(&path).await;
                let is_near = |fact: &&&Fact| {
                    fact.is("cluster_uid", cluster)
                        && !fact.is("event_uid", uid)
                        && columns.iter().all(|column| fact.is(column, anchor.text(column)))
                };
                let inside = super::oracle::within(&facts, range(&answer, "range"));
                let mut near: Vec<_> = inside.iter().filter(is_near).map(|fact| (fact.key(), fact)).collect();
                near.sort_by_key(|(key, _)| *key);
                let (mut before, mut after): (Vec<_>, Vec<_>) =
                    near.iter().map(|(key, _)| *key).partition(|key| *key < anchor.key());
                before.reverse();
                let more = [&mut before, &mut after].map(|side| {
                    let more = side.len() > limit;
                    side.truncate(limit);
                    more
                });
                let expected =
                    |side: Vec<(_, _, u64)>| side.into_iter().map(|(_, _, version)| version).collect::<Vec<_>>();
                assert_eq!(answer["event"]["resource_version"], version.to_string());
                assert_eq!(versions(items(&answer, "before")), expected(before), "{path}");
                assert_eq!(versions(items(&answer, "after")), expected(after), "{path}");
                assert_eq!([&answer["more_before"], &answer["more_after"]], more.map(Value::Bool).each_ref(), "{path}");
            }
        }
    }
}

#[tokio::test]
async fn neighbours_begin_at_the_newest_state_and_are_filtered() {
    let (world, facts) = filled().await;
    let uid = facts[40].text("event_uid");
    let cluster = facts[40].text("cluster_uid");
    let newest =
        facts.iter().filter(|fact| fact.is("event_uid", uid)).map(|fact| fact.number("resource_version")).max();
    let path = format!("/api/v1/events/{cluster}/{uid}/neighbours");
    let answer = world.api.list(&format!("{path}?scope=cluster&within=1h&type=Warning")).await;
    assert_eq!(answer["event"]["resource_version"], newest.unwrap().to_string());
    let both = [items(&answer, "before").clone(), items(&answer, "after").clone()].concat();
    assert!(!both.is_empty() && both.iter().all(|item| item["type"] == "Warning"));
    assert_eq!(answer["coverage"].as_array().unwrap().len(), 1);
    for (query, status) in [
        ("?scope=rack", 400),
        ("?within=2d", 400),
        ("?within=0s", 400),
        ("?resource_version=1", 404),
        ("?cluster=a", 400),
    ] {
        assert_eq!(world.api.get(&format!("{path}{query}")).await.status, status, "{query}");
    }
    let mut nowhere = seed(1, 7);
    nowhere.json["source"]["host"] = "".into();
    nowhere.json["metadata"]["uid"] = "0f8fad5b-d9cb-469f-a165-70867728950e".into();
    world.insert("kube_event", [nowhere.row()]).await;
    let refused =
        world.api.get("/api/v1/events/cluster-1/0f8fad5b-d9cb-469f-a165-70867728950e/neighbours?scope=node").await;
    assert!(refused.status == 400 && refused.text.contains("names no node"), "{}", refused.text);
}

fn pod_three(facts: &[Fact]) -> Vec<Fact> {
    let is =
        |fact: &&Fact| fact.is("kind", "Pod") && fact.is("name", "pod-3") && fact.is("cluster_uid", &cluster_uid(1));
    facts.iter().filter(is).cloned().collect()
}

#[tokio::test]
async fn lanes_count_every_state_once() {
    let (world, facts) = filled().await;
    let facts = pod_three(&facts);
    for (asked, width) in
        [(ALL, 1200), (ALL, 100), ("from=2020-01-01T00:00:00Z&to=2026-12-01T00:00:00Z", 1200), ("from=-1h", 100)]
    {
        let path = format!("/api/v1/objects/cluster-1/Pod/recsys/pod-3/lanes?{asked}&width={width}");
        let answer = world.api.list(&path).await;
        let inside = within(&facts, range(&answer, "range"));
        let mut expected: BTreeMap<(String, String), Counts> = BTreeMap::new();
        for fact in &inside {
            let counts = expected.entry((fact.text("type").into(), fact.text("reason").into())).or_default();
            *counts = (counts.0 + 1, counts.1 + fact.number("occurrences_delta"));
        }
        let text = |lane: &Value, name: &str| lane[name].as_str().unwrap().to_owned();
        let lanes = items(&answer, "lanes");
        let found: BTreeMap<_, _> =
            lanes.iter().map(|lane| ((text(lane, "type"), text(lane, "reason")), told(lane))).collect();
        assert_eq!(found, expected, "{path}");
        let begin = range(&answer, "range").0;
        for lane in lanes {
            check_marks(lane, begin, answer["pixel_micros"].as_i64().unwrap(), width);
            let repeated: Vec<_> = items(lane, "marks").iter().filter(|mark| mark["shape"] == "span").collect();
            let own = |fact: &&&Fact| fact.is("type", &text(lane, "type")) && fact.is("reason", &text(lane, "reason"));
            for (first, last) in lengths(inside.iter().filter(own).copied()) {
                let pixel = |at: Micros| (at.0 - begin.0) / answer["pixel_micros"].as_i64().unwrap();
                let covers = |mark: &&&Value| {
                    mark["x"].as_i64() <= Some(pixel(first)) && Some(pixel(last)) < mark["to_x"].as_i64()
                };
                assert_eq!(
                    repeated.iter().filter(covers).count(),
                    usize::from(pixel(first) < pixel(last)),
                    "{path}: {lane}"
                );
            }
        }
    }
}

/// First and last state of each Event.
fn lengths<'a>(facts: impl Iterator<Item = &'a Fact>) -> Vec<(Micros, Micros)> {
    let mut found: BTreeMap<&str, (Micros, Micros)> = BTreeMap::new();
    for fact in facts {
        let (first, last) = found.entry(fact.text("event_uid")).or_insert((fact.time(), fact.time()));
        (*first, *last) = ((*first).min(fact.time()), (*last).max(fact.time()));
    }
    found.into_values().collect()
}

fn check_marks(lane: &Value, begin: Micros, pixel: i64, width: i64) {
    for mark in items(lane, "marks") {
        let number = |name: &str| mark[name].as_i64().unwrap();
        let at = |name: &str| Micros::parse(mark[name].as_str().unwrap()).unwrap();
        assert!(0 <= number("x") && number("x") < number("to_x") && number("to_x") <= width, "{mark}");
        assert_eq!((at("from").0 - begin.0) / pixel, number("x"), "{mark}");
        assert_eq!((at("to").0 - begin.0) / pixel, number("to_x") - 1, "{mark}");
        assert_eq!(mark["shape"] == "point", mark["states"] == 1, "{mark}");
    }
}

#[tokio::test]
async fn a_busy_object_has_not_too_many_marks_and_keeps_its_shortest_change() {
    let (world, _) = filled().await;
    // 45 reasons, each in every one of 200 moments; one of them once more, alone.
    let fill = "INSERT INTO kube_event (cluster_uid, cluster, event_uid, resource_version, time, type, reason, kind, namespace, name, occurrences_delta)
        SELECT (SELECT any(cluster_uid) FROM kube_event WHERE cluster = 'cluster-1'), 'cluster-1', generateUUIDv4(number), number,
            toDateTime64('2026-11-23 15:00:00', 6, 'UTC') + toIntervalSecond(intDiv(number, 45) * 9), 'Normal', concat('Reason', toString(number % 45)), 'Pod', 'recsys', 'busy', 1
        FROM numbers(9000)
        UNION ALL
        SELECT (SELECT any(cluster_uid) FROM kube_event WHERE cluster = 'cluster-1'), 'cluster-1', generateUUIDv4(1), 9001,
            toDateTime64('2026-11-23 15:00:04', 6, 'UTC'), 'Warning', 'Once', 'Pod', 'recsys', 'busy', 3";
    world.engine.run(fill).await;
    let answer = world.api.list(&format!("/api/v1/objects/cluster-1/Pod/recsys/busy/lanes?{ALL}&width=4000")).await;
    let lanes = items(&answer, "lanes");
    let marks: usize = lanes.iter().map(|lane| items(lane, "marks").len()).sum();
    assert!(marks <= 2000 && answer["marks"] == marks, "{marks}");
    assert_eq!(lanes.iter().map(|lane| lane["states"].as_u64().unwrap()).sum::<u64>(), 9001);
    assert_eq!((lanes[0]["reason"].as_str(), told(&lanes[0])), (Some("Once"), (1, 3)), "a warning is the first");
    let rest = lanes.last().unwrap();
    assert_eq!((lanes.len(), &rest["reason"], rest["different"].as_u64()), (31, &Value::Null, Some(16)));
    assert!(answer["pixels"].as_u64().unwrap() > 1);
}

#[tokio::test]
async fn an_object_at_a_moment_is_the_last_of_each_reason() {
    let (world, facts) = filled().await;
    let facts = pod_three(&facts);
    let path = "/api/v1/objects/cluster-1/Pod/recsys/pod-3/at";
    let mut times: Vec<Micros> = facts.iter().map(Fact::time).collect();
    times.sort();
    let (first, last) = (times[0], times[times.len() - 1]);
    for at in [first, Micros(first.0 - 1), Micros(first.0 + 1), times[times.len() / 2], last, last.plus(9 * SECOND)] {
        let answer = world.api.list(&format!("{path}?t={at}")).await;
        let mut newest: BTreeMap<(&str, &str), &Fact> = BTreeMap::new();
        for fact in facts.iter().filter(|fact| fact.time() <= at) {
            let place = newest.entry((fact.text("type"), fact.text("reason"))).or_insert(fact);
            *place = std::cmp::max_by_key(*place, fact, |fact| fact.key());
        }
        let mut expected: Vec<_> = newest.into_values().map(Fact::key).collect();
        expected.sort();
        expected.reverse();
        let expected: Vec<_> = expected.into_iter().map(|(_, _, version)| version).collect();
        assert_eq!(versions(items(&answer, "items")), expected, "{at}");
        let text = |at: Option<&Micros>| at.map_or(Value::Null, |at| json!(at));
        let before = times.iter().filter(|time| **time <= at).count();
        assert_eq!(answer["states"], before);
        assert_eq!(answer["first_seen"], text(Some(&first)), "also before it");
        assert_eq!(answer["last_seen"], text(times[..before].last()), "{at}");
        assert_eq!(answer["next_seen"], text(times.get(before)), "{at}");
        let (from, to) = range(&answer, "range");
        assert_eq!((from, to), (times[..before].last().copied().unwrap_or(at), at.plus(1)));
        assert_eq!(answer["coverage"][0]["complete"], false, "nobody watched");
    }
    for (kind, asked) in [("po", format!("at?t={last}")), ("PODS", format!("lanes?{ALL}"))] {
        let states = async |kind: &str| {
            let path = format!("/api/v1/objects/cluster-1/{kind}/recsys/pod-3/{asked}");
            let mut answer = world.api.list(&path).await;
            // What is proven moves with the clock.
            answer["coverage"].take();
            answer
        };
        assert_eq!(states(kind).await, states("Pod").await, "{kind}");
    }
    let unknown = world.api.list("/api/v1/objects/cluster-1/Pod/recsys/never/at").await;
    assert_eq!((&unknown["first_seen"], items(&unknown, "items").len()), (&Value::Null, 0));
}
