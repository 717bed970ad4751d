//! What the simulated API server promises: one program, for each of its kind links all of the product.
#![allow(clippy::unwrap_used, reason = "test code")]

mod faulting;
mod feeding;
mod harness;
mod history;
mod judging;
mod serving;
