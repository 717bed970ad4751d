//! Dumps of Events on their way into the log: what the table does not have is appended for ingest to publish.
//!
//! ```text
//!  body ─► reader (beidou_model::import) ─► target cluster ─► look-up ─► import topic ─► ingest ─► Event topic ─► table
//!                      │                                         ▲                                             │
//!                      └─► rejects                               └── waits for what it has appended ◄──────────┘
//! ```
//!
//! What holds:
//! - A state that the table has is not appended again. So that the table tells all, an import waits from time to time, and
//!   at its end, until what it has appended is there; in between the projector recognises what comes twice.
//! - One import at a time. Its memory is one batch; a slow table slows the body.
//! - The answer is lines of JSON while the body is read: progress, rejects, and at the end what came of it. The reader of
//!   the answer never stops the import.

mod arrive;
mod job;
mod lines;
mod settle;
mod target;

pub(crate) use job::{Job, Wish};
pub(crate) use lines::{ImportLine, lines};
pub(crate) use target::nameable;
