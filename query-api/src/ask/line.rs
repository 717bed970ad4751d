//! The query line of a request: read, parted into what it says of clusters and all else, and applied by the live tail.
//!
//! Which clusters are meant is decided here, by all names that a cluster ever had; the store sees their uids.

use std::sync::Arc;

use beidou_model::query_line::{EventText, Field, Matcher, QueryLine, QueryLineError, Value, parse};
use beidou_schemas::kube_event::pattern;

use super::Params;
use crate::{
    answer::event::EventItem,
    catalogue::Names,
    problem::{BadLine, BadParameter, Kind, Problem},
};

/// The parameter.
pub(crate) const Q: &str = "q";

/// A line in its two parts.
#[derive(Debug, Clone, Default)]
pub(crate) struct Lines {
    /// The terms over clusters.
    pub clusters: QueryLine,
    /// All others.
    pub others: QueryLine,
}

/// Reads the parameter `q`; without it both parts are empty.
pub(crate) fn lines(params: &Params) -> Result<Lines, Problem> {
    let line = checked(Q, params.one(Q)?.unwrap_or_default())?;
    let (clusters, others) = line.split(Field::Cluster);
    Ok(Lines { clusters, others })
}

/// Reads a line that was sent under this name.
pub(crate) fn checked(name: &str, text: &str) -> Result<QueryLine, Problem> {
    parse(text).map_err(|error| problem(name, text, error))
}

/// What is wrong with a line, with its place.
fn problem(name: &str, text: &str, error: QueryLineError) -> Problem {
    let detail = error.to_string();
    let line = BadLine {
        fault: error.fault.name(),
        character: error.at.char,
        byte: error.at.byte,
        found: error.found,
        suggestion: error.suggestion,
    };
    let of = Problem::parameter(name, text, error.expected);
    let parameter = of.parameter.map(|parameter| Box::new(BadParameter { line: Some(line), ..*parameter }));
    Problem { parameter, ..Problem::new(Kind::BadQueryLine, detail) }
}

/// The uids of the clusters for which the terms hold, or a name in them that no cluster ever had.
pub(crate) fn clusters_of(line: &QueryLine, names: &Names) -> Result<Vec<String>, String> {
    let written = line.terms().iter().filter_map(|term| term.of(Field::Cluster)).flatten();
    for value in written {
        match value {
            Value::Text(text) if !names.contains_key(text) && !names.values().flatten().any(|name| name == text) => {
                return Err(text.clone());
            }
            Value::Text(_) | Value::Glob(_) | Value::Pattern(_) => {}
        }
    }
    let matcher = Matcher::new(line);
    let meant = |(uid, names): &(&String, &Vec<String>)| {
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        matcher.matches_cluster(uid, &names)
    };
    Ok(names.iter().filter(meant).map(|(uid, _)| uid.clone()).collect())
}

/// A line made ready for a live tail.
pub(crate) struct TailLine {
    clusters: Matcher,
    others: Matcher,
    /// The names that clusters had when the tail began.
    names: Arc<Names>,
    wants_pattern: bool,
}

impl TailLine {
    /// Makes a line ready; `None` where it says nothing.
    pub(crate) fn new(lines: &Lines, names: Arc<Names>) -> Option<Self> {
        let wants_pattern = lines.others.names(Field::Pattern);
        let says_nothing = lines.clusters.is_empty() && lines.others.is_empty();
        let (clusters, others) = (Matcher::new(&lines.clusters), Matcher::new(&lines.others));
        (!says_nothing).then_some(Self { clusters, others, names, wants_pattern })
    }

    /// Whether a state of the log passes.
    pub(crate) fn passes(&self, item: &EventItem) -> bool {
        let earlier = self.names.get(&item.cluster_uid).into_iter().flatten();
        let names: Vec<&str> = earlier.chain([&item.cluster]).map(String::as_str).collect();
        if !self.clusters.matches_cluster(&item.cluster_uid, &names) {
            return false;
        }
        let template = if self.wants_pattern { pattern(&item.message) } else { String::new() };
        self.others.matches(&event_text(item, &template))
    }
}

fn event_text<'a>(item: &'a EventItem, pattern: &'a str) -> EventText<'a> {
    EventText {
        cluster: &item.cluster,
        cluster_uid: &item.cluster_uid,
        namespace: &item.namespace,
        kind: &item.kind,
        name: &item.name,
        event_uid: item.uid,
        object_uid: item.object_uid.unwrap_or_default(),
        reason: &item.reason,
        event_type: &item.event_type,
        action: &item.action,
        component: &item.component,
        reporting_component: &item.reporting_component,
        host: &item.host,
        node: &item.node,
        reporting_instance: &item.reporting_instance,
        message: &item.message,
        pattern,
        found_by: item.found_by,
        occurrences: item.occurrences,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clusters_are_meant_by_any_name_they_had() {
        let names = Names::from([
            ("u1".into(), vec!["hz-prod-02".into(), "old".into()]),
            ("u2".into(), vec!["hz-prod-03".into()]),
            ("u3".into(), vec!["sh-test".into()]),
        ]);
        let meant = |line: &str| clusters_of(&parse(line).unwrap(), &names);
        for (line, expected) in [
            ("cluster:old", vec!["u1"]),
            ("cluster:(old u3)", vec!["u1", "u3"]),
            ("-cluster:old", vec!["u2", "u3"]),
            ("cluster:hz-*", vec!["u1", "u2"]),
            ("-cluster:hz-*", vec!["u3"]),
            ("cluster:/^hz/ -cluster:u2", vec!["u1"]),
            ("cluster:nothing-*", vec![]),
        ] {
            assert_eq!(meant(line).unwrap(), expected, "{line}");
        }
        assert_eq!(meant("-cluster:(old gone)").unwrap_err(), "gone");
    }

    #[test]
    fn a_fault_tells_its_place() {
        let params = Params::parse(Some("q=kind:Pod+nmespace:x"), &[Q]).unwrap();
        let problem = lines(&params).unwrap_err();
        let parameter = problem.parameter.unwrap();
        let line = parameter.line.unwrap();
        assert_eq!((problem.kind, parameter.name.as_str()), (Kind::BadQueryLine, Q));
        assert_eq!((line.character, line.suggestion.as_deref()), (9, Some("namespace")));
    }
}
