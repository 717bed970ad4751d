//! Events of the nodes that an operation touched, while it ran: oldest first, Warnings before all others where that is wanted.

use super::{Between, EventRow, Page, QueryError, Reader, statement::Statement};

/// What happened on the nodes of a run.
#[derive(Debug, Clone)]
pub struct RunEventsQuery {
    /// The cluster's uids: one, unless two clusters had the name that the operation has.
    pub clusters: Vec<String>,
    /// Names under which its machines may be nodes.
    pub nodes: Vec<String>,
    /// Types: `Normal`, `Warning`; none: all.
    pub types: Vec<String>,
    /// When.
    pub range: Between,
    /// Warnings before all others.
    pub warnings_first: bool,
    /// At most so many rows.
    pub limit: u64,
    /// At most about so many bytes.
    pub most_bytes: usize,
}

impl Reader {
    /// States of Events about these nodes, or about something on them.
    ///
    /// # Errors
    /// When the store gives no answer.
    pub async fn run_events(&self, query: &RunEventsQuery) -> Result<Page<EventRow>, QueryError> {
        self.page(page(query), query.limit, query.most_bytes).await
    }
}

pub(super) fn page(query: &RunEventsQuery) -> Statement {
    let statement = Statement::new("SELECT ?fields\nFROM kube_event")
        .between(query.range)
        .when("cluster_uid IN {clusters:Array(String)}")
        .with("clusters", query.clusters.as_slice())
        // The column has the node of a Pod's Event as well: source.host, or the instance of the kubelet that reports it.
        .when("node IN {nodes:Array(String)}")
        .with("nodes", query.nodes.as_slice())
        .when_any("type IN {types:Array(String)}", "types", &query.types);
    let order = match query.warnings_first {
        true => "ORDER BY type = 'Warning' DESC, time, cluster_uid, event_uid, epoch, resource_version",
        false => "ORDER BY time, cluster_uid, event_uid, epoch, resource_version",
    };
    statement.line(order).limit(query.limit + 1)
}
