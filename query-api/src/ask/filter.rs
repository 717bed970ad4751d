//! The filters of Events: read from the query string, and applied to states of the log by the live tail.
//!
//! The store applies the same filter as SQL; a test runs both over the same Events.

use beidou_schemas::{EventUid, envelope::FoundBy, kube_event::column_uuid};
use beidou_store::query::events::EventFilter;
use uuid::Uuid;

use super::{Params, line};
use crate::{answer::event::EventItem, problem::Problem};

/// The names of the filters, as in the documentation.
pub(crate) const FILTERS: [&str; 12] =
    ["cluster", "namespace", "kind", "name", "uid", "reason", "type", "component", "node", "found_by", "text", line::Q];

/// Stands for "no namespace" in parameters and paths: no namespace can be called so.
pub(crate) const CLUSTER_SCOPED: &str = "_";

/// Reads all filters but the clusters, which must be looked up, those of the query line too.
pub(crate) fn event_filter(params: &Params) -> Result<EventFilter, Problem> {
    let namespaces = params.many("namespace")?.into_iter().map(|n| if n == CLUSTER_SCOPED { String::new() } else { n });
    let uids = params.many("uid")?.iter().map(|uid| uid_of("uid", uid)).collect::<Result<_, _>>()?;
    let found_by = params.many("found_by")?;
    for name in &found_by {
        name.parse::<FoundBy>().map_err(|error| Problem::parameter("found_by", name, error.allowed))?;
    }
    let text = params.one("text")?.map(str::to_owned);
    if text.as_deref() == Some("") {
        return Err(Problem::parameter("text", "", "a text that is not empty"));
    }
    let others = line::lines(params)?.others;
    Ok(EventFilter {
        clusters: None,
        namespaces: namespaces.collect(),
        kinds: params.many("kind")?,
        names: params.many("name")?,
        uids,
        reasons: params.many("reason")?,
        types: params.many("type")?,
        components: params.many("component")?,
        nodes: params.many("node")?,
        found_by,
        text,
        line: (!others.is_empty()).then_some(others),
    })
}

/// A uid as its column has it.
pub(crate) fn uid_of(name: &str, text: &str) -> Result<Uuid, Problem> {
    let uid: EventUid =
        text.parse().map_err(|e: beidou_schemas::InvalidId| Problem::parameter(name, text, e.allowed))?;
    Ok(column_uuid(&uid))
}

/// Whether a state of the log passes the filter; its line is made ready once, and applied by `line::TailLine`.
pub(crate) fn passes(filter: &EventFilter, item: &EventItem) -> bool {
    let any = |wanted: &[String], values: &[&str]| {
        wanted.is_empty() || wanted.iter().any(|wanted| values.contains(&wanted.as_str()))
    };
    let uids = [item.uid, item.object_uid.unwrap_or_default()];
    filter.clusters.as_deref().is_none_or(|clusters| clusters.contains(&item.cluster_uid))
        && any(&filter.namespaces, &[&item.namespace])
        && any(&filter.kinds, &[&item.kind])
        && any(&filter.names, &[&item.name])
        && (filter.uids.is_empty() || filter.uids.iter().any(|uid| uids.contains(uid)))
        && any(&filter.reasons, &[&item.reason])
        && any(&filter.types, &[&item.event_type])
        && any(&filter.components, &[&item.component, &item.reporting_component])
        && any(&filter.nodes, &[&item.node])
        && any(&filter.found_by, &[item.found_by])
        && filter.text.as_deref().is_none_or(|text| item.message.to_lowercase().contains(&text.to_lowercase()))
}
