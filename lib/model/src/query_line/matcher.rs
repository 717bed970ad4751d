//! A query line applied to a state in memory: what the live tail does, and what the store's conditions are tested against.

use regex::{Regex, RegexBuilder};
use uuid::Uuid;

use beidou_schemas::{EventUid, kube_event::column_uuid};

use super::{Comparison, Dialect, Field, Glob, QueryLine, Test, Value, Words};

/// What a line looks at, in one state of one Event. Named like the columns of the table.
#[derive(Debug, Clone, Default)]
#[allow(missing_docs, reason = "the columns of kube_event, described there")]
pub struct EventText<'a> {
    pub cluster: &'a str,
    pub cluster_uid: &'a str,
    pub namespace: &'a str,
    pub kind: &'a str,
    pub name: &'a str,
    pub event_uid: Uuid,
    pub object_uid: Uuid,
    pub reason: &'a str,
    pub event_type: &'a str,
    pub action: &'a str,
    pub component: &'a str,
    pub reporting_component: &'a str,
    pub host: &'a str,
    pub node: &'a str,
    pub reporting_instance: &'a str,
    pub message: &'a str,
    /// May be left empty where the line does not name [`Field::Pattern`].
    pub pattern: &'a str,
    pub found_by: &'a str,
    pub occurrences: u32,
}

impl<'a> EventText<'a> {
    /// The texts of a field; a field that looks at two columns has two. None for uids.
    fn texts(&self, field: Field) -> [Option<&'a str>; 2] {
        match field {
            Field::Cluster => [Some(self.cluster_uid), Some(self.cluster)],
            Field::Component => [Some(self.component), Some(self.reporting_component)],
            Field::Namespace => [Some(self.namespace), None],
            Field::Kind => [Some(self.kind), None],
            Field::Name => [Some(self.name), None],
            Field::Reason => [Some(self.reason), None],
            Field::Type => [Some(self.event_type), None],
            Field::Action => [Some(self.action), None],
            Field::Host => [Some(self.host), None],
            Field::Node => [Some(self.node), None],
            Field::Instance => [Some(self.reporting_instance), None],
            Field::Message => [Some(self.message), None],
            Field::Pattern => [Some(self.pattern), None],
            Field::FoundBy => [Some(self.found_by), None],
            Field::Uid => [None, None],
        }
    }
}

/// A line made ready: regular expressions compiled, texts folded.
#[derive(Debug, Clone)]
pub struct Matcher {
    terms: Vec<(bool, Ready)>,
}

#[derive(Debug, Clone)]
enum Ready {
    Any(Field, Vec<Look>),
    Count(Comparison, u32),
}

/// One value made ready.
#[derive(Debug, Clone)]
enum Look {
    Exact(String),
    /// In lower case.
    AnyCase(String),
    Uid(Uuid),
    Words(Words),
    Glob(Glob),
    Regex(Regex),
}

impl Matcher {
    /// Makes a line ready.
    pub fn new(line: &QueryLine) -> Self {
        let ready = |test: &Test| match test {
            Test::Any { field, values } => Ready::Any(*field, values.iter().map(|value| look(*field, value)).collect()),
            Test::Count { comparison, number } => Ready::Count(*comparison, *number),
        };
        Self { terms: line.terms().iter().map(|term| (term.negated, ready(&term.test))).collect() }
    }

    /// Whether all terms hold for a cluster that had several names: a term over the cluster finds it by any of them.
    pub fn matches_cluster(&self, cluster_uid: &str, names: &[&str]) -> bool {
        let by = |test: &Ready, cluster| holds(test, &EventText { cluster_uid, cluster, ..EventText::default() });
        self.terms.iter().all(|(negated, test)| *negated != names.iter().any(|name| by(test, name)))
    }

    /// Whether all terms hold.
    pub fn matches(&self, event: &EventText<'_>) -> bool {
        self.terms.iter().all(|(negated, test)| *negated != holds(test, event))
    }
}

