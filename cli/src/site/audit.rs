//! The `audit` section: when log, table and archive are compared without anybody asking.

use std::time::Duration;

use beidou_projector::audit::{AuditConfig, AuditMetrics};
use serde::{Deserialize, Serialize};

use crate::exit::{Code, Failure};

/// A week: one that is rarer is a slip of a digit.
const MOST_SECONDS: u64 = 7 * 86_400;

/// The `audit` section.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Audit {
    /// So long after the last one; 0: never.
    pub every_seconds: u64,
    /// Also when the projector has started.
    pub at_start: bool,
}

impl Default for Audit {
    fn default() -> Self {
        Self { every_seconds: 3600, at_start: true }
    }
}

impl Audit {
    /// # Errors
    /// When a value is not allowed.
    pub fn check(&self) -> Result<(), Failure> {
        if self.every_seconds > MOST_SECONDS {
            let text = format!("`audit.every_seconds` is not valid: {}", self.every_seconds);
            return Err(Failure::new(Code::Usage, text, format!("use 0 to {MOST_SECONDS}; 0 is never")));
        }
        Ok(())
    }

    /// What the projector is told.
    pub fn config(&self, metrics: AuditMetrics) -> AuditConfig {
        let every = (self.every_seconds > 0).then(|| Duration::from_secs(self.every_seconds));
        AuditConfig { every, at_start: self.at_start, metrics }
    }
}
