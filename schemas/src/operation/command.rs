//! Commands on `beidou.operation.command.v1`: what people, resources and callbacks ask for.
//!
//! A command's id makes it idempotent: of several with the same id the first one counts. What came of it stands in the
//! facts that name it.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{Object, OperationSpec, Owner, TaskSpec, Via};
use crate::{
    Micros, Record, Topic,
    envelope::own_fact,
    fact::{FactError, body, split_kind, unknown},
};

/// The form of the values that this version writes.
const SCHEMA: u8 = 1;

/// Make an operation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RequestOperation {
    /// For people: `namespace/name`.
    pub name: String,
    /// What it is to do: the whole of it, validated.
    pub spec: OperationSpec,
    /// The task that it belongs to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<Owner>,
    /// Why, for people; may be empty.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub why: String,
}

/// Make a task.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RequestTask {
    /// For people: `namespace/name`.
    pub name: String,
    /// What it is to do: the whole of it, validated.
    pub spec: TaskSpec,
    /// Why, for people; may be empty.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub why: String,
}

/// A word beside an act.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Word {
    /// Why, for people; may be empty.
    #[serde(default)]
    pub why: String,
}

/// Stand still.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Hold {
    /// Why, for people; may be empty.
    #[serde(default)]
    pub why: String,
    /// `spec.suspend` was set.
    #[serde(default)]
    pub suspend: bool,
}

/// Answer a gate.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Answer {
    /// The number of the work order in the team's system; may be empty.
    #[serde(default)]
    pub ticket: String,
    /// Why, for people; may be empty.
    #[serde(default)]
    pub why: String,
}

/// Try hosts of the step again.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Retry {
    /// Their addresses; none means all that failed in the present step.
    #[serde(default)]
    pub hosts: Vec<String>,
    /// Why, for people; may be empty.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub why: String,
}

/// Leave a step out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Skip {
    /// The step.
    pub step: String,
    /// Why, for people; may be empty.
    #[serde(default)]
    pub why: String,
}

