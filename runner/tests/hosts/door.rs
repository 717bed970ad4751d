//! The door of the tests: what the controllers promise to a runner, with nothing behind it but memory.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex},
};

use axum::{
    Json, Router,
    body::Bytes,
    extract::{DefaultBodyLimit, Query, State},
    http::{HeaderMap, StatusCode},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use beidou_schemas::runner::{
    Assignment, BUNDLE_PATH, CLAIM_PATH, Caller, Claim, Command, EVENTS_PATH, Events, FACTS_PATH, FINISH_PATH, Finish,
    HEARTBEAT_PATH, Heartbeat, Refusal, Refused, Taken, TaskEvent, TaskEventKind,
};
use beidou_service::held_port::HeldPort;
use tokio::{net::TcpListener, task::JoinHandle};
use uuid::Uuid;

pub const TOKEN: &str = "token-of-one-attempt-0123456789";

/// What is known of one attempt.
#[derive(Default)]
pub struct Attempt {
    pub assignment: Option<Assignment>,
    pub runner: Option<Uuid>,
    pub events: Vec<TaskEvent>,
    pub facts: Option<Vec<u8>>,
    pub finish: Option<Finish>,
    pub cancel: bool,
    pub heartbeats: u32,
    /// Answers of the next requests that are lost on the way: what was asked is done.
    pub lose_answers: VecDeque<()>,
}

impl Attempt {
    /// What its programs printed.
    pub fn output(&self) -> String {
        let printed = self.events.iter().filter(|event| event.kind == TaskEventKind::Output);
        printed.filter_map(|event| event.message.as_deref()).collect()
    }
}

type Shared = Arc<Mutex<Attempt>>;

/// A running door. It may go and come back on its port.
pub struct Door {
    pub attempt: Shared,
    port: HeldPort,
    server: Option<JoinHandle<()>>,
}

impl Door {
    pub async fn open(assignment: Assignment) -> anyhow::Result<Self> {
        let attempt = Attempt { assignment: Some(assignment), ..Attempt::default() };
        let mut door = Self { attempt: Arc::new(Mutex::new(attempt)), port: HeldPort::any()?, server: None };
        door.reopen().await?;
        Ok(door)
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.port.address())
    }

    /// Gone: connections are refused.
    pub async fn close(&mut self) {
        if let Some(server) = self.server.take() {
            server.abort();
            let _ = server.await;
        }
    }

    pub async fn reopen(&mut self) -> anyhow::Result<()> {
        let listener = TcpListener::bind(self.port.address()).await?;
        self.serve(listener);
        Ok(())
    }

    pub fn look<T>(&self, look: impl FnOnce(&mut Attempt) -> T) -> T {
        look(&mut self.attempt.lock().unwrap())
    }

    fn serve(&mut self, listener: TcpListener) {
        let router = Router::new()
            .route(CLAIM_PATH, post(claim))
            .route(EVENTS_PATH, post(events))
            .route(HEARTBEAT_PATH, post(heartbeat))
            .route(FINISH_PATH, post(finish))
            .route(FACTS_PATH, get(facts).put(keep_facts))
            .route(BUNDLE_PATH, get(async || StatusCode::NOT_FOUND))
            .layer(DefaultBodyLimit::max(2 << 20))
            .with_state(self.attempt.clone());
        self.server = Some(tokio::spawn(async move {
            let _ = axum::serve(listener, router).await;
        }));
    }
}

/// Does something for a runner that has the right token and, past the claim, the attempt.
fn with(shared: &Shared, headers: &HeaderMap, runner: Uuid, act: impl FnOnce(&mut Attempt) -> Response) -> Response {
    let token = headers.get("authorization").and_then(|value| value.to_str().ok());
    if token != Some(&format!("Bearer {TOKEN}")) {
        return StatusCode::UNAUTHORIZED.into_response();
    }
    let mut attempt = shared.lock().unwrap();
    if attempt.runner != Some(runner) {
        return refused(Refusal::Claimed, None);
    }
    let answer = act(&mut attempt);
    match attempt.lose_answers.pop_front() {
        Some(()) => StatusCode::BAD_GATEWAY.into_response(),
        None => answer,
    }
}

fn refused(reason: Refusal, next: Option<u64>) -> Response {
    (StatusCode::CONFLICT, Json(Refused { reason, message: reason.to_string(), next })).into_response()
}

fn taken(attempt: &Attempt) -> Response {
    let command = if attempt.cancel { Command::Cancel } else { Command::None };
    Json(Taken { next: attempt.events.len() as u64 + 1, command }).into_response()
}

async fn claim(State(shared): State<Shared>, headers: HeaderMap, Json(claim): Json<Claim>) -> Response {
    shared.lock().unwrap().runner.get_or_insert(claim.runner);
    with(&shared, &headers, claim.runner, |attempt| Json(attempt.assignment.clone().unwrap()).into_response())
}

async fn events(State(shared): State<Shared>, headers: HeaderMap, Json(events): Json<Events>) -> Response {
    with(&shared, &headers, events.runner, |attempt| {
        let next = attempt.events.len() as u64 + 1;
        if events.first > next {
            return refused(Refusal::Gap, Some(next));
        }
        for event in events.events.into_iter().filter(|event| event.seq >= next) {
            assert_eq!(event.seq, attempt.events.len() as u64 + 1, "numbers have no gaps");
            attempt.events.push(event);
        }
        taken(attempt)
    })
}

async fn heartbeat(State(shared): State<Shared>, headers: HeaderMap, Json(heartbeat): Json<Heartbeat>) -> Response {
    with(&shared, &headers, heartbeat.runner, |attempt| {
        attempt.heartbeats += 1;
        taken(attempt)
    })
}

async fn facts(State(shared): State<Shared>, headers: HeaderMap, Query(caller): Query<Caller>) -> Response {
    with(&shared, &headers, caller.runner, |attempt| match &attempt.facts {
        Some(facts) => facts.clone().into_response(),
        None => StatusCode::NOT_FOUND.into_response(),
    })
}

async fn keep_facts(
    State(shared): State<Shared>,
    headers: HeaderMap,
    Query(caller): Query<Caller>,
    body: Bytes,
) -> Response {
    with(&shared, &headers, caller.runner, |attempt| {
        attempt.facts = Some(body.to_vec());
        StatusCode::OK.into_response()
    })
}

async fn finish(State(shared): State<Shared>, headers: HeaderMap, Json(finish): Json<Finish>) -> Response {
    with(&shared, &headers, finish.runner, |attempt| {
        let next = attempt.events.len() as u64 + 1;
        if finish.last_seq >= next {
            return refused(Refusal::Gap, Some(next));
        }
        attempt.finish = Some(finish);
        taken(attempt)
    })
}
