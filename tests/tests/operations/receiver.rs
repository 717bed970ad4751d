//! Somebody on loopback who takes messages by HTTP: a ticket system, a chat.

use std::{
    path::Path,
    sync::{Arc, Mutex},
    time::{SystemTime, UNIX_EPOCH},
};

use axum::{
    Router,
    body::Bytes,
    extract::State,
    http::{HeaderMap, StatusCode, Uri},
};
use beidou_tests::{beidou::http, machines::LIMIT, wait};
use hmac::{Hmac, KeyInit, Mac};
use serde_json::Value;
use sha2::Sha256;
use tokio::{net::TcpListener, task::AbortHandle};

const SIGNATURE: &str = "x-beidou-signature";
const TIMESTAMP: &str = "x-beidou-timestamp";

/// A message that came.
#[derive(Debug, Clone)]
pub struct Message {
    pub path: String,
    pub headers: HeaderMap,
    pub text: String,
}

impl Message {
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap()
    }

    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).unwrap().to_str().unwrap()
    }

    /// Whether it is signed with this secret.
    pub fn is_signed(&self, secret: &str) -> bool {
        signature(secret, self.header(TIMESTAMP), &self.text) == self.header(SIGNATURE)
    }
}

type Messages = Arc<Mutex<Vec<Message>>>;

/// It listens until it is dropped.
pub struct Receiver {
    pub url: String,
    messages: Messages,
    server: AbortHandle,
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.server.abort();
    }
}

async fn take(State(messages): State<Messages>, uri: Uri, headers: HeaderMap, body: Bytes) -> StatusCode {
    let text = String::from_utf8(body.to_vec()).unwrap();
    messages.lock().unwrap().push(Message { path: uri.path().to_owned(), headers, text });
    StatusCode::OK
}

impl Receiver {
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let messages = Messages::default();
        let router = Router::new().fallback(take).with_state(Arc::clone(&messages));
        let server = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { url, messages, server: server.abort_handle() }
    }

    /// All that came so far.
    pub fn messages(&self) -> Vec<Message> {
        self.messages.lock().unwrap().clone()
    }

    /// The first message to this path that fits, once it is there.
    pub async fn one(&self, what: &str, path: &str, fits: impl Fn(&Message) -> bool) -> Message {
        let found = wait::until(what, LIMIT, async || {
            self.messages().into_iter().find(|message| message.path == path && fits(message))
        });
        found.await.unwrap_or_else(|overdue| panic!("{overdue}: {:?}", self.messages()))
    }
}

/// How both sides sign: when, and what. A work order is its body, an answer is its path and its body.
fn signature(secret: &str, seconds: &str, text: &str) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).unwrap();
    mac.update(format!("{seconds}.{text}").as_bytes());
    let digest = mac.finalize().into_bytes();
    format!("sha256={}", digest.iter().map(|byte| format!("{byte:02x}")).collect::<String>())
}

/// Seconds since 1970, so many ago.
pub fn seconds_ago(ago: u64) -> String {
    (SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs() - ago).to_string()
}

/// An answer of a ticket system: what it says, and the signature that goes with it.
#[derive(Debug, Clone)]
pub struct Answer {
    seconds: String,
    text: String,
    signature: String,
}

impl Answer {
    /// Signed for this address.
    pub fn to(url: &str, secret: &str, seconds: &str, said: &Value) -> Self {
        let (path, text) = (url.parse::<Uri>().unwrap().path().to_owned(), said.to_string());
        let signature = signature(secret, seconds, &format!("{path}.{text}"));
        Self { seconds: seconds.to_owned(), text, signature }
    }

    /// Sends it to any address.
    pub async fn send(&self, url: &str) -> u16 {
        let request = http().post(url).header(TIMESTAMP, &self.seconds).header(SIGNATURE, &self.signature);
        request.body(self.text.clone()).send().await.unwrap().status().as_u16()
    }
}

/// Sends words that nobody has signed.
pub async fn send_unsigned(url: &str, said: &Value) -> u16 {
    http().post(url).body(said.to_string()).send().await.unwrap().status().as_u16()
}

/// Writes a secret to a file that settings can name.
pub fn secret_file(folder: &Path, secret: &str) -> String {
    let path = folder.join("tickets.secret");
    std::fs::write(&path, format!("{secret}\n")).unwrap();
    path.display().to_string()
}
