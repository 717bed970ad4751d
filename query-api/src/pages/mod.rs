//! Pages for people with a browser: what this is, the API reference, what a problem means. No data, no token, no script,
//! nothing from elsewhere.

mod html;
mod reference;

use std::sync::LazyLock;

use axum::{
    extract::Path,
    http::{
        HeaderMap,
        header::{
            ACCEPT, CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS,
        },
    },
    response::{Html, IntoResponse, Response},
};
use serde_json::json;

use self::html::{code_spans, escape, page};
use crate::{
    openapi,
    problem::{Kind, Problem},
};

const POLICY: &str =
    "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

static DOCUMENT: LazyLock<String> = LazyLock::new(openapi::document);
static REFERENCE: LazyLock<String> = LazyLock::new(|| reference::render(&DOCUMENT));

fn show(html: String) -> Response {
    let headers = [
        (CONTENT_SECURITY_POLICY, POLICY),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (REFERRER_POLICY, "no-referrer"),
        (CACHE_CONTROL, "no-cache"),
    ];
    (headers, Html(html)).into_response()
}

/// `/`
pub(crate) async fn index() -> Response {
    show(page("Beidou", INDEX))
}

/// `/api/reference`
pub(crate) async fn reference() -> Response {
    show(REFERENCE.clone())
}

/// `/openapi.json`
pub(crate) async fn document() -> Response {
    ([(CONTENT_TYPE, "application/json"), (CACHE_CONTROL, "no-cache")], DOCUMENT.clone()).into_response()
}

/// `/problems/{slug}`: for people as HTML, for programs as JSON.
pub(crate) async fn problem(Path(slug): Path<String>, headers: HeaderMap) -> Response {
    let Some(kind) = Kind::ALL.iter().find(|kind| kind.slug() == slug) else {
        return Problem::new(Kind::NotFound, "there is no such type of problem").into_response();
    };
    let wanted = headers.get(ACCEPT).and_then(|accept| accept.to_str().ok()).unwrap_or_default();
    if wanted.contains("text/html") {
        let body = format!(
            "<h1>{}</h1><p class=meta>HTTP {} · <code>/problems/{}</code></p><p>{}</p><p><a href=/api/reference>API reference</a></p>",
            escape(kind.title()),
            kind.status().as_u16(),
            kind.slug(),
            code_spans(kind.explanation()),
        );
        return show(page(kind.title(), &body));
    }
    let told = json!({
        "type": format!("/problems/{}", kind.slug()),
        "title": kind.title(),
        "status": kind.status().as_u16(),
        "explanation": kind.explanation(),
    });
    axum::Json(told).into_response()
}

const INDEX: &str = r#"<h1>Beidou</h1>
<p class=lead>Keeps the Kubernetes Events of many clusters, and finds them again long after the clusters have forgotten them.</p>
<p>This is the query API. There is no data on this page; calls need a token. This binary was built without the web console:
<code>make console</code> builds it (Node.js is needed), and the next build of the binary takes it in.</p>
<ul>
<li><a href=/api/reference>API reference</a> – every call with its parameters and answers</li>
<li><a href=/openapi.json>openapi.json</a> – the same as OpenAPI 3.1, for tools and client generators</li>
<li><a href=/readyz>readyz</a> – whether everything serves, and what it waits for</li>
</ul>
<h2>A first question</h2>
<pre>beidou events --since 1h
beidou timeline pod/NAME -n NAMESPACE
curl -H "Authorization: Bearer $TOKEN" "$URL/api/v1/events?type=Warning&amp;from=-1h"</pre>
<p>The command line finds address and token by itself: <code>beidou up</code> and <code>beidou demo</code> write them into its context file.</p>
<p>Every answer says how completely its range of time is known (<code>coverage</code>): "nothing found" is a proof only where it is complete.</p>"#;
