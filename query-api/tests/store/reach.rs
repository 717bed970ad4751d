//! Reach: the objects that each reason befell, reckoned again here.

use std::collections::{BTreeMap, BTreeSet};

use beidou_schemas::Micros;
use serde_json::Value;

use super::oracle::{ALL, Fact, LATER, filled, items, range, within};

type Filter = (&'static str, fn(&Fact) -> bool);

const FILTERS: [Filter; 3] =
    [("", |_| true), ("&q=kind:Node", |fact| fact.is("kind", "Node")), ("&reason=Never", |_| false)];

type Told = (u64, u64, u64, Micros, Micros);

/// Objects, clusters, states, the first and the last, of each reason.
fn reckoned(facts: &[&Fact]) -> BTreeMap<String, Told> {
    let mut by_reason: BTreeMap<String, Vec<&Fact>> = BTreeMap::new();
    for fact in facts {
        by_reason.entry(fact.text("reason").to_owned()).or_default().push(fact);
    }
    let different = |facts: &[&Fact], columns: &[&str]| {
        let of = |fact: &&Fact| columns.iter().map(|column| fact.text(column).to_owned()).collect::<Vec<_>>();
        facts.iter().map(of).collect::<BTreeSet<_>>().len() as u64
    };
    let fold = |(reason, facts): (String, Vec<&Fact>)| {
        let times: Vec<Micros> = facts.iter().map(|fact| fact.time()).collect();
        let objects = different(&facts, &["cluster_uid", "kind", "namespace", "name"]);
        let clusters = different(&facts, &["cluster_uid"]);
        let (first, last) = (*times.iter().min().unwrap(), *times.iter().max().unwrap());
        (reason, (objects, clusters, facts.len() as u64, first, last))
    };
    by_reason.into_iter().map(fold).collect()
}

fn told(item: &Value) -> (String, Told) {
    let number = |name: &str| item[name].as_u64().unwrap();
    let time = |name: &str| Micros::parse(item[name].as_str().unwrap()).unwrap();
    let told = (number("objects"), number("clusters"), number("states"), time("first_seen"), time("last_seen"));
    (item["reason"].as_str().unwrap().to_owned(), told)
}

#[tokio::test]
async fn each_reason_tells_how_many_objects_it_befell() {
    let (world, facts) = filled().await;
    for (query, holds) in FILTERS {
        for asked in [ALL, LATER] {
            let path = format!("/api/v1/events/reach?{asked}&top=200{query}");
            let answer = world.api.list(&path).await;
            let passing: Vec<Fact> = facts.iter().filter(|fact| holds(fact)).cloned().collect();
            let expected = reckoned(&within(&passing, range(&answer, "range")));
            let found: Vec<(String, Told)> = items(&answer, "reasons").iter().map(told).collect();
            assert!(found.windows(2).all(|pair| pair[0].1.0 >= pair[1].1.0), "{path}: the most objects come first");
            assert_eq!(found.into_iter().collect::<BTreeMap<_, _>>(), expected, "{path}");
            assert_eq!(answer["different"], expected.len(), "{path}");
        }
    }
    let one = world.api.list(&format!("/api/v1/events/reach?{ALL}&top=1")).await;
    assert_eq!(items(&one, "reasons").len(), 1);
    assert!(one["different"].as_u64().unwrap() > 1, "{one}");
    let refused = world.api.get(&format!("/api/v1/events/reach?{ALL}&top=201")).await;
    assert_eq!((refused.status, &refused.json()["parameter"]["name"]), (400, &Value::from("top")), "{}", refused.text);
}
