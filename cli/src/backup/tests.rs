//! A backup of a site that goes on: what the copied ledger says is in the copied archive and log, and nothing else is in
//! the archive. What was changed after it is found before anything is restored.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use beidou_log::{
    Log, ReadLimit,
    file::{FileLog, FileOptions},
};
use beidou_schemas::{
    Micros, Record, TopicPartition,
    archive::{Collection, FileEntry, FileNote, Manifest as Generation},
    kube_event::RangeHash,
    ledger::{Archived, Archiving, LedgerFact},
};
use uuid::Uuid;

use super::*;
use crate::args::roles::{Backup, Restore, Role};

const EVENTS: TopicPartition = TopicPartition { topic: Topic::KubeEvent, partition: 0 };
const LEDGER: TopicPartition = TopicPartition { topic: Topic::Ledger, partition: 0 };

/// What ingest and projector do, as fast as they can: Events, then a file of the archive with its facts around it.
async fn work(log: Arc<FileLog>, archive: Archive, stop: Arc<AtomicBool>) -> u64 {
    let (events, ledger) = (log.writer(EVENTS, "a").await.unwrap(), log.writer(LEDGER, "a").await.unwrap());
    let fact = |fact: LedgerFact| vec![fact.to_record(Uuid::new_v4(), Micros(0))];
    let mut from = 0;
    while !stop.load(Ordering::SeqCst) {
        let records = (0..3).map(|_| Record { value: vec![1; 50].into(), ..Record::default() }).collect();
        let to = events.append(records).await.unwrap().end;
        let (source, path) = (EVENTS, Collection::Events.range_path(0, from, to));
        ledger.append(fact(LedgerFact::Archiving(Archiving { source, from, to }))).await.unwrap();
        archive.put_new(&path, vec![7; 100].into()).await.unwrap();
        let (rows, hash, bytes, sha256) = (3, RangeHash(0), 100, String::new());
        let archived = Archived { source, from, to, rows, hash, bytes, sha256, path };
        ledger.append(fact(LedgerFact::Archived(archived))).await.unwrap();
        from = to;
    }
    from
}

fn options(data: &Path) -> FileOptions {
    FileOptions::new(places::log(data), [(Topic::KubeEvent, 1), (Topic::KubeCoverage, 1), (Topic::Ledger, 3)])
}

fn backup(data: &Path, to: &Path, with_secrets: bool) -> Backup {
    let role = Role { data: Some(data.into()), ..Role::default() };
    Backup { dir: to.into(), role, with_secrets }
}

