//! The values of one field that begin with a text, the most frequent first: what a line under the pen is completed with.

use beidou_model::query_line::Field;
use clickhouse::Row;
use serde::Deserialize;

use super::{Between, QueryError, Reader, statement::Statement};

/// Which values are wanted.
#[derive(Debug, Clone)]
pub struct ValuesQuery {
    /// Of which field.
    pub field: Field,
    /// How they begin, in any case.
    pub prefix: String,
    /// Cluster uids; `None`: all clusters.
    pub clusters: Option<Vec<String>>,
    /// When they occur.
    pub range: Between,
    /// At most so many.
    pub limit: u64,
}

/// A value.
#[derive(Debug, Clone, PartialEq, Eq, Row, Deserialize)]
pub struct ValueRow {
    /// The value; of clusters the uid.
    pub value: String,
    /// States in the range that have it.
    pub states: u64,
}

impl Reader {
    /// Values that begin so; none of fields that have no list of values (`message`, `uid`).
    ///
    /// # Errors
    /// When the store gives no answer.
    pub async fn values(&self, query: &ValuesQuery) -> Result<Vec<ValueRow>, QueryError> {
        match values(query) {
            Some(statement) => self.all(statement, query.limit).await,
            None => Ok(Vec::new()),
        }
    }
}

macro_rules! plain {
    ($column:literal) => {
        (
            concat!("SELECT toString(", $column, ") AS value, count() AS states\nFROM kube_event"),
            concat!("GROUP BY ", $column),
        )
    };
}

/// The columns hold few values each: they are counted as they are, and looked at afterwards. A name is looked at first.
pub(super) fn values(query: &ValuesQuery) -> Option<Statement> {
    let (select, group) = match query.field {
        Field::Cluster => plain!("cluster_uid"),
        Field::Namespace => plain!("namespace"),
        Field::Kind => plain!("kind"),
        Field::Name => plain!("name"),
        Field::Reason => plain!("reason"),
        Field::Type => plain!("type"),
        Field::Action => plain!("action"),
        Field::Host => plain!("host"),
        Field::Node => plain!("node"),
        Field::Instance => plain!("reporting_instance"),
        Field::Pattern => plain!("pattern"),
        Field::FoundBy => plain!("found_by"),
        Field::Component => (COMPONENTS, COMPONENTS_END),
        Field::Message | Field::Uid => return None,
    };
    let statement = Statement::new(select).between(query.range).when_some(
        "cluster_uid IN {clusters:Array(String)}",
        "clusters",
        query.clusters.as_deref(),
    );
    let statement = match query.field {
        Field::Name => statement.when("name != ''").when("startsWith(lower(name), {prefix:String})").line(group),
        _ => statement.line(group).line("HAVING value != '' AND startsWith(lower(value), {prefix:String})"),
    };
    let prefix = query.prefix.to_ascii_lowercase();
    Some(statement.with("prefix", prefix.as_str()).line("ORDER BY states DESC, value").limit(query.limit))
}

/// Few pairs of components exist: they are told apart after they were counted.
const COMPONENTS: &str = "SELECT arrayJoin(arrayDistinct([c, r])) AS value, sum(counted) AS states
FROM
(
SELECT toString(component) AS c, toString(reporting_component) AS r, count() AS counted
FROM kube_event";
const COMPONENTS_END: &str = "GROUP BY component, reporting_component
)
GROUP BY value";
