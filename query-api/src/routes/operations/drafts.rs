//! `/api/v1/operations/drafts`: operations that somebody is still writing, for all who ask this site.

use axum::{Json, extract::Path, http::StatusCode};
use beidou_model::operation::secret_given;
use beidou_schemas::{
    Micros,
    operation::draft::{DraftDeleted, DraftFact, DraftSaved},
};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use super::{acts::LONGEST_NAME, id_of};
use crate::{
    app::{Ask, now},
    ask::body::Body,
    drafts::{MOST_DRAFTS, Shelf},
    problem::{Kind, Problem, ProblemBody},
};

/// A specification without its machines has some KB, and 5,000 machines as they are pasted have 250 KB.
const MOST_DRAFT_BYTES: usize = 256 << 10;
/// Characters of a title.
const LONGEST_TITLE: usize = 120;

/// An operation that is not finished yet.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct DraftBody {
    /// Its name; may be empty.
    #[serde(default)]
    name: String,
    /// As `POST /operations` takes it, but that parts may be missing or wrong. Secrets are named below `secrets`: values of
    /// parameters that the bundle marks `x-secret` are refused.
    #[schema(value_type = Object)]
    spec: Map<String, Value>,
    /// What a form has beside it, such as a list of machines as it was pasted. Nothing looks into it, but that `values` is
    /// refused as the parameters of `spec` are where it has a secret.
    #[serde(default)]
    #[schema(value_type = Option<Object>)]
    form: Option<Map<String, Value>>,
}

/// A draft as it is to be from now on.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct DraftUpdate {
    /// The version that was changed; where another one was saved meanwhile, nothing is.
    version: u32,
    /// Its name; may be empty.
    #[serde(default)]
    name: String,
    /// As in `POST`.
    #[schema(value_type = Object)]
    spec: Map<String, Value>,
    /// As in `POST`.
    #[serde(default)]
    #[schema(value_type = Option<Object>)]
    form: Option<Map<String, Value>>,
}

/// A draft without what stands in it.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct DraftItem {
    /// Its id.
    #[schema(value_type = String, format = "uuid")]
    id: Uuid,
    /// Its name, else type and cluster, as far as they are there.
    title: String,
    /// Who saved it last.
    subject: String,
    /// When.
    #[schema(value_type = String, format = DateTime)]
    time: Micros,
    /// Counts its saves.
    version: u32,
}

/// A draft.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct DraftDetail {
    #[serde(flatten)]
    item: DraftItem,
    /// The name of the operation to be.
    name: String,
    /// Its specification, as it was saved.
    #[schema(value_type = Object)]
    spec: Map<String, Value>,
    /// What the form had beside it.
    #[schema(value_type = Option<Object>)]
    form: Value,
}

/// All drafts.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct DraftList {
    /// The last saved first.
    items: Vec<DraftItem>,
}

/// Which version is meant.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "names and describes the parameter; the route reads it")]
pub(super) struct VersionParam {
    /// Delete it only if this is still its version.
    #[param(minimum = 1)]
    version: Option<u32>,
}

/// All drafts, the last saved first.
#[utoipa::path(
    get, path = "/api/v1/operations/drafts", tag = "Operations",
    responses((status = 200, body = DraftList), (status = "default", body = ProblemBody, content_type = "application/problem+json")),
    security(("token" = []))
)]
pub(super) async fn drafts(ask: Ask) -> Result<Json<DraftList>, Problem> {
    ask.params(&[])?;
    let mut items: Vec<DraftItem> = ask.app.drafts.look(|shelf| shelf.all().map(item).collect()).await?;
    items.sort_by_key(|item| (std::cmp::Reverse(item.time), item.id));
    Ok(Json(DraftList { items }))
}

