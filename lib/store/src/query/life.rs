//! When an Event happened: what bounds the days of the archive that can have states of it.

use beidou_schemas::{Micros, time::DAY};
use clickhouse::Row;
use serde::Deserialize;

use super::{
    Between, QueryError, Reader,
    neighbours::{AnchorQuery, of_event},
    reader::Weight,
    statement::Statement,
};

/// The moments of a state, microseconds since 1970, UTC.
#[derive(Debug, Clone, PartialEq, Eq, Row, Deserialize)]
struct MomentRow {
    time: i64,
    /// Of its Event, by the API server; 0 where the Event has none.
    creation_time: i64,
}

impl Weight for MomentRow {
    fn bytes(&self) -> usize {
        size_of::<Self>()
    }
}

impl Reader {
    /// From a day before the Event was made, which no component's clock is wrong by, until the newest of these states; `None`
    /// where there is none. Of the archive no older days are read than those that have it.
    ///
    /// # Errors
    /// When the store gives no answer.
    pub async fn life(&self, query: &AnchorQuery) -> Result<Option<Between>, QueryError> {
        let statement = |part, limit| moments(query, part, limit);
        let newest = self.newest_first::<MomentRow>(Between::ALL, (1, usize::MAX), statement).await?.rows.pop();
        Ok(newest.map(|row| {
            let born = Micros(row.time.min(row.creation_time)).plus(-DAY);
            Between { from: born.max(Between::ALL.from), until: Micros(row.time).plus(1) }
        }))
    }
}

pub(super) fn moments(query: &AnchorQuery, range: Between, limit: u64) -> Statement {
    of_event(Statement::new("SELECT ?fields\nFROM kube_event").between(range), query)
        .line("ORDER BY time DESC")
        .limit(limit + 1)
}
