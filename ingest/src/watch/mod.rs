//! One cluster's watch: bytes to lines, lines to frames, frames to batches, driven by the chain.

mod act;
mod compare;
mod cut;
mod drive;
mod frame;
mod lines;
mod page;
mod prove;
mod quick;
mod request;
mod store;
mod stream;

pub use cut::without_managed_fields;
pub use frame::{Decoded, FrameError, FrameKind, MAX_FRAME_BYTES, State, decode};
pub use page::{Item, Page, decode_page};

pub(crate) use drive::{Driver, Ending, Tools};
pub(crate) use request::{ApiError, Content, Link, chain};
