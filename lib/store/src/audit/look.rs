//! Questions to the table.

use arrow_array::RecordBatch;
use arrow_ipc::reader::StreamReader;
use beidou_schemas::{
    Offset,
    archive::{FileEntry, PartitionRange},
    kube_event::ROW_HASH_SQL,
    time::{DAY, HOUR},
};
use clickhouse::Row;
use serde::Deserialize;
use uuid::Uuid;

use super::{TABLE, failed, quoted};
use crate::{
    Store, StoreError,
    archive::{StateId, Sum},
};

/// Clusters' hours of one day that an answer may have: 10,000 clusters.
const HOURS_OF_DAY: usize = 240_000;
/// The columns that [`StateRow`] has.
const STATE: &str = "cluster_uid, epoch, event_uid, resource_version";
/// A name in a condition is the column's, not that of what is selected.
const COLUMNS: (&str, &str) = ("prefer_column_name_to_alias", "1");
/// How the engine writes Arrow so that it can be inserted again as it is.
const ARROW: [(&str, &str); 3] = [
    ("output_format_arrow_low_cardinality_as_dictionary", "0"),
    ("output_format_arrow_string_as_string", "1"),
    ("output_format_arrow_compression_method", "none"),
];

/// One cluster's rows of an hour.
#[derive(Debug, Clone, PartialEq, Eq, Row, Deserialize)]
pub struct HourRow {
    /// The cluster.
    pub cluster_uid: String,
    /// Hours since 1970.
    pub hour: i64,
    /// Rows.
    pub rows: u64,
    /// Different identities among them.
    pub distinct: u64,
    /// Hash of the rows.
    pub hash: u64,
}

/// Rows of one state that have the same hash.
#[derive(Debug, Clone, PartialEq, Eq, Row, Deserialize)]
pub struct StateRow {
    /// The cluster.
    pub cluster_uid: String,
    /// The life of its etcd.
    pub epoch: u32,
    /// The Event.
    #[serde(with = "clickhouse::serde::uuid")]
    pub event_uid: Uuid,
    /// The state.
    pub resource_version: u64,
    /// Hash of each of the rows.
    pub hash: u64,
    /// The Event's time, microseconds.
    pub time: i64,
    /// Where one of them stands in the log.
    pub log_partition: u16,
    /// See `log_partition`.
    pub log_offset: u64,
    /// Rows.
    pub rows: u64,
    /// Those of them that the archive covers.
    pub covered: u64,
}

impl StateRow {
    /// Which state it is.
    pub fn id(&self) -> StateId {
        StateId { event_uid: self.event_uid, epoch: self.epoch, resource_version: self.resource_version }
    }
}

impl HourRow {
    /// Its rows and hash.
    pub fn sum(&self) -> Sum {
        Sum { rows: self.rows, hash: beidou_schemas::kube_event::RangeHash(self.hash) }
    }
}

/// The condition that a row's place in the log lies in one of these ranges.
pub(crate) fn covered_by(ranges: &[PartitionRange]) -> String {
    let range = |range: &PartitionRange| {
        let PartitionRange { partition, from, to } = range;
        format!("(log_partition = {partition} AND log_offset >= {from} AND log_offset < {to})")
    };
    if ranges.is_empty() { "0".into() } else { ranges.iter().map(range).collect::<Vec<_>>().join(" OR ") }
}

fn within(from: i64, to: i64) -> String {
    format!("time >= fromUnixTimestamp64Micro({from}, 'UTC') AND time < fromUnixTimestamp64Micro({to}, 'UTC')")
}

/// The days that have rows, counted from 1970. Cheap: it reads a roll-up.
///
/// # Errors
/// When the store gives no answer: retry.
pub async fn days(store: &Store) -> Result<Vec<i64>, StoreError> {
    let sql = format!(
        "SELECT DISTINCT intDiv(toInt64(toUnixTimestamp(hour)), 86400) AS day FROM \
         (SELECT toStartOfHour(time) AS hour, count() FROM {TABLE} GROUP BY toStartOfHour(time)) ORDER BY day"
    );
    store.writer()?.query_raw(&sql).fetch_all().await.map_err(failed("list the days of its rows"))
}

/// The rows of a day by cluster and hour, as far as these ranges of the log cover them.
///
/// # Errors
/// When the store gives no answer: retry.
pub async fn hours_of_day(store: &Store, day: i64, covered: &[PartitionRange]) -> Result<Vec<HourRow>, StoreError> {
    let sql = format!(
        "SELECT toString(cluster_uid) AS cluster_uid, intDiv(toInt64(toUnixTimestamp(toStartOfHour(time))), 3600) AS hour, \
         count() AS rows, uniqExact(epoch, event_uid, resource_version) AS distinct, sum({ROW_HASH_SQL}) AS hash \
         FROM {TABLE} WHERE {} AND ({}) GROUP BY cluster_uid, hour ORDER BY cluster_uid, hour LIMIT {HOURS_OF_DAY}",
        within(day * DAY, (day + 1) * DAY),
        covered_by(covered)
    );
    let query = store.writer()?.query_raw(&sql).with_setting(COLUMNS.0, COLUMNS.1);
    query.fetch_all().await.map_err(failed("add up the rows of a day"))
}

