//! How complete, how late, how often: coverage by cluster, lag, and occurrences that are spread.

use beidou_schemas::Micros;
use serde_json::{Value, json};
use uuid::Uuid;

use super::world;
use crate::support::events::{cluster_uid, seed};

const RANGE: &str = "from=2026-11-23T14:00:00Z&to=2026-11-23T15:00:00Z";

fn interval(cluster: u128, state: &str, from: &str, until: &str, reason: &str, offset: u64) -> Value {
    let named = state == "complete" || reason == "missed_by_watch";
    let session = if named { Uuid::from_u128(offset.into()) } else { Uuid::nil() };
    json!({"cluster_uid": cluster_uid(cluster), "cluster": format!("cluster-{cluster}"), "state": state,
        "session": session, "from_time": format!("2026-11-23T{from}Z"), "until_time": format!("2026-11-23T{until}Z"),
        "reason": reason, "log_offset": offset})
}

#[tokio::test]
async fn clusters_are_told_the_least_complete_first_and_a_session_that_missed_something_is_not_believed() {
    let world = world().await;
    let rows = [
        interval(1, "complete", "13:00:00", "15:30:00", "", 1),
        interval(2, "complete", "13:00:00", "14:30:00", "expired", 2),
        interval(2, "gap", "14:30:00", "14:31:00", "expired", 3),
        interval(2, "degraded", "14:31:00", "14:33:00", "expired", 4),
        interval(2, "complete", "14:33:00", "16:00:00", "", 5),
        interval(3, "complete", "13:00:00", "16:00:00", "", 6),
        interval(3, "degraded", "14:10:00", "14:10:00.000072", "missed_by_watch", 7),
    ];
    world.insert("kube_coverage", rows).await;
    let answer = world.api.list(&format!("/api/v1/coverage/clusters?{RANGE}&bins=12")).await;
    let told: Vec<_> = answer["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|item| {
            (item["cluster"].as_str().unwrap(), item["percent"].as_str().unwrap(), item["strip"].as_str().unwrap())
        })
        .collect();
    let expected = [
        ("cluster-2", "95.00", "ccccccgccccc"),
        ("cluster-3", "99.999998", "ccdccccccccc"),
        ("cluster-1", "100", "cccccccccccc"),
    ];
    assert_eq!(told, expected);
    let worst = &answer["items"][0];
    assert_eq!((worst["gap_seconds"].as_f64(), worst["degraded_seconds"].as_f64()), (Some(60.0), Some(120.0)));
    let longest = json!({"from": "2026-11-23T14:30:00.000000Z", "to": "2026-11-23T14:33:00.000000Z"});
    assert_eq!((&worst["longest"], &worst["lag"]), (&longest, &Value::Null));
    let because = json!([{"state": "degraded", "reason": "missed_by_watch", "seconds": 0.000072, "parts": 1}]);
    assert_eq!(answer["items"][1]["because"], because);

    let events = world.api.list(&format!("/api/v1/events?{RANGE}&cluster=cluster-3")).await;
    assert_eq!(events["coverage"][0]["parts"][0]["reason"], "missed_by_watch", "every answer says so");
    assert_eq!(events["coverage"][0]["proven_until"], "2026-11-23T16:00:00.000000Z", "the session still runs");
    let one = world.api.list(&format!("/api/v1/coverage/clusters?{RANGE}&worst=1")).await;
    assert_eq!((one["items"].as_array().unwrap().len(), one["items"][0].get("strip")), (1, None));
    assert_eq!(world.api.get("/api/v1/coverage/clusters?bins=481").await.status, 400);
}

#[tokio::test]
async fn lag_is_measured_by_what_was_new_when_the_watch_brought_it() {
    let world = world().await;
    // Of every four one came by a list; the lags are 1, 2, 3, … s, and those of a list and of an update do not count.
    let rows = (0..40u64).map(|number| {
        let mut row = seed(1, number).row();
        let created = Micros::parse(row["creation_time"].as_str().unwrap()).unwrap();
        row["observed"] = created.plus((number as i64 + 1) * 1_000_000).micros_text().into();
        row["found_by"] = if number < 20 { "watch" } else { "list" }.into();
        row["occurrences"] = if number < 10 { 1 } else { 2 }.into();
        row
    });
    world.insert("kube_event", rows).await;
    let answer = world.api.list(&format!("/api/v1/coverage/clusters?{RANGE}")).await;
    let lag = &answer["items"][0]["lag"];
    assert_eq!((lag["events"].as_u64(), lag["max_seconds"].as_f64()), (Some(10), Some(10.0)), "{answer}");
    let p50 = lag["p50_seconds"].as_f64().unwrap();
    assert!((5.0..=6.0).contains(&p50), "{lag}");
}

