//! Running what passed the guard: as the reader, with limits, in somebody's name.

use std::time::Duration;

use bytes::Bytes;
use clickhouse::query::{BytesCursor, Query};
use futures::{Stream, stream};
use serde::Deserialize;

use super::{Checked, SqlError};
use crate::{
    Store,
    query::{Between, Caller, QueryError, cold::Cold, events::EventFilter, export},
};

/// The form of the answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// One document: columns, rows as arrays, statistics.
    Json,
    /// An object a line.
    Ndjson,
    /// With a line of names.
    Csv,
    /// Arrow IPC, the stream format.
    Arrow,
    /// Parquet.
    Parquet,
}

impl Format {
    /// What the engine calls it.
    fn of_engine(self) -> &'static str {
        match self {
            Self::Json => "JSONCompact",
            Self::Ndjson => "JSONEachRow",
            Self::Csv => "CSVWithNames",
            Self::Arrow => "ArrowStream",
            Self::Parquet => "Parquet",
        }
    }

    /// What the engine sends for an export: it would hold Parquet whole, so that is made here, from Arrow.
    fn of_stream(self) -> &'static str {
        match self {
            Self::Json | Self::Ndjson => Self::Ndjson.of_engine(),
            Self::Csv => self.of_engine(),
            Self::Arrow | Self::Parquet => Self::Arrow.of_engine(),
        }
    }
}

/// What is exported.
#[derive(Debug, Clone)]
pub enum Question {
    /// The answer to a statement.
    Sql(Checked),
    /// Events with the columns of the view, oldest first.
    Events {
        /// Which.
        filter: Box<EventFilter>,
        /// When.
        range: Between,
        /// What it needs of the archive.
        cold: Option<Cold>,
    },
}

/// How much one statement may cost.
#[derive(Debug, Clone, Copy)]
pub struct SqlBounds {
    /// The server stops it after this time.
    pub time: Duration,
    /// Memory on the server.
    pub memory_bytes: u64,
    /// Rows that it may read; `None`: any.
    pub read_rows: Option<u64>,
    /// Rows and bytes of its result; `None`: any.
    pub result: Option<(u64, u64)>,
}

/// What a statement would read of one table.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Part {
    /// The table behind the view.
    pub table: String,
    /// Parts of the table.
    pub parts: u64,
    /// Rows.
    pub rows: u64,
    /// Granules: of Events with at most 2,048 rows each, of all else with 8,192.
    pub marks: u64,
}

/// What a statement would read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Estimate {
    /// By table.
    pub parts: Vec<Part>,
}

impl Estimate {
    /// Rows of all tables.
    pub fn rows(&self) -> u64 {
        self.parts.iter().map(|part| part.rows).sum()
    }
}

/// Runs checked statements.
#[derive(Debug, Clone)]
pub struct SqlReader {
    store: Store,
    caller: Caller,
    bounds: SqlBounds,
}

/// The server checks its time limit between blocks; an answer that comes later than this will not come.
const GRACE: Duration = Duration::from_secs(2);

impl SqlReader {
    /// A reader for one request.
    pub fn new(store: Store, caller: Caller, bounds: SqlBounds) -> Self {
        Self { store, caller, bounds }
    }

    /// The whole answer, within the bounds of the result. With `cut` a result of more rows is cut to one row above the
    /// bound, by which the caller can tell; without, it is an error.
    ///
    /// # Errors
    /// What the engine says, or that it says nothing.
    pub async fn whole(&self, statement: &Checked, format: Format, cut: bool) -> Result<Bytes, SqlError> {
        self.within(async {
            let mut query = self.query(statement.sql(), cut)?;
            if let Some((rows, _)) = self.bounds.result.filter(|_| cut) {
                query = query.with_setting("limit", (rows + 1).to_string());
            }
            let mut cursor = query.fetch_bytes(format.of_engine()).map_err(|error| self.failed(error))?;
            cursor.collect().await.map_err(|error| self.failed(error))
        })
        .await
    }

    /// The answer as it comes, however long it is. It ends with an error where it is not whole.
    ///
    /// # Errors
    /// When the store is not there.
    pub fn stream(
        &self,
        question: &Question,
        format: Format,
    ) -> Result<impl Stream<Item = Result<Bytes, SqlError>> + Send + use<>, SqlError> {
        let client = match question {
            Question::Events { cold: Some(_), .. } => self.store.archive_reader(),
            Question::Events { cold: None, .. } | Question::Sql(_) => self.store.reader(),
        }
        .map_err(QueryError::Away)?;
        let query = match question {
            Question::Sql(statement) => client.query_raw(statement.sql()),
            Question::Events { filter, range, cold } => export::query(&client, filter, *range, cold.as_ref()),
        };
        // The reader of Arrow that writes Parquet knows no compression.
        let query = self.set(query, false).with_setting("output_format_arrow_compression_method", "none");
        let cursor = query.fetch_bytes(format.of_stream()).map_err(|error| self.failed(error))?;
        let bounds = self.bounds;
        Ok(stream::unfold(Some(cursor), move |cursor| next(cursor, bounds)))
    }

