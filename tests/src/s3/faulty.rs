//! A proxy before an S3 server that refuses requests, or loses their answers.

use std::{
    net::Ipv4Addr,
    path::PathBuf,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
};

use axum::{
    Router,
    body::{Body, to_bytes},
    extract::{Request, State},
    http::{Method, StatusCode},
    response::{IntoResponse, Response},
};
use tokio::net::TcpListener;

use super::Server;
use crate::beidou::http;

/// What happens to requests that change something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// They are refused with 500, so many of them.
    Refuses(usize),
    /// So many are done, and their answer is 500.
    DoesAndRefuses(usize),
    /// So many are done, and nobody answers.
    DoesAndIsSilent(usize),
    /// All are done, over what is there: as a store does that knows no conditions.
    PutsOver,
}

/// A server that clients reach only through the proxy.
pub struct Proxied {
    /// The server itself, for what goes past the proxy.
    pub server: Server,
    /// The proxy's.
    pub url: String,
    state: Arc<Proxy>,
}

struct Proxy {
    target: String,
    data: PathBuf,
    client: reqwest::Client,
    fault: Mutex<Fault>,
    /// Faults that have happened.
    happened: AtomicUsize,
    /// Parts of files that were sent.
    parts: AtomicUsize,
}

impl Proxied {
    /// Starts both.
    ///
    /// # Errors
    /// As [`Server::start`].
    pub async fn start() -> anyhow::Result<Self> {
        let server = Server::start().await?;
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let url = format!("http://{}", listener.local_addr()?);
        let (fault, happened) = (Mutex::new(Fault::Refuses(0)), AtomicUsize::new(0));
        let (target, data) = (server.url(), server.data());
        let state = Arc::new(Proxy { target, data, client: http(), fault, happened, parts: AtomicUsize::new(0) });
        let router = Router::new().fallback(pass).with_state(Arc::clone(&state));
        tokio::spawn(async move { axum::serve(listener, router).await });
        Ok(Self { server, url, state })
    }

    /// From now on.
    pub fn set(&self, fault: Fault) {
        // Under the one lock, so that no request falls between the two.
        let mut now = self.state.fault.lock().unwrap_or_else(PoisonError::into_inner);
        *now = fault;
        self.state.happened.store(0, Ordering::SeqCst);
    }

    /// Parts of files that were sent.
    #[must_use]
    pub fn parts(&self) -> usize {
        self.state.parts.load(Ordering::SeqCst)
    }

    /// How often the fault has happened since it was set.
    #[must_use]
    pub fn happened(&self) -> usize {
        self.state.happened.load(Ordering::SeqCst)
    }
}

impl Proxy {
    /// What happens to the next request that changes something.
    fn next(&self) -> Option<Fault> {
        let mut fault = self.fault.lock().unwrap_or_else(PoisonError::into_inner);
        let (now, next) = match *fault {
            Fault::PutsOver => (true, Fault::PutsOver),
            Fault::Refuses(left) => (left > 0, Fault::Refuses(left.saturating_sub(1))),
            Fault::DoesAndRefuses(left) => (left > 0, Fault::DoesAndRefuses(left.saturating_sub(1))),
            Fault::DoesAndIsSilent(left) => (left > 0, Fault::DoesAndIsSilent(left.saturating_sub(1))),
        };
        let happens = now.then_some(*fault);
        *fault = next;
        self.happened.fetch_add(usize::from(now), Ordering::SeqCst);
        happens
    }
}

/// Whether a request makes an object: a put, or the end of an upload in parts.
fn makes(request: &Request) -> bool {
    let query = request.uri().query().unwrap_or_default();
    match *request.method() {
        Method::PUT => !query.contains("partNumber="),
        Method::POST => query.contains("uploadId="),
        _ => false,
    }
}

async fn pass(State(proxy): State<Arc<Proxy>>, request: Request) -> Response {
    let of_part = request.uri().query().is_some_and(|query| query.contains("partNumber="));
    proxy.parts.fetch_add(usize::from(of_part), Ordering::SeqCst);
    let fault = if makes(&request) { proxy.next() } else { None };
    match fault {
        Some(Fault::Refuses(_)) => refused(),
        Some(Fault::DoesAndRefuses(_)) => {
            forward(&proxy, request).await;
            refused()
        }
        Some(Fault::DoesAndIsSilent(_)) => {
            forward(&proxy, request).await;
            std::future::pending().await
        }
        Some(Fault::PutsOver) => {
            let object = proxy.data.join(request.uri().path().trim_start_matches('/'));
            // There may be none.
            let _ = std::fs::remove_file(object);
            forward(&proxy, request).await
        }
        None => forward(&proxy, request).await,
    }
}

fn refused() -> Response {
    let text = "<Error><Code>InternalError</Code><Message>planted</Message></Error>";
    (StatusCode::INTERNAL_SERVER_ERROR, text).into_response()
}

/// The request as it came, its host too, since that is signed. A server that does not answer is a gateway's error.
async fn forward(proxy: &Proxy, request: Request) -> Response {
    let answered = async {
        let (parts, body) = request.into_parts();
        let path = parts.uri.path_and_query().map_or("/", |path| path.as_str());
        let body = to_bytes(body, usize::MAX).await?;
        let request = proxy.client.request(parts.method, format!("{}{path}", proxy.target));
        let sent = request.headers(parts.headers).body(body).send().await?;
        let (status, headers) = (sent.status(), sent.headers().clone());
        let mut answer = Response::new(Body::from(sent.bytes().await?));
        (*answer.status_mut(), *answer.headers_mut()) = (status, headers);
        anyhow::Ok(answer)
    };
    answered.await.unwrap_or_else(|_error| StatusCode::BAD_GATEWAY.into_response())
}
