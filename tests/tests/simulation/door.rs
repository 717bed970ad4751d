//! The way from a collector to the simulated API server: kube's own client, the server's own routes, and no socket between.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use axum::{Router, body::Body};
use futures::StreamExt;
use http::{HeaderValue, Method, Request, Response, header};
use tokio::sync::Notify;
use tower::ServiceExt;

use super::{
    hands::{Hands, pass},
    trace::Trace,
    weather::{Fate, Weather},
};

type Failure = Box<dyn std::error::Error + Send + Sync>;

/// The network before one API server.
pub struct Network {
    pub router: Router,
    pub token: String,
    pub weather: Weather,
    pub trace: Trace,
    pub breaks: Breaks,
}

/// Breaks of all connections.
#[derive(Default)]
pub struct Breaks {
    turn: AtomicU64,
    told: Notify,
}

impl Breaks {
    /// Breaks all connections.
    pub fn all(&self) {
        self.turn.fetch_add(1, Ordering::SeqCst);
        self.told.notify_waiters();
    }

    fn turn(&self) -> u64 {
        self.turn.load(Ordering::SeqCst)
    }

    /// Waits for a break after that turn.
    async fn after(&self, turn: u64) {
        loop {
            let told = self.told.notified();
            tokio::pin!(told);
            told.as_mut().enable();
            if self.turn() != turn {
                return;
            }
            told.await;
        }
    }
}

/// A way through it, for one life of a collector.
pub struct Door {
    pub network: Arc<Network>,
    pub collector: String,
    pub hands: Hands,
}

impl Door {
    /// A client that goes this way.
    pub fn client(self: &Arc<Self>) -> kube::Client {
        let door = self.clone();
        let service = tower::service_fn(move |request: Request<kube::client::Body>| {
            let door = door.clone();
            async move { door.ask(request.map(Body::new)).await }
        });
        kube::Client::new(service, "default")
    }

    async fn ask(self: Arc<Self>, mut request: Request<Body>) -> Result<Response<Body>, Failure> {
        self.hands.pass().await;
        let Network { router, token, weather, trace, breaks } = &*self.network;
        let headers = request.headers_mut();
        headers.insert(header::USER_AGENT, HeaderValue::from_str(&self.collector)?);
        headers.insert(header::AUTHORIZATION, HeaderValue::from_str(&format!("Bearer {token}"))?);
        let what = format!("{} {}", request.method(), request.uri().path());
        let (fate, there, back) = weather.next();
        // What was read is as if it had not been asked, but for the judge: a list that was answered counts as one that has come.
        let is_list = request.uri().path() == "/api/v1/events" && !request.uri().query().is_some_and(is_watch);
        let fate = if request.method() == Method::GET && fate == Fate::Unclear { Fate::Refused } else { fate };
        let turn = breaks.turn();
        pass(there).await;
        if fate == Fate::Refused {
            trace.note(&self.collector, format_args!("{what}: no connection"));
            return Err("connection refused".into());
        }
        // What has arrived is answered, whoever waits for it.
        let answering = tokio::spawn(router.clone().oneshot(request));
        let answer = tokio::select! {
            biased;
            () = breaks.after(turn), if !is_list => return Err("connection reset".into()),
            answer = answering => answer??,
        };
        trace.note(&self.collector, format_args!("{what}: {} {fate:?}", answer.status().as_u16()));
        pass(back).await;
        self.hands.pass().await;
        if fate == Fate::Unclear {
            return Err("connection reset".into());
        }
        if is_list {
            return Ok(answer);
        }
        let (parts, body) = answer.into_parts();
        Ok(Response::from_parts(parts, self.clone().through(body, turn)))
    }

    /// The body, as it comes through hands and network.
    fn through(self: Arc<Self>, body: Body, turn: u64) -> Body {
        let chunks = futures::stream::unfold(
            (self, body.into_data_stream(), false),
            move |(door, mut body, ended)| async move {
                if ended {
                    return None;
                }
                let next = tokio::select! {
                    biased;
                    () = door.network.breaks.after(turn) => Some(Err(axum::Error::new("connection reset"))),
                    chunk = body.next() => chunk,
                }?;
                door.hands.pass().await;
                let ended = next.is_err();
                Some((next, (door, body, ended)))
            },
        );
        Body::from_stream(chunks)
    }
}

fn is_watch(query: &str) -> bool {
    query.split('&').any(|part| part == "watch=1")
}
