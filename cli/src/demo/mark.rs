//! What a finished history leaves in its data directory: enough to tell the same story again.

use std::{fs, io, path::Path};

use anyhow::Context;
use serde::{Deserialize, Serialize};

const FILE: &str = "demo.json";

/// The seed and the moment of a history.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Mark {
    /// Seed of fleet and history.
    pub seed: u64,
    /// End of the history, microseconds since 1970.
    pub now_us: i64,
}

impl Mark {
    /// The mark of a data directory; none where no history was finished.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn read(data: &Path) -> anyhow::Result<Option<Self>> {
        let path = data.join(FILE);
        match fs::read(&path) {
            Ok(text) => {
                serde_json::from_slice(&text).map(Some).with_context(|| format!("cannot understand {}", path.display()))
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error).with_context(|| format!("cannot read {}", path.display())),
        }
    }

    /// Writes it.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn write(&self, data: &Path) -> anyhow::Result<()> {
        let path = data.join(FILE);
        fs::write(&path, serde_json::to_vec(self)?).with_context(|| format!("cannot write {}", path.display()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_reads_back() {
        let (dir, mark) = (tempfile::tempdir().unwrap(), Mark { seed: 7, now_us: 8 });
        assert_eq!(Mark::read(dir.path()).unwrap(), None);
        mark.write(dir.path()).unwrap();
        assert_eq!(Mark::read(dir.path()).unwrap(), Some(mark));
        fs::write(dir.path().join(FILE), "{}").unwrap();
        assert!(Mark::read(dir.path()).is_err());
    }
}
