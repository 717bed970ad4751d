//! The `archive` section: whether and where Events are kept once more, as Parquet files.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use beidou_projector::archive::{ArchiveConfig, DEFAULT_MAX_AGE, DEFAULT_MAX_ROWS};
use beidou_store::archive::{Archive as Files, ArchiveError, S3};
use serde::{Deserialize, Serialize};

use crate::{
    exit::{Code, Failure},
    places,
};

/// The `archive` section.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Archive {
    /// Whether Events are archived.
    pub enabled: bool,
    /// Where; the folder `archive` of the data directory where it is missing.
    pub folder: Option<PathBuf>,
    /// A bucket, in place of a folder.
    pub s3: S3,
    /// A file is closed at so many rows.
    pub max_rows: u64,
    /// A file is closed so long after its first row.
    pub max_age_seconds: u64,
}

impl Default for Archive {
    fn default() -> Self {
        let max_age_seconds = DEFAULT_MAX_AGE.as_secs();
        Self { enabled: true, folder: None, s3: S3::default(), max_rows: DEFAULT_MAX_ROWS, max_age_seconds }
    }
}

impl Archive {
    /// # Errors
    /// When a value is not allowed.
    pub fn check(&self) -> Result<(), Failure> {
        // Rows of an open file are bounded by bytes as well; the upper bounds keep a slip of a digit from thinning the archive.
        for (key, value, most) in
            [("max_rows", self.max_rows, 1_000_000), ("max_age_seconds", self.max_age_seconds, 86_400)]
        {
            if !(1..=most).contains(&value) {
                let text = format!("`archive.{key}` is not valid: {value}");
                return Err(Failure::new(Code::Usage, text, format!("use 1 to {most}")));
            }
        }
        let s3 = self.s3.check();
        s3.map_err(|error| {
            Failure::new(Code::Usage, "`archive.s3` is not valid", "correct it: docs/archive.md").because(error)
        })
    }

    /// The archive: the configured bucket, else a folder, made when missing. Its compactions build their files in the data directory.
    ///
    /// # Errors
    /// When its folder cannot be made, or a file that the bucket needs cannot be read.
    pub fn open(&self, data: &Path) -> Result<Files, ArchiveError> {
        let files = if self.s3.is_used() {
            Files::s3(&self.s3)?
        } else {
            Files::folder(&self.folder.clone().unwrap_or_else(|| places::archive(data)))?
        };
        // A bucket may be looked at from where no site has run.
        Ok(if data.is_dir() { files.building_in(data) } else { files })
    }

    /// How the projector archives; `None` where it does not.
    ///
    /// # Errors
    /// As [`Archive::open`].
    pub fn config(&self, data: &Path) -> Result<Option<ArchiveConfig>, ArchiveError> {
        if !self.enabled {
            return Ok(None);
        }
        let (max_rows, max_age) = (self.max_rows, Duration::from_secs(self.max_age_seconds));
        Ok(Some(ArchiveConfig { max_rows, max_age, ..ArchiveConfig::new(self.open(data)?) }))
    }
}
