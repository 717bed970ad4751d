//! A page of another site may not write: where no token is needed, a browser would let it.
//!
//! Browsers name the page's origin on every request that is no GET or HEAD; programs name none.

use axum::{
    extract::Request,
    http::{
        HeaderMap, Method, Uri,
        header::{HOST, ORIGIN},
    },
    middleware::Next,
    response::{IntoResponse, Response},
};

use crate::problem::{Kind, Problem};

pub(crate) async fn own_origin(request: Request, next: Next) -> Response {
    if reads(request.method()) || is_own(request.headers()) {
        return next.run(request).await;
    }
    Problem::new(Kind::ForeignOrigin, "the header Origin names another site").into_response()
}

fn reads(method: &Method) -> bool {
    matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS)
}

/// Whether no page, or a page of this server asks. The scheme may differ: a proxy in front may end TLS.
fn is_own(headers: &HeaderMap) -> bool {
    let Some(origin) = headers.get(ORIGIN) else { return true };
    let origin = origin.to_str().ok().and_then(|origin| origin.parse::<Uri>().ok());
    let host = headers.get(HOST).and_then(|host| host.to_str().ok());
    let page = origin.as_ref().and_then(Uri::authority).map(|authority| authority.as_str());
    page.is_some() && page == host
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_of_other_sites_are_known() {
        for (origin, host, own) in [
            (None, "127.0.0.1:7700", true),
            (Some("http://127.0.0.1:7700"), "127.0.0.1:7700", true),
            (Some("https://beidou.example"), "beidou.example", true),
            (Some("http://127.0.0.1:7701"), "127.0.0.1:7700", false),
            (Some("https://evil.example"), "beidou.example", false),
            (Some("null"), "beidou.example", false),
            (Some(""), "beidou.example", false),
        ] {
            let mut headers = HeaderMap::from_iter([(HOST, host.parse().unwrap())]);
            if let Some(origin) = origin {
                headers.insert(ORIGIN, origin.parse().unwrap());
            }
            assert_eq!(is_own(&headers), own, "{origin:?} {host}");
        }
    }
}
