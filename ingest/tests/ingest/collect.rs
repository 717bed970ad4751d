//! Ingest against a small API server: what is stored, what is published, and how faults are overcome.

use std::sync::Arc;

use beidou_ingest::{ClusterConfig, ClusterState};
use beidou_schemas::{
    Record, Topic,
    coverage::{CoverageFact, CoverageState},
    envelope::EventEnvelope,
    reject::Reject,
};
use bytes::Bytes;
use serde_json::Value;
use tokio::sync::Notify;

use crate::support::{
    Api, End, Listing, Opening, Running, all, event, eventually, facts, frame, memory, states, story,
};

fn one(api: &Api) -> Vec<ClusterConfig> {
    vec![ClusterConfig::of_server("one", &api.url, None)]
}

#[tokio::test]
async fn the_first_start_lists_in_pages_and_watches_on() {
    let (api, log) = (Api::start("uid-1").await, memory());
    for n in 0..5 {
        api.write(&format!("e{n}"), "before");
    }
    let running = Running::start(log.clone(), one(&api));
    eventually(&*log, Topic::KubeEvent, |records| records.len() == 5).await;
    api.write("e1", "after");
    let records = eventually(&*log, Topic::KubeEvent, |records| records.len() == 6).await;
    running.stop().await.unwrap();
    assert_eq!(states(&records), ["0.e0.101", "0.e1.102", "0.e1.106", "0.e2.103", "0.e3.104", "0.e4.105"]);
    for record in &records {
        let (envelope, value) = (EventEnvelope::read(record).unwrap(), record.value.clone());
        let version = envelope.identity.resource_version.0;
        let mut expected =
            event(envelope.identity.event.as_str(), version, if version > 105 { "after" } else { "before" });
        expected["metadata"].as_object_mut().unwrap().remove("managedFields");
        assert_eq!(serde_json::from_slice::<Value>(&value).unwrap(), expected, "{}", envelope.found_by.name());
        assert_eq!(envelope.cluster_name, "one");
    }
    let story = story(&facts(&*log).await);
    assert_eq!(story, ["degraded first_list epoch 0", "started 105", "ended shutdown"]);
}

#[tokio::test]
async fn a_restart_goes_on_where_the_log_says_and_a_kill_leaves_no_gap() {
    let (api, log) = (Api::start("uid-1").await, memory());
    let mut running = Running::start(log.clone(), one(&api));
    api.write("a", "");
    eventually(&*log, Topic::KubeEvent, |records| records.len() == 1).await;
    running.watching().await;
    let reached = running.status.borrow().clusters["one"].resource_version.unwrap().0;
    running.stop().await.unwrap();
    api.write("b", "written while nobody watched");
    let mut running = Running::start(log.clone(), one(&api));
    running.watching().await;
    eventually(&*log, Topic::KubeEvent, |records| records.len() == 2).await;
    running.kill().await;
    api.write("c", "written while the collector was dead");
    let running = Running::start(log.clone(), one(&api));
    eventually(&*log, Topic::KubeEvent, |records| records.iter().any(|r| r.header("ce_id").unwrap().contains(".c.")))
        .await;
    running.stop().await.unwrap();

    assert!(api.lock().watched[1] >= reached, "the second watch begins where the first was acknowledged");
    assert_eq!(api.lock().full_lists, 1, "a chain that can be continued needs no list");
    let facts = facts(&*log).await;
    let ends: Vec<String> = story(&facts).into_iter().filter(|line| !line.starts_with("started")).collect();
    assert_eq!(ends, ["degraded first_list epoch 0", "ended shutdown", "ended lost", "ended shutdown"]);
    let mut until = None;
    for fact in &facts {
        match fact {
            CoverageFact::Started(p) => {
                assert!(until.is_none_or(|until| p.from == until), "the chain is closed: {p:?}")
            }
            CoverageFact::Ended(end) => until = Some(end.position.until),
            CoverageFact::Advanced(_)
            | CoverageFact::Broken(_)
            | CoverageFact::Missed(_)
            | CoverageFact::Snapshot(_)
            | CoverageFact::Imported(_) => {}
        }
    }
}

