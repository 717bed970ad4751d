//! Values of `beidou.operation.task.v1`: what a runner told, as it told it. Nothing is decided by them; they are for people.

use serde::{Deserialize, Serialize};

use super::OperationId;
use crate::{
    Micros, Record, Topic,
    envelope::own_fact,
    fact::{FactError, body, numbered_json, split_kind, unknown},
    runner::{AttemptId, TaskEvent},
};

/// The only kind and form that this version writes.
const KIND: u8 = 1;

/// Events of one attempt, in order, as many as came with one request.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Said {
    /// The operation.
    pub operation: OperationId,
    /// The attempt.
    pub attempt: AttemptId,
    /// The step.
    pub step: String,
    /// The batch of the step.
    pub batch: u32,
    /// The number of the attempt.
    pub number: u32,
    /// Of the writer: of two records that begin with the same event, the lower one is not heard; of one epoch, the shorter one.
    pub epoch: u64,
    /// When they were written.
    pub time: Micros,
    /// The events, without holes. Never empty.
    pub events: Vec<TaskEvent>,
}

impl Said {
    /// The JSON value.
    pub fn to_json(&self) -> Vec<u8> {
        numbered_json(KIND, self)
    }

    /// Reads a JSON value.
    ///
    /// # Errors
    /// When the value has not the form of its kind, or the kind is unknown.
    pub fn from_json(json: &[u8]) -> Result<Self, FactError> {
        match split_kind(Topic::OperationTask, json)? {
            (1, value) => body(Topic::OperationTask, value),
            (other, _) => Err(unknown("kind of what runners told", other, "1")),
        }
    }

    /// The record to append: records of an operation have one key.
    pub fn to_record(&self) -> Record {
        let first = self.events.first().map_or(0, |event| event.seq);
        let id = format!("{}.{first}.{}", self.attempt, self.epoch);
        own_fact(Topic::OperationTask, &id, &self.operation.to_string(), self.time, self.to_json().into())
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::runner::TaskEventKind;

    #[test]
    fn is_golden_and_reads_back() {
        let said = Said {
            operation: OperationId(Uuid::from_u128(1)),
            attempt: "00000000-scaleup-b1-a2".parse().unwrap(),
            step: "scaleUp".into(),
            batch: 1,
            number: 2,
            epoch: 3,
            time: Micros(1_795_444_800_000_000),
            events: vec![TaskEvent::new(41, Micros(1_795_444_799_000_000), TaskEventKind::Play)],
        };
        insta::assert_snapshot!(String::from_utf8(said.to_json()).unwrap());
        assert_eq!(Said::from_json(&said.to_json()).unwrap(), said);
        assert!(Said::from_json(br#"{"kind":2}"#).unwrap_err().to_string().contains("upgrade"));
        assert_eq!(said.to_record().header("ce_id"), Some("00000000-scaleup-b1-a2.41.3"));
    }
}
