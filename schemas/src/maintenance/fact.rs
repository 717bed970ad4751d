//! Facts on `beidou.maintenance.v1`: what people asked for, and what came of it.
//!
//! ```text
//!  partition   0  requests                                    1  outcomes
//!  writer      query-api                                      projector
//!  facts       audit and rebuild asked,                       audited, rebuilt, failed
//!              query saved, deleted, link saved
//! ```
//!
//! Saved queries and short links are the fold of partition 0: the last fact of a name counts, the first of a link's id. An
//! audit or rebuild is open until an outcome has its id; an outcome whose id nobody asked for is of an audit that ran by
//! itself.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{AuditReport, RebuildReport};
use crate::{
    Micros, Record, Topic, TopicPartition,
    envelope::own_fact,
    fact::{FactError, body, numbered_json, split_kind, unknown},
};

/// Partitions of the topic: each has one writer.
pub const PARTITIONS: u32 = 2;
/// Where requests stand.
pub const REQUESTS: TopicPartition = TopicPartition { topic: Topic::Maintenance, partition: 0 };
/// Where outcomes stand.
pub const OUTCOMES: TopicPartition = TopicPartition { topic: Topic::Maintenance, partition: 1 };

/// Somebody wants an audit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AuditAsked {
    /// Its own; the outcome has the same.
    pub id: Uuid,
    /// Everything is to be compared.
    pub full: bool,
    /// Who asked.
    pub subject: String,
    /// When.
    pub time: Micros,
}

/// Somebody wants a rebuild.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RebuildAsked {
    /// Its own; the outcome has the same.
    pub id: Uuid,
    /// Who asked.
    pub subject: String,
    /// When.
    pub time: Micros,
}

/// A query line got a name, or a new line under its name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct QuerySaved {
    /// The name.
    pub name: String,
    /// The query line.
    pub line: String,
    /// For people; may be empty.
    pub description: String,
    /// Who saved it.
    pub subject: String,
    /// When.
    pub time: Micros,
}

/// A statement of SQL got a name, or a name got this statement.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SqlSaved {
    /// The name: of the same names as those of query lines.
    pub name: String,
    /// The statement.
    pub sql: String,
    /// For people; may be empty.
    pub description: String,
    /// Who saved it.
    pub subject: String,
    /// When.
    pub time: Micros,
}

/// A name was given up.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct QueryDeleted {
    /// The name.
    pub name: String,
    /// Who did it.
    pub subject: String,
    /// When.
    pub time: Micros,
}

/// An address of the console got an id.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LinkSaved {
    /// The id: it stands for this address alone.
    pub id: String,
    /// Path and query.
    pub address: String,
    /// Who saved it.
    pub subject: String,
    /// When.
    pub time: Micros,
}

/// What people ask for. Kinds are numbered; a reader that meets an unknown number is too old and must stop.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Request {
    /// 1: an audit.
    AuditAsked(AuditAsked),
    /// 2: a rebuild.
    RebuildAsked(RebuildAsked),
    /// 3: a query line gets a name.
    QuerySaved(QuerySaved),
    /// 4: a name is given up.
    QueryDeleted(QueryDeleted),
    /// 5: a statement of SQL gets a name.
    SqlSaved(SqlSaved),
    /// 6: an address of the console gets an id.
    LinkSaved(LinkSaved),
}

/// An audit ran to its end.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Audited {
    /// Of the request; one of its own for an audit that ran by itself.
    pub id: Uuid,
    /// What it found.
    pub report: AuditReport,
}

/// A new table is in place.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rebuilt {
    /// Of the request.
    pub id: Uuid,
    /// What was done.
    pub report: RebuildReport,
}

/// It could not be done to its end.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Failed {
    /// Of the request; one of its own for an audit that ran by itself.
    pub id: Uuid,
    /// For people.
    pub why: String,
}

/// What came of a request. Kinds are numbered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// 1: an audit ran to its end.
    Audited(Audited),
    /// 2: a new table is in place.
    Rebuilt(Rebuilt),
    /// 3: it could not be done.
    Failed(Failed),
}

impl Request {
    /// The JSON value.
    pub fn to_json(&self) -> Vec<u8> {
        match self {
            Self::AuditAsked(fact) => numbered_json(1, fact),
            Self::RebuildAsked(fact) => numbered_json(2, fact),
            Self::QuerySaved(fact) => numbered_json(3, fact),
            Self::QueryDeleted(fact) => numbered_json(4, fact),
            Self::SqlSaved(fact) => numbered_json(5, fact),
            Self::LinkSaved(fact) => numbered_json(6, fact),
        }
    }

