//! Retention: once a day, and at a start, what is older than its cluster keeps goes from archive and table; and what is older
//! than the table is to have goes from the table, where the archive has it ([`crate::cooling`]).
//!
//! ```text
//!  clusters, their oldest rows ─► cutoffs ─► note in the coverage ─► archive: manifest, files ─► table: rows ─► cooling
//! ```
//!
//! Invariants:
//! - The note comes first, and of every cluster: a restored table says so too, though nothing is left to remove. A crash
//!   leaves rows that an answer calls removed, and never a complete range without its rows.
//! - Nothing is remembered: what is old is looked for each time, so a run that a crash or a full disk has ended is repeated.
//! - A clock that is wrong takes nothing: the hour is believed no further than [`MOST_AHEAD`] of the newest Event, whose time is
//!   from a clock of its cluster, and not at all without one. What went does not come back, nor do its note and the bound of the
//!   tables.
//! - An entry that fits no cluster stops it all: its days may be meant for one whose Events would go by the default.
//! - A failure ends no projector. It is told and counted, and tried again at the next look.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use beidou_model::retention::Retention;
use beidou_schemas::{Micros, archive::FileEntry, time::DAY};
use beidou_store::{
    Store,
    archive::{Archive, Expired},
    retention::{self, ClusterRows},
};

use crate::{
    ProjectorError,
    cooling::{Cooling, cool},
    metrics::Count,
    turns::Turns,
};

/// How often it is looked whether a day has begun, or the last try is to be repeated.
const LOOK_EVERY: Duration = Duration::from_secs(600);

/// Our clock may be ahead of the newest Event by so much: a fleet that is quiet for longer keeps its Events as much longer.
const MOST_AHEAD: i64 = DAY;

/// What a run removed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Removed {
    /// Rows of the table.
    pub rows: u64,
    /// Rows of the table that the archive keeps.
    pub cooled: u64,
    /// Of the archive.
    pub archive: Expired,
    /// By cluster uid: what happened before this moment is gone. Files that no compaction has taken in may still have it.
    pub below: BTreeMap<String, Micros>,
}

/// Enforces it again and again; drop the future to stop it at any point.
pub(crate) async fn run(kept: Retention, store: Store, archive: Option<Archive>, turns: Turns, failures: Count) {
    if kept.is_for_ever() {
        return;
    }
    let mut ticks = tokio::time::interval(LOOK_EVERY);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut done_on = None;
    loop {
        ticks.tick().await;
        let now = Micros::of(jiff::Timestamp::now());
        let today = now.0.div_euclid(DAY);
        if done_on == Some(today) {
            continue;
        }
        let _turn = turns.turn.lock().await;
        let outcome = match turns.still_leads().await {
            Ok(()) => enforce_by_clock(&kept, &store, archive.as_ref(), now).await,
            Err(error) => Err(error),
        };
        if let Ok(Some(removed)) = &outcome {
            turns.note_removed(removed.below.clone());
        }
        if outcome.is_err() {
            failures.inc();
        }
        if told(outcome) {
            done_on = Some(today);
        }
    }
}

/// Enforces it at the hour that a clock shows, as far as that is believed; `None` as of [`enforce`], and where no Event tells the
/// hour.
///
/// # Errors
/// As [`enforce`].
pub async fn enforce_by_clock(
    kept: &Retention,
    store: &Store,
    archive: Option<&Archive>,
    shown: Micros,
) -> Result<Option<Removed>, ProjectorError> {
    let Some(newest) = retention::newest_hour(store).await? else {
        tracing::debug!("no Event tells the hour, retention waits for one");
        return Ok(None);
    };
    let now = believed(shown, newest);
    if now < shown {
        tracing::warn!(
            %shown, %now,
            "no Event is as young as the clock of this machine says: retention goes by the newest one, a day later"
        );
    }
    enforce(kept, store, archive, now).await
}

/// The hour to go by, where a clock shows one and the newest that is known otherwise is another.
pub(crate) fn believed(shown: Micros, newest: Micros) -> Micros {
    shown.min(newest.plus(MOST_AHEAD))
}

/// Says how a run ended, and whether it is done for the day.
fn told(outcome: Result<Option<Removed>, ProjectorError>) -> bool {
    match outcome {
        Ok(Some(Removed { rows, cooled, archive, .. })) => {
            let (archive_files, archive_rows) = (archive.files, archive.rows);
            tracing::info!(rows, cooled, archive_files, archive_rows, "enforced retention");
            true
        }
        Ok(None) => false,
        Err(error) => {
            let error = &error as &dyn std::error::Error;
            tracing::warn!(error, "retention is not enforced, it is tried again; nothing else is affected");
            false
        }
    }
}