/// A state of an Event: its growth, its count, its time and its first time in seconds after 14:00.
fn state(number: u64, version: u64, time: i64, first: i64, growth: u32, count: u32) -> Value {
    let begin = 1_795_442_400_i64;
    let at = |second: i64| Micros((begin + second) * 1_000_000).micros_text();
    let mut row = seed(1, number).row();
    row["resource_version"] = version.into();
    row["time"] = at(time).into();
    row["first_time"] = at(first).into();
    row["occurrences"] = count.into();
    row["occurrences_delta"] = growth.into();
    row
}

fn bins(answer: &Value) -> Vec<(f64, u64, u64)> {
    let number = |bin: &Value, name: &str| bin[name].as_u64().unwrap();
    let bins = answer["bins"].as_array().unwrap().iter();
    bins.map(|bin| (bin["estimate"].as_f64().unwrap(), number(bin, "least"), number(bin, "most"))).collect()
}

#[tokio::test]
async fn a_count_that_grew_is_spread_over_the_time_in_which_it_did() {
    let world = world().await;
    let rows = [
        // Before the range, then 10 more until 14:20: 9 spread over 14:00 to 14:20, one at its end.
        state(1, 10, 0, 0, 1, 1),
        state(1, 11, 1200, 0, 10, 11),
        // Its previous state lies in the range, itself behind it.
        state(2, 20, 1500, 1500, 1, 1),
        state(2, 21, 3300, 1500, 7, 8),
        // First seen late: from its first time on.
        state(3, 30, 1260, 700, 3, 3),
        // Nothing grew.
        state(3, 31, 1261, 700, 0, 3),
    ];
    world.insert("kube_event", rows).await;
    let range = "from=2026-11-23T14:10:00Z&to=2026-11-23T14:30:00Z";
    let answer = world.api.list(&format!("/api/v1/events/occurrences?{range}&bins=2")).await;
    assert_eq!(answer["bin_seconds"], 600.0);
    let found = bins(&answer);
    // 4.5 of the first; the first of the third, and its second one somewhere until 14:21.
    let spread = 500.0 / 560.0;
    let expected =
        [(4.5 + 1.0 + spread, 1, 9 + 1 + 1), (1.0 + 1.0 + 1.0 + (1.0 - spread) + 6.0 * 300.0 / 1800.0, 3, 3 + 1 + 6)];
    for (found, expected) in found.iter().zip(expected) {
        assert!((found.0 - expected.0).abs() < 0.002, "{found:?}, not {expected:?}");
        assert_eq!((found.1, found.2), (expected.1, expected.2));
    }
    assert_eq!(found.len(), 2);
    let all = world.api.list(&format!("/api/v1/events/occurrences?{RANGE}&bins=1")).await;
    assert_eq!(bins(&all), [(22.0, 22, 22)], "one bin holds all: its bounds meet");
    let cut = "from=2026-11-23T14:15:01Z&to=2026-11-23T14:24:59Z";
    let cut = bins(&world.api.list(&format!("/api/v1/events/occurrences?{cut}&bins=1")).await);
    assert_eq!((cut.len(), cut[0].1, cut[0].2), (1, 2, 12), "a bin that the range cuts tells of the range");
    assert!((cut[0].0 - (9.0 * 299.0 / 1200.0 + 1.0 + 359.0 / 560.0 + 1.0)).abs() < 0.002, "{cut:?}");
    let suspect = &all["suspects"][0];
    assert_eq!((suspect["never_written"].as_u64(), &suspect["because"]), (Some(9), &json!(["count_jumps"])), "{all}");
}