    /// What the statement would read, by the engine's index. Subqueries whose values the engine needs for its plan are run
    /// for it, and what they read is not in it.
    ///
    /// # Errors
    /// As for an answer: a statement that is wrong is wrong here too.
    pub async fn estimate(&self, statement: &Checked) -> Result<Estimate, SqlError> {
        #[derive(Deserialize)]
        struct Whole {
            data: Vec<Part>,
        }
        let explained = format!("EXPLAIN ESTIMATE {}", statement.sql());
        // It has a row for each table, which the bound of the answer does not mean.
        let unbounded = Self { bounds: SqlBounds { result: None, ..self.bounds }, ..self.clone() };
        let bytes = self
            .within(async {
                let query = unbounded.query(&explained, false)?;
                let mut cursor = query.fetch_bytes("JSON").map_err(|error| self.failed(error))?;
                cursor.collect().await.map_err(|error| self.failed(error))
            })
            .await?;
        let strange = |error: serde_json::Error| {
            self.failed(clickhouse::error::Error::Custom(format!("an estimate that is none: {error}")))
        };
        serde_json::from_slice::<Whole>(&bytes).map(|whole| Estimate { parts: whole.data }).map_err(strange)
    }

    fn query(&self, sql: &str, cut: bool) -> Result<Query, SqlError> {
        let client = self.store.reader().map_err(QueryError::Away)?;
        Ok(self.set(client.query_raw(sql), cut))
    }

    fn set(&self, query: Query, cut: bool) -> Query {
        self.settings(cut).into_iter().fold(query, |query, (name, value)| query.with_setting(name, value))
    }

    /// As with every question of ours, a server must let its reader set these: docs/clickhouse.md.
    fn settings(&self, cut: bool) -> Vec<(&'static str, String)> {
        let comment = serde_json::to_string(&self.caller).expect("two texts always serialise");
        let mut settings = vec![
            ("max_execution_time", self.bounds.time.as_secs_f64().to_string()),
            ("max_memory_usage", self.bounds.memory_bytes.to_string()),
            ("result_overflow_mode", "throw".into()),
            ("cancel_http_readonly_queries_on_client_close", "1".into()),
            // Counts are numbers to whoever adds them up.
            ("output_format_json_quote_64bit_integers", "0".into()),
            ("log_comment", comment),
        ];
        if let Some(rows) = self.bounds.read_rows {
            settings.push(("max_rows_to_read", rows.to_string()));
        }
        if let Some((rows, bytes)) = self.bounds.result {
            settings.push(("max_result_rows", (rows + u64::from(cut)).to_string()));
            settings.push(("max_result_bytes", bytes.to_string()));
        }
        settings
    }

    async fn within<T>(&self, answer: impl Future<Output = Result<T, SqlError>>) -> Result<T, SqlError> {
        let late = |_| Err(QueryError::TimeLimit(self.bounds.time).into());
        tokio::time::timeout(self.bounds.time + GRACE, answer).await.unwrap_or_else(late)
    }

    fn failed(&self, error: clickhouse::error::Error) -> SqlError {
        SqlError::of(error, self.bounds)
    }
}

async fn next(
    cursor: Option<BytesCursor>,
    bounds: SqlBounds,
) -> Option<(Result<Bytes, SqlError>, Option<BytesCursor>)> {
    let mut cursor = cursor?;
    match cursor.next().await {
        Ok(Some(bytes)) => Some((Ok(bytes), Some(cursor))),
        Ok(None) => None,
        Err(error) => Some((Err(SqlError::of(error, bounds)), None)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_documented_profile_allows_what_is_sent() {
        let page = include_str!("../../../../docs/clickhouse.md");
        let caller = Caller { request_id: "r".into(), subject: "s".into() };
        let bounds = SqlBounds { time: GRACE, memory_bytes: 1, read_rows: Some(1), result: Some((1, 1)) };
        let reader = SqlReader::new(Store::embedded(std::path::Path::new("/nowhere")), caller, bounds);
        let sent = reader.settings(true).into_iter().map(|(name, _)| name);
        for name in sent.chain(["limit", "output_format_arrow_compression_method"]) {
            assert!(page.contains(&format!("    {name} CHANGEABLE_IN_READONLY")), "{name} in SQL");
            assert!(page.contains(&format!("<{name}><changeable_in_readonly/></{name}>")), "{name} in XML");
        }
    }
}
