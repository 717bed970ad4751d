//! Errors as callers see them: RFC 9457 problem details with a stable type, and a page that explains each type.
//!
//! A handler returns a [`Problem`]; the door writes it out, since only the door knows the request's id.

mod kind;

use axum::{
    body::Body,
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use beidou_log::LogError;
use beidou_service::telemetry::chain;
use beidou_store::query::QueryError;
use serde::Serialize;
use utoipa::ToSchema;

pub(crate) use kind::Kind;

/// The parameter that a problem is about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct BadParameter {
    /// Its name.
    pub name: String,
    /// The value that was sent, shortened.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub value: Option<String>,
    /// What is allowed.
    pub allowed: String,
    /// Where a query line is wrong.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub line: Option<BadLine>,
}

/// What is wrong with a query line, or with SQL.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct BadLine {
    /// The kind of fault; stable, such as `unknown_field`.
    #[schema(value_type = String)]
    pub fault: &'static str,
    /// Where it is, in characters from the begin of the line, the first being 0.
    pub character: usize,
    /// The same in bytes of UTF-8.
    pub byte: usize,
    /// What stands there, shortened; empty at the end of the line.
    pub found: String,
    /// What may have been meant.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub suggestion: Option<String>,
}

/// A problem, before the door adds the request's id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Problem {
    pub kind: Kind,
    pub detail: String,
    /// Boxed: a problem is rare, but every result has room for one.
    pub parameter: Option<Box<BadParameter>>,
    /// What is behind it, for our log alone; empty where `detail` says all.
    pub cause: String,
}

/// Problem details (RFC 9457), media type `application/problem+json`.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Problem)]
pub(crate) struct ProblemBody {
    /// A stable URI reference: `/problems/…`, which explains it.
    #[serde(rename = "type")]
    #[schema(format = "uri-reference")]
    pub problem_type: String,
    /// The type in words.
    pub title: String,
    /// The HTTP status.
    pub status: u16,
    /// This occurrence in words.
    pub detail: String,
    /// The request's id, as in the header `x-request-id` and in the server's log.
    #[schema(format = "uri-reference")]
    pub instance: String,
    /// The parameter concerned.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parameter: Option<BadParameter>,
}

/// Come back after so many seconds: an engine restarts within a second or two.
const RETRY_AFTER_SECONDS: HeaderValue = HeaderValue::from_static("2");
/// So much of a refused value is repeated.
const SHOWN_CHARS: usize = 200;

impl Problem {
    pub(crate) fn new(kind: Kind, detail: impl Into<String>) -> Self {
        Self { kind, detail: detail.into(), parameter: None, cause: String::new() }
    }

    /// A parameter with a value that is not allowed.
    pub(crate) fn parameter(name: &str, value: &str, allowed: impl Into<String>) -> Self {
        let allowed = allowed.into();
        let value: String = value.chars().take(SHOWN_CHARS).collect();
        let detail = match value.is_empty() {
            true => format!("{name} is empty; allowed: {allowed}"),
            false => format!("{name} is {value:?}; allowed: {allowed}"),
        };
        let parameter = Some(Box::new(BadParameter { name: name.into(), value: Some(value), allowed, line: None }));
        Self { parameter, ..Self::new(Kind::BadParameter, detail) }
    }

    /// A parameter that the call does not have.
    pub(crate) fn unknown_parameter(name: &str, allowed: &[&str]) -> Self {
        let name: String = name.chars().take(SHOWN_CHARS).collect();
        let allowed = if allowed.is_empty() { "none".into() } else { allowed.join(", ") };
        let detail = format!("there is no parameter {name:?}; allowed: {allowed}");
        let parameter = Some(Box::new(BadParameter { name, value: None, allowed, line: None }));
        Self { parameter, ..Self::new(Kind::UnknownParameter, detail) }
    }

    /// The problem as it is written.
    pub(crate) fn body(self, request_id: &str) -> ProblemBody {
        let kind = self.kind;
        ProblemBody {
            problem_type: format!("/problems/{}", kind.slug()),
            title: kind.title().into(),
            status: kind.status().as_u16(),
            detail: self.detail,
            instance: format!("urn:uuid:{request_id}"),
            parameter: self.parameter.map(|parameter| *parameter),
        }
    }

    /// Writes the problem out.
    pub(crate) fn respond(self, request_id: &str) -> Response {
        let kind = self.kind;
        let body = self.body(request_id);
        let json = serde_json::to_vec(&body).expect("texts and numbers always serialise");
        let mut response = Response::new(Body::from(json));
        *response.status_mut() = kind.status();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        if kind.status() == StatusCode::SERVICE_UNAVAILABLE {
            headers.insert(header::RETRY_AFTER, RETRY_AFTER_SECONDS);
        }
        if kind == Kind::Unauthenticated {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer realm=\"beidou\""));
        }
        response
    }
}

/// For the door: the problem travels as an extension.
impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut response = Response::new(Body::empty());
        *response.status_mut() = self.kind.status();
        response.extensions_mut().insert(self);
        response
    }
}

impl From<QueryError> for Problem {
    fn from(error: QueryError) -> Self {
        let kind = match &error {
            QueryError::Away(_) => Kind::StoreAway,
            QueryError::TimeLimit(_) => Kind::TimeLimit,
            QueryError::TooMuch(_) | QueryError::TooCold { .. } => Kind::TooMuch,
            QueryError::NoFile { .. } | QueryError::Archive(_) | QueryError::Bucket(_) => Kind::ArchiveAway,
            QueryError::Busy(_) => Kind::Busy,
            QueryError::Refused(_) => Kind::Internal,
        };
        Self { cause: chain(&error), ..Self::new(kind, error.to_string()) }
    }
}

impl From<LogError> for Problem {
    fn from(error: LogError) -> Self {
        Self { cause: chain(&error), ..Self::new(Kind::LogAway, "the log cannot be read") }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_are_golden() {
        let all: Vec<_> =
            Kind::ALL.iter().map(|k| format!("{} {} {}", k.status().as_u16(), k.slug(), k.title())).collect();
        insta::assert_snapshot!(all.join("\n"));
    }

    #[test]
    fn an_empty_value_is_called_so() {
        assert_eq!(Problem::parameter("text", "", "a text").detail, "text is empty; allowed: a text");
        assert_eq!(Problem::parameter("text", "a", "b").detail, "text is \"a\"; allowed: b");
    }

    #[test]
    fn long_values_are_shortened() {
        let problem = Problem::parameter("text", &"é".repeat(5000), "less");
        assert!(problem.detail.len() < 1000);
    }
}
