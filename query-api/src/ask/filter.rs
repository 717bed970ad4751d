//! The filters of Events: read from the query string, and applied to states of the log by the live tail.
//!
//! The store applies the same filter as SQL; a test runs both over the same Events.

use beidou_model::query_line::Kind;
use beidou_schemas::{EventUid, envelope::FoundBy, kube_event::column_uuid};
use beidou_store::query::{events::EventFilter, timeline::Object};
use uuid::Uuid;

use super::{Params, line};
use crate::{answer::event::EventItem, problem::Problem};

/// The names of the filters, as in the documentation.
pub(crate) const FILTERS: [&str; 12] =
    ["cluster", "namespace", "kind", "name", "uid", "reason", "type", "component", "node", "found_by", "text", line::Q];

/// Stands for "no namespace" in parameters and paths: no namespace can be called so.
pub(crate) const CLUSTER_SCOPED: &str = "_";

/// The object that a path names: its kind in any case and by kubectl's names for it, as in the query line; [`CLUSTER_SCOPED`]
/// for no namespace.
pub(crate) fn object(clusters: Vec<String>, kind: String, namespace: String, name: String) -> Object {
    let kind = Kind::of(&kind).map_or(kind, |known| known.name.to_owned());
    let namespace = if namespace == CLUSTER_SCOPED { String::new() } else { namespace };
    Object { clusters, kind, namespace, name }
}

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

/// A uid as its column has it. It need not be a UUID: kubelet's Events about a Node have its name there, those about a
/// static Pod a hash.
///
/// # Errors
/// When it cannot be a uid, or is a UUID with capitals, which Kubernetes never writes: nothing would be found under it.
pub(crate) fn uid_of(name: &str, text: &str) -> Result<Uuid, Problem> {
    let usual = Uuid::try_parse(text).map_or_else(|_| String::new(), |uuid| uuid.hyphenated().to_string());
    if usual != text && usual.eq_ignore_ascii_case(text) && !text.is_empty() {
        return Err(Problem::parameter(name, text, "a UUID in lower case, as Kubernetes writes it"));
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_uid_is_what_kubernetes_writes() {
        let usual = "5f3c1b0e-0000-4000-8000-00000000000a";
        assert_eq!(uid_of("uid", usual).unwrap().to_string(), usual);
        for other in ["node-1.example", "f4c1d6b0a53e6fba24f7a2bd94d4be1d"] {
            assert!(uid_of("uid", other).is_ok(), "kubelet's uid of a Node, of a static Pod");
        }
        for odd in [&*usual.to_uppercase(), "a b", ""] {
            let parameter = uid_of("uid", odd).unwrap_err().parameter.unwrap();
            assert_eq!((parameter.name.as_str(), parameter.value.as_deref()), ("uid", Some(odd)));
        }
    }

    #[test]
    fn a_path_names_kinds_as_people_do() {
        for (kind, expected) in
            [("Pod", "Pod"), ("pod", "Pod"), ("po", "Pod"), ("PODS", "Pod"), ("VirtualMachine", "VirtualMachine")]
        {
            assert_eq!(object(Vec::new(), kind.into(), "a".into(), "b".into()).kind, expected);
        }
        assert_eq!(object(Vec::new(), "no".into(), "_".into(), "n1".into()).namespace, "");
    }
}
