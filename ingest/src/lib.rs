//! Ingest: from the watches of many clusters into the log.
//!
//! ```text
//!  clusters/   which clusters there are; connect, identify, check rights; one task each
//!     │
//!  watch/      lines ─► frames ─► batch         heartbeat   proves how far the watch has come
//!     │                    │                        │
//!     │  drives the chain (beidou_model::watch): it decides, this crate acts
//!     ▼                    ▼                        ▼
//!  coverage   positions    publish   Events and rejects ─► the log; acknowledged in order
//!                          import    states out of dumps, from the import topic through publish
//! ```
//!
//! - A cluster has one task, its own connection and its own bounded memory: a sick cluster never slows another.
//! - A full log slows the reader of a watch, nothing is dropped; the position moves after the log's acknowledgement.
//! - The stored JSON is the cluster's, byte for byte, with two exceptions: `metadata.managedFields` is cut out, and an
//!   item of a list gets the `kind` and `apiVersion` that lists leave out, so that a state has one value however it
//!   was found.
//! - Beidou's own heartbeat Events (reason `BeidouHeartbeat`, component `beidou-ingest`) are proof, not history: they
//!   are counted and not stored, whichever collector wrote them.

pub mod clusters;
mod config;
mod coverage;
mod error;
pub mod fault;
mod heartbeat;
mod import;
mod metrics;
mod outside;
mod own_time;
mod publish;
mod run;
mod status;
pub mod watch;

pub use clusters::{ClusterConfig, ConfigError, clusters_from_kubeconfig, follow_file, read_file};
pub use config::IngestConfig;
pub use coverage::standings;
pub use error::IngestError;
pub use metrics::IngestMetrics;
pub use outside::{Machine, Outside};
pub use own_time::OwnTime;
pub use run::{Inputs, run};
pub use status::{ClusterState, ClusterStatus, IngestStatus};
