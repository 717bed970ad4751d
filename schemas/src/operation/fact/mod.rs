//! Facts on `beidou.operation.v1`: what was decided, and what was seen.
//!
//! ```text
//!  fact = { kind, schema, object, seq, epoch, time, cause?, body }
//!           │             │       │    └ of the writer: a lower one than the board's is not heard
//!           │             │       └ 1, 2, 3… of this object
//!           │             └ board, operation or task
//!           └ 1..: board, 10..: both, 20..: operation, 30..: attempt, 50..: lock, 60..: undo, 80..: task
//! ```
//!
//! An act is recorded as intended before it is taken, and as observed after.

mod attempt;
mod board;
mod lock;
mod run;
mod task;
mod undo;

pub use attempt::{
    AttemptClaimed, AttemptEnded, AttemptIntended, AttemptLaunched, AttemptOffered, Heard, HostResult, StopAsked,
};
pub use board::{BundleKnown, BundleLost, ClusterRuled, CommandRefused, WriterStarted};
pub use lock::{Lock, LockReleased, LockRenewed, LockTaken, Released};
pub use run::{
    Accepted, Approved, CancelAsked, Ending, Finished, Held, Notified, NotifyFailed, Refused, Rejected, Resumed,
    RetryAsked, StageEnded, Started, StepSkipped, WarningsRose,
};
pub use task::{GateAnswered, GateAsked, OperationAsked, TaskAccepted, TaskStepEnded, TaskStepStarted};
pub use undo::{UndoDone, UndoFailed, UndoOwed, UndoSettled, UndoStarted};

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::Object;
use crate::{
    Micros, Offset, Record, Topic,
    envelope::own_fact,
    fact::{FactError, body, numbered_json, split_kind, unknown},
};

/// The form of the values that this version writes.
const SCHEMA: u8 = 1;

