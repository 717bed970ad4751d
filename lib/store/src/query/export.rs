//! Events for an export: the columns of the view `events`, with the filters of lists, in order of time.

use clickhouse::{Client, query::Query};

use super::{Between, cold::Cold, events::EventFilter, events::matching, statement::Statement};

/// All Events that match, oldest first, without any limit of rows.
pub(crate) fn query(client: &Client, filter: &EventFilter, range: Between, cold: Option<&Cold>) -> Query {
    let statement = events(filter, range);
    match cold {
        None => statement,
        Some(cold) => statement.over(cold),
    }
    .query(client)
}

/// Filters stand in a query of their own: there names are those of columns, here of what is made of them. The hour comes
/// first in the order, as in the table: the engine sorts an hour at a time.
pub(super) fn events(filter: &EventFilter, range: Between) -> Statement {
    let inner = Statement::new(
        "SELECT time, observed, cluster, cluster_uid, type, reason, action, kind, namespace, name, object_uid, node,
    if(component != '', component, reporting_component) AS component, message, pattern, occurrences,
    occurrences_delta AS new_occurrences, event_uid, resource_version, CAST(found_by, 'String') AS found_by
FROM
(
    SELECT time, observed, cluster, cluster_uid, type, reason, action, kind, namespace, name, object_uid, node,
        component, reporting_component, message, pattern, occurrences, occurrences_delta, event_uid,
        resource_version, found_by
    FROM kube_event",
    );
    matching(inner.between(range), filter).line(")").line("ORDER BY toStartOfHour(time), time")
}
