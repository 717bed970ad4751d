//! Looking at files row by row: what audit and rebuild compare, pick and move.

use std::{
    collections::{BTreeMap, HashSet},
    sync::Arc,
};

use arrow_array::{RecordBatch, UInt32Array};
use arrow_select::take::take_record_batch;
use beidou_schemas::{
    Micros,
    kube_event::{RangeHash, RowHasher},
    time::HOUR,
};
use bytes::Bytes;
use uuid::Uuid;

use super::{
    Archive, ArchiveError, blocking,
    columns::Columns,
    read::{Opened, Source},
    sha256_of,
};

/// How many rows, and their hash.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Sum {
    /// Rows.
    pub rows: u64,
    /// Their hash.
    pub hash: RangeHash,
}

/// Rows by cluster and hour of the Event's time, the hours counted from 1970.
pub type Hours = BTreeMap<(String, i64), Sum>;

/// Which state a row is, within its cluster.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct StateId {
    /// The Event.
    pub event_uid: Uuid,
    /// The life of the cluster's etcd.
    pub epoch: u32,
    /// The state.
    pub resource_version: u64,
}

/// What is compared of a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RowMark<'a> {
    /// The cluster.
    pub cluster_uid: &'a str,
    /// The state.
    pub id: StateId,
    /// The Event's time.
    pub time: Micros,
    /// The row's hash.
    pub hash: u64,
}

/// What is known of a file from elsewhere; what is not known is not compared.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Expected {
    /// SHA-256 of its bytes, hexadecimal.
    pub sha256: Option<String>,
    /// Its rows.
    pub sum: Option<Sum>,
}

impl Sum {
    /// With one more row.
    pub fn add(&mut self, hash: u64) {
        (self.rows, self.hash) = (self.rows + 1, self.hash.with(hash));
    }

    /// With other rows.
    pub fn join(&mut self, other: Self) {
        (self.rows, self.hash) = (self.rows + other.rows, self.hash.and(other.hash));
    }
}

impl RowMark<'_> {
    /// Its hour since 1970.
    pub fn hour(&self) -> i64 {
        self.time.0.div_euclid(HOUR)
    }
}

/// The marks of a batch's rows, in their order.
///
/// # Errors
/// When the batch has not the columns of `kube_event`.
pub fn marks(batch: &RecordBatch) -> Result<impl Iterator<Item = RowMark<'_>>, ArchiveError> {
    let columns = Columns::of(batch)?;
    let mut hasher = RowHasher::default();
    Ok((0..batch.num_rows()).map(move |row| {
        let hashed = columns.hashed(row);
        let (event_uid, epoch, resource_version) = (hashed.event_uid, hashed.epoch, hashed.resource_version);
        RowMark {
            cluster_uid: hashed.cluster_uid,
            id: StateId { event_uid, epoch, resource_version },
            time: columns.time(row),
            hash: hasher.hash(&hashed),
        }
    }))
}

/// These rows of a batch.
///
/// # Errors
/// When a row is not there.
pub fn pick(batch: &RecordBatch, rows: Vec<u32>) -> Result<RecordBatch, ArchiveError> {
    Ok(if rows.len() == batch.num_rows() { batch.clone() } else { take_record_batch(batch, &UInt32Array::from(rows))? })
}

/// The rows of a batch by month, the table's partition.
///
/// # Errors
/// When the batch has not the columns of `kube_event`.
pub fn months(batch: &RecordBatch) -> Result<Vec<(u32, RecordBatch)>, ArchiveError> {
    let columns = Columns::of(batch)?;
    let mut rows: BTreeMap<u32, Vec<u32>> = BTreeMap::new();
    for row in 0..batch.num_rows() {
        rows.entry(columns.time(row).year_month()).or_default().push(row as u32);
    }
    rows.into_iter().map(|(month, rows)| Ok((month, pick(batch, rows)?))).collect()
}

impl Archive {
    /// Reads a file to its end and compares it with what is expected and with what it says of itself; tells what it holds.
    ///
    /// # Errors
    /// [`ArchiveError::is_damage`] where the file is not what it must be, [`ArchiveError::is_missing`] where it is not
    /// there; any other error says nothing of the file.
    pub async fn examine(&self, path: &str, expected: &Expected) -> Result<Hours, ArchiveError> {
        let content = self.read(path).await?;
        let (path, expected) = (path.to_owned(), expected.clone());
        blocking(move || examined(&path, content, &expected)).await
    }
}

/// Rows of a file that are of one cluster's hour.
#[derive(Debug, Default)]
pub struct OfHour {
    /// Their states and hashes.
    pub states: Vec<(StateId, u64)>,
    /// Those rows that were wanted.
    pub rows: Vec<RecordBatch>,
}

impl Archive {
    /// Reads the rows of a cluster's hour, counted from 1970; those of the wanted states whole.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub async fn of_hour(
        &self,
        path: &str,
        cluster_uid: &str,
        hour: i64,
        wanted: Arc<HashSet<StateId>>,
    ) -> Result<OfHour, ArchiveError> {
        let (opened, cluster_uid) = (self.open(path).await?, cluster_uid.to_owned());
        blocking(move || {
            let mut found = OfHour::default();
            for batch in opened.batches()? {
                let batch = batch?;
                let mut rows = Vec::new();
                for (row, mark) in marks(&batch)?.enumerate() {
                    if mark.cluster_uid == cluster_uid && mark.hour() == hour {
                        found.states.push((mark.id, mark.hash));
                        if wanted.contains(&mark.id) {
                            rows.push(row as u32);
                        }
                    }
                }
                if !rows.is_empty() {
                    found.rows.push(pick(&batch, rows)?);
                }
            }
            Ok(found)
        })
        .await
    }
}

impl Archive {
    /// Opens a file that is taken into memory whole, and compared with its SHA-256 where that is known.
    ///
    /// # Errors
    /// When it is not there, is no file of ours, or has other bytes.
    pub async fn open_whole(&self, path: &str, sha256: Option<&str>) -> Result<Opened, ArchiveError> {
        let content = self.read(path).await?;
        check_sha256(path, &content, sha256)?;
        Opened::new(path, Source::Bytes(content))
    }
}

fn check_sha256(path: &str, content: &[u8], wanted: Option<&str>) -> Result<(), ArchiveError> {
    let Some(wanted) = wanted else { return Ok(()) };
    let found = sha256_of(content);
    if found == wanted {
        return Ok(());
    }
    let what = format!("its SHA-256 is {found}, it was stored with {wanted}");
    Err(ArchiveError::Differs { path: path.into(), what })
}

fn examined(path: &str, content: Bytes, expected: &Expected) -> Result<Hours, ArchiveError> {
    let differs = |what: String| ArchiveError::Differs { path: path.into(), what };
    check_sha256(path, &content, expected.sha256.as_deref())?;
    let opened = Opened::new(path, Source::Bytes(content))?;
    let own = Sum { rows: opened.note().rows, hash: opened.note().hash };
    let (mut hours, mut sum) = (Hours::new(), Sum::default());
    for batch in opened.batches()? {
        for mark in marks(&batch?)? {
            sum.add(mark.hash);
            hours.entry((mark.cluster_uid.to_owned(), mark.hour())).or_default().add(mark.hash);
        }
    }
    for wanted in [Some(own), expected.sum].into_iter().flatten() {
        if sum != wanted {
            let (Sum { rows, hash }, Sum { rows: wanted, hash: with }) = (sum, wanted);
            return Err(differs(format!("it has {rows} rows with hash {hash}, and must have {wanted} with {with}")));
        }
    }
    Ok(hours)
}
