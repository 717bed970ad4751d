//! Errors as callers see them: RFC 9457 problem details with a stable type, and a page that explains each type.
//!
//! A handler returns a [`Problem`]; the door writes it out, since only the door knows the request's id.

use axum::{
    body::Body,
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use beidou_log::LogError;
use beidou_store::query::QueryError;
use serde::Serialize;
use utoipa::ToSchema;

/// The kinds of problem: the last part of `type`. Stable: callers may rely on them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    BadParameter,
    UnknownParameter,
    BadCursor,
    BadPosition,
    Unauthenticated,
    NotFound,
    UnknownCluster,
    UnknownEvent,
    MethodNotAllowed,
    TooLarge,
    TooMuch,
    Busy,
    StoreAway,
    LogAway,
    TimeLimit,
    Internal,
}

impl Kind {
    pub(crate) const ALL: [Self; 16] = [
        Self::BadParameter,
        Self::UnknownParameter,
        Self::BadCursor,
        Self::BadPosition,
        Self::Unauthenticated,
        Self::NotFound,
        Self::UnknownCluster,
        Self::UnknownEvent,
        Self::MethodNotAllowed,
        Self::TooLarge,
        Self::TooMuch,
        Self::Busy,
        Self::StoreAway,
        Self::LogAway,
        Self::TimeLimit,
        Self::Internal,
    ];

    /// The last part of `type`.
    pub(crate) const fn slug(self) -> &'static str {
        self.facts().0
    }

    pub(crate) const fn status(self) -> StatusCode {
        self.facts().1
    }

    pub(crate) const fn title(self) -> &'static str {
        self.facts().2
    }

    /// What it means, and what to do.
    pub(crate) const fn explanation(self) -> &'static str {
        self.facts().3
    }

    const fn facts(self) -> (&'static str, StatusCode, &'static str, &'static str) {
        use StatusCode as S;
        match self {
            Self::BadParameter => ("bad-parameter", S::BAD_REQUEST, "A parameter has a value that is not allowed",
                "The field `parameter` names it, with the value that was sent and what is allowed. Times are RFC 3339, or relative to now: `-6h`, `-30m`, `-7d`, `now`. A `+` in a URL must be written `%2B`."),
            Self::UnknownParameter => ("unknown-parameter", S::BAD_REQUEST, "The call has no such parameter",
                "A misspelt filter would silently give a wrong answer, so unknown parameters are refused. The field `parameter` names it and what is allowed."),
            Self::BadCursor => ("bad-cursor", S::BAD_REQUEST, "The cursor cannot be used",
                "A cursor is the `next` of the answer before, and belongs to exactly that query: same path, same filters. It was altered, belongs to another query, or was made before the signing key changed. Ask for the first page again."),
            Self::BadPosition => ("bad-position", S::BAD_REQUEST, "The position cannot be used",
                "`Last-Event-ID` and `after` take the `id` of an earlier message of this tail. It was altered, or comes from another installation. Begin without it."),
            Self::Unauthenticated => ("unauthenticated", S::UNAUTHORIZED, "A valid token is missing",
                "Send `Authorization: Bearer TOKEN`. `beidou up` and `beidou demo` write URL and token into the context file of the command line; an administrator finds the tokens under `query_api.tokens`."),
            Self::NotFound => ("not-found", S::NOT_FOUND, "There is nothing at this path",
                "All calls are described at `/api/reference` and in `/openapi.json`."),
            Self::UnknownCluster => ("unknown-cluster", S::NOT_FOUND, "No cluster has this name or uid",
                "`/api/v1/clusters` lists the clusters that were ever watched. A cluster appears there with its first Event or its first watch."),
            Self::UnknownEvent => ("unknown-event", S::NOT_FOUND, "The cluster has no stored Event with this uid",
                "The uid is the Event object's `metadata.uid`. It may lie in a part of time that is not complete: see `/api/v1/coverage`."),
            Self::MethodNotAllowed => ("method-not-allowed", S::METHOD_NOT_ALLOWED, "The path does not take this method",
                "All calls are GET."),
            Self::TooLarge => ("too-large", S::PAYLOAD_TOO_LARGE, "The request is too large",
                "Calls take no body. Split a long list of filters over several calls."),
            Self::TooMuch => ("too-much", S::UNPROCESSABLE_ENTITY, "The query needs more than its limits allow",
                "Narrow the range of time or add filters; cluster, kind, namespace and name are the cheapest ones."),
            Self::Busy => ("busy", S::SERVICE_UNAVAILABLE, "Too many requests at once",
                "Come back after the time in `Retry-After`."),
            Self::StoreAway => ("store-away", S::SERVICE_UNAVAILABLE, "The store does not answer",
                "The embedded engine starts, restarts, or the ClickHouse server cannot be reached. Nothing is lost: Events go on into the log. Come back after the time in `Retry-After`; `/readyz` tells more."),
            Self::LogAway => ("log-away", S::SERVICE_UNAVAILABLE, "The log cannot be read",
                "Come back after the time in `Retry-After`; `/readyz` tells more."),
            Self::TimeLimit => ("time-limit", S::GATEWAY_TIMEOUT, "The query took longer than allowed",
                "Narrow the range of time or add filters; cluster, kind, namespace and name are the cheapest ones. The limit is `query_api.query_time_limit_seconds`."),
            Self::Internal => ("internal", S::INTERNAL_SERVER_ERROR, "Something failed here",
                "An error of this program or its setup. The log of the query-api role holds the details under the request id in `instance`."),
        }
    }
}

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
}

