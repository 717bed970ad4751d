//! `GET /api/v1/clusters`: which clusters there are, and how much is known of them.

use std::collections::BTreeMap;

use axum::Json;
use beidou_schemas::Micros;
use beidou_store::query::{Reader, clusters::ClusterActivity};
use serde::Serialize;
use utoipa::ToSchema;

use super::{ClusterParam, Listed, PAGE, PageParams};
use crate::{
    answer::{List, coverage::coverage_of, fit},
    app::Ask,
    problem::ProblemBody,
};

/// A cluster.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Cluster)]
pub(crate) struct ClusterItem {
    /// Its present name.
    cluster: String,
    /// Its uid: that of its kube-system namespace, or the id given in the configuration.
    cluster_uid: String,
    /// Every name it ever had, the present one first.
    names: Vec<String>,
    /// The life of its etcd, from the Events in the range; null where there is none.
    epoch: Option<u32>,
    /// Stored states of Events in the range: versions, not Event objects. An Event that Kubernetes updates ten times
    /// counts ten times. Where the coverage is not complete there may have been more.
    states: u64,
    /// Occurrences in the range: what `count` says was repeated counts as often as it happened.
    occurrences: u64,
    /// When the first Event in the range happened.
    #[schema(value_type = Option<String>, format = DateTime)]
    first_time: Option<Micros>,
    /// When the last one did.
    #[schema(value_type = Option<String>, format = DateTime)]
    last_time: Option<Micros>,
}

/// All clusters ever watched, by uid, with what is stored of the range; also those without Events in it.
#[utoipa::path(
    get, path = "/api/v1/clusters", tag = "Clusters", params(ClusterParam, PageParams),
    responses((status = 200, body = List<ClusterItem>), (status = "default", body = ProblemBody, content_type = "application/problem+json")),
    security(("token" = []))
)]
pub(super) async fn clusters(ask: Ask) -> Listed<ClusterItem> {
    let params = ask.params(&[&["cluster"], &PAGE])?;
    let page = ask.page::<String>(&params)?;
    let names = ask.app.catalogue.names(&ask.reader).await?;
    let wanted = match ask.clusters(&params).await? {
        Some(wanted) => wanted,
        None => names.keys().cloned().collect(),
    };
    let mut wanted: Vec<String> =
        wanted.into_iter().filter(|uid| page.after.as_ref().is_none_or(|a| uid > a)).collect();
    let mut more = wanted.len() as u64 > page.limit;
    wanted.truncate(page.limit as usize);
    let mut coverage = coverage_of(&ask, Some(&wanted), page.range).await?;
    let activity = async |reader: Reader| Ok(reader.cluster_activity(Some(&wanted), page.range).await?);
    let (activity, cold) = ask.over(Some(&wanted), page.range, activity).await?;
    let mut activity: BTreeMap<_, _> = activity.into_iter().map(|row| (row.cluster_uid.clone(), row)).collect();
    let item = |uid: &String| {
        let names = names.get(uid).cloned().unwrap_or_default();
        item(uid, names, activity.remove(uid))
    };
    let mut items: Vec<_> = wanted.iter().map(item).collect();
    fit(&mut items, &mut more, &coverage);
    coverage.truncate(items.len());
    let next = items.last().filter(|_| more).map(|last| ask.next(&page, last.cluster_uid.clone()));
    Ok(Json(List { items, next, total: None, range: page.range.into(), coverage, cold }))
}

fn item(uid: &str, names: Vec<String>, activity: Option<ClusterActivity>) -> ClusterItem {
    ClusterItem {
        cluster: names.first().cloned().unwrap_or_else(|| uid.into()),
        cluster_uid: uid.into(),
        names,
        epoch: activity.as_ref().map(|row| row.epoch),
        states: activity.as_ref().map_or(0, |row| row.states),
        occurrences: activity.as_ref().map_or(0, |row| row.occurrences),
        first_time: activity.as_ref().map(|row| Micros(row.first_time)),
        last_time: activity.as_ref().map(|row| Micros(row.last_time)),
    }
}
