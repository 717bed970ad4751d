//! beidou-model

pub mod coverage;
pub mod dedup;
pub mod ledger;
pub mod watch;
