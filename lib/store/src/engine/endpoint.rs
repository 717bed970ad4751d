//! The endpoint file: where the running engine listens, and with which secrets.
//!
//! Shape (`<data>/engine/endpoint.json`, mode 0600): `{"url", "database", "writer": {"user", "password"}, "reader": {…},
//! "archive_reader": {…}, "pid", "version"}`. The engine writes it when it is ready and removes it on a clean exit; a file whose `pid` is dead
//! was left by a crash.
//! Invariants: written to a temporary name, synced, renamed, so that no reader sees half of it; secrets never appear in
//! debug output.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use uuid::Uuid;

/// The database that Beidou's tables live in.
pub const DATABASE: &str = "beidou";

/// A user of the engine and its secret.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Credentials {
    /// User name.
    pub user: String,
    /// Secret.
    pub password: String,
}

impl Credentials {
    /// A user with a fresh secret of 244 random bits from the operating system.
    pub(super) fn random(user: &str) -> Credentials {
        let password = format!("{}{}", Uuid::new_v4().simple(), Uuid::new_v4().simple());
        Credentials { user: user.to_owned(), password }
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials").field("user", &self.user).finish_non_exhaustive()
    }
}

/// How to reach the engine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Endpoint {
    /// Base URL, `http://127.0.0.1:PORT`.
    pub url: String,
    /// Database of Beidou's tables.
    pub database: String,
    /// May do everything.
    pub writer: Credentials,
    /// May only read.
    pub reader: Credentials,
    /// May only read, files of the archive as well: for statements of Beidou's own.
    pub archive_reader: Credentials,
    /// Process id of the engine.
    pub pid: u32,
    /// The engine's ClickHouse version.
    pub version: String,
}

/// The endpoint file could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum EndpointError {
    /// There is no file: no engine has been started on this data directory, or it was stopped.
    #[error(
        "no engine is running on this data directory ({path} does not exist): start `beidou up` or `beidou engine`"
    )]
    Missing {
        /// The file that was looked for.
        path: PathBuf,
    },
    /// The file cannot be read.
    #[error("read the engine's endpoint file {path}")]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The file is not what this version writes.
    #[error("understand the engine's endpoint file {path}; restart the engine with this version of beidou")]
    Decode {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: serde_json::Error,
    },
    /// The file cannot be written.
    #[error("write the engine's endpoint file {path}")]
    Write {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
}

impl Endpoint {
    /// The endpoint file's path for a data directory.
    #[must_use]
    pub fn path(data_dir: &Path) -> PathBuf {
        data_dir.join("engine").join("endpoint.json")
    }

    /// Reads the endpoint of a data directory. The engine may have died since: a request tells.
    ///
    /// # Errors
    /// No file, an unreadable one, or one of another version.
    pub fn read(data_dir: &Path) -> Result<Endpoint, EndpointError> {
        let path = Endpoint::path(data_dir);
        match std::fs::read(&path) {
            Ok(bytes) => serde_json::from_slice(&bytes).map_err(|source| EndpointError::Decode { path, source }),
            Err(source) if source.kind() == io::ErrorKind::NotFound => Err(EndpointError::Missing { path }),
            Err(source) => Err(EndpointError::Read { path, source }),
        }
    }

    /// Writes the endpoint file, readable by its owner only.
    pub(super) fn write(&self, data_dir: &Path) -> Result<(), EndpointError> {
        let path = Endpoint::path(data_dir);
        self.write_to(&path).map_err(|source| EndpointError::Write { path, source })
    }

    fn write_to(&self, path: &Path) -> io::Result<()> {
        let folder = path.parent().unwrap_or(Path::new("."));
        // A temporary file is created with mode 0600, and the rename keeps it.
        let mut file = tempfile::NamedTempFile::new_in(folder)?;
        serde_json::to_writer_pretty(&mut file, self)?;
        file.write_all(b"\n")?;
        file.as_file().sync_all()?;
        file.persist(path).map_err(|error| error.error)?;
        std::fs::File::open(folder)?.sync_all()
    }

    /// Removes the endpoint file if it is this engine's own.
    pub(super) fn remove(&self, data_dir: &Path) {
        if Endpoint::read(data_dir).is_ok_and(|found| found.pid == self.pid)
            && let Err(error) = std::fs::remove_file(Endpoint::path(data_dir))
        {
            tracing::warn!(%error, "the endpoint file could not be removed");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    fn endpoint() -> Endpoint {
        Endpoint {
            url: "http://127.0.0.1:8123".into(),
            database: DATABASE.into(),
            writer: Credentials::random("writer"),
            reader: Credentials::random("reader"),
            archive_reader: Credentials::random("archive"),
            pid: 42,
            version: "26.7".into(),
        }
    }

    #[test]
    fn a_written_endpoint_is_private_and_comes_back() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir(dir.path().join("engine")).unwrap();
        let endpoint = endpoint();
        endpoint.write(dir.path()).unwrap();
        assert_eq!(Endpoint::read(dir.path()).unwrap(), endpoint);
        let mode = std::fs::metadata(Endpoint::path(dir.path())).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        Endpoint { pid: 43, ..endpoint.clone() }.remove(dir.path());
        assert!(Endpoint::read(dir.path()).is_ok(), "another engine's file stays");
        endpoint.remove(dir.path());
        assert!(matches!(Endpoint::read(dir.path()), Err(EndpointError::Missing { .. })));
    }

    #[test]
    fn secrets_differ_and_stay_out_of_debug_output() {
        let (one, two) = (Credentials::random("a"), Credentials::random("a"));
        assert_ne!(one.password, two.password);
        assert!(one.password.len() >= 64);
        assert!(!format!("{:?}", endpoint()).contains("password"));
    }
}
