//! The body of a request: JSON with known fields only.

use std::sync::Arc;

use axum::{
    body::Bytes,
    extract::{FromRequest, Request},
    http::header::CONTENT_TYPE,
};
use serde::de::DeserializeOwned;

use crate::{
    app::App,
    problem::{Kind, Problem},
};

/// A body of this shape; its type denies unknown fields.
pub(crate) struct Body<T>(pub T);

/// A word of a body that is one of a list. The library refuses a wrong one too, but does not name the field.
pub(crate) fn one_of<T: DeserializeOwned>(field: &str, word: &str, allowed: &str) -> Result<T, Problem> {
    serde_json::from_value(word.into()).map_err(|_| Problem::parameter(field, word, allowed))
}

impl<T: DeserializeOwned> FromRequest<Arc<App>> for Body<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, app: &Arc<App>) -> Result<Self, Problem> {
        // A web page can send a form or a text to any address, but JSON only where it is allowed to.
        let media = request.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let name = media.split(';').next().unwrap_or_default().trim();
        if !name.eq_ignore_ascii_case("application/json") {
            return Err(Problem::parameter("content-type", media, "application/json"));
        }
        let too_large = |_| Problem::new(Kind::TooLarge, "the body is too large");
        let bytes = Bytes::from_request(request, app).await.map_err(too_large)?;
        let unread = |why: String| {
            let detail = format!("the body cannot be read: {why}");
            Problem { detail, ..Problem::parameter("body", "", "a JSON object as in /api/reference") }
        };
        // The library would take an array for the fields in their order.
        if bytes.trim_ascii_start().first() != Some(&b'{') {
            return Err(unread("it is no object".into()));
        }
        serde_json::from_slice(&bytes).map(Body).map_err(|error| unread(error.to_string()))
    }
}
