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
        read(&bytes).map(Body)
    }
}

/// What a body says, or which field of it is wrong.
fn read<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Problem> {
    let unread = |field: &str, why: String| {
        let detail = format!("the body cannot be read: {why}");
        Problem { detail, ..Problem::parameter(field, "", "a JSON object as in /api/reference") }
    };
    // The library would take an array for the fields in their order.
    if bytes.trim_ascii_start().first() != Some(&b'{') {
        return Err(unread("body", "it is no object".into()));
    }
    let mut json = serde_json::Deserializer::from_slice(bytes);
    let said = serde_path_to_error::deserialize(&mut json).map_err(|error| {
        let (path, error) = (error.path().to_string(), error.into_inner());
        match path.as_str() {
            field if error.is_data() && field != "." => unread(field, format!("{field}: {error}")),
            _ => unread("body", error.to_string()),
        }
    })?;
    json.end().map_err(|error| unread("body", error.to_string()))?;
    Ok(said)
}

#[cfg(test)]
mod tests {
    use beidou_schemas::operation::OperationSpec;

    use super::*;

    #[test]
    fn the_field_that_is_wrong_is_named() {
        let good = r#"{"clusterName": "c", "operationType": "Reboot", "operationMachines": [{"ip": "10.0.0.1"}]"#;
        let table = [
            ("}", None),
            (r#", "dryRun": "yes"}"#, Some(("dryRun", "invalid type: string \"yes\", expected a boolean"))),
            (r#", "batches": {"size": "3"}}"#, Some(("batches.size", "expected u32"))),
            (r#", "batches": {"sise": 3}}"#, Some(("batches.sise", "unknown field `sise`"))),
            (r#", "secrets": [{"parameter": 1}]}"#, Some(("secrets[0].parameter", "expected a string"))),
            (r#", "operationFlow": ["a"}"#, Some(("body", "expected `,` or `]`"))),
            ("} {}", Some(("body", "trailing characters"))),
        ];
        for (rest, wrong) in table {
            let said = read::<OperationSpec>(format!("{good}{rest}").as_bytes()).err();
            let named = said.as_ref().map(|said| (&*said.parameter.as_ref().unwrap().name, &*said.detail));
            assert_eq!(named.map(|(name, _)| name), wrong.map(|(name, _)| name), "{rest}: {said:?}");
            assert!(wrong.is_none_or(|(_, why)| named.unwrap().1.contains(why)), "{rest}: {said:?}");
        }
        let missing = read::<OperationSpec>(b"{}").unwrap_err();
        assert!(missing.parameter.unwrap().name == "body" && missing.detail.contains("missing field"));
    }
}