/// Makes a draft: an operation that somebody is still writing. Nothing of it is checked but its size and its secrets.
#[utoipa::path(
    post, path = "/api/v1/operations/drafts", tag = "Operations", request_body = DraftBody,
    responses((status = 201, body = DraftItem), (status = "default", body = ProblemBody, content_type = "application/problem+json")),
    security(("token" = []))
)]
pub(super) async fn make_draft(
    ask: Ask,
    Body(body): Body<DraftBody>,
) -> Result<(StatusCode, Json<DraftItem>), Problem> {
    ask.params(&[])?;
    let draft = draft(&ask, (Uuid::new_v4(), 1), body).await?;
    let room = |shelf: &Shelf| match shelf.len() < MOST_DRAFTS {
        true => Ok(DraftFact::Saved(draft)),
        false => Err(Problem::new(Kind::DraftsFull, format!("there are {MOST_DRAFTS} drafts, which is the most"))),
    };
    save(&ask, room).await.map(|item| (StatusCode::CREATED, Json(item)))
}

/// One draft, as it was saved last.
#[utoipa::path(
    get, path = "/api/v1/operations/drafts/{id}", tag = "Operations", params(("id" = String, Path, description = "The draft's id.")),
    responses((status = 200, body = DraftDetail), (status = "default", body = ProblemBody, content_type = "application/problem+json")),
    security(("token" = []))
)]
pub(super) async fn draft_detail(ask: Ask, Path(id): Path<String>) -> Result<Json<DraftDetail>, Problem> {
    ask.params(&[])?;
    let id = id_of(&id)?;
    let draft = ask.app.drafts.look(|shelf| shelf.find(id).cloned()).await?.ok_or_else(|| unknown(id))?;
    let item = item(&draft);
    Ok(Json(DraftDetail { item, name: draft.name, spec: draft.spec, form: draft.form }))
}

/// Saves a draft anew. Where somebody else saved it since the version that was changed, the answer is 409 and tells who
/// and when.
#[utoipa::path(
    put, path = "/api/v1/operations/drafts/{id}", tag = "Operations", request_body = DraftUpdate,
    params(("id" = String, Path, description = "The draft's id.")),
    responses((status = 200, body = DraftItem), (status = "default", body = ProblemBody, content_type = "application/problem+json")),
    security(("token" = []))
)]
pub(super) async fn save_draft(
    ask: Ask,
    Path(id): Path<String>,
    Body(update): Body<DraftUpdate>,
) -> Result<Json<DraftItem>, Problem> {
    ask.params(&[])?;
    let DraftUpdate { version, name, spec, form } = update;
    let id = id_of(&id)?;
    let next = version.checked_add(1).ok_or_else(|| too_new(version))?;
    let draft = draft(&ask, (id, next), DraftBody { name, spec, form }).await?;
    let fits = |shelf: &Shelf| known(shelf, id, Some(version)).map(|_| DraftFact::Saved(draft));
    save(&ask, fits).await.map(Json)
}

/// Deletes a draft; one that became an operation is of no more use.
#[utoipa::path(
    delete, path = "/api/v1/operations/drafts/{id}", tag = "Operations",
    params(("id" = String, Path, description = "The draft's id."), VersionParam),
    responses((status = 204), (status = "default", body = ProblemBody, content_type = "application/problem+json")),
    security(("token" = []))
)]
pub(super) async fn delete_draft(ask: Ask, Path(id): Path<String>) -> Result<StatusCode, Problem> {
    let params = ask.params(&[&["version"]])?;
    let said = params.number("version", 1..=u32::MAX.into(), 0)?;
    let version = u32::try_from(said).ok().filter(|version| *version > 0);
    let id = id_of(&id)?;
    let (subject, time) = (ask.caller().subject.clone(), now());
    let make = |shelf: &Shelf| {
        let version = known(shelf, id, version)?.version;
        Ok(DraftFact::Deleted(DraftDeleted { id, version, subject, time }))
    };
    let left = ask.app.drafts.write(make, |shelf, _| shelf.find(id).map(changed)).await?;
    left.map_or(Ok(StatusCode::NO_CONTENT), Err)
}

