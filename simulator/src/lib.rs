//! Simulated Kubernetes API servers and fleets, for the demo and for fault tests.
//!
//! ```text
//!  fleet ──► generate (scripts: rollouts, crash loops, …) ──► history  (bytes, a week in seconds)
//!                                                        └──► live ──► server (HTTP) ◄── faults
//!                                                                        │
//!                                                                        └──► oracle (what happened, what we lost)
//!  runner: steps of operations on machines that do not exist, told to the door of controllers
//! ```
//!
//! Invariants: a seed gives the same fleet and the same history for ever; every state that a server commits and
//! every loss of history that it causes stands in the oracle's ledger before a client can notice it.

pub mod clock;
pub mod faults;
pub mod fleet;
pub mod generate;
pub mod history;
pub mod live;
pub mod oracle;
pub mod runner;
pub mod server;
mod storage;

pub use clock::Clock;
pub use faults::{Cut, Expiry, Faults, Oddity, Refusal};
pub use fleet::{Cluster, Fleet};
pub use generate::{EventRecord, Incident};
pub use history::{ClusterHistory, HistoryOptions, HistoryState, history};
pub use live::{Feeder, Live, continue_history};
pub use oracle::{Ledger, Loss, StateId};
pub use server::{Access, ApiServer, ServerOptions};
