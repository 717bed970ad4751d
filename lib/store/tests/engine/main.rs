//! The embedded engine, for real: every test starts its own engine process and speaks HTTP to it.

#![allow(clippy::unwrap_used, reason = "all of this is test code")]

#[path = "../support/mod.rs"]
mod support;

mod access;
mod blocks;
mod insert;
mod install;
mod process;
mod query_line;
mod roll_up;
mod select;
mod way;
