//! `GET /api/v1/operations/bundles`: what controllers can do.

use axum::Json;
use beidou_model::operation::built_in;
use beidou_schemas::operation::{
    Actor, Batches, LockScope, OperationType, Order, RetryScope, UndoKind, bundle::BundleShape,
};
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use crate::{
    answer::fit,
    app::Ask,
    problem::{Problem, ProblemBody},
};

/// A step of a bundle.
#[derive(Debug, Serialize, ToSchema)]
struct BundleStepItem {
    /// Its name: a word of `operationFlow`.
    name: String,
    /// Who does it: `ansible`, `command`, `release`.
    #[schema(value_type = String)]
    actor: Actor,
    /// It changes hosts or cluster.
    mutates: bool,
    /// It decides whether a host may be released.
    checks: bool,
    /// How long one attempt may take, in milliseconds.
    deadline_ms: u64,
    /// What a retry may repeat: `host`, `step`, `none`.
    #[schema(value_type = String)]
    retry: RetryScope,
    /// What it owes for each host from its beginning on: `cordon`, `taint`, `join`.
    #[schema(value_type = Vec<String>)]
    owes: Vec<UndoKind>,
    /// The step that readies machines for it, whatever `operationFlow` names.
    prepare: Option<String>,
}

/// A bundle.
#[derive(Debug, Serialize, ToSchema)]
struct BundleItem {
    /// Its name.
    name: String,
    /// Its version.
    version: String,
    /// SHA-256 over its files, 64 hex digits.
    digest: String,
    /// What it does: `ScaleUp`, `Drain` and so on.
    #[serde(rename = "type")]
    #[schema(value_type = String)]
    bundle_type: OperationType,
    /// Its steps in order.
    steps: Vec<BundleStepItem>,
    /// The steps of an operation that names none.
    flow: Vec<String>,
    /// What it locks: `cluster`, `node`, `none`.
    #[schema(value_type = String)]
    lock: LockScope,
    /// `steps`: all batches of a step, then the next step; `batches`: all steps of a batch, then the next batch.
    #[schema(value_type = String)]
    order: Order,
    /// How hosts are taken in batches where the operation does not say: the names of the fields are those of the resource.
    #[schema(value_type = Object)]
    batches: Batches,
    /// It works on a cluster that Beidou knows.
    needs_cluster: bool,
    /// Its parameters: a JSON Schema, secret ones marked `x-secret`.
    #[schema(value_type = Object)]
    parameters: Value,
    /// Controllers carry it themselves.
    built_in: bool,
}

/// All bundles.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct BundleList {
    /// By name; at most 1 MB of them.
    items: Vec<BundleItem>,
}

/// The bundles that controllers know: types, steps, parameters.
#[utoipa::path(
    get, path = "/api/v1/operations/bundles", tag = "Operations",
    responses((status = 200, body = BundleList), (status = "default", body = ProblemBody, content_type = "application/problem+json")),
    security(("token" = []))
)]
pub(super) async fn bundles(ask: Ask) -> Result<Json<BundleList>, Problem> {
    ask.params(&[])?;
    let look = ask.app.operations.look(|known| {
        let found = known.board.bundles.values().map(|bundle| bundle_item(bundle, false));
        let own = built_in();
        let carried = (!known.board.bundles.contains_key(&own.name)).then(|| bundle_item(&own, true));
        found.chain(carried).collect::<Vec<_>>()
    });
    let mut items = look.await?;
    items.sort_by(|a, b| a.name.cmp(&b.name));
    fit(&mut items, &mut false, &[]);
    Ok(Json(BundleList { items }))
}

fn bundle_item(bundle: &BundleShape, built_in: bool) -> BundleItem {
    let steps = bundle.steps.iter().map(|step| BundleStepItem {
        name: step.name.clone(),
        actor: step.actor,
        mutates: step.mutates,
        checks: step.checks,
        deadline_ms: step.deadline_ms,
        retry: step.retry,
        owes: step.undo.iter().map(|undo| undo.kind).collect(),
        prepare: step.prepare.clone(),
    });
    BundleItem {
        name: bundle.name.clone(),
        version: bundle.version.clone(),
        digest: bundle.digest.clone(),
        bundle_type: bundle.operation_type,
        steps: steps.collect(),
        flow: bundle.flow.clone(),
        lock: bundle.lock,
        order: bundle.order,
        batches: bundle.batches.clone(),
        needs_cluster: bundle.needs_cluster,
        parameters: bundle.parameters.clone(),
        built_in,
    }
}
