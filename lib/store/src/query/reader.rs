//! Asking with limits: how long, how many rows, how many bytes, and in whose name.

use std::time::Duration;

use clickhouse::{RowOwned, RowRead, query::Query};
use serde::Serialize;

use super::{Between, QueryError, Waited, cold::Cold, statement::Statement};
use crate::{Store, StoreError};

/// Who asks: written beside the query on the server.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Caller {
    /// The request's id.
    pub request_id: String,
    /// Whom the token belongs to.
    pub subject: String,
}

/// How much one question may cost.
#[derive(Debug, Clone, Copy)]
pub struct Bounds {
    /// The server stops the query after this time; the client waits a little longer for its word.
    pub time: Duration,
    /// Memory of one query on the server.
    pub memory_bytes: u64,
}

/// The server checks its time limit between blocks; an answer that comes later than this will not come.
const GRACE: Duration = Duration::from_secs(2);

/// Reads from the store in somebody's name.
#[derive(Debug, Clone)]
pub struct Reader {
    store: Store,
    caller: Caller,
    bounds: Bounds,
    waited: Waited,
    cold: Option<Cold>,
}

/// Rows in order, and whether there are more behind them.
#[derive(Debug, Clone, PartialEq)]
pub struct Page<T> {
    /// The rows.
    pub rows: Vec<T>,
    /// Whether rows were left out.
    pub more: bool,
}

/// A row whose size can be told.
pub(super) trait Weight {
    /// About how many bytes it takes in an answer.
    fn bytes(&self) -> usize;
}

impl Reader {
    /// A reader for one request.
    pub fn new(store: Store, caller: Caller, bounds: Bounds) -> Self {
        Self { store, caller, bounds, waited: Waited::default(), cold: None }
    }

    /// Tells how long it waits for the store.
    #[must_use]
    pub fn telling(self, waited: Waited) -> Self {
        Self { waited, ..self }
    }

    /// The same, of the table and these files; `None`: of the table alone.
    #[must_use]
    pub fn over(&self, cold: Option<&Cold>) -> Self {
        Self { cold: cold.cloned(), ..self.clone() }
    }

    /// The same with so many times as long for each statement.
    #[must_use]
    pub fn patient(mut self, times: u32) -> Self {
        self.bounds.time *= times;
        self
    }

    /// Through what the store reads the archive, as [`Store::archive_collection`] has it.
    ///
    /// # Errors
    /// [`StoreError::NoArchiveReader`] where nobody may read it.
    pub fn archive_collection(&self) -> Result<Option<String>, StoreError> {
        self.store.archive_collection()
    }

    /// Whether the store answers at all.
    ///
    /// # Errors
    /// When it does not.
    pub async fn ping(&self) -> Result<(), QueryError> {
        let one: Vec<u8> = self.all(Statement::new("SELECT 1"), 1).await?;
        tracing::trace!(rows = one.len(), "store answered");
        Ok(())
    }

    /// All rows of a question that has few; more than `most` are an error.
    pub(super) async fn all<T: RowOwned + RowRead>(
        &self,
        statement: Statement,
        most: u64,
    ) -> Result<Vec<T>, QueryError> {
        let query = self.query(statement, most).await?;
        self.within(query.fetch_all::<T>()).await
    }

    /// Rows up to `limit` and `most_bytes`; at least one, if there is one. The statement must ask for `limit + 1`.
    pub(super) async fn page<T>(
        &self,
        statement: Statement,
        limit: u64,
        most_bytes: usize,
    ) -> Result<Page<T>, QueryError>
    where
        T: RowOwned + RowRead + Weight,
    {
        let query = self.query(statement, limit + 1).await?;
        self.within(async {
            let mut cursor = query.fetch::<T>()?;
            let (mut rows, mut bytes) = (Vec::new(), 0);
            while let Some(row) = cursor.next().await? {
                bytes += row.bytes();
                if rows.len() as u64 == limit || (bytes > most_bytes && !rows.is_empty()) {
                    return Ok(Page { rows, more: true });
                }
                rows.push(row);
            }
            Ok(Page { rows, more: false })
        })
        .await
    }

