//! `beidou clusters`: which clusters there are, how far each is known, how much there is of the last day.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Deserialize;

use super::{Client, answer::ClusterCoverage};
use crate::{
    args::clients::{Clusters, Output},
    output::{Cell, Column, Paint, Table, time},
};

/// More clusters than this need a page of their own: the plan is for a hundred.
const MOST: u32 = 10_000;
/// A watch that proved nothing for so long is behind: three heartbeats.
const BEHIND_SECONDS: i64 = 90;

/// A cluster, as far as it is shown.
#[derive(Debug, Deserialize)]
struct Cluster {
    cluster: String,
    cluster_uid: String,
    #[serde(default)]
    states: u64,
    #[serde(default)]
    last_time: Option<Timestamp>,
}

/// Lists the clusters.
///
/// # Errors
/// When the server cannot be reached, or refuses.
pub async fn clusters(args: Clusters) -> anyhow::Result<()> {
    let client = Client::connect(&args.server)?;
    let found = client.list("/api/v1/clusters", &[], MOST).await?;
    if found.items.is_empty() && args.output == Output::Table {
        crate::say("no cluster has been collected yet\ntry: `beidou up --kubeconfig ~/.kube/config`");
        return Ok(());
    }
    client.show(&found, args.output, |items| {
        let clusters = items.iter().map(|item| serde_json::from_str(item.get())).collect::<Result<Vec<_>, _>>()?;
        Ok(table(&client, &clusters, &found.coverage).text(client.look))
    })
}

fn table(client: &Client, clusters: &[Cluster], coverage: &[ClusterCoverage]) -> Table {
    let mut table = Table::new([
        Column::name("CLUSTER", 8),
        Column::whole("PROVEN UNTIL"),
        Column::number("EVENTS (24H)"),
        Column::number("COMPLETE"),
        Column::whole("LAST EVENT"),
        Column::name("UID", 8),
    ]);
    let coverage: BTreeMap<_, _> = coverage.iter().map(|one| (one.cluster_uid.as_str(), one)).collect();
    for cluster in clusters {
        let known = coverage.get(cluster.cluster_uid.as_str());
        let age = |time: Timestamp| format!("{} ago", time::length(client.now.duration_since(time)));
        table.row(vec![
            Cell::from(&cluster.cluster),
            proven(client.now, known.and_then(|known| known.proven_until)),
            Cell::from(cluster.states.to_string()),
            known.map_or_else(Cell::default, |known| share(known.share)),
            Cell::from(cluster.last_time.map_or_else(|| "-".to_owned(), age)),
            Cell::new(&cluster.cluster_uid, Paint::Dim),
        ]);
    }
    table
}

fn proven(now: Timestamp, until: Option<Timestamp>) -> Cell {
    let Some(until) = until else { return Cell::new("never watched", Paint::Warning) };
    let age = now.duration_since(until);
    let paint = if age.as_secs() > BEHIND_SECONDS { Paint::Bad } else { Paint::Good };
    Cell::new(format!("{} ago", time::length(age)), paint)
}

/// Never rounded up to 100 %.
fn share(share: f64) -> Cell {
    let tenths = (share * 1000.0).floor() / 10.0;
    let paint = if tenths >= 99.9 { Paint::Good } else { Paint::Warning };
    Cell::new(format!("{tenths:.1} %"), paint)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn almost_complete_is_not_complete() {
        assert_eq!(share(0.99999).text, "99.9 %");
        assert_eq!(share(1.0).text, "100.0 %");
        assert_eq!(share(0.5).paint, Paint::Warning);
    }

    #[test]
    fn a_watch_that_is_behind_is_marked() {
        let now = Timestamp::from_second(1_000).unwrap();
        assert_eq!(proven(now, Timestamp::from_second(990).ok()).paint, Paint::Good);
        assert_eq!(proven(now, Timestamp::from_second(500).ok()).paint, Paint::Bad);
        assert_eq!(proven(now, None).text, "never watched");
    }
}
