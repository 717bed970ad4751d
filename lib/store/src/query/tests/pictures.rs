//! The SQL behind the pictures (bins, facets, templates, changes, neighbours, lanes, moments), golden.

use std::fmt::Write;

use beidou_model::query_line::parse;
use beidou_schemas::{Micros, time::SECOND};
use uuid::Uuid;

use super::{EVIL, RANGE, event_key, evil, filter};
use crate::query::{
    Between, EventRow, Field, at, events::EventFilter, explain, facets, histogram, lag, lanes, life, neighbours,
    occurrences, patterns, reach, signals, statement::Statement, timeline::Object,
};

const HOUR: i64 = 3600 * SECOND;

fn object() -> Object {
    Object { clusters: evil(), kind: EVIL.into(), namespace: String::new(), name: EVIL.into() }
}

fn bins(filter: EventFilter, width: i64) -> Statement {
    let range = Between { from: Micros(HOUR + 1), until: Micros(5 * HOUR + 90 * SECOND) };
    let bins = histogram::Bins { begin: Micros(HOUR), width, count: 5 };
    histogram::bins(&histogram::HistogramQuery { filter, range, bins })
}

fn counted(filter: EventFilter, range: Between, fields: Vec<Field>) -> facets::FacetsQuery {
    facets::FacetsQuery { filter, range, fields, top: 10, sort: facets::FacetSort::States }
}

fn anchor() -> EventRow {
    EventRow {
        cluster_uid: EVIL.into(),
        cluster: EVIL.into(),
        epoch: 1,
        event_uid: Uuid::from_u128(7),
        resource_version: 42,
        time: 5_000,
        time_flags: 0,
        observed: 5_000,
        found_by: 1,
        occurrences: 1,
        occurrences_delta: 1,
        event_type: EVIL.into(),
        reason: EVIL.into(),
        action: EVIL.into(),
        message: EVIL.into(),
        kind: EVIL.into(),
        namespace: EVIL.into(),
        name: EVIL.into(),
        object_uid: Uuid::nil(),
        field_path: EVIL.into(),
        component: EVIL.into(),
        host: EVIL.into(),
        reporting_component: EVIL.into(),
        reporting_instance: EVIL.into(),
        node: EVIL.into(),
        meta_name: EVIL.into(),
        meta_namespace: EVIL.into(),
    }
}

fn around(scope: neighbours::Scope, side: neighbours::Side) -> Statement {
    let filter = EventFilter { clusters: None, ..filter() };
    let query =
        neighbours::NeighboursQuery { anchor: anchor(), scope, filter, range: RANGE, side, limit: 10, most_bytes: 1 };
    neighbours::neighbours(&query)
}

