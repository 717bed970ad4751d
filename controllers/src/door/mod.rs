//! The door: where runners and ticket systems come to. Runners have no other way, and only here is a claim granted.
//!
//! ```text
//!  Bearer token ─► attempt that is open, by its SHA-256 on the board ─► claim │ events │ heartbeat │ output │ facts │ finish
//!  signature    ─► gate of a task ─► command
//! ```
//!
//! - A claim is a fact before it is an answer. The same runner gets the same answer again.
//! - Events are on the log before they are acknowledged; after a restart they may come twice, and the higher epoch counts.

mod answer;
mod callback;
mod files;
mod listen;
mod routes;

use std::{
    collections::HashMap,
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
};

use axum::{
    Router,
    extract::{DefaultBodyLimit, State},
    middleware::map_response_with_state,
    response::Response,
    routing::{get, post},
};
use beidou_log::Writer;
use beidou_schemas::runner::{
    AttemptId, BUNDLE_PATH, CLAIM_PATH, EVENTS_PATH, FACTS_PATH, FINISH_PATH, HEARTBEAT_PATH,
};
use tokio::time::Instant;

pub(crate) use listen::{error, listen};

use crate::{act::Hands, fault::Faults, keeper::Keeper, metrics::ControllersMetrics};

/// A part of the output, a batch of events, a fact cache.
const LARGEST_BODY: usize = 32 << 20;

/// What the door stands on.
#[derive(Clone)]
pub(crate) struct Door {
    pub keeper: Keeper,
    pub hands: Hands,
    /// Of what runners tell.
    pub said: Arc<dyn Writer>,
    pub folder: PathBuf,
    pub faults: Faults,
    pub metrics: ControllersMetrics,
    pub desks: Desks,
}

/// One desk for each attempt: requests of one runner are taken one after the other.
#[derive(Clone, Default)]
pub(crate) struct Desks(Arc<Mutex<HashMap<AttemptId, Arc<tokio::sync::Mutex<Desk>>>>>);

/// What is known of an attempt beside the facts.
#[derive(Debug, Default)]
pub(crate) struct Desk {
    /// The number of the event that is wanted next; 0 while that was not looked up.
    pub next: u64,
    /// When it was last told that something was heard.
    pub told: Option<Instant>,
}

impl Desks {
    fn of(&self, attempt: &AttemptId) -> Arc<tokio::sync::Mutex<Desk>> {
        Arc::clone(self.0.lock().unwrap_or_else(PoisonError::into_inner).entry(attempt.clone()).or_default())
    }

    fn close(&self, attempt: &AttemptId) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(attempt);
    }
}

/// All routes.
pub(crate) fn router(door: Door) -> Router {
    Router::new()
        .route(CLAIM_PATH, post(routes::claim))
        .route(EVENTS_PATH, post(routes::events))
        .route(HEARTBEAT_PATH, post(routes::heartbeat))
        .route(FINISH_PATH, post(routes::finish))
        .route(BUNDLE_PATH, get(files::bundle))
        .route(FACTS_PATH, get(files::facts).put(files::keep_facts))
        .route("/gate/v1/{task}/{step}", post(callback::answer))
        .layer(DefaultBodyLimit::max(LARGEST_BODY))
        .layer(map_response_with_state(door.metrics.clone(), counted))
        .with_state(door)
}

async fn counted(State(metrics): State<ControllersMetrics>, answer: Response) -> Response {
    metrics.answered(answer.status().as_u16());
    answer
}
