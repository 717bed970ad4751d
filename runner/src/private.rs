//! A folder for keys and secrets: in memory where the machine has such a place, for this user alone, gone with the run.
//!
//! A runner that was killed cannot clean up. So each folder holds a lock while its runner lives, and whoever comes next removes
//! those whose lock is free.

use std::{
    fs::{self, File},
    io::{self, Write},
    os::unix::fs::{OpenOptionsExt, PermissionsExt},
    path::{Path, PathBuf},
};

use tempfile::TempDir;

const PREFIX: &str = "beidou-run-";
const LOCK: &str = "lock";
/// In memory on every Linux; its short name matters, for paths of sockets are short.
const MEMORY: &str = "/dev/shm";

/// The folder; it is removed when this is dropped.
pub(crate) struct Private {
    folder: TempDir,
    _lock: File,
}

impl Private {
    pub(crate) fn create(chosen: Option<&Path>) -> io::Result<Self> {
        let memory = Path::new(MEMORY);
        let parent = match chosen {
            Some(chosen) => chosen.to_path_buf(),
            None if memory.is_dir() && sweep(memory).is_ok() => memory.to_path_buf(),
            None => {
                let folder = std::env::temp_dir();
                tracing::warn!(?folder, "there is no /dev/shm: keys and secrets lie on a disk while the step runs");
                folder
            }
        };
        sweep(&parent)?;
        let folder = tempfile::Builder::new()
            .prefix(PREFIX)
            .permissions(fs::Permissions::from_mode(0o700))
            .tempdir_in(parent)?;
        let lock = File::create(folder.path().join(LOCK))?;
        lock.try_lock()?;
        Ok(Self { folder, _lock: lock })
    }

    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Writes a file for this user alone.
    pub(crate) fn write(&self, name: &str, content: &[u8]) -> io::Result<PathBuf> {
        let path = self.path().join(name);
        File::options().write(true).create_new(true).mode(0o600).open(&path)?.write_all(content)?;
        Ok(path)
    }

    /// Makes a folder for this user alone.
    pub(crate) fn folder(&self, name: &str) -> io::Result<PathBuf> {
        let path = self.path().join(name);
        fs::create_dir(&path)?;
        fs::set_permissions(&path, fs::Permissions::from_mode(0o700))?;
        Ok(path)
    }
}

/// Removes what runners left that are no more.
fn sweep(parent: &Path) -> io::Result<()> {
    for entry in fs::read_dir(parent)? {
        let path = entry?.path();
        let ours = path.file_name().is_some_and(|name| name.to_string_lossy().starts_with(PREFIX));
        // One that is just being made has no lock yet, or one that is not ours to open.
        if ours && File::open(path.join(LOCK)).is_ok_and(|lock| lock.try_lock().is_ok()) {
            let _ = fs::remove_dir_all(&path);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_killed_runner_left_is_removed_and_the_living_keep_theirs() {
        let parent = tempfile::tempdir().unwrap();
        let living = Private::create(Some(parent.path())).unwrap();
        let secret = living.write("secret", b"x").unwrap();
        assert_eq!(fs::metadata(&secret).unwrap().permissions().mode() & 0o777, 0o600);
        let left = parent.path().join("beidou-run-left");
        fs::create_dir(&left).unwrap();
        fs::write(left.join(LOCK), "").unwrap();
        let other = Private::create(Some(parent.path())).unwrap();
        assert!(secret.exists() && !left.exists());
        drop(living);
        assert!(!secret.exists() && other.path().exists());
    }
}
