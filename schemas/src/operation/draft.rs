//! Facts on `beidou.operation.draft.v1`: operations that somebody is still writing.
//!
//! Drafts are the fold of the topic, in its order. A save counts where its version is the next one of its draft, and a
//! removal where its version is the draft's: of two that were meant for the same version the first one counts, at every
//! reader.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use uuid::Uuid;

use crate::{
    Micros, Record, Topic,
    envelope::own_fact,
    fact::{FactError, body, numbered_json, split_kind, unknown},
};

/// A draft as somebody left it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DraftSaved {
    /// The draft.
    pub id: Uuid,
    /// Counts its saves from 1.
    pub version: u32,
    /// The name of the operation to be; may be empty.
    pub name: String,
    /// Its specification, of which parts may be missing, and parts wrong.
    pub spec: Map<String, Value>,
    /// What a form has beside it; null where nothing is.
    pub form: Value,
    /// Who saved it.
    pub subject: String,
    /// When.
    pub time: Micros,
}

/// A draft was given up, or became an operation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DraftDeleted {
    /// The draft.
    pub id: Uuid,
    /// The version that was meant.
    pub version: u32,
    /// Who did it.
    pub subject: String,
    /// When.
    pub time: Micros,
}

/// What happens to drafts. Kinds are numbered; a reader that meets an unknown number is too old and must stop.
#[derive(Debug, Clone, PartialEq)]
pub enum DraftFact {
    /// 1: a draft as somebody left it.
    Saved(DraftSaved),
    /// 2: a draft is gone.
    Deleted(DraftDeleted),
}

impl DraftFact {
    /// The JSON value.
    pub fn to_json(&self) -> Vec<u8> {
        match self {
            Self::Saved(fact) => numbered_json(1, fact),
            Self::Deleted(fact) => numbered_json(2, fact),
        }
    }

    /// Reads a JSON value.
    ///
    /// # Errors
    /// When the value has not the form of its kind, or the kind is unknown.
    pub fn from_json(json: &[u8]) -> Result<Self, FactError> {
        let topic = Topic::OperationDraft;
        let (kind, value) = split_kind(topic, json)?;
        Ok(match kind {
            1 => Self::Saved(body(topic, value)?),
            2 => Self::Deleted(body(topic, value)?),
            other => return Err(unknown("fact of a draft", other, "1 to 2")),
        })
    }

    /// The record to append. `id` must be new for each.
    pub fn to_record(&self, id: Uuid) -> Record {
        let (draft, time) = match self {
            Self::Saved(fact) => (fact.id, fact.time),
            Self::Deleted(fact) => (fact.id, fact.time),
        };
        own_fact(Topic::OperationDraft, &id.to_string(), &draft.to_string(), time, self.to_json().into())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn values_are_golden_and_read_back() {
        let (id, time) = (Uuid::from_u128(7), Micros(1_795_444_800_000_000));
        let Value::Object(spec) = json!({"clusterName": "c1", "batches": {"canary": 1}}) else { unreachable!() };
        let form = json!({"text": "10.0.0.11 node-1\n10.0.0"});
        let (name, subject) = ("scale-up".to_owned(), || "sre-team".to_owned());
        let facts = [
            DraftFact::Saved(DraftSaved { id, version: 2, name, spec, form, subject: subject(), time }),
            DraftFact::Deleted(DraftDeleted { id, version: 2, subject: subject(), time }),
        ];
        let text: Vec<_> = facts.iter().map(|fact| String::from_utf8(fact.to_json()).unwrap()).collect();
        insta::assert_snapshot!(text.join("\n"));
        for fact in facts {
            assert_eq!(DraftFact::from_json(&fact.to_json()).unwrap(), fact);
        }
        assert!(DraftFact::from_json(br#"{"kind":3}"#).unwrap_err().to_string().contains("upgrade"));
    }
}
