//! Signed cursors, for those who prove that nobody can make one.

pub use crate::ask::cursor::{Purpose, Signer};
