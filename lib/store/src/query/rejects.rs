//! Frames and records that could not be decoded, newest first.

use beidou_schemas::Micros;
use clickhouse::Row;
use serde::Deserialize;

use super::{Between, Page, QueryError, Reader, reader::Weight, statement::Statement};

/// A rejected frame. Times are microseconds since 1970, UTC.
#[derive(Debug, Clone, PartialEq, Eq, Row, Deserialize)]
pub struct RejectRow {
    /// The cluster that sent it.
    pub cluster_uid: String,
    /// Its name at that time.
    pub cluster: String,
    /// When it came.
    pub observed: i64,
    /// A number of `RejectReason`.
    pub reason: i8,
    /// What the decoder said.
    pub detail: String,
    /// The frame's full length.
    pub frame_bytes: u64,
    /// The frame's first bytes, what is no UTF-8 replaced.
    pub head: String,
    /// Where the record stands in the log.
    pub topic: String,
    /// Its partition.
    pub log_partition: u16,
    /// Its offset.
    pub log_offset: u64,
}

impl Weight for RejectRow {
    fn bytes(&self) -> usize {
        400 + self.detail.len() + 2 * self.head.len()
    }
}

/// The place of a reject in the order of lists.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RejectKey {
    /// When it came.
    pub observed: Micros,
    /// Its topic.
    pub topic: String,
    /// Its partition.
    pub partition: u16,
    /// Its offset.
    pub offset: u64,
}

/// A page of rejects.
#[derive(Debug, Clone)]
pub struct RejectsQuery {
    /// Cluster uids; `None`: all.
    pub clusters: Option<Vec<String>>,
    /// Names of `RejectReason`; empty: all.
    pub reasons: Vec<String>,
    /// When they came.
    pub range: Between,
    /// Behind this one.
    pub after: Option<RejectKey>,
    /// At most so many rows.
    pub limit: u64,
    /// At most about so many bytes.
    pub most_bytes: usize,
}

impl Reader {
    /// Rejects, newest first.
    ///
    /// # Errors
    /// When the store gives no answer.
    pub async fn rejects(&self, query: &RejectsQuery) -> Result<Page<RejectRow>, QueryError> {
        self.page(page(query), query.limit, query.most_bytes).await
    }
}

pub(super) fn page(query: &RejectsQuery) -> Statement {
    let statement = Statement::new(
        "SELECT cluster_uid, cluster, observed, reason, detail, frame_bytes, toValidUTF8(substring(frame, 1, 512)) AS head,
    topic, log_partition, log_offset
FROM kube_reject FINAL",
    )
    .when("observed >= fromUnixTimestamp64Micro({from:Int64}, 'UTC')")
    .when("observed < fromUnixTimestamp64Micro({until:Int64}, 'UTC')")
    .with("from", query.range.from)
    .with("until", query.range.until)
    .when_some("cluster_uid IN {clusters:Array(String)}", "clusters", query.clusters.as_deref())
    .when_any("toString(reason) IN {reasons:Array(String)}", "reasons", &query.reasons);
    let statement = match &query.after {
        None => statement,
        Some(key) => statement
            .when(
                "(observed, topic, log_partition, log_offset) < (fromUnixTimestamp64Micro({after_time:Int64}, 'UTC'), \
                 {after_topic:String}, {after_partition:UInt16}, {after_offset:UInt64})",
            )
            .with("after_time", key.observed)
            .with("after_topic", key.topic.as_str())
            .with("after_partition", u64::from(key.partition))
            .with("after_offset", key.offset),
    };
    statement.line("ORDER BY observed DESC, topic DESC, log_partition DESC, log_offset DESC").limit(query.limit + 1)
}
