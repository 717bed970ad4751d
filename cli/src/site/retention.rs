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
    /// Of single clusters, by name or uid.
    pub clusters: BTreeMap<String, OfCluster>,
}

/// An entry of `retention.clusters`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OfCluster {
    /// Days, UTC, that its Events are kept; 0 for ever.
    pub days: u32,
}

impl Retention {
    /// # Errors
    /// When a value is not allowed.
    pub fn check(&self) -> Result<(), Failure> {
        let of_clusters = self.clusters.iter().map(|(name, of)| (format!("retention.clusters.{name}.days"), of.days));
        for (key, days) in [("retention.days".to_owned(), self.days)].into_iter().chain(of_clusters) {
            if days > MOST_DAYS {
                let next = format!("use 0 (for ever) to {MOST_DAYS}");
                return Err(Failure::new(Code::Usage, format!("`{key}` is not valid: {days}"), next));
            }
        }
        Ok(())
    }

    /// The same for the projector.
    pub fn kept(&self) -> Kept {
        Kept { days: self.days, clusters: self.clusters.iter().map(|(name, of)| (name.clone(), of.days)).collect() }
    }
}
