//! Rows that leave the table of Events while the archive keeps them. What a question needs of them it reads there.
//!
//! ```text
//!  range files with rows that old ─► compacted ─► by cluster and day: the table's rows and hash are those of the files of days
//!                                                 files verified ─► bound noted, readers told ─► rows removed
//! ```
//!
//! Invariants:
//! - A day leaves the table only when the files that the manifests name for it were read back whole, with their SHA-256, and
//!   hold the same rows as the table, by count and hash. The first day of a cluster that differs keeps all from it on.
//! - Only rows whose place in the log a file of days covers go. A late one for a day that has left stays until it is compacted.
//! - The bound is noted before anything goes, and never moves back.

use std::collections::{BTreeMap, BTreeSet};

use beidou_model::retention::Retention;
use beidou_schemas::{
    Micros,
    archive::{FileEntry, PartitionRange},
    kube_event::RangeHash,
    time::DAY,
};
use beidou_store::{
    Store,
    archive::{Archive, Catalogue, Compaction, Sum},
    hot::{self, Hot},
    retention::NOTICE,
};

use crate::{
    ProjectorError,
    retention::{Names, believed},
};

/// What the table is to have, by cluster uid: its names, and the moment before which it need not.
pub(crate) struct Cooling(BTreeMap<String, (Vec<String>, Micros)>);

impl Cooling {
    pub(crate) fn new(kept: &Retention, names: &Names<'_>, now: Micros) -> Self {
        let of = |(uid, names): (&&str, &BTreeSet<&str>)| {
            let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
            let cutoff = kept.table_cutoff(uid, &names, now)?;
            Some(((*uid).to_owned(), (names, cutoff)))
        };
        Self(names.iter().filter_map(of).collect())
    }
}

/// Lets what is older than the table is to have leave it; returns how many rows did.
///
/// # Errors
/// When store or archive refuse: repeat it.
pub(crate) async fn cool(
    cooling: &Cooling,
    store: &Store,
    archive: &Archive,
    now: Micros,
) -> Result<u64, ProjectorError> {
    let Some(newest) = cooling.0.values().map(|(_, cutoff)| *cutoff).max() else { return Ok(0) };
    let compaction = Compaction::new(Micros(i64::MAX), now);
    archive.compact(&Compaction { older_than: Some(newest), ..compaction }).await?;
    let catalogue = archive.going_on().await?;
    let covered = catalogue.covered_by_days();
    let before = hot::bounds(store).await?;
    let wanted = cooling.0.iter().map(|(uid, (_, cutoff))| (uid.clone(), *cutoff)).collect();
    let after = provable(store, archive, &catalogue, &covered, (&before, wanted)).await?;
    let mut moved = false;
    for (uid, bound) in &after {
        if before.get(uid).is_none_or(|old| old < bound) {
            let names = cooling.0.get(uid).map(|(names, _)| names.as_slice()).unwrap_or_default();
            hot::note(store, uid, names, *bound).await?;
            moved = true;
        }
    }
    if moved {
        tokio::time::sleep(NOTICE).await;
    }
    Ok(hot::remove(store, &after, &covered).await?)
}

/// Notes what a table that is filled anew from the archive need not have, by what is kept now: the archive has it alone. There is no
/// Event yet to tell whether the hour that the clock shows is right; what was observed last for a file of the archive does.
///
/// # Errors
/// When the store refuses: repeat it.
pub(crate) async fn restored(
    kept: &Retention,
    store: &Store,
    catalogue: &Catalogue,
    shown: Micros,
) -> Result<Hot, ProjectorError> {
    let Some(newest) = catalogue.days.values().map(|entry| entry.note.observed).max() else {
        return Ok(hot::bounds(store).await?);
    };
    let now = believed(shown, newest);
    let mut names = Names::new();
    for entry in catalogue.days.values() {
        names.entry(&entry.cluster_uid).or_default().insert(&entry.cluster);
    }
    for (uid, (names, cutoff)) in Cooling::new(kept, &names, now).0 {
        hot::note(store, &uid, &names, cutoff).await?;
    }
    Ok(hot::bounds(store).await?)
}

/// How far each cluster can be cooled: up to its cutoff, or to the first day of which archive and table do not have the same.
/// Days that have left the table before are not looked at again.
async fn provable(
    store: &Store,
    archive: &Archive,
    catalogue: &Catalogue,
    covered: &[PartitionRange],
    (before, wanted): (&Hot, Hot),
) -> Result<Hot, ProjectorError> {
    let in_table = hot::days_before(store, &wanted, covered).await?;
    let mut files: BTreeMap<(&str, i64), Vec<&FileEntry>> = BTreeMap::new();
    for entry in catalogue.days.values() {
        if let Some(day) = Micros::parse(&format!("{}T00:00:00Z", entry.dt)) {
            files.entry((&entry.cluster_uid, day.0.div_euclid(DAY))).or_default().push(entry);
        }
    }
    let mut after = Hot::new();
    for (uid, cutoff) in wanted {
        let old = before.get(&uid).copied().unwrap_or(Micros(i64::MIN));
        let mut bound = cutoff;
        for (of, sum) in in_table.range((uid.clone(), i64::MIN)..=(uid.clone(), i64::MAX)) {
            let begin = Micros(of.1 * DAY);
            let of_day = files.get(&(uid.as_str(), of.1)).map(Vec::as_slice).unwrap_or_default();
            if begin >= old && !is_held(archive, of_day, *sum).await? {
                let (day, rows) = (begin.day_text(), sum.rows);
                tracing::warn!(
                    cluster_uid = uid,
                    day,
                    rows,
                    "the archive has not what the table has: it stays in the table"
                );
                bound = begin;
                break;
            }
        }
        // What has left does not come back, whatever is set now.
        after.insert(uid, bound.max(old));
    }
    Ok(after)
}

/// Whether these files are as recorded, and hold the same rows as the table.
async fn is_held(archive: &Archive, files: &[&FileEntry], in_table: Sum) -> Result<bool, ProjectorError> {
    let mut sum = Sum { rows: 0, hash: RangeHash::default() };
    for entry in files {
        match archive.verify(&entry.path, &entry.sha256, &entry.note).await {
            Ok(()) => {}
            Err(error) if error.is_missing() || error.is_damage() => {
                tracing::warn!(
                    path = entry.path,
                    error = &error as &dyn std::error::Error,
                    "a file of the archive is not whole"
                );
                return Ok(false);
            }
            Err(error) => return Err(error.into()),
        }
        sum.join(Sum { rows: entry.note.rows, hash: entry.note.hash });
    }
    Ok((sum.rows, sum.hash) == (in_table.rows, in_table.hash))
}
