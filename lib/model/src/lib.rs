//! beidou-model

pub mod coverage;
pub mod dedup;
pub mod import;
pub mod ledger;
pub mod occurrences;
pub mod operation;
pub mod query_line;
pub mod retention;
pub mod watch;
