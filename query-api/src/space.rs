//! How much room everything takes, how much there is, and when it is full: measured when asked, told to `/metrics` at most
//! once a minute.
//!
//! ```text
//!  store: tables, disks, rows of a day ─┐
//!  archive: catalogue ──────────────────┼─► Measured ─► /api/v1/space, gauges
//!  log: bytes of each topic ────────────┘
//! ```
//!
//! Growth is the rows of the last full day, by the Events' own time, times what a row takes in tables, and in an archive that
//! lies on their disk. The log grows up to its bounds, and so counts with what it may still take. An archive that is away or slow
//! hides nothing else.

mod archived;

use std::{
    sync::atomic::{AtomicI64, AtomicU64},
    time::{Duration, Instant},
};

use beidou_log::TopicSpace;
use beidou_schemas::{
    Micros, Topic,
    time::{DAY, SECOND},
};
use beidou_service::Metrics;
use beidou_store::{
    archive::{Archive, Held},
    query::{
        Caller, Reader,
        space::{DiskSpace, Lately, TableSpace},
    },
};
use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{family::Family, gauge::Gauge},
    registry::Unit,
};
use tokio::sync::Mutex;

use self::archived::{Archived, Both};
use crate::{app::App, problem::Problem};

/// Gauges are this old at most, and no scraper makes us look more often: a look costs the store a few milliseconds.
const REFRESH_EVERY: Duration = Duration::from_secs(60);
/// A scraper waits ten seconds; gauges stay as they are where the store takes longer than this.
const REFRESH_LIMIT: Duration = Duration::from_secs(5);
/// The table of Events: the one that grows with the rows of the archive.
const EVENTS: &str = "kube_event";

/// What is known of the room.
#[derive(Debug, Clone)]
pub(crate) struct Measured {
    pub tables: Vec<TableSpace>,
    pub disks: Vec<DiskSpace>,
    /// Day files and range files, or why they are not known; `None` where there is no archive.
    pub archive: Option<Result<(Held, Held), &'static str>>,
    /// Topics whose size the log can tell.
    pub log: Vec<(Topic, TopicSpace)>,
    pub growth: Result<Growth, &'static str>,
}

/// What a day adds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Growth {
    /// Rows of the last 24 full hours.
    pub rows: u64,
    /// What they take on the store's disk.
    pub bytes: u64,
    /// When the fullest disk is full at this rate; `None` where it does not grow, or beyond the year 2200.
    pub full_at: Option<Micros>,
}

/// Measures, and keeps the gauges.
pub(crate) struct Space {
    archived: Option<Archived>,
    gauges: Gauges,
    refreshed: Mutex<Refreshed>,
}

/// How the gauges were brought up to date last.
#[derive(Debug, Default)]
struct Refreshed {
    at: Option<Instant>,
    /// Whether it was told that they stay as they are.
    told: bool,
}

impl Space {
    pub(crate) fn new(archive: Option<Archive>, metrics: &Metrics) -> Self {
        let archived = archive.map(Archived::new);
        Self { archived, gauges: Gauges::register(metrics), refreshed: Mutex::default() }
    }
}

/// Measures now.
pub(crate) async fn measure(app: &App, reader: &Reader, now: Micros) -> Result<Measured, Problem> {
    let archived = app.space.archived.as_ref();
    let in_archive = async {
        let Some(archived) = archived else { return Ok(None) };
        Ok::<_, Problem>(Some(archived.held().await))
    };
    let in_store = async { Ok(tokio::try_join!(reader.tables(), reader.disks(), reader.lately())?) };
    let in_log = async {
        let mut log = Vec::new();
        for &topic in Topic::ALL {
            log.extend(app.log.space(topic).await?.map(|space| (topic, space)));
        }
        Ok(log)
    };
    let ((tables, disks, lately), archive, log) = tokio::try_join!(in_store, in_archive, in_log)?;
    let fills_disk = match archived {
        Some(archived) => archived.is_on(&disks).await,
        None => false,
    };
    // What is not known now goes by what it was.
    let last = archived.filter(|_| fills_disk).map(|all| all.last().ok_or("the archive has not been read yet"));
    let growth = last.transpose().and_then(|archive| growth(&tables, archive, &log, &disks, lately, now));
    let measured = Measured { tables, disks, archive, log, growth };
    app.space.gauges.set(&measured);
    Ok(measured)
}

/// Brings the gauges up to date, unless they are young. A store that is away leaves them as they are.
pub(crate) async fn refresh(app: &App) {
    let mut refreshed = app.space.refreshed.lock().await;
    if refreshed.at.is_some_and(|at| at.elapsed() < REFRESH_EVERY) {
        return;
    }
    refreshed.at = Some(Instant::now());
    let reader = app.reader(Caller { request_id: "space".into(), subject: "metrics".into() });
    let (why, cause) = match tokio::time::timeout(REFRESH_LIMIT, measure(app, &reader, crate::app::now())).await {
        Ok(Ok(_)) => {
            refreshed.told = false;
            return;
        }
        Ok(Err(problem)) => (problem.detail, problem.cause),
        Err(_) => ("the store does not answer in time".into(), String::new()),
    };
    if !std::mem::replace(&mut refreshed.told, true) {
        tracing::warn!(why, cause, "space is not measured: its gauges stay as they are");
    }
}

