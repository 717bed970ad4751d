//! Bundles, fact caches and outputs: what is too large for a fact. Files below the data folder, named by attempt and cluster.

use std::path::{Path, PathBuf};

use axum::{
    Json,
    body::Bytes,
    extract::{Query, State},
    http::{HeaderMap, StatusCode},
};
use beidou_schemas::runner::{AttemptId, Caller, OutputTaken};
use tokio::{
    fs,
    io::{AsyncSeekExt, AsyncWriteExt},
};

use super::{
    Door,
    answer::{Known, No},
};

/// The output of one attempt at most: a day of `-vvv` stays below.
const MOST_OUTPUT: u64 = 1 << 30;

/// Where outputs lie.
pub(crate) fn output_of(folder: &Path, attempt: &AttemptId) -> PathBuf {
    folder.join("outputs").join(format!("{attempt}.log"))
}

pub(super) async fn bundle(
    State(door): State<Door>,
    headers: HeaderMap,
    Query(who): Query<Caller>,
) -> Result<Vec<u8>, No> {
    let known = Known::of(&door, &headers, &who.attempt)?.claimed_by(who.runner)?;
    door.hands.bundle_tar(known.operation).ok_or(No::NotFound)
}

pub(super) async fn facts(
    State(door): State<Door>,
    headers: HeaderMap,
    Query(who): Query<Caller>,
) -> Result<Vec<u8>, No> {
    let known = Known::of(&door, &headers, &who.attempt)?.claimed_by(who.runner)?;
    let path = cache_of(&door, &known)?;
    fs::read(path).await.map_err(|error| match error.kind() {
        std::io::ErrorKind::NotFound => No::NotFound,
        _ => No::Later(error.to_string()),
    })
}

pub(super) async fn keep_facts(
    State(door): State<Door>,
    headers: HeaderMap,
    Query(who): Query<Caller>,
    body: Bytes,
) -> Result<StatusCode, No> {
    let known = Known::of(&door, &headers, &who.attempt)?.claimed_by(who.runner)?;
    let path = cache_of(&door, &known)?;
    let beside = path.with_extension(format!("{}.new", who.attempt));
    let later = |error: std::io::Error| No::Later(error.to_string());
    fs::create_dir_all(door.folder.join("facts")).await.map_err(later)?;
    fs::write(&beside, &body).await.map_err(later)?;
    fs::rename(&beside, &path).await.map_err(later)?;
    Ok(StatusCode::OK)
}

/// A cluster's name may hold anything: its digest is the file's.
fn cache_of(door: &Door, known: &Known) -> Result<PathBuf, No> {
    let cluster =
        door.keeper.look(|board| board.operations.get(&known.operation).map(|found| found.spec.cluster_name.clone()));
    let digest = crate::token::digest(cluster.ok_or(No::NotFound)?.as_bytes());
    Ok(door.folder.join("facts").join(format!("{}.tar", &digest[..32])))
}

/// Bytes that are there are not written again; bytes behind a gap are refused.
pub(super) async fn output(
    State(door): State<Door>,
    headers: HeaderMap,
    Query(who): Query<Caller>,
    body: Bytes,
) -> Result<Json<OutputTaken>, No> {
    Known::of(&door, &headers, &who.attempt)?.claimed_by(who.runner)?;
    let offset = who.offset.ok_or_else(|| No::Bad("`offset` is missing".into()))?;
    let desk = door.desks.of(&who.attempt);
    let _turn = desk.lock().await;
    let path = output_of(&door.folder, &who.attempt);
    let later = |error: std::io::Error| No::Later(error.to_string());
    fs::create_dir_all(door.folder.join("outputs")).await.map_err(later)?;
    let mut file = fs::OpenOptions::new().create(true).write(true).truncate(false).open(&path).await.map_err(later)?;
    let there = file.metadata().await.map_err(later)?.len();
    if offset > there {
        return Err(No::gap(there));
    }
    let known = usize::try_from(there - offset).unwrap_or(usize::MAX).min(body.len());
    let new = &body[known..];
    if there + new.len() as u64 > MOST_OUTPUT {
        return Err(No::Bad(format!("the output is longer than {MOST_OUTPUT} bytes")));
    }
    file.seek(std::io::SeekFrom::Start(there)).await.map_err(later)?;
    file.write_all(new).await.map_err(later)?;
    file.sync_data().await.map_err(later)?;
    Ok(Json(OutputTaken { next: there + new.len() as u64 }))
}
