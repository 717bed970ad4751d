//! Derived state: everything here can be rebuilt from the log.
//!
//! ```text
//!  projector ──insert──► client ──HTTP──► ClickHouse server
//!  query-api ──query───►        └──HTTP──► engine: the embedded ClickHouse, in a process of its own
//! ```
//!
//! The embedded engine and a server are reached through the same client, the same SQL and the same migrations; no other
//! room names the `clickhouse` library.

pub mod archive;
pub mod audit;
pub mod client;
pub mod engine;
mod error;
pub mod hot;
pub mod insert;
pub mod migrate;
pub mod query;
pub mod retention;
pub mod sql;

pub use client::{Server, Store};
pub use engine::{Credentials, Endpoint};
pub use error::StoreError;
