//! What follows from what is said: decisions without I/O, clock or random. Whoever acts asks here, and does it.
//!
//! ```text
//!  watch        answers of an API server ─► what is stored, where the watch goes on, which gaps are told
//!  ledger       facts of a ledger ─► watermark, cuts to repeat
//!  dedup        states that were seen ─► which one is new
//!  occurrences  counts inside Events ─► how often it happened when
//!  coverage     chains of watches, watermarks ─► how completely a range is known
//!  retention    names of clusters, days ─► what goes
//!  import       items of dumps ─► Events
//!  query_line   a line that somebody types ─► terms, or the fault and its place
//!  operation    facts ─► state; commands ─► facts; what is due next
//! ```

pub mod coverage;
pub mod dedup;
pub mod import;
pub mod ledger;
pub mod occurrences;
pub mod operation;
pub mod query_line;
pub mod retention;
pub mod watch;
