//! What the projector promises, on real ClickHouse engines: one program, for each of its kind links all of the product.
#![allow(clippy::unwrap_used, reason = "test code")]

mod archive;
mod audit;
mod damage;
mod disk;
mod faults;
mod fence;
mod lost;
#[path = "../../../schemas/tests/odd/mod.rs"]
mod odd;
mod operation_archive;
mod operation_audit;
mod operation_rows;
mod readers;
mod rebuild;
mod retention;
mod rows;
mod shared;
mod support;
mod wishes;
