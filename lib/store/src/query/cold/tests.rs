//! Statements, bounds and parts of lists over table and archive.

use std::path::Path;

use super::*;
use crate::archive::Shelf;
use beidou_schemas::kube_event::RangeHash;
use proptest::prelude::*;

const MOST: ColdSize = ColdSize { files: 100, rows: 0, bytes: 80 };

fn file(path: &str, cluster: &str, day: i64) -> ColdFile {
    let (path, cluster_uid, sha256) = (path.into(), cluster.into(), String::new());
    ColdFile { path, cluster_uid, rows: 3, bytes: 10, sha256, from: Micros(day * DAY), to: Micros(day * DAY + 5) }
}

fn cold(files: Vec<ColdFile>, bounds: &[(&str, i64)]) -> Cold {
    let hot: Hot = bounds.iter().map(|(uid, day)| ((*uid).to_owned(), Micros(day * DAY))).collect();
    let covered = [PartitionRange { partition: 1, from: 5, to: 9 }];
    Cold {
        place: Place::Folder(Path::new("/an'archive").into()),
        files,
        hot: hot.into(),
        covered: covered.into(),
        generation: 1,
        most: MOST,
        pins: OnceLock::new(),
        read: Arc::default(),
    }
}

#[test]
fn a_statement_reads_both_in_place_of_the_table_and_nothing_else_changes() {
    let both = cold(vec![file("events/a", "u1", 1), file("events/b?,c", "u2", 1)], &[("u1", 3), ("u2", 3), ("u3", 9)]);
    let plain = both.spread("SELECT count() FROM kube_event\nWHERE x IN (SELECT 1 FROM kube_event_next)");
    let (head, rest) = plain.split_once("\nSELECT count()").unwrap();
    assert_eq!(rest, " FROM kube_event_all\nWHERE x IN (SELECT 1 FROM kube_event_next)");
    let below = format!("(cluster_uid IN ('u1', 'u2') AND time < fromUnixTimestamp64Micro({}, 'UTC'))", 3 * DAY);
    assert!(head.contains(&format!("FROM kube_event WHERE NOT ({below})\n")), "{head}");
    assert!(head.contains(&format!("FROM kube_event WHERE ({below}) AND NOT ((log_partition = 1 AND")), "{head}");
    assert!(head.contains("file('/an\\'archive/events/a', 'Parquet', 'cluster_uid LowCardinality(String), "), "{head}");
    assert!(head.contains("file('/an\\'archive/events/b??,c', "), "no part of a pattern, and no value: {head}");
    assert!(head.contains("time DateTime64(6, \\'UTC\\'), ") && head.contains("found_by Int8"), "{head}");
    let named = both.spread("WITH picked AS (SELECT * FROM kube_event) SELECT 1 FROM picked");
    assert!(named.starts_with("WITH kube_event_all AS\n("), "{named}");
    assert!(named.ends_with("),\npicked AS (SELECT * FROM kube_event_all) SELECT 1 FROM picked"), "{named}");
    let one_pattern = cold(vec![file("events/a", "u1", 1), file("events/b", "u1", 2)], &[("u1", 3)]);
    assert!(one_pattern.spread("SELECT 1 FROM kube_event").contains("/{events/a,events/b}', "));
}

/// A file of a day in the catalogue.
fn entry(path: String, day: i64) -> FileEntry {
    let note = FileNote {
        schema: 1,
        rows: 1,
        hash: RangeHash::default(),
        ranges: Vec::new(),
        min_time: Micros(day * DAY),
        max_time: Micros(day * DAY + 5),
        observed: Micros(0),
    };
    let (dt, sha256) = (Micros(day * DAY).day_text(), String::new());
    FileEntry { path, dt, cluster_uid: "u1".into(), cluster: "a".into(), bytes: 10, sha256, note }
}

#[test]
fn a_server_reads_the_bucket_through_its_collection() {
    let paths =
        ["events/dt=2026-11-23/cluster=a/1.parquet", "events/cluster=x%2Fy z/2.parquet", "events/b,c/3.parquet"];
    let files = paths.iter().map(|path| file(path, "u1", 1)).collect();
    let far = Cold { place: Place::Bucket("beidou_archive".into()), ..cold(files, &[("u1", 3)]) };
    let statement = far.spread("SELECT count() FROM kube_event");
    let sources: Vec<_> = statement.lines().filter_map(|line| Some(line.split_once(" FROM s3(")?.1)).collect();
    let names: Vec<_> = sources.iter().map(|source| source.split_once(", structure = '").unwrap().0).collect();
    let together = "{events/dt=2026-11-23/cluster=a/1.parquet,events/cluster=x%252Fy%20z/2.parquet}";
    assert_eq!(
        names,
        [
            format!("beidou_archive, filename = '{together}'"),
            "beidou_archive, filename = 'events/b%2Cc/3.parquet'".into(),
        ]
    );
    assert!(sources.iter().all(|source| source.contains("cluster_uid LowCardinality(String), ")), "{statement}");
    assert!(!statement.contains("file("), "{statement}");
    assert!(far.check_near().is_ok(), "nothing is copied");
}

