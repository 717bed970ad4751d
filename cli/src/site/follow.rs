//! Follows the clusters of the configuration file and of the kubeconfig while a role runs.
//!
//! A changed file that is not valid is reported and the clusters stay as they are: a typing error must not stop
//! collection. Other keys are read at the start only; a change of them is said to need a restart by its absence here.

use std::{
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

use beidou_ingest::ClusterConfig;
use beidou_service::{CancellationToken, config::without_types};
use tokio::sync::watch;

use crate::args::roles::Role;

/// How often the file is looked at. Notifications of the file system do not work for mounted ConfigMaps.
const LOOK_EVERY: Duration = Duration::from_secs(2);

/// Keeps `clusters` equal to those of the role's file and, before them, those that `fixed` gives, until `stop`. All are
/// read again when one of `files` changes.
pub async fn follow(
    role: Role,
    files: Vec<PathBuf>,
    fixed: impl Fn() -> anyhow::Result<Vec<ClusterConfig>> + Send,
    clusters: watch::Sender<Vec<ClusterConfig>>,
    stop: CancellationToken,
) {
    let look = || files.iter().map(|path| changed_at(path)).collect::<Vec<_>>();
    let mut known = look();
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(LOOK_EVERY) => {}
        }
        let found = look();
        if found != known {
            known = found;
            take_up(&role, &fixed, &clusters);
        }
    }
}

fn take_up(
    role: &Role,
    fixed: &impl Fn() -> anyhow::Result<Vec<ClusterConfig>>,
    clusters: &watch::Sender<Vec<ClusterConfig>>,
) {
    let read = super::read(role, Vec::new()).and_then(|loaded| {
        let wanted = [fixed()?, loaded.config.clusters].concat();
        beidou_ingest::clusters::validate(&wanted)?;
        Ok(wanted)
    });
    match read {
        Ok(wanted) => {
            tracing::info!(clusters = wanted.len(), "the configuration was read again");
            clusters.send_if_modified(|now| {
                let changed = *now != wanted;
                *now = wanted;
                changed
            });
        }
        Err(error) => tracing::error!(
            error = without_types(&format!("{error:#}")),
            "the changed configuration is not valid, the clusters stay as they are"
        ),
    }
}

/// Time and length: a file written twice within the clock's grain still differs mostly.
fn changed_at(path: &Path) -> Option<(SystemTime, u64)> {
    let metadata = std::fs::metadata(path).ok()?;
    Some((metadata.modified().ok()?, metadata.len()))
}