/// The files that the ledger of a data directory says are in the archive, the one that may be, and the Events' end.
async fn said(data: &Path) -> (Vec<String>, Option<String>, u64) {
    let log = FileLog::open(options(data)).unwrap();
    let limit = ReadLimit { max_bytes: usize::MAX, max_wait: Duration::ZERO };
    let (mut there, mut announced) = (Vec::new(), None);
    for stored in log.read(LEDGER, 0, limit).await.unwrap().records {
        match LedgerFact::from_json(&stored.record.value).unwrap() {
            LedgerFact::Archiving(range) => announced = Some(Collection::Events.range_path(0, range.from, range.to)),
            LedgerFact::Archived(range) => there.push(range.path),
            LedgerFact::Pending(_) | LedgerFact::Done(_) => {}
        }
    }
    (there, announced, log.bounds(EVENTS).await.unwrap().end)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_of_a_site_at_work_is_whole_and_comes_back() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data");
    let (log, archive) = (FileLog::open(options(&data)).unwrap(), Archive::folder(&places::archive(&data)).unwrap());
    std::fs::write(places::token(&data), "secret").unwrap();
    let stop = Arc::new(AtomicBool::new(false));
    let working = tokio::spawn(work(log, archive, stop.clone()));
    let mut files = 0;
    for round in 0..10 {
        let (to, new) = (dir.path().join(format!("backup-{round}")), dir.path().join(format!("new-{round}")));
        main(backup(&data, &to, round == 0)).await.unwrap();
        restore(Restore { dir: to.clone(), data: new.clone() }).await.unwrap();
        let (there, announced, end) = said(&new).await;
        let found = Archive::folder(&places::archive(&new)).unwrap().catalogue().await.unwrap();
        let found: Vec<_> = found.ranges.into_iter().map(|file| file.path).collect();
        let missing: Vec<_> = there.iter().filter(|path| !found.contains(path)).collect();
        assert!(missing.is_empty(), "in the ledger and not in the archive: {missing:?}");
        let more: Vec<_> =
            found.iter().filter(|path| !there.contains(path) && announced.as_ref() != Some(path)).collect();
        assert!(more.is_empty(), "in the archive before the ledger announces it: {more:?}");
        assert!(
            announced.is_none_or(|path| path <= Collection::Events.range_path(0, end, end)),
            "a file of records that are not there"
        );
        assert_eq!(places::token(&new).exists(), round == 0, "secrets only where they are wanted");
        files = files.max(found.len());
    }
    stop.store(true, Ordering::SeqCst);
    assert!(working.await.unwrap() > 0 && files > 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_archive_that_is_compacted_between_is_copied_again() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data");
    let log = FileLog::open(options(&data)).unwrap();
    let archive = Archive::folder(&places::archive(&data)).unwrap();
    let (to, target) = (dir.path().join("log"), dir.path().join("archive"));
    LogCopy::begin(&places::log(&data), &to).unwrap();
    let path = Collection::Events.range_path(0, 0, 5);
    archive.put_new(&path, vec![7; 100].into()).await.unwrap();
    assert_eq!(archive::copy(&archive, [0, 0], &to, &target).await.unwrap(), archive::Outcome::Done(vec![]));
    assert!(Archive::folder(&target).unwrap().catalogue().await.unwrap().ranges.is_empty(), "nobody has announced it");
    let previous_sha256 = String::new();
    let next = Generation { generation: 1, previous_sha256, time: Micros(0), added: vec![], removed: vec![path] };
    archive.put_new(&Collection::Events.manifest_path(1), next.to_json().into()).await.unwrap();
    assert_eq!(archive::copy(&archive, [0, 0], &to, &target).await.unwrap(), archive::Outcome::Compacted);
    assert_eq!(archive::copy(&archive, [1, 0], &to, &target).await.unwrap(), archive::Outcome::Done(vec![]));
    assert_eq!(Archive::folder(&target).unwrap().catalogue().await.unwrap().generation, 1);
    drop(log);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_archive_that_has_lost_a_manifest_is_copied_as_far_as_it_is_there() {
    let dir = tempfile::tempdir().unwrap();
    let (data, to) = (dir.path().join("data"), dir.path().join("backup"));
    let log = FileLog::open(options(&data)).unwrap();
    let archive = Archive::folder(&places::archive(&data)).unwrap();
    for generation in 1..=2 {
        let previous_sha256 = archive.catalogue().await.unwrap().sha256;
        let next = Generation { generation, previous_sha256, time: Micros(0), added: vec![], removed: vec![] };
        archive.put_new(&Collection::Events.manifest_path(generation), next.to_json().into()).await.unwrap();
    }
    // Of this one only the first manifest could tell whether it counts.
    let doubtful = "events/dt=2026-11-23/cluster=a/00000001-0001-x.parquet";
    archive.put_new(doubtful, vec![7; 100].into()).await.unwrap();
    archive.remove(&Collection::Events.manifest_path(1)).await.unwrap();
    main(backup(&data, &to, false)).await.unwrap();
    let copied = Archive::folder(&places::archive(&to)).unwrap();
    assert_eq!(copied.salvage().await.unwrap(), archive.salvage().await.unwrap());
    assert_eq!(copied.read(doubtful).await.unwrap().len(), 100);
    drop(log);
}

/// A day file of this name, as its manifest records it.
fn day_file(name: &str, content: &[u8]) -> FileEntry {
    let note = FileNote {
        schema: 1,
        rows: 1,
        hash: RangeHash(0),
        ranges: vec![],
        min_time: Micros(0),
        max_time: Micros(0),
        observed: Micros(0),
    };
    FileEntry {
        path: format!("events/dt=2026-11-23/cluster=a/00000001-0001-{name}.parquet"),
        dt: "2026-11-23".into(),
        cluster_uid: "a".into(),
        cluster: "a".into(),
        bytes: content.len() as u64,
        sha256: manifest::sha256_of(content),
        note,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_of_the_archive_that_is_gone_or_damaged_is_named_and_holds_up_no_other() {
    let dir = tempfile::tempdir().unwrap();
    let (data, to, new) = (dir.path().join("data"), dir.path().join("backup"), dir.path().join("new"));
    let log = FileLog::open(options(&data)).unwrap();
    let archive = Archive::folder(&places::archive(&data)).unwrap();
    let [whole, gone, damaged] = ["whole", "gone", "damaged"].map(|name| day_file(name, b"as it was put"));
    archive.put_new(&whole.path, b"as it was put".as_slice().into()).await.unwrap();
    archive.put_new(&damaged.path, b"as it was not".as_slice().into()).await.unwrap();
    let (source, range) = (EVENTS, Collection::Events.range_path(0, 0, 5));
    let (hash, sha256, path) = (RangeHash(0), manifest::sha256_of(b"rows"), range.clone());
    let facts = [
        LedgerFact::Archiving(Archiving { source, from: 0, to: 5 }),
        LedgerFact::Archived(Archived { source, from: 0, to: 5, rows: 5, hash, bytes: 4, sha256, path }),
    ];
    let records = facts.map(|fact| fact.to_record(Uuid::new_v4(), Micros(0)));
    log.writer(LEDGER, "a").await.unwrap().append(records.into()).await.unwrap();
    let paths = [&gone, &damaged].map(|file| file.path.clone());
    let (previous_sha256, added) = (String::new(), vec![whole.clone(), gone, damaged]);
    let first = Generation { generation: 1, previous_sha256, time: Micros(0), added, removed: vec![] };
    archive.put_new(&Collection::Events.manifest_path(1), first.to_json().into()).await.unwrap();
    let text = crate::exit::text(&main(backup(&data, &to, false)).await.unwrap_err());
    assert!(text.contains(&format!("{}: it is not there", paths[0])), "{text}");
    assert!(text.contains(&format!("{}: its SHA-256 is", paths[1])), "{text}");
    assert!(text.contains(&format!("{range}: it is not there")) && text.contains("audit --full"), "{text}");
    assert!(!text.contains(&whole.path), "{text}");
    restore(Restore { dir: to, data: new.clone() }).await.unwrap();
    let copied = Archive::folder(&places::archive(&new)).unwrap();
    assert_eq!(copied.catalogue().await.unwrap().days, archive.catalogue().await.unwrap().days);
    assert_eq!(copied.read(&whole.path).await.unwrap(), b"as it was put".as_slice());
    drop(log);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_whole_is_refused_and_nothing_is_left_behind() {
    let dir = tempfile::tempdir().unwrap();
    let (data, to, new) = (dir.path().join("data"), dir.path().join("backup"), dir.path().join("new"));
    let log = FileLog::open(options(&data)).unwrap();
    let record = Record { value: vec![1; 50].into(), ..Record::default() };
    log.writer(EVENTS, "a").await.unwrap().append(vec![record]).await.unwrap();
    main(backup(&data, &to, false)).await.unwrap();
    let refused = async |from: &Path, data: &Path| {
        let error = restore(Restore { dir: from.into(), data: data.into() }).await.unwrap_err();
        crate::exit::text(&error)
    };
    assert!(refused(&to, &data).await.contains("is not empty"));
    assert!(refused(&dir.path().join("nowhere"), &new).await.contains("no whole backup"));
    let again = main(backup(&data, &to, false)).await.unwrap_err();
    assert!(crate::exit::text(&again).contains("is not empty"));
    let segment = places::log(&to).join("beidou.kube.event.v1/0/00000000000000000000.seg");
    let mut bytes = std::fs::read(&segment).unwrap();
    bytes[20] ^= 1;
    std::fs::write(&segment, &bytes).unwrap();
    let text = refused(&to, &new).await;
    assert!(text.contains(".seg is not what was copied") && text.contains("nothing was restored"), "{text}");
    std::fs::remove_file(&segment).unwrap();
    assert!(refused(&to, &new).await.contains("cannot copy"));
    let left: Vec<_> = std::fs::read_dir(dir.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left.len(), 2, "{left:?}");
}
