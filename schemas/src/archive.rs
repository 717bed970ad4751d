//! The archive's own formats: where files lie, and the manifest that says which of them count.
//!
//! ```text
//!  events/range/p0003/<from>-<to>.parquet                rows of one range of one log partition, as they were projected
//!  events/dt=2026-11-23/cluster=<name>/<generation>-<n>-<tag>.parquet      the same rows by day and cluster, compacted
//!  events/manifest/<generation>.json                     what a compaction added and removed, and the hash of the one before
//! ```
//!
//! What is kept of operations lies below `operations/` in the same way: [`Collection`].
//!
//! A range file counts as soon as it is there, until a manifest removes it. A day file counts once a manifest adds it. So
//! a crash at any point of a compaction leaves an archive that reads the same: the manifest decides.

use serde::{Deserialize, Serialize};

use crate::{
    Micros, Offset, Topic, TopicPartition,
    kube_event::RangeHash,
    operation::{FACTS, SAID},
};

/// The key of [`FileNote`] in the key-value metadata of a Parquet file.
pub const NOTE_KEY: &str = "beidou";

/// Rows of one form, with a folder, a catalogue and a chain of manifests of their own.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Collection {
    /// States of Events: rows of `kube_event`.
    #[default]
    Events,
    /// Facts of operations and what runners told: rows of `operation_event`.
    Operations,
}

/// A range of one partition of what a collection is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PartitionRange {
    /// Of the event topic its partition; of operations 0 for facts and 1 for what runners told.
    pub partition: u32,
    /// First offset.
    pub from: Offset,
    /// Behind the last offset.
    pub to: Offset,
}

/// What a Parquet file says of itself: enough to verify it, and to go on without any other file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FileNote {
    /// The form of the rows: grows when a column is added.
    pub schema: u32,
    /// Rows.
    pub rows: u64,
    /// Their hash.
    pub hash: RangeHash,
    /// The log ranges that they come from, sorted, neighbours joined.
    pub ranges: Vec<PartitionRange>,
    /// The Event time of the oldest row.
    pub min_time: Micros,
    /// The Event time of the newest row.
    pub max_time: Micros,
    /// When the last row was observed.
    pub observed: Micros,
}

/// The form of the rows that this version writes.
pub const FILE_SCHEMA: u32 = 1;

/// A file of the archive, as the manifest knows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FileEntry {
    /// Where it is.
    pub path: String,
    /// The day of its rows' Event times, UTC, as `2026-11-23`.
    pub dt: String,
    /// The uid of the cluster.
    pub cluster_uid: String,
    /// The cluster's name when the rows were observed.
    pub cluster: String,
    /// Its size.
    pub bytes: u64,
    /// SHA-256 of the file, hexadecimal.
    pub sha256: String,
    /// What it says of itself.
    pub note: FileNote,
}

/// One generation of the archive: what it adds to the one before and takes from it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// Counted from 1 without holes.
    pub generation: u64,
    /// SHA-256 of the bytes of the manifest before this one, hexadecimal; empty for the first.
    pub previous_sha256: String,
    /// When it was written.
    pub time: Micros,
    /// Day files that count from now on.
    pub added: Vec<FileEntry>,
    /// Files, of ranges or days, that count no longer; they may be gone.
    pub removed: Vec<String>,
}

impl Manifest {
    /// The bytes that are stored, and hashed by the next one.
    pub fn to_json(&self) -> Vec<u8> {
        serde_json::to_vec_pretty(self).expect("a manifest has text keys only")
    }

    /// Reads stored bytes.
    ///
    /// # Errors
    /// When they are not of this form.
    pub fn from_json(json: &[u8]) -> Result<Self, serde_json::Error> {
        serde_json::from_slice(json)
    }
}

impl Collection {
    /// All of them.
    pub const ALL: [Self; 2] = [Self::Events, Self::Operations];

    /// Where the rows of a partition of the log belong, and under which number; `None` for what is not archived.
    pub fn of(source: TopicPartition) -> Option<(Self, u32)> {
        match source.topic {
            Topic::KubeEvent => Some((Self::Events, source.partition)),
            Topic::Operation => Some((Self::Operations, 0)),
            Topic::OperationTask => Some((Self::Operations, 1)),
            Topic::KubeCoverage | Topic::KubeReject | Topic::KubeImport | Topic::Ledger | Topic::Maintenance => None,
            Topic::OperationCommand | Topic::OperationLedger | Topic::OperationDraft => None,
        }
    }

    /// The partitions of the log that its rows come from, in the order of their numbers.
    pub fn sources(self, event_partitions: u32) -> Vec<TopicPartition> {
        match self {
            Self::Events => (0..event_partitions).map(|one| TopicPartition::new(Topic::KubeEvent, one)).collect(),
            Self::Operations => vec![FACTS, SAID],
        }
    }

