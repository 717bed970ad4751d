//! The layouts: the columns of `kube_event`, in another order, with other indexes and projections.

use anyhow::Context;
use beidou_schemas::ddl::MIGRATIONS;

/// A layout of the Event table.
#[derive(Debug, Clone, Copy)]
pub struct Layout {
    /// Name of the table.
    pub table: &'static str,
    /// For people.
    pub about: &'static str,
    /// What the key begins with; then come the object, and the identity of the state.
    pub bucket: &'static str,
    /// What finds an object, beside the key: an index or projection.
    pub finder: &'static [&'static str],
    /// Rows between two marks.
    pub granularity: u32,
    /// Whether a look-up table of objects and hours stands beside it.
    pub look_up: bool,
}

const HOUR: &str = "toStartOfHour(time), ";
const QUARTER: &str = "toStartOfFifteenMinutes(time), ";
const FIVE: &str = "toStartOfFiveMinutes(time), ";
/// What all have.
const SHARED: &[&str] = &[
    "INDEX time_range time TYPE minmax GRANULARITY 1",
    "INDEX uid_known event_uid TYPE bloom_filter(0.01) GRANULARITY 4",
    "INDEX offset_range log_offset TYPE minmax GRANULARITY 1",
    "INDEX message_words lower(message) TYPE text(tokenizer = 'splitByNonAlpha')",
];
const OFFSETS: &str = "PROJECTION by_object (SELECT _part_offset ORDER BY cluster_uid, kind, namespace, name)";
const NAMES: &str = "INDEX name_known name TYPE bloom_filter(0.01) GRANULARITY 1";
const PER_MINUTE: &str = "PROJECTION per_minute (SELECT toStartOfMinute(time), cluster_uid, type, count(), \
    sum(occurrences_delta) GROUP BY toStartOfMinute(time), cluster_uid, type)";
const PER_HOUR: &str = "PROJECTION per_hour (SELECT toStartOfHour(time), cluster_uid, cluster, namespace, kind, reason, type, \
    count(), sum(occurrences_delta) GROUP BY toStartOfHour(time), cluster_uid, cluster, namespace, kind, reason, type)";

/// A layout without anything special.
const PLAIN: Layout = Layout { table: "plain", about: "", bucket: "", finder: &[], granularity: 8192, look_up: false };

/// The first is what the others are compared with.
pub const LAYOUTS: &[Layout] = &[
    Layout { table: "object_first", about: "object first", ..PLAIN },
    Layout { table: "hour_offsets", about: "hour first, offsets by object", bucket: HOUR, finder: &[OFFSETS], ..PLAIN },
    Layout { table: "hour_names", about: "hour first, filter of names", bucket: HOUR, finder: &[NAMES], ..PLAIN },
    Layout { table: "hour_look_up", about: "hour first, look-up table", bucket: HOUR, look_up: true, ..PLAIN },
    Layout {
        table: "quarter_8192",
        about: "quarter first, filter of names",
        bucket: QUARTER,
        finder: &[NAMES],
        ..PLAIN
    },
    Layout {
        table: "quarter_4096",
        about: "quarter first, filter of names, marks each 4096 rows",
        bucket: QUARTER,
        finder: &[NAMES],
        granularity: 4096,
        ..PLAIN
    },
    Layout {
        table: "quarter_2048",
        about: "quarter first, filter of names, marks each 2048 rows",
        bucket: QUARTER,
        finder: &[NAMES],
        granularity: 2048,
        ..PLAIN
    },
    Layout {
        table: "five_4096",
        about: "five minutes first, filter of names, marks each 4096 rows",
        bucket: FIVE,
        finder: &[NAMES],
        granularity: 4096,
        ..PLAIN
    },
    Layout {
        table: "rolled_up",
        about: "hour first, filter of names, roll-ups",
        bucket: HOUR,
        finder: &[NAMES, PER_MINUTE, PER_HOUR],
        ..PLAIN
    },
    Layout {
        table: "rolled_up_2048",
        about: "hour first, filter of names, roll-ups, marks each 2048 rows",
        bucket: HOUR,
        finder: &[NAMES, PER_MINUTE, PER_HOUR],
        granularity: 2048,
        ..PLAIN
    },
];

impl Layout {
    /// The statements that make its tables.
    pub fn statements(&self) -> anyhow::Result<Vec<String>> {
        let columns = columns()?;
        let table = self.table;
        let parts: Vec<&str> =
            columns.iter().map(String::as_str).chain(SHARED.iter().chain(self.finder).copied()).collect();
        let main = format!(
            "CREATE TABLE {table} ({}) ENGINE = ReplacingMergeTree PARTITION BY toYYYYMM(time) ORDER BY ({}cluster_uid, kind, namespace, name, event_uid, epoch, resource_version) \
             SETTINGS index_granularity = {}, deduplicate_merge_projection_mode = 'rebuild', fsync_after_insert = 1, \
             fsync_part_directory = 1",
            parts.join(", "),
            self.bucket,
            self.granularity
        );
        if !self.look_up {
            return Ok(vec![main]);
        }
        let key = "cluster_uid, kind, namespace, name, hour";
        let fields = "cluster_uid LowCardinality(String), kind LowCardinality(String), namespace LowCardinality(String), \
                      name String CODEC(ZSTD(1)), hour DateTime('UTC') CODEC(Delta, ZSTD(1))";
        Ok(vec![
            main,
            format!(
                "CREATE TABLE {table}_seen ({fields}) ENGINE = ReplacingMergeTree PARTITION BY toYYYYMM(hour) ORDER BY ({key}) \
                     SETTINGS fsync_after_insert = 1, fsync_part_directory = 1"
            ),
            format!(
                "CREATE MATERIALIZED VIEW {table}_fill TO {table}_seen AS SELECT DISTINCT cluster_uid, kind, namespace, name, \
                     toStartOfHour(time) AS hour FROM {table}"
            ),
        ])
    }

    /// Whether sums are answered from roll-ups.
    pub fn rolled_up(&self) -> bool {
        self.finder.contains(&PER_HOUR)
    }

    /// Its tables, the view first.
    pub fn tables(&self) -> Vec<String> {
        let table = self.table;
        let beside = [format!("{table}_fill"), format!("{table}_seen")];
        beside.into_iter().filter(|_| self.look_up).chain([table.into()]).collect()
    }

    /// The order of lists: by the bucket first, so that the key's order serves it.
    pub fn newest_first(&self) -> String {
        let bucket = self.bucket.replace(", ", " DESC, ");
        format!("ORDER BY {bucket}time DESC, cluster_uid DESC, event_uid DESC, epoch DESC, resource_version DESC")
    }
}

/// The columns of the table, as its migration has them.
pub fn columns() -> anyhow::Result<Vec<String>> {
    let migration = MIGRATIONS.first().context("there is a migration")?;
    Ok(migration.columns().map(|(name, definition)| format!("`{name}` {definition}")).collect())
}

/// The names of the columns.
pub fn names() -> anyhow::Result<String> {
    let migration = MIGRATIONS.first().context("there is a migration")?;
    Ok(migration.columns().map(|(name, _)| format!("`{name}`")).collect::<Vec<_>>().join(", "))
}
