//! Follows the `clusters` of the configuration file while a role runs.
//!
//! A changed file that is not valid is reported and the clusters stay as they are: a typing error must not stop
//! collection. Other keys are read at the start only; a change of them is said to need a restart by its absence here.

use std::{
    path::Path,
    time::{Duration, SystemTime},
};

use beidou_ingest::ClusterConfig;
use beidou_service::CancellationToken;
use tokio::sync::watch;

use crate::args::roles::Role;

/// How often the file is looked at. Notifications of the file system do not work for mounted ConfigMaps.
const LOOK_EVERY: Duration = Duration::from_secs(2);

/// Keeps `clusters` equal to those of the role's file, with `fixed` before them, until `stop`.
pub async fn follow(
    role: Role,
    fixed: Vec<ClusterConfig>,
    clusters: watch::Sender<Vec<ClusterConfig>>,
    stop: CancellationToken,
) {
    let Some(path) = role.config.clone() else { return stop.cancelled().await };
    let mut known = changed_at(&path);
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(LOOK_EVERY) => {}
        }
        let found = changed_at(&path);
        if found != known {
            known = found;
            take_up(&role, &path, &fixed, &clusters);
        }
    }
}

fn take_up(role: &Role, path: &Path, fixed: &[ClusterConfig], clusters: &watch::Sender<Vec<ClusterConfig>>) {
    let read = super::read(role, Vec::new()).and_then(|loaded| {
        let wanted = [fixed, &loaded.config.clusters].concat();
        beidou_ingest::clusters::validate(&wanted)?;
        Ok(wanted)
    });
    match read {
        Ok(wanted) => {
            tracing::info!(path = %path.display(), clusters = wanted.len(), "the configuration file was read again");
            clusters.send_if_modified(|now| {
                let changed = *now != wanted;
                *now = wanted;
                changed
            });
        }
        Err(error) => tracing::error!(
            error = format!("{error:#}"),
            "the changed configuration file is not valid, the clusters stay as they are"
        ),
    }
}

/// Time and length: a file written twice within the clock's grain still differs mostly.
fn changed_at(path: &Path) -> Option<(SystemTime, u64)> {
    let metadata = std::fs::metadata(path).ok()?;
    Some((metadata.modified().ok()?, metadata.len()))
}
