//! Operations from a command to their end: facts in order, crashes at each fail point, a second runner, cancel, refusals, a log
//! that does not take what a runner says.

use std::sync::{Arc, atomic::Ordering};

use beidou_controllers::{
    ControllersError,
    fault::{Faults, Point},
};
use beidou_log::memory::Full;
use beidou_schemas::{
    Topic,
    operation::{
        Object, Phase, Reason,
        command::{Ask, Word},
        fact::{Body, Fact},
    },
    runner::{CLAIM_PATH, Claim},
};

use crate::support::{ApiServer, Site, finished, is_over, names, token_of};

#[tokio::test]
async fn a_command_becomes_facts_in_order_and_ends() {
    let site = Site::new();
    let (run, stop) = site.start(Faults::default());
    site.operate(1, &["first", "second"], &["10.0.0.1", "10.0.0.2"]).await;
    let facts = site.facts_until(is_over).await;
    assert_eq!(finished(&facts), Phase::Succeeded);
    let order: Vec<_> =
        names(&facts).into_iter().filter(|name| !matches!(*name, "BundleKnown" | "ClusterRuled" | "Heard")).collect();
    let wanted = [
        "WriterStarted",
        "Accepted",
        "Started",
        "AttemptIntended",
        "AttemptOffered",
        "AttemptLaunched",
        "AttemptClaimed",
        "HostResult",
        "HostResult",
        "AttemptEnded",
        "StageEnded",
        "AttemptIntended",
        "Ending",
        "Finished",
    ];
    let mut left = order.iter();
    for name in wanted {
        // A runner may claim before its launch is told.
        if !matches!(name, "AttemptLaunched" | "AttemptClaimed") {
            assert!(left.any(|found| *found == name), "{name} is not where it should be: {order:?}");
        }
    }
    assert!(site.runners.done.lock().unwrap().values().all(|times| *times == 1));
    for (metric, value) in [("leads", 1.0), ("epoch", 1.0), ("command_seconds_count", 1.0)] {
        site.measured(metric, |found| found == value).await;
    }
    stop.cancel();
    run.await.unwrap().unwrap();
}

#[tokio::test]
async fn a_crash_at_any_fail_point_loses_nothing_and_does_nothing_twice() {
    for point in Point::ALL {
        // Controllers do these steps themselves, the others a runner.
        let own = matches!(point, Point::BeforeApi | Point::AfterApi);
        for times in if own { [1, 2] } else { [1, 3] } {
            let (mut site, server) = (Site::new(), ApiServer::start().await);
            site.knows(&server, "k");
            let (run, stop) = site.start(Faults::at(point, times));
            if own {
                site.known("k").await;
                site.act_on_nodes(1, "Cordon", &["10.0.0.1", "10.0.0.2"]).await;
            } else {
                site.operate(1, &["first", "second"], &["10.0.0.1", "10.0.0.2"]).await;
            }
            let crashed = tokio::select! {
                ended = run => matches!(ended.unwrap().unwrap_err(), ControllersError::FailPoint(_)),
                _ = site.facts_until(is_over) => false,
            };
            assert!(crashed || times > 1, "{}: never reached", point.name());
            stop.cancel();
            let (run, stop) = site.start(Faults::default());
            let facts = site.facts_until(is_over).await;
            assert_eq!(finished(&facts), Phase::Succeeded, "{} {times}", point.name());
            let done = site.runners.done.lock().unwrap().clone();
            match own {
                true => assert!(server.all(|node| node["spec"]["unschedulable"] == true), "{} {times}", point.name()),
                false => assert_eq!((done.len(), done.values().max()), (2, Some(&1)), "{} {times}", point.name()),
            }
            stop.cancel();
            run.await.unwrap().unwrap();
        }
    }
}

#[tokio::test]
async fn a_second_runner_is_refused_and_a_wrong_token_is_unknown() {
    let site = Site::new();
    site.runners.idle.store(true, Ordering::Relaxed);
    let (run, stop) = site.start(Faults::default());
    let id = site.operate(1, &["first"], &["10.0.0.1"]).await;
    let facts = site.facts_until(|fact| matches!(fact.body, Body::AttemptClaimed(_))).await;
    let Body::AttemptClaimed(claimed) = &facts.last().unwrap().body else { unreachable!() };
    assert_eq!(claimed.inputs.get("inventory").map(String::len), Some(64), "what it was told: {:?}", claimed.inputs);
    let order = site.runners.order(&claimed.attempt);
    let http = reqwest::Client::new();
    for (token, status) in [(token_of(&order), 409), ("0000", 401)] {
        let claim = Claim { attempt: claimed.attempt.clone(), runner: uuid::Uuid::new_v4() };
        let request =
            http.post(format!("{}{CLAIM_PATH}", site.door())).header("authorization", format!("Bearer {token}"));
        let answer =
            request.header("content-type", "application/json").body(serde_json::to_string(&claim).unwrap()).send();
        assert_eq!(answer.await.unwrap().status().as_u16(), status);
    }
    for kind in ["refused", "unauthenticated"] {
        site.measured(&format!("door_requests_total{{kind=\"{kind}\"}}"), |found| found == 1.0).await;
    }
    // A runner that hears nothing for two seconds asks once more.
    site.measured("door_requests_total{kind=\"taken\"}", |found| found >= 1.0).await;
    site.measured("oldest_heard_timestamp_seconds", |found| found > 1.0e9).await;
    site.measured("open{kind=\"Running\"}", |found| found == 1.0).await;
    let text: Vec<_> = facts.iter().map(|fact| String::from_utf8(fact.to_json()).unwrap()).collect();
    assert!(!text.join("").contains(token_of(&order)), "the token is in no fact");

    site.ask(Object::Operation(id), "bob", Ask::Cancel(Word::default())).await;
    let facts = site.facts_until(is_over).await;
    assert_eq!(finished(&facts), Phase::Cancelled);
    site.measured("oldest_heard_timestamp_seconds", |found| found == 0.0).await;
    site.measured("open{kind=\"Running\"}", |found| found == 0.0).await;
    stop.cancel();
    run.await.unwrap().unwrap();
}

