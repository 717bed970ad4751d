//! The web console, as files in the binary: compressed when they were built, sent as they are.
//!
//! ```text
//!  GET /assets/app-4f2a.js   a file: for ever, its name has its hash          brotli, gzip, or unpacked
//!  GET /events               no file, and a browser asks: index.html          ETag, asked again each time
//!  GET /api/…, anything else                                                  404 as ever
//! ```

mod encoding;
mod file;

use std::sync::Arc;

use axum::{
    extract::{Request, State},
    http::{HeaderMap, Method, Uri, header::ACCEPT},
    response::{IntoResponse, Response},
};

pub(crate) use self::file::File;
use crate::{
    app::App,
    pages,
    problem::{Kind, Problem},
};

/// What `make console` built; empty where it was not asked for.
static FILES: &[File] = include!(concat!(env!("OUT_DIR"), "/console.rs"));
const INDEX: &str = "index.html";

/// Whether this binary has the console.
pub fn has_console() -> bool {
    find(FILES, INDEX).is_some()
}

/// `/`
pub(crate) async fn index(headers: HeaderMap) -> Response {
    match find(FILES, INDEX) {
        Some(index) => index.answer(&headers),
        None => pages::index().await,
    }
}

/// Every path that no route took.
pub(crate) async fn fallback(State(_): State<Arc<App>>, request: Request) -> Response {
    match chosen(FILES, request.method(), request.uri(), request.headers()) {
        Some(file) => file.answer(request.headers()),
        None => Problem::new(Kind::NotFound, "there is nothing at this path").into_response(),
    }
}

fn find(files: &'static [File], path: &str) -> Option<&'static File> {
    files.iter().find(|file| file.path == path)
}

/// The file that a request means: itself, or the console's page, which reads the path by itself.
fn chosen(files: &'static [File], method: &Method, uri: &Uri, headers: &HeaderMap) -> Option<&'static File> {
    let path = uri.path().trim_start_matches('/');
    if !matches!(*method, Method::GET | Method::HEAD) || path.starts_with("api/") {
        return None;
    }
    let wanted = headers.get(ACCEPT).and_then(|accept| accept.to_str().ok()).unwrap_or_default();
    find(files, path).or_else(|| wanted.contains("text/html").then(|| find(files, INDEX)).flatten())
}

#[cfg(test)]
mod tests {
    use super::*;

    static SITE: &[File] = &[
        File { path: INDEX, kind: "text/html", tag: "aa", brotli: b"", gzip: b"" },
        File { path: "assets/a-1.js", kind: "text/javascript", tag: "bb", brotli: b"", gzip: b"" },
    ];

    #[test]
    fn a_browser_gets_the_page_at_every_path_and_programs_get_404() {
        let table = [
            (Method::GET, "/assets/a-1.js", "*/*", Some("assets/a-1.js")),
            (Method::HEAD, "/assets/a-1.js", "*/*", Some("assets/a-1.js")),
            (Method::GET, "/assets/a-2.js", "*/*", None),
            (Method::GET, "/events?q=kind:Pod", "text/html,*/*;q=0.8", Some(INDEX)),
            (Method::GET, "/o/c/Pod/ns/name", "text/html", Some(INDEX)),
            (Method::GET, "/events", "application/json", None),
            (Method::GET, "/events", "", None),
            (Method::GET, "/api/v1/nothing", "text/html", None),
            (Method::POST, "/events", "text/html", None),
        ];
        for (method, uri, accept, expected) in table {
            let headers = HeaderMap::from_iter([(ACCEPT, accept.parse().unwrap())]);
            let file = chosen(SITE, &method, &uri.parse().unwrap(), &headers);
            assert_eq!(file.map(|file| file.path), expected, "{method} {uri} {accept}");
        }
        let none = chosen(&[], &Method::GET, &"/events".parse().unwrap(), &HeaderMap::new());
        assert!(none.is_none(), "no console was built");
    }
}
