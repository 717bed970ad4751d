//! How soon a whole site finds what was written at an API server, beside a steady thousand Events a second: the log in Kafka
//! beside the log in files.

use beidou_tests::kafka::Broker;
use serde_json::json;

use crate::{fresh::found, report::Report};

/// Measures both, one after the other.
pub(super) async fn measure(broker: &Broker, report: &mut Report) -> anyhow::Result<()> {
    let files = found(json!({})).await?;
    let brokers = json!({"brokers": [broker.address()], "prefix": "lag.", "replicas": 1});
    let kafka = found(json!({"log": {"kafka": brokers}})).await?;
    let beside = format!(
        "log in files {:.0} / {:.0}: {:.2} / {:.2} times; {}",
        files.p50,
        files.p99,
        kafka.p50 / files.p50,
        kafka.p99 / files.p99,
        kafka.beside
    );
    let value = format!("{:.0} / {:.0} ms", kafka.p50, kafka.p99);
    report.row("written at the API server → found by the API, log in Kafka, p50 / p99", value, beside);
    Ok(())
}
