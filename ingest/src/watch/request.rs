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
/// After so many tries in a row that did not reach the server the way to it is read anew.
const UNREACHED: u32 = 5;

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
    /// No answer came: from which server, and what failed.
    #[error("no answer from {0}")]
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

    /// What people can do about it, whatever was asked: empty, or a clause that ends a sentence.
    pub(crate) fn advice(&self) -> &'static str {
        match self.code() {
            Some(401) => "; check the token, certificate or exec plugin of this cluster: the server does not know it",
            Some(_) | None => "",
        }
    }

    /// Whether the way to the server may be another one by now: another token, address or authority, written in place. A server
    /// that is merely away is not worth an exec plugin each time. `unreached` is how often in a row it was not reached.
    pub(crate) fn doubts_the_way(&self, unreached: &mut u32) -> bool {
        let reached = !matches!(self, Self::Connection(_));
        *unreached = if reached { 0 } else { unreached.saturating_add(1) };
        self.refusal() == Refusal::Unauthorized || (!reached && unreached.is_multiple_of(UNREACHED))
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
    /// Its URL, for what people are told.
    server: String,
}

impl Link {
    pub(crate) fn new(client: kube::Client, server: String) -> Self {
        Self { client, server }
    }

    fn no_answer(&self, why: impl std::fmt::Display) -> ApiError {
        ApiError::Connection(format!("{}: {why}", self.server))
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
        let reading = async {
            let answer = self.send(method, uri, body).await?.into_body();
            collect(answer, MOST_PAGE_BYTES, |error| self.no_answer(what_failed(error))).await
        };
        let late = |_| self.no_answer(format!("not within {} s", PAGE_TIMEOUT.as_secs()));
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
        let late = |_| self.no_answer(format!("not within {} s", ANSWER_TIMEOUT.as_secs()));
        let sent = tokio::time::timeout(ANSWER_TIMEOUT, self.client.send(request)).await.map_err(late)?;
        let response = sent.map_err(|error| self.no_answer(what_failed(&error)))?;
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
    let cut = |_: &_| ApiError::Answer(String::new());
    let reading = tokio::time::timeout(ANSWER_TIMEOUT, collect(response.into_body(), MOST_ERROR_BYTES, cut));
    // The status says enough where the words are cut off.
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

async fn collect(mut body: Body, most: usize, broken: impl Fn(&kube::Error) -> ApiError) -> Result<Bytes, ApiError> {
    let mut all = BytesMut::new();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| broken(&error))?;
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

/// What kept a request from its server, in words of people: the step that failed, and the innermost cause. Between them
/// lie five layers of libraries.
fn what_failed(error: &(dyn std::error::Error + 'static)) -> String {
    let layers = chain(error);
    let causes = std::iter::successors(Some(error), |error| error.source());
    let of_tls = causes.clone().any(|cause| cause.downcast_ref().is_some_and(is_handshake));
    let innermost = causes.last().unwrap_or(error);
    // The libraries keep their types to themselves: their words are what there is to tell the steps apart.
    let step = if layers.contains("dns error") {
        "its name is not found (DNS)"
    } else if of_tls {
        "TLS failed"
    } else if layers.contains("(Connect)") {
        "cannot connect"
    } else {
        return layers;
    };
    format!("{step}: {innermost}")
}

/// What is read while connecting is the handshake of TLS, and it was not understood or not believed.
fn is_handshake(error: &std::io::Error) -> bool {
    let wrapped = error.get_ref().and_then(|inner| inner.downcast_ref());
    error.kind() == std::io::ErrorKind::InvalidData || wrapped.is_some_and(is_handshake)
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

#[cfg(test)]
mod tests {
    use beidou_service::held_port::HeldPort;

    use super::*;

    async fn failure(url: &str) -> ApiError {
        let mut config = kube::Config::new(url.parse().unwrap());
        config.default_retry = false;
        let client = kube::Client::try_from(config).unwrap();
        Link::new(client, url.into()).read(Method::GET, "/api", None).await.unwrap_err()
    }

    #[tokio::test]
    async fn the_step_that_failed_is_named_with_the_server() {
        let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = silent.local_addr().unwrap().port();
        let speaks_plain = tokio::spawn(async move {
            let (mut stream, _) = silent.accept().await.unwrap();
            tokio::io::AsyncWriteExt::write_all(&mut stream, b"HTTP/1.1 400 Bad Request\r\n\r\n").await.unwrap();
        });
        // A port that is held, and nobody listens there.
        let held = HeldPort::any().unwrap();
        for (url, step) in [
            (format!("http://{}", held.address()), "cannot connect: Connection refused"),
            (format!("https://127.0.0.1:{port}"), "TLS failed: "),
        ] {
            let error = failure(&url).await;
            let told = error.to_string();
            assert!(told.starts_with(&format!("no answer from {url}: {step}")), "{told}");
            assert_eq!((error.code(), error.advice()), (None, ""), "an unreachable server lacks no right");
        }
        speaks_plain.await.unwrap();
    }

    /// As the libraries wrap it; asking a name server would leave this machine.
    #[test]
    fn a_name_that_is_not_found_is_told_from_a_refused_connection() {
        #[derive(Debug, thiserror::Error)]
        #[error("{0}")]
        struct Layer(&'static str, #[source] Option<Box<Layer>>);
        let layers = |texts: &[&'static str]| {
            texts.iter().rev().fold(None, |inner, text| Some(Box::new(Layer(text, inner)))).unwrap()
        };
        let name =
            layers(&["ServiceError: client error (Connect)", "dns error", "failed to lookup address information"]);
        assert_eq!(what_failed(&*name), "its name is not found (DNS): failed to lookup address information");
        // As a certificate that is not trusted arrives.
        let refused = std::io::Error::new(std::io::ErrorKind::InvalidData, "invalid peer certificate: UnknownIssuer");
        assert_eq!(what_failed(&refused), "TLS failed: invalid peer certificate: UnknownIssuer");
        let later = layers(&["ServiceError: client error (SendRequest)", "connection closed before message completed"]);
        assert!(what_failed(&*later).contains("SendRequest"), "an unknown failure keeps all its words");
    }

    #[test]
    fn only_an_unknown_caller_is_told_to_check_the_token() {
        let of = |code| ApiError::Status { code, message: "m".into(), wait: None };
        assert!(of(401).advice().contains("token"));
        assert_eq!((of(403).advice(), of(500).advice()), ("", ""));
    }

    #[test]
    fn a_server_that_is_not_reached_may_have_another_address_or_authority_by_now() {
        let of = |code| ApiError::Status { code, message: "m".into(), wait: None };
        let away = || ApiError::Connection("TLS failed".into());
        let doubts = |unreached: &mut u32, error: ApiError| error.doubts_the_way(unreached);
        let mut unreached = 0;
        let errors = [of(401), of(403), away(), of(500), ApiError::TooLarge(1)];
        assert_eq!(errors.map(|error| doubts(&mut unreached, error)), [true, true, false, false, false]);
        let tries = [(); 11].map(|()| doubts(&mut unreached, away()));
        let doubted: Vec<usize> = (1..).zip(tries).filter_map(|(number, doubts)| doubts.then_some(number)).collect();
        assert_eq!(doubted, [5, 10], "each try would run its exec plugin");
        assert!(!doubts(&mut unreached, of(500)));
        assert!([(); 4].iter().all(|()| !doubts(&mut unreached, away())), "it has answered between them");
    }
}