/// Removes what is older than its cluster keeps; `None`, and nothing is done, while the store still removes rows of an
/// earlier run.
///
/// # Errors
/// When store or archive refuse, or an entry fits no cluster: repeat it.
pub async fn enforce(
    kept: &Retention,
    store: &Store,
    archive: Option<&Archive>,
    now: Micros,
) -> Result<Option<Removed>, ProjectorError> {
    if kept.is_for_ever() {
        return Ok(Some(Removed::default()));
    }
    if retention::unfinished(store).await? > 0 {
        tracing::info!("an earlier removal is not finished, retention waits for it");
        return Ok(None);
    }
    let files: Vec<FileEntry> = match archive {
        Some(archive) => archive.going_on().await?.days.into_values().collect(),
        None => Vec::new(),
    };
    let in_table = retention::clusters(store).await?;
    let names = names(&in_table, &files);
    let known = names.iter().flat_map(|(uid, names)| names.iter().copied().chain([*uid]));
    let unknown = kept.unknown(known);
    if !unknown.is_empty() {
        return Err(ProjectorError::RetentionNames { names: unknown.join(", ") });
    }
    let cutoffs = Cutoffs::new(kept, &names, now);
    let rows_due = cutoffs.of_rows(&in_table);
    for (uid, (name, cutoff)) in &cutoffs.0 {
        retention::note_removed(store, uid, name, *cutoff).await?;
    }
    if !rows_due.is_empty() {
        tokio::time::sleep(retention::NOTICE).await;
    }
    let expired = match (archive, cutoffs.newest()) {
        (Some(archive), Some(newest)) => archive.expire(newest, now, |file| cutoffs.of(&file.cluster_uid)).await?,
        (_, _) => Expired::default(),
    };
    let rows = retention::remove(store, &rows_due).await?;
    let cooled = match archive {
        Some(archive) => cool(&Cooling::new(kept, &names, now), store, archive, now).await?,
        None => 0,
    };
    let below = cutoffs.0.into_iter().map(|(uid, (_, cutoff))| (uid, cutoff)).collect();
    Ok(Some(Removed { rows, cooled, archive: expired, below }))
}

/// By uid, the names that each cluster has or had.
pub(crate) type Names<'a> = BTreeMap<&'a str, BTreeSet<&'a str>>;

fn names<'a>(in_table: &'a [ClusterRows], files: &'a [FileEntry]) -> Names<'a> {
    let mut names = Names::new();
    for cluster in in_table {
        names.entry(&cluster.cluster_uid).or_default().extend(cluster.names.iter().map(String::as_str));
    }
    for file in files {
        names.entry(&file.cluster_uid).or_default().insert(&file.cluster);
    }
    names
}

/// For each cluster of which something may go: its name, and from before when.
struct Cutoffs(BTreeMap<String, (String, Micros)>);

impl Cutoffs {
    fn new(kept: &Retention, names: &Names<'_>, now: Micros) -> Self {
        let cutoff = |(uid, names): (&&str, &BTreeSet<&str>)| {
            let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
            let cutoff = kept.cutoff(uid, &names, now)?;
            Some(((*uid).to_owned(), (names.into_iter().next_back()?, cutoff)))
        };
        Self(names.iter().filter_map(cutoff).collect())
    }

    fn of(&self, uid: &str) -> Option<Micros> {
        self.0.get(uid).map(|(_, cutoff)| *cutoff)
    }

    fn newest(&self) -> Option<Micros> {
        self.0.values().map(|(_, cutoff)| *cutoff).max()
    }

    /// Clusters with rows that go.
    fn of_rows(&self, in_table: &[ClusterRows]) -> Vec<(String, Micros)> {
        let due = |cluster: &ClusterRows| {
            let cutoff = self.of(&cluster.cluster_uid).filter(|cutoff| cluster.first() < *cutoff)?;
            Some((cluster.cluster_uid.clone(), cutoff))
        };
        in_table.iter().filter_map(due).collect()
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn each_try_that_fails_is_counted() {
        let (kept, failures) = (Retention { days: 7, ..Retention::default() }, Count::default());
        let nowhere = Store::embedded(Path::new("/nowhere"));
        let run = run(kept, nowhere, None, Turns::default(), failures.clone());
        let two_looks = LOOK_EVERY + Duration::from_secs(1);
        assert!(tokio::time::timeout(two_looks, run).await.is_err(), "it ends only when it is dropped");
        assert_eq!(failures.get(), 2);
    }

    #[test]
    fn a_clock_is_believed_a_day_beyond_the_newest_event() {
        for (shown, newest, now) in [(50, 50, 50), (50, 49, 50), (80, 49, 50), (20, 49, 20)] {
            assert_eq!(believed(Micros(shown * DAY), Micros(newest * DAY)), Micros(now * DAY), "{shown} {newest}");
        }
    }
}
