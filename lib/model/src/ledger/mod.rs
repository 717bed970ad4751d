//! What the ledger of one source partition says: how far the tables hold the log, and which cuts must be repeated.
//!
//! ```text
//!  log      0 ─────────────── 40 ───── 60 ───── 75 ────────►
//!  facts      done … done      pending  pending
//!                    watermark ┘        └ next cut begins at 75
//! ```
//!
//! Invariants:
//! - The state is a function of the *set* of facts: order and repetition do not matter. The watermark only grows.
//! - A done cut beyond a cut that is not done does not move the watermark: everything below it is in the tables.
//! - Cuts are contiguous. What a crash left pending is repeated exactly, in order, before any new cut.

mod archive;
mod fold;

pub use archive::ArchiveLedger;
pub use fold::{Ledger, LedgerError, verify};
