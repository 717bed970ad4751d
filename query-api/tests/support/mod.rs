//! What the tests share: a server on a free port, a client that sees status and JSON, and Events for the log.

#![allow(dead_code, clippy::unwrap_used, missing_docs, reason = "test code, of which each binary uses its part")]

#[path = "../../../lib/store/tests/support/engine.rs"]
pub mod engine;
pub mod events;
pub mod operations;
pub mod sse;
pub mod wait;

use std::sync::Arc;

use beidou_log::{Log, memory::MemoryLog};
use beidou_query_api::{QueryApiConfig, ServeError, TokenConfig, bind, serve};
use beidou_schemas::{Topic, ledger};
use beidou_service::{CancellationToken, Metrics, Readiness};
use beidou_store::Store;
use serde_json::Value;
use tokio::task::JoinHandle;

pub const PARTITIONS: u32 = 2;
pub const TOKEN: &str = "a-token-for-tests-1";

/// A log with the topics that the role reads; offsets have holes.
pub fn log() -> Arc<MemoryLog> {
    MemoryLog::with_holes([
        (Topic::KubeEvent, PARTITIONS),
        (Topic::Ledger, ledger::partitions(PARTITIONS)),
        (Topic::Maintenance, 2),
        (Topic::OperationCommand, 2),
        (Topic::Operation, 1),
        (Topic::OperationTask, 1),
        (Topic::OperationDraft, 1),
    ])
}

pub fn config() -> QueryApiConfig {
    let token = TokenConfig { subject: "tester".into(), token: Some(TOKEN.into()), ..TokenConfig::default() };
    // Tests ask at once for what they have just inserted.
    QueryApiConfig {
        listen: ([127, 0, 0, 1], 0).into(),
        tokens: vec![token],
        coverage_age_ms: 0,
        ..QueryApiConfig::default()
    }
}

/// A running role.
pub struct Api {
    pub url: String,
    pub readiness: Readiness,
    pub stop: CancellationToken,
    pub client: reqwest::Client,
    pub serving: JoinHandle<Result<(), ServeError>>,
}

impl Drop for Api {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

pub async fn start(config: QueryApiConfig, log: Arc<impl Log>, store: Store) -> Api {
    let bound = bind(config).await.unwrap();
    let (url, readiness, stop) = (bound.url(), Readiness::default(), CancellationToken::new());
    let log: Arc<dyn Log> = log;
    let serving = tokio::spawn(serve(bound, log, store, Metrics::default(), readiness.clone(), stop.clone()));
    Api { url, readiness, stop, client: client(), serving }
}

/// A role whose store is not there.
pub async fn without_store(log: Arc<MemoryLog>) -> Api {
    start(config(), log, Store::embedded(std::path::Path::new("/nowhere"))).await
}

pub fn client() -> reqwest::Client {
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::builder().no_proxy().build().unwrap()
}

pub struct Answer {
    pub status: u16,
    pub headers: reqwest::header::HeaderMap,
    pub text: String,
}

impl Answer {
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error}: {}", self.text))
    }

    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }
}

impl Api {
    pub fn request(&self, path: &str) -> reqwest::RequestBuilder {
        self.client.get(format!("{}{path}", self.url)).bearer_auth(TOKEN)
    }

    pub async fn get(&self, path: &str) -> Answer {
        answer(self.request(path)).await
    }

    pub async fn bare(&self, path: &str) -> Answer {
        answer(self.client.get(format!("{}{path}", self.url))).await
    }

    /// A list that must succeed.
    pub async fn list(&self, path: &str) -> Value {
        let answer = self.get(path).await;
        assert_eq!(answer.status, 200, "{path}: {}", answer.text);
        assert!(answer.text.len() <= 1_000_000, "{path} has {} bytes", answer.text.len());
        answer.json()
    }

    /// The texts of one field over all pages of a list.
    pub async fn all(&self, path: &str, field: &str) -> Vec<String> {
        let (mut found, mut cursor) = (Vec::new(), String::new());
        loop {
            let page = self.list(&format!("{path}{cursor}")).await;
            found.extend(texts(&page, field));
            match page["next"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => return found,
            }
        }
    }
}

pub fn texts(list: &Value, field: &str) -> Vec<String> {
    list["items"].as_array().unwrap().iter().map(|item| item[field].as_str().unwrap().to_owned()).collect()
}

pub async fn answer(request: reqwest::RequestBuilder) -> Answer {
    let response = request.send().await.unwrap();
    let (status, headers) = (response.status().as_u16(), response.headers().clone());
    Answer { status, headers, text: response.text().await.unwrap() }
}
