//! One request: sent with the token, tried again where the server says so, refused in words that say what to do.

mod hints;

use std::{error::Error, time::Duration};

use reqwest::{Method, Response, StatusCode, header};
use serde::{Deserialize, de::DeserializeOwned};
use uuid::Uuid;

use super::caret::caret;
use crate::{
    contexts::{Target, Writer},
    exit::{Code, Failure},
};

/// Time for a connection: a loopback or a site's network answers in far less.
const CONNECT: Duration = Duration::from_secs(5);
/// Time for an answer: above the server's own limit for a query (10 s) and its grace.
const ANSWER: Duration = Duration::from_secs(30);
/// The same for SQL, which has twice the time there, and may wait for its turn.
const ANSWER_TO_CALL: Duration = Duration::from_secs(60);
/// A server that starts or restarts its engine says 503; so often it is asked again.
const TRIES: u32 = 4;
/// The pause before a command is sent again to which no answer came.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
/// Longest pause between two tries, whatever the server says.
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// Fields that hold a statement.
const STATEMENTS: [&str; 2] = ["query", "sql"];

/// Name and value of a query parameter.
pub type Parameter = (&'static str, String);

/// The way to one server.
#[derive(Debug)]
pub struct Http {
    client: reqwest::Client,
    url: String,
    token: Option<String>,
    writer: Option<Writer>,
}

/// Problem details (RFC 9457), as far as they are shown.
#[derive(Debug, Default, Deserialize)]
struct Problem {
    #[serde(default, rename = "type")]
    problem_type: String,
    #[serde(default)]
    title: String,
    #[serde(default)]
    detail: String,
    #[serde(default)]
    parameter: Option<BadParameter>,
}

/// The parameter that a problem is about, as far as it is shown.
#[derive(Debug, Deserialize)]
struct BadParameter {
    name: String,
    #[serde(default)]
    line: Option<BadLine>,
}

/// Where a query line or a statement is wrong.
#[derive(Debug, Deserialize)]
struct BadLine {
    character: usize,
    #[serde(default)]
    found: String,
}

impl BadLine {
    /// The place, if one is known: what concerns the whole, as an empty text does, has none.
    fn place(&self) -> Option<usize> {
        (self.character > 0 || !self.found.is_empty()).then_some(self.character)
    }
}

impl Problem {
    /// The last part of its type.
    fn kind(&self) -> &str {
        self.problem_type.rsplit('/').next().unwrap_or_default()
    }

    /// The words of the server; below a query line the place that they are about.
    fn said(self, status: StatusCode, query: &[Parameter]) -> String {
        let said = match (self.detail.is_empty(), self.title.is_empty()) {
            (false, _) => self.detail,
            (true, false) => self.title,
            (true, true) => format!("HTTP {status}"),
        };
        let of = self.parameter.and_then(|parameter| Some((parameter.name, parameter.line?.place()?)));
        let sent = |name: &str| query.iter().find(|(own, _)| *own == name).map(|(_, value)| value.as_str());
        match of.and_then(|(name, character)| Some((sent(&name)?, character))) {
            Some((line, character)) => format!("{said}\n{}", caret(line, character)),
            None => said,
        }
    }
}

impl Http {
    /// A way to the server.
    ///
    /// # Errors
    /// When its URL is none.
    pub fn new(target: Target) -> Result<Self, Failure> {
        let no_url = |next: &str| Failure::new(Code::Usage, format!("{:?} is no URL", target.url), next);
        let url = reqwest::Url::parse(&target.url).map_err(|error| no_url("write http://host:port").because(error))?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err(no_url("write http://host:port or https://host:port"));
        }
        let mut builder = reqwest::Client::builder().connect_timeout(CONNECT);
        if is_loopback(&url) {
            builder = builder.no_proxy();
        }
        let client = builder.build().map_err(|error| no_url("check the TLS setup of this machine").because(error))?;
        Ok(Self { client, url: target.url, token: target.token, writer: target.writer })
    }

    /// An answer as JSON.
    ///
    /// # Errors
    /// When the server cannot be reached, refuses, or is not Beidou's.
    pub async fn get<T: DeserializeOwned>(&self, path: &str, query: &[Parameter]) -> Result<T, Failure> {
        let mut tried = 1;
        loop {
            let response =
                self.request(path, query).timeout(ANSWER).send().await.map_err(|error| self.unreachable(error))?;
            let status = response.status();
            if status.is_success() {
                return response.json().await.map_err(|error| self.strange(error));
            }
            match pause(&response) {
                Some(pause) if tried < TRIES => {
                    tried += 1;
                    tokio::time::sleep(pause).await;
                }
                Some(_) | None => return Err(self.refused(status, response, query).await),
            }
        }
    }

    /// Sends a JSON document, or nothing where it is null; the answer's text, which may be empty. It is sent once: what
    /// came of it is not known where no answer comes.
    ///
    /// # Errors
    /// When the server cannot be reached, or refuses.
    pub async fn send(&self, method: Method, path: &str, body: &serde_json::Value) -> Result<String, Failure> {
        let document = Some(body).filter(|body| !body.is_null());
        let response = self.call(method, path, &[], document, &line_of(body)).await?;
        response.text().await.map_err(|error| self.strange(error))
    }

    /// A stream of server-sent events that goes on after `last`.
    ///
    /// # Errors
    /// When the server cannot be reached, or refuses.
    pub async fn stream(&self, path: &str, query: &[Parameter], last: Option<&str>) -> Result<Response, Failure> {
        let mut request = self.request(path, query).header(header::ACCEPT, "text/event-stream");
        if let Some(last) = last {
            request = request.header("Last-Event-ID", last);
        }
        let response = request.send().await.map_err(|error| self.unreachable(error))?;
        match response.status() {
            status if status.is_success() => Ok(response),
            status => Err(self.refused(status, response, query).await),
        }
    }

    /// Sends a body of any length; the answer comes while it is sent.
    ///
    /// # Errors
    /// When the server cannot be reached, or refuses.
    pub async fn post(&self, path: &str, query: &[Parameter], body: reqwest::Body) -> Result<Response, Failure> {
        let request = self.request_by(Method::POST, path, query).body(body);
        let response = request.send().await.map_err(|error| self.unreachable(error))?;
        match response.status() {
            status if status.is_success() => Ok(response),
            status => Err(self.refused(status, response, query).await),
        }
    }

    /// A call that is no GET: sent once, since a second try would be a second act. `said` are texts that a problem may
    /// point into.
    ///
    /// # Errors
    /// When the server cannot be reached, or refuses.
    pub async fn call(
        &self,
        method: Method,
        path: &str,
        query: &[Parameter],
        body: Option<&serde_json::Value>,
        said: &[Parameter],
    ) -> Result<Response, Failure> {
        let mut request = self.request_by(method, path, query).timeout(ANSWER_TO_CALL);
        if let Some(body) = body {
            request = request.json(body);
        }
        let response = request.send().await.map_err(|error| self.unreachable(error))?;
        match response.status() {
            status if status.is_success() => Ok(response),
            status => Err(self.refused(status, response, &[query, said].concat()).await),
        }
    }

    /// A command under an idempotency key: sent until an answer comes, since the same key again is the same command.
    ///
    /// # Errors
    /// When the server cannot be reached, refuses, or is not Beidou's.
    pub async fn command(&self, path: &str, body: &serde_json::Value, key: Uuid) -> Result<serde_json::Value, Failure> {
        let mut tried = 1;
        loop {
            let request = self.request_by(Method::POST, path, &[]).timeout(ANSWER).json(body);
            let sent = request.header("Idempotency-Key", key.to_string()).send().await;
            let again = match &sent {
                Ok(response) => pause(response),
                // Whether it arrived is not known; the key makes that harmless.
                Err(error) => (!error.is_connect()).then_some(FIRST_PAUSE),
            };
            match (again, sent) {
                (Some(pause), _) if tried < TRIES => {
                    tried += 1;
                    tokio::time::sleep(pause).await;
                }
                (_, Err(error)) => return Err(self.unreachable(error)),
                (_, Ok(response)) if response.status().is_success() => {
                    return response.json().await.map_err(|error| self.strange(error));
                }
                (_, Ok(response)) => return Err(self.refused(response.status(), response, &[]).await),
            }
        }
    }

    /// A file of any length, to be read as it comes.
    ///
    /// # Errors
    /// When the server cannot be reached, or refuses.
    pub async fn file(&self, path: &str) -> Result<Response, Failure> {
        let response = self.request(path, &[]).send().await.map_err(|error| self.unreachable(error))?;
        match response.status() {
            status if status.is_success() => Ok(response),
            status => Err(self.refused(status, response, &[]).await),
        }
    }

    fn request(&self, path: &str, query: &[Parameter]) -> reqwest::RequestBuilder {
        self.request_by(Method::GET, path, query)
    }

    fn request_by(&self, method: Method, path: &str, query: &[Parameter]) -> reqwest::RequestBuilder {
        let request = self.client.request(method, format!("{}{path}", self.url)).query(query);
        match &self.token {
            Some(token) => request.bearer_auth(token),
            None => request,
        }
    }

    fn unreachable(&self, error: reqwest::Error) -> Failure {
        let text = format!("cannot reach {}", self.url);
        let (text, next) = match self.writer.as_ref().filter(|writer| !writer.runs()) {
            None => (
                text,
                "is it running? start it with `beidou up` or `beidou demo`, or choose another server with --context or --url",
            ),
            Some(Writer { command, pid }) => (
                format!(
                    "{text}: the server that wrote this context (`beidou {command}`, process {pid}) is not running on this \
                     machine"
                ),
                "start it again, or choose another context with `beidou context use NAME`; `beidou context list` shows them",
            ),
        };
        Failure::new(Code::Unreachable, text, next).because(Root(innermost(&error)))
    }

    fn strange(&self, error: reqwest::Error) -> Failure {
        if error.is_timeout() || error.is_body() {
            return self.unreachable(error);
        }
        let text = format!("{} gave an answer that is not Beidou's", self.url);
        Failure::new(Code::Failure, text, "check the URL; client and server should have the same version")
            .because(Root(innermost(&error)))
    }

    async fn refused(&self, status: StatusCode, response: Response, query: &[Parameter]) -> Failure {
        let problem: Problem = response.json().await.unwrap_or_default();
        let is_statement = query.iter().any(|(name, _)| STATEMENTS.contains(name));
        let (code, next) = hints::hint(status, problem.kind(), is_statement);
        let said = problem.said(status, query);
        if matches!(status, StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN) {
            return Failure::new(
                Code::Unauthorized,
                format!("{} refused the token: {said}", self.url),
                "pass the right --token, or choose a context with `beidou context use`; `up` keeps its token in the file \
                 `token` of its data directory",
            );
        }
        Failure::new(code, format!("{} refused: {said}", self.url), next)
    }
}

/// A query line or a statement inside a document, so that a problem can point into it.
fn line_of(body: &serde_json::Value) -> Vec<Parameter> {
    let said = |field: &'static str| Some((field, body[field].as_str()?.to_owned()));
    ["line", "sql"].into_iter().filter_map(said).collect()
}

fn pause(response: &Response) -> Option<Duration> {
    if response.status() != StatusCode::SERVICE_UNAVAILABLE {
        return None;
    }
    let seconds = response.headers().get(header::RETRY_AFTER)?.to_str().ok()?.parse().ok()?;
    Some(Duration::from_secs(seconds).min(LONGEST_PAUSE))
}

fn is_loopback(url: &reqwest::Url) -> bool {
    let host = url.host_str().unwrap_or_default();
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost" || bare.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}

/// The innermost cause: reqwest wraps "connection refused" five times.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct Root(String);

fn innermost(error: &dyn Error) -> String {
    let mut inner = error;
    while let Some(source) = inner.source() {
        inner = source;
    }
    inner.to_string()
}

#[cfg(test)]
mod tests;
