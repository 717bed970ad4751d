//! Every fault does to a client what it says.

use std::time::{Duration, Instant};

use crate::harness::{EVENTS, Frames, Harness, Next, number, until};
use beidou_simulator::{Cut, Expiry, Oddity, Refusal};
use serde_json::{Value, json};

#[tokio::test]
async fn compaction_expires_old_positions_in_both_manners() {
    let mut harness = Harness::start().await;
    let old = harness.version();
    harness.emit(10);
    let faults = harness.server.faults();
    let floor = faults.compact_now();
    faults.tell_expiry_by(Expiry::HttpStatus);
    let (code, status) = harness.get(&format!("{EVENTS}?watch=1&resourceVersion={old}")).await;
    assert_eq!((code, &status["reason"], &status["code"]), (410, &json!("Expired"), &json!(410)));
    faults.tell_expiry_by(Expiry::ErrorFrame);
    let mut frames = harness.watch(old).await;
    let error = frames.frame().await;
    assert_eq!(
        (&error["type"], &error["object"]["reason"], &error["object"]["code"]),
        (&json!("ERROR"), &json!("Expired"), &json!(410))
    );
    assert!(matches!(frames.next().await, Next::End(_)));
    let mut frames = harness.watch(floor).await;
    let later = harness.emit(2);
    assert_eq!(frames.versions(2).await, later);
}

#[tokio::test]
async fn a_stream_that_has_got_everything_survives_compaction() {
    let mut harness = Harness::start().await;
    let mut frames = harness.watch(harness.version()).await;
    let first = harness.emit(3);
    assert_eq!(frames.versions(3).await, first);
    harness.server.faults().compact_now();
    let later = harness.emit(3);
    assert_eq!(frames.versions(3).await, later);
}

#[tokio::test]
async fn a_stream_that_falls_behind_compaction_ends_with_an_error_frame() {
    let mut harness = Harness::start().await;
    let mut frames = harness.watch(harness.version()).await;
    // The runtime of this test has one thread: the stream cannot run between these two lines.
    harness.emit(3);
    harness.server.faults().compact_now();
    let error = frames.frame().await;
    assert_eq!((&error["type"], &error["object"]["code"]), (&json!("ERROR"), &json!(410)));
}

#[tokio::test]
async fn forced_answers_come_as_often_as_asked_for() {
    let harness = Harness::start().await;
    let faults = harness.server.faults();
    let now = harness.version();
    faults.expire_next_watches(1, Expiry::HttpStatus);
    assert_eq!(harness.watch_with(&format!("resourceVersion={now}")).await.status(), 410);
    faults.expire_next_watches(1, Expiry::ErrorFrame);
    assert_eq!(harness.watch(now).await.frame().await["type"], "ERROR");
    faults.empty_next_watches(1);
    assert!(matches!(harness.watch(now).await.next().await, Next::End(rest) if rest.is_empty()));
    faults.expire_next_lists(1);
    assert_eq!(harness.get(EVENTS).await.0, 410);
    assert_eq!(harness.get(EVENTS).await.0, 200);
    for (refusal, code) in [
        (Refusal::Unauthorized, 401),
        (Refusal::Forbidden, 403),
        (Refusal::TooManyRequests, 429),
        (Refusal::InternalError, 500),
        (Refusal::Unavailable, 503),
    ] {
        faults.refuse_next(2, refusal);
        assert_eq!(harness.get(EVENTS).await.0, code);
        assert_eq!(harness.get("/version").await.0, code);
        assert_eq!(harness.get(EVENTS).await.0, 200);
    }
}

#[tokio::test]
async fn cuts_break_streams_between_and_within_frames() {
    let mut harness = Harness::start().await;
    for cut in [Cut::Clean, Cut::MidFrame] {
        let mut frames = harness.watch(harness.version()).await;
        let sent = harness.emit(2);
        assert_eq!(frames.versions(2).await, sent);
        harness.server.faults().cut_streams(cut);
        match frames.next().await {
            Next::Broken(rest) => assert_eq!(rest.is_empty(), cut == Cut::Clean, "{cut:?} left {rest:?}"),
            other => panic!("{cut:?} gave {other:?}"),
        }
    }
    let mut frames = harness.watch(harness.version()).await;
    harness.server.faults().cut_connections();
    assert!(matches!(frames.next().await, Next::Broken(_)));
}

#[tokio::test]
async fn a_shut_door_resets_connections_until_it_opens() {
    let harness = Harness::start().await;
    let faults = harness.server.faults();
    let mut frames = harness.watch(harness.version()).await;
    faults.refuse_connections();
    assert!(matches!(frames.next().await, Next::Broken(_)));
    assert!(harness.request(reqwest::Method::GET, "/version").send().await.is_err());
    faults.accept_connections();
    assert_eq!(harness.get("/version").await.0, 200);
}