fn all() -> Vec<(&'static str, Statement)> {
    let narrow = EventFilter { types: evil(), reasons: evil(), ..EventFilter::default() };
    let fields = Field::ALL.to_vec();
    let compared = explain::ExplainQuery {
        filter: filter(),
        range: RANGE,
        baseline: Between { from: Micros(-7_000), until: RANGE.from },
        fields: fields.clone(),
        top: 10,
    };
    let lines = vec![filter().line.unwrap(), parse("type:warning").unwrap(), parse("").unwrap()];
    let signalled = signals::SignalsQuery { clusters: Some(evil()), lines, range: RANGE, baseline: compared.baseline };
    let folded = patterns::PatternsQuery { filter: filter(), range: RANGE, known_since: Micros(100), top: 10 };
    let drawn = lanes::LanesQuery { object: object(), line: filter().line, range: RANGE, cell: 8, cells: 1000 };
    let lane = lanes::LaneRow { event_type: EVIL.into(), reason: EVIL.into(), different: 1 };
    let happened = occurrences::OccurrencesQuery {
        filter: filter(),
        range: RANGE,
        bins: histogram::Bins { begin: Micros(0), width: 1_000, count: 9 },
        silence: 500,
    };
    let moment = at::AtQuery { object: object(), at: Micros(5_000), limit: 10, most_bytes: 1 };
    let newest = neighbours::AnchorQuery { clusters: evil(), event: Uuid::from_u128(9), resource_version: None };
    let one = neighbours::AnchorQuery { resource_version: Some(42), ..newest.clone() };
    vec![
        ("histogram, from the rows", bins(filter(), SECOND)),
        ("histogram, whole minutes", bins(EventFilter { types: evil(), ..EventFilter::default() }, 60 * SECOND)),
        ("histogram, whole hours", bins(narrow, HOUR)),
        ("occurrences, known", occurrences::known(&happened)),
        ("occurrences, growths", occurrences::growths(&happened)),
        ("occurrences, sources", occurrences::sources(&happened)),
        ("lag", lag::lag(&evil(), RANGE)),
        ("facets", facets::facets(&counted(filter(), RANGE, fields))),
        ("facets, of whole hours", whole_hours(Micros(HOUR + 1), vec![Field::Cluster, Field::Reason])),
        ("explain", explain::explain(&compared)),
        ("signals", signals::signals(&signalled)),
        ("signals, of whole hours", signals_since(HOUR, "type:Warning -kind:Pod")),
        ("reach", reach::reach(&reach::ReachQuery { filter: filter(), range: RANGE, top: 10 })),
        ("patterns", patterns::patterns(&folded)),
        ("patterns, examples", patterns::examples(&[event_key()])),
        ("neighbours, the newest state", neighbours::anchor(&newest)),
        ("neighbours, one state", neighbours::anchor(&one)),
        ("life of an Event", life::moments(&one, RANGE, 1)),
        ("neighbours, before", around(neighbours::Scope::Object, neighbours::Side::Before)),
        ("neighbours, after", around(neighbours::Scope::Node, neighbours::Side::After)),
        ("neighbours, of the namespace", around(neighbours::Scope::Namespace, neighbours::Side::After)),
        ("lanes", lanes::lanes(&drawn, 30)),
        ("lanes, cells", lanes::cells(&drawn, std::slice::from_ref(&lane))),
        ("lanes, stretches", lanes::stretches(&drawn, &[lane])),
        ("at, seen", at::seen(&moment)),
        ("at", at::at(&moment)),
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

fn whole_hours(from: Micros, fields: Vec<Field>) -> Statement {
    let filter = EventFilter { clusters: Some(evil()), reasons: evil(), ..EventFilter::default() };
    let range = Between { from, until: Micros(5 * HOUR) };
    facets::facets(&counted(filter, range, fields))
}

#[test]
fn facets_are_counted_by_whole_hours_where_the_roll_up_knows_them() {
    let written = |from, fields: &[Field]| whole_hours(from, fields.to_vec()).to_string();
    let edges = written(Micros(HOUR + 1), &[Field::Kind, Field::Cluster]);
    assert!(edges.contains("whole_from = Signed(7200)") && edges.contains("UNION ALL"), "{edges}");
    let whole = written(Micros(HOUR), &[Field::Reason, Field::Type, Field::Namespace]);
    assert!(whole.contains("whole_from = Signed(3600)") && !whole.contains("UNION ALL"), "{whole}");
    for rows in [written(Micros(4 * HOUR + 1), &[Field::Kind]), written(Micros(0), &[Field::Kind, Field::Node])] {
        assert!(!rows.contains("whole_from"), "{rows}");
    }
}

/// A line, and one that says nothing, over four hours against the time from this moment on.
fn signals_since(from: i64, line: &str) -> Statement {
    let between = |from: i64, until: i64| Between { from: Micros(from + 1), until: Micros(until + 1) };
    signals::signals(&signals::SignalsQuery {
        clusters: Some(evil()),
        lines: vec![parse(line).unwrap(), parse("").unwrap()],
        range: between(5 * HOUR, 9 * HOUR),
        baseline: between(from, 5 * HOUR),
    })
}

#[test]
fn signals_are_counted_by_whole_hours_where_the_roll_up_knows_them() {
    let by_hour = |from, line: &str| signals_since(from, line).to_string().contains("base_whole_from");
    assert!(by_hour(HOUR, "type:Warning") && by_hour(HOUR, "reason:Back* -namespace:kube-system"));
    assert!(!by_hour(HOUR, "name:web-1"), "the roll-up has no names");
    assert!(!by_hour(5 * HOUR - SECOND, "type:Warning"), "a baseline of a second has no whole hour");
}

#[test]
fn a_line_over_columns_of_the_roll_up_is_answered_by_it() {
    let lined = |text: &str| EventFilter { line: Some(parse(text).unwrap()), ..EventFilter::default() };
    let rolled_up = |text: &str, width| bins(lined(text), width).to_string().contains("whole_from");
    let by_the_hour = "type:warning -namespace:kube-* kind:(po node) reason:/^Back/ cluster:prod";
    assert!(rolled_up(by_the_hour, HOUR) && !rolled_up(by_the_hour, 60 * SECOND));
    assert!(rolled_up("-type:normal", 60 * SECOND));
    for rows in ["name:web-*", "refused", "count>1", "node:n1", "type:warning component:kubelet"] {
        assert!(!rolled_up(rows, HOUR), "{rows}");
    }
}

#[test]
fn bins_of_whole_minutes_are_counted_by_whole_minutes_inside_the_range() {
    let written = |filter, width| bins(filter, width).to_string();
    let minutes = written(EventFilter::default(), 60 * SECOND);
    assert!(minutes.contains("whole_from = Signed(3660)") && minutes.contains("whole_until = Signed(18060)"));
    let hours = written(EventFilter::default(), HOUR);
    assert!(hours.contains("whole_from = Signed(7200)") && hours.contains("whole_until = Signed(18000)"));
    let by_reason = EventFilter { reasons: evil(), ..EventFilter::default() };
    assert!(written(by_reason.clone(), HOUR).contains("whole_from"));
    let default = EventFilter::default();
    for rows in [written(default, 30 * SECOND), written(filter(), HOUR), written(by_reason, 60 * SECOND)] {
        assert!(!rows.contains("whole_from"), "{rows}");
    }
}
