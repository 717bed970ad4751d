//! One file per call. Each reads its parameters, asks for the coverage, then for the rows, and answers.

mod at;
mod clusters;
mod complete;
mod completeness;
mod coverage;
mod estimate;
mod events;
mod explain;
mod exports;
mod facets;
mod health;
mod histogram;
mod imports;
mod lanes;
mod links;
mod me;
mod neighbours;
mod occurrences;
mod operations;
mod page;
mod patterns;
mod queries;
mod reach;
mod rejects;
mod running;
mod signals;
mod space;
mod sql;
mod states;
mod tail;
mod timeline;
mod upkeep;

use std::sync::Arc;

use axum::{
    Json, Router,
    middleware::{from_fn, from_fn_with_state},
};
use tower_http::{catch_panic::CatchPanicLayer, limit::RequestBodyLimitLayer};
use utoipa::IntoParams;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    answer::List,
    app::App,
    console,
    door::{access, authenticate, compress, own_origin, room},
    openapi, pages,
    problem::{Kind, Problem},
};

pub(crate) use sql::SqlFormat;

/// What a list answers.
type Listed<T> = Result<Json<List<T>>, Problem>;

/// Bodies are statements and small documents; a statement has at most 12 KiB.
const MOST_BODY_BYTES: usize = 16 * 1024;

/// Range and page: the parameters of every list.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "names and describes the parameters; `ask` reads them")]
struct PageParams {
    /// Begin of the range: RFC 3339, or relative to now (`-6h`, `-30m`, `-7d`, `-2w`, `-90s`, `now`). Default: 24 hours
    /// before `to`. The command line always sends it, with defaults of its own: `beidou events` 1 hour, `coverage` 24
    /// hours, `timeline` and `rejects` 7 days.
    #[param(example = "-6h")]
    from: Option<String>,
    /// End of the range, not part of it. Default: now.
    #[param(example = "now")]
    to: Option<String>,
    /// At most so many rows; a page ends earlier where it would be larger than 1 MB.
    #[param(minimum = 1, maximum = 1000, default = 100)]
    limit: Option<u32>,
    /// `next` of the answer before. All other parameters must be unchanged; the range is that of the first page.
    cursor: Option<String>,
}

/// The range of answers that are not paged.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "names and describes the parameters; `ask` reads them")]
struct RangeParams {
    /// Begin of the range: RFC 3339, or relative to now (`-6h`, `-30m`, `-7d`, `-2w`, `-90s`, `now`). Default: 24 hours
    /// before `to`.
    #[param(example = "-6h")]
    from: Option<String>,
    /// End of the range, not part of it. Default: now.
    #[param(example = "now")]
    to: Option<String>,
}

/// The names in [`RangeParams`].
const RANGE: [&str; 2] = ["from", "to"];

/// The names in [`PageParams`].
const PAGE: [&str; 4] = ["from", "to", "limit", "cursor"];

/// The query line alone.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "names and describes the parameter; `ask::line` reads it")]
struct LineParam {
    /// The query line, which must hold as well: docs/query-line.md.
    #[param(example = "type:warning -reason:Pulled")]
    q: Option<String>,
}

/// The filter over clusters.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "names and describes the parameter; `ask` reads it")]
struct ClusterParam {
    /// Clusters, by uid or by any name they ever had. Repeat it, or put commas between: any of them.
    #[param(style = Form, explode, example = json!(["hz-prod-02"]))]
    cluster: Option<Vec<String>>,
}

/// The calls that need a token, with their description.
pub(crate) fn api() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::with_openapi(openapi::head())
        .routes(routes!(events::events))
        .routes(routes!(estimate::estimate))
        .routes(routes!(states::states))
        .routes(routes!(histogram::histogram))
        .routes(routes!(occurrences::occurrences))
        .routes(routes!(facets::facets))
        .routes(routes!(patterns::patterns))
        .routes(routes!(explain::explain))
        .routes(routes!(reach::reach))
        .routes(routes!(neighbours::neighbours))
        .routes(routes!(timeline::timeline))
        .routes(routes!(lanes::lanes))
        .routes(routes!(at::at))
        .routes(routes!(clusters::clusters))
        .routes(routes!(coverage::coverage))
        .routes(routes!(completeness::completeness))
        .routes(routes!(signals::signals))
        .routes(routes!(rejects::rejects))
        .routes(routes!(complete::complete))
        .routes(routes!(tail::tail))
        .routes(routes!(health::metrics))
        .merge(sql_calls())
        .merge(keeping())
}

/// SQL of callers, exports, and what runs.
fn sql_calls() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new()
        .routes(routes!(sql::sql))
        .routes(routes!(sql::estimate))
        .routes(routes!(sql::schema))
        .routes(routes!(running::running))
        .routes(routes!(running::stop))
        .routes(routes!(exports::create, exports::list))
        .routes(routes!(exports::one, exports::remove))
        .routes(routes!(exports::file))
}

/// The calls about the keeping of Events, and what people keep of them.
fn keeping() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new()
        .routes(routes!(space::space))
        .routes(routes!(queries::queries))
        .routes(routes!(queries::save, queries::delete))
        .routes(routes!(links::shorten))
        .routes(routes!(links::link))
        .routes(routes!(upkeep::ask_audit, upkeep::audits))
        .routes(routes!(upkeep::audit))
        .routes(routes!(upkeep::ask_rebuild, upkeep::rebuilds))
        .routes(routes!(upkeep::rebuild))
}

/// The calls about operations and tasks: they need a token, and take bodies of some size.
pub(crate) fn operating() -> OpenApiRouter<Arc<App>> {
    operations::calls().routes(routes!(me::me))
}

/// The calls that need a token and take a body without a bound.
pub(crate) fn taking() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new().routes(routes!(imports::import))
}

/// The calls that need none: they tell nothing about Events.
pub(crate) fn open() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new()
        .routes(routes!(health::healthz))
        .routes(routes!(health::readyz))
        .route("/", axum::routing::get(console::index))
        .route("/api/reference", axum::routing::get(pages::reference))
        .route("/openapi.json", axum::routing::get(pages::document))
        .route("/problems/{slug}", axum::routing::get(pages::problem))
}

/// The whole service.
pub(crate) fn router(app: Arc<App>) -> Router {
    let (api, _) = api().split_for_parts();
    let (open, _) = open().split_for_parts();
    let (taking, _) = taking().split_for_parts();
    let (operating, _) = operating().split_for_parts();
    let guarded = api
        .route_layer(from_fn_with_state(app.clone(), authenticate))
        .route_layer(from_fn_with_state(app.clone(), room));
    let operating = operating
        .route_layer(from_fn_with_state(app.clone(), authenticate))
        .route_layer(from_fn_with_state(app.clone(), room))
        .layer(RequestBodyLimitLayer::new(operations::MOST_BODY_BYTES));
    guarded
        .merge(open)
        .layer(RequestBodyLimitLayer::new(MOST_BODY_BYTES))
        .merge(operating)
        .merge(taking.route_layer(from_fn_with_state(app.clone(), authenticate)))
        .fallback(console::fallback)
        .method_not_allowed_fallback(|| async {
            Problem::new(Kind::MethodNotAllowed, "this path does not take this method")
        })
        .layer(compress())
        .layer(from_fn(own_origin))
        .layer(CatchPanicLayer::custom(|_| {
            axum::response::IntoResponse::into_response(Problem::new(Kind::Internal, "an error of this program"))
        }))
        .layer(from_fn_with_state(app.clone(), access))
        .with_state(app)
}
