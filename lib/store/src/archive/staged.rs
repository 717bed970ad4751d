//! What a crash within a put leaves in a folder: a file is written beside its name first, as `name#1`, and such files are not listed.

use std::{
    ffi::OsStr,
    fs, io,
    path::Path,
    time::{Duration, SystemTime},
};

use super::{Archive, ArchiveError, blocking};

/// A put takes seconds. What is so old belongs to none that is under way.
const OLD: Duration = Duration::from_secs(24 * 60 * 60);

impl Archive {
    /// Removes what puts have left that ended within. Tells how many files there were.
    pub(super) async fn sweep_staged(&self) -> Result<u64, ArchiveError> {
        let Some(root) = self.root() else { return Ok(0) };
        let folder = root.join(self.collection.folder());
        let path = folder.display().to_string();
        let swept = blocking(move || sweep(&folder, SystemTime::now())).await;
        swept.map_err(|source| ArchiveError::Io { act: "look for what crashes have left in", path, source })
    }
}

fn sweep(folder: &Path, now: SystemTime) -> io::Result<u64> {
    let mut swept = 0;
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            swept += sweep(&entry.path(), now)?;
        } else if is_staged(&entry.file_name())
            // One that has gone meanwhile was of a put that is under way.
            && let Ok(about) = entry.metadata()
            && now.duration_since(about.modified()?).is_ok_and(|age| age > OLD)
        {
            fs::remove_file(entry.path())?;
            swept += 1;
        }
    }
    Ok(swept)
}

fn is_staged(name: &OsStr) -> bool {
    let parts = name.to_str().and_then(|name| name.rsplit_once('#'));
    parts.is_some_and(|(_, number)| !number.is_empty() && number.bytes().all(|digit| digit.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn old_ones_go_and_nothing_else() {
        let dir = tempfile::tempdir().unwrap();
        let archive = Archive::folder(dir.path()).unwrap();
        let day = dir.path().join("events/dt=2026-11-23/cluster=a");
        fs::create_dir_all(&day).unwrap();
        let names = ["f.parquet", "f.parquet#1", "new.parquet#12", "f#x.parquet"];
        for name in names {
            let file = fs::File::create(day.join(name)).unwrap();
            let age = if name.starts_with("new") { Duration::ZERO } else { 2 * OLD };
            file.set_modified(SystemTime::now() - age).unwrap();
        }
        assert_eq!(archive.sweep_staged().await.unwrap(), 1);
        assert_eq!(names.map(|name| day.join(name).exists()), [true, false, true, true]);
        assert_eq!(Archive::in_memory().sweep_staged().await.unwrap(), 0);
    }
}