async fn states(store: &Store, condition: &str, covered: &str) -> Result<Vec<StateRow>, StoreError> {
    let sql = format!(
        "SELECT toString(cluster_uid) AS cluster_uid, epoch, event_uid, resource_version, {ROW_HASH_SQL} AS hash, \
         toUnixTimestamp64Micro(min(kube_event.time)) AS time, any(log_partition) AS log_partition, \
         any(log_offset) AS log_offset, count() AS rows, countIf({covered}) AS covered \
         FROM {TABLE} WHERE {condition} GROUP BY {STATE}, hash"
    );
    let query = store.writer()?.query_raw(&sql).with_setting(COLUMNS.0, COLUMNS.1);
    query.fetch_all().await.map_err(failed("list states"))
}

/// The states of a cluster's hour.
///
/// # Errors
/// When the store gives no answer: retry.
pub async fn states_of_hour(
    store: &Store,
    cluster_uid: &str,
    hour: i64,
    covered: &[PartitionRange],
) -> Result<Vec<StateRow>, StoreError> {
    let condition = format!("cluster_uid = {} AND {}", quoted(cluster_uid), within(hour * HOUR, (hour + 1) * HOUR));
    states(store, &condition, &covered_by(covered)).await
}

/// The states that stand at these places of the log.
///
/// # Errors
/// When the store gives no answer: retry.
pub async fn states_at(store: &Store, range: PartitionRange) -> Result<Vec<StateRow>, StoreError> {
    states(store, &covered_by(&[range]), "1").await
}

/// How many rows stand at these places of the log.
///
/// # Errors
/// When the store gives no answer: retry.
pub async fn rows_at(store: &Store, range: PartitionRange) -> Result<u64, StoreError> {
    let sql = format!("SELECT count() FROM {TABLE} WHERE {}", covered_by(&[range]));
    store.writer()?.query_raw(&sql).fetch_one().await.map_err(failed("count rows"))
}

/// All states of these Events, which are of this range of time, in microseconds.
///
/// # Errors
/// When the store gives no answer: retry.
pub async fn known(store: &Store, events: &[Uuid], times: (i64, i64)) -> Result<Vec<StateRow>, StoreError> {
    let uids: Vec<_> = events.iter().map(|uid| format!("'{uid}'")).collect();
    let condition = format!("{} AND event_uid IN ({})", within(times.0, times.1 + 1), uids.join(", "));
    states(store, &condition, "1").await
}

/// A row that stands twice is one row here: what is doubled must not keep a file from being written again.
async fn batches(store: &Store, condition: &str) -> Result<Vec<RecordBatch>, StoreError> {
    let sql = format!(
        "SELECT * FROM {TABLE} WHERE {condition} ORDER BY log_partition, log_offset LIMIT 1 BY {STATE}, {ROW_HASH_SQL}"
    );
    let query = store.writer()?.query_raw(&sql);
    let query = ARROW.iter().fold(query, |query, (name, value)| query.with_setting(*name, *value));
    let mut cursor = query.fetch_bytes("ArrowStream").map_err(failed("read rows"))?;
    let bytes = cursor.collect().await.map_err(failed("read rows"))?;
    if bytes.is_empty() {
        return Ok(Vec::new());
    }
    let reader = StreamReader::try_new(std::io::Cursor::new(bytes), None)?;
    Ok(reader.collect::<Result<_, _>>()?)
}

/// The rows of a range of the log, in its order.
///
/// # Errors
/// When the store gives no answer: retry.
pub async fn rows_of_range(
    store: &Store,
    partition: u32,
    from: Offset,
    to: Offset,
) -> Result<Vec<RecordBatch>, StoreError> {
    batches(store, &covered_by(&[PartitionRange { partition, from, to }])).await
}

/// Those rows of an hour, counted from 1970, that a day file must hold.
///
/// # Errors
/// When the store gives no answer: retry.
pub async fn rows_of_day_file(store: &Store, file: &FileEntry, hour: i64) -> Result<Vec<RecordBatch>, StoreError> {
    let (uid, name) = (quoted(&file.cluster_uid), quoted(&file.cluster));
    let (time, covered) = (within(hour * HOUR, (hour + 1) * HOUR), covered_by(&file.note.ranges));
    batches(store, &format!("cluster_uid = {uid} AND cluster = {name} AND {time} AND ({covered})")).await
}
