//! Controllers: commands become operations, steps, runners and outcomes.
//!
//! ```text
//!  resources/  what people apply ─► commands;  board ─► status        commands   both partitions, in order
//!     │                                                                   │
//!     └──────────────► beidou.operation.command.v1 ──────────────────────►┤
//!                                                                         ▼
//!  keeper      fold ─ decide ─ observe ─ next (beidou_model::operation): the only writer of beidou.operation.v1
//!     │ acts                                                              ▲ what was seen
//!     ▼                                                                   │
//!  act/        start, stop, release, undo, create, open gates, tell ──────┤
//!     ├─► execute/  runners: a process beside this one, or a Job          │
//!     ├─► target/   nodes of target clusters                              │
//!     └─► gate      webhooks, notes                                       │
//!  door/       runners come here: claim, events, output, finish ──────────┘
//!  warnings    a fold of the Events topic: Warnings on touched nodes
//! ```
//!
//! - No truth outside of the log: after a restart the fold is the state, and runners are found again.
//! - An act is recorded as intended before it is done, and as observed after; each may be repeated.
//! - At most one runner acts on a step: the claim is a fact before it is an answer.
//! - Nothing secret is in the log: tokens are there as SHA-256, secrets go from a Secret to the runner's file.

mod act;
mod assign;
mod bundles;
mod clock;
mod commands;
pub mod config;
mod door;
mod error;
pub mod execute;
pub mod fault;
mod gate;
mod keeper;
mod metrics;
mod resources;
mod run;
pub mod target;
mod token;
mod warnings;

pub use config::ControllersConfig;
pub use error::ControllersError;
pub use gate::{SIGNATURE, TIMESTAMP};
pub use metrics::ControllersMetrics;
pub use run::{Inputs, run};
