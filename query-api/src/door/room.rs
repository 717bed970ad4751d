//! Bounds of the whole role: how many requests at once, and how long one may take to its answer's head.

use std::{sync::Arc, time::Duration};

use axum::{
    extract::{Request, State},
    middleware::Next,
    response::{IntoResponse, Response},
};

use crate::{
    app::App,
    problem::{Kind, Problem},
};

/// A request waits so long for its turn: a burst passes within a few queries' time, more is overload.
const LONGEST_WAIT: Duration = Duration::from_secs(1);
/// A request may ask the store four times (names, intervals, extents, rows); each has its own time limit, and all of
/// them together get this factor of it.
const QUERIES_IN_A_ROW: u32 = 3;

pub(crate) async fn room(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    let Ok(Ok(_place)) = tokio::time::timeout(LONGEST_WAIT, app.places.acquire()).await else {
        return Problem::new(Kind::Busy, "too many requests at once").into_response();
    };
    let limit = app.limits.query_time * QUERIES_IN_A_ROW;
    match tokio::time::timeout(limit, next.run(request)).await {
        Ok(response) => response,
        Err(_) => {
            let detail = format!("no answer within {} s", limit.as_secs());
            Problem::new(Kind::TimeLimit, detail).into_response()
        }
    }
}
