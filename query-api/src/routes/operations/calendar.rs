//! `GET /api/v1/operations/calendar`: when clusters may be touched, and who holds what and why.

use std::collections::BTreeSet;

use axum::Json;
use beidou_model::operation::{Board, closed};
use beidou_schemas::{
    Micros,
    operation::{ClusterRules, OperationId, Phase, Reason, Window},
};
use jiff::Timestamp;
use serde::Serialize;
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use super::detail::{LockItem, lock_item};
use crate::{
    answer::fit_in,
    app::{Ask, now},
    problem::{Problem, ProblemBody},
};

/// Spans of the ledger that an answer shows, the newest ones.
const MOST_SPANS: usize = 200;
/// Each of the three lists.
const LIST_BYTES: usize = 300_000;

/// Which clusters.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "names and describes the parameter; the route reads it")]
struct CalendarParams {
    /// Clusters by name; any of them. Default: all.
    #[param(style = Form, explode)]
    cluster: Option<Vec<String>>,
}

/// A weekly time in which changes may begin.
#[derive(Debug, Serialize, ToSchema)]
struct WindowItem {
    /// Days on which it begins: 1 is Monday, 7 Sunday; none means every day.
    days: Vec<u8>,
    /// The minute of the day at which it begins, as clocks there show it.
    start_minute: u32,
    /// How long it is open, in minutes.
    minutes: u32,
    /// The time zone of these clocks, by its IANA name; null where they are always as far from UTC as now.
    time_zone: Option<String>,
    /// What they add to UTC now, in minutes.
    utc_offset_minutes: i32,
}

/// A time in which nothing may begin.
#[derive(Debug, Serialize, ToSchema)]
struct FreezeItem {
    /// From when.
    #[schema(value_type = String, format = DateTime)]
    from: Micros,
    /// Until when.
    #[schema(value_type = String, format = DateTime)]
    until: Micros,
    /// Why.
    why: String,
}

/// When a cluster may be touched.
#[derive(Debug, Serialize, ToSchema)]
struct ClusterCalendar {
    /// The cluster.
    cluster: String,
    /// Nodes that it has; 0 where that is not known.
    pool: u32,
    /// Changes of more hosts need the approval of another subject; null means never.
    approve_above_hosts: Option<u32>,
    /// When changes may begin; none means always.
    windows: Vec<WindowItem>,
    /// When nothing may begin.
    freezes: Vec<FreezeItem>,
    /// Changes may begin now.
    open: bool,
    /// Why not: `AwaitingWindow`, `Frozen`.
    #[schema(value_type = Option<String>)]
    reason: Option<Reason>,
    /// When it opens.
    #[schema(value_type = Option<String>, format = DateTime)]
    opens: Option<Micros>,
}

/// What an operation has, or had, locked.
#[derive(Debug, Serialize, ToSchema)]
struct LedgerItem {
    /// The operation.
    #[schema(value_type = String, format = "uuid")]
    operation: Uuid,
    /// Its name.
    name: String,
    /// Who asked for it.
    subject: String,
    /// Where it stands.
    #[schema(value_type = String)]
    phase: Phase,
    /// What, since when, until when, and why.
    lock: LockItem,
}

/// Windows, freezes and locks.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct CalendarAnswer {
    /// By name.
    clusters: Vec<ClusterCalendar>,
    /// What is locked now.
    locks: Vec<LedgerItem>,
    /// What was locked, the newest first; the last two hundred.
    ledger: Vec<LedgerItem>,
}

/// When clusters may be touched, and who holds what and why.
#[utoipa::path(
    get, path = "/api/v1/operations/calendar", tag = "Operations", params(CalendarParams),
    responses((status = 200, body = CalendarAnswer), (status = "default", body = ProblemBody, content_type = "application/problem+json")),
    security(("token" = []))
)]
pub(super) async fn calendar(ask: Ask) -> Result<Json<CalendarAnswer>, Problem> {
    let params = ask.params(&[&["cluster"]])?;
    let wanted = params.many("cluster")?;
    let moment = now();
    let look = ask.app.operations.look(|known| {
        let board = &known.board;
        let means = |cluster: &str| wanted.is_empty() || wanted.iter().any(|name| name == cluster);
        let clusters = board.clusters.iter().filter(|(name, _)| means(name));
        let mut clusters: Vec<_> = clusters.map(|(name, rules)| cluster(name, rules, moment)).collect();
        let mut more = false;
        fit_in(&mut clusters, &mut more, LIST_BYTES);
        let (locks, ledger) = ledger(board, means);
        CalendarAnswer { clusters, locks, ledger }
    });
    Ok(Json(look.await?))
}

fn cluster(name: &str, rules: &ClusterRules, now: Micros) -> ClusterCalendar {
    let closed = closed(rules, now);
    let windows = rules.windows.iter().map(|window| WindowItem {
        days: window.days.clone(),
        start_minute: window.start_minute,
        minutes: window.minutes,
        time_zone: window.time_zone.clone(),
        utc_offset_minutes: offset(window, now),
    });
    let freezes = rules.freezes.iter();
    let freezes = freezes.map(|freeze| FreezeItem { from: freeze.from, until: freeze.until, why: freeze.why.clone() });
    ClusterCalendar {
        cluster: name.into(),
        pool: rules.pool,
        approve_above_hosts: rules.approve_above_hosts,
        windows: windows.collect(),
        freezes: freezes.collect(),
        open: closed.is_none(),
        reason: closed.as_ref().map(|closed| closed.reason),
        opens: closed.map(|closed| closed.until),
    }
}

/// What clocks of this window add to UTC, in minutes.
fn offset(window: &Window, now: Micros) -> i32 {
    let known = window.zone().zip(Timestamp::from_microsecond(now.0).ok());
    known.map_or(window.utc_offset_minutes, |(zone, now)| zone.to_offset(now).seconds() / 60)
}

/// What is locked now, and what was.
fn ledger(board: &Board, means: impl Fn(&str) -> bool) -> (Vec<LedgerItem>, Vec<LedgerItem>) {
    let holders: BTreeSet<OperationId> = board.locks.values().copied().collect();
    let (mut locks, mut past) = (Vec::new(), Vec::new());
    for operation in board.operations.values().filter(|operation| means(&operation.spec.cluster_name)) {
        for span in &operation.locks {
            let held = span.released.is_none() && holders.contains(&operation.id);
            let to = if held { &mut locks } else { &mut past };
            to.push((span.since, operation, span));
        }
    }
    let told = |mut spans: Vec<(Micros, &beidou_model::operation::Operation, &beidou_model::operation::LockSpan)>| {
        spans.sort_by_key(|(since, operation, _)| (std::cmp::Reverse(*since), operation.id));
        let items = spans.into_iter().take(MOST_SPANS).map(|(_, operation, span)| LedgerItem {
            operation: operation.id.0,
            name: operation.name.clone(),
            subject: operation.subject.clone(),
            phase: operation.phase,
            lock: lock_item(span),
        });
        let mut items: Vec<LedgerItem> = items.collect();
        let mut more = false;
        fit_in(&mut items, &mut more, LIST_BYTES);
        items
    };
    (told(locks), told(past))
}
