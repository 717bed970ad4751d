//! The states about one object, newest first. The index of names leads to the granules that have it; the table's key would
//! lead to one of each hour, and is left aside.

use beidou_model::query_line::QueryLine;

use super::{
    Between, EventRow, Page, QueryError, Reader,
    events::{EventKey, before, sorted},
    line::when_line,
    statement::Statement,
};

/// An object of a cluster.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Object {
    /// The cluster's uids: one, unless two clusters had the name that was asked for.
    pub clusters: Vec<String>,
    /// The object's kind.
    pub kind: String,
    /// Its namespace; empty for a cluster-scoped object.
    pub namespace: String,
    /// Its name.
    pub name: String,
}

/// A page of an object's timeline.
#[derive(Debug, Clone)]
pub struct TimelineQuery {
    /// Whose.
    pub object: Object,
    /// The query line, which must hold as well.
    pub line: Option<QueryLine>,
    /// When.
    pub range: Between,
    /// Behind this one.
    pub after: Option<EventKey>,
    /// At most so many rows.
    pub limit: u64,
    /// At most about so many bytes.
    pub most_bytes: usize,
}

impl TimelineQuery {
    /// The range without what earlier pages have shown.
    pub fn from_here(&self) -> Between {
        before(self.range, self.after.as_ref())
    }
}

impl Reader {
    /// The object's states, newest first.
    ///
    /// # Errors
    /// When the store gives no answer.
    pub async fn timeline(&self, query: &TimelineQuery) -> Result<Page<EventRow>, QueryError> {
        let range = query.from_here();
        let statement = |range, limit| page(&TimelineQuery { range, limit, ..query.clone() });
        self.newest_first(range, (query.limit, query.most_bytes), statement).await
    }
}

/// How an object is found: by the index of names alone, which says all there is to know before anything is read.
pub(super) const BY_NAME: &[(&str, &str)] = &[("use_primary_key", "0"), ("use_skip_indexes_on_data_read", "0")];

/// The conditions that find an object.
pub(super) fn about(statement: Statement, object: &Object) -> Statement {
    statement
        .set(BY_NAME)
        .when("cluster_uid IN {clusters:Array(String)}")
        .with("clusters", object.clusters.as_slice())
        .when("kind = {kind:String}")
        .with("kind", object.kind.as_str())
        .when("namespace = {namespace:String}")
        .with("namespace", object.namespace.as_str())
        .when("name = {name:String}")
        .with("name", object.name.as_str())
}

pub(super) fn page(query: &TimelineQuery) -> Statement {
    let range = before(query.range, query.after.as_ref());
    let statement = about(Statement::new("SELECT ?fields\nFROM kube_event"), &query.object).between(range);
    sorted(when_line(statement, query.line.as_ref()), query.after.as_ref(), query.limit)
}