/// What is to be saved, if it is small enough and has no secret.
async fn draft(ask: &Ask, (id, version): (Uuid, u32), body: DraftBody) -> Result<DraftSaved, Problem> {
    let DraftBody { name, spec, form } = body;
    if name.chars().count() > LONGEST_NAME {
        return Err(Problem::parameter("name", &name, format!("at most {LONGEST_NAME} characters")));
    }
    let bytes = serde_json::to_vec(&(&name, &spec, &form)).map_or(usize::MAX, |json| json.len());
    if bytes > MOST_DRAFT_BYTES {
        let allowed = format!("name, spec and form of at most {MOST_DRAFT_BYTES} bytes of JSON together");
        return Err(Problem { kind: Kind::TooLarge, ..Problem::parameter("body", &format!("{bytes} bytes"), allowed) });
    }
    let machines = spec.get("operationMachines").and_then(Value::as_array).into_iter().flatten().enumerate();
    let vars = machines.map(|(place, one)| (format!("spec.operationMachines[{place}].vars"), one.get("vars")));
    let values = form.as_ref().and_then(|form| form.get("values"));
    let places = [("spec.parameters".to_owned(), spec.get("parameters")), ("form.values".to_owned(), values)];
    let given = places.into_iter().chain(vars).filter_map(|(place, given)| Some((place, given?.as_object()?)));
    let bundle = spec.get("bundle").and_then(Value::as_str).unwrap_or_default();
    let secret = ask.app.operations.look(|known| {
        // Where the bundle is not said, or not known, it may be any.
        let bundles = &known.board.bundles;
        let meant: Vec<_> = bundles.get(bundle).map_or_else(|| bundles.values().collect(), |bundle| vec![bundle]);
        let find = |(place, given): (String, &Map<String, Value>)| {
            meant.iter().find_map(|one| secret_given(one, given)).map(|name| format!("{place}.{name}"))
        };
        given.into_iter().find_map(find)
    });
    if let Some(field) = secret.await? {
        // The value is not repeated.
        return Err(Problem::parameter(&field, "…", "a reference to a Secret, below spec.secrets"));
    }
    let (subject, time) = (ask.caller().subject.clone(), now());
    let form = form.map_or(Value::Null, Value::Object);
    Ok(DraftSaved { id, version, name, spec, form, subject, time })
}

/// Saves it; another server may have been first.
async fn save(ask: &Ask, make: impl FnOnce(&Shelf) -> Result<DraftFact, Problem>) -> Result<DraftItem, Problem> {
    let outcome = ask.app.drafts.write(make, |shelf, fact| match fact {
        DraftFact::Saved(mine) => match shelf.find(mine.id) {
            Some(draft) if *draft == mine => Ok(item(draft)),
            Some(draft) => Err(changed(draft)),
            None => Err(unknown(mine.id)),
        },
        DraftFact::Deleted(gone) => Err(unknown(gone.id)),
    });
    outcome.await?
}

/// The draft, in the version that is meant where one is.
fn known(shelf: &Shelf, id: Uuid, version: Option<u32>) -> Result<&DraftSaved, Problem> {
    let draft = shelf.find(id).ok_or_else(|| unknown(id))?;
    match version.is_none_or(|version| version == draft.version) {
        true => Ok(draft),
        false => Err(changed(draft)),
    }
}

fn unknown(id: Uuid) -> Problem {
    Problem::new(Kind::UnknownDraft, format!("there is no draft with the id {id}"))
}

fn changed(draft: &DraftSaved) -> Problem {
    let DraftSaved { version, subject, time, .. } = draft;
    Problem::new(Kind::DraftChanged, format!("version {version} was saved by {subject} at {time}"))
}

fn too_new(version: u32) -> Problem {
    Problem::parameter("version", &version.to_string(), "the version that was read")
}

fn item(draft: &DraftSaved) -> DraftItem {
    let DraftSaved { id, version, name, spec, subject, time, .. } = draft;
    let word = |field: &str| spec.get(field).and_then(Value::as_str).filter(|word| !word.is_empty());
    let title = match name.is_empty() {
        true => [word("operationType"), word("clusterName")].into_iter().flatten().collect::<Vec<_>>().join(" · "),
        false => name.clone(),
    };
    let title = title.chars().take(LONGEST_TITLE).collect();
    DraftItem { id: *id, title, subject: subject.clone(), time: *time, version: *version }
}
