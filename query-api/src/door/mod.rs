//! What every request passes before a route sees it.
//!
//! ```text
//!  access: id, span, metrics, problems written out ─► origin: no page of another site writes ─► room: concurrency, time ─► token: who asks ─► route
//! ```

mod access;
mod compress;
mod metrics;
mod origin;
mod room;
mod token;

pub(crate) use access::{RequestId, access};
pub(crate) use compress::compress;
pub(crate) use metrics::DoorMetrics;
pub(crate) use origin::own_origin;
pub(crate) use room::room;
pub(crate) use token::{Subject, Tokens, authenticate};
