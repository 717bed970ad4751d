//! The file of clusters: read once at start, and again whenever it changes.
//!
//! A changed file that is not valid is reported and the clusters stay as they are: a typing error must not stop
//! collection.

use std::{
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

use serde::Deserialize;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::config::{ClusterConfig, ConfigError, validate};

/// How often the file is looked at. Notifications of the file system do not work for mounted ConfigMaps.
const LOOK_EVERY: Duration = Duration::from_secs(2);

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    clusters: Vec<ClusterConfig>,
}

/// Reads a file of the form `clusters: [{name: …, …}, …]`. Relative paths in it start at its folder.
///
/// # Errors
/// When it cannot be read or is not valid.
pub fn read_file(path: &Path) -> Result<Vec<ClusterConfig>, ConfigError> {
    let text = std::fs::read_to_string(path).map_err(|source| ConfigError::File { path: path.into(), source })?;
    let file: File =
        serde_yaml_ng::from_str(&text).map_err(|source| ConfigError::Yaml { path: path.into(), source })?;
    let folder = path.parent().unwrap_or(Path::new(""));
    let absolute = |path: &mut Option<PathBuf>| {
        if let Some(path) = path {
            *path = folder.join(&path);
        }
    };
    let mut clusters = file.clusters;
    for cluster in &mut clusters {
        absolute(&mut cluster.kubeconfig);
        absolute(&mut cluster.token_file);
        absolute(&mut cluster.ca_file);
    }
    validate(&clusters)?;
    Ok(clusters)
}

/// Keeps `clusters` equal to the file until `stop`; `reload` (SIGHUP) reads it at once.
pub async fn follow_file(
    path: PathBuf,
    clusters: watch::Sender<Vec<ClusterConfig>>,
    mut reload: watch::Receiver<u64>,
    stop: CancellationToken,
) {
    let mut known = changed_at(&path);
    loop {
        let forced = tokio::select! {
            () = stop.cancelled() => return,
            asked = reload.changed() => match asked {
                Ok(()) => true,
                // Nobody can ask any more; only the file itself counts from now on.
                Err(_) => { tokio::time::sleep(LOOK_EVERY).await; false }
            },
            () = tokio::time::sleep(LOOK_EVERY) => false,
        };
        let found = changed_at(&path);
        if !forced && found == known {
            continue;
        }
        known = found;
        match read_file(&path) {
            Ok(read) => {
                tracing::info!(path = %path.display(), clusters = read.len(), "the cluster file was read again");
                clusters.send_if_modified(|now| {
                    let changed = *now != read;
                    *now = read;
                    changed
                });
            }
            Err(error) => {
                let error = &error as &dyn std::error::Error;
                tracing::error!(error, "the changed cluster file is not used, the clusters stay as they are");
            }
        }
    }
}

/// Time and length: a file written twice within the clock's grain still differs mostly.
fn changed_at(path: &Path) -> Option<(SystemTime, u64)> {
    let metadata = std::fs::metadata(path).ok()?;
    Some((metadata.modified().ok()?, metadata.len()))
}
