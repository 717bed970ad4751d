//! Questions that reach behind what the table holds: its rows and those of the archive's files of days, as one table.
//!
//! ```text
//!  bounds, catalogue ──plan──► Cold: the files that can hold the range, and where each cluster's rows part
//!
//!  kube_event, from the bound on              ─┐
//!  kube_event, before it, not in a file yet   ─┼─ UNION ALL ─► kube_event_all: what the question reads in place of kube_event
//!  the files, by the engine's own reader      ─┘
//! ```
//!
//! What holds:
//! - Each row is read once. A row from before its cluster's bound is read from a file where a file of days covers its place in
//!   the log, else from the table; all other rows are read from the table.
//! - Files are named one by one by us, out of the catalogue; a caller's text never comes near a path.
//! - A plan is of one generation of the archive and of one set of bounds. Files go, and rows leave the table, only after a new
//!   generation or bound is noted: an answer counts where both still are after it what they were before.

mod place;

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, OnceLock, PoisonError},
};

use beidou_schemas::{
    Micros,
    archive::{FileEntry, FileNote, PartitionRange},
    ddl::MIGRATIONS,
    time::DAY,
};

pub use self::place::{Place, can_be_named};
use super::{Between, QueryError, Reader, statement::Statement};
use crate::{
    archive::{Catalogue, Pins, Wanted},
    audit::covered_by,
    hot::{BOUNDS, BoundRow, Hot, before},
};

/// The table of Events in statements of ours.
const TABLE: &str = "FROM kube_event";
/// What they read in its place.
const ALL: &str = "FROM kube_event_all";
/// As the table has it; files have its number.
const FOUND_BY: &str =
    "CAST(found_by, 'Enum8(\\'watch\\' = 1, \\'list\\' = 2, \\'seed\\' = 3, \\'import\\' = 4)') AS found_by";
/// Folders name day and cluster, which the files know themselves. Rows of files come in no order: what does not fit is sorted
/// and counted on disk.
pub(super) const SETTINGS: [(&str, &str); 3] = [
    ("use_hive_partitioning", "0"),
    ("max_bytes_before_external_sort", "250000000"),
    ("max_bytes_before_external_group_by", "250000000"),
];
/// A part of a list takes at most this share of what a question may read, unless a single day takes more.
const PARTS: u64 = 8;
/// A bucket brings so much in a second or two.
const MOST_TO_COPY: u64 = 128 << 20;
/// More clusters than a site has.
const MOST_CLUSTERS: u64 = 100_000;
/// A ClickHouse server takes no field of a form above 128 KiB (`http_max_field_value_size`), and a statement with values is one; this
/// much of it may be what table and files are read by, the rest is the question's.
const MOST_TEXT: u64 = 112 << 10;

/// A file of the archive that a question needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ColdFile {
    /// Where it is in the archive.
    pub path: String,
    /// The cluster of all its rows.
    pub cluster_uid: String,
    /// Its rows.
    pub rows: u64,
    /// Its size.
    pub bytes: u64,
    /// Its SHA-256, hexadecimal; empty where its manifest is lost.
    pub sha256: String,
    /// The time of its first row.
    pub from: Micros,
    /// The time of its last row.
    pub to: Micros,
}

/// Files, and what they hold.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ColdSize {
    /// Files.
    pub files: u64,
    /// Their rows.
    pub rows: u64,
    /// Their bytes.
    pub bytes: u64,
}

impl ColdSize {
    fn with(self, file: &ColdFile) -> Self {
        Self { files: self.files + 1, rows: self.rows + file.rows, bytes: self.bytes + file.bytes }
    }

    /// Whether this has more files or bytes; rows are not bounded.
    fn exceeds(self, most: Self) -> bool {
        self.files > most.files || self.bytes > most.bytes
    }
}

/// What a question needs of the archive. Copies know together what was read of it.
#[derive(Debug, Clone)]
pub struct Cold {
    place: Place,
    files: Vec<ColdFile>,
    hot: Arc<Hot>,
    covered: Arc<[PartitionRange]>,
    generation: u64,
    most: ColdSize,
    pins: OnceLock<Arc<Pins>>,
    read: Arc<Mutex<BTreeMap<String, (u64, u64)>>>,
}

