//! The live tail over HTTP: what comes, from where it goes on, and what it never does in silence.

use beidou_log::Log;
use beidou_schemas::{Record, Topic, TopicPartition};

use crate::support::{
    events::{Seed, append, seed},
    log,
    sse::{Message, Tail},
    without_store,
};

fn ids(messages: &[Message]) -> Vec<String> {
    let mut ids: Vec<_> = messages.iter().map(|m| m.json()["id"].as_str().unwrap().to_owned()).collect();
    ids.sort();
    ids
}

fn expected<'a>(seeds: impl IntoIterator<Item = &'a Seed>) -> Vec<String> {
    let mut ids: Vec<_> = seeds.into_iter().map(Seed::id).collect();
    ids.sort();
    ids
}

#[tokio::test]
async fn new_states_come_and_older_ones_do_not() {
    let log = log();
    append(&log, (0..10).map(|n| seed(1, n).record())).await;
    let api = without_store(log.clone()).await;
    let (mut tail, _) = Tail::open(&api, "", None).await;
    let new: Vec<_> = (10..30).map(|n| seed(1, n)).collect();
    append(&log, new.iter().map(Seed::record)).await;
    let messages = tail.messages(new.len()).await;
    assert_eq!(ids(&messages), expected(&new));
    let item = messages[0].json();
    assert!(item["message"].as_str().unwrap().contains("über") && item["cluster"] == "cluster-1");
}

#[tokio::test]
async fn a_tail_goes_on_behind_any_of_its_messages() {
    let log = log();
    let api = without_store(log.clone()).await;
    let (mut tail, begin) = Tail::open(&api, "", None).await;
    let seeds: Vec<_> = (0..40).map(|n| seed(1, n)).collect();
    append(&log, seeds.iter().map(Seed::record)).await;
    let messages = tail.messages(seeds.len()).await;
    drop(tail);
    for seen in [0, 1, 7, 39] {
        let last = if seen == 0 { &begin.id } else { &messages[seen - 1].id };
        let by_header = Tail::open(&api, "after=ignored-since-the-header-wins", Some(last)).await;
        let by_parameter = Tail::open(&api, &format!("after={last}"), None).await;
        for (mut tail, _) in [by_header, by_parameter] {
            let rest = tail.messages(seeds.len() - seen).await;
            let both: Vec<_> = messages[..seen].iter().chain(&rest).cloned().collect();
            assert_eq!(ids(&both), expected(&seeds), "resumed behind {seen}");
        }
    }
}

#[tokio::test]
async fn filters_are_those_of_lists() {
    let log = log();
    let api = without_store(log.clone()).await;
    let seeds: Vec<_> = (0..60).map(|n| seed(1 + u128::from(n) % 2, n)).collect();
    let (_, begin) = Tail::open(&api, "", None).await;
    append(&log, seeds.iter().map(Seed::record)).await;
    let field =
        |seed: &Seed, path: &str| seed.json.pointer(path).and_then(|v| v.as_str()).unwrap_or_default().to_owned();
    type Passes<'a> = Box<dyn Fn(&Seed) -> bool + 'a>;
    let cases: Vec<(&str, Passes)> = vec![
        ("cluster=cluster-2", Box::new(|s| s.envelope.cluster_name == "cluster-2")),
        (
            "kind=Node&type=Warning",
            Box::new(|s| field(s, "/involvedObject/kind") == "Node" && field(s, "/type") == "Warning"),
        ),
        ("namespace=_", Box::new(|s| field(s, "/involvedObject/namespace").is_empty())),
        (
            "namespace=recsys&reason=Failed,BackOff",
            Box::new(|s| field(s, "/involvedObject/namespace") == "recsys" && field(s, "/reason") != "Pulled"),
        ),
        ("component=scheduler", Box::new(|s| field(s, "/reportingComponent") == "scheduler")),
        ("text=%C3%9CBER%2Franker%3A2.1", Box::new(|s| field(s, "/message").contains("ranker:2.1"))),
    ];
    for (query, passes) in cases {
        let wanted = expected(seeds.iter().filter(|s| passes(s)));
        assert!(!wanted.is_empty() && wanted.len() < seeds.len(), "{query} tells something");
        let (mut tail, _) = Tail::open(&api, &format!("{query}&after={}", begin.id), None).await;
        assert_eq!(ids(&tail.messages(wanted.len()).await), wanted, "{query}");
    }
}