#[tokio::test]
async fn dropped_frames_are_missing_and_known() {
    let mut harness = Harness::start().await;
    let mut frames = harness.watch(harness.version()).await;
    let (faults, ledger) = (harness.server.faults(), harness.server.ledger().clone());
    faults.drop_frames(1.0);
    let dropped = harness.emit(100);
    until(|| ledger.losses().len() == dropped.len()).await;
    faults.drop_frames(0.0);
    let sent = harness.emit(1);
    assert_eq!(frames.versions(1).await, sent);

    faults.drop_frames(0.5);
    let (mut got, mut lost) = (0, dropped.len());
    for _ in 0..60 {
        let sent = harness.emit(1);
        tokio::select! {
            versions = frames.versions(1) => { assert_eq!(versions, sent); got += 1; }
            () = until(|| ledger.losses().len() > lost) => lost += 1,
        }
    }
    assert!((10..50).contains(&got), "{got} of 60 frames came");
    let known: Vec<_> =
        ledger.losses().iter().flat_map(|loss| loss.lost.clone()).map(|state| state.resource_version).collect();
    assert!(known.starts_with(&dropped) && known.len() == lost);
}

#[tokio::test]
async fn a_restore_forgets_and_numbers_run_on_from_below() {
    let mut harness = Harness::start().await;
    harness.emit(20);
    let (kept, at) = (harness.server.stored(), harness.version());
    harness.emit(50);
    let high = harness.version();
    let mut frames = harness.watch(high).await;
    assert_eq!(harness.server.faults().restart_with_lower_rv(at), at);
    assert!(matches!(frames.next().await, Next::Broken(_)));
    assert_eq!((harness.server.stored(), harness.server.position()), (kept, (1, at)));
    let (listed, _) = harness.list(500).await;
    assert!(listed < high, "the list shows that the counter went back");
    let again = harness.emit(3);
    assert!(again[0] <= high, "numbers are given a second time");
    let mut frames = harness.watch(at).await;
    assert_eq!(frames.versions(3).await, again);
}

#[tokio::test]
async fn strange_events_are_listed_and_watched_like_any() {
    let harness = Harness::start().await;
    let mut frames = harness.watch(harness.version()).await;
    let faults = harness.server.faults();
    let oddities = [
        Oddity::UnknownFields,
        Oddity::NullTimestamps,
        Oddity::FarFuture,
        Oddity::OddTimes,
        Oddity::OddText,
        Oddity::HugeMessage,
    ];
    for oddity in oddities {
        let (uid, version) = faults.commit_odd(oddity);
        let frame = frames.frame().await;
        assert_eq!(frame["object"]["metadata"]["uid"], uid.to_string());
        assert_eq!(number(&frame["object"]["metadata"]["resourceVersion"]), version);
    }
    let (_, items) = harness.list(2).await;
    let longest = items.iter().map(|item| item["message"].as_str().unwrap().len()).max();
    assert_eq!(longest, Some(5 * 1024 * 1024));
}

#[tokio::test]
async fn unreadable_lines_reach_running_streams_between_good_frames() {
    let mut harness = Harness::start().await;
    let mut frames = harness.watch(harness.version()).await;
    let first = harness.emit(1);
    assert_eq!(frames.versions(1).await, first);
    assert_eq!(harness.server.faults().send_broken_frame(), 1);
    let Next::Line(broken) = frames.next().await else { panic!("no line") };
    assert!(serde_json::from_slice::<Value>(&broken).is_err());
    assert_eq!(harness.server.faults().send_invalid_utf8_frame(), 1);
    let Next::Line(invalid) = frames.next().await else { panic!("no line") };
    assert!(std::str::from_utf8(&invalid).is_err());
    let later = harness.emit(2);
    assert_eq!(frames.versions(2).await, later);
}

/// In true time: a paused clock runs on while what was sent is still on its way.
#[tokio::test]
async fn delays_and_slow_frames_take_their_time() {
    let mut harness = Harness::start().await;
    let begun = Instant::now();
    harness.server.faults().delay_responses(Duration::from_millis(250));
    let response = harness.watch_with(&format!("resourceVersion={}&timeoutSeconds=600", harness.version())).await;
    assert!(begun.elapsed() >= Duration::from_millis(250));
    let mut frames = Frames::of(response);
    harness.server.faults().slow_frames(Duration::from_millis(150));
    let sent = harness.emit(3);
    let begun = Instant::now();
    assert_eq!(frames.versions(3).await, sent);
    assert!(begun.elapsed() >= Duration::from_millis(300));
}
