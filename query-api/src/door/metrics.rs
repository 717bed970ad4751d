//! What the role counts.

use std::time::Duration;

use beidou_service::Metrics;
use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{counter::Counter, family::Family, gauge::Gauge, histogram::Histogram},
};

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Answer {
    route: String,
    status: u16,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Route {
    route: String,
}

/// The role's metrics. Clones share them.
#[derive(Debug, Clone)]
pub(crate) struct DoorMetrics {
    requests: Family<Answer, Counter>,
    seconds: Family<Route, Histogram, fn() -> Histogram>,
    /// Live tails now.
    pub tails: Gauge,
    /// Messages sent on live tails.
    pub tail_messages: Counter,
    /// Tails ended because their reader was too slow.
    pub tails_too_slow: Counter,
}

/// From a cached small answer to the time limit.
fn seconds() -> Histogram {
    Histogram::new([0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0])
}

impl DoorMetrics {
    pub(crate) fn register(metrics: &Metrics) -> Self {
        let new = Self {
            requests: Family::default(),
            seconds: Family::new_with_constructor(seconds as fn() -> Histogram),
            tails: Gauge::default(),
            tail_messages: Counter::default(),
            tails_too_slow: Counter::default(),
        };
        metrics.register("query_api", |registry| {
            registry.register("requests", "Requests answered", new.requests.clone());
            registry.register("request_seconds", "Time until the answer's head", new.seconds.clone());
            registry.register("tails", "Live tails", new.tails.clone());
            registry.register("tail_messages", "Messages sent on live tails", new.tail_messages.clone());
            registry.register(
                "tails_too_slow",
                "Tails ended because the reader was too slow",
                new.tails_too_slow.clone(),
            );
        });
        new
    }

    pub(super) fn answered(&self, route: &str, status: u16, took: Duration) {
        self.requests.get_or_create(&Answer { route: route.into(), status }).inc();
        self.seconds.get_or_create(&Route { route: route.into() }).observe(took.as_secs_f64());
    }
}
