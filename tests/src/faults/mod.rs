//! The fault test: what it starts, what it breaks, and how it judges.
//!
//! ```text
//!  simulator (in the test's process, writes down what really happened)
//!     │ HTTP
//!  ingest ──► file log ──► projector ─┬► engine        three processes, killed by pid at random
//!                            ▲        └► archive
//!  audits, rebuilds ──► query-api           │
//!                                           │
//!  verdict: simulator's ledger  against  table and reported coverage, table  against  archive
//! ```

pub mod chaos;
mod holdings;
pub mod site;
pub mod upkeep;
pub mod verdict;
