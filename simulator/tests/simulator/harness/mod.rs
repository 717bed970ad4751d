//! A simulated server on a virtual clock, and a client that reads lists and watches from it over real HTTP.
// Each test file takes its part of this, and to panic is what a test does.
#![allow(dead_code, clippy::unwrap_used)]

use std::time::Duration;

use beidou_simulator::generate::EventStream;
use beidou_simulator::{ApiServer, Clock, EventRecord, Fleet, Ledger, ServerOptions};
use futures::StreamExt;
use futures::stream::BoxStream;
use reqwest::{Client, Method, RequestBuilder, Response};
use serde_json::{Value, json};

/// Whatever a test waits for comes at once; this only turns a hang into a failure.
const PATIENCE: Duration = Duration::from_secs(120);
/// 2026-11-23T06:26:00Z.
pub const NOW_US: i64 = 1_795_415_160_000_000;
pub const EVENTS: &str = "/api/v1/events";
pub const IN_BEIDOU: &str = "/api/v1/namespaces/beidou/events";

pub struct Harness {
    pub server: ApiServer,
    pub clock: Clock,
    pub client: Client,
    events: EventStream,
}

impl Harness {
    pub async fn start() -> Self {
        Self::start_with(|_| {}).await
    }

    pub async fn start_with(change: impl FnOnce(&mut ServerOptions)) -> Self {
        let fleet = Fleet::new(7, 1, 10);
        let clock = Clock::virtual_at(NOW_US);
        let mut options =
            ServerOptions { clock: clock.clone(), ..ServerOptions::new(fleet.clusters[0].clone(), Ledger::default()) };
        change(&mut options);
        let server = ApiServer::start(options).await.unwrap();
        let events = EventStream::new(7, fleet.clusters[0].clone(), NOW_US, 50.0, i64::MAX);
        // The workspace builds reqwest without a default TLS provider; installing one twice is harmless.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = Client::builder().user_agent("collector").build().unwrap();
        Self { server, clock, client, events }
    }

    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.client.request(method, format!("{}{path}", self.server.url())).bearer_auth(self.server.token())
    }

    pub async fn get(&self, path: &str) -> (u16, Value) {
        answer(self.request(Method::GET, path).send().await.unwrap()).await
    }

    pub async fn send(&self, method: Method, path: &str, kind: &str, body: &Value) -> (u16, Value) {
        let request = self.request(method, path).header("content-type", kind).body(body.to_string());
        answer(request.send().await.unwrap()).await
    }

    pub async fn watch_with(&self, query: &str) -> Response {
        self.request(Method::GET, &format!("{EVENTS}?watch=1&{query}")).send().await.unwrap()
    }

    pub async fn watch(&self, from: u64) -> Frames {
        let response = self.watch_with(&format!("resourceVersion={from}&timeoutSeconds=600")).await;
        assert_eq!(response.status(), 200);
        Frames::of(response)
    }

    pub fn version(&self) -> u64 {
        self.server.position().1
    }

    /// Reports the next generated states; answers their resourceVersions.
    pub fn emit(&mut self, states: usize) -> Vec<u64> {
        (0..states)
            .map(|_| {
                let (_, by, record) = self.events.next_occurrence();
                record.occur(self.clock.now_us(), by);
                self.server.report(record)
            })
            .collect()
    }

    /// One generated Event, to be reported again and again.
    pub fn record(&mut self) -> EventRecord {
        self.events.next_occurrence().2.clone()
    }

    pub fn report(&self, record: &mut EventRecord) -> u64 {
        record.occur(self.clock.now_us(), 1);
        self.server.report(record)
    }

    /// Lists page by page; answers the snapshot and all items.
    pub async fn list(&self, limit: usize) -> (u64, Vec<Value>) {
        let (mut items, mut token) = (Vec::new(), String::new());
        loop {
            let (code, page) = self.get(&format!("{EVENTS}?limit={limit}&continue={token}")).await;
            assert_eq!(code, 200, "{page}");
            items.extend(page["items"].as_array().unwrap().iter().cloned());
            match page["metadata"]["continue"].as_str() {
                Some(next) => next.clone_into(&mut token),
                None => return (number(&page["metadata"]["resourceVersion"]), items),
            }
        }
    }
}

async fn answer(response: Response) -> (u16, Value) {
    let code = response.status().as_u16();
    let text = response.text().await.unwrap();
    let value = serde_json::from_str(&text).unwrap_or(Value::String(text));
    (code, value)
}

/// Waits until the condition holds.
pub async fn until(condition: impl Fn() -> bool) {
    let waiting = async {
        while !condition() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(PATIENCE, waiting).await.expect("the condition never holds");
}

/// A minimal Event for the namespace `beidou`.
pub fn heartbeat(name: &str) -> Value {
    json!({
        "kind": "Event", "apiVersion": "v1",
        "metadata": { "name": name, "namespace": "beidou" },
        "involvedObject": { "kind": "Namespace", "name": "beidou", "namespace": "beidou" },
        "reason": "Heartbeat", "message": "alive", "type": "Normal", "count": 1,
    })
}

pub fn number(value: &Value) -> u64 {
    value.as_str().unwrap_or_else(|| panic!("not a number in a string: {value}")).parse().unwrap()
}

/// Frames of a watch.
pub struct Frames {
    body: BoxStream<'static, reqwest::Result<bytes::Bytes>>,
    buffer: Vec<u8>,
}

/// What comes next from a watch.
#[derive(Debug)]
pub enum Next {
    Line(Vec<u8>),
    /// A clean end, with the bytes of an unfinished line.
    End(Vec<u8>),
    /// A broken connection, with the bytes of an unfinished line.
    Broken(Vec<u8>),
}

impl Frames {
    pub fn of(response: Response) -> Self {
        Self { body: response.bytes_stream().boxed(), buffer: Vec::new() }
    }

    pub async fn next(&mut self) -> Next {
        loop {
            if let Some(at) = self.buffer.iter().position(|byte| *byte == b'\n') {
                let rest = self.buffer.split_off(at + 1);
                return Next::Line(std::mem::replace(&mut self.buffer, rest));
            }
            match tokio::time::timeout(PATIENCE, self.body.next()).await.expect("the watch hangs") {
                Some(Ok(bytes)) => self.buffer.extend_from_slice(&bytes),
                Some(Err(_)) => return Next::Broken(std::mem::take(&mut self.buffer)),
                None => return Next::End(std::mem::take(&mut self.buffer)),
            }
        }
    }

    pub async fn frame(&mut self) -> Value {
        match self.next().await {
            Next::Line(line) => serde_json::from_slice(&line).unwrap(),
            other => panic!("no frame but {other:?}"),
        }
    }

    /// resourceVersions of the next frames.
    pub async fn versions(&mut self, frames: usize) -> Vec<u64> {
        let mut versions = Vec::new();
        for _ in 0..frames {
            versions.push(number(&self.frame().await["object"]["metadata"]["resourceVersion"]));
        }
        versions
    }
}
