//! The outside judge's book: every state that a server committed, and every loss of history that it caused.
//!
//! ```text
//!   server ──► ledger (append only, memory and NDJSON) ──► judge: states, lives, losses, intervals
//!        └───► reckoning (who had got what when history was refused)
//! ```
//! Invariants: an entry stands in the ledger before its effect can reach a client; nothing is ever taken back.
//!
//! A client is known by its User-Agent: two watchers that are to be judged apart need different ones.
//!
//! How to judge a collector: all of [`Judge::states`] minus [`Judge::excused`] must be stored; each state really
//! missing must lie (by its commit time) inside an interval that the collector reported; and what it reported must
//! not exceed [`Judge::intervals`] by more than it is allowed.

mod entry;
mod judge;
mod ledger;
pub(crate) mod reckoning;

pub use entry::{Entry, Loss, LossCause, StateId, StreamEnd, Verb};
pub use judge::{Judge, Life};
pub use ledger::Ledger;