    /// Rows of a list whose newest come first: part by part of its range, until the page is full.
    pub(super) async fn newest_first<T>(
        &self,
        range: Between,
        (limit, most_bytes): (u64, usize),
        statement: impl Fn(Between, u64) -> Statement,
    ) -> Result<Page<T>, QueryError>
    where
        T: RowOwned + RowRead + Weight,
    {
        let Some(cold) = &self.cold else { return self.page(statement(range, limit), limit, most_bytes).await };
        let (mut rows, mut bytes) = (Vec::new(), 0);
        for (part, cold) in cold.newest_first(range) {
            if let Some(Err(error)) = cold.as_ref().map(Cold::check_next) {
                // Who wants what is behind it asks for the next page.
                return if rows.is_empty() { Err(error) } else { Ok(Page { rows, more: true }) };
            }
            let (rest, room) = (limit - rows.len() as u64, most_bytes.saturating_sub(bytes));
            let found: Page<T> = self.over(cold.as_ref()).page(statement(part, rest), rest, room).await?;
            bytes += found.rows.iter().map(Weight::bytes).sum::<usize>();
            rows.extend(found.rows);
            if found.more {
                return Ok(Page { rows, more: true });
            }
        }
        Ok(Page { rows, more: false })
    }

    async fn query(&self, statement: Statement, most_rows: u64) -> Result<Query, QueryError> {
        if let Some(cold) = &self.cold {
            cold.bring().await?;
        }
        let (client, statement) = match &self.cold {
            None => (self.store.reader(), statement),
            Some(cold) => (self.store.archive_reader(), statement.over(cold)),
        };
        let client = client.map_err(QueryError::Away)?;
        let settings = self.settings(most_rows).into_iter();
        Ok(settings.fold(statement.query(&client), |query, (name, value)| query.with_setting(name, value)))
    }

    /// The reader's user has readonly set, and must be allowed to change these all the same: the embedded engine allows
    /// it; on a server they need `changeable_in_readonly` constraints, as docs/clickhouse.md has them.
    fn settings(&self, most_rows: u64) -> [(&'static str, String); 8] {
        let comment = serde_json::to_string(&self.caller).expect("two texts always serialise");
        [
            ("max_execution_time", self.bounds.time.as_secs_f64().to_string()),
            ("max_memory_usage", self.bounds.memory_bytes.to_string()),
            ("max_result_rows", most_rows.to_string()),
            ("result_overflow_mode", "throw".into()),
            ("cancel_http_readonly_queries_on_client_close", "1".into()),
            // Wide columns are read for the rows of the page only, not for all that match.
            ("query_plan_max_limit_for_lazy_materialization", most_rows.to_string()),
            // Newest first is read backwards; with buffers each part of the table in range would be read whole.
            ("read_in_order_use_buffering", "0".into()),
            ("log_comment", comment),
        ]
    }

    async fn within<T>(&self, answer: impl Future<Output = clickhouse::error::Result<T>>) -> Result<T, QueryError> {
        let _asking = self.waited.begin();
        match tokio::time::timeout(self.bounds.time + GRACE, answer).await {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(source)) => Err(QueryError::of(source, self.bounds.time)),
            Err(_) => Err(QueryError::TimeLimit(self.bounds.time)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{super::timeline::BY_NAME, *};
    use crate::client::replicas::READS;

    #[test]
    fn the_documented_profile_allows_what_is_sent() {
        let page = include_str!("../../../../docs/clickhouse.md");
        let caller = Caller { request_id: "r".into(), subject: "s".into() };
        let bounds = Bounds { time: Duration::from_secs(1), memory_bytes: 1 };
        let reader = Reader::new(Store::embedded(std::path::Path::new("/nowhere")), caller, bounds);
        let sent = reader.settings(1);
        let of_statements = BY_NAME.iter().chain(&READS).map(|(name, _)| *name);
        let sent: Vec<&str> = sent.iter().map(|(name, _)| *name).chain(of_statements).collect();
        for name in &sent {
            assert!(page.contains(&format!("    {name} CHANGEABLE_IN_READONLY")), "{name} in SQL");
            assert!(page.contains(&format!("<{name}><changeable_in_readonly/></{name}>")), "{name} in XML");
        }
        // SQL of callers sends five more; its own test has them.
        assert_eq!(page.matches("<changeable_in_readonly/>").count(), sent.len() + 5, "nothing that is not sent");
    }
}