#[tokio::test]
async fn removed_records_are_told_as_a_gap() {
    let log = log();
    let api = without_store(log.clone()).await;
    let (_, begin) = Tail::open(&api, "", None).await;
    let seeds: Vec<_> = (0..20).map(|n| seed(1, n)).collect();
    append(&log, seeds.iter().map(Seed::record)).await;
    let at = TopicPartition::new(Topic::KubeEvent, 0);
    let end = log.bounds(at).await.unwrap().end;
    log.remove_below(at, end).unwrap();
    let (mut tail, _) = Tail::open(&api, "", Some(&begin.id)).await;
    let kept: Vec<_> = seeds.iter().filter(|s| s.record().0 != at).collect();
    let messages = tail.messages(kept.len() + 1).await;
    let (gaps, rest): (Vec<_>, Vec<_>) = messages.into_iter().partition(|m| m.event == "gap");
    assert_eq!(ids(&rest), expected(kept.into_iter()));
    let gap = gaps[0].json();
    assert_eq!((gap["partition"].as_u64(), gap["reason"].as_str()), (Some(0), Some("retention")));
    assert!(gap["from"].as_u64() < gap["to"].as_u64());
}

#[tokio::test]
async fn what_cannot_be_decoded_is_told_as_a_reject() {
    let log = log();
    let api = without_store(log.clone()).await;
    let (mut tail, _) = Tail::open(&api, "kind=Nothing", None).await;
    let (at, good) = seed(1, 1).record();
    let broken = Record { value: bytes::Bytes::from_static(b"{\"kind\":"), ..good.clone() };
    append(&log, [(at, good), (at, broken), (at, Record::default())]).await;
    let messages = tail.messages(2).await;
    assert!(messages.iter().all(|m| m.event == "reject"), "{messages:?}");
    assert!(messages[1].json()["detail"].as_str().unwrap().contains("ce_specversion"), "{messages:?}");
}

#[tokio::test]
async fn positions_are_signed() {
    let log = log();
    let (one, other) = (without_store(log.clone()).await, without_store(log).await);
    let (_, begin) = Tail::open(&one, "", None).await;
    let mut altered = begin.id.clone().into_bytes();
    altered[3] = if altered[3] == b'A' { b'B' } else { b'A' };
    for (api, id) in [(&one, String::from_utf8(altered).unwrap()), (&other, begin.id)] {
        let refused = api.get(&format!("/api/v1/events/tail?after={id}")).await;
        assert_eq!((refused.status, refused.json()["type"].as_str()), (400, Some("/problems/bad-position")));
    }
}

#[tokio::test]
async fn tails_are_counted_and_bounded() {
    let config = beidou_query_api::QueryApiConfig { max_tails: 1, ..crate::support::config() };
    let nowhere = beidou_store::Store::embedded(std::path::Path::new("/nowhere"));
    let api = crate::support::start(config, log(), nowhere).await;
    let (tail, _) = Tail::open(&api, "", None).await;
    let second = api.get("/api/v1/events/tail").await;
    assert_eq!((second.status, second.json()["type"].as_str()), (503, Some("/problems/busy")));
    assert!(api.get("/metrics").await.text.contains("beidou_query_api_tails 1"));
    drop(tail);
    let mut looks = tokio::time::interval(std::time::Duration::from_millis(20));
    let gone = tokio::time::timeout(std::time::Duration::from_secs(60), async {
        while !api.get("/metrics").await.text.contains("beidou_query_api_tails 0") {
            looks.tick().await;
        }
    });
    gone.await.expect("the place is free again");
    Tail::open(&api, "", None).await;
}
