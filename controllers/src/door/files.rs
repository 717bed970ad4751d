//! Bundles and fact caches: what is too large for a fact. Files below the data folder, named by attempt and cluster.

use std::path::PathBuf;

use axum::{
    body::Bytes,
    extract::{Query, State},
    http::{HeaderMap, StatusCode},
};
use beidou_schemas::runner::Caller;
use tokio::fs;

use super::{
    Door,
    answer::{Known, No},
};

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
