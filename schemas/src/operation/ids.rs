//! Identifiers of operations and tasks, and what facts and commands are about.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};
use uuid::Uuid;

macro_rules! uuid_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub Uuid);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
        impl FromStr for $name {
            type Err = uuid::Error;
            fn from_str(text: &str) -> Result<Self, Self::Err> {
                text.parse().map(Self)
            }
        }
    };
}

uuid_id!(
    /// An operation: the uid of its resource, or made by query-api where it has none.
    OperationId
);
uuid_id!(
    /// An automatic task: the uid of its resource, or made by query-api where it has none.
    TaskId
);

/// What a fact or a command is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Object {
    /// What all stand on: writer, bundles, clusters' rules.
    Board,
    /// An operation.
    Operation(OperationId),
    /// A task.
    Task(TaskId),
}

impl Object {
    /// Its id; nil for the board.
    pub fn id(self) -> Uuid {
        match self {
            Self::Board => Uuid::nil(),
            Self::Operation(id) => id.0,
            Self::Task(id) => id.0,
        }
    }
}

impl fmt::Display for Object {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Board => f.write_str("board"),
            Self::Operation(id) => write!(f, "operation {id}"),
            Self::Task(id) => write!(f, "task {id}"),
        }
    }
}
