//! Who may speak to the engine: only local programs that hold one of the three secrets.
//!
//! Flow: every request passes [`refuse_foreign`] first; a statement then needs a [`Role`] from [`Access::role`].
//! Invariants: a web page can reach 127.0.0.1 but cannot pass: a foreign Host (DNS rebinding) or any Origin
//! (cross-site request) is refused before anything is read. Secrets are compared by digest, in constant time enough:
//! what differs in time are digests, which tell nothing about a secret.

use super::super::endpoint::Credentials;
use super::fault::{Fault, code};
use axum::http::request::Parts;
use axum::http::{HeaderMap, Uri, header};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest, Sha256};

/// What a caller may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    /// Everything.
    Writer,
    /// Statements that only read, with limits of its own choice.
    Reader,
    /// The same, and files: for statements of Beidou's own that read the archive.
    ArchiveReader,
}

/// The users of this run.
pub(in super::super) struct Access {
    writer: Credentials,
    reader: Credentials,
    archive_reader: Credentials,
}

impl Access {
    pub(in super::super) fn new(writer: Credentials, reader: Credentials, archive_reader: Credentials) -> Access {
        Access { writer, reader, archive_reader }
    }

    /// Finds the role behind a request's user and secret: `X-ClickHouse-User`/`-Key`, basic authentication, or the
    /// `user` and `password` parameters.
    pub(super) fn role(&self, headers: &HeaderMap, user: Option<&str>, password: Option<&str>) -> Result<Role, Fault> {
        let given = match (text(headers, "x-clickhouse-user"), basic(headers)) {
            (Some(user), _) => (user.to_owned(), text(headers, "x-clickhouse-key").unwrap_or_default().to_owned()),
            (None, Some(pair)) => pair,
            (None, None) => (user.unwrap_or("default").to_owned(), password.unwrap_or_default().to_owned()),
        };
        for (known, role) in
            [(&self.writer, Role::Writer), (&self.reader, Role::Reader), (&self.archive_reader, Role::ArchiveReader)]
        {
            if known.user == given.0 && Sha256::digest(&known.password) == Sha256::digest(&given.1) {
                return Ok(role);
            }
        }
        let message = format!(
            "{}: Authentication failed: password is incorrect, or there is no user with such name.",
            given.0.escape_default()
        );
        Err(Fault::new(code::AUTHENTICATION_FAILED, "AUTHENTICATION_FAILED", message))
    }
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

fn basic(headers: &HeaderMap) -> Option<(String, String)> {
    let value = text(headers, header::AUTHORIZATION.as_str())?;
    let (scheme, encoded) = value.split_once(' ')?;
    let decoded = scheme.eq_ignore_ascii_case("basic").then(|| STANDARD.decode(encoded.trim()).ok())??;
    let pair = String::from_utf8(decoded).ok()?;
    pair.split_once(':').map(|(user, password)| (user.to_owned(), password.to_owned()))
}

/// Refuses what a browser could send on behalf of a foreign page.
pub(super) fn refuse_foreign(parts: &Parts) -> Result<(), Fault> {
    let refuse = |message| Err(Fault::new(code::ACCESS_DENIED, "ACCESS_DENIED", message));
    if parts.headers.contains_key(header::ORIGIN) {
        return refuse("requests from web pages (with an Origin header) are refused");
    }
    match host(&parts.headers, &parts.uri) {
        Some("127.0.0.1" | "localhost" | "[::1]") => Ok(()),
        Some(_) | None => refuse("the Host header must name this machine's loopback address"),
    }
}

/// The host without its port, from the Host header or an HTTP/2 authority; `None` when the header occurs twice.
fn host<'a>(headers: &'a HeaderMap, uri: &'a Uri) -> Option<&'a str> {
    let mut all = headers.get_all(header::HOST).iter();
    let named = match (all.next(), all.next()) {
        (Some(only), None) => only.to_str().ok()?,
        (None, _) => return uri.host(),
        (Some(_), Some(_)) => return None,
    };
    match named.rsplit_once(':') {
        Some((host, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => Some(host),
        Some(_) | None => Some(named),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::Request;

    fn parts(headers: &[(&str, &str)]) -> Parts {
        let mut request = Request::builder().uri("/");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.body(()).unwrap().into_parts().0
    }

    #[test]
    fn only_loopback_hosts_without_an_origin_pass() {
        for (headers, passes) in [
            (vec![("host", "127.0.0.1:8123")], true),
            (vec![("host", "localhost")], true),
            (vec![("host", "[::1]:8123")], true),
            (vec![("host", "[::1]")], true),
            (vec![("host", "evil.example:8123")], false),
            (vec![("host", "127.0.0.1.evil.example")], false),
            (vec![("host", "127.0.0.1"), ("host", "evil.example")], false),
            (vec![("host", "127.0.0.1"), ("origin", "http://127.0.0.1")], false),
            (vec![("host", "127.0.0.1"), ("origin", "null")], false),
            (vec![], false),
        ] {
            assert_eq!(refuse_foreign(&parts(&headers)).is_ok(), passes, "{headers:?}");
        }
    }

    #[test]
    fn secrets_are_accepted_in_all_three_places_and_nothing_else_is() {
        let pair = |user: &str, password: &str| Credentials { user: user.into(), password: password.into() };
        let access = Access::new(pair("writer", "w:1"), pair("reader", "r"), pair("archive", "a"));
        let role = |headers: &[(&str, &str)], user, password| access.role(&parts(headers).headers, user, password).ok();
        assert_eq!(
            role(&[("x-clickhouse-user", "writer"), ("x-clickhouse-key", "w:1")], None, None),
            Some(Role::Writer)
        );
        assert_eq!(role(&[("authorization", "Basic d3JpdGVyOnc6MQ==")], None, None), Some(Role::Writer));
        assert_eq!(role(&[], Some("reader"), Some("r")), Some(Role::Reader));
        assert_eq!(role(&[], Some("archive"), Some("a")), Some(Role::ArchiveReader));
        assert_eq!(role(&[], Some("archive"), Some("r")), None);
        assert_eq!(role(&[], Some("reader"), Some("w:1")), None);
        assert_eq!(role(&[], Some("writer"), None), None);
        assert_eq!(role(&[], None, None), None);
        assert_eq!(role(&[("x-clickhouse-user", "writer")], Some("reader"), Some("r")), None);
    }
}