impl Cold {
    /// The files that can hold rows of these ranges and these clusters, which the table is not asked for; `None` where there are
    /// none, so that the table alone has all.
    pub fn plan(
        place: Place,
        (catalogue, hot): (&Catalogue, &Arc<Hot>),
        clusters: Option<&[String]>,
        ranges: &[Between],
        most: ColdSize,
    ) -> Option<Self> {
        let asked = |uid: &String| clusters.is_none_or(|clusters| clusters.contains(uid));
        let is_cold = |entry: &&FileEntry| {
            let bound = hot.get(&entry.cluster_uid).filter(|_| asked(&entry.cluster_uid));
            bound.is_some_and(|bound| entry.note.min_time < *bound)
        };
        let touches =
            |note: &FileNote| ranges.iter().any(|range| note.min_time < range.until && range.from <= note.max_time);
        let cold = catalogue.days.values().filter(is_cold);
        let files: Vec<ColdFile> = cold.filter(|entry| touches(&entry.note)).map(ColdFile::of).collect();
        let plan = (!files.is_empty()).then(|| Self {
            place,
            files,
            pins: OnceLock::new(),
            hot: hot.clone(),
            covered: catalogue.covered_by_days().into(),
            generation: catalogue.generation,
            most,
            read: Arc::default(),
        });
        plan.map(Self::in_one_statement)
    }

    /// Of a bucket that a server reads, a question takes no more files than one statement can name.
    fn in_one_statement(mut self) -> Self {
        if let Place::Bucket(_) = self.place {
            let (text, files) = (self.all().len() as u64, self.files.len() as u64);
            self.most.files = self.most.files.min(MOST_TEXT * files / text);
        }
        self
    }

    /// The files.
    pub fn files(&self) -> &[ColdFile] {
        &self.files
    }

    /// What it may read.
    pub fn most(&self) -> ColdSize {
        self.most
    }

    /// What all its files hold.
    pub fn size(&self) -> ColdSize {
        self.files.iter().fold(ColdSize::default(), ColdSize::with)
    }

    /// # Errors
    /// Where all its files are more than one question may read.
    pub fn check(&self) -> Result<(), QueryError> {
        let (needed, most) = (self.size(), self.most);
        if needed.exceeds(most) { Err(QueryError::TooCold { needed, most }) } else { Ok(()) }
    }

    /// The same for a question that somebody asks while a pointer moves.
    ///
    /// # Errors
    /// As of [`Cold::check`], and where more is still to be copied from a bucket than anybody waits for.
    pub fn check_near(&self) -> Result<(), QueryError> {
        self.check()?;
        let (needed, most) = (self.to_copy(), ColdSize { bytes: MOST_TO_COPY, ..self.most });
        if needed.exceeds(most) { Err(QueryError::TooCold { needed, most }) } else { Ok(()) }
    }

    /// What is not yet where the engine reads it.
    fn to_copy(&self) -> ColdSize {
        let Place::Copies(shelf) = &self.place else { return ColdSize::default() };
        let missing = self.files.iter().filter(|file| !shelf.folder().join(&file.path).is_file());
        missing.fold(ColdSize::default(), ColdSize::with)
    }

    /// # Errors
    /// Where what was read and these files are together more than one question may read.
    pub(super) fn check_next(&self) -> Result<(), QueryError> {
        let read = self.read.lock().unwrap_or_else(PoisonError::into_inner);
        let size =
            |sum: ColdSize, (_, bytes): &(u64, u64)| ColdSize { files: sum.files + 1, bytes: sum.bytes + bytes, ..sum };
        let before = read.values().fold(ColdSize::default(), size);
        let new = self.files.iter().filter(|file| !read.contains_key(&file.path));
        let (needed, most) = (new.fold(before, ColdSize::with), self.most);
        if needed.exceeds(most) { Err(QueryError::TooCold { needed, most }) } else { Ok(()) }
    }

