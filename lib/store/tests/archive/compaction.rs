//! Range files become day files, and nothing else changes.

use std::sync::Arc;

use beidou_schemas::{Micros, archive::Collection, time::DAY};
use beidou_store::archive::{Archive, ArchiveError, Compaction, GroupLimit};
use bytes::Bytes;

use super::{
    crash::Mortal,
    rows::{CLUSTERS, MONDAY, end, events, fill, hash_of, put, read_all, row},
};

pub fn all(before: Micros) -> Compaction {
    Compaction::new(before, Micros(MONDAY))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_day_of_a_cluster_is_one_file_and_every_row_is_kept() {
    let archive = Archive::in_memory();
    let rows = fill(&archive).await;
    let done = archive.compact(&all(end(&rows))).await.unwrap();
    assert_eq!((done.generation, done.rows, done.inputs.0, done.outputs.0), (Some(1), 240, 6, 6));
    let catalogue = archive.catalogue().await.unwrap();
    assert_eq!((catalogue.ranges.len(), catalogue.leftovers.len()), (0, 0));
    let days: Vec<_> = catalogue.days.values().map(|f| (f.dt.as_str(), f.cluster.as_str(), f.note.rows)).collect();
    let clusters = CLUSTERS.map(|cluster| cluster.1);
    let expected: Vec<_> = ["2026-11-23", "2026-11-24", "2026-11-25"]
        .into_iter()
        .flat_map(|day| clusters.map(|cluster| (day, cluster, 40)))
        .collect();
    assert_eq!(days, expected);
    // A name that a path cannot hold is encoded.
    assert!(
        catalogue.days.keys().any(|path| path.starts_with("events/dt=2026-11-23/cluster=hz prod%2F02/")),
        "{:?}",
        catalogue.days.keys()
    );
    let of: Vec<_> =
        catalogue.days.values().flat_map(|file| file.note.ranges.iter().map(|r| (r.partition, r.from, r.to))).collect();
    assert!(of.contains(&(0, 0, 40)) && of.contains(&(1, 40, 80)), "{of:?}");
    assert_eq!(read_all(&archive).await, (events(&rows), hash_of(&rows)));
    assert_eq!(archive.compact(&all(end(&rows))).await.unwrap().generation, None, "there is nothing more to do");
}

#[tokio::test(flavor = "multi_thread")]
async fn files_are_built_where_the_archive_is_told_to() {
    let folder = tempfile::tempdir().unwrap();
    let archive = Archive::in_memory();
    let rows = fill(&archive).await;
    let nowhere = folder.path().join("nowhere");
    let error = archive.clone().building_in(&nowhere).expire(end(&rows), end(&rows), |_| None).await.unwrap_err();
    assert!(error.to_string().contains(nowhere.to_str().unwrap()), "{error}");
    let done = archive.building_in(folder.path()).compact(&all(end(&rows))).await.unwrap();
    assert_eq!(done.rows, 240);
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0, "they have no name");
}