    /// The folder of everything of it.
    pub fn folder(self) -> &'static str {
        match self {
            Self::Events => "events",
            Self::Operations => "operations",
        }
    }

    /// The folder of range files.
    pub fn ranges(self) -> String {
        format!("{}/range", self.folder())
    }

    /// The folder of manifests.
    pub fn manifests(self) -> String {
        format!("{}/manifest", self.folder())
    }

    /// What rows are sorted by within a row group: those of one object, or one run, stand together, which is what compresses.
    pub fn row_order(self) -> &'static [&'static str] {
        match self {
            Self::Events => {
                &["cluster_uid", "kind", "namespace", "name", "time", "event_uid", "epoch", "resource_version"]
            }
            Self::Operations => &["cluster", "object_id", "time", "source", "attempt", "seq"],
        }
    }

    /// Where the file of a range lies.
    pub fn range_path(self, partition: u32, from: Offset, to: Offset) -> String {
        format!("{}/p{partition:04}/{from:020}-{to:020}.parquet", self.ranges())
    }

    /// The range that a path names; `None` for any other file.
    pub fn parse_range_path(self, path: &str) -> Option<PartitionRange> {
        let (partition, file) = path.strip_prefix(&self.ranges())?.strip_prefix("/p")?.split_once('/')?;
        let (from, to) = file.strip_suffix(".parquet")?.split_once('-')?;
        let range =
            PartitionRange { partition: partition.parse().ok()?, from: from.parse().ok()?, to: to.parse().ok()? };
        // Only the one way to write it.
        (self.range_path(range.partition, range.from, range.to) == path).then_some(range)
    }

    /// The folder of a day's files of one cluster; the caller encodes a name that a path cannot hold.
    pub fn day_folder(self, dt: &str, cluster: &str) -> [String; 3] {
        [self.folder().into(), format!("dt={dt}"), format!("cluster={cluster}")]
    }

    /// The generation that wrote a day file, by its path.
    pub fn day_generation(self, path: &str) -> Option<u64> {
        let (folders, file) = path.rsplit_once('/')?;
        let rest = folders.strip_prefix(self.folder())?.strip_prefix("/dt=")?;
        rest.split_once("/cluster=")?;
        file.strip_suffix(".parquet")?.split('-').next()?.parse().ok()
    }

    /// Where a manifest lies.
    pub fn manifest_path(self, generation: u64) -> String {
        format!("{}/{generation:08}.json", self.manifests())
    }

    /// The generation of a manifest, by its path.
    pub fn manifest_generation(self, path: &str) -> Option<u64> {
        let generation =
            path.strip_prefix(&self.manifests())?.strip_prefix('/')?.strip_suffix(".json")?.parse().ok()?;
        (self.manifest_path(generation) == path).then_some(generation)
    }
}

/// The name of a day file. The tag is the compaction's own, so that two at once do not meet.
pub fn day_file(generation: u64, number: usize, tag: &str) -> String {
    format!("{generation:08}-{number:04}-{tag}.parquet")
}

/// Adds a range to sorted ones; those that touch become one.
pub fn join_range(ranges: &mut Vec<PartitionRange>, range: PartitionRange) {
    ranges.push(range);
    ranges.sort_unstable();
    ranges.dedup_by(|next, before| {
        let touches = next.partition == before.partition && next.from <= before.to;
        if touches {
            before.to = before.to.max(next.to);
        }
        touches
    });
}

#[cfg(test)]
mod tests {
    use super::{Collection::Events, *};

    fn range(partition: u32, from: Offset, to: Offset) -> PartitionRange {
        PartitionRange { partition, from, to }
    }

    fn manifest() -> Manifest {
        let note = FileNote {
            schema: FILE_SCHEMA,
            rows: 9,
            hash: RangeHash(255),
            ranges: vec![range(0, 5, 20), range(3, 0, 7)],
            min_time: Micros(1_795_444_800_000_000),
            max_time: Micros(1_795_444_900_000_001),
            observed: Micros(1_795_444_900_500_000),
        };
        let [events, dt, cluster] = Events.day_folder("2026-11-23", "hz-prod-02");
        let entry = FileEntry {
            path: format!("{events}/{dt}/{cluster}/{}", day_file(2, 1, "5f0c")),
            dt: "2026-11-23".into(),
            cluster_uid: "0f8fad5b-d9cb-469f-a165-70867728950e".into(),
            cluster: "hz-prod-02".into(),
            bytes: 4711,
            sha256: "00ff".into(),
            note,
        };
        let removed = vec![Events.range_path(0, 5, 20), Events.range_path(3, 0, 7)];
        let time = Micros(1_795_500_000_000_000);
        Manifest { generation: 2, previous_sha256: "aa".into(), time, added: vec![entry], removed }
    }

    #[test]
    fn the_manifest_is_golden_and_read_back() {
        insta::assert_snapshot!(String::from_utf8(manifest().to_json()).unwrap());
        assert_eq!(Manifest::from_json(&manifest().to_json()).unwrap(), manifest());
        assert!(Manifest::from_json(br#"{"generation":1,"colour":"red"}"#).is_err());
    }

    #[test]
    fn paths_are_golden_and_read_back() {
        let day = manifest().added[0].path.clone();
        let paths = [Events.range_path(3, 12_345, u64::MAX), day, Events.manifest_path(2)];
        insta::assert_snapshot!(paths.join("\n"));
        assert_eq!(Events.parse_range_path(&paths[0]), Some(range(3, 12_345, u64::MAX)));
        assert_eq!(Events.day_generation(&paths[1]), Some(2));
        assert_eq!(Events.manifest_generation(&paths[2]), Some(2));
        let operation = Collection::Operations.range_path(1, 0, 7);
        assert_eq!(operation, "operations/range/p0001/00000000000000000000-00000000000000000007.parquet");
        assert_eq!(Collection::Operations.parse_range_path(&operation), Some(range(1, 0, 7)));
        let bad = ["", "events/range/p3/1-2.parquet", "events/range/p0003/x", "events/manifest/2.json", "other"];
        for bad in bad.into_iter().chain([&*operation]) {
            assert_eq!(
                (Events.parse_range_path(bad), Events.day_generation(bad), Events.manifest_generation(bad)),
                (None, None, None),
                "{bad}"
            );
        }
    }

    #[test]
    fn ranges_that_touch_become_one() {
        let mut ranges = Vec::new();
        for next in [range(0, 10, 20), range(1, 20, 30), range(0, 30, 40), range(0, 20, 30), range(0, 0, 5)] {
            join_range(&mut ranges, next);
        }
        assert_eq!(ranges, [range(0, 0, 5), range(0, 10, 40), range(1, 20, 30)]);
    }
}
