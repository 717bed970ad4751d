//! A small world of states, and what is to be said of it, reckoned here over the same rows.

use std::collections::BTreeMap;

use beidou_schemas::{Micros, kube_event::pattern};
use serde_json::Value;
use uuid::Uuid;

use super::{World, world};
use crate::support::events::{BEGIN, SECOND, seed};

/// Holds every state: two hours.
pub const ALL: &str = "from=2026-11-23T14:00:00Z&to=2026-11-23T17:00:00Z";
/// Begins and ends in the middle of a minute; the time before it has about as many states.
pub const LATER: &str = "from=2026-11-23T15:40:07.5Z&to=2026-11-23T16:35:33.000001Z";

/// A state as it stands in the table.
#[derive(Clone)]
pub struct Fact(pub Value);

impl Fact {
    pub fn text(&self, column: &str) -> &str {
        self.0[column].as_str().unwrap()
    }

    pub fn number(&self, column: &str) -> u64 {
        self.0[column].as_u64().unwrap()
    }

    pub fn time(&self) -> Micros {
        Micros::parse(self.text("time")).unwrap()
    }

    /// The values of a field: two of a state with two components.
    pub fn values(&self, field: &str) -> Vec<String> {
        let mut values = match field {
            "cluster" => vec![self.text("cluster_uid")],
            "component" => vec![self.text("component"), self.text("reporting_component")],
            _ => vec![self.text(field)],
        };
        if values.len() == 2 && (values[1].is_empty() || values[0] == values[1]) {
            values.pop();
        } else if values.len() == 2 && values[0].is_empty() {
            values.remove(0);
        }
        values.into_iter().map(str::to_owned).collect()
    }

    pub fn is(&self, column: &str, value: &str) -> bool {
        self.text(column) == value
    }

    /// The place in lists, within a cluster.
    pub fn key(&self) -> (Micros, Uuid, u64) {
        (self.time(), self.text("event_uid").parse().unwrap(), self.number("resource_version"))
    }
}

/// Six hundred states of three clusters over two hours: Events of one to four states, in bursts and alone.
pub fn facts() -> Vec<Fact> {
    (0..600u64)
        .map(|n| {
            let (event, cluster) = (n / 4 * 4 + n % 4 % (1 + n / 4 % 4), 1 + u128::from(n / 4 % 3));
            let mut seed = seed(cluster, event);
            seed.json["metadata"]["resourceVersion"] = (5000 + n).to_string().into();
            let second = (n / 4 * 7919 % 6900 + n % 4 * (n / 4 % 7) * 11) as i64;
            let time = Micros(BEGIN.0 + second * SECOND + if n.is_multiple_of(5) { 250_000 } else { 0 });
            seed.json["lastTimestamp"] = time.micros_text().into();
            seed.envelope.observed = time.plus(SECOND);
            if n.is_multiple_of(50) {
                seed.json["type"] = "Odd".into();
            }
            if second > 5000 && n.is_multiple_of(3) {
                seed.json["reason"] = "Evicted".into();
                seed.json["message"] = format!("The node was low on resource: memory. {n}").into();
            }
            let mut row = seed.row();
            row["occurrences_delta"] = (n % 4).into();
            row["pattern"] = pattern(row["message"].as_str().unwrap()).into();
            Fact(row)
        })
        .collect()
}

/// A world that holds them.
pub async fn filled() -> (World, Vec<Fact>) {
    let (world, facts) = (world().await, facts());
    world.insert("kube_event", facts.iter().map(|fact| fact.0.clone())).await;
    (world, facts)
}

/// The effective range of an answer.
pub fn range(answer: &Value, name: &str) -> (Micros, Micros) {
    let moment = |end: &str| Micros::parse(answer[name][end].as_str().unwrap()).unwrap();
    (moment("from"), moment("to"))
}

pub fn within(facts: &[Fact], (from, to): (Micros, Micros)) -> Vec<&Fact> {
    facts.iter().filter(|fact| from <= fact.time() && fact.time() < to).collect()
}

/// States and occurrences.
pub type Counts = (u64, u64);

pub fn counts<'a>(facts: impl IntoIterator<Item = &'a Fact>) -> Counts {
    facts.into_iter().fold((0, 0), |(states, sum), fact| (states + 1, sum + fact.number("occurrences_delta")))
}

pub fn told(value: &Value) -> Counts {
    (value["states"].as_u64().unwrap(), value["occurrences"].as_u64().unwrap())
}

/// The counts of each value of a field.
pub fn by_value(facts: &[&Fact], field: &str) -> BTreeMap<String, Counts> {
    let mut found: BTreeMap<String, Counts> = BTreeMap::new();
    for fact in facts {
        for value in fact.values(field) {
            let (states, sum) = found.entry(value).or_default();
            *states += 1;
            *sum += fact.number("occurrences_delta");
        }
    }
    found
}

pub fn items<'a>(answer: &'a Value, name: &str) -> &'a Vec<Value> {
    answer[name].as_array().unwrap_or_else(|| panic!("no {name} in {answer}"))
}
