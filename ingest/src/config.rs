//! The settings of ingest, apart from its clusters.

use std::time::Duration;

use beidou_model::watch::{CompareSettings, Settings};
use beidou_schemas::time::SECOND;
use serde::{Deserialize, Serialize};

use crate::error::IngestError;

/// Beyond its timeout a watch may stay open for this long before it counts as silent.
const WATCH_GRACE: Duration = Duration::from_secs(30);
/// A watch that has not shown what a list shows after so many heartbeats is not judged: it is silent, or lags.
const SILENT_HEARTBEATS: i64 = 3;

/// The settings of ingest. The defaults fit a cluster with Kubernetes' defaults.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct IngestConfig {
    /// Names this collector: part of the heartbeat object's name. Two collectors of one cluster need two names.
    pub collector: String,
    /// How old the proof of completeness may become; a heartbeat is written at half of it.
    pub heartbeat_ms: u64,
    /// The namespace of the heartbeat Event.
    pub heartbeat_namespace: String,
    /// How long Events live in the clusters (`--event-ttl` of the API server).
    pub event_ttl_ms: u64,
    /// The timeout of a watch. It is shortened by up to a twentieth at random, so that watches do not end together.
    pub watch_timeout_ms: u64,
    /// Items in a page of a list.
    pub page_size: u32,
    /// The longest wait between two tries.
    pub longest_wait_ms: u64,
    /// How often a list beside the watch is compared with what the watch brought; 0 for never.
    pub compare_every_seconds: u64,
}

impl Default for IngestConfig {
    fn default() -> Self {
        Self {
            collector: "beidou".into(),
            heartbeat_ms: 30_000,
            heartbeat_namespace: "default".into(),
            event_ttl_ms: 3_600_000,
            // Below five minutes, after which many proxies and the API server itself cut a watch.
            watch_timeout_ms: 295_000,
            page_size: 500,
            longest_wait_ms: 30_000,
            compare_every_seconds: 600,
        }
    }
}

impl IngestConfig {
    /// Checks what the types do not say.
    ///
    /// # Errors
    /// When a value would make ingest useless, with the range that is allowed.
    pub fn validate(&self) -> Result<(), IngestError> {
        let name = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        let named = |text: &str| !text.is_empty() && text.len() <= 63 && text.chars().all(name);
        let bad = |key, allowed| Err(IngestError::Config { key, allowed });
        if !named(&self.collector) {
            return bad("collector", "1 to 63 of a-z, 0-9 and -");
        }
        if !named(&self.heartbeat_namespace) {
            return bad("heartbeat_namespace", "the name of a namespace");
        }
        if !(100..=600_000).contains(&self.heartbeat_ms) {
            return bad("heartbeat_ms", "100 to 600000");
        }
        if !(1000..=3_600_000).contains(&self.watch_timeout_ms) {
            return bad("watch_timeout_ms", "1000 to 3600000");
        }
        if !(1..=10_000).contains(&self.page_size) {
            return bad("page_size", "1 to 10000");
        }
        if self.compare_every_seconds > 86_400 {
            return bad("compare_every_seconds", "1 to 86400, or 0 for never");
        }
        Ok(())
    }

    pub(crate) fn compare_settings(&self) -> CompareSettings {
        let heartbeat = self.chain_settings().heartbeat;
        let every = i64::try_from(self.compare_every_seconds).unwrap_or(0).saturating_mul(SECOND);
        CompareSettings { every, patience: SILENT_HEARTBEATS * heartbeat }
    }

    pub(crate) fn chain_settings(&self) -> Settings {
        let micros = |ms: u64| i64::try_from(ms).unwrap_or(i64::MAX / 1000).saturating_mul(1000);
        let grace = WATCH_GRACE.as_millis() as u64;
        Settings {
            heartbeat: micros(self.heartbeat_ms),
            event_ttl: micros(self.event_ttl_ms),
            longest_watch: micros(self.watch_timeout_ms.saturating_add(grace)),
            longest_wait: micros(self.longest_wait_ms),
            ..Settings::default()
        }
    }
}