    /// What the files hold that statements were sent for so far. Of a file the engine reads what it needs.
    pub fn read(&self) -> ColdSize {
        let read = self.read.lock().unwrap_or_else(PoisonError::into_inner);
        let (rows, bytes) = read.values().fold((0, 0), |sum, of| (sum.0 + of.0, sum.1 + of.1));
        ColdSize { files: read.len() as u64, rows, bytes }
    }

    /// The generation of the archive that it is of.
    pub fn generation(&self) -> u64 {
        self.generation
    }

    /// The bounds that it is of.
    pub fn hot(&self) -> &Hot {
        &self.hot
    }

    /// The ranges of one list, newest first, and what each needs: what the table has alone, then the files, a few days at a
    /// time, so that a page that is full early reads no more.
    pub(super) fn newest_first(&self, range: Between) -> Vec<(Between, Option<Self>)> {
        let clusters: std::collections::BTreeSet<_> = self.files.iter().map(|file| &file.cluster_uid).collect();
        let bounds = self.hot.iter().filter(|(uid, _)| clusters.contains(uid)).map(|(_, bound)| *bound);
        let mut until = range.until;
        let mut parts = Vec::new();
        let edge = bounds.max().unwrap_or(range.from).max(range.from);
        if edge < until {
            parts.push((Between { from: edge, until }, None));
            until = edge;
        }
        let mut days: i64 = 1;
        while range.from < until {
            let rest = Between { from: range.from, until };
            // Before the oldest file there is nothing to read a few days at a time.
            let part = if self.size_of(rest).files == 0 { rest } else { self.newest_days(rest, days) };
            parts.push((part, self.within(part)));
            (until, days) = (part.from, days.saturating_mul(2));
        }
        parts
    }

    /// The last days of a range, at most so many; fewer where their files are large.
    fn newest_days(&self, range: Between, days: i64) -> Between {
        let last = Micros((range.until.0 - 1).div_euclid(DAY) * DAY);
        let begin = |back: i64| Between { from: last.plus(-back * DAY).max(range.from), ..range };
        let is_small = |back: &i64| {
            let ColdSize { files, rows: _, bytes } = self.size_of(begin(*back));
            files <= self.most.files / PARTS && bytes <= self.most.bytes / PARTS
        };
        // Behind the begin of the range there are no days, however many may be read.
        let all = (range.until.0 - range.from.0) / DAY + 2;
        begin((1..days.min(all)).take_while(is_small).last().unwrap_or(0))
    }

    fn files_in(&self, range: Between) -> impl Iterator<Item = &ColdFile> {
        self.files.iter().filter(move |file| file.from < range.until && range.from <= file.to)
    }

    fn size_of(&self, range: Between) -> ColdSize {
        self.files_in(range).fold(ColdSize::default(), ColdSize::with)
    }

    fn within(&self, range: Between) -> Option<Self> {
        let files: Vec<_> = self.files_in(range).cloned().collect();
        (!files.is_empty()).then(|| Self { files, pins: OnceLock::new(), ..self.clone() })
    }

    /// Returns when the engine finds all its files.
    ///
    /// # Errors
    /// When one is missing, or cannot be copied.
    pub async fn bring(&self) -> Result<(), QueryError> {
        match &self.place {
            Place::Folder(folder) => {
                // The engine passes over a file that is not there.
                let missing = self.files.iter().find(|file| !folder.join(&file.path).is_file());
                missing.map_or(Ok(()), |file| Err(QueryError::NoFile { path: file.path.clone() }))
            }
            Place::Copies(shelf) => {
                // For as long as this lasts.
                self.pins.get_or_init(|| Arc::new(shelf.pin(self.files.iter().map(|file| file.path.clone()))));
                let wanted = |file: &ColdFile| Wanted {
                    path: file.path.clone(),
                    bytes: file.bytes,
                    sha256: file.sha256.clone(),
                };
                let wanted: Vec<_> = self.files.iter().map(wanted).collect();
                shelf.bring(&wanted).await.map_err(|error| QueryError::Archive(Box::new(error)))
            }
            // The server fails where one is missing (`s3_ignore_file_doesnt_exist` is off).
            Place::Bucket(_) => Ok(()),
        }
    }

