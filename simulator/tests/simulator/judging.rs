//! The oracle's ledger: what is lost is named, what can still be had is not, and intervals hold every loss.

use std::collections::HashSet;

use crate::harness::{Harness, NOW_US, number};
use beidou_simulator::clock::{HOUR_US, MINUTE_US};
use beidou_simulator::oracle::{Entry, Judge, LossCause};
use beidou_simulator::{Expiry, Ledger, StateId};

fn versions(states: &[StateId]) -> Vec<u64> {
    states.iter().map(|state| state.resource_version).collect()
}

#[tokio::test]
async fn an_expired_watch_costs_the_states_that_no_list_brings() {
    let mut harness = Harness::start().await;
    let mut record = harness.record();
    harness.report(&mut record);
    let claimed = harness.version();
    harness.clock.advance(MINUTE_US);
    let overwritten = harness.report(&mut record);
    harness.clock.advance(MINUTE_US);
    let latest = harness.report(&mut record);
    harness.server.faults().compact_now();
    assert_eq!(harness.watch(claimed).await.frame().await["type"], "ERROR");
    assert_eq!(harness.server.faults().unsettled_losses(), 1);
    harness.clock.advance(MINUTE_US);
    harness.list(500).await;

    let losses = harness.server.ledger().losses();
    assert_eq!(losses.len(), 1);
    let loss = &losses[0];
    assert_eq!((loss.cause, loss.claimed, loss.client.as_str()), (LossCause::Expired, claimed, "collector"));
    assert_eq!(versions(&loss.lost), [overwritten], "{latest} is still the latest state and comes with the list");
    assert_eq!((loss.from_us, loss.to_us), (NOW_US + MINUTE_US, NOW_US + 3 * MINUTE_US));
    assert_eq!(harness.server.faults().unsettled_losses(), 0);
    harness.list(500).await;
    assert_eq!(harness.server.ledger().losses().len(), 1, "a loss is settled once");
}

#[tokio::test]
async fn a_list_that_was_not_kept_is_no_delivery() {
    let mut harness = Harness::start().await;
    let mut record = harness.record();
    let claimed = harness.version();
    let first = harness.report(&mut record);
    harness.server.faults().compact_now();
    harness.watch(claimed).await.frame().await;
    // A comparison's: the watch beside it was refused meanwhile, so the collector drops it and lists anew.
    harness.list(500).await;
    let second = harness.report(&mut record);
    let third = harness.report(&mut record);
    let (version, _) = harness.list(500).await;
    let losses = harness.server.ledger().losses();
    let lost: Vec<_> = losses.iter().map(|loss| versions(&loss.lost)).collect();
    assert_eq!(lost, [vec![], vec![first, second]], "{third} came with the list that was kept");
    // Whoever asks for a watch from a list has kept it.
    drop(harness.watch(version).await);
    harness.report(&mut record);
    harness.list(500).await;
    assert_eq!(harness.server.ledger().losses(), losses);
}

#[tokio::test]
async fn what_was_sent_but_not_claimed_back_is_at_risk_only() {
    let mut harness = Harness::start().await;
    let mut record = harness.record();
    let claimed = harness.version();
    let mut frames = harness.watch(claimed).await;
    let sent = [harness.report(&mut record), harness.report(&mut record)];
    assert_eq!(frames.versions(2).await, sent);
    // A second frame in hand proves that the first was noted as sent; this one may be or not.
    let unseen = {
        let third = harness.report(&mut record);
        assert_eq!(frames.versions(1).await, [third]);
        drop(frames);
        harness.report(&mut record)
    };
    harness.report(&mut record);
    harness.server.faults().compact_now();
    harness.watch(claimed).await.frame().await;
    harness.list(500).await;
    let loss = harness.server.ledger().losses().remove(0);
    assert!(versions(&loss.at_risk).starts_with(&sent), "{loss:?}");
    assert!(versions(&loss.lost).ends_with(&[unseen]), "{loss:?}");
}

#[tokio::test]
async fn a_refusal_that_is_taken_back_costs_nothing() {
    let mut harness = Harness::start().await;
    let claimed = harness.version();
    let sent = harness.emit(5);
    harness.server.faults().expire_next_watches(1, Expiry::ErrorFrame);
    harness.watch(claimed).await.frame().await;
    let mut frames = harness.watch(claimed).await;
    assert_eq!(frames.versions(5).await, sent);
    harness.list(500).await;
    assert!(harness.server.ledger().losses().is_empty());
}

#[tokio::test]
async fn only_a_full_list_settles_a_loss() {
    let mut harness = Harness::start().await;
    let claimed = harness.version();
    harness.emit(30);
    harness.server.faults().compact_now();
    harness.watch(claimed).await.frame().await;
    harness.get("/api/v1/events?limit=1").await;
    harness.get("/api/v1/namespaces/default/events").await;
    assert!(harness.server.ledger().losses().is_empty());
    let other = reqwest::Client::builder().user_agent("kubectl").build().unwrap();
    let url = format!("{}/api/v1/events", harness.server.url());
    other.get(url).bearer_auth(harness.server.token()).send().await.unwrap().text().await.unwrap();
    assert!(harness.server.ledger().losses().is_empty(), "another client's list helps nobody");
    harness.list(4).await;
    assert_eq!(harness.server.ledger().losses().len(), 1);
}

