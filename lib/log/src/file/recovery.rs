//! What a writer does before its first append: finds the end of the log, and cuts off a commit that was never finished.
//!
//! ```text
//!  last segment:  [frame][frame][frame][fra            floor = max(durable mark, commit start of any later frame)
//!                 └── durable ───┘     └ torn: cut
//!                        └ damage below the floor: an error, never a cut
//! ```
//!
//! Earlier segments were closed after their last sync; readers check them by their checksums.

use std::{
    fs::{self, File},
    io,
    os::unix::fs::FileExt,
    path::Path,
};

use beidou_schemas::{Offset, TopicPartition};

use super::{
    frame::{BadFrame, FrameHeader, HEADER_BYTES, MAGIC},
    layout::{failed, list_segments, segment_path, sync_dir},
    mark::Mark,
    partition::Spot,
    reader::{damaged, header_at},
    retention::Sealed,
};
use crate::LogError;

/// Where a new writer goes on.
pub(super) struct Recovered {
    pub mark: Mark,
    pub active: File,
    pub sealed: Vec<Sealed>,
    /// Time of the newest frame, for a clock that never falls.
    pub last_ms: u64,
}

/// Finds the end of a partition and cuts a torn tail. The caller holds the writer's lock.
pub(super) fn recover(dir: &Path, at: TopicPartition) -> Result<Recovered, LogError> {
    let mark = read_mark(dir, at)?;
    let bases = without_stray(dir, list_segments(dir)?, mark)?;
    let Some(last) = last_segment(dir, &bases, mark)? else {
        return create_first(dir, mark.map_or(0, |mark| mark.segment));
    };
    let path = segment_path(dir, last);
    let active = File::options().read(true).write(true).open(&path).map_err(|e| failed("open", &path, e))?;
    let floor = mark.filter(|mark| mark.segment == last).map_or(0, |mark| mark.position);
    let scan = scan(&active, &path, last, floor)?;
    if scan.file_bytes > scan.end.position {
        let cut = scan.file_bytes - scan.end.position;
        tracing::warn!(partition = %at, file = %path.display(), bytes = cut, "cut an unfinished commit from the log");
        active.set_len(scan.end.position).map_err(|e| failed("cut", &path, e))?;
    }
    active.sync_all().map_err(|e| failed("sync", &path, e))?;
    let sealed = sealed_segments(dir, &bases, scan.first_ms)?;
    let last_ms = scan.last_ms.max(sealed.last().map_or(0, |sealed| sealed.newest_ms.unwrap_or(0)));
    let mark = Mark { segment: last, position: scan.end.position, next: scan.end.offset };
    Ok(Recovered { mark, active, sealed, last_ms })
}

/// A mark that is lost or unreadable is made anew: what was durable is then told by the frames themselves.
fn read_mark(dir: &Path, at: TopicPartition) -> Result<Option<Mark>, LogError> {
    match Mark::read(&dir.join("durable")) {
        Ok(mark) => Ok(mark),
        Err(error @ LogError::Damaged { .. }) => {
            tracing::warn!(partition = %at, %error, "making the durable mark anew from the segments");
            Ok(None)
        }
        Err(error) => Err(error),
    }
}

fn last_segment(dir: &Path, bases: &[Offset], mark: Option<Mark>) -> Result<Option<Offset>, LogError> {
    let last = bases.last().copied();
    if let Some(mark) = mark
        && !bases.contains(&mark.segment)
        && (last.is_some() || mark.position > 0)
    {
        let path = segment_path(dir, mark.segment);
        let what = "the segment is missing, and the durable mark points into it; restore it from a backup".into();
        return Err(LogError::Damaged { path, position: mark.position, what });
    }
    Ok(last)
}

/// A roll that failed half-way, and whose process ended before it could tidy up, may leave an empty segment, while the
/// one before it went on. It holds nothing: remove it.
fn without_stray(dir: &Path, mut bases: Vec<Offset>, mark: Option<Mark>) -> Result<Vec<Offset>, LogError> {
    if let [.., before, last] = bases[..]
        && mark.is_none_or(|mark| mark.segment != last)
    {
        let path = segment_path(dir, last);
        let empty = fs::metadata(&path).map_err(|e| failed("read", &path, e))?.len() == 0;
        let before_path = segment_path(dir, before);
        if empty {
            let file = File::open(&before_path).map_err(|e| failed("open", &before_path, e))?;
            if scan(&file, &before_path, before, 0)?.end.offset > last {
                fs::remove_file(&path).map_err(|e| failed("remove", &path, e))?;
                bases.pop();
            }
        }
    }
    Ok(bases)
}

fn create_first(dir: &Path, base: Offset) -> Result<Recovered, LogError> {
    let active = create_segment(dir, base, || Ok(()))?;
    let mark = Mark { segment: base, position: 0, next: base };
    Ok(Recovered { mark, active, sealed: Vec::new(), last_ms: 0 })
}

