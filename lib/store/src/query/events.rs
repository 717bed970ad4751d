//! Events over all clusters, newest first.

use beidou_model::query_line::QueryLine;
use beidou_schemas::{Epoch, Micros};
use uuid::Uuid;

use super::{Between, EventRow, Page, QueryError, Reader, line::when_line, statement::Statement};

/// Which Events. Lists: any of the values; an empty list: all.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct EventFilter {
    /// Cluster uids; `None`: all clusters.
    pub clusters: Option<Vec<String>>,
    /// Namespaces of the involved object; an empty text is a cluster-scoped object.
    pub namespaces: Vec<String>,
    /// Kinds of the involved object.
    pub kinds: Vec<String>,
    /// Names of the involved object.
    pub names: Vec<String>,
    /// Uids, of the Event or of the involved object.
    pub uids: Vec<Uuid>,
    /// Reasons.
    pub reasons: Vec<String>,
    /// Types: `Normal`, `Warning`.
    pub types: Vec<String>,
    /// Components: `source.component` or `reportingComponent`.
    pub components: Vec<String>,
    /// Nodes concerned.
    pub nodes: Vec<String>,
    /// How the state was found: names of `FoundBy`.
    pub found_by: Vec<String>,
    /// A part of the message, in any case.
    pub text: Option<String>,
    /// The query line, which must hold as well.
    pub line: Option<QueryLine>,
}

/// The place of a state in the order of lists.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventKey {
    /// When it happened.
    pub time: Micros,
    /// The cluster.
    pub cluster: String,
    /// The Event object.
    pub event: Uuid,
    /// The life of the cluster's etcd.
    pub epoch: Epoch,
    /// The state.
    pub resource_version: u64,
}

impl EventRow {
    /// The row's place in the order of lists.
    pub fn key(&self) -> EventKey {
        EventKey {
            time: Micros(self.time),
            cluster: self.cluster_uid.clone(),
            event: self.event_uid,
            epoch: Epoch(self.epoch),
            resource_version: self.resource_version,
        }
    }
}

/// A page of Events.
#[derive(Debug, Clone)]
pub struct EventsQuery {
    /// Which.
    pub filter: EventFilter,
    /// When.
    pub range: Between,
    /// Behind this one.
    pub after: Option<EventKey>,
    /// At most so many rows.
    pub limit: u64,
    /// At most about so many bytes.
    pub most_bytes: usize,
}

impl EventsQuery {
    /// The range without what earlier pages have shown.
    pub fn from_here(&self) -> Between {
        before(self.range, self.after.as_ref())
    }
}

impl Reader {
    /// States that match, newest first.
    ///
    /// # Errors
    /// When the store gives no answer.
    pub async fn events(&self, query: &EventsQuery) -> Result<Page<EventRow>, QueryError> {
        let range = query.from_here();
        let statement = |range, limit| page(&EventsQuery { range, limit, ..query.clone() });
        self.newest_first(range, (query.limit, query.most_bytes), statement).await
    }

    /// How many states match.
    ///
    /// # Errors
    /// When the store gives no answer.
    pub async fn count_events(&self, filter: &EventFilter, range: Between) -> Result<u64, QueryError> {
        let rows: Vec<u64> = self.all(count(filter, range), 1).await?;
        Ok(rows.first().copied().unwrap_or_default())
    }
}

pub(super) fn page(query: &EventsQuery) -> Statement {
    let range = before(query.range, query.after.as_ref());
    let statement = matching(Statement::new("SELECT ?fields\nFROM kube_event").between(range), &query.filter);
    ordered(statement, query.after.as_ref(), query.limit)
}

pub(super) fn count(filter: &EventFilter, range: Between) -> Statement {
    matching(Statement::new("SELECT count()\nFROM kube_event").between(range), filter)
}

/// Behind a key there is nothing younger: the index on time then skips what earlier pages have shown.
pub(super) fn before(range: Between, after: Option<&EventKey>) -> Between {
    let until = after.map_or(range.until, |key| range.until.min(key.time.plus(1)));
    Between { from: range.from, until }
}

/// Keyset, order and limit of lists over all objects. The hour is the first column of the table's key: named
/// first, it lets the engine read backwards until the page is full. The order is that of time all the same.
pub(super) fn ordered(statement: Statement, after: Option<&EventKey>, limit: u64) -> Statement {
    behind(statement, after)
        .line(
            "ORDER BY toStartOfHour(time) DESC, time DESC, cluster_uid DESC, event_uid DESC, epoch DESC, \
             resource_version DESC",
        )
        .limit(limit + 1)
}

/// The same of lists over one object. Its few rows lie in many places: to read them in the order of the key costs twice
/// as much as to sort them.
pub(super) fn sorted(statement: Statement, after: Option<&EventKey>, limit: u64) -> Statement {
    behind(statement, after)
        .line("ORDER BY time DESC, cluster_uid DESC, event_uid DESC, epoch DESC, resource_version DESC")
        .limit(limit + 1)
}

fn behind(statement: Statement, after: Option<&EventKey>) -> Statement {
    match after {
        None => statement,
        Some(key) => statement
            .when(
                "(time, cluster_uid, event_uid, epoch, resource_version) < (fromUnixTimestamp64Micro({after_time:Int64}, 'UTC'), \
                 {after_cluster:String}, {after_event:UUID}, {after_epoch:UInt32}, {after_version:UInt64})",
            )
            .with("after_time", key.time)
            .with("after_cluster", key.cluster.as_str())
            .with("after_event", key.event)
            .with("after_epoch", u64::from(key.epoch.0))
            .with("after_version", key.resource_version),
    }
}

/// The conditions of a filter. Range and clusters stand beside the query line and are joined with AND: no line leads out
/// of them.
pub(super) fn matching(statement: Statement, filter: &EventFilter) -> Statement {
    let uids: Vec<String> = filter.uids.iter().map(Uuid::to_string).collect();
    let statement = statement
        .when_some("cluster_uid IN {clusters:Array(String)}", "clusters", filter.clusters.as_deref())
        .when_any("namespace IN {namespaces:Array(String)}", "namespaces", &filter.namespaces)
        .when_any("kind IN {kinds:Array(String)}", "kinds", &filter.kinds)
        .when_any("name IN {names:Array(String)}", "names", &filter.names)
        .when_any("(event_uid IN {uids:Array(UUID)} OR object_uid IN {uids:Array(UUID)})", "uids", &uids)
        .when_any("reason IN {reasons:Array(String)}", "reasons", &filter.reasons)
        .when_any("type IN {types:Array(String)}", "types", &filter.types)
        .when_any(
            "(component IN {components:Array(String)} OR reporting_component IN {components:Array(String)})",
            "components",
            &filter.components,
        )
        .when_any("node IN {nodes:Array(String)}", "nodes", &filter.nodes)
        .when_any("toString(found_by) IN {found_by:Array(String)}", "found_by", &filter.found_by)
        .when_some("positionCaseInsensitiveUTF8(message, {text:String}) > 0", "text", filter.text.as_deref());
    when_line(statement, filter.line.as_ref())
}
