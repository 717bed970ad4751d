//! Rows parted by day and cluster.

use arrow_array::{RecordBatch, UInt32Array};
use arrow_select::take::take_record_batch;
use beidou_schemas::time::DAY;

use super::{ArchiveError, columns::Columns};

/// Where rows of a file belong: its folder, and the cluster, of which two may have one name.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct Shelf {
    /// Days since 1970, UTC, by the Event's time.
    pub day: i64,
    pub cluster_uid: String,
    pub cluster: String,
}

/// The rows of a batch by shelf, their order kept.
pub(super) fn split(batch: &RecordBatch) -> Result<Vec<(Shelf, RecordBatch)>, ArchiveError> {
    let columns = Columns::of(batch)?;
    let key = |row: usize| (columns.time(row).0.div_euclid(DAY), columns.cluster(row));
    let mut rows: Vec<u32> = (0..batch.num_rows() as u32).collect();
    rows.sort_by_key(|&row| key(row as usize));
    let mut parts = Vec::new();
    for group in rows.chunk_by(|&row, &next| key(row as usize) == key(next as usize)) {
        let (day, (cluster_uid, cluster)) = key(group[0] as usize);
        let shelf = Shelf { day, cluster_uid: cluster_uid.into(), cluster: cluster.into() };
        // Nearly always the whole batch is one shelf's.
        let part = if group.len() == batch.num_rows() {
            batch.clone()
        } else {
            take_record_batch(batch, &UInt32Array::from(group.to_vec()))?
        };
        parts.push((shelf, part));
    }
    Ok(parts)
}
