//! One engine per data directory.
//!
//! Shape: `<data>/engine/lock` holds the owner's process id as text and an exclusive advisory lock that the kernel frees
//! when the owner ends, however it ends.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, Write};
use std::path::Path;

/// The lock could not be taken.
#[derive(Debug)]
pub(super) enum LockError {
    /// Another process holds it; its id, if it could be read.
    Held(Option<u32>),
    /// The file cannot be opened, locked or written.
    Io(io::Error),
}

impl From<io::Error> for LockError {
    fn from(error: io::Error) -> LockError {
        LockError::Io(error)
    }
}

/// A held lock; dropped, it is free.
#[derive(Debug)]
pub(super) struct DataLock {
    file: File,
}

/// Unlocked by name: closing frees it only when no child between `fork` and `exec` has a copy of the descriptor.
impl Drop for DataLock {
    fn drop(&mut self) {
        let _ = self.file.unlock();
    }
}

impl DataLock {
    /// Takes the lock of `folder` for this process, without waiting.
    pub(super) fn take(folder: &Path) -> Result<DataLock, LockError> {
        let path = folder.join("lock");
        let mut file = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let mut text = String::new();
                let owner = file.read_to_string(&mut text).ok().and_then(|_| text.trim().parse().ok());
                return Err(LockError::Held(owner));
            }
            Err(TryLockError::Error(error)) => return Err(LockError::Io(error)),
        }
        file.set_len(0)?;
        file.rewind()?;
        writeln!(file, "{}", std::process::id())?;
        Ok(DataLock { file })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_held_lock_names_its_owner_and_is_free_after_the_drop() {
        let dir = tempfile::tempdir().unwrap();
        let held = DataLock::take(dir.path()).unwrap();
        assert!(matches!(DataLock::take(dir.path()), Err(LockError::Held(Some(pid))) if pid == std::process::id()));
        drop(held);
        DataLock::take(dir.path()).unwrap();
    }
}