#[tokio::test]
async fn the_state_before_is_the_one_before_whatever_the_filter_and_the_order_of_versions() {
    let world = world().await;
    let rows = [
        state(1, 10, 600, -3600, 1, 5),
        state(1, 11, 650, -3600, 100, 105),
        // Of an import, whose versions have no order.
        state(2, 90, 600, -3600, 1, 5),
        state(2, 20, 650, -3600, 100, 105),
        // The one before came after it: what it tells goes back to the first time.
        state(3, 30, 650, 0, 5, 5),
        state(3, 29, 640, 0, 0, 4),
    ];
    world.insert("kube_event", rows).await;
    let range = "from=2026-11-23T14:00:00Z&to=2026-11-23T14:20:00Z&bins=20";
    let asked = async |line: &str| bins(&world.api.list(&format!("/api/v1/events/occurrences?{range}&q={line}")).await);
    let many = asked("count%3E10").await;
    assert_eq!((many.len(), many[10]), (20, (200.0, 200, 200)), "both grew within the minute: {many:?}");
    let few = asked("count%3C%3D5").await;
    let begun = 1.0 + 3.0 * 60.0 / 650.0;
    assert!((few[0].0 - begun).abs() < 0.002, "{few:?}");
    assert_eq!((few[0].1, few[0].2, few[10].1), (1, 4, 3), "{few:?}");
}

#[tokio::test]
async fn more_grown_counts_than_can_be_spread_say_the_limit_and_what_to_do() {
    let world = world().await;
    world.insert("kube_event", [state(1, 10, 600, 0, 3, 3)]).await;
    let path = format!("/api/v1/events/occurrences?{RANGE}&bins=1");
    let more = "INSERT INTO kube_event SELECT kube_event.* REPLACE (toUInt64(10 + number) AS resource_version)
        FROM kube_event CROSS JOIN numbers(";
    world.engine.run(&format!("{more}1, 199999) AS more")).await;
    assert_eq!(world.api.get(&path).await.status, 200, "200,000 are spread");
    world.engine.run(&format!("{more}200000, 1) AS more LIMIT 1")).await;
    let refused = world.api.get(&path).await;
    let detail = refused.json()["detail"].as_str().unwrap().to_owned();
    assert_eq!(refused.status, 422);
    for said in ["at most 200000 states whose count grew", "shorter range", "filter such as cluster"] {
        assert!(detail.contains(said), "{detail}");
    }
    assert_eq!(world.api.get(&format!("{path}&reason=Never")).await.status, 200);
}

#[tokio::test]
async fn the_spam_filters_signature_and_folded_messages_are_flagged() {
    let world = world().await;
    let times = (0..25).chain((1..5).map(|drip| drip * 300));
    let mut rows: Vec<_> = times.enumerate().map(|(n, time)| state(1, n as u64 + 10, time, time, 1, 1)).collect();
    for row in &mut rows {
        row["event_uid"] = Uuid::from_u128(u128::from(row["resource_version"].as_u64().unwrap())).to_string().into();
    }
    let mut folded = state(2, 90, 60, 60, 1, 1);
    folded["message"] = "(combined from similar events): Back-off".into();
    rows.push(folded);
    world.insert("kube_event", rows).await;
    let answer = world.api.list(&format!("/api/v1/events/occurrences?{RANGE}")).await;
    let because: Vec<_> = answer["suspects"].as_array().unwrap().iter().map(|one| one["because"].clone()).collect();
    assert_eq!(because, [json!(["combined"]), json!(["spam_filter_closed"])], "{answer}");
    let closed = json!({"from": "2026-11-23T14:00:24.000000Z", "to": "2026-11-23T14:20:00.000000Z"});
    assert_eq!(answer["suspects"][1]["closed"], closed);
    // Sources that nothing held back, each with more states than the closed one: they hide none.
    let busy = "INSERT INTO kube_event (cluster_uid, cluster, event_uid, resource_version, time, type, reason, kind, namespace, name, occurrences, occurrences_delta)
        SELECT (SELECT any(cluster_uid) FROM kube_event), 'cluster-1', generateUUIDv4(number), 1000 + number,
            toDateTime64('2026-11-23 14:00:00', 6, 'UTC') + toIntervalSecond(intDiv(number, 120) * 20), 'Normal', 'Synced', 'Pod', 'recsys',
            concat('busy-', toString(number % 120)), 1, 1
        FROM numbers(7200)";
    world.engine.run(busy).await;
    let crowded = world.api.list(&format!("/api/v1/events/occurrences?{RANGE}")).await;
    assert_eq!(crowded["suspects"], answer["suspects"], "{crowded}");
    let filtered = world.api.list(&format!("/api/v1/events/occurrences?{RANGE}&reason=Never")).await;
    assert_eq!((&filtered["suspects"], bins(&filtered).iter().map(|bin| bin.2).sum::<u64>()), (&json!([]), 0));
}
