//! What every request passes before a route sees it.
//!
//! ```text
//!  access: id, span, metrics, problems written out ─► room: concurrency, time ─► token: who asks ─► route
//! ```

mod access;
mod metrics;
mod room;
mod token;

pub(crate) use access::{RequestId, access};
pub(crate) use metrics::DoorMetrics;
pub(crate) use room::room;
pub(crate) use token::{Subject, Tokens, authenticate};