/// A problem, before the door adds the request's id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Problem {
    pub kind: Kind,
    pub detail: String,
    pub parameter: Option<BadParameter>,
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
        Self { kind, detail: detail.into(), parameter: None }
    }

    /// A parameter with a value that is not allowed.
    pub(crate) fn parameter(name: &str, value: &str, allowed: impl Into<String>) -> Self {
        let allowed = allowed.into();
        let value: String = value.chars().take(SHOWN_CHARS).collect();
        let detail = format!("{name} is {value:?}; allowed: {allowed}");
        let parameter = Some(BadParameter { name: name.into(), value: Some(value), allowed });
        Self { kind: Kind::BadParameter, detail, parameter }
    }

    /// A parameter that the call does not have.
    pub(crate) fn unknown_parameter(name: &str, allowed: &[&str]) -> Self {
        let name: String = name.chars().take(SHOWN_CHARS).collect();
        let allowed = if allowed.is_empty() { "none".into() } else { allowed.join(", ") };
        let detail = format!("there is no parameter {name:?}; allowed: {allowed}");
        let parameter = Some(BadParameter { name, value: None, allowed });
        Self { kind: Kind::UnknownParameter, detail, parameter }
    }

    /// Writes the problem out.
    pub(crate) fn respond(self, request_id: &str) -> Response {
        let kind = self.kind;
        let body = ProblemBody {
            problem_type: format!("/problems/{}", kind.slug()),
            title: kind.title().into(),
            status: kind.status().as_u16(),
            detail: self.detail,
            instance: format!("urn:uuid:{request_id}"),
            parameter: self.parameter,
        };
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
            QueryError::TooMuch(_) => Kind::TooMuch,
            QueryError::Busy(_) => Kind::Busy,
            QueryError::Refused(_) => Kind::Internal,
        };
        report(&error, kind);
        Self::new(kind, error.to_string())
    }
}

impl From<LogError> for Problem {
    fn from(error: LogError) -> Self {
        report(&error, Kind::LogAway);
        Self::new(Kind::LogAway, "the log cannot be read")
    }
}

/// The whole chain of causes, once; the caller sees only the first link.
fn report(error: &dyn std::error::Error, kind: Kind) {
    let mut chain = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        chain = format!("{chain}: {cause}");
        source = cause.source();
    }
    if kind.status() == StatusCode::INTERNAL_SERVER_ERROR {
        tracing::error!(error = chain, problem = kind.slug(), "request failed");
    } else {
        tracing::info!(error = chain, problem = kind.slug(), "request refused");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_are_golden() {
        let all: Vec<_> = Kind::ALL.iter().map(|k| format!("{} {} {}", k.status().as_u16(), k.slug(), k.title())).collect();
        insta::assert_snapshot!(all.join("\n"));
    }

    #[test]
    fn long_values_are_shortened() {
        let problem = Problem::parameter("text", &"é".repeat(5000), "less");
        assert!(problem.detail.len() < 1000);
    }
}
