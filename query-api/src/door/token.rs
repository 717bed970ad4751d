//! Bearer tokens (RFC 6750, the Authorization header alone): who asks.
//!
//! Only digests are kept, and only digests are compared, each with each token and without an early end, so that neither
//! memory nor time tells anything about a token.

use std::sync::Arc;

use axum::{
    extract::{Request, State},
    http::{HeaderMap, header::AUTHORIZATION},
    middleware::Next,
    response::{IntoResponse, Response},
};
use sha2::{Digest, Sha256};

use crate::{
    app::App,
    problem::{Kind, Problem},
};

/// Whom the request's token belongs to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Subject(pub Arc<str>);

const ANONYMOUS: &str = "anonymous";

/// The tokens that are let in.
pub(crate) struct Tokens {
    known: Vec<([u8; 32], Subject)>,
    anonymous: bool,
}

impl Tokens {
    pub(crate) fn new(known: Vec<([u8; 32], String)>, anonymous: bool) -> Self {
        let known = known.into_iter().map(|(digest, subject)| (digest, Subject(subject.into()))).collect();
        Self { known, anonymous }
    }

    /// Who asks. A wrong token is refused even where none is needed: its sender believes to be somebody.
    fn subject(&self, headers: &HeaderMap) -> Result<Subject, &'static str> {
        let mut sent = headers.get_all(AUTHORIZATION).iter();
        let value = match (sent.next(), sent.next()) {
            (None, _) if self.anonymous => return Ok(Subject(ANONYMOUS.into())),
            (None, _) => return Err("the header Authorization is missing"),
            (Some(_), Some(_)) => return Err("the header Authorization stands twice"),
            (Some(value), None) => value.as_bytes(),
        };
        let token = bearer(value).ok_or("the header Authorization is not of the form `Bearer TOKEN`")?;
        self.find(&Sha256::digest(token).into()).ok_or("the token is not known")
    }

    fn find(&self, digest: &[u8; 32]) -> Option<Subject> {
        let mut found = None;
        for (known, subject) in &self.known {
            let difference = known.iter().zip(digest).fold(0, |all, (a, b)| all | (a ^ b));
            if difference == 0 {
                found = Some(subject);
            }
        }
        found.cloned()
    }
}

fn bearer(value: &[u8]) -> Option<&[u8]> {
    let (scheme, token) = value.split_at_checked("Bearer ".len())?;
    (scheme.eq_ignore_ascii_case(b"Bearer ") && !token.is_empty()).then(|| token.trim_ascii())
}

pub(crate) async fn authenticate(State(app): State<Arc<App>>, mut request: Request, next: Next) -> Response {
    match app.tokens.subject(request.headers()) {
        Ok(subject) => {
            tracing::Span::current().record("subject", &*subject.0);
            request.extensions_mut().insert(subject);
            next.run(request).await
        }
        Err(why) => Problem::new(Kind::Unauthenticated, why).into_response(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn subject(anonymous: bool, sent: &[&str]) -> Result<String, &'static str> {
        let known = [("one", "secret-of-one-000"), ("two", "secret-of-two-000")];
        let known = known.map(|(subject, token)| (Sha256::digest(token.as_bytes()).into(), subject.to_owned()));
        let mut headers = HeaderMap::new();
        for value in sent {
            headers.append(AUTHORIZATION, value.parse().unwrap());
        }
        Tokens::new(known.into(), anonymous).subject(&headers).map(|subject| subject.0.as_ref().to_owned())
    }

    #[test]
    fn each_token_has_its_subject() {
        assert_eq!(subject(false, &["Bearer secret-of-one-000"]), Ok("one".into()));
        assert_eq!(subject(false, &["bearer secret-of-two-000"]), Ok("two".into()));
        assert_eq!(subject(true, &[]), Ok("anonymous".into()));
    }

    #[test]
    fn anything_else_is_refused() {
        for sent in [
            &[][..],
            &["Bearer secret-of-one-001"],
            &["Bearer secret-of-one-00"],
            &["Bearer "],
            &["Basic secret-of-one-000"],
            &["secret-of-one-000"],
            &["Bearer secret-of-one-000", "Bearer secret-of-one-000"],
        ] {
            assert!(subject(false, sent).is_err(), "{sent:?}");
            assert!(sent.is_empty() || subject(true, sent).is_err(), "{sent:?}");
        }
    }
}
