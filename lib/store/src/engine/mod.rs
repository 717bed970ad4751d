//! The embedded engine: real ClickHouse in a child process, spoken to like a server.
//!
//! ```text
//!  up, demo ── Supervisor ──spawn──▶ beidou engine ── serve ── http ── session ── library ──dlopen──▶ libchdb.so
//!                  │ stdin held open                    │                                             ▲
//!                  └─ EngineState::Ready(Endpoint) ◀────┴── endpoint.json            install ─────────┘
//! ```
//! Why a process of its own: the engine takes the whole process (one data path, global state, half a gigabyte of mapping),
//! and a fault or a memory blow-up in it must not take the platform along. Why HTTP: one wire protocol for engine and
//! server means one client and one way of the code.
//! Invariants: the library is never linked, only loaded, and only from a file with the pinned checksum; everything here
//! listens on loopback and needs a secret of this run.

mod config;
mod endpoint;
mod http;
pub mod install;
mod library;
mod lock;
mod serve;
mod session;
mod supervisor;

pub use endpoint::{Credentials, DATABASE, Endpoint, EndpointError};
pub use serve::{EngineOptions, ServeError, serve};
pub use session::EngineError;
pub use supervisor::{EngineState, Supervisor, SupervisorError};
