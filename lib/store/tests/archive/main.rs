//! The archive on a folder and in memory: one contract for both, compaction under crashes, damage that is found.

#![allow(clippy::unwrap_used, reason = "all of this is test code")]

mod compaction;
mod contract;
mod crash;
mod expiry;
mod rows;
mod salvage;
