//! The state of an object at a moment, as far as Events tell it. Kind, namespace and name lead to few granules, so that
//! little more than the object's own rows is read, however long its history is.

use beidou_schemas::Micros;
use clickhouse::Row;
use serde::Deserialize;

use super::{
    EventRow, Page, QueryError, Reader,
    statement::Statement,
    timeline::{Object, about},
};

/// An object at a moment.
#[derive(Debug, Clone)]
pub struct AtQuery {
    /// Whose.
    pub object: Object,
    /// States of this moment count too.
    pub at: Micros,
    /// At most so many types and reasons.
    pub limit: u64,
    /// At most about so many bytes.
    pub most_bytes: usize,
}

/// When the object was spoken of. Times are microseconds since 1970, UTC.
#[derive(Debug, Clone, PartialEq, Eq, Row, Deserialize)]
pub struct SeenRow {
    /// States in all.
    pub states: u64,
    /// States until the moment.
    pub before: u64,
    /// The first state of all; nothing where there is none.
    pub first_seen: i64,
    /// The last state until the moment; nothing where there is none.
    pub last_seen: i64,
    /// The first state behind the moment; nothing where there is none.
    pub next_seen: i64,
}

impl Reader {
    /// When the object was spoken of, over all time.
    ///
    /// # Errors
    /// When the store gives no answer.
    pub async fn seen(&self, query: &AtQuery) -> Result<SeenRow, QueryError> {
        let rows: Vec<SeenRow> = self.all(seen(query), 1).await?;
        let none = SeenRow { states: 0, before: 0, first_seen: 0, last_seen: 0, next_seen: 0 };
        Ok(rows.into_iter().next().unwrap_or(none))
    }

    /// Of each type and reason the last state until the moment, the newest first.
    ///
    /// # Errors
    /// When the store gives no answer.
    pub async fn at(&self, query: &AtQuery) -> Result<Page<EventRow>, QueryError> {
        self.page(at(query), query.limit, query.most_bytes).await
    }
}

pub(super) fn seen(query: &AtQuery) -> Statement {
    let statement = Statement::new(
        "SELECT count() AS states, countIf(time <= fromUnixTimestamp64Micro({at:Int64}, 'UTC')) AS before, min(time) AS first_seen,
    maxIf(time, time <= fromUnixTimestamp64Micro({at:Int64}, 'UTC')) AS last_seen,
    minIf(time, time > fromUnixTimestamp64Micro({at:Int64}, 'UTC')) AS next_seen
FROM kube_event",
    );
    about(statement, &query.object).with("at", query.at)
}

pub(super) fn at(query: &AtQuery) -> Statement {
    about(Statement::new("SELECT ?fields\nFROM kube_event"), &query.object)
        .when("time <= fromUnixTimestamp64Micro({at:Int64}, 'UTC')")
        .with("at", query.at)
        .line("ORDER BY time DESC, cluster_uid DESC, event_uid DESC, epoch DESC, resource_version DESC")
        .line("LIMIT 1 BY type, reason")
        .limit(query.limit + 1)
}