#[tokio::test(flavor = "multi_thread")]
async fn only_what_is_old_enough_is_taken_and_late_rows_join_their_day() {
    let archive = Archive::in_memory();
    let mut rows = fill(&archive).await;
    let done = archive.compact(&all(Micros(MONDAY + DAY))).await.unwrap();
    assert_eq!((done.inputs.0, done.rows), (2, 80));
    assert_eq!(archive.catalogue().await.unwrap().ranges.len(), 4);
    let late: Vec<_> = (240..250).map(|i| row(i, MONDAY + 5)).collect();
    put(&archive, 0, &late).await;
    rows.extend(late);
    let done = archive.compact(&all(end(&rows))).await.unwrap();
    // Four ranges, the late one, and the two files of Monday that they join.
    assert_eq!((done.generation, done.inputs.0, done.outputs.0), (Some(2), 7, 6));
    let catalogue = archive.catalogue().await.unwrap();
    assert_eq!((catalogue.generation, catalogue.days.len(), catalogue.leftovers.len()), (2, 6, 0));
    assert_eq!(read_all(&archive).await, (events(&rows), hash_of(&rows)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_grows_too_large_is_followed_by_another() {
    let archive = Archive::in_memory();
    let rows: Vec<_> = (0..900).map(|i| row(2 * i, MONDAY + i as i64)).collect();
    for part in rows.chunks(100) {
        put(&archive, 0, part).await;
    }
    let group = GroupLimit { rows: 200, ..GroupLimit::DAY };
    // A file begins with four bytes of Parquet's own: it is too large with its first row group.
    let compaction = Compaction { group, target_bytes: 5, ..all(end(&rows)) };
    let done = archive.compact(&compaction).await.unwrap();
    assert_eq!((done.rows, done.outputs.0), (900, 5), "a file for each row group, and the rest");
    assert_eq!(read_all(&archive).await, (events(&rows), hash_of(&rows)));
}

/// Puts other content in a file's place; returns what it had.
async fn change(archive: &Archive, path: &str, content: impl FnOnce(Vec<u8>) -> Vec<u8>) -> Bytes {
    let whole = archive.read(path).await.unwrap();
    archive.remove(path).await.unwrap();
    assert!(archive.put_new(path, content(whole.to_vec()).into()).await.unwrap());
    whole
}

/// What a torn file has: no footer.
fn half(mut bytes: Vec<u8>) -> Vec<u8> {
    bytes.truncate(bytes.len() / 2);
    bytes
}

/// Changes a byte of a file's rows; its footer still says what they were. Returns what it had.
pub async fn damage(archive: &Archive, path: &str) -> Bytes {
    let flip = |mut bytes: Vec<u8>| {
        bytes[200] ^= 0xff;
        bytes
    };
    change(archive, path, flip).await
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_damaged_is_left_out_and_holds_up_nothing_else() {
    let archive = Archive::in_memory();
    let rows = fill(&archive).await;
    let ranges: Vec<_> = archive.catalogue().await.unwrap().ranges.into_iter().map(|file| file.path).collect();
    // One of Monday, and one of Tuesday without its footer.
    let (monday, tuesday) = (&ranges[3], &ranges[4]);
    let whole = [(monday, damage(&archive, monday).await), (tuesday, change(&archive, tuesday, half).await)];
    let kept = [archive.read(monday).await.unwrap(), archive.read(tuesday).await.unwrap()];
    let done = archive.compact(&all(end(&rows))).await.unwrap();
    assert_eq!(done.left_out, [tuesday.as_str(), monday.as_str()]);
    assert_eq!((done.generation, done.rows, done.inputs.0, done.outputs.0), (Some(1), 160, 4, 6));
    let again = archive.compact(&all(end(&rows))).await.unwrap();
    assert_eq!((again.generation, again.left_out), (None, done.left_out), "told until somebody acts");
    let catalogue = archive.catalogue().await.unwrap();
    assert_eq!(catalogue.ranges.iter().map(|file| &file.path).collect::<Vec<_>>(), [monday, tuesday]);
    assert_eq!(
        [archive.read(monday).await.unwrap(), archive.read(tuesday).await.unwrap()],
        kept,
        "nobody touched them"
    );
    // Mended, they join their days, except for a day file that was damaged meanwhile.
    for (path, whole) in whole {
        change(&archive, path, |_| whole.to_vec()).await;
    }
    let bad = catalogue.days.keys().next().unwrap();
    let day = change(&archive, bad, half).await;
    let done = archive.compact(&all(end(&rows))).await.unwrap();
    assert_eq!((done.generation, done.rows, done.left_out), (Some(2), 140, vec![bad.clone()]));
    change(&archive, bad, |_| day.to_vec()).await;
    assert_eq!(archive.catalogue().await.unwrap().days.len(), 7);
    assert_eq!(read_all(&archive).await, (events(&rows), hash_of(&rows)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_file_that_stays_makes_nothing_begin_anew() {
    let objects = Mortal::after(Arc::default(), usize::MAX);
    let archive = Archive::on(objects.clone());
    let rows = fill(&archive).await;
    let ranges: Vec<_> = archive.catalogue().await.unwrap().ranges.into_iter().map(|file| file.path).collect();
    let whole = damage(&archive, &ranges[0]).await;
    let done = archive.compact(&all(Micros(MONDAY + DAY))).await.unwrap();
    assert_eq!((done.generation, done.left_out, done.rows), (Some(1), vec![ranges[0].clone()], 40));
    objects.read();
    let done = archive.compact(&all(end(&rows))).await.unwrap();
    assert_eq!((done.generation, done.left_out, done.rows), (Some(2), vec![ranges[0].clone()], 160));
    let read = objects.read();
    let times = |at: usize| read.iter().filter(|path| **path == ranges[at]).count();
    assert_eq!([0, 1, 2, 4, 5].map(times), [2; 5], "its note, and its rows once");
    change(&archive, &ranges[0], |_| whole.to_vec()).await;
    let done = archive.compact(&all(end(&rows))).await.unwrap();
    assert_eq!((done.generation, done.left_out), (Some(3), Vec::new()), "it was mended");
    assert_eq!(read_all(&archive).await, (events(&rows), hash_of(&rows)));
}

#[tokio::test(flavor = "multi_thread")]
async fn two_at_once_do_no_harm() {
    let folder = tempfile::tempdir().unwrap();
    let archive = Archive::folder(folder.path()).unwrap();
    let rows = fill(&archive).await;
    let run = || {
        let (archive, compaction) = (archive.clone(), all(end(&rows)));
        tokio::spawn(async move { archive.compact(&compaction).await })
    };
    let outcomes = [run(), run(), run()];
    let mut wins = 0;
    for outcome in outcomes {
        match outcome.await.unwrap() {
            Ok(done) => wins += usize::from(done.generation.is_some()),
            // It lost, or its inputs were gone when it came to them.
            Err(error) => assert!(matches!(error, ArchiveError::Raced { .. }) || error.is_missing(), "{error}"),
        }
    }
    assert_eq!(wins, 1);
    assert_eq!(read_all(&archive).await, (events(&rows), hash_of(&rows)));
    archive.compact(&all(end(&rows))).await.unwrap();
    assert_eq!(archive.catalogue().await.unwrap().leftovers, Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_manifest_that_was_changed_is_refused() {
    let archive = Archive::in_memory();
    let rows = fill(&archive).await;
    archive.compact(&all(Micros(MONDAY + DAY))).await.unwrap();
    archive.compact(&all(end(&rows))).await.unwrap();
    let path = Collection::Events.manifest_path(1);
    let text = String::from_utf8(archive.read(&path).await.unwrap().to_vec()).unwrap();
    archive.remove(&path).await.unwrap();
    archive.put_new(&path, Bytes::from(text.replace("\"rows\": 40", "\"rows\": 39"))).await.unwrap();
    let error = archive.catalogue().await.unwrap_err();
    assert!(matches!(error, ArchiveError::Chain { .. }) && error.to_string().contains("00000002.json"), "{error}");
}
