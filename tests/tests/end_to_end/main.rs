//! The binary from end to end, as people use it: one program, for each of its kind links all of the product.
#![allow(clippy::unwrap_used, reason = "test code")]

mod bad_input;
mod bundles;
mod control_plane;
mod demo;
mod fleet;
mod full_disk;
mod import;
mod missed;
mod real_cluster;
