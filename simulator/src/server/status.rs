//! Errors in the words of a real API server: `Status` objects.

use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

/// An error answer.
#[derive(Debug, Clone)]
pub(crate) struct Status {
    pub code: u16,
    pub reason: &'static str,
    pub message: String,
    /// `metadata.continue` of an expired list, with which a client may go on inconsistently.
    pub resume: Option<String>,
}

impl Status {
    pub fn new(code: u16, reason: &'static str, message: impl Into<String>) -> Self {
        Self { code, reason, message: message.into(), resume: None }
    }

    pub fn expired_watch(asked: u64, floor: u64) -> Self {
        Self::new(410, "Expired", format!("too old resource version: {asked} ({floor})"))
    }

    pub fn expired_list(resume: String) -> Self {
        let message = "The provided continue parameter is too old to display a consistent list result. You can start a \
                       new list without the continue parameter, or use the continue token in this response to retrieve \
                       the remainder of the results. Continuing with the provided token results in an inconsistent list \
                       - objects that were created, modified, or deleted between the time the first chunk was returned \
                       and now may show up in the list.";
        Self { resume: Some(resume), ..Self::new(410, "Expired", message) }
    }

    pub fn bad_request(message: impl Into<String>) -> Self {
        Self::new(400, "BadRequest", message)
    }

    pub fn not_found(name: &str) -> Self {
        Self::new(404, "NotFound", format!("events \"{name}\" not found"))
    }

    pub fn forbidden(user: &str, verb: &str, place: &str) -> Self {
        let message =
            format!("events is forbidden: User \"{user}\" cannot {verb} resource \"events\" in API group \"\" {place}");
        Self::new(403, "Forbidden", message)
    }

    /// The object, also the content of an ERROR frame.
    pub fn body(&self) -> Value {
        let metadata = self.resume.as_ref().map_or_else(|| json!({}), |resume| json!({ "continue": resume }));
        json!({
            "kind": "Status", "apiVersion": "v1", "metadata": metadata, "status": "Failure",
            "message": self.message, "reason": self.reason, "code": self.code,
        })
    }
}

impl IntoResponse for Status {
    fn into_response(self) -> Response {
        let code = StatusCode::from_u16(self.code).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        (code, [(header::CONTENT_TYPE, "application/json")], self.body().to_string()).into_response()
    }
}
