//! Properties of the generated week: it parses, it is ordered, it repeats itself for a seed, and it tells the story.

use std::collections::{HashMap, HashSet};

use beidou_simulator::clock::{DAY_US, HOUR_US};
use beidou_simulator::{HistoryOptions, HistoryState, history};
use serde_json::Value;
use uuid::Uuid;

/// 2026-11-23T06:26:00Z, the "now" of the mock-ups.
const NOW_US: i64 = 1_795_415_160_000_000;

fn options(states: u64) -> HistoryOptions {
    HistoryOptions { states, ..HistoryOptions::demo(7, NOW_US) }
}

fn all(options: &HistoryOptions) -> Vec<Vec<HistoryState>> {
    history(options).into_iter().map(Iterator::collect).collect()
}

#[test]
fn a_week_holds_what_was_asked_for_in_order() {
    for seed in 1..6 {
        let options = HistoryOptions { seed, ..options(60_000) };
        let clusters = all(&options);
        let states: usize = clusters.iter().map(Vec::len).sum();
        assert!((60_000..75_000).contains(&states), "seed {seed} made {states} states");
        for states in &clusters {
            assert!(states.windows(2).all(|pair| pair[0].resource_version < pair[1].resource_version));
            assert!(states.windows(2).all(|pair| pair[0].time_us <= pair[1].time_us));
            assert!(states.iter().all(|state| state.time_us < NOW_US && state.time_us >= NOW_US - 7 * DAY_US));
        }
    }
}

#[test]
fn every_state_is_a_valid_event_and_counts_never_fall() {
    let (mut counts, mut names) = (HashMap::<Uuid, u64>::new(), HashMap::new());
    for state in all(&options(60_000)).into_iter().flatten() {
        let event: Value = serde_json::from_slice(&state.json).unwrap();
        let metadata = &event["metadata"];
        assert_eq!(event["kind"], "Event");
        assert_eq!(metadata["uid"], state.uid.to_string());
        assert_eq!(metadata["resourceVersion"], state.resource_version.to_string());
        assert!(metadata.get("managedFields").is_none());
        let seen: jiff::Timestamp = ["/series/lastObservedTime", "/lastTimestamp", "/eventTime"]
            .iter()
            .find_map(|path| event.pointer(path).and_then(Value::as_str))
            .unwrap()
            .parse()
            .unwrap();
        assert!((state.time_us - seen.as_microsecond()).abs() < 1_000_000, "{event}");
        let count = event["count"].as_u64().or_else(|| event["series"]["count"].as_u64()).unwrap_or(1);
        let before = counts.insert(state.uid, count).unwrap_or(0);
        assert!(count > before, "count fell from {before} to {count}: {event}");
        let key = (state.cluster, metadata["namespace"].to_string(), metadata["name"].to_string());
        assert_eq!(*names.entry(key).or_insert(state.uid), state.uid, "two Events share a name");
    }
}

#[test]
fn a_history_of_nothing_ends() {
    let one_script_at_most = all(&HistoryOptions { days: 1, ..options(0) }).into_iter().flatten().count();
    assert!(one_script_at_most < 10_000);
}

#[test]
fn the_same_seed_makes_the_same_bytes_and_another_does_not() {
    let first = all(&options(5_000));
    assert_eq!(first, all(&options(5_000)));
    assert_ne!(first, all(&HistoryOptions { seed: 8, ..options(5_000) }));
}

#[test]
fn the_first_lines_never_change() {
    let mut lines = String::new();
    for states in all(&options(5_000)) {
        for state in &states[..40] {
            lines.push_str(std::str::from_utf8(&state.json).unwrap());
            lines.push('\n');
        }
    }
    let golden = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden/history.ndjson");
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(golden, &lines).unwrap();
    }
    let known = std::fs::read_to_string(golden).unwrap();
    assert!(lines == known, "history of seed 7 changed; if that is meant, run with UPDATE_GOLDEN=1");
}

#[test]
fn the_planted_incident_is_there_to_be_found() {
    let options = options(60_000);
    let incident = options.incident().unwrap();
    let cluster = options.fleet().cluster(&incident.cluster).unwrap().index;
    let (mut reasons, mut failed_pods, mut lost) = (HashSet::new(), HashSet::new(), HashSet::new());
    for state in history(&options).remove(cluster) {
        let event: Value = serde_json::from_slice(&state.json).unwrap();
        let text = |path: &str| event.pointer(path).and_then(Value::as_str).unwrap_or_default().to_owned();
        let object = text("/involvedObject/name");
        if object == incident.pod {
            assert!((incident.from_us..=incident.until_us).contains(&state.time_us));
            assert_eq!(text("/metadata/namespace"), incident.namespace);
            reasons.insert(text("/reason"));
        }
        if text("/message").contains("503 Service Unavailable") {
            failed_pods.insert(object);
        } else if text("/reason") == "NodeNotReady"
            && (NOW_US - 2 * DAY_US..).contains(&state.time_us)
            && state.time_us < NOW_US - 2 * DAY_US + HOUR_US
        {
            lost.insert(object);
        }
    }
    for reason in ["Scheduled", "Pulling", "Failed", "BackOff", "Created", "Started"] {
        assert!(reasons.contains(reason), "victim never said {reason}, only {reasons:?}");
    }
    assert!(failed_pods.len() > 30, "{} pods failed to pull", failed_pods.len());
    assert!(lost.contains(&incident.not_ready_node));
}

#[test]
fn the_demo_has_three_hundred_nodes_and_stable_identities() {
    let fleet = options(1).fleet();
    let names: Vec<_> = fleet.clusters.iter().map(|cluster| cluster.name.as_str()).collect();
    assert_eq!(names, ["hz-prod-01", "hz-prod-02", "sz-prod-01"]);
    assert_eq!(fleet.clusters.iter().map(|cluster| cluster.nodes.len()).sum::<usize>(), 300);
    let nodes: HashSet<_> = fleet.clusters.iter().flat_map(|cluster| &cluster.nodes).map(|node| &node.name).collect();
    assert_eq!(nodes.len(), 300);
    assert_eq!(fleet.clusters[1].uid, options(2).fleet().clusters[1].uid);
    assert!(nodes.contains(&std::sync::Arc::from("hz2-c7-r14-u22")));
    assert!(nodes.contains(&std::sync::Arc::from("hz2-c5-r09-u31")));
}