/// What a day adds, if a day is known.
fn growth(
    tables: &[TableSpace],
    archive: Option<Both>,
    log: &[(Topic, TopicSpace)],
    disks: &[DiskSpace],
    lately: Lately,
    now: Micros,
) -> Result<Growth, &'static str> {
    let events = tables.iter().find(|table| table.table == EVENTS).filter(|table| table.rows > 0);
    let Some(events) = events else { return Err("there are no Events yet") };
    if lately.this_hour - lately.first_hour < DAY / SECOND {
        return Err("there is less than a day of Events");
    }
    let share = |bytes: u64, rows: u64| (u128::from(bytes) * u128::from(lately.rows) / u128::from(rows)) as u64;
    let in_archive = archive.map_or(0, |(days, ranges)| match days.rows {
        // Where rows leave the tables, the archive has many more of them.
        Some(rows) if rows > 0 => share(days.bytes, rows),
        // Before the first compaction it has what the table has.
        Some(_) | None => share(days.bytes + ranges.bytes, events.rows),
    });
    let bytes = share(events.bytes, events.rows) + in_archive;
    let log_may_add: u64 = log
        .iter()
        .filter(|(_, space)| space.most_bytes < u64::MAX)
        .map(|(_, space)| space.most_bytes.saturating_sub(space.bytes))
        .sum();
    let free = disks.iter().map(|disk| disk.free_bytes).min().unwrap_or(0).saturating_sub(log_may_add);
    let full_at = (bytes > 0).then(|| i128::from(now.0) + i128::from(free) * i128::from(DAY) / i128::from(bytes));
    let full_at = full_at.and_then(|at| i64::try_from(at).ok()).map(Micros).filter(|at| at.in_column());
    Ok(Growth { rows: lately.rows, bytes, full_at })
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Named {
    name: String,
}

type Bytes = Family<Named, Gauge<u64, AtomicU64>>;

#[derive(Debug, Default)]
struct Gauges {
    tables: Bytes,
    rows: Bytes,
    archive: Bytes,
    log: Bytes,
    free: Bytes,
    growth: Gauge<i64, AtomicI64>,
}

impl Gauges {
    fn register(metrics: &Metrics) -> Self {
        let new = Self::default();
        metrics.register("space", |registry| {
            registry.register_with_unit(
                "table",
                "Size of a table, indexes and roll-ups too",
                Unit::Bytes,
                new.tables.clone(),
            );
            registry.register("table_rows", "Rows of a table", new.rows.clone());
            registry.register_with_unit(
                "archive",
                "Size of the archive's files of days and of ranges",
                Unit::Bytes,
                new.archive.clone(),
            );
            registry.register_with_unit("log", "Size of a topic of the log", Unit::Bytes, new.log.clone());
            registry.register_with_unit(
                "disk_free",
                "What can still be written on a disk of the store",
                Unit::Bytes,
                new.free.clone(),
            );
            let help = "What a day adds to the store's disk; -1 where less than a day is known";
            registry.register_with_unit("growth_per_day", help, Unit::Bytes, new.growth.clone());
        });
        new
    }

    fn set(&self, measured: &Measured) {
        let set = |family: &Bytes, name: &str, value: u64| {
            family.get_or_create(&Named { name: name.into() }).set(value);
        };
        for table in &measured.tables {
            set(&self.tables, &table.table, table.bytes);
            set(&self.rows, &table.table, table.rows);
        }
        if let Some(Ok((days, ranges))) = measured.archive {
            set(&self.archive, "days", days.bytes);
            set(&self.archive, "ranges", ranges.bytes);
        }
        measured.log.iter().for_each(|(topic, space)| set(&self.log, topic.name(), space.bytes));
        measured.disks.iter().for_each(|disk| set(&self.free, &disk.disk, disk.free_bytes));
        self.growth.set(measured.growth.map_or(-1, |growth| i64::try_from(growth.bytes).unwrap_or(i64::MAX)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn growth_needs_a_day_and_tells_when_the_disk_is_full() {
        let table = |rows, bytes| TableSpace {
            table: EVENTS.into(),
            rows,
            parts: 1,
            bytes,
            data_bytes: 0,
            index_bytes: 0,
            projection_bytes: 0,
            outdated_bytes: 0,
        };
        let held = |bytes| Held { files: 1, bytes, rows: None };
        let disk =
            |free_bytes| DiskSpace { disk: "default".into(), path: "/".into(), free_bytes, total_bytes: 1 << 40 };
        let log = [(Topic::KubeEvent, TopicSpace { bytes: 10, most_bytes: 1010 })];
        let lately = |hours: i64| Lately { rows: 250, first_hour: 3600 * 1000, this_hour: 3600 * (1000 + hours) };
        let asked = |table: TableSpace, hours| {
            let archive = Some((held(3000), held(1000)));
            growth(&[table], archive, &log, &[disk(99_000), disk(7000)], lately(hours), Micros(5))
        };
        assert!(asked(table(0, 0), 99).is_err());
        assert!(asked(table(1000, 8000), 23).is_err());
        // 2000 bytes of the table and 1000 of the archive; 6000 are free once the log is as large as it gets.
        let found = asked(table(1000, 8000), 24).unwrap();
        assert_eq!(found, Growth { rows: 250, bytes: 3000, full_at: Some(Micros(5 + 2 * DAY)) });
        // What has left the table is in the archive alone: its bytes are shared by its own rows.
        let more = Some((Held { rows: Some(6000), ..held(3000) }, held(1000)));
        let found = growth(&[table(1000, 8000)], more, &log, &[disk(7000)], lately(24), Micros(5)).unwrap();
        assert_eq!(found.bytes, 2000 + 125);
        let never = growth(&[table(1000, 0)], None, &[], &[disk(1)], lately(24), Micros(5)).unwrap();
        assert_eq!(never.full_at, None);
    }
}
