//! From the log into the tables, exactly once, by ledgered ranges.
//!
//! ```text
//!  per source partition, one worker:
//!
//!  fence ─► read ledger ─► rebuild index ─► repeat pending cuts ─► ┐
//!     ┌────────────────────────────────────────────────────────────┘
//!     └► gather a cut ─► PENDING ║ encode ─► insert ─► DONE ─► release ─┐
//!     ▲                                                                 │
//!     └─────────────────────────────────────────────────────────────────┘
//! ```
//!
//! Several projectors share the partitions, as the log assigns them ([`crew`]); the one with the leading partition does what
//! concerns the whole site ([`leading`]).
//!
//! Invariants:
//! - A partition's worker fences its ledger before it reads it, and has ended before the partition is given back.
//! - Nothing is inserted before its cut stands in the ledger, and a cut is done only after ClickHouse holds all of it.
//! - A cut repeated after a crash yields the same rows and tokens: boundaries come from the ledger, and the index of seen
//!   states is a function of the log alone. The log is released only below what that index needs, up to a bound in bytes.
//! - A record is never skipped in silence: what cannot be decoded becomes a row of `kube_reject` in the same cut, and what
//!   the log has lost a gap in the coverage. An engine that is away, or a log whose disk is full, is waited for, for ever.
//! - Memory is bounded by one budget over all workers; see [`config`].

mod alarm;
pub mod archive;
pub mod audit;
mod budget;
mod compute;
pub mod config;
mod cooling;
mod crew;
pub mod encode;
mod error;
pub mod fault;
mod gather;
mod held;
mod leading;
mod learn;
mod ledger;
mod lost;
pub mod maintenance;
mod metrics;
mod patience;
mod readable;
mod rebuild;
mod refill;
pub mod retention;
mod run;
mod status;
mod tables;
mod turns;
pub mod wishes;
mod worker;

pub use alarm::Alarm;
pub use config::{CutLimit, ProjectorConfig};
pub use error::ProjectorError;
pub use run::{GROUP, LEADING, Projector, SOURCES, run};
pub use status::{PartitionStatus, Phase, Status};
pub use worker::CONSUMER;
