//! What controllers promise, over a log in memory.
#![allow(clippy::unwrap_used, reason = "test code")]

mod clusters;
mod course;
mod local;
mod nodes;
mod support;
mod tasks;
