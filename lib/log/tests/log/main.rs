//! What the log promises: one program, for each of its kind links all of the log.
#![allow(clippy::unwrap_used, reason = "test code")]

mod contract;
mod copy;
mod file;
mod keeping;
mod processes;
mod support;
