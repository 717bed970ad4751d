//! Outgoing webhooks: work orders to ticket systems, signed both ways, and notes to people.
//!
//! A signature is `sha256=<HMAC-SHA256 of "<seconds>.<text>">` in `x-beidou-signature`; the seconds stand in
//! `x-beidou-timestamp`. One that is older than five minutes is not good any more. The text of a work order is its body,
//! which names task and step; that of a callback is `<path>.<body>`: what opened one gate opens no other.

use std::{
    collections::{HashMap, HashSet},
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use axum::http::HeaderMap;
use beidou_schemas::{
    Micros,
    operation::{Object, TaskId},
    time::SECOND,
};
use serde_json::Value;

use crate::{
    config,
    token::{Secret, hex, same, sign},
};

/// The header with the signature.
pub const SIGNATURE: &str = "x-beidou-signature";
/// The header with the time.
pub const TIMESTAMP: &str = "x-beidou-timestamp";
/// How far clocks may be apart, and how long a message may travel.
const GOOD_FOR: i64 = 300 * SECOND;
const ANSWER_LIMIT: Duration = Duration::from_secs(15);

/// A ticket system.
#[derive(Debug, Clone)]
pub(crate) struct Hook {
    pub name: String,
    pub url: String,
    pub secret: Secret,
}

impl Hook {
    pub(crate) fn read(config: &config::Webhook) -> Result<Self, std::io::Error> {
        let secret = std::fs::read_to_string(&config.secret_file)?.trim().to_owned();
        if secret.len() < 16 {
            let why = format!("{}: the secret is shorter than 16 bytes", config.secret_file.display());
            return Err(std::io::Error::new(std::io::ErrorKind::InvalidData, why));
        }
        Ok(Self { name: config.name.clone(), url: config.url.clone(), secret: Secret(secret) })
    }

    /// Tells it, signed.
    pub(crate) async fn send(&self, http: &reqwest::Client, body: &Value, now: Micros) -> Result<(), String> {
        let text = body.to_string();
        let seconds = (now.0 / SECOND).to_string();
        let signature = signature(&self.secret, &seconds, text.as_bytes());
        let request = http.post(&self.url).header(TIMESTAMP, seconds).header(SIGNATURE, signature);
        sent(request.header("content-type", "application/json").body(text)).await
    }
}

/// Where a gate is answered, behind the URL of the door.
pub(crate) fn answer_path(task: TaskId, step: u32) -> String {
    format!("/gate/v1/{task}/{step}")
}

/// A URL that holds a secret, and so stands in a file.
pub(crate) fn read_url(path: &std::path::Path) -> Result<String, std::io::Error> {
    let url = std::fs::read_to_string(path)?.trim().to_owned();
    if config::is_web(&url) {
        return Ok(url);
    }
    Err(std::io::Error::new(std::io::ErrorKind::InvalidData, "it holds no http:// or https:// URL"))
}

/// Incoming webhooks of chats, and which of them have a note that others did not take. After a restart it goes to all once more.
pub(crate) struct Notes {
    urls: Vec<String>,
    had: Mutex<HashMap<NoteId, HashSet<usize>>>,
}

/// Whose fact a note is about, and which.
pub(crate) type NoteId = (Object, u64);

impl Notes {
    pub(crate) fn new(urls: Vec<String>) -> Self {
        Self { urls, had: Mutex::default() }
    }

    fn had(&self) -> MutexGuard<'_, HashMap<NoteId, HashSet<usize>>> {
        self.had.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// To each that does not have it; the first that does not take it is the reason to try again.
    pub(crate) async fn tell(&self, http: &reqwest::Client, id: NoteId, text: &str) -> Result<(), String> {
        let had = self.had().get(&id).cloned().unwrap_or_default();
        let missing = (0..self.urls.len()).filter(|place| !had.contains(place));
        let sent = missing.map(|place| self.tell_one(http, id, place, text));
        futures::future::join_all(sent).await.into_iter().collect()
    }

    async fn tell_one(&self, http: &reqwest::Client, id: NoteId, place: usize, text: &str) -> Result<(), String> {
        note(http, &self.urls[place], text).await?;
        self.had().entry(id).or_default().insert(place);
        Ok(())
    }

    /// Forgets notes that nobody is to be told of any more.
    pub(crate) fn keep(&self, is_open: impl Fn(NoteId) -> bool) {
        self.had().retain(|id, _| is_open(*id));
    }
}

/// Tells people, as Slack's incoming webhooks take it.
async fn note(http: &reqwest::Client, url: &str, text: &str) -> Result<(), String> {
    let body = serde_json::json!({"text": text}).to_string();
    sent(http.post(url).header("content-type", "application/json").body(body)).await
}

async fn sent(request: reqwest::RequestBuilder) -> Result<(), String> {
    // The URL may hold a secret: it is in no message.
    let answer = request.timeout(ANSWER_LIMIT).send().await.map_err(|error| error.without_url().to_string())?;
    match answer.status() {
        status if status.is_success() => Ok(()),
        status => Err(format!("it answered {status}")),
    }
}

fn signature(secret: &Secret, seconds: &str, text: &[u8]) -> String {
    let text = [seconds.as_bytes(), b".", text].concat();
    format!("sha256={}", hex(&sign(secret.0.as_bytes(), &text)))
}

/// Whether whoever sent it knows the secret, and did so just now.
pub(crate) fn is_signed(secret: &Secret, headers: &HeaderMap, text: &[u8], now: Micros) -> bool {
    let header = |name| headers.get(name).and_then(|value| value.to_str().ok());
    let (Some(seconds), Some(sent)) = (header(TIMESTAMP), header(SIGNATURE)) else { return false };
    let fresh = seconds
        .parse::<i64>()
        .is_ok_and(|at| now.0.saturating_sub(at.saturating_mul(SECOND)).saturating_abs() <= GOOD_FOR);
    fresh && same(&signature(secret, seconds, text), sent)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use axum::{Router, extract::Path, http::StatusCode, routing::post};

    use super::*;

    #[tokio::test]
    async fn a_chat_that_does_not_take_a_note_repeats_it_to_no_other() {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let calls: Arc<Mutex<Vec<String>>> = Arc::default();
        let counted = Arc::clone(&calls);
        let taken = move |Path(name): Path<String>| {
            let mut calls = counted.lock().unwrap();
            let refuses = name == "busy" && !calls.contains(&name);
            calls.push(name);
            std::future::ready(if refuses { StatusCode::BAD_GATEWAY } else { StatusCode::OK })
        };
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let router = Router::new().route("/{name}", post(taken));
        let server = tokio::spawn(async move { axum::serve(listener, router).await });
        let notes = Notes::new(["good", "busy"].map(|name| format!("http://{address}/{name}")).into());
        let (http, id) = (reqwest::Client::new(), (Object::Board, 1));
        let refused = notes.tell(&http, id, "once").await.unwrap_err();
        assert!(refused.contains("502"), "{refused}");
        notes.keep(|_| true);
        notes.tell(&http, id, "once").await.unwrap();
        let told = || {
            let mut calls = std::mem::take(&mut *calls.lock().unwrap());
            calls.sort();
            calls
        };
        assert_eq!(told(), ["busy", "busy", "good"]);
        notes.keep(|_| false);
        notes.tell(&http, id, "another").await.unwrap_err();
        assert_eq!(told(), ["busy", "good"], "nothing is left of what was told");
        server.abort();
    }

    #[test]
    fn a_file_with_a_url_holds_nothing_else() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), "https://chat.example.org/hook\n").unwrap();
        assert_eq!(read_url(file.path()).unwrap(), "https://chat.example.org/hook");
        std::fs::write(file.path(), "chat.example.org").unwrap();
        let error = read_url(file.path()).unwrap_err().to_string();
        assert!(error.contains("https://") && !error.contains("chat"), "{error}");
    }

    #[test]
    fn only_a_fresh_message_of_who_knows_the_secret_is_good() {
        let (secret, now) = (Secret("sixteen bytes of it".into()), Micros(1_795_444_800 * SECOND));
        let headers = |seconds: &str, body: &[u8], secret: &Secret| {
            let mut headers = HeaderMap::new();
            headers.insert(TIMESTAMP, seconds.parse().unwrap());
            headers.insert(SIGNATURE, signature(secret, seconds, body).parse().unwrap());
            headers
        };
        let (body, seconds) = (&b"{\"open\":true}"[..], "1795444800");
        assert!(is_signed(&secret, &headers(seconds, body, &secret), body, now));
        assert!(!is_signed(&secret, &headers(seconds, body, &secret), b"{\"open\":false}", now), "another body");
        assert!(!is_signed(&secret, &headers(seconds, body, &Secret("another".into())), body, now), "another secret");
        assert!(!is_signed(&secret, &headers("1795444000", body, &secret), body, now), "too old");
        let never = i64::MIN.to_string();
        assert!(!is_signed(&secret, &headers(never.as_str(), body, &secret), body, now), "of no time at all");
        assert!(!is_signed(&secret, &HeaderMap::new(), body, now), "unsigned");
        let answer = |step| {
            let path = answer_path(TaskId(uuid::Uuid::from_u128(9)), step);
            [path.as_bytes(), b".", body].concat()
        };
        assert!(is_signed(&secret, &headers(seconds, &answer(1), &secret), &answer(1), now));
        assert!(!is_signed(&secret, &headers(seconds, &answer(1), &secret), &answer(4), now), "of another gate");
    }
}
