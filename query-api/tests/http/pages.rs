//! Pages and documents: what a browser and a client generator see.

use std::path::Path;

use beidou_query_api::openapi::document;

use crate::support::{TOKEN, answer, log, without_store};

/// Compares with the committed document; `UPDATE_OPENAPI=1` writes it.
#[test]
fn the_api_document_is_the_committed_one() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("openapi.json");
    if std::env::var_os("UPDATE_OPENAPI").is_some() {
        std::fs::write(&path, document()).unwrap();
    }
    let committed = std::fs::read_to_string(&path).unwrap();
    let (made, committed): (Vec<_>, Vec<_>) =
        (document().lines().map(str::to_owned).collect(), committed.lines().map(str::to_owned).collect());
    let first = made.iter().zip(&committed).position(|(a, b)| a != b).unwrap_or(made.len().min(committed.len()));
    let hint = "the API has changed: look at the difference, then UPDATE_OPENAPI=1 cargo test -p beidou-query-api";
    assert_eq!(made.get(first), committed.get(first), "line {}; {hint}", first + 1);
}

#[test]
fn every_documented_parameter_is_read_and_every_read_one_documented() {
    let document: serde_json::Value = serde_json::from_str(&document()).unwrap();
    assert_eq!(document["openapi"], "3.1.0");
    let paths = document["paths"].as_object().unwrap();
    let calls: Vec<_> = paths.keys().map(String::as_str).collect();
    for expected in [
        "/api/v1/events",
        "/api/v1/events/{cluster}/{uid}",
        "/api/v1/objects/{cluster}/{kind}/{namespace}/{name}/timeline",
        "/api/v1/clusters",
        "/api/v1/coverage",
        "/api/v1/rejects",
        "/api/v1/events/tail",
        "/healthz",
        "/readyz",
        "/metrics",
    ] {
        assert!(calls.contains(&expected), "{expected}");
    }
}

#[tokio::test]
async fn refusals_list_exactly_the_documented_parameters() {
    let api = without_store(log()).await;
    let document: serde_json::Value = serde_json::from_str(&document()).unwrap();
    for (path, call) in document["paths"].as_object().unwrap().iter().filter(|(path, _)| path.starts_with("/api/")) {
        let Some(call) = call.get("get") else { continue };
        let parameters = call["parameters"].as_array().cloned().unwrap_or_default();
        let of_query = parameters.iter().filter(|p| p["in"] == "query");
        let mut documented: Vec<_> = of_query.map(|p| p["name"].as_str().unwrap()).collect();
        let concrete = path.replace(['{', '}'], "");
        let refused = api.get(&format!("{concrete}?no_such_parameter=1")).await.json();
        let allowed = refused["parameter"]["allowed"].as_str().unwrap().to_owned();
        let mut allowed: Vec<_> = allowed.split(", ").collect();
        if documented.is_empty() {
            documented.push("none");
        }
        documented.sort_unstable();
        allowed.sort_unstable();
        assert_eq!(documented, allowed, "{path}");
    }
}

#[tokio::test]
async fn pages_are_self_contained() {
    let api = without_store(log()).await;
    for path in ["/api/reference", "/problems/time-limit"] {
        let page = answer(api.client.get(format!("{}{path}", api.url)).header("accept", "text/html")).await;
        assert!(page.header("content-type").starts_with("text/html"), "{path}");
        let policy = page.header("content-security-policy");
        assert!(policy.starts_with("default-src 'none'") && !policy.contains("script"), "{path}: {policy}");
        for outside in ["http://", "https://", "<script", "src=", "@import", "url("] {
            assert!(!page.text.contains(outside), "{path} has {outside}");
        }
    }
    assert_eq!(api.bare("/openapi.json").await.text, document());
}

/// With the console built, its page at every path that a browser asks for; without, the way to get it.
#[tokio::test]
async fn the_root_is_the_console_or_says_how_to_get_it() {
    let api = without_store(log()).await;
    let built = Path::new(env!("CARGO_MANIFEST_DIR")).join("../console/dist/files.txt").exists();
    let page = |path: &'static str| answer(api.client.get(format!("{}{path}", api.url)).header("accept", "text/html"));
    let index = page("/").await;
    let policy = index.header("content-security-policy");
    assert!(policy.starts_with("default-src 'none'"), "{policy}");
    assert!(built == policy.contains("script-src 'self'"), "{policy}");
    assert!(built != index.text.contains("make console"), "{}", index.text);
    assert_eq!(page("/events").await.status, if built { 200 } else { 404 });
    assert_eq!(page("/api/v1/nothing").await.status, 404);
    assert_eq!(api.bare("/events").await.status, 404, "a program does not ask for a page");
}

#[tokio::test]
async fn a_page_of_another_site_cannot_write() {
    let api = without_store(log()).await;
    let save = |origin: &str| {
        let call = api.client.put(format!("{}/api/v1/queries/a", api.url)).bearer_auth(TOKEN);
        answer(call.header("origin", origin.to_owned()).json(&serde_json::json!({"line": "kind:Pod"})))
    };
    let refused = save("https://evil.example").await;
    assert_eq!((refused.status, refused.json()["type"].clone()), (403, "/problems/foreign-origin".into()));
    assert_ne!(save(&api.url).await.status, 403);
}

#[tokio::test]
async fn each_type_of_problem_explains_itself() {
    let api = without_store(log()).await;
    let told = api.bare("/problems/bad-cursor").await.json();
    assert_eq!(told["type"], "/problems/bad-cursor");
    assert!(told["explanation"].as_str().unwrap().contains("first page"));
}

#[tokio::test]
async fn long_answers_are_compressed_for_who_takes_them_so() {
    use std::io::Read;
    let api = without_store(log()).await;
    let ask = |path: &str, encoding: &'static str| api.request(path).header("accept-encoding", encoding);
    let plain = api.bare("/openapi.json").await;
    assert_eq!(plain.header("content-encoding"), "");

    let packed = ask("/openapi.json", "gzip").send().await.unwrap();
    assert_eq!(packed.headers()["content-encoding"], "gzip");
    assert!(packed.headers().get_all("vary").iter().any(|value| value.to_str().unwrap().contains("accept-encoding")));
    let packed = packed.bytes().await.unwrap();
    assert!(packed.len() * 4 < plain.text.len(), "{} of {}", packed.len(), plain.text.len());
    let mut text = String::new();
    flate2::read::GzDecoder::new(&packed[..]).read_to_string(&mut text).unwrap();
    assert_eq!(text, plain.text);

    assert_eq!(ask("/openapi.json", "zstd").send().await.unwrap().headers()["content-encoding"], "zstd");
    // Short ones gain nothing, and a stream is said as it comes.
    for path in ["/healthz", "/api/v1/operations/bundles", "/api/v1/events/tail"] {
        assert_eq!(ask(path, "gzip").send().await.unwrap().headers().get("content-encoding"), None, "{path}");
    }
}
