//! The `retention` section: how long the Events of each cluster stay in tables and archive.

use std::collections::BTreeMap;

use beidou_model::retention::Retention as Kept;
use serde::{Deserialize, Serialize};

use crate::exit::{Code, Failure};

/// A century: more is a slip of the keyboard, and 0 says for ever.
const MOST_DAYS: u32 = 36_500;

/// The `retention` section.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Retention {
    /// Days, UTC, that Events are kept; 0 for ever.
    pub days: u32,
    /// Days, UTC, that the tables have them; what is older is read from the archive. 0: as long as they are kept.
    pub table_days: u32,
    /// Of single clusters, by name or uid.
    pub clusters: BTreeMap<String, OfCluster>,
}

/// An entry of `retention.clusters`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OfCluster {
    /// Days, UTC, that its Events are kept; 0 for ever.
    pub days: u32,
    /// Days, UTC, that the tables have them; those of all clusters where it is missing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub table_days: Option<u32>,
}

impl Retention {
    /// # Errors
    /// When a value is not allowed.
    pub fn check(&self) -> Result<(), Failure> {
        let of_cluster = |(name, of): (&String, &OfCluster)| {
            let key = format!("retention.clusters.{name}");
            [(format!("{key}.days"), of.days), (format!("{key}.table_days"), of.table_days.unwrap_or_default())]
        };
        let of_all = [("retention.days".to_owned(), self.days), ("retention.table_days".to_owned(), self.table_days)];
        for (key, days) in of_all.into_iter().chain(self.clusters.iter().flat_map(of_cluster)) {
            if days > MOST_DAYS {
                let next = format!("use 0 (for ever) to {MOST_DAYS}");
                return Err(Failure::new(Code::Usage, format!("`{key}` is not valid: {days}"), next));
            }
        }
        Ok(())
    }

    /// The same for the projector.
    pub fn kept(&self) -> Kept {
        let in_tables = |(name, of): (&String, &OfCluster)| Some((name.clone(), of.table_days?));
        Kept {
            days: self.days,
            clusters: self.clusters.iter().map(|(name, of)| (name.clone(), of.days)).collect(),
            in_tables: self.table_days,
            clusters_in_tables: self.clusters.iter().filter_map(in_tables).collect(),
        }
    }

    /// Whether Events leave the tables before they leave the archive.
    pub fn has_cold(&self) -> bool {
        self.table_days > 0 || self.clusters.values().any(|of| of.table_days.is_some_and(|days| days > 0))
    }
}
