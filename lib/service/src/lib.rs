//! What every process of Beidou needs once: configuration, telemetry, an orderly end, readiness and metrics.
//!
//! ```text
//!  defaults < file < BEIDOU_* < flags ──► config ──► typed struct, passed down, never global
//!  SIGINT, SIGTERM, stdin closed      ──► shutdown ──► one CancellationToken for all tasks
//!  parts of the process               ──► readiness, metrics ──► probe (/healthz /readyz /metrics)
//! ```
//!
//! Nothing here knows what Beidou does. `held_port` is for tests.

pub mod config;
pub mod held_port;
pub mod metrics;
pub mod probe;
pub mod readiness;
pub mod shutdown;
pub mod telemetry;

pub use metrics::Metrics;
pub use readiness::{Part, Readiness};
pub use tokio_util::sync::CancellationToken;
