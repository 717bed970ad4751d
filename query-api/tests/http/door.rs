//! Who is let in, and what errors look like.

use beidou_query_api::{QueryApiConfig, bind};
use beidou_store::Store;

use crate::support::{Api, TOKEN, answer, client, config, log, start, without_store};

async fn api() -> Api {
    without_store(log()).await
}

#[tokio::test]
async fn calls_need_a_token_and_pages_do_not() {
    let api = api().await;
    for path in ["/api/v1/events", "/api/v1/clusters", "/api/v1/events/tail", "/metrics", "/api/v1/coverage"] {
        let refused = api.bare(path).await;
        assert_eq!(refused.status, 401, "{path}");
        assert_eq!(refused.json()["type"], "/problems/unauthenticated");
        assert!(refused.header("www-authenticate").starts_with("Bearer"));
        assert_eq!(refused.header("content-type"), "application/problem+json");
        let wrong = answer(api.client.get(format!("{}{path}", api.url)).bearer_auth("wrong-token-wrong-1")).await;
        assert_eq!(wrong.status, 401, "{path}");
        let in_url = api.bare(&format!("{path}?access_token={TOKEN}")).await;
        assert_eq!(in_url.status, 401, "a token in a URL ends in logs: {path}");
    }
    for path in ["/", "/healthz", "/api/reference", "/openapi.json", "/problems/bad-cursor"] {
        assert_eq!(api.bare(path).await.status, 200, "{path}");
    }
    assert_eq!(api.get("/metrics").await.status, 200);
}

#[tokio::test]
async fn anonymous_callers_are_let_in_only_where_that_is_set() {
    let open = QueryApiConfig { anonymous: true, tokens: Vec::new(), ..config() };
    let api = start(open, log(), Store::embedded(std::path::Path::new("/nowhere"))).await;
    assert_eq!(api.bare("/metrics").await.status, 200);
}

#[tokio::test]
async fn problems_name_parameter_value_and_what_is_allowed() {
    let api = api().await;
    let cursor = "/api/v1/events?cursor=bm9uc2Vuc2U";
    for (path, status, kind, name) in [
        ("/api/v1/events?knid=Pod", 400, "unknown-parameter", "knid"),
        ("/api/v1/events?limit=0", 400, "bad-parameter", "limit"),
        ("/api/v1/events?limit=1001", 400, "bad-parameter", "limit"),
        ("/api/v1/events?from=yesterday", 400, "bad-parameter", "from"),
        ("/api/v1/events?from=-1h&to=-2h", 400, "bad-parameter", "from"),
        ("/api/v1/events?found_by=luck", 400, "bad-parameter", "found_by"),
        ("/api/v1/events?uid=a%20b", 400, "bad-parameter", "uid"),
        ("/api/v1/events?uid=5F3C1B0E-0000-4000-8000-00000000000A", 400, "bad-parameter", "uid"),
        ("/api/v1/events/c/5F3C1B0E-0000-4000-8000-00000000000A", 400, "bad-parameter", "uid"),
        ("/api/v1/events?q=%ff", 400, "bad-parameter", "q"),
        ("/api/v1/events?text=", 400, "bad-parameter", "text"),
        ("/api/v1/events?kind=Pod,,Node", 400, "bad-parameter", "kind"),
        (cursor, 400, "bad-cursor", "cursor"),
        ("/api/v1/events/c/uid?from=-1h", 400, "unknown-parameter", "from"),
        ("/api/v1/coverage?state=fine", 400, "bad-parameter", "state"),
        ("/api/v1/rejects?reason=odd", 400, "bad-parameter", "reason"),
        ("/api/v1/events/tail?from=-1h", 400, "unknown-parameter", "from"),
        ("/api/v1/events/tail?after=xyz", 400, "bad-position", "after"),
    ] {
        let refused = api.get(path).await;
        let body = refused.json();
        assert_eq!((refused.status, body["type"].as_str()), (status, Some(&*format!("/problems/{kind}"))), "{path}");
        assert_eq!(body["parameter"]["name"], name, "{path}");
        assert!(!body["parameter"]["allowed"].as_str().unwrap().is_empty(), "{path}");
        assert_eq!(body["status"], status);
        assert_eq!(body["instance"], format!("urn:uuid:{}", refused.header("x-request-id")), "{path}");
    }
}

