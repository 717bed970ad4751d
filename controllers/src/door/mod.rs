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
    AttemptId, BUNDLE_PATH, CLAIM_PATH, EVENTS_PATH, FACTS_PATH, FINISH_PATH, HEARTBEAT_PATH, LARGEST_BODY, Refusal,
};
use tokio::{sync::OwnedMutexGuard, time::Instant};

pub(crate) use listen::{error, listen};

use self::answer::{Known, No};
use crate::{act::Hands, fault::Faults, keeper::Keeper, metrics::ControllersMetrics};

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

    /// The desk of an attempt that is still open by then: what waited for it, or came too late for it, is not taken any more.
    async fn take(&self, keeper: &Keeper, known: &Known) -> Result<OwnedMutexGuard<Desk>, No> {
        let desk = self.of(&known.attempt.id).lock_owned().await;
        if known.is_open(keeper) {
            return Ok(desk);
        }
        self.close(&known.attempt.id);
        Err(No::refused(Refusal::Over, "the attempt has ended"))
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

#[cfg(test)]
mod tests {
    use beidou_log::memory::MemoryLog;
    use beidou_model::operation::Attempt;
    use beidou_schemas::{Micros, Topic, operation::OperationId};
    use serde_json::json;
    use uuid::Uuid;

    use super::*;

    #[tokio::test]
    async fn what_comes_behind_the_end_of_its_attempt_finds_no_desk() {
        let log = MemoryLog::new([(Topic::Operation, 1)]);
        let opened = crate::keeper::open(log, "test", Faults::default(), ControllersMetrics::default()).await;
        let (keeper, _writing) = opened.unwrap();
        // As it was found before the attempt ended.
        let attempt: Attempt = serde_json::from_value(json!({
            "id": "00000001-one-b0-a1", "stage": 0, "step": 0, "batch": 0, "number": 1, "purpose": "act", "hosts": [],
            "intended": Micros(0), "deadline_ms": 1, "heard": Micros(0), "next": 3, "results": {},
        }))
        .unwrap();
        let known = Known { operation: OperationId(Uuid::from_u128(1 << 96)), attempt };
        let desks = Desks::default();
        let refused = desks.take(&keeper, &known).await.map(drop).unwrap_err();
        assert!(matches!(refused, No::Refused(refused) if refused.reason == Refusal::Over));
        assert!(desks.0.lock().unwrap().is_empty(), "nobody would close it");
    }
}