/// Makes an empty segment whose name survives a power loss. One that is there from a failed attempt is emptied: it
/// cannot hold anything durable. After an error there may be one; the caller removes it.
pub(super) fn create_segment(
    dir: &Path,
    base: Offset,
    created: impl FnOnce() -> io::Result<()>,
) -> Result<File, LogError> {
    let path = segment_path(dir, base);
    let mut options = File::options();
    options.read(true).write(true).create(true).truncate(true);
    let file = options.open(&path).map_err(|e| failed("create", &path, e))?;
    created().map_err(|e| failed("sync", dir, e))?;
    sync_dir(dir)?;
    Ok(file)
}

/// Times never fall, so no record of a segment is newer than the first of the next. An active one that is empty has none: then the
/// segment before is walked.
fn sealed_segments(dir: &Path, bases: &[Offset], active_first_ms: Option<u64>) -> Result<Vec<Sealed>, LogError> {
    let mut sealed = Vec::new();
    for (at, pair) in bases.windows(2).enumerate() {
        let path = segment_path(dir, pair[0]);
        let bytes = fs::metadata(&path).map_err(|e| failed("read", &path, e))?.len();
        let newest_ms = match (at + 2 == bases.len(), active_first_ms) {
            (true, None) => last_time(&path, pair[0])?,
            (true, first) => first,
            (false, _) => first_time(&segment_path(dir, pair[1]), pair[1])?,
        };
        sealed.push(Sealed { base: pair[0], next: pair[1], bytes, newest_ms });
    }
    Ok(sealed)
}

fn first_time(path: &Path, base: Offset) -> Result<Option<u64>, LogError> {
    let look = || {
        let file = File::open(path)?;
        let end = file.metadata()?.len();
        header_at(&file, Spot { offset: base, position: 0 }, end)
    };
    Ok(look().map_err(|e| failed("read", path, e))?.ok().map(|header| header.time_ms))
}

/// `None` where a segment cannot be walked to its end.
fn last_time(path: &Path, base: Offset) -> Result<Option<u64>, LogError> {
    let walk = || -> io::Result<Option<u64>> {
        let file = File::open(path)?;
        let end = file.metadata()?.len();
        let (mut spot, mut last) = (Spot { offset: base, position: 0 }, None);
        while spot.position < end {
            let Ok(header) = header_at(&file, spot, end)? else { return Ok(None) };
            last = Some(header.time_ms);
            spot = Spot { offset: header.next(), position: spot.position + header.len() };
        }
        Ok(last)
    };
    walk().map_err(|e| failed("read", path, e))
}

/// What a segment holds.
struct Scan {
    /// Behind the last whole frame.
    end: Spot,
    file_bytes: u64,
    first_ms: Option<u64>,
    last_ms: u64,
}

fn scan(file: &File, path: &Path, base: Offset, floor: u64) -> Result<Scan, LogError> {
    let io = |e| failed("read", path, e);
    let file_bytes = file.metadata().map_err(io)?.len();
    let mut scan = Scan { end: Spot { offset: base, position: 0 }, file_bytes, first_ms: None, last_ms: 0 };
    let mut body = Vec::new();
    let bad = loop {
        if scan.end.position == file_bytes {
            break BadFrame::Cut;
        }
        match frame_at(file, scan.end, file_bytes, &mut body).map_err(io)? {
            Ok(header) => {
                scan.first_ms.get_or_insert(header.time_ms);
                scan.last_ms = header.time_ms;
                scan.end = Spot { offset: header.next(), position: scan.end.position + header.len() };
            }
            Err(bad) => break bad,
        }
    };
    let newer = matches!(bad, BadFrame::Version(_));
    let floor = floor.max(later_commit_start(file, scan.end, file_bytes).map_err(io)?);
    if newer || scan.end.position < floor {
        return Err(damaged(path, scan.end.position, &bad));
    }
    Ok(scan)
}

fn frame_at(file: &File, spot: Spot, end: u64, body: &mut Vec<u8>) -> io::Result<Result<FrameHeader, BadFrame>> {
    let header = match header_at(file, spot, end)? {
        Ok(header) => header,
        Err(bad) => return Ok(Err(bad)),
    };
    body.resize(header.stored_bytes as usize, 0);
    file.read_exact_at(body, spot.position + HEADER_BYTES as u64)?;
    Ok(header.check_body(body).map(|()| header))
}

/// The latest group commit that begins behind `spot`, told by whole headers found there: all before it was durable.
fn later_commit_start(file: &File, spot: Spot, end: u64) -> io::Result<u64> {
    let mut tail = vec![0; (end - spot.position) as usize];
    file.read_exact_at(&mut tail, spot.position)?;
    let mut latest = 0;
    for (at, window) in tail.windows(HEADER_BYTES).enumerate() {
        if window[0..4] != MAGIC {
            continue;
        }
        let Ok(bytes) = <&[u8; HEADER_BYTES]>::try_from(window) else { continue };
        if let Ok(header) = FrameHeader::parse(bytes)
            && header.base >= spot.offset
            && header.commit_start <= spot.position + at as u64
        {
            latest = latest.max(header.commit_start);
        }
    }
    Ok(latest)
}
