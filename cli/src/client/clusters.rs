//! `beidou clusters`: which clusters there are, how far each is known, how much there is of the last day.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Deserialize;

use super::{
    Client,
    answer::{ClusterCoverage, FRESH, Range},
};
use crate::{
    args::clients::{Clusters, Output},
    output::{Cell, Column, Paint, Table, time},
};

/// More clusters than this need a page of their own: the plan is for a hundred.
const MOST: u32 = 10_000;

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
        crate::say(
            "no cluster has been collected yet\n\
             try: stop `beidou up` and start it with --kubeconfig ~/.kube/config, or add clusters to its --config file; \
             its log says why a cluster is not collected",
        );
        return Ok(());
    }
    client.show(&found, args.output, |items| {
        let clusters = items.iter().map(|item| serde_json::from_str(item.get())).collect::<Result<Vec<_>, _>>()?;
        Ok(table(&client, &clusters, &found.coverage, found.range).text(client.look))
    })
}

fn table(client: &Client, clusters: &[Cluster], coverage: &[ClusterCoverage], range: Range) -> Table {
    let mut table = Table::new([
        Column::name("CLUSTER", 8),
        Column::whole("PROVEN UNTIL"),
        Column::number("STATES (24H)"),
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
            known.map_or_else(Cell::default, |known| proven(client.now, known)),
            Cell::from(cluster.states.to_string()),
            known.map_or_else(Cell::default, |known| complete(known, range)),
            Cell::from(cluster.last_time.map_or_else(|| "-".to_owned(), age)),
            Cell::new(&cluster.cluster_uid, Paint::Dim),
        ]);
    }
    table
}

fn proven(now: Timestamp, coverage: &ClusterCoverage) -> Cell {
    let until = match (coverage.known_until, coverage.proven_until) {
        (Some(until), _) => until,
        (None, Some(_)) => return Cell::new("not known yet", Paint::Warning),
        (None, None) if coverage.imported_only() => return Cell::new("imported", Paint::Dim),
        (None, None) => return Cell::new("never watched", Paint::Warning),
    };
    let age = now.duration_since(until);
    let paint = if age > FRESH { Paint::Bad } else { Paint::Good };
    Cell::new(format!("{} ago", time::length(age)), paint)
}

/// The share that is complete; of an imported cluster there is none to tell.
fn complete(coverage: &ClusterCoverage, range: Range) -> Cell {
    if coverage.imported_only() { Cell::new("-", Paint::Dim) } else { share(coverage.settled_share(range)) }
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
    use crate::client::{answer::Part, tests::client};

    #[test]
    fn almost_complete_is_not_complete() {
        assert_eq!(share(0.99999).text, "99.9 %");
        assert_eq!(share(1.0).text, "100.0 %");
        assert_eq!(share(0.5).paint, Paint::Warning);
    }

    fn known(proven_until: Option<i64>, known_until: Option<i64>) -> ClusterCoverage {
        let at = |second| Timestamp::from_second(second).unwrap();
        ClusterCoverage {
            cluster: "a".into(),
            cluster_uid: "u".into(),
            share: 0.97,
            complete: false,
            proven_until: proven_until.map(at),
            projected_until: at(0),
            known_until: known_until.map(at),
            parts: vec![Part {
                state: "unknown".into(),
                reason: "not_yet_proven".into(),
                from: at(970),
                to: at(1_000),
            }],
            more_parts: 0,
        }
    }

    #[test]
    fn a_watch_that_is_behind_is_marked() {
        let now = Timestamp::from_second(1_000).unwrap();
        let cell = |proven_until, known_until| proven(now, &known(proven_until, known_until));
        assert_eq!(cell(Some(995), Some(990)), Cell::new("10s ago", Paint::Good));
        assert_eq!(cell(Some(995), Some(500)).paint, Paint::Bad, "proven, but not in the tables");
        assert_eq!(cell(Some(995), None).text, "not known yet");
        assert_eq!(cell(None, None).text, "never watched");
        let mut imported = known(None, None);
        imported.parts[0].reason = "imported_only".into();
        assert_eq!(proven(now, &imported), Cell::new("imported", Paint::Dim));
        let range = Range { from: Timestamp::from_second(0).unwrap(), to: now };
        assert_eq!(complete(&imported, range), Cell::new("-", Paint::Dim));
    }

    #[test]
    fn table_and_footer_agree() {
        let now = Timestamp::from_second(1_000).unwrap();
        let client = Client { now, ..client(None) };
        let range = Range { from: Timestamp::from_second(0).unwrap(), to: now };
        let cluster = Cluster { cluster: "a".into(), cluster_uid: "u".into(), states: 7, last_time: None };
        let coverage = [known(Some(970), Some(960))];
        let shown = table(&client, &[cluster], &coverage, range).text(client.look) + &client.footer(&coverage, range);
        insta::assert_snapshot!(shown, @r"
        CLUSTER  PROVEN UNTIL  STATES (24H)  COMPLETE  LAST EVENT  UID
        a        40s ago                  7   100.0 %  -           u
        coverage: complete, 1 cluster, proven until 40s ago
        ");
    }
}
