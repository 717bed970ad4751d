//! What else happened around one state of an Event, before and after.

use uuid::Uuid;

use super::{
    Between, EventRow, Page, QueryError, Reader,
    events::{EventFilter, matching},
    statement::Statement,
};

/// One state of an Event.
#[derive(Debug, Clone)]
pub struct AnchorQuery {
    /// The cluster's uids: one, unless two clusters had the name that was asked for.
    pub clusters: Vec<String>,
    /// The Event, as its column has it.
    pub event: Uuid,
    /// The state; `None`: the newest.
    pub resource_version: Option<u64>,
}

/// How near a neighbour is, besides time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Scope {
    /// About the same object.
    Object,
    /// About the same node.
    Node,
    /// In the same namespace.
    Namespace,
    /// In the same cluster.
    Cluster,
}

impl Scope {
    /// From the nearest to the widest.
    pub const ALL: [Self; 4] = [Self::Object, Self::Node, Self::Namespace, Self::Cluster];

    /// The stable name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Object => "object",
            Self::Node => "node",
            Self::Namespace => "namespace",
            Self::Cluster => "cluster",
        }
    }

    /// The scope of this name.
    pub fn of_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|scope| scope.name() == name)
    }
}

/// On which side of the state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// Before it, newest first.
    Before,
    /// After it, oldest first.
    After,
}

/// The neighbours on one side, the nearest first.
#[derive(Debug, Clone)]
pub struct NeighboursQuery {
    /// The state.
    pub anchor: EventRow,
    /// How near.
    pub scope: Scope,
    /// Which of them; its clusters are not read.
    pub filter: EventFilter,
    /// When.
    pub range: Between,
    /// On which side.
    pub side: Side,
    /// At most so many rows.
    pub limit: u64,
    /// At most about so many bytes.
    pub most_bytes: usize,
}

impl Reader {
    /// The state that neighbours are asked of; `None` where it is not stored.
    ///
    /// # Errors
    /// When the store gives no answer.
    pub async fn anchor(&self, query: &AnchorQuery) -> Result<Option<EventRow>, QueryError> {
        Ok(self.all(anchor(query), 1).await?.into_iter().next())
    }

    /// Other Events on one side of a state, the nearest first.
    ///
    /// # Errors
    /// When the store gives no answer.
    pub async fn neighbours(&self, query: &NeighboursQuery) -> Result<Page<EventRow>, QueryError> {
        self.page(neighbours(query), query.limit, query.most_bytes).await
    }
}

/// The conditions that find the state.
pub(super) fn of_event(statement: Statement, query: &AnchorQuery) -> Statement {
    statement
        .when("cluster_uid IN {clusters:Array(String)}")
        .with("clusters", query.clusters.as_slice())
        .when("event_uid = {event:UUID}")
        .with("event", query.event)
        .when_some("resource_version = {version:UInt64}", "version", query.resource_version)
}

pub(super) fn anchor(query: &AnchorQuery) -> Statement {
    of_event(Statement::new("SELECT ?fields\nFROM kube_event"), query)
        .line("ORDER BY cluster_uid DESC, epoch DESC, resource_version DESC")
        .limit(1)
}

pub(super) fn neighbours(query: &NeighboursQuery) -> Statement {
    let (near, key) = (near(query), query.anchor.key());
    let (beyond, order) = match query.side {
        Side::Before => (
            "(time, event_uid, epoch, resource_version) < (fromUnixTimestamp64Micro({at:Int64}, 'UTC'), {event:UUID}, {epoch:UInt32}, {version:UInt64})",
            "ORDER BY time DESC, event_uid DESC, epoch DESC, resource_version DESC",
        ),
        Side::After => (
            "(time, event_uid, epoch, resource_version) > (fromUnixTimestamp64Micro({at:Int64}, 'UTC'), {event:UUID}, {epoch:UInt32}, {version:UInt64})",
            "ORDER BY time, event_uid, epoch, resource_version",
        ),
    };
    matching(near.between(query.range).when(beyond).when("event_uid != {event:UUID}"), &query.filter)
        .with("at", key.time)
        .with("event", key.event)
        .with("epoch", u64::from(key.epoch.0))
        .with("version", key.resource_version)
        .line(order)
        .limit(query.limit + 1)
}

fn near(query: &NeighboursQuery) -> Statement {
    let anchor = &query.anchor;
    let statement = Statement::new("SELECT ?fields\nFROM kube_event")
        .when("cluster_uid = {of_cluster:String}")
        .with("of_cluster", anchor.cluster_uid.as_str());
    match query.scope {
        Scope::Object => statement
            .when("kind = {of_kind:String}")
            .with("of_kind", anchor.kind.as_str())
            .when("namespace = {of_namespace:String}")
            .with("of_namespace", anchor.namespace.as_str())
            .when("name = {of_name:String}")
            .with("of_name", anchor.name.as_str()),
        Scope::Node => statement.when("node = {of_node:String}").with("of_node", anchor.node.as_str()),
        Scope::Namespace => {
            statement.when("namespace = {of_namespace:String}").with("of_namespace", anchor.namespace.as_str())
        }
        Scope::Cluster => statement,
    }
}
