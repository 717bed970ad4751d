//! `GET /api/v1/space`: what tables, archive and log take, and when the disk is full.

use axum::Json;
use beidou_schemas::Micros;
use beidou_store::{archive::Held, query::space::TableSpace};
use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    app::{Ask, now},
    problem::{Problem, ProblemBody},
    space::{Measured, measure},
};

/// What everything takes.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Space)]
pub(crate) struct SpaceAnswer {
    /// The tables, by name.
    tables: Vec<TableItem>,
    /// The archive; null where there is none, or what it takes is not known.
    archive: Option<ArchiveItem>,
    /// Why it is not known.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    archive_unknown: Option<&'static str>,
    /// The log, by topic; empty where the log cannot tell.
    log: Vec<TopicItem>,
    /// Disks of the store.
    disks: Vec<DiskItem>,
    /// What a day adds; null where that is not known.
    growth: Option<GrowthItem>,
    /// Why it is not known.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    growth_unknown: Option<&'static str>,
}

/// A table, in bytes on disk.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct TableItem {
    /// Its name.
    table: String,
    /// Its rows.
    rows: u64,
    /// Parts on disk.
    parts: u64,
    /// All of it: columns, indexes, roll-ups, marks.
    bytes: u64,
    /// Columns, compressed.
    data_bytes: u64,
    /// The key and the skipping indexes.
    index_bytes: u64,
    /// Roll-ups.
    projection_bytes: u64,
    /// Parts that were replaced, and go within minutes; not in `bytes`.
    outdated_bytes: u64,
}

/// The archive.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ArchiveItem {
    /// All of it.
    bytes: u64,
    /// Files of a cluster's day.
    days: FilesItem,
    /// Files of a range of the log, not compacted yet.
    ranges: FilesItem,
}

/// Files.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct FilesItem {
    /// So many.
    files: u64,
    /// Their bytes.
    bytes: u64,
    /// Their rows; null where only the files themselves say it.
    rows: Option<u64>,
}

/// A topic of the log.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct TopicItem {
    /// Its name.
    topic: &'static str,
    /// What it takes.
    bytes: u64,
    /// What it takes at most; 0 where nothing of it ever goes.
    most_bytes: u64,
}

/// A disk of the store; with the embedded engine it is that of the data directory.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct DiskItem {
    /// Its name in the store.
    disk: String,
    /// What can be written.
    free_bytes: u64,
    /// Its size.
    total_bytes: u64,
}

/// What a day adds: the rows of the last 24 full hours by the Events' own time, at what a row takes.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct GrowthItem {
    /// Rows.
    rows_per_day: u64,
    /// Bytes of the tables, and of the archive where it lies on the store's disk.
    bytes_per_day: u64,
    /// When the fullest disk is full at this rate, the log being as large as it may get; null where nothing is added.
    /// Retention is not taken into account.
    #[schema(value_type = Option<String>, format = DateTime)]
    full_at: Option<Micros>,
}

/// What tables, archive and log take on disk, what a day adds, and when the disk is full. The same is in `/metrics`.
#[utoipa::path(
    get, path = "/api/v1/space", tag = "Process",
    responses((status = 200, body = SpaceAnswer), (status = "default", body = ProblemBody, content_type = "application/problem+json")),
    security(("token" = []))
)]
pub(super) async fn space(ask: Ask) -> Result<Json<SpaceAnswer>, Problem> {
    ask.params(&[])?;
    Ok(Json(answer(measure(&ask.app, &ask.reader, now()).await?)))
}

fn answer(measured: Measured) -> SpaceAnswer {
    let files = |held: Held| FilesItem { files: held.files, bytes: held.bytes, rows: held.rows };
    let (archive, archive_unknown) = match measured.archive.transpose() {
        Ok(archive) => (archive, None),
        Err(why) => (None, Some(why)),
    };
    let archive = archive.map(|(days, ranges)| ArchiveItem {
        bytes: days.bytes + ranges.bytes,
        days: files(days),
        ranges: files(ranges),
    });
    let log = measured.log.iter().map(|(topic, space)| TopicItem {
        topic: topic.name(),
        bytes: space.bytes,
        // 0 says it in JSON, which has no number as large.
        most_bytes: if space.most_bytes == u64::MAX { 0 } else { space.most_bytes },
    });
    let disks = measured.disks.into_iter().map(|disk| DiskItem {
        disk: disk.disk,
        free_bytes: disk.free_bytes,
        total_bytes: disk.total_bytes,
    });
    SpaceAnswer {
        tables: measured.tables.into_iter().map(table).collect(),
        archive,
        archive_unknown,
        log: log.collect(),
        disks: disks.collect(),
        growth: measured.growth.ok().map(|growth| GrowthItem {
            rows_per_day: growth.rows,
            bytes_per_day: growth.bytes,
            full_at: growth.full_at,
        }),
        growth_unknown: measured.growth.err(),
    }
}

fn table(space: TableSpace) -> TableItem {
    TableItem {
        table: space.table,
        rows: space.rows,
        parts: space.parts,
        bytes: space.bytes,
        data_bytes: space.data_bytes,
        index_bytes: space.index_bytes,
        projection_bytes: space.projection_bytes,
        outdated_bytes: space.outdated_bytes,
    }
}
