//! What an archive promises, wherever it lies.

use beidou_schemas::{Micros, archive::PartitionRange};
use beidou_store::archive::{Archive, ArchiveError, Compacted, Compaction, Finished};
use bytes::Bytes;

use crate::rows::{MONDAY, end, events, file, fill, hash_of, put, read_all, row};

/// Runs every case on an archive of its own; what stands beside it is dropped after it.
macro_rules! contract {
    ($place:ident, $new:expr) => {
        contract!(
            $place, $new;
            a_name_is_given_once,
            a_file_is_compared_and_never_replaced,
            states_that_another_version_wrote_stay_as_they_are,
            what_is_no_whole_file_is_written_again,
            rows_come_back_as_they_were,
            every_flipped_byte_is_found,
            one_of_many_writers_wins,
            a_large_file_is_given_once_and_may_be_replaced,
            days_are_compacted_and_read_the_same,
        );
    };
    ($place:ident, $new:expr; $($name:ident),* $(,)?) => {
        mod $place {
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $name() {
                let (archive, _beside) = $new;
                crate::contract::$name(archive).await;
            })*
        }
    };
}

const RANGE: PartitionRange = PartitionRange { partition: 0, from: 0, to: 20 };

fn twenty(first: u64) -> Finished {
    file(RANGE, &(first..first + 20).map(|i| row(i, MONDAY)).collect::<Vec<_>>())
}

pub async fn a_name_is_given_once(archive: Archive) {
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

pub async fn a_file_is_compared_and_never_replaced(archive: Archive) {
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

pub async fn states_that_another_version_wrote_stay_as_they_are(archive: Archive) {
    let (path, first) = ("events/range/p0000/a.parquet", twenty(0));
    archive.put_file(path, &first).await.unwrap();
    let rewritten = |range, first: u64| {
        let mut rows: Vec<_> = (first..first + 20).map(|i| row(i, MONDAY)).collect();
        rows.iter_mut().for_each(|row| row.event["metadata"]["labels"]["odd"] = "otherwise".into());
        file(range, &rows)
    };
    let own = rewritten(RANGE, 0);
    assert_ne!(own.note.hash, first.note.hash);
    let put = archive.put_file(path, &own).await.unwrap();
    assert_eq!((put.repeated, put.hash, &put.sha256), (true, first.note.hash, &first.sha256));
    for other in [rewritten(RANGE, 2), rewritten(PartitionRange { to: 21, ..RANGE }, 0)] {
        let error = archive.put_file(path, &other).await.unwrap_err();
        assert!(matches!(error, ArchiveError::Differs { .. }), "{error}");
    }
    archive.verify(path, &first.sha256, &first.note).await.unwrap();
}

pub async fn what_is_no_whole_file_is_written_again(archive: Archive) {
    let (path, file) = ("events/range/p0000/a.parquet", twenty(0));
    for torn in [file.content.slice(..file.content.len() / 2), Bytes::new(), Bytes::from_static(b"PAR1")] {
        archive.remove(path).await.unwrap();
        archive.put_new(path, torn).await.unwrap();
        let put = archive.put_file(path, &file).await.unwrap();
        assert!(!put.repeated);
        archive.verify(path, &put.sha256, &file.note).await.unwrap();
    }
}

pub async fn rows_come_back_as_they_were(archive: Archive) {
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

pub async fn every_flipped_byte_is_found(archive: Archive) {
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

pub async fn one_of_many_writers_wins(archive: Archive) {
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

/// Larger than what is sent in one request, and no multiple of what is sent at once.
pub async fn a_large_file_is_given_once_and_may_be_replaced(archive: Archive) {
    let (path, length) = ("events/range/p0000/large.parquet", (16 << 20) + 12_345);
    let content = |seed: usize| Bytes::from((0..length).map(|i| (i * seed % 251) as u8).collect::<Vec<_>>());
    assert!(archive.put_new(path, content(3)).await.unwrap());
    assert!(!archive.put_new(path, content(5)).await.unwrap());
    assert_eq!(archive.read(path).await.unwrap(), content(3));
    assert_eq!(archive.list("events").await.unwrap()[0].bytes, length as u64);
    // What is no whole file is replaced, and afterwards it is one.
    let put = archive.put_file(path, &twenty(0)).await.unwrap();
    archive.verify(path, &put.sha256, &twenty(0).note).await.unwrap();
    archive.remove(path).await.unwrap();
    let large = Finished { content: content(7), ..twenty(0) };
    archive.put_new(path, Bytes::from_static(b"torn")).await.unwrap();
    archive.put_file(path, &large).await.unwrap();
    assert_eq!(archive.read(path).await.unwrap(), content(7));
}

pub async fn days_are_compacted_and_read_the_same(archive: Archive) {
    let rows = fill(&archive).await;
    let compaction = || Compaction::new(end(&rows), Micros(MONDAY));
    let two = (compaction(), compaction());
    let (one, other) = tokio::join!(archive.compact(&two.0), archive.compact(&two.1));
    let won = |outcome: &Result<Compacted, ArchiveError>| match outcome {
        Ok(done) => done.generation.is_some(),
        Err(error) => {
            assert!(matches!(error, ArchiveError::Raced { .. }) || error.is_missing(), "{error:?}");
            false
        }
    };
    assert!(won(&one) != won(&other), "{one:?} {other:?}");
    // What the one that lost has left behind is swept.
    archive.compact(&compaction()).await.unwrap();
    let catalogue = archive.catalogue().await.unwrap();
    assert_eq!((catalogue.generation, catalogue.ranges.len(), catalogue.days.len()), (1, 0, 6));
    assert_eq!(catalogue.leftovers, Vec::<String>::new());
    // A name that a path cannot hold is encoded.
    assert!(catalogue.days.keys().any(|path| path.starts_with("events/dt=2026-11-23/cluster=hz prod%2F02/")));
    assert_eq!(read_all(&archive).await, (events(&rows), hash_of(&rows)));
}