fn look(field: Field, value: &Value) -> Look {
    match (value, field) {
        (Value::Text(text), Field::Message) => Look::Words(Words::of(text)),
        (Value::Text(text), Field::Uid) => {
            let uid = text.parse::<EventUid>().expect("a line that was read has uids alone behind uid");
            Look::Uid(column_uuid(&uid))
        }
        (Value::Text(text), field) if field.any_case() && field.known(text).is_none() => {
            Look::AnyCase(text.to_ascii_lowercase())
        }
        (Value::Text(text), _) => Look::Exact(text.clone()),
        (Value::Glob(glob), Field::Message) => Look::Regex(compiled(&glob.in_message())),
        (Value::Glob(glob), _) => Look::Glob(glob.clone()),
        (Value::Pattern(pattern), _) => Look::Regex(compiled(&pattern.text(Dialect::Rust))),
    }
}

pub(super) fn compiled(pattern: &str) -> Regex {
    let built = RegexBuilder::new(pattern).dot_matches_new_line(true).build();
    built.expect("only checked and bounded patterns are read, and they are written in the engine's own signs")
}

fn holds(test: &Ready, event: &EventText<'_>) -> bool {
    match test {
        Ready::Count(comparison, number) => comparison.holds(event.occurrences, *number),
        Ready::Any(field, looks) => looks.iter().any(|look| finds(look, *field, event)),
    }
}

fn finds(look: &Look, field: Field, event: &EventText<'_>) -> bool {
    let in_text = |text: &str| match look {
        Look::Exact(wanted) => text == wanted,
        Look::AnyCase(wanted) => text.eq_ignore_ascii_case(wanted),
        Look::Words(words) => words.are_in(text),
        Look::Glob(glob) => glob.matches(text, field.any_case()),
        Look::Regex(regex) => regex.is_match(text),
        Look::Uid(_) => false,
    };
    match look {
        Look::Uid(uid) => [event.event_uid, event.object_uid].contains(uid),
        Look::Exact(_) | Look::AnyCase(_) | Look::Words(_) | Look::Glob(_) | Look::Regex(_) => {
            event.texts(field).into_iter().flatten().any(in_text)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::query_line::parse;

    #[test]
    fn lines_are_applied() {
        let uid = "2c5bd1f6-7b0e-4c1d-9d5e-000000000007";
        let event = EventText {
            cluster: "hz-prod-02",
            cluster_uid: "c-2",
            namespace: "shop",
            kind: "Pod",
            name: "web-7d9f8b5c-x2k9q",
            event_uid: uid.parse().unwrap(),
            reason: "BackOff",
            event_type: "Warning",
            component: "kubelet",
            node: "node-7",
            message: "Back-off pulling image \"mirror.hz/web:4.18\":\nconnection refused",
            pattern: "Back-off pulling image *",
            found_by: "watch",
            occurrences: 12,
            ..EventText::default()
        };
        for (line, expected) in [
            ("", true),
            ("kind:(po node) reason:backoff type:WARNING -namespace:kube-system count>10", true),
            ("count<=11", false),
            ("-count=12", false),
            ("name:web-* name:*9?", true),
            ("name:WEB-*", false),
            ("kind:P?D", true),
            ("cluster:hz-* cluster:c-2", true),
            ("cluster:(a b)", false),
            ("component:kubelet component:\"\\a\"", false),
            (&format!("uid:{uid}"), true),
            ("uid:other", false),
            ("Refused \"connection REFUSED\" back-off", true),
            ("refuse", false),
            ("refuse*", true),
            ("?efused pull*g conn*on", true),
            ("pull*refused", false),
            ("-refuse -message:(gone lost)", true),
            ("message:(gone refused)", true),
            ("/4\\.1\\d\"/ /:.conn/ /^Back/ /refused$/", true),
            ("/back-off/", false),
            ("/(?i)back-off/", true),
            ("name:/^web-[0-9a-f]{8}-/", true),
            ("pattern:\"Back-off pulling image *\"", true),
            ("pattern:Back*", true),
            ("found_by:(list seed)", false),
            ("host:\"\" instance:\"\" -node:\"\"", true),
            ("namespace:_", false),
        ] {
            let line = parse(line).unwrap_or_else(|error| panic!("{line}: {error}"));
            assert_eq!(Matcher::new(&line).matches(&event), expected, "{line}");
        }
    }
}