macro_rules! facts {
    ($($(#[$doc:meta])* $number:literal => $kind:ident,)+) => {
        /// What a fact says. Kinds are numbered; a reader that meets an unknown number is too old and must stop.
        #[derive(Debug, Clone, PartialEq)]
        pub enum Body { $($(#[$doc])* $kind($kind),)+ }

        impl Body {
            /// The number of its kind.
            pub const fn number(&self) -> u8 {
                match self { $(Self::$kind(_) => $number,)+ }
            }

            /// The name of its kind, for people.
            pub const fn name(&self) -> &'static str {
                match self { $(Self::$kind(_) => stringify!($kind),)+ }
            }

            /// What it says, without its kind.
            pub fn value(&self) -> serde_json::Value {
                let value = match self { $(Self::$kind(body) => serde_json::to_value(body),)+ };
                value.expect("facts have string keys and no maps that could fail")
            }

            fn read(kind: u64, value: serde_json::Value) -> Result<Self, FactError> {
                let topic = Topic::Operation;
                Ok(match kind {
                    $($number => Self::$kind(body(topic, value)?),)+
                    other => return Err(unknown("operation fact", other, concat!($($number, " "),+))),
                })
            }
        }

        $(impl From<$kind> for Body {
            fn from(body: $kind) -> Self {
                Self::$kind(body)
            }
        })+
    };
}

facts! {
    /// 1: a writer began; those of lower epochs are not heard any more.
    1 => WriterStarted,
    /// 2: there is a bundle, or a newer one of its name.
    2 => BundleKnown,
    /// 3: a bundle is not there any more.
    3 => BundleLost,
    /// 4: what holds for operations on a cluster.
    4 => ClusterRuled,
    /// 5: a command was not followed.
    5 => CommandRefused,
    /// 10: it stands still.
    10 => Held,
    /// 11: it goes on.
    11 => Resumed,
    /// 12: somebody said that it may begin.
    12 => Approved,
    /// 13: somebody said that it may not.
    13 => Rejected,
    /// 14: it is being cancelled.
    14 => CancelAsked,
    /// 15: how it will end is known; what must be undone comes first.
    15 => Ending,
    /// 16: it is over.
    16 => Finished,
    /// 17: people were told.
    17 => Notified,
    /// 18: people could not be told.
    18 => NotifyFailed,
    /// 20: an operation is valid, and how it is carried out.
    20 => Accepted,
    /// 21: an operation or a task is not valid.
    21 => Refused,
    /// 22: its first step may begin.
    22 => Started,
    /// 23: a batch of a step is through.
    23 => StageEnded,
    /// 24: somebody left a step out.
    24 => StepSkipped,
    /// 25: somebody wants hosts to be tried again.
    25 => RetryAsked,
    /// 26: Warnings rose on the touched nodes.
    26 => WarningsRose,
    /// 30: a runner is to be made.
    30 => AttemptIntended,
    /// 31: a token was made for it.
    31 => AttemptOffered,
    /// 32: the runner was made.
    32 => AttemptLaunched,
    /// 33: a runner has the work, and no other gets it.
    33 => AttemptClaimed,
    /// 34: something was heard of it.
    34 => Heard,
    /// 35: what became of a host.
    35 => HostResult,
    /// 36: it is to stop.
    36 => StopAsked,
    /// 37: it is over.
    37 => AttemptEnded,
    /// 50: a cluster or a node is locked.
    50 => LockTaken,
    /// 51: it stays so for longer.
    51 => LockRenewed,
    /// 52: it is free.
    52 => LockReleased,
    /// 60: something is about to be done that must be undone unless all ends well.
    60 => UndoOwed,
    /// 61: it is about to be undone.
    61 => UndoStarted,
    /// 62: it was undone.
    62 => UndoDone,
    /// 63: it could not be undone.
    63 => UndoFailed,
    /// 64: it need not be undone.
    64 => UndoSettled,
    /// 80: a task is valid.
    80 => TaskAccepted,
    /// 81: a step of a task began.
    81 => TaskStepStarted,
    /// 82: an operation is to be made for a step.
    82 => OperationAsked,
    /// 83: a work order was opened.
    83 => GateAsked,
    /// 84: it was answered.
    84 => GateAnswered,
    /// 85: a step of a task is over.
    85 => TaskStepEnded,
}

/// The command that a fact follows from, and where it stands: so the log itself says which commands were followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cause {
    /// The command.
    pub command: Uuid,
    /// Its partition of the command topic.
    pub partition: u32,
    /// Its offset there.
    pub offset: Offset,
}

/// A fact.
#[derive(Debug, Clone, PartialEq)]
pub struct Fact {
    /// Whose it is.
    pub object: Object,
    /// 1, 2, 3… of this object.
    pub seq: u64,
    /// Of the writer.
    pub epoch: u64,
    /// When it was written.
    pub time: Micros,
    /// The command that it follows from.
    pub cause: Option<Cause>,
    /// What it says.
    pub body: Body,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Stored {
    schema: u8,
    object: Object,
    seq: u64,
    epoch: u64,
    time: Micros,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    cause: Option<Cause>,
    body: serde_json::Value,
}

impl Fact {
    /// The JSON value.
    pub fn to_json(&self) -> Vec<u8> {
        let Self { object, seq, epoch, time, cause, .. } = *self;
        let stored = Stored { schema: SCHEMA, object, seq, epoch, time, cause, body: self.body.value() };
        numbered_json(self.body.number(), &stored)
    }

    /// Reads a JSON value.
    ///
    /// # Errors
    /// When the value has not the form of its kind, or the kind is unknown.
    pub fn from_json(json: &[u8]) -> Result<Self, FactError> {
        let topic = Topic::Operation;
        let (kind, value) = split_kind(topic, json)?;
        let Stored { schema, object, seq, epoch, time, cause, body: said } = body(topic, value)?;
        if schema != SCHEMA {
            return Err(unknown("schema of an operation fact", schema.into(), "1"));
        }
        Ok(Self { object, seq, epoch, time, cause, body: Body::read(kind, said)? })
    }

    /// Its own id: the same fact of the same writer has the same.
    pub fn id(&self) -> String {
        format!("{}.{}.{}", self.object.id(), self.seq, self.epoch)
    }

    /// The record to append.
    pub fn to_record(&self) -> Record {
        let key = self.object.id().to_string();
        own_fact(Topic::Operation, &self.id(), &key, self.time, self.to_json().into())
    }
}
