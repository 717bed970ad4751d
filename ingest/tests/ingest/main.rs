//! What ingest promises, against a small API server: one program, for each of its kind links all of the product.
#![allow(clippy::unwrap_used, reason = "test code")]

mod collect;
mod compare;
mod fleet;
mod imports;
mod replicas;
mod support;
