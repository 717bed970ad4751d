//! Which part of a question the roll-ups of the table answer: whole minutes or whole hours of its range, under filters that
//! they know. The edges are counted row by row.
//!
//! ```text
//!   from      whole_from                    whole_until     until
//!    ├── rows ──┤───────── roll-up ────────────┤──── rows ────┤
//! ```

use beidou_model::query_line::{Field, QueryLine, Test};
use beidou_schemas::{Micros, time::SECOND};

use super::{
    Between,
    events::{EventFilter, matching},
    statement::Statement,
};

/// Seconds of a cell.
pub(super) const MINUTE: i64 = 60;
pub(super) const HOUR: i64 = 3600;
/// Roll-ups count in `DateTime`, which ends in 2106.
const LAST_SECOND: i64 = u32::MAX as i64;

/// The whole units of a range, in seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Whole {
    from: i64,
    until: i64,
}

impl Whole {
    /// The whole units of `unit` seconds, if there are any and the roll-up of that unit knows the filter's columns.
    pub(super) fn of(range: Between, filter: &EventFilter, unit: i64) -> Option<Self> {
        let from = range.from.0.div_euclid(SECOND) + i64::from(range.from.0.rem_euclid(SECOND) > 0);
        let from = (from + unit - 1).div_euclid(unit) * unit;
        let until = range.until.0.div_euclid(SECOND).min(LAST_SECOND).div_euclid(unit) * unit;
        (is_rolled_up(filter, unit) && from < until).then_some(Self { from, until })
    }

    /// Whether the range has edges beside the whole units.
    pub(super) fn has_edges(self, range: Between) -> bool {
        (self.from * SECOND, self.until * SECOND) != (range.from.0, range.until.0)
    }

    /// Begins a statement that reads from `picked`, the rows of the filter.
    pub(super) fn picked(self, filter: &EventFilter) -> Statement {
        matching(Statement::new("WITH picked AS\n(\nSELECT * FROM kube_event"), filter).line(")")
    }

    /// Sets the parameters of [`WHOLE_MINUTES`], [`WHOLE_HOURS`] and [`EDGES`]; where `of` is `base_`, those of
    /// [`BASE_WHOLE_HOURS`] and [`BASE_EDGES`].
    pub(super) fn bound(self, statement: Statement, of: &str, range: Between) -> Statement {
        let whole = [("whole_from", Micros(self.from)), ("whole_until", Micros(self.until))];
        let values = [("from", range.from), ("until", range.until)].into_iter().chain(whole);
        values.fold(statement, |statement, (name, value)| statement.with(format!("{of}{name}"), value))
    }
}

/// The rows of whole minutes, as the roll-up's own text has them.
pub(super) const WHOLE_MINUTES: &str = "    WHERE toStartOfMinute(time) >= toDateTime({whole_from:Int64}, 'UTC') AND \
     toStartOfMinute(time) < toDateTime({whole_until:Int64}, 'UTC')";

macro_rules! whole_hours {
    ($of:literal) => {
        concat!(
            "    WHERE toStartOfHour(time) >= toDateTime({",
            $of,
            "whole_from:Int64}, 'UTC') AND toStartOfHour(time) < toDateTime({",
            $of,
            "whole_until:Int64}, 'UTC')"
        )
    };
}

macro_rules! edges {
    ($of:literal) => {
        concat!(
            "    WHERE (time >= fromUnixTimestamp64Micro({",
            $of,
            "from:Int64}, 'UTC') AND time < toDateTime({",
            $of,
            "whole_from:Int64}, 'UTC'))
        OR (time >= toDateTime({",
            $of,
            "whole_until:Int64}, 'UTC') AND time < fromUnixTimestamp64Micro({",
            $of,
            "until:Int64}, 'UTC'))"
        )
    };
}

/// The rows of whole hours.
pub(super) const WHOLE_HOURS: &str = whole_hours!("");
/// The rows before and behind them.
pub(super) const EDGES: &str = edges!("");
/// The same of a range that another one is compared with.
pub(super) const BASE_WHOLE_HOURS: &str = whole_hours!("base_");
/// Likewise.
pub(super) const BASE_EDGES: &str = edges!("base_");

/// Whether all conditions are over columns of the roll-up: cluster and type, by the hour also namespace, kind and reason.
fn is_rolled_up(filter: &EventFilter, unit: i64) -> bool {
    let EventFilter {
        clusters: _,
        namespaces,
        kinds,
        names,
        uids,
        reasons,
        types: _,
        components,
        nodes,
        found_by,
        text,
        line,
    } = filter;
    let by_hour = [namespaces, kinds, reasons].iter().all(|values| values.is_empty()) || unit == HOUR;
    let never = [names, components, nodes, found_by].iter().all(|values| values.is_empty());
    by_hour
        && never
        && uids.is_empty()
        && text.is_none()
        && line.as_ref().is_none_or(|line| is_rolled_up_line(line, unit))
}

/// Whether all terms of a line are over columns of the roll-up.
pub(super) fn is_rolled_up_line(line: &QueryLine, unit: i64) -> bool {
    line.terms().iter().all(|term| is_rolled_up_term(&term.test, unit))
}

fn is_rolled_up_term(test: &Test, unit: i64) -> bool {
    match test {
        Test::Any { field: Field::Type, .. } => true,
        Test::Any { field: Field::Cluster | Field::Namespace | Field::Kind | Field::Reason, .. } => unit == HOUR,
        Test::Any {
            field:
                Field::Name
                | Field::Uid
                | Field::Action
                | Field::Component
                | Field::Host
                | Field::Node
                | Field::Instance
                | Field::Message
                | Field::Pattern
                | Field::FoundBy,
            ..
        }
        | Test::Count { .. } => false,
    }
}