#[tokio::test]
async fn an_absent_store_is_told_as_such() {
    let api = api().await;
    for path in ["/api/v1/events", "/api/v1/clusters", "/api/v1/objects/c/Pod/ns/p/timeline", "/api/v1/rejects"] {
        let away = api.get(path).await;
        assert_eq!((away.status, away.json()["type"].as_str()), (503, Some("/problems/store-away")), "{path}");
        assert!(away.header("retry-after").parse::<u32>().unwrap() > 0);
        assert!(!away.text.contains("/nowhere"), "internals stay inside: {}", away.text);
    }
    let ready = api.bare("/readyz").await;
    assert_eq!((ready.status, ready.json()["ready"].as_bool()), (503, Some(false)));
    assert_eq!(ready.json()["parts"]["query-api/log"], "ready");
    assert_ne!(ready.json()["parts"]["query-api/store"], "ready");
    assert_eq!(api.bare("/healthz").await.status, 200, "alive all the same");
}

#[tokio::test]
async fn what_is_not_there_is_told_as_such() {
    let api = api().await;
    let bad_path = api.get("/api/v1/events/%ff/uid").await;
    assert_eq!((bad_path.status, bad_path.json()["type"].as_str()), (400, Some("/problems/bad-parameter")));
    let body = answer(api.request("/api/v1/events").body("x".repeat(20_000))).await;
    assert_eq!((body.status, body.json()["type"].as_str()), (413, Some("/problems/too-large")));
    for (path, kind) in [("/api/v2/events", "not-found"), ("/problems/none", "not-found")] {
        let missing = api.get(path).await;
        assert_eq!((missing.status, missing.json()["type"].as_str()), (404, Some(&*format!("/problems/{kind}"))));
    }
    let post = answer(api.client.post(format!("{}/api/v1/events", api.url)).bearer_auth(TOKEN)).await;
    assert_eq!((post.status, post.json()["type"].as_str()), (405, Some("/problems/method-not-allowed")));
}

#[tokio::test]
async fn requests_are_counted_by_route_not_by_path() {
    let api = api().await;
    api.get("/api/v1/objects/c/Pod/ns/some-pod/timeline").await;
    api.get("/no/such/path").await;
    let metrics = api.get("/metrics").await;
    assert!(metrics.header("content-type").starts_with("application/openmetrics-text"));
    let route = "route=\"/api/v1/objects/{cluster}/{kind}/{namespace}/{name}/timeline\",status=\"503\"";
    assert!(metrics.text.contains(&format!("beidou_query_api_requests_total{{{route}}} 1")), "{}", metrics.text);
    assert!(!metrics.text.contains("some-pod") && !metrics.text.contains("/no/such"));
}

#[tokio::test]
async fn an_occupied_port_is_named() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let listen = taken.local_addr().unwrap();
    let error = bind(QueryApiConfig { listen, ..config() }).await.err().unwrap().to_string();
    assert!(error.contains(&listen.to_string()) && error.contains("query_api.listen"), "{error}");
}

#[tokio::test]
async fn tls_files_are_served_and_bad_ones_refused() {
    let folder = tempfile::tempdir().unwrap();
    let (cert, key) = (folder.path().join("cert.pem"), folder.path().join("key.pem"));
    let made = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
    std::fs::write(&cert, made.cert.pem()).unwrap();
    std::fs::write(&key, made.signing_key.serialize_pem()).unwrap();
    let tls = QueryApiConfig { tls_cert: Some(cert.clone()), tls_key: Some(key.clone()), ..config() };
    let api = start(tls.clone(), log(), Store::embedded(std::path::Path::new("/nowhere"))).await;
    assert!(api.url.starts_with("https://"));
    let root = reqwest::Certificate::from_pem(made.cert.pem().as_bytes()).unwrap();
    let _ = client();
    let trusting = reqwest::Client::builder().no_proxy().tls_certs_only([root]).build().unwrap();
    assert_eq!(answer(trusting.get(format!("{}/healthz", api.url))).await.status, 200);

    let everywhere = bind(QueryApiConfig { listen: ([0, 0, 0, 0], 0).into(), ..tls.clone() }).await.unwrap();
    let (url, port) = (everywhere.url(), everywhere.address().port());
    let host = url.strip_prefix("https://").unwrap().strip_suffix(&format!(":{port}")).unwrap();
    assert!(!host.is_empty() && host.parse::<std::net::IpAddr>().is_err(), "a name to call: {url}");

    std::fs::write(&key, "no key").unwrap();
    let error = bind(tls).await.err().unwrap().to_string();
    assert!(error.contains("query_api.tls_key"), "{error}");
}

#[tokio::test]
async fn the_role_ends_when_it_is_told_to() {
    let mut api = api().await;
    let (mut tail, _) = crate::support::sse::Tail::open(&api, "", None).await;
    api.stop.cancel();
    assert!(tail.frame().await.is_none(), "tails are ended");
    (&mut api.serving).await.unwrap().unwrap();
}
