//! The ClickHouse HTTP interface over the embedded engine.
//!
//! ```text
//! request ─ access ─ request ─┬─ SELECT …  select ─ splice ─┐
//!           (host,   (fields, │                             ├─ reply / fault ─ response
//!            role)    data)   └─ INSERT …  insert ─ body ───┘
//!                                 cancel: client gone → KILL
//! ```
//! Purpose: programs speak to the engine exactly as to a ClickHouse server, through the same client library.
//! Invariants: one statement, one fresh engine session; statements that run at once are limited by semaphores; an answer
//! or a body that ends early is never taken for a whole one, in either direction.
//! Left out on purpose: session state (`session_id`), roles, external tables, progress headers, `input()`, `INFILE`.

mod access;
mod body;
mod cancel;
mod fault;
mod frame;
mod insert;
mod reply;
mod request;
mod select;
mod settings;
mod splice;
mod statement;
mod text;

pub(super) use access::Access;

use super::session::{Engine, EngineError, Session};
use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::response::Response;
use axum::routing::{any, get};
use fault::{Fault, code};
use request::{Options, Statement};
use std::collections::HashSet;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Statements without data that run at once. Each holds a blocking thread and, by default settings, as many engine
/// threads as there are cores; sixteen keep a small machine busy without starving anyone.
const MAX_SELECTS: usize = 16;
/// Inserts that run at once, apart from the above so that slow readers never hold the projector up. Each holds at most
/// one block (about 1 M rows) in the engine and 8 MiB of chunks here.
const MAX_INSERTS: usize = 8;
/// Longest wait for a free place; a client that waits longer is better told so.
const MAX_QUEUE_TIME: Duration = Duration::from_secs(30);

/// What all requests share.
pub(super) struct Shim {
    engine: Engine,
    access: Access,
    selects: Arc<Semaphore>,
    inserts: Arc<Semaphore>,
    /// Output formats of this engine in lower case.
    formats: HashSet<String>,
    version: String,
    timezone: String,
}

impl Shim {
    /// Asks the opened engine about itself. Blocking.
    pub(super) fn new(engine: Engine, access: Access) -> Result<Shim, EngineError> {
        let session = engine.session()?;
        let ask = |sql: &str| session.query(sql, "TabSeparatedRaw", &[]).map(|result| result.text());
        let version = ask("SELECT version()")?;
        let timezone = ask("SELECT timezone()")?;
        let formats = ask("SELECT lower(name) FROM system.formats WHERE is_output")?;
        let formats = formats.lines().map(str::to_owned).collect();
        drop(session);
        let (selects, inserts) = (Arc::new(Semaphore::new(MAX_SELECTS)), Arc::new(Semaphore::new(MAX_INSERTS)));
        Ok(Shim { engine, access, selects, inserts, formats, version, timezone })
    }

    /// The version as `SELECT version()` tells it.
    pub(super) fn version(&self) -> &str {
        &self.version
    }

    /// Stops every running statement, at shutdown.
    pub(super) async fn kill_all(self: &Arc<Self>) {
        cancel::kill(self, "query NOT LIKE 'KILL%'".to_owned()).await;
    }

    fn is_output_format(&self, name: &str) -> bool {
        self.formats.contains(&name.to_ascii_lowercase())
    }

    /// A fresh session with the settings of one request.
    fn session(&self, options: &Options, marker: &str, extra: Option<(&str, u64)>) -> Result<Session, Fault> {
        let session = self.engine.session()?;
        if let Some(database) = &options.database {
            session.execute(&format!("USE {}", text::identifier(database)))?;
        }
        session.execute(&options.settings.statement(marker, extra))?;
        Ok(session)
    }
}

/// Waits for a free place, not for ever.
async fn place(places: &Arc<Semaphore>) -> Result<OwnedSemaphorePermit, Fault> {
    let waited = tokio::time::timeout(MAX_QUEUE_TIME, places.clone().acquire_owned()).await;
    let refuse = |message| Fault::new(code::TOO_MANY_QUERIES, "TOO_MANY_SIMULTANEOUS_QUERIES", message);
    match waited {
        Ok(Ok(permit)) => Ok(permit),
        Ok(Err(_)) => Err(refuse("the engine is stopping")),
        Err(_) => Err(refuse("Too many simultaneous queries: no place became free in 30 s; try again later")),
    }
}

/// The routes of the interface.
pub(super) fn router(shim: Arc<Shim>) -> Router {
    Router::new()
        .route("/", any(answer))
        .route("/ping", get(greet))
        .route("/replicas_status", get(greet))
        .fallback(nowhere)
        .with_state(shim)
}

async fn greet(State(shim): State<Arc<Shim>>, request: Request) -> Response {
    match access::refuse_foreign(&request.into_parts().0) {
        Ok(()) => ok(),
        Err(fault) => fault.into_response(&shim.version),
    }
}

fn ok() -> Response {
    Response::new(Body::from("Ok.\n"))
}

async fn nowhere(State(shim): State<Arc<Shim>>, request: Request) -> Response {
    let path = request.uri().path().escape_default().to_string();
    Fault::new(code::BAD_ARGUMENTS, "BAD_ARGUMENTS", format!("There is no handle {path}; statements go to /"))
        .with_status(axum::http::StatusCode::NOT_FOUND)
        .into_response(&shim.version)
}

async fn answer(State(shim): State<Arc<Shim>>, request: Request) -> Response {
    let started = Instant::now();
    match run(&shim, request, started).await {
        Ok(response) => response,
        Err(fault) => {
            tracing::debug!(code = fault.code, status = fault.status.as_u16(), "statement refused or failed");
            fault.into_response(&shim.version)
        }
    }
}

async fn run(shim: &Arc<Shim>, request: Request, started: Instant) -> Result<Response, Fault> {
    let (parts, body) = request.into_parts();
    access::refuse_foreign(&parts)?;
    let Some(call) = request::read(&parts, body, &shim.access).await? else {
        return Ok(ok());
    };
    match call.statement {
        Statement::Query(sql) => select::answer(shim, sql, call.options, started).await,
        Statement::Insert { head, format, inline, body } => {
            let insert = insert::Insert { head, format, inline };
            insert::answer(shim, insert, body, call.options, started).await
        }
    }
}