    /// Reads a JSON value.
    ///
    /// # Errors
    /// When the value has not the form of its kind, or the kind is unknown.
    pub fn from_json(json: &[u8]) -> Result<Self, FactError> {
        let topic = Topic::Maintenance;
        let (kind, value) = split_kind(topic, json)?;
        Ok(match kind {
            1 => Self::AuditAsked(body(topic, value)?),
            2 => Self::RebuildAsked(body(topic, value)?),
            3 => Self::QuerySaved(body(topic, value)?),
            4 => Self::QueryDeleted(body(topic, value)?),
            5 => Self::SqlSaved(body(topic, value)?),
            6 => Self::LinkSaved(body(topic, value)?),
            other => return Err(unknown("request", other, "1 to 6")),
        })
    }

    /// The record to append. `id` must be new for each.
    pub fn to_record(&self, id: Uuid) -> Record {
        let (key, time) = match self {
            Self::AuditAsked(fact) => (fact.id.to_string(), fact.time),
            Self::RebuildAsked(fact) => (fact.id.to_string(), fact.time),
            Self::QuerySaved(fact) => (fact.name.clone(), fact.time),
            Self::QueryDeleted(fact) => (fact.name.clone(), fact.time),
            Self::SqlSaved(fact) => (fact.name.clone(), fact.time),
            Self::LinkSaved(fact) => (fact.id.clone(), fact.time),
        };
        own_fact(Topic::Maintenance, &id.to_string(), &key, time, self.to_json().into())
    }
}

impl Outcome {
    /// The id that it has of its request.
    pub fn id(&self) -> Uuid {
        match self {
            Self::Audited(fact) => fact.id,
            Self::Rebuilt(fact) => fact.id,
            Self::Failed(fact) => fact.id,
        }
    }

    /// The JSON value.
    pub fn to_json(&self) -> Vec<u8> {
        match self {
            Self::Audited(fact) => numbered_json(1, fact),
            Self::Rebuilt(fact) => numbered_json(2, fact),
            Self::Failed(fact) => numbered_json(3, fact),
        }
    }

    /// Reads a JSON value.
    ///
    /// # Errors
    /// When the value has not the form of its kind, or the kind is unknown.
    pub fn from_json(json: &[u8]) -> Result<Self, FactError> {
        let topic = Topic::Maintenance;
        let (kind, value) = split_kind(topic, json)?;
        Ok(match kind {
            1 => Self::Audited(body(topic, value)?),
            2 => Self::Rebuilt(body(topic, value)?),
            3 => Self::Failed(body(topic, value)?),
            other => return Err(unknown("outcome", other, "1 to 3")),
        })
    }

    /// The record to append. `id` must be new for each.
    pub fn to_record(&self, id: Uuid, time: Micros) -> Record {
        own_fact(Topic::Maintenance, &id.to_string(), &self.id().to_string(), time, self.to_json().into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_golden_and_read_back() {
        let (id, subject, time) = (Uuid::from_u128(7), || "sre-team".to_owned(), Micros(1_795_444_800_000_000));
        let requests = [
            Request::AuditAsked(AuditAsked { id, full: true, subject: subject(), time }),
            Request::RebuildAsked(RebuildAsked { id, subject: subject(), time }),
            Request::QuerySaved(QuerySaved {
                name: "crash-loops".into(),
                line: "reason:BackOff -namespace:kube-system".into(),
                description: "what the on-call looks at first".into(),
                subject: subject(),
                time,
            }),
            Request::QueryDeleted(QueryDeleted { name: "crash-loops".into(), subject: subject(), time }),
            Request::SqlSaved(SqlSaved {
                name: "reasons".into(),
                sql: "SELECT reason, count() FROM events WHERE time >= {from} GROUP BY reason".into(),
                description: String::new(),
                subject: subject(),
                time,
            }),
            Request::LinkSaved(LinkSaved {
                id: "2k7v0q9d3m".into(),
                address: "/events?q=reason%3ABackOff&from=-6h".into(),
                subject: subject(),
                time,
            }),
        ];
        let outcomes = [
            Outcome::Audited(Audited { id, report: AuditReport::default() }),
            Outcome::Rebuilt(Rebuilt { id, report: RebuildReport::default() }),
            Outcome::Failed(Failed { id, why: "the archive was away".into() }),
        ];
        let text = requests.iter().map(Request::to_json).chain(outcomes.iter().map(Outcome::to_json));
        let text: Vec<_> = text.map(|json| String::from_utf8(json).unwrap()).collect();
        insta::assert_snapshot!(text.join("\n"));
        for request in requests {
            assert_eq!(Request::from_json(&request.to_json()).unwrap(), request);
        }
        for outcome in outcomes {
            assert_eq!(Outcome::from_json(&outcome.to_json()).unwrap(), outcome);
            assert_eq!(outcome.id(), id);
        }
        assert!(Request::from_json(br#"{"kind":7}"#).unwrap_err().to_string().contains("upgrade"));
        assert!(Outcome::from_json(br#"{"kind":4}"#).unwrap_err().to_string().contains("upgrade"));
    }
}
