//! History goes on as live Events, and the rate knob works.

use std::collections::HashMap;

use crate::harness::{Harness, NOW_US};
use beidou_simulator::clock::HOUR_US;
use beidou_simulator::{ApiServer, Clock, HistoryOptions, Ledger, Live, ServerOptions, continue_history, history};
use serde_json::Value;

fn options() -> HistoryOptions {
    HistoryOptions { states: 60_000, ..HistoryOptions::demo(7, NOW_US) }
}

/// A server on a virtual clock that goes on from a history, with no Events of its own yet.
async fn after_history() -> (ApiServer, Live) {
    let mut past = history(&options()).remove(1);
    let recent: Vec<_> = past.by_ref().filter(|state| state.time_us > NOW_US - HOUR_US).collect();
    let clock = Clock::virtual_at(NOW_US);
    let options = ServerOptions { clock, ..ServerOptions::new(past.cluster().clone(), Ledger::default()) };
    let last = recent.last().unwrap().resource_version;
    let (server, live) = continue_history(past, &recent, options, 0.0).await.unwrap();
    assert_eq!(server.position(), (0, last));
    assert!(server.stored().len() > 50);
    (server, live)
}

#[tokio::test(start_paused = true)]
async fn live_events_go_on_where_history_ended() {
    let (server, live) = after_history().await;
    let (_, end) = server.position();
    let before: HashMap<_, _> = server.stored().into_iter().collect();
    live.set_rate(2_000.0);
    pass(1).await;
    assert!(server.position().1 >= end + 1_900);
    let updated = server.stored().into_iter().filter(|(uid, version)| before.contains_key(uid) && *version > end);
    assert!(updated.count() > 0, "no story of the history went on");
}

#[tokio::test]
async fn preload_refuses_what_is_older() {
    let (server, _live) = after_history().await;
    let oldest = history(&options()).remove(1).next().unwrap();
    assert!(!server.preload(&oldest));
}

/// Turns tokio's paused clock, step by step, so that the feed gets its turns.
async fn pass(seconds: u64) {
    for _ in 0..seconds * 100 {
        tokio::time::advance(std::time::Duration::from_millis(10)).await;
    }
}

#[tokio::test(start_paused = true)]
async fn the_rate_can_be_turned_while_it_runs() {
    let (server, live) = after_history().await;
    live.set_rate(100.0);
    pass(10).await;
    let slow = live.reported();
    assert!((950..=1_000).contains(&slow), "{slow}");
    live.set_rate(0.0);
    pass(10).await;
    assert!(live.reported() <= slow + 2);
    let (paused, versions) = (live.reported(), server.position());
    live.set_rate(2_000.0);
    pass(1).await;
    assert!((1_900..=2_000).contains(&(live.reported() - paused)));
    assert!(server.position() > versions);
}

#[tokio::test]
async fn an_event_lost_by_a_restore_is_reported_as_a_new_one() {
    let mut harness = Harness::start().await;
    let at = harness.version();
    let mut record = harness.record();
    harness.report(&mut record);
    let first = record.uid;
    harness.server.faults().restart_with_lower_rv(at);
    harness.report(&mut record);
    assert_ne!(record.uid, first);
    let json = harness.server.event(&record.namespace, &record.name).unwrap();
    let event: Value = serde_json::from_slice(&json).unwrap();
    assert_eq!(event["count"].as_u64().or(event["series"]["count"].as_u64()), Some(2));
}
