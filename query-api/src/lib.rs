//! The store's door for callers: REST, live tail, SQL, imports, the API document. It changes no Event: what people import, and
//! what they ask of the keeping of Events, it appends to topics of its own, see `imports` and `upkeep`.
//!
//! ```text
//!  request ──► door (request id, limits, token) ──► routes ──► ask (parameters, cursor) ──► store ──► answer
//!                                                     │                                      coverage of the range
//!                                                     ├──► tail ◄── log
//!                                                     ├──► operations ◄── facts; commands ──► log
//!                                                     └──► imports ──► log: states out of dumps, for ingest to publish
//! ```
//!
//! What holds:
//! - Every answer over a range of time says how completely that range is known, cluster by cluster.
//! - Every list is bounded: a range, a limit, 1 MB. Pages are found by signed cursors.
//! - Nothing is read without a token, unless the configuration says so; each request carries its subject into the log
//!   and onto the query.
//! - A parameter that nobody reads is refused, and an error says which parameter, which value, and what is allowed.

mod answer;
mod app;
mod ask;
mod catalogue;
mod cold;
mod config;
mod console;
pub mod cursor;
mod door;
mod drafts;
mod exports;
mod fold;
mod follow;
mod hand;
mod imports;
pub mod openapi;
mod operations;
mod pages;
mod picture;
mod problem;
mod projected;
mod routes;
mod server;
mod space;
mod sql;
mod tail;
mod upkeep;

pub use config::{ConfigError, QueryApiConfig, TokenConfig};
pub use console::has_console;
pub use operations::chain as operation_export;
pub use server::{Bound, ServeError, bind, serve};
