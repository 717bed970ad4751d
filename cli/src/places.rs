//! Where things are on this machine, by the XDG base directory rules.

use std::path::{Path, PathBuf};

use crate::exit::{Code, Failure};

/// What the environment says about directories.
#[derive(Debug, Clone, Default)]
pub struct Places {
    home: Option<PathBuf>,
    data_home: Option<PathBuf>,
    config_home: Option<PathBuf>,
}

impl Places {
    /// Asks the environment.
    pub fn from_environment() -> Self {
        // The XDG rules: an empty or relative path counts as unset.
        let path = |name| std::env::var_os(name).map(PathBuf::from).filter(|path: &PathBuf| path.is_absolute());
        Self { home: path("HOME"), data_home: path("XDG_DATA_HOME"), config_home: path("XDG_CONFIG_HOME") }
    }

    /// The data directory where none is named.
    ///
    /// # Errors
    /// When the environment names no home.
    pub fn data(&self) -> Result<PathBuf, Failure> {
        self.below(self.data_home.as_ref(), ".local/share", "name a directory with --data")
    }

    /// The context file.
    ///
    /// # Errors
    /// When the environment names no home.
    pub fn contexts(&self) -> Result<PathBuf, Failure> {
        let dir =
            self.below(self.config_home.as_ref(), ".config", "set HOME, or name the server with --url and --token")?;
        Ok(dir.join("contexts.yaml"))
    }

    fn below(&self, xdg: Option<&PathBuf>, fallback: &str, next: &str) -> Result<PathBuf, Failure> {
        let base = xdg.cloned().or_else(|| self.home.as_ref().map(|home| home.join(fallback)));
        let none = || Failure::new(Code::Usage, "neither HOME nor an XDG directory is set", next);
        base.map(|base| base.join("beidou")).ok_or_else(none)
    }
}

/// The log's folder in a data directory.
pub fn log(data: &Path) -> PathBuf {
    data.join("log")
}

/// The archive's folder in a data directory.
pub fn archive(data: &Path) -> PathBuf {
    data.join("archive")
}

/// The folder of copies of a bucket's files in a data directory.
pub fn archive_copies(data: &Path) -> PathBuf {
    data.join("archive-copies")
}

/// The folder of exports in a data directory.
pub fn exports(data: &Path) -> PathBuf {
    data.join("exports")
}

/// The folder of controllers in a data directory: fact caches, bundles, runners.
pub fn controllers(data: &Path) -> PathBuf {
    data.join("controllers")
}

/// The token file of a data directory.
pub fn token(data: &Path) -> PathBuf {
    data.join("token")
}

/// The key that signs cursors, in a data directory.
pub fn cursor_key(data: &Path) -> PathBuf {
    data.join("cursor.key")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn xdg_comes_before_home_and_nothing_is_an_error() {
        let home = Places { home: Some("/h".into()), ..Places::default() };
        assert_eq!(home.data().unwrap(), Path::new("/h/.local/share/beidou"));
        assert_eq!(home.contexts().unwrap(), Path::new("/h/.config/beidou/contexts.yaml"));
        let xdg = Places { data_home: Some("/d".into()), config_home: Some("/c".into()), ..home };
        assert_eq!(xdg.data().unwrap(), Path::new("/d/beidou"));
        assert_eq!(xdg.contexts().unwrap(), Path::new("/c/beidou/contexts.yaml"));
        assert_eq!(Places::default().data().unwrap_err().code, Code::Usage);
    }
}