#[tokio::test]
async fn a_runner_that_is_made_behind_a_cancel_is_cleared_away() {
    let site = Site::new();
    let (go, late) = tokio::sync::oneshot::channel();
    *site.runners.late.lock().unwrap() = Some(late);
    let (run, stop) = site.start(Faults::default());
    // Attempts begin with the first digits of their operation.
    let [first, second] = [1u128 << 96, 2 << 96];
    let id = site.operate(first, &["first"], &["10.0.0.1"]).await;
    site.runners.until(|runners| runners.late.lock().unwrap().is_none()).await;
    site.ask(Object::Operation(id), "bob", Ask::Cancel(Word::default())).await;
    let facts = site.facts_until(is_over).await;
    assert_eq!(finished(&facts), Phase::Cancelled);
    let attempt = |facts: &[Fact]| {
        let ended = facts.iter().rev().find_map(|fact| match &fact.body {
            Body::AttemptEnded(ended) => Some(ended.attempt.clone()),
            _ => None,
        });
        ended.unwrap()
    };
    let attempts = [attempt(&facts), {
        let id = site.operate(second, &["first"], &["10.0.0.2"]).await;
        attempt(&site.facts_until(|fact| is_over(fact) && fact.object == Object::Operation(id)).await)
    }];
    // They are cleared away in their order: by then the first had its turn.
    assert!(attempts.is_sorted());
    site.runners.until(|runners| runners.has_forgotten(&attempts[1])).await;
    go.send(()).unwrap();
    site.runners.until(|runners| runners.has_forgotten(&attempts[0])).await;
    stop.cancel();
    run.await.unwrap().unwrap();
}

#[tokio::test]
async fn a_runner_gets_no_work_where_its_bundle_has_become_another_one() {
    let site = Site::new();
    let (go, shy) = tokio::sync::oneshot::channel();
    *site.runners.shy.lock().unwrap() = Some(shy);
    let (run, stop) = site.start(Faults::default());
    site.operate(1, &["first"], &["10.0.0.1"]).await;
    site.facts_until(|fact| matches!(fact.body, Body::AttemptLaunched(_))).await;
    stop.cancel();
    run.await.unwrap().unwrap();

    std::fs::write(site.folder.path().join("probe/run.sh"), "#!/bin/sh\n# of tomorrow\n").unwrap();
    let (run, stop) = site.start(Faults::default());
    go.send(()).unwrap();
    let facts = site.facts_until(|fact| matches!(fact.body, Body::Held(_))).await;
    let Body::Held(held) = &facts.last().unwrap().body else { unreachable!() };
    assert_eq!(held.reason, Reason::StartFailed);
    assert!(held.message.contains("probe is not the one that the plan was made of"), "{}", held.message);
    assert!(!names(&facts).contains(&"AttemptClaimed") && site.runners.done.lock().unwrap().is_empty());
    stop.cancel();
    run.await.unwrap().unwrap();
}

#[tokio::test]
async fn unknown_steps_are_refused_with_the_known_ones_and_a_bad_host_is_told() {
    let site = Site::new();
    let (run, stop) = site.start(Faults::default());
    site.operate(1, &["frist"], &["10.0.0.1"]).await;
    let facts = site.facts_until(is_over).await;
    match &facts.last().unwrap().body {
        Body::Refused(refused) => {
            assert!(refused.allowed.contains("first") && refused.allowed.contains("second"), "{refused:?}")
        }
        other => panic!("{}", other.name()),
    }
    site.runners.bad.lock().unwrap().insert("10.0.0.2".into());
    site.operate(2, &["first"], &["10.0.0.2"]).await;
    let facts = site.facts_until(|fact| matches!(fact.body, Body::HostResult(_))).await;
    let Body::HostResult(result) = &facts.last().unwrap().body else { unreachable!() };
    assert_eq!(result.outcome.state, beidou_schemas::runner::HostState::Failed);
    let facts = site.facts_until(|fact| matches!(fact.body, Body::Held(_))).await;
    let Body::Held(held) = &facts.last().unwrap().body else { unreachable!() };
    let reason = held.reason.name();
    site.measured(&format!("standing_still{{kind=\"{reason}\"}}"), |found| found == 1.0).await;
    site.measured("open{kind=\"Held\"}", |found| found == 1.0).await;
    stop.cancel();
    run.await.unwrap().unwrap();
}

#[tokio::test]
async fn a_runner_is_heard_of_while_the_log_does_not_take_what_it_says() {
    let site = Site::new();
    let log = Full::new(Arc::clone(&site.log), Topic::OperationTask);
    log.set(true);
    let (run, stop) = site.start_over(log.clone(), Faults::default());
    site.operate(1, &["first"], &["10.0.0.1"]).await;
    site.facts_until(|fact| matches!(fact.body, Body::Heard(_))).await;
    log.set(false);
    let facts = site.facts_until(is_over).await;
    assert_eq!(finished(&facts), Phase::Succeeded);
    stop.cancel();
    run.await.unwrap().unwrap();
}