macro_rules! asks {
    ($($(#[$doc:meta])* $number:literal => $kind:ident($body:ty),)+) => {
        /// What is asked. Kinds are numbered; a reader that meets an unknown number is too old and must stop.
        #[derive(Debug, Clone, PartialEq)]
        pub enum Ask { $($(#[$doc])* $kind($body),)+ }

        impl Ask {
            /// The number of its kind.
            pub const fn number(&self) -> u8 {
                match self { $(Self::$kind(_) => $number,)+ }
            }

            fn value(&self) -> serde_json::Value {
                let value = match self { $(Self::$kind(body) => serde_json::to_value(body),)+ };
                value.expect("commands have string keys and no maps that could fail")
            }

            fn read(kind: u64, value: serde_json::Value) -> Result<Self, FactError> {
                let topic = Topic::OperationCommand;
                Ok(match kind {
                    $($number => Self::$kind(body(topic, value)?),)+
                    other => return Err(unknown("command", other, "1 to 9")),
                })
            }
        }
    };
}

asks! {
    /// 1: make an operation.
    1 => RequestOperation(RequestOperation),
    /// 2: make a task.
    2 => RequestTask(RequestTask),
    /// 3: it may begin.
    3 => Approve(Answer),
    /// 4: it may not.
    4 => Reject(Answer),
    /// 5: stand still.
    5 => Hold(Hold),
    /// 6: go on.
    6 => Resume(Word),
    /// 7: give up, and undo.
    7 => Cancel(Word),
    /// 8: try hosts again.
    8 => Retry(Retry),
    /// 9: leave a step out.
    9 => Skip(Skip),
}

/// Bytes of a word at most: it stays in the facts, in memory, and in answers about what it was said to.
pub const LONGEST_WORD: usize = 4096;

impl Ask {
    /// The first of the words beside it that is too long: what it is called, and how many bytes it has.
    pub fn too_long(&self) -> Option<(&'static str, usize)> {
        let (why, ticket) = match self {
            Self::RequestOperation(asked) => (&*asked.why, ""),
            Self::RequestTask(asked) => (&*asked.why, ""),
            Self::Approve(said) | Self::Reject(said) => (&*said.why, &*said.ticket),
            Self::Hold(said) => (&*said.why, ""),
            Self::Resume(said) | Self::Cancel(said) => (&*said.why, ""),
            Self::Retry(said) => (&*said.why, ""),
            Self::Skip(said) => (&*said.why, ""),
        };
        let words = [("why", why.len()), ("ticket", ticket.len())];
        words.into_iter().find(|(_, bytes)| *bytes > LONGEST_WORD)
    }
}

impl From<RequestOperation> for Ask {
    fn from(request: RequestOperation) -> Self {
        Self::RequestOperation(request)
    }
}

impl From<RequestTask> for Ask {
    fn from(request: RequestTask) -> Self {
        Self::RequestTask(request)
    }
}

/// A command.
#[derive(Debug, Clone, PartialEq)]
pub struct Command {
    /// Its own: the caller's idempotency key.
    pub id: Uuid,
    /// What it is about; a request names what is to be made.
    pub object: Object,
    /// Who asks.
    pub subject: String,
    /// Where it came from.
    pub via: Via,
    /// When.
    pub time: Micros,
    /// What is asked.
    pub ask: Ask,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Stored {
    schema: u8,
    id: Uuid,
    object: Object,
    subject: String,
    via: Via,
    time: Micros,
    body: serde_json::Value,
}

impl Command {
    /// The JSON value.
    pub fn to_json(&self) -> Vec<u8> {
        let stored = Stored {
            schema: SCHEMA,
            id: self.id,
            object: self.object,
            subject: self.subject.clone(),
            via: self.via,
            time: self.time,
            body: self.ask.value(),
        };
        crate::fact::numbered_json(self.ask.number(), &stored)
    }

    /// Reads a JSON value.
    ///
    /// # Errors
    /// When the value has not the form of its kind, or the kind is unknown.
    pub fn from_json(json: &[u8]) -> Result<Self, FactError> {
        let topic = Topic::OperationCommand;
        let (kind, value) = split_kind(topic, json)?;
        let Stored { schema, id, object, subject, via, time, body: ask } = body(topic, value)?;
        if schema != SCHEMA {
            return Err(unknown("schema of a command", schema.into(), "1"));
        }
        Ok(Self { id, object, subject, via, time, ask: Ask::read(kind, ask)? })
    }

    /// The record to append. Commands about one object have one key.
    pub fn to_record(&self) -> Record {
        let key = self.object.id().to_string();
        own_fact(Topic::OperationCommand, &self.id.to_string(), &key, self.time, self.to_json().into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::operation::{OperationId, TaskId, TaskStepKind, tests::samples};

    fn operation_asked(owner: Option<Owner>, why: String) -> RequestOperation {
        RequestOperation { name: "ops/scaleup-2024".into(), spec: samples::operation(), owner, why }
    }

    fn task_asked(why: String) -> RequestTask {
        RequestTask { name: "ops/scaleup-2024-q3".into(), spec: samples::task(), why }
    }

    #[test]
    fn values_are_golden_and_read_back() {
        let operation = Object::Operation(OperationId(Uuid::from_u128(1)));
        let task = Object::Task(TaskId(Uuid::from_u128(2)));
        let owner = Some(Owner { task: TaskId(Uuid::from_u128(2)), step: TaskStepKind::ScaleUp });
        let (why, ticket) = (|| "the rack is dark".to_owned(), || "CHG-4711".to_owned());
        let asks = [
            (operation, operation_asked(owner, String::new()).into()),
            (task, task_asked(String::new()).into()),
            (task, Ask::Approve(Answer { ticket: ticket(), why: why() })),
            (task, Ask::Reject(Answer { ticket: ticket(), why: why() })),
            (operation, Ask::Hold(Hold { why: why(), suspend: true })),
            (operation, Ask::Resume(Word { why: why() })),
            (operation, Ask::Cancel(Word { why: why() })),
            (operation, Ask::Retry(Retry { hosts: vec!["10.0.0.11".into()], why: String::new() })),
            (operation, Ask::Skip(Skip { step: "postCheck".into(), why: why() })),
            (operation, operation_asked(owner, why()).into()),
            (task, task_asked(why()).into()),
            (operation, Ask::Retry(Retry { hosts: Vec::new(), why: why() })),
        ];
        let mut text = Vec::new();
        for (object, ask) in asks {
            let (id, time) = (Uuid::from_u128(7), Micros(1_795_444_800_000_000));
            let command = Command { id, object, subject: "sre-team".into(), via: Via::Api, time, ask };
            assert_eq!(Command::from_json(&command.to_json()).unwrap(), command);
            text.push(String::from_utf8(command.to_json()).unwrap());
        }
        insta::assert_snapshot!(text.join("\n"));
        let newer = text[8].replace("\"kind\":9", "\"kind\":10");
        assert!(Command::from_json(newer.as_bytes()).unwrap_err().to_string().contains("upgrade"));
        let newer = text[8].replace("\"schema\":1", "\"schema\":2");
        assert!(Command::from_json(newer.as_bytes()).unwrap_err().to_string().contains("upgrade"));
    }
}
