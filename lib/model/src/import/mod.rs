//! Dumps of Events, read piece by piece: watch frames, lists, lines of kubernetes-event-exporter, dumps of Elasticsearch.
//!
//! ```text
//!  bytes ─► split: one JSON item at a time, with its line ─► layers: what is around the Event
//!                                                                     │
//!                                        an Event or a reject ◄─ event: core/v1, identity, time
//! ```
//!
//! What holds:
//! - The memory is one item, at most [`MAX_ITEM_BYTES`], however large the dump; what cannot be read costs that item alone.
//! - An item's identity is a function of its content: its uid and resourceVersion where the dump has them, else hashes. So a
//!   dump that is imported twice is stored once.
//! - Each item is an Event, or counted as passed over, or a reject with its line and the reason. Nothing vanishes.

mod event;
mod identity;
mod json;
mod layers;
mod reader;
mod split;
#[cfg(test)]
mod tests;
mod time;

pub use event::Imported;
pub use identity::cluster_uid;
pub use layers::{Format, Passed};
pub use reader::{Entry, Found, Reader, Reject, RejectReason};
pub use split::MAX_ITEM_BYTES;
