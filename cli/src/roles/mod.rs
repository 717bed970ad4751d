//! The roles: each a part of Beidou that runs until it is told to stop, alone in a process or with others.
//!
//! ```text
//!  beidou ingest ──► log ◄── beidou projector ──► store (engine or server) ◄── beidou query-api
//!                     ▲ ▼
//!              beidou controllers ◄── beidou run-step, one for each step
//!  beidou up    = engine as a child + the four others in one process
//! ```
//!
//! Processes of one host meet in the data directory: the log, the engine's endpoint file, the token.

pub mod archive;
pub mod config;
pub mod controllers;
pub mod engine;
pub mod ingest;
pub mod process;
pub mod projector;
pub mod query_api;
pub mod run_step;
pub mod together;
pub mod up;

pub use process::Process;
pub use together::Together;
