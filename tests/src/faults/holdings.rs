//! What table, archive and coverage hold, read past all code that wrote it but the files' own reader.

use std::time::Duration;

use anyhow::{Context, bail};
use arrow_array::{Array, UInt32Array};
use beidou_schemas::kube_event::ROW_HASH_SQL;
use beidou_simulator::StateId;
use beidou_store::archive::{Archive, marks};

use super::{
    site::Site,
    verdict::{Interval, Stored, kept::Row},
};
use crate::wait::until;

/// The table is there a second after its projector; a starved machine takes far longer.
const LIMIT: Duration = Duration::from_secs(180);
/// The engine would merge equal rows sooner or later: without merges each row that was ever inserted is counted.
const HIDE_NOTHING: &str = "ALTER TABLE kube_event MODIFY SETTING max_bytes_to_merge_at_max_space_in_pool = 1, \
    max_bytes_to_merge_at_min_space_in_pool = 1, parts_to_delay_insert = 100000, parts_to_throw_insert = 100000";

impl Site {
    /// Ends merges, as soon as the table is there.
    ///
    /// # Errors
    /// When the table does not take it in time.
    pub async fn hide_nothing(&mut self) -> anyhow::Result<()> {
        let mut refused = None;
        let hidden = until("the table takes its settings", LIMIT, async || {
            if let Err(error) = self.all_run() {
                return Some(Err(error));
            }
            match self.command(HIDE_NOTHING).await {
                Ok(()) => Some(Ok(())),
                Err(error) => {
                    refused = Some(error);
                    None
                }
            }
        });
        match (hidden.await, refused) {
            (Ok(hidden), _) => hidden,
            (Err(overdue), Some(error)) => Err(error.context(overdue)),
            (Err(overdue), None) => Err(overdue.into()),
        }
    }

    /// What the table holds, rows that stand twice counted twice.
    ///
    /// # Errors
    /// When the engine does not answer.
    pub async fn stored(&mut self) -> anyhow::Result<Stored> {
        let sql = "SELECT cluster_uid, epoch, event_uid, resource_version, occurrences_delta FROM kube_event";
        let lines = self.sql(sql).await?;
        let mut stored = Stored { rows: lines.len() as u64, ..Stored::default() };
        for line in lines {
            let fields: Vec<_> = line.split('\t').collect();
            let [cluster, epoch, uid, version, delta] = fields[..] else { bail!("an odd row: {line}") };
            let state = StateId {
                cluster: cluster.parse()?,
                incarnation: epoch.parse()?,
                resource_version: version.parse()?,
                uid: uid.parse()?,
            };
            *stored.occurrences.entry((state.cluster, state.uid)).or_default() += delta.parse::<u64>()?;
            stored.states.insert(state);
        }
        Ok(stored)
    }

    /// All that is told of time.
    ///
    /// # Errors
    /// When the engine does not answer.
    pub async fn intervals(&mut self) -> anyhow::Result<Vec<Interval>> {
        let sql = "SELECT cluster_uid, state, reason, toUnixTimestamp64Micro(from_time), toUnixTimestamp64Micro(until_time) \
                   FROM kube_coverage FINAL";
        let parse = |line: String| -> anyhow::Result<Interval> {
            let fields: Vec<_> = line.split('\t').collect();
            let [cluster, state, reason, from, until] = fields[..] else { bail!("an odd row: {line}") };
            Ok(Interval {
                cluster: cluster.parse()?,
                state: state.into(),
                reason: reason.into(),
                from_us: from.parse()?,
                until_us: until.parse()?,
            })
        };
        self.sql(sql).await?.into_iter().map(parse).collect()
    }

    /// The rows of the table, as the archive must have them.
    ///
    /// # Errors
    /// When the engine does not answer.
    pub async fn table(&mut self) -> anyhow::Result<Vec<Row>> {
        let sql = format!(
            "SELECT cluster_uid, epoch, event_uid, resource_version, occurrences_delta, {ROW_HASH_SQL} FROM kube_event"
        );
        let parse = |line: String| -> anyhow::Result<Row> {
            let fields: Vec<_> = line.split('\t').collect();
            let [cluster, epoch, uid, version, delta, hash] = fields[..] else { bail!("an odd row: {line}") };
            let state = StateId {
                cluster: cluster.parse()?,
                incarnation: epoch.parse()?,
                resource_version: version.parse()?,
                uid: uid.parse()?,
            };
            Ok(Row { state, occurrences: delta.parse()?, hash: hash.parse()? })
        };
        self.sql(&sql).await?.into_iter().map(parse).collect()
    }

    /// The rows of all files of the archive that count.
    ///
    /// # Errors
    /// When a file cannot be read.
    pub async fn archived(&self) -> anyhow::Result<Vec<Row>> {
        let (archive, mut rows) = (self.archive()?, Vec::new());
        for path in files_that_count(&archive).await? {
            for batch in archive.open(&path).await?.batches()? {
                let batch = batch?;
                let deltas = batch.column_by_name("occurrences_delta").context("a file has occurrences")?;
                let deltas: &UInt32Array = deltas.as_any().downcast_ref().context("occurrences are 32 bits")?;
                for (mark, delta) in marks(&batch)?.zip(deltas.values()) {
                    let state = StateId {
                        cluster: mark.cluster_uid.parse()?,
                        incarnation: mark.id.epoch,
                        resource_version: mark.id.resource_version,
                        uid: mark.id.event_uid,
                    };
                    rows.push(Row { state, occurrences: *delta, hash: mark.hash });
                }
            }
        }
        Ok(rows)
    }

    /// Whether the archive has as many rows as the table; whether they are the same is for the verdict.
    pub async fn is_archived(&self, rows: u64) -> bool {
        let count = async {
            let (archive, mut archived) = (self.archive()?, 0);
            for path in files_that_count(&archive).await? {
                archived += archive.open(&path).await?.note().rows;
            }
            anyhow::Ok(archived)
        };
        count.await.is_ok_and(|archived| archived == rows)
    }
}

async fn files_that_count(archive: &Archive) -> anyhow::Result<Vec<String>> {
    let catalogue = archive.catalogue().await?;
    Ok(catalogue.ranges.into_iter().map(|file| file.path).chain(catalogue.days.into_keys()).collect())
}
