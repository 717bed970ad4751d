//! A small HTTP server for processes that serve nothing else: `/healthz`, `/readyz`, `/metrics`.

use axum::{
    Json, Router,
    http::{StatusCode, header::CONTENT_TYPE},
    routing::get,
};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::{Metrics, Readiness, metrics};

/// The three routes, for a server of one's own.
pub fn router(readiness: Readiness, metrics: Metrics) -> Router {
    let ready = move || async move {
        let status = if readiness.is_ready() { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
        (status, Json(readiness.parts()))
    };
    Router::new()
        .route("/healthz", get(|| async { "ok\n" }))
        .route("/readyz", get(ready))
        .route("/metrics", get(|| async move { ([(CONTENT_TYPE, metrics::CONTENT_TYPE)], metrics.encode()) }))
}

/// Serves the three routes until the token is cancelled.
///
/// # Errors
/// When the listener fails.
pub async fn serve(
    listener: TcpListener,
    readiness: Readiness,
    metrics: Metrics,
    stop: CancellationToken,
) -> std::io::Result<()> {
    axum::serve(listener, router(readiness, metrics)).with_graceful_shutdown(stop.cancelled_owned()).await
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    async fn get(port: u16, path: &str) -> String {
        let mut stream = tokio::net::TcpStream::connect(("127.0.0.1", port)).await.unwrap();
        let request = format!("GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        answer
    }

    #[tokio::test]
    async fn tells_what_it_waits_for() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let (readiness, stop) = (Readiness::default(), CancellationToken::new());
        let part = readiness.part("store");
        part.waiting("the engine starts");
        let server = tokio::spawn(serve(listener, readiness, Metrics::default(), stop.clone()));

        assert!(get(port, "/healthz").await.starts_with("HTTP/1.1 200"));
        let answer = get(port, "/readyz").await;
        assert!(answer.starts_with("HTTP/1.1 503") && answer.contains("the engine starts"), "{answer}");
        part.ready();
        assert!(get(port, "/readyz").await.starts_with("HTTP/1.1 200"));
        assert!(get(port, "/metrics").await.ends_with("# EOF\n"));

        stop.cancel();
        server.await.unwrap().unwrap();
    }
}
