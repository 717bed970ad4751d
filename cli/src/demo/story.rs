//! What is asked of the operations of a new demo, as people would ask: by the API.

use std::time::Duration;

use serde_json::{Value, json};
use uuid::Uuid;

use crate::contexts::Context;

/// Clusters and bundles are known to the controllers a moment after the start.
const ASK_EVERY: Duration = Duration::from_secs(1);
const MOST_TRIES: usize = 120;

/// Asks for each once. What is refused is left out: the demo is none the worse.
pub async fn tell(context: Context, seed: u64) {
    let http = reqwest::Client::new();
    for (number, (path, body)) in
        [("operations", scale_up()), ("tasks", task()), ("operations", cordon())].into_iter().enumerate()
    {
        // The same demo again asks for nothing new.
        let key = Uuid::from_u128((u128::from(seed) << 64) | (0xbe1d << 16) | number as u128);
        let mut answer = String::new();
        for _ in 0..MOST_TRIES {
            let request = http.post(format!("{}/api/v1/{path}", context.url)).bearer_auth(&context.token);
            match request.header("idempotency-key", key.to_string()).json(&body).send().await {
                Ok(response) if response.status().is_success() => {
                    answer.clear();
                    break;
                }
                Ok(response) => answer = response.text().await.unwrap_or_default(),
                Err(error) => answer = error.to_string(),
            }
            tokio::time::sleep(ASK_EVERY).await;
        }
        if !answer.is_empty() {
            tracing::warn!(path, answer, "an operation of the demo was not taken");
        }
    }
}

fn machines(network: &str, first: u8, count: u8, name: &str) -> Vec<Value> {
    let one = |at: u8| json!({name: format!("{network}.{}", first + at), "role": "Compute"});
    (0..count).map(one).collect()
}

/// A rack of new machines; some have no room, which holds it until somebody decides.
fn scale_up() -> Value {
    json!({"name": "beidou-system/scaleup-rack15", "spec": {
        "clusterName": "hz-prod-02",
        "operationType": "ScaleUp",
        "operationFlow": ["preCheck", "facts", "scaleUp", "postCheck"],
        "operationMachines": machines("10.33.15", 11, 40, "ip"),
        "batches": {"soakSeconds": 5},
    }})
}

/// A whole change, which waits for the approval of its work order.
fn task() -> Value {
    let steps = ["ScaleUpPreCheck", "ScaleUpWorkprocess", "ScaleUp", "UncordonNodes", "ScaleUpSubWorkprocess"];
    json!({"name": "beidou-system/scaleup-2024-q3", "spec": {
        "cluster": "sz-prod-01",
        "clusterType": "native",
        "operationIds": ["scale-up"],
        "operationTaskMachines": machines("10.34.9", 33, 4, "name"),
        "operationTaskStep": steps.map(|step| json!({"step": step})),
        "operationTaskType": "ScaleUp",
        "batches": {"soakSeconds": 5},
    }})
}

/// Two nodes before their firmware is renewed.
fn cordon() -> Value {
    json!({"name": "beidou-system/cordon-for-firmware", "spec": {
        "clusterName": "hz-prod-01",
        "operationType": "Cordon",
        "operationFlow": ["cordon"],
        "operationMachines": [{"ip": "10.32.0.21"}, {"ip": "10.32.0.22"}],
    }})
}

#[cfg(test)]
mod tests {
    use beidou_schemas::operation::{OperationSpec, TaskSpec};

    use super::*;

    #[test]
    fn they_are_specifications() {
        for body in [scale_up(), cordon()] {
            let spec: OperationSpec = serde_json::from_value(body["spec"].clone()).unwrap();
            assert!(!spec.operation_machines.is_empty());
        }
        let spec: TaskSpec = serde_json::from_value(task()["spec"].clone()).unwrap();
        assert_eq!(spec.operation_task_step.len(), 5);
    }
}
