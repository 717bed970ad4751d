//! Retention takes whole days of clusters, and nothing else changes.

use std::sync::Arc;

use beidou_schemas::{Micros, archive::FileEntry, time::DAY};
use beidou_store::archive::{Archive, Expired};
use object_store::memory::InMemory;

use super::{
    compaction::{all, damage},
    crash::Mortal,
    rows::{CLUSTERS, MONDAY, Row, end, events, fill, hash_of, put, read_all, row},
};

/// Two days go of the first cluster, none of the second.
fn cutoff(file: &FileEntry) -> Option<Micros> {
    (file.cluster_uid == CLUSTERS[0].0).then_some(Micros(MONDAY + 2 * DAY))
}

const NEWEST: Micros = Micros(MONDAY + 2 * DAY);
const NOW: Micros = Micros(MONDAY + 9 * DAY);

fn stays(row: &Row) -> bool {
    row.cluster != 0 || row.time >= NEWEST.0
}

#[tokio::test(flavor = "multi_thread")]
async fn old_days_of_a_cluster_go_and_late_rows_go_with_them() {
    let archive = Archive::in_memory();
    let mut rows = fill(&archive).await;
    archive.compact(&all(end(&rows))).await.unwrap();
    // Late rows of Monday, of both clusters, and a file of a day that stays as a whole.
    let late: Vec<_> = (240..250).map(|i| row(i, MONDAY + 5)).collect();
    put(&archive, 0, &late).await;
    let young: Vec<_> = (250..260).map(|i| row(i, MONDAY + 3 * DAY)).collect();
    let young_path = put(&archive, 0, &young).await;
    rows.extend(late.into_iter().chain(young));
    let done = archive.expire(NEWEST, NOW, cutoff).await.unwrap();
    assert_eq!((done.files, done.rows), (2, 85));
    rows.retain(stays);
    assert_eq!(read_all(&archive).await, (events(&rows), hash_of(&rows)));
    let catalogue = archive.catalogue().await.unwrap();
    assert_eq!(catalogue.ranges.iter().map(|file| file.path.as_str()).collect::<Vec<_>>(), [young_path]);
    assert_eq!(archive.list("events/dt=2026-11-23").await.unwrap().len(), 1, "the file is gone from the disk too");
    let generation = catalogue.generation;
    assert_eq!(archive.expire(NEWEST, NOW, cutoff).await.unwrap(), Expired::default());
    assert_eq!(archive.catalogue().await.unwrap().generation, generation, "nothing to do is nothing done");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_file_stays_and_does_not_hold_up_the_others() {
    let archive = Archive::in_memory();
    fill(&archive).await;
    let bad = archive.catalogue().await.unwrap().ranges[3].path.clone();
    damage(&archive, &bad).await;
    let done = archive.expire(NEWEST, NOW, cutoff).await.unwrap();
    // Of Monday half the rows are in that file.
    assert_eq!((done.files, done.rows), (2, 60));
    let catalogue = archive.catalogue().await.unwrap();
    assert!(catalogue.ranges.iter().any(|file| file.path == bad));
    assert!(!catalogue.days.values().any(|file| cutoff(file).is_some() && file.dt.as_str() < "2026-11-25"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_crash_at_any_point_leaves_all_or_nothing_of_it_and_the_next_run_ends_it() {
    for steps in 0.. {
        let objects = Arc::new(InMemory::new());
        let archive = Archive::on(objects.clone());
        let rows = fill(&archive).await;
        archive.compact(&all(end(&rows))).await.unwrap();
        let kept: Vec<_> = rows.iter().filter(|row| stays(row)).cloned().collect();
        let outcome = Archive::on(Mortal::after(objects, steps)).expire(NEWEST, NOW, cutoff).await;
        let (found, _) = read_all(&archive).await;
        assert!(found == events(&rows) || found == events(&kept), "after {steps} half steps");
        archive.expire(NEWEST, NOW, cutoff).await.unwrap();
        archive.compact(&all(end(&rows))).await.unwrap();
        assert_eq!(read_all(&archive).await, (events(&kept), hash_of(&kept)), "ended after {steps} half steps");
        assert_eq!(archive.catalogue().await.unwrap().leftovers, Vec::<String>::new());
        if outcome.is_ok() {
            return assert!(steps >= 6, "the manifest, two files");
        }
    }
}