#[test]
fn a_server_is_asked_for_as_many_files_as_fit_a_statement() {
    let catalogue_of = |days: i64| {
        let entries =
            (0..days).map(|day| entry(format!("events/dt=2026-11-23/cluster=hz-prod-02/{day:060}.parquet"), day));
        let mut catalogue = Catalogue::default();
        catalogue.days.extend(entries.map(|entry| (entry.path.clone(), entry)));
        catalogue
    };
    let hot = Arc::new(Hot::from([("u1".to_owned(), Micros(9_000 * DAY))]));
    let most = ColdSize { files: 2_000, rows: 0, bytes: u64::MAX };
    let plan =
        |place: Place, days: i64| Cold::plan(place, (&catalogue_of(days), &hot), None, &[Between::ALL], most).unwrap();
    let bucket = || Place::Bucket("beidou_archive".into());
    for (days, fits) in [(1, true), (500, true), (900, true), (1_100, false), (2_000, false)] {
        let plan = plan(bucket(), days);
        assert_eq!(plan.check().is_ok(), fits, "{days} files: {:?}", plan.most());
        assert_eq!(plan.all().len() as u64 <= MOST_TEXT, fits, "{days} files");
    }
    assert_eq!(plan(Place::Folder(Path::new("/archive").into()), 2_000).most().files, 2_000);
}

#[test]
fn what_lies_between_two_ranges_is_not_read() {
    let mut catalogue = Catalogue::default();
    let entries = (0..9).map(|day| entry(format!("events/{day}"), day));
    catalogue.days.extend(entries.map(|entry| (entry.path.clone(), entry)));
    let hot = Arc::new(Hot::from([("u1".to_owned(), Micros(9 * DAY))]));
    let day = |day: i64| Between { from: Micros(day * DAY), until: Micros((day + 1) * DAY) };
    let read = |ranges: &[Between]| -> Vec<String> {
        let place = Place::Folder(Path::new("/archive").into());
        let plan = Cold::plan(place, (&catalogue, &hot), None, ranges, MOST);
        plan.into_iter().flat_map(|plan| plan.files).map(|file| file.path).collect()
    };
    assert_eq!(read(&[day(1), day(7)]), ["events/1", "events/7"]);
    assert_eq!(read(&[day(9), day(10)]), [""; 0]);
}

#[test]
fn paths_that_the_engine_would_take_apart_are_refused() {
    for (path, fits) in [("/var/lib/the archive's", true), ("/a/{b", false), ("/a*", false), ("/a,b", false)] {
        assert_eq!(can_be_named(Path::new(path)), fits, "{path}");
    }
}

#[test]
fn what_must_be_copied_first_is_bounded_for_who_does_not_wait() {
    let folder = tempfile::tempdir().unwrap();
    let shelf = Shelf::new(crate::archive::Archive::in_memory(), folder.path().into(), u64::MAX);
    let large = |path: &str| ColdFile { bytes: MOST_TO_COPY, ..file(path, "u1", 1) };
    let local = Cold { most: ColdSize { bytes: u64::MAX, ..MOST }, ..cold(vec![large("a"), large("b")], &[("u1", 3)]) };
    assert!(local.check_near().is_ok(), "a folder is read where it is");
    let far = Cold { place: Place::Copies(shelf), ..local };
    assert!(far.check().is_ok() && matches!(far.check_near(), Err(QueryError::TooCold { .. })));
    std::fs::write(folder.path().join("b"), "").unwrap();
    assert!(far.check_near().is_ok(), "one of them is there");
}

#[test]
fn what_was_read_before_counts_for_the_bounds_of_a_list() {
    let all = cold((0..9).map(|day| file(&format!("events/{day}"), "u1", day)).collect(), &[("u1", 9)]);
    assert!(matches!(all.check(), Err(QueryError::TooCold { needed: ColdSize { files: 9, bytes: 90, .. }, .. })));
    let half = all.within(Between { from: Micros(0), until: Micros(5 * DAY) }).unwrap();
    let rest = all.within(Between { from: Micros(5 * DAY), until: Micros(9 * DAY) }).unwrap();
    assert!(half.check_next().is_ok());
    half.note_read();
    assert!(half.check_next().is_ok(), "files that were read count once");
    assert!(rest.check_next().is_err());
    assert_eq!(all.read(), ColdSize { files: 5, rows: 15, bytes: 50 });
}

#[test]
fn a_long_time_with_large_days_and_a_long_one_with_none_are_parted_in_no_time() {
    let large = |day| ColdFile { bytes: MOST.bytes, ..file(&format!("events/{day}"), "u1", day) };
    let days = 20_000;
    let files = (days - 70..days).map(large).chain([file("events/old", "u1", 5_000)]).collect();
    let all = cold(files, &[("u1", days)]);
    let parts = all.newest_first(Between::ALL);
    let read: usize = parts.iter().filter_map(|(_, cold)| cold.as_ref()).map(|cold| cold.files.len()).sum();
    assert_eq!((read, parts.last().unwrap().0.from), (71, Micros(0)));
    assert!(parts.len() < 120, "one for each large day, few for what is between and before: {}", parts.len());
}

proptest! {
    #[test]
    fn the_parts_of_a_list_are_its_range_and_have_all_its_files(
        from in 0i64..12 * 24, hours in 1i64..300, days in prop::collection::btree_set(0i64..9, 1..9), bound in 9i64..12,
    ) {
        let hour = DAY / 24;
        let range = Between { from: Micros(from * hour), until: Micros((from + hours) * hour) };
        let files: Vec<_> = days.iter().map(|day| file(&format!("events/{day}"), "u1", *day)).collect();
        let all = cold(files, &[("u1", bound), ("u2", 20)]);
        let parts = all.newest_first(range);
        let mut until = range.until;
        for (part, cold) in &parts {
            prop_assert_eq!(part.until, until);
            prop_assert!(part.from < part.until);
            let expected = all.within(*part).map(|cold| cold.files);
            prop_assert_eq!(cold.as_ref().map(|cold| cold.files.clone()), expected);
            let of_one_day = part.until.0 - part.from.0 <= DAY;
            prop_assert!(of_one_day || cold.as_ref().is_none_or(|cold| cold.size().bytes <= MOST.bytes / PARTS));
            until = part.from;
        }
        prop_assert_eq!(until, range.from);
    }
}
