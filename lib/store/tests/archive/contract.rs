//! What an archive promises, wherever it lies.

use beidou_schemas::archive::PartitionRange;
use beidou_store::archive::{Archive, ArchiveError, Finished};
use bytes::Bytes;

use super::rows::{MONDAY, events, file, fill, hash_of, put, read_all, row};

/// Runs a test on both.
macro_rules! on_both {
    ($($name:ident),* $(,)?) => {
        mod in_memory { $(#[tokio::test(flavor = "multi_thread")] async fn $name() {
            super::$name(super::Archive::in_memory()).await;
        })* }
        mod in_a_folder { $(#[tokio::test(flavor = "multi_thread")] async fn $name() {
            let folder = tempfile::tempdir().unwrap();
            super::$name(super::Archive::folder(&folder.path().join("made/when missing")).unwrap()).await;
        })* }
    };
}
on_both!(
    a_name_is_given_once,
    a_file_is_compared_and_never_replaced,
    what_is_no_whole_file_is_written_again,
    rows_come_back_as_they_were,
    every_flipped_byte_is_found,
    one_of_many_writers_wins,
);

const RANGE: PartitionRange = PartitionRange { partition: 0, from: 0, to: 20 };

fn twenty(first: u64) -> Finished {
    file(RANGE, &(first..first + 20).map(|i| row(i, MONDAY)).collect::<Vec<_>>())
}

async fn a_name_is_given_once(archive: Archive) {
    let path = "events/manifest/00000001.json";
    assert!(archive.read(path).await.unwrap_err().is_missing());
    assert!(archive.put_new(path, Bytes::from_static(b"one")).await.unwrap());
    assert!(!archive.put_new(path, Bytes::from_static(b"two")).await.unwrap());
    assert_eq!(archive.read(path).await.unwrap(), "one");
    assert_eq!(archive.list("events").await.unwrap().len(), 1);
    archive.remove(path).await.unwrap();
    archive.remove(path).await.unwrap();
    assert_eq!(archive.list("events").await.unwrap(), []);
}

async fn a_file_is_compared_and_never_replaced(archive: Archive) {
    let (path, file) = ("events/range/p0000/a.parquet", twenty(0));
    let first = archive.put_file(path, &file).await.unwrap();
    assert_eq!((first.repeated, first.bytes), (false, file.content.len() as u64));
    // Another version of the library would write other bytes: the rows count.
    let mut same = twenty(0);
    same.content = Bytes::from_static(b"other bytes");
    let again = archive.put_file(path, &same).await.unwrap();
    assert_eq!((again.repeated, &again.sha256), (true, &first.sha256));
    let error = archive.put_file(path, &twenty(100)).await.unwrap_err();
    assert!(matches!(error, ArchiveError::Differs { .. }) && !error.is_retryable(), "{error}");
    archive.verify(path, &first.sha256, &file.note).await.unwrap();
}

async fn what_is_no_whole_file_is_written_again(archive: Archive) {
    let (path, file) = ("events/range/p0000/a.parquet", twenty(0));
    for torn in [file.content.slice(..file.content.len() / 2), Bytes::new(), Bytes::from_static(b"PAR1")] {
        archive.remove(path).await.unwrap();
        archive.put_new(path, torn).await.unwrap();
        let put = archive.put_file(path, &file).await.unwrap();
        assert!(!put.repeated);
        archive.verify(path, &put.sha256, &file.note).await.unwrap();
    }
}

async fn rows_come_back_as_they_were(archive: Archive) {
    let rows = fill(&archive).await;
    let (found, hash) = read_all(&archive).await;
    assert_eq!(found, events(&rows));
    assert_eq!(hash, hash_of(&rows));
    let catalogue = archive.catalogue().await.unwrap();
    assert_eq!((catalogue.generation, catalogue.ranges.len(), catalogue.days.len()), (0, 6, 0));
    let note = archive.open(&catalogue.ranges[0].path).await.unwrap().note().clone();
    assert_eq!((note.rows, note.ranges.len()), (40, 1));
    assert_eq!((note.min_time.0, note.observed.0 - note.max_time.0), (MONDAY, 1_000_000));
}

async fn every_flipped_byte_is_found(archive: Archive) {
    let file = twenty(0);
    let path = put(&archive, 0, &(0..20).map(|i| row(i, MONDAY)).collect::<Vec<_>>()).await;
    for at in (0..file.content.len()).step_by(97) {
        let mut bytes = file.content.to_vec();
        bytes[at] ^= 0x10;
        archive.remove(&path).await.unwrap();
        archive.put_new(&path, bytes.into()).await.unwrap();
        let found = archive.verify(&path, &file.sha256, &file.note).await;
        assert!(matches!(found, Err(ArchiveError::Differs { .. })), "byte {at}: {found:?}");
    }
}

async fn one_of_many_writers_wins(archive: Archive) {
    let path = "events/manifest/00000001.json";
    let puts = (0..16).map(|i| {
        let archive = archive.clone();
        tokio::spawn(async move { archive.put_new(path, format!("writer {i}").into()).await.unwrap() })
    });
    let mut winners = 0;
    for put in puts.collect::<Vec<_>>() {
        winners += usize::from(put.await.unwrap());
    }
    assert_eq!(winners, 1);
}