    /// Notes that a statement over it is sent.
    pub(super) fn note_read(&self) {
        let mut read = self.read.lock().unwrap_or_else(PoisonError::into_inner);
        read.extend(self.files.iter().map(|file| (file.path.clone(), (file.rows, file.bytes))));
    }

    /// The same statement over table and files. Its text is ours: what a caller wrote are parameters.
    pub(super) fn spread(&self, sql: &str) -> String {
        let mut spread = String::new();
        for (place, part) in sql.split(TABLE).enumerate() {
            if place > 0 {
                let is_longer = part.starts_with(|next: char| next.is_ascii_alphanumeric() || next == '_');
                spread.push_str(if is_longer { TABLE } else { ALL });
            }
            spread.push_str(part);
        }
        // A question mark in a text of the client library stands for a value.
        let with = self.all().replace('?', "??");
        match spread.strip_prefix("WITH ") {
            Some(rest) => format!("WITH {with},\n{rest}"),
            None => format!("WITH {with}\n{spread}"),
        }
    }

    fn all(&self) -> String {
        let names = || columns().map(|(name, _)| name).collect::<Vec<_>>().join(", ");
        let of_file = |name: &'static str| if name == "found_by" { FOUND_BY } else { name };
        let from_file: Vec<_> = columns().map(|(name, _)| of_file(name)).collect();
        let below = before(&self.bounds());
        let mut parts = vec![
            format!("    SELECT {} FROM kube_event WHERE NOT ({below})", names()),
            format!("    SELECT {} FROM kube_event WHERE ({below}) AND NOT ({})", names(), covered_by(&self.covered)),
        ];
        let from_file = from_file.join(", ");
        for source in self.sources() {
            parts.push(format!("    SELECT {from_file} FROM {source}"));
        }
        format!("kube_event_all AS\n(\n{}\n)", parts.join("\n    UNION ALL\n"))
    }

    /// The bounds of clusters that have files here.
    fn bounds(&self) -> Hot {
        let of = |file: &ColdFile| Some((file.cluster_uid.clone(), *self.hot.get(&file.cluster_uid)?));
        self.files.iter().filter_map(of).collect()
    }

    /// The files as the engine reads them.
    fn sources(&self) -> Vec<String> {
        let structure = columns().map(|(name, of_type)| format!("{name} {of_type}")).collect::<Vec<_>>().join(", ");
        let paths: Vec<&str> = self.files.iter().map(|file| file.path.as_str()).collect();
        self.place.sources(&paths, &structure)
    }
}

impl ColdFile {
    fn of(entry: &FileEntry) -> Self {
        Self {
            path: entry.path.clone(),
            cluster_uid: entry.cluster_uid.clone(),
            rows: entry.note.rows,
            bytes: entry.bytes,
            sha256: entry.sha256.clone(),
            from: entry.note.min_time,
            to: entry.note.max_time,
        }
    }
}

/// The columns of the table with their types, as files have them.
fn columns() -> impl Iterator<Item = (&'static str, &'static str)> {
    MIGRATIONS[0].columns().map(|(name, definition)| match name {
        "found_by" => (name, "Int8"),
        _ => (name, type_of(definition)),
    })
}

/// The type at the begin of a column's definition.
fn type_of(definition: &'static str) -> &'static str {
    let mut depth = 0;
    let end = definition.find(|c: char| {
        match c {
            '(' => depth += 1,
            ')' => depth -= 1,
            _ => {}
        }
        c == ' ' && depth == 0
    });
    &definition[..end.unwrap_or(definition.len())]
}

impl Reader {
    /// Where the table of Events ends, by cluster uid; clusters of which it has all are not among them.
    ///
    /// # Errors
    /// When the store gives no answer.
    pub async fn hot(&self) -> Result<Hot, QueryError> {
        let rows: Vec<BoundRow> = self.over(None).all(Statement::new(BOUNDS), MOST_CLUSTERS).await?;
        Ok(rows.into_iter().map(|row| (row.cluster_uid, Micros(row.hot_from))).collect())
    }
}

#[cfg(test)]
mod tests;