#[tokio::test]
async fn whatever_ends_a_watch_it_goes_on_from_the_same_version() {
    let (api, log) = (Api::start("uid-1").await, memory());
    let half = frame("ADDED", &event("x", 999, "half")).slice(..20);
    let now = Arc::new(Notify::new());
    api.lock().plan = [
        Opening::Empty,
        Opening::Refuse(500),
        Opening::Refuse(429),
        Opening::Refuse(403),
        Opening::Send(vec![], End::CutWhen(Arc::clone(&now))),
        Opening::Send(vec![half.clone()], End::Close),
        Opening::Send(vec![half], End::Cut),
        Opening::Send(vec![Bytes::from_static(b"{\"type\":\"ERROR\",\"object\":{\"code\":504}}\n")], End::Close),
    ]
    .into();
    let mut cluster = one(&api);
    cluster[0].heartbeat = false;
    let running = Running::start(log.clone(), cluster);
    eventually(&*log, Topic::KubeCoverage, |_| api.lock().watched.len() == 5).await;
    api.write("early", "sent before the cut");
    eventually(&*log, Topic::KubeEvent, |records| records.len() == 1).await;
    now.notify_one();
    eventually(&*log, Topic::KubeCoverage, |_| api.lock().watched.len() == 9).await;
    api.write("late", "");
    let records = eventually(&*log, Topic::KubeEvent, |records| records.len() == 2).await;
    running.stop().await.unwrap();
    assert_eq!(states(&records), ["0.early.101", "0.late.102"]);
    assert!(all(&*log, Topic::KubeReject).await.is_empty(), "half a frame is no frame");
    assert_eq!(api.lock().watched, [100, 100, 100, 100, 100, 101, 101, 101, 101]);
    let story = story(&facts(&*log).await);
    assert_eq!(
        story,
        [
            "degraded first_list epoch 0",
            "started 100",
            "ended empty",
            "started 100",
            "ended cut",
            "started 101",
            "ended cut",
            "started 101",
            "ended cut",
            "started 101",
            "ended server_error",
            "started 101",
            "ended shutdown",
        ]
    );
}

#[tokio::test]
async fn compacted_history_is_found_by_a_list_and_published_as_degraded() {
    let gone = Bytes::from_static(b"{\"type\":\"ERROR\",\"object\":{\"code\":410,\"message\":\"too old\"}}\n");
    for opening in [Opening::Refuse(410), Opening::Send(vec![gone], End::Close)] {
        let (api, log) = (Api::start("uid-1").await, memory());
        let mut running = Running::start(log.clone(), one(&api));
        api.write("a", "");
        running.watching().await;
        eventually(&*log, Topic::KubeEvent, |records| records.len() == 1).await;
        running.stop().await.unwrap();
        api.write("a", "lost");
        api.write("a", "found");
        let found = api.write("b", "found");
        api.compact();
        api.lock().plan.push_back(opening);
        api.lock().lists.push_back(Listing::ExpireSecondPage);
        api.lock().lists.push_back(Listing::Refuse(500));
        for n in 0..3 {
            api.write(&format!("more{n}"), "");
        }
        api.compact();
        let running = Running::start(log.clone(), one(&api));
        eventually(&*log, Topic::KubeCoverage, |records| {
            let broken = |r: &Record| matches!(CoverageFact::from_json(&r.value), Ok(CoverageFact::Broken(_)));
            records.iter().filter(|record| broken(record)).count() == 2
        })
        .await;
        let records = all(&*log, Topic::KubeEvent).await;
        running.stop().await.unwrap();
        let stored = states(&records);
        for state in [format!("0.a.{}", found - 1), format!("0.b.{found}"), format!("0.more2.{}", found + 3)] {
            assert_eq!(stored.iter().filter(|stored| **stored == state).count(), 1, "{state} in {stored:?}");
        }
        let facts = facts(&*log).await;
        let broken: Vec<_> =
            facts.iter().filter_map(|f| if let CoverageFact::Broken(b) = f { Some(b) } else { None }).collect();
        assert_eq!(broken.len(), 2, "the first list, and this: {broken:#?}");
        assert_eq!(broken[1].state, CoverageState::Degraded);
        assert_eq!(api.lock().full_lists, 4, "first, expired page, refused, good");
    }
}

