//! Requests to one API server: watch, list, and whatever else a JSON answer is read from. Every answer is bounded.

use std::time::Duration;

use beidou_model::watch::Refusal;
use bytes::{Bytes, BytesMut};
use http::{Method, Request, Response, StatusCode, header};
use http_body_util::BodyExt;
use kube::client::Body;
use serde::Deserialize;

/// A server that does not begin to answer within this is asked again: twice the longest pause of a healthy one
/// (a leader election of etcd).
const ANSWER_TIMEOUT: Duration = Duration::from_secs(20);
/// A page of 500 Events is half a megabyte; on the slowest link worth using it takes less than this.
const PAGE_TIMEOUT: Duration = Duration::from_secs(120);
/// The largest page read. A larger one is asked for with fewer items.
const MOST_PAGE_BYTES: usize = 64 << 20;
/// Of an error's body so much is read.
const MOST_ERROR_BYTES: usize = 64 << 10;
/// Of an error's text so much is kept.
const MOST_ERROR_CHARS: usize = 400;

/// A request that was not answered as it should be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ApiError {
    /// The server refused.
    #[error("{code}: {message}")]
    Status {
        /// The HTTP status.
        code: u16,
        /// The server's words.
        message: String,
        /// `Retry-After`.
        wait: Option<Duration>,
    },
    /// No answer came.
    #[error("no answer: {0}")]
    Connection(String),
    /// The answer is larger than any that is read.
    #[error("the answer has more than {0} bytes")]
    TooLarge(usize),
    /// The answer is not what was asked for.
    #[error("{0}")]
    Answer(String),
}

impl ApiError {
    pub(crate) fn code(&self) -> Option<u16> {
        match self {
            Self::Status { code, .. } => Some(*code),
            Self::Connection(_) | Self::TooLarge(_) | Self::Answer(_) => None,
        }
    }

    /// What it means for the chain.
    pub(crate) fn refusal(&self) -> Refusal {
        match self {
            Self::Status { code: 410, .. } => Refusal::Expired,
            Self::Status { code: 401 | 403, .. } => Refusal::Unauthorized,
            Self::Status { code: 429 | 503, wait: Some(wait), .. } => {
                Refusal::Busy { wait: i64::try_from(wait.as_micros()).unwrap_or(i64::MAX) }
            }
            Self::Status { .. } | Self::Connection(_) | Self::TooLarge(_) | Self::Answer(_) => Refusal::Failed,
        }
    }
}

/// The connection to one API server.
#[derive(Clone)]
pub(crate) struct Link {
    client: kube::Client,
}

impl Link {
    pub(crate) fn new(client: kube::Client) -> Self {
        Self { client }
    }

    /// Opens a watch; the body is the stream of frames.
    pub(crate) async fn watch(&self, from: u64, timeout: Duration) -> Result<Body, ApiError> {
        let seconds = timeout.as_secs().max(1);
        let uri =
            format!("/api/v1/events?watch=1&allowWatchBookmarks=true&resourceVersion={from}&timeoutSeconds={seconds}");
        Ok(self.send(Method::GET, &uri, None).await?.into_body())
    }

    /// Reads one page of the list.
    pub(crate) async fn list(&self, limit: u32, token: Option<&str>) -> Result<Bytes, ApiError> {
        let mut uri = format!("/api/v1/events?limit={limit}");
        if let Some(token) = token {
            uri.push_str("&continue=");
            escape(token, &mut uri);
        }
        self.read(Method::GET, &uri, None).await
    }

    /// Sends a request and reads its whole answer.
    pub(crate) async fn read(&self, method: Method, uri: &str, body: Option<Content>) -> Result<Bytes, ApiError> {
        let reading = async { collect(self.send(method, uri, body).await?.into_body(), MOST_PAGE_BYTES).await };
        let late = |_| ApiError::Connection(format!("not within {} s", PAGE_TIMEOUT.as_secs()));
        tokio::time::timeout(PAGE_TIMEOUT, reading).await.map_err(late)?
    }

    async fn send(&self, method: Method, uri: &str, body: Option<Content>) -> Result<Response<Body>, ApiError> {
        let mut request = Request::builder().method(method).uri(uri);
        // Newer API servers compress each frame by itself, which no one-member decoder reads: plain frames, please.
        request = request.header(header::ACCEPT, "application/json").header(header::ACCEPT_ENCODING, "identity");
        let body = match body {
            Some(content) => {
                request = request.header(header::CONTENT_TYPE, content.kind);
                Body::from(content.json)
            }
            None => Body::empty(),
        };
        let request = request.body(body).map_err(|error| ApiError::Answer(error.to_string()))?;
        let late = |_| ApiError::Connection(format!("not within {} s", ANSWER_TIMEOUT.as_secs()));
        let sent = tokio::time::timeout(ANSWER_TIMEOUT, self.client.send(request)).await.map_err(late)?;
        let response = sent.map_err(|error| ApiError::Connection(chain(&error)))?;
        if response.status() == StatusCode::OK || response.status() == StatusCode::CREATED {
            return Ok(response);
        }
        Err(refused(response).await)
    }
}

/// A request's JSON body.
pub(crate) struct Content {
    pub(crate) kind: &'static str,
    pub(crate) json: Vec<u8>,
}

async fn refused(response: Response<Body>) -> ApiError {
    #[derive(Deserialize)]
    struct Status {
        message: String,
    }
    let code = response.status().as_u16();
    let wait = response.headers().get(header::RETRY_AFTER).and_then(|value| value.to_str().ok()?.parse().ok());
    let reading = tokio::time::timeout(ANSWER_TIMEOUT, collect(response.into_body(), MOST_ERROR_BYTES));
    let body = reading.await.unwrap_or(Ok(Bytes::new())).unwrap_or_default();
    let message = match serde_json::from_slice::<Status>(&body) {
        Ok(status) => status.message,
        Err(_) => String::from_utf8_lossy(&body).into_owned(),
    };
    ApiError::Status {
        code,
        message: message.chars().take(MOST_ERROR_CHARS).collect(),
        wait: wait.map(Duration::from_secs),
    }
}

async fn collect(mut body: Body, most: usize) -> Result<Bytes, ApiError> {
    let mut all = BytesMut::new();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| ApiError::Connection(chain(&error)))?;
        if let Some(data) = frame.data_ref() {
            if all.len() + data.len() > most {
                return Err(ApiError::TooLarge(most));
            }
            all.extend_from_slice(data);
        }
    }
    Ok(all.freeze())
}

/// An error with all its causes in one line: this is text for a status, where no chain can be shown.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let more = error.to_string();
        if !text.contains(&more) {
            text.push_str(": ");
            text.push_str(&more);
        }
        cause = error.source();
    }
    text
}

/// Percent-encodes a query value.
fn escape(value: &str, into: &mut String) {
    for byte in value.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~') {
            into.push(char::from(byte));
        } else {
            into.push_str(&format!("%{byte:02X}"));
        }
    }
}
