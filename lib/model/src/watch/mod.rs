//! One cluster's watch chain as a state machine without I/O: times, answers and frames go in, actions come out.
//!
//! ```text
//!            no position                          410, set back, repeated empty answers
//!   start ───────────────► Listing ◄──────────────────────────────────────────┐
//!     │                      │ all pages are in the log: broken + started      │
//!     │ position             ▼                                                 │
//!     └──► Proving ──────► Opening ──────► Watching ── closed: ended ──► Waiting ──► Proving
//!           where does the   watch from     frames, acks, proofs
//!           server stand?    the position
//! ```
//!
//! What holds at every moment:
//! - The position moves only over frames that the log has acknowledged.
//! - `until` moves only by *proof*: a proof is a question asked at time *s* that the server answered with resource
//!   version *r*. All that was committed before *s* has a version of at most *r*; once the watch has delivered (and the
//!   log acknowledged) a frame at or beyond *r*, everything committed before *s* is in the log. The question is the
//!   write of the heartbeat Event, which the watch then shows by itself; where that is not allowed it is a list of one
//!   item, and the proof waits for the next frame.
//! - A proof below the position at which it was asked means that the server's etcd was set back.
//! - What no chain covers is published as broken: from the last proven moment to the arrival of the first page of the
//!   list. (Not to its departure: a state may be made and replaced while the request is on its way.)
//! - Between two tries there is always a wait.
//!
//! Beside the open watch a list is compared with what it brought now and then: [`Comparer`].
//!
//! Not visible from here: an etcd that was set back *and* has outgrown the position before a restarted collector
//! comes back. A running collector sees it by its own heartbeat object (the shell's `set_back`).

mod act;
mod backoff;
mod chain;
mod compare;
mod fold;
mod listing;
mod live;
mod proof;
mod session;
mod witness;

pub use act::{Action, Asked, Input, Refusal, Settings};
pub use chain::{Chain, Phase};
pub use compare::{CompareInput, CompareSettings, Comparer, Comparing, Finding, Listed, Outcome};
pub use fold::{Standing, Standings};
pub use live::EventKey;

#[cfg(test)]
mod comparing;
#[cfg(test)]
mod reference;
#[cfg(test)]
mod tests;