#[tokio::test]
async fn a_server_that_was_set_back_begins_a_new_epoch() {
    for down in [true, false] {
        let (api, log) = (Api::start("uid-1").await, memory());
        api.lock().version = 5000;
        let mut running = Running::start(log.clone(), one(&api));
        api.write("a", "");
        running.watching().await;
        eventually(&*log, Topic::KubeEvent, |records| records.len() == 1).await;
        let running = if down {
            running.stop().await.unwrap();
            api.set_back(300);
            Running::start(log.clone(), one(&api))
        } else {
            // The stream stays open; only the heartbeat shows it.
            api.set_back(300);
            running
        };
        eventually(&*log, Topic::KubeCoverage, |r| r.iter().any(|r| r.value.windows(8).any(|w| w == b"restored")))
            .await;
        let version = api.write("a", "in the new life");
        let records = eventually(&*log, Topic::KubeEvent, |records| records.len() >= 2).await;
        running.stop().await.unwrap();
        assert!(states(&records).contains(&format!("1.a.{version}")), "{:?}", states(&records));
        assert!(story(&facts(&*log).await).contains(&"gap restored epoch 1".to_owned()));
    }
}

#[tokio::test]
async fn frames_that_nobody_understands_are_kept_and_the_watch_goes_on() {
    let (api, log) = (Api::start("uid-1").await, memory());
    let big = "m".repeat(5 << 20);
    let line = |text: &[u8]| Bytes::from([text, b"\n"].concat());
    let too_big = vec![b'x'; 17 << 20];
    api.lock().plan.push_back(Opening::Send(
        vec![
            line(b"{\"type\":\"ADDED\",\"object\":{\"metadata\":"),
            line(b"{\"type\":\"ADDED\",\"object\":{\"message\":\"\xff\"}}"),
            line(b"{\"type\":\"ADDED\",\"object\":{\"metadata\":{\"resourceVersion\":\"101\"}}}"),
            line(b"[1]"),
            line(&too_big),
            frame("ADDED", &event("big", 100, &big)),
        ],
        End::Serve,
    ));
    api.lock().version = 100;
    let mut cluster = one(&api);
    cluster[0].heartbeat = false;
    let running = Running::start(log.clone(), cluster);
    let records = eventually(&*log, Topic::KubeEvent, |records| records.len() == 1).await;
    assert!(records[0].value.len() > 5 << 20, "five megabytes are an Event like others");
    api.write("after", "");
    eventually(&*log, Topic::KubeEvent, |records| records.len() == 2).await;
    running.stop().await.unwrap();
    let rejects: Vec<Reject> =
        all(&*log, Topic::KubeReject).await.iter().map(|record| Reject::from_record(record).unwrap()).collect();
    let kinds: Vec<(&str, u64)> = rejects.iter().map(|r| (r.reason.name(), r.frame_bytes)).collect();
    assert_eq!(
        kinds,
        [("not_json", 37), ("not_json", 41), ("not_an_event", 64), ("not_a_frame", 3), ("too_large", 17 << 20)]
    );
    assert_eq!(rejects[1].frame, &b"{\"type\":\"ADDED\",\"object\":{\"message\":\"\xff\"}}"[..], "kept as it came");
    assert_eq!(api.lock().watched.len(), 1, "one stream through it all");
}

#[tokio::test]
async fn heartbeats_prove_and_are_not_stored() {
    let (api, log) = (Api::start("uid-1").await, memory());
    let mut running = Running::start(log.clone(), one(&api));
    let first = running.until(|s| s.clusters.get("one").is_some_and(|c| c.state == ClusterState::Watching)).await;
    let first = first.clusters["one"].until.unwrap();
    // Nothing happens in the cluster, and yet completeness is proven further and further.
    running.until(|s| s.clusters["one"].until.is_some_and(|until| until.0 > first.0 + 1_500_000)).await;
    let beats = api.lock().heartbeats;
    running.stop().await.unwrap();
    assert!(beats >= 2, "{beats}");
    assert!(all(&*log, Topic::KubeEvent).await.is_empty(), "a heartbeat is proof, not history");
}

#[tokio::test]
async fn where_heartbeats_are_forbidden_reading_proves_and_people_are_told() {
    let (api, log) = (Api::start("uid-1").await, memory());
    api.lock().forbid_heartbeat = true;
    let mut running = Running::start(log.clone(), one(&api));
    running.watching().await;
    let told = |notices: &[String]| notices.iter().any(|n| n.contains("create, patch and get on events"));
    let status = running.until(|s| told(&s.clusters["one"].notices)).await;
    let first = status.clusters["one"].until.unwrap();
    let later = first.plus(300_000);
    while running.status.borrow().clusters["one"].until < Some(later) {
        api.write("a", "frames carry the proof");
        running.status.changed().await.unwrap();
    }
    running.stop().await.unwrap();
}