#[tokio::test]
async fn a_restore_costs_what_was_not_sent_and_carries_the_rest_over() {
    let mut harness = Harness::start().await;
    let mut record = harness.record();
    let kept = harness.report(&mut record);
    let mut frames = harness.watch(kept - 1).await;
    assert_eq!(frames.versions(1).await, [kept]);
    drop(frames);
    let forgotten = harness.report(&mut record);
    harness.server.faults().restart_with_lower_rv(kept);
    let fresh = harness.report(&mut record);
    harness.list(500).await;

    let judge = Judge::of(&harness.server.ledger().entries());
    let all: HashSet<_> = judge.states().keys().map(|state| (state.incarnation, state.resource_version)).collect();
    assert_eq!(all, HashSet::from([(0, kept), (0, forgotten), (1, kept), (1, fresh)]));
    let loss = &judge.losses()[0];
    assert_eq!(loss.cause, LossCause::Restored);
    let lost: HashSet<_> =
        loss.lost.iter().chain(&loss.at_risk).map(|state| (state.incarnation, state.resource_version)).collect();
    assert!(lost.is_superset(&HashSet::from([(0, forgotten), (1, kept)])), "{loss:?}");
    assert!(!lost.contains(&(1, fresh)), "the list brought it");
    let carried: Vec<_> =
        judge.states().iter().filter(|(_, life)| life.carried).map(|(state, _)| state.resource_version).collect();
    assert_eq!(carried, [kept]);
}

#[tokio::test]
async fn lives_tell_what_a_list_would_have_brought() {
    let mut harness = Harness::start().await;
    let mut record = harness.record();
    let first = harness.report(&mut record);
    harness.clock.advance(MINUTE_US);
    let second = harness.report(&mut record);
    harness.clock.advance(2 * HOUR_US);
    harness.server.tick();
    let judge = Judge::of(&harness.server.ledger().entries());
    let state =
        |resource_version| *judge.states().keys().find(|state| state.resource_version == resource_version).unwrap();
    let listable = |resource_version, at| judge.listable_at(&state(resource_version), at);
    assert!(listable(first, NOW_US) && !listable(first, NOW_US + MINUTE_US));
    assert!(listable(second, NOW_US + MINUTE_US) && listable(second, NOW_US + HOUR_US));
    assert!(!listable(second, NOW_US + 3 * HOUR_US) && !listable(second, NOW_US));
}

#[tokio::test]
async fn excused_and_received_together_are_everything() {
    let mut harness = Harness::start().await;
    let (mut received, mut claimed) = (HashSet::new(), harness.version());
    let mut busy = harness.record();
    for turn in 0..12 {
        harness.clock.advance(MINUTE_US);
        let mut sent = harness.emit(35);
        sent.extend((0..5).map(|_| harness.report(&mut busy)));
        if turn % 4 == 3 {
            harness.server.faults().compact_to(sent[20]);
        }
        let mut frames = harness.watch(claimed).await;
        let first = frames.frame().await;
        if first["type"] == "ERROR" {
            let (version, items) = harness.list(13).await;
            received.extend(items.iter().map(|item| number(&item["metadata"]["resourceVersion"])));
            claimed = version;
            continue;
        }
        received.insert(number(&first["object"]["metadata"]["resourceVersion"]));
        received.extend(frames.versions(39).await);
        claimed = harness.version();
    }
    let judge = Judge::of(&harness.server.ledger().entries());
    let excused: HashSet<_> = judge.excused().iter().map(|state| state.resource_version).collect();
    let missing: HashSet<_> =
        judge.states().keys().filter(|state| !received.contains(&state.resource_version)).copied().collect();
    assert!(!missing.is_empty(), "the test has caused losses");
    assert!(missing.iter().all(|state| excused.contains(&state.resource_version)));
    let intervals = judge.intervals(harness.server.cluster().uid, &missing);
    for state in missing {
        let at = judge.states()[&state].from_us;
        assert!(intervals.iter().any(|(from, to)| (*from..=*to).contains(&at)));
    }
}

#[tokio::test]
async fn the_file_says_what_the_memory_says() {
    let path = std::env::temp_dir().join(format!("beidou-ledger-{}.ndjson", std::process::id()));
    let ledger = Ledger::with_file(&path).unwrap();
    let mut harness = Harness::start_with(|options| options.ledger = ledger.clone()).await;
    harness.emit(20);
    harness.server.faults().compact_now();
    harness.watch(1).await.frame().await;
    harness.list(500).await;
    let (written, known) = (Ledger::read_file(&path).unwrap(), ledger.entries());
    std::fs::remove_file(&path).unwrap();
    assert_eq!(written, known);
    assert!(matches!(written.last(), Some(Entry::Lost(_))));
    assert!(!ledger.file_failed());
}
