//! The SQL of every question, golden: what a caller wrote stands among the parameters only.

mod pictures;

use std::fmt::Write;

use beidou_model::query_line::{Field, QueryLine, parse};
use beidou_schemas::{Epoch, Micros};
use uuid::Uuid;

use super::{Between, clusters, coverage, events, known, rejects, run_events, states, timeline, values};

const RANGE: Between = Between { from: Micros(1_000), until: Micros(9_000) };
/// What must never reach the text of a statement.
const EVIL: &str = "x' OR 1=1 -- ?";

fn evil() -> Vec<String> {
    vec![EVIL.into()]
}

fn event_key() -> events::EventKey {
    events::EventKey {
        time: Micros(5_000),
        cluster: EVIL.into(),
        event: Uuid::from_u128(7),
        epoch: Epoch(1),
        resource_version: 42,
    }
}

fn filter() -> events::EventFilter {
    events::EventFilter {
        clusters: Some(evil()),
        namespaces: evil(),
        kinds: evil(),
        names: evil(),
        uids: vec![Uuid::from_u128(9)],
        reasons: evil(),
        types: evil(),
        components: evil(),
        nodes: evil(),
        found_by: evil(),
        text: Some(EVIL.into()),
        line: Some(line()),
    }
}

/// Every form of term.
fn line() -> QueryLine {
    let text = r#"kind:(po "x' OR 1=1 -- ?" *Set) -namespace:_ reason:(BackOff Fail*) type:warning name:web-?_% -count>10
        uid:2c5bd1f6-7b0e-4c1d-9d5e-000000000007 component:"x' OR 1=1 -- ?" node:/^n[0-9]/ found_by:watch
        refused "x' OR 1=1 -- ?" über -message:(gone lo*t /(?i)l.st/)"#;
    parse(text).unwrap()
}

fn of_field(field: Field) -> super::statement::Statement {
    let query = values::ValuesQuery { field, prefix: EVIL.into(), clusters: Some(evil()), range: RANGE, limit: 10 };
    values::values(&query).unwrap()
}

fn intervals() -> coverage::CoverageQuery {
    let (from, until) = (Micros(5), Micros(6));
    let after = Some(coverage::CoverageKey { from, cluster: EVIL.into(), state: 2, session: Uuid::nil(), until });
    coverage::CoverageQuery { clusters: Some(evil()), states: evil(), range: RANGE, after, limit: 10, most_bytes: 1 }
}

fn all() -> Vec<(&'static str, super::statement::Statement)> {
    let plain = events::EventsQuery {
        filter: events::EventFilter::default(),
        range: RANGE,
        after: None,
        limit: 100,
        most_bytes: 1,
    };
    let narrow = events::EventsQuery { filter: filter(), after: Some(event_key()), ..plain.clone() };
    let object = timeline::Object { clusters: evil(), kind: EVIL.into(), namespace: String::new(), name: EVIL.into() };
    let of_object = timeline::TimelineQuery {
        object,
        line: Some(line()),
        range: RANGE,
        after: Some(event_key()),
        limit: 10,
        most_bytes: 1,
    };
    let after = Some(states::StateKey { cluster: EVIL.into(), epoch: Epoch(0), resource_version: 3 });
    let of_event = states::StatesQuery { clusters: evil(), event: Uuid::from_u128(9), after, limit: 10, most_bytes: 1 };
    let intervals = intervals();
    let after = Some(rejects::RejectKey { observed: Micros(5), topic: EVIL.into(), partition: 1, offset: 2 });
    let rejected = rejects::RejectsQuery {
        clusters: Some(evil()),
        reasons: evil(),
        range: RANGE,
        after,
        limit: 10,
        most_bytes: 1,
    };
    let beside = run_events::RunEventsQuery {
        clusters: evil(),
        nodes: evil(),
        types: evil(),
        range: RANGE,
        warnings_first: false,
        limit: 10,
        most_bytes: 1,
    };
    let warnings_first = run_events::RunEventsQuery { types: Vec::new(), warnings_first: true, ..beside.clone() };
    let imported = known::KnownQuery { cluster: EVIL.into(), events: vec![Uuid::nil()], range: RANGE };
    vec![
        ("events", events::page(&plain)),
        ("events, all filters, second page", events::page(&narrow)),
        ("events, count", events::count(&filter(), RANGE)),
        ("timeline", timeline::page(&of_object)),
        ("states", states::page(&of_event)),
        ("cluster names", clusters::names()),
        ("cluster activity", clusters::activity(Some(&evil()), RANGE)),
        ("coverage", coverage::page(&intervals)),
        ("coverage spans", coverage::spans(Some(&evil()), RANGE)),
        ("coverage extents", coverage::extents(Some(&evil()))),
        ("rejects", rejects::page(&rejected)),
        ("events beside a run", run_events::page(&beside)),
        ("events beside a run, warnings first", run_events::page(&warnings_first)),
        ("known states", known::known(&imported)),
        ("epoch", known::epoch("x' OR 1=1 -- ?")),
        ("values of reason", of_field(Field::Reason)),
        ("values of name", of_field(Field::Name)),
        ("values of component", of_field(Field::Component)),
    ]
}

#[test]
fn the_sql_is_golden() {
    let mut text = String::new();
    for (name, statement) in all() {
        writeln!(text, "== {name}\n{statement}\n").unwrap();
    }
    insta::assert_snapshot!(text);
}

#[test]
fn what_callers_write_never_reaches_the_text() {
    for (name, statement) in all() {
        let written = statement.to_string();
        let sql: Vec<_> = written.lines().filter(|line| !line.starts_with("-- ")).collect();
        assert!(!sql.join("\n").contains("OR 1=1"), "{name}");
    }
}
