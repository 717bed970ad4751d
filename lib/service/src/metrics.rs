//! The registry of this process's metrics, shared by all roles that run in it.
//!
//! Names begin with `beidou_` and the role; units last (`_seconds`, `_bytes`). Labels name clusters, topics and
//! partitions, never nodes, pods or Events: their number must stay small.

use std::sync::{Arc, Mutex, PoisonError};

use prometheus_client::{encoding::text::encode, registry::Registry};

/// The content type of [`Metrics::encode`] (OpenMetrics 1.0).
pub const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// A registry with the prefix `beidou`. Clones share it.
#[derive(Debug, Clone)]
pub struct Metrics(Arc<Mutex<Registry>>);

impl Default for Metrics {
    fn default() -> Self {
        Self(Arc::new(Mutex::new(Registry::with_prefix("beidou"))))
    }
}

impl Metrics {
    /// Registers metrics below `role`: a counter `rows` of the role `projector` is called `beidou_projector_rows_total`.
    pub fn register(&self, role: &str, register: impl FnOnce(&mut Registry)) {
        register(self.0.lock().unwrap_or_else(PoisonError::into_inner).sub_registry_with_prefix(role));
    }

    /// All metrics as OpenMetrics text.
    pub fn encode(&self) -> String {
        let mut text = String::new();
        let registry = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // Writing to a String cannot fail; a faulty collector could, and then what it wrote so far is the answer.
        if encode(&mut text, &registry).is_err() {
            tracing::error!("a metric could not be encoded");
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use prometheus_client::metrics::counter::Counter;

    use super::*;

    #[test]
    fn names_carry_prefix_and_role() {
        let (metrics, rows) = (Metrics::default(), Counter::<u64>::default());
        metrics.clone().register("projector", |registry| registry.register("rows", "Rows committed", rows.clone()));
        rows.inc_by(3);
        let text = metrics.encode();
        assert!(text.contains("beidou_projector_rows_total 3\n") && text.ends_with("# EOF\n"), "{text}");
    }
}
