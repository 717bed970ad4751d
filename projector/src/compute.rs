//! Work that takes processor time.

use beidou_schemas::TopicPartition;
use tokio::runtime::{Handle, RuntimeFlavor};

use crate::ProjectorError;

/// Does it off the reactor. A runtime of one thread does it in place: a simulation runs on one, and must go the same way
/// each time, whatever other threads do.
///
/// # Errors
/// When it panics in another thread.
pub(crate) async fn compute<T: Send + 'static>(
    at: TopicPartition,
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, ProjectorError> {
    if Handle::current().runtime_flavor() == RuntimeFlavor::CurrentThread {
        return Ok(work());
    }
    tokio::task::spawn_blocking(work).await.map_err(|source| ProjectorError::Panicked { at, source })
}
