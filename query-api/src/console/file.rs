//! One file of the console, and how it is answered.

use std::io::Read;

use axum::{
    body::Bytes,
    http::{
        HeaderMap, StatusCode,
        header::{
            CACHE_CONTROL, CONTENT_ENCODING, CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG, IF_NONE_MATCH,
            REFERRER_POLICY, VARY, X_CONTENT_TYPE_OPTIONS,
        },
    },
    response::{IntoResponse, Response},
};
use flate2::read::GzDecoder;

use super::encoding::Encoding;
use crate::problem::{Kind, Problem};

/// What the page may load and do: its own files and the API, nothing inline, nothing from elsewhere, in nobody's frame.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; \
                      manifest-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
/// Files below have their hash in their names.
const NAMED_BY_HASH: &str = "assets/";

/// A file, as it was built.
#[derive(Debug)]
pub(crate) struct File {
    /// Below `/`.
    pub path: &'static str,
    /// Its media type.
    pub kind: &'static str,
    /// Changes with its bytes.
    pub tag: &'static str,
    pub brotli: &'static [u8],
    pub gzip: &'static [u8],
}

impl File {
    /// The answer to a request with these headers.
    pub(super) fn answer(&self, headers: &HeaderMap) -> Response {
        let encoding = Encoding::taken_by(headers);
        // Forms of one file differ in bytes, so a strong tag differs too (RFC 9110, section 8.8.3.3).
        let tag = format!("\"{}{}\"", self.tag, encoding.name().map(|name| format!("-{name}")).unwrap_or_default());
        let cached =
            if self.path.starts_with(NAMED_BY_HASH) { "public, max-age=31536000, immutable" } else { "no-cache" };
        let common = [
            (CACHE_CONTROL, cached),
            (CONTENT_SECURITY_POLICY, POLICY),
            (X_CONTENT_TYPE_OPTIONS, "nosniff"),
            (REFERRER_POLICY, "no-referrer"),
            (VARY, "accept-encoding"),
        ];
        if knows(headers, &tag) {
            return (StatusCode::NOT_MODIFIED, common, [(ETAG, tag)]).into_response();
        }
        let Ok(bytes) = self.bytes(encoding) else {
            return Problem::new(Kind::Internal, "a file of the console cannot be unpacked").into_response();
        };
        let mut response = (common, [(CONTENT_TYPE, self.kind.to_owned()), (ETAG, tag)], bytes).into_response();
        if let Some(name) = encoding.name() {
            response.headers_mut().insert(CONTENT_ENCODING, axum::http::HeaderValue::from_static(name));
        }
        response
    }

    fn bytes(&self, encoding: Encoding) -> std::io::Result<Bytes> {
        Ok(match encoding {
            Encoding::Brotli => Bytes::from_static(self.brotli),
            Encoding::Gzip => Bytes::from_static(self.gzip),
            Encoding::Identity => {
                let mut bytes = Vec::new();
                GzDecoder::new(self.gzip).read_to_end(&mut bytes)?;
                bytes.into()
            }
        })
    }
}

/// Whether the client has it already.
fn knows(headers: &HeaderMap, tag: &str) -> bool {
    let sent = headers.get_all(IF_NONE_MATCH).iter().filter_map(|value| value.to_str().ok()).flat_map(|v| v.split(','));
    sent.map(|one| one.trim().trim_start_matches("W/")).any(|one| one == tag || one == "*")
}

#[cfg(test)]
mod tests {
    use axum::{body::to_bytes, http::header::ACCEPT_ENCODING};

    use super::*;

    // "hello" by `gzip -n`.
    const HELLO: &[u8] =
        b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03\xcb\x48\xcd\xc9\xc9\x07\x00\x86\xa6\x10\x36\x05\x00\x00\x00";
    static FILE: File =
        File { path: "assets/a-1.js", kind: "text/javascript; charset=utf-8", tag: "aa", brotli: b"br", gzip: HELLO };

    fn asked(headers: &[(axum::http::HeaderName, &str)]) -> Response {
        FILE.answer(&headers.iter().map(|(name, value)| (name.clone(), value.parse().unwrap())).collect())
    }

    #[tokio::test]
    async fn each_form_has_its_bytes_its_name_and_its_tag() {
        for (accept, encoding, tag, bytes) in [
            ("br, gzip", Some("br"), "\"aa-br\"", &b"br"[..]),
            ("gzip", Some("gzip"), "\"aa-gzip\"", HELLO),
            ("", None, "\"aa\"", b"hello"),
        ] {
            let response = asked(&[(ACCEPT_ENCODING, accept)]);
            let header =
                |name| response.headers().get(name).and_then(|value: &axum::http::HeaderValue| value.to_str().ok());
            assert_eq!((header(CONTENT_ENCODING), header(ETAG)), (encoding, Some(tag)), "{accept}");
            assert_eq!(header(CONTENT_TYPE), Some("text/javascript; charset=utf-8"));
            assert!(header(CONTENT_SECURITY_POLICY).is_some_and(|policy| !policy.contains("unsafe")));
            assert!(header(CACHE_CONTROL).is_some_and(|cached| cached.ends_with("immutable")));
            assert_eq!(to_bytes(response.into_body(), 100).await.unwrap(), bytes);
        }
    }

    #[test]
    fn what_a_client_has_is_not_sent_again() {
        for (known, status) in [("\"aa-br\"", 304), ("W/\"aa-br\", \"x\"", 304), ("*", 304), ("\"aa\"", 200), ("", 200)]
        {
            let response = asked(&[(ACCEPT_ENCODING, "br"), (IF_NONE_MATCH, known)]);
            assert_eq!(response.status().as_u16(), status, "{known}");
        }
    }
}
