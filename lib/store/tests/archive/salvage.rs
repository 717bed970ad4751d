//! What counts where a manifest is lost: the same files, as far as they say of themselves, and nothing twice.

use beidou_schemas::{
    Micros,
    archive::{Collection, Manifest},
    time::DAY,
};
use beidou_store::archive::{Archive, ArchiveError, Break};

use super::{
    compaction::all,
    rows::{MONDAY, Row, end, events, fill, hash_of, put, read_all, row},
};

/// Two generations: Monday's files, then all others.
async fn compacted(archive: &Archive) -> Vec<Row> {
    let rows = fill(archive).await;
    archive.compact(&all(Micros(MONDAY + DAY))).await.unwrap();
    archive.compact(&all(end(&rows))).await.unwrap();
    rows
}

fn paths(broken: &[Break]) -> Vec<&str> {
    broken.iter().map(|one| one.path.as_str()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn files_of_a_lost_manifest_count_and_it_fits_in_again() {
    let archive = Archive::in_memory();
    let mut rows = compacted(&archive).await;
    let whole = archive.salvage().await.unwrap();
    assert_eq!((&whole.catalogue, whole.broken.len()), (&archive.catalogue().await.unwrap(), 0));
    let first = archive.read(&Collection::Events.manifest_path(1)).await.unwrap();
    archive.remove(&Collection::Events.manifest_path(1)).await.unwrap();
    let found = archive.salvage().await.unwrap();
    assert_eq!(paths(&found.broken), [Collection::Events.manifest_path(1)]);
    assert!(found.broken[0].what.contains("not there"), "{:?}", found.broken);
    assert_eq!(found.doubtful, []);
    let mut days = found.catalogue.days.clone();
    let unproven = days.values_mut().filter(|file| file.sha256.is_empty()).map(|file| {
        file.sha256 = whole.catalogue.days[&file.path].sha256.clone();
        assert_eq!(file.dt, "2026-11-23");
    });
    assert_eq!(unproven.count(), 2);
    assert_eq!(days, whole.catalogue.days);
    // The next generation takes one of them in, and removes nothing else.
    let late: Vec<_> = (240..250).map(|i| row(i, MONDAY + 5)).collect();
    put(&archive, 0, &late).await;
    rows.extend(late);
    assert_eq!(archive.compact(&all(end(&rows))).await.unwrap().generation, Some(3));
    assert!(archive.catalogue().await.is_err());
    archive.put_new(&Collection::Events.manifest_path(1), first).await.unwrap();
    assert_eq!(read_all(&archive).await, (events(&rows), hash_of(&rows)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_changed_manifest_is_as_good_as_lost_and_the_newest_must_be_read() {
    let archive = Archive::in_memory();
    compacted(&archive).await;
    let days = archive.catalogue().await.unwrap().days;
    let replace = async |generation: u64, content: Vec<u8>| {
        archive.remove(&Collection::Events.manifest_path(generation)).await.unwrap();
        archive.put_new(&Collection::Events.manifest_path(generation), content.into()).await.unwrap();
    };
    let mut first = Manifest::from_json(&archive.read(&Collection::Events.manifest_path(1)).await.unwrap()).unwrap();
    first.added.iter_mut().for_each(|file| file.sha256 = "00".into());
    replace(1, first.to_json()).await;
    let found = archive.salvage().await.unwrap();
    assert_eq!(paths(&found.broken), [Collection::Events.manifest_path(1)]);
    assert!(found.catalogue.days.keys().eq(days.keys()));
    assert!(found.catalogue.days.values().all(|file| file.sha256 != "00"), "it is not believed");
    replace(2, b"{".to_vec()).await;
    let error = archive.salvage().await.unwrap_err();
    assert!(
        matches!(&error, ArchiveError::Chain { path, .. } if *path == Collection::Events.manifest_path(2)),
        "{error}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_built_on_rows_that_may_be_there_twice() {
    let archive = Archive::in_memory();
    let rows = fill(&archive).await;
    let range = archive.catalogue().await.unwrap().ranges[0].path.clone();
    let content = archive.read(&range).await.unwrap();
    archive.compact(&all(Micros(MONDAY + DAY))).await.unwrap();
    archive.compact(&all(end(&rows))).await.unwrap();
    // As after a crash before what was taken in was removed.
    archive.put_new(&range, content).await.unwrap();
    archive.remove(&Collection::Events.manifest_path(1)).await.unwrap();
    let found = archive.salvage().await.unwrap();
    assert_eq!(found.catalogue.ranges.len(), 1);
    assert!(!found.doubtful.is_empty() && paths(&found.doubtful).iter().all(|path| path.contains("dt=2026-11-23")));
    let before = archive.list("events").await.unwrap();
    let error = archive.compact(&all(end(&rows))).await.unwrap_err();
    assert!(
        matches!(&error, ArchiveError::Chain { .. }) && error.to_string().contains(&found.doubtful[0].path),
        "{error}"
    );
    assert_eq!(archive.list("events").await.unwrap(), before);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_is_gone_does_not_count_where_a_lost_manifest_may_have_removed_it() {
    let archive = Archive::in_memory();
    let mut rows = compacted(&archive).await;
    let monday = archive.catalogue().await.unwrap().days.into_keys().next().unwrap();
    let late: Vec<_> = (240..250).map(|i| row(i, MONDAY + 5)).collect();
    put(&archive, 0, &late).await;
    rows.extend(late);
    archive.compact(&all(end(&rows))).await.unwrap();
    archive.compact(&all(end(&rows))).await.unwrap();
    let whole = archive.catalogue().await.unwrap();
    assert!(!whole.days.contains_key(&monday), "generation 3 has taken it in");
    let other = [(250, MONDAY + 2 * DAY)].map(|(i, time)| row(i, time));
    put(&archive, 1, &other).await;
    rows.extend(other);
    archive.compact(&all(end(&rows))).await.unwrap();
    archive.remove(&Collection::Events.manifest_path(3)).await.unwrap();
    let found = archive.salvage().await.unwrap();
    assert!(!found.catalogue.days.contains_key(&monday));
    assert_eq!(
        (paths(&found.broken), found.doubtful),
        (vec![Collection::Events.manifest_path(3).as_str()], vec![]),
        "it was taken in"
    );
    assert_eq!(found.catalogue.days.values().map(|file| file.note.rows).sum::<u64>(), rows.len() as u64);
    // With the file that took it in gone as well, nobody knows where its rows are.
    let of_monday = whole.days.keys().find(|path| path.contains(&monday[..monday.len() - 30])).unwrap();
    archive.remove(of_monday).await.unwrap();
    let found = archive.salvage().await.unwrap();
    assert!(paths(&found.doubtful).contains(&monday.as_str()), "{found:?}");
    assert!(archive.going_on().await.is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_manifest_of_an_absurd_number_is_not_believed() {
    let archive = Archive::in_memory();
    compacted(&archive).await;
    let newest = archive.read(&Collection::Events.manifest_path(2)).await.unwrap();
    archive.put_new(&Collection::Events.manifest_path(99_999_999), newest).await.unwrap();
    let error = archive.salvage().await.unwrap_err();
    assert!(error.to_string().contains(&Collection::Events.manifest_path(99_999_999)), "{error}");
}
