//! `beidou coverage`: how much of the time is complete, which stretches are degraded or lost, and how late Events come.

use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;

use super::{
    Client,
    answer::Range,
    footer::{first_names, paint},
    http::Parameter,
    show::document,
};
use crate::{
    args::clients::{Coverage, Output, default_since},
    output::{Cell, Column, Paint, Table, time},
};

/// A watch session lasts five minutes, so a week of a hundred clusters stays below this.
const MOST: u32 = 300_000;

/// A stored interval, as far as it is shown.
#[derive(Debug, Deserialize)]
struct Interval {
    cluster: String,
    state: String,
    from: Timestamp,
    to: Timestamp,
    #[serde(default)]
    reason: String,
    #[serde(default)]
    detail: String,
}

/// What all intervals of the clusters make together.
#[derive(Debug, Deserialize)]
struct Clusters {
    items: Vec<Cluster>,
    /// Clusters that were never watched, and are none of the items.
    #[serde(default)]
    imported_only: Vec<String>,
}

#[derive(Debug, Deserialize)]
struct Cluster {
    cluster: String,
    percent: String,
    degraded_seconds: f64,
    gap_seconds: f64,
    unknown_seconds: f64,
    #[serde(default)]
    because: Vec<Because>,
    #[serde(default)]
    longest: Option<Range>,
    #[serde(default)]
    lag: Option<Lag>,
}

#[derive(Debug, Deserialize)]
struct Because {
    reason: String,
}

#[derive(Debug, Deserialize)]
struct Lag {
    p50_seconds: f64,
    p90_seconds: f64,
    p99_seconds: f64,
    max_seconds: f64,
}

/// Shows what all intervals make together, cluster by cluster, and the stored intervals.
///
/// # Errors
/// When the server cannot be reached, or refuses.
pub async fn coverage(args: Coverage) -> anyhow::Result<()> {
    let client = Client::connect(&args.server)?;
    let mut query = client.range(&args.range, default_since::COVERAGE)?;
    query.extend(args.clusters.iter().map(|cluster| -> Parameter { ("cluster", cluster.clone()) }));
    let clusters: serde_json::Value = client.http.get("/api/v1/coverage/clusters", &query).await?;
    let found = client.list("/api/v1/coverage", &query, MOST).await?;
    match args.output {
        Output::Table => {
            let Clusters { items, imported_only } = Clusters::deserialize(&clusters)?;
            if !items.is_empty() {
                crate::say(&together(&items).text(client.look));
            }
            if is_cut(&items) {
                crate::say(&format!("{}\n", Paint::Warning.on(CUT, client.look.colour)));
            }
            if !imported_only.is_empty() {
                crate::say(&format!("{}\n", Paint::Dim.on(&aside(&imported_only), client.look.colour)));
            }
        }
        Output::Json => {
            let mut document = document(&found)?;
            document["clusters"] = clusters["items"].clone();
            document["imported_only"] = clusters["imported_only"].clone();
            crate::say(&serde_json::to_string_pretty(&document)?);
            return Ok(());
        }
        Output::Ndjson => {}
    }
    client.show(&found, args.output, |items| {
        let intervals = items.iter().map(|item| serde_json::from_str(item.get())).collect::<Result<Vec<_>, _>>()?;
        Ok(table(&client, joined(intervals)).text(client.look))
    })
}

const CUT: &str = "too many breaks: what is older than the newest 100,000 intervals counts as unknown; take a shorter range or one cluster";

/// Whether there were more intervals than one answer reads.
fn is_cut(clusters: &[Cluster]) -> bool {
    clusters.iter().flat_map(|cluster| &cluster.because).any(|because| because.reason == "too_many_breaks")
}

/// Names the clusters of which nothing is proven and nothing is lost.
fn aside(imported_only: &[String]) -> String {
    format!("{}: imported, completeness not known", first_names(imported_only.iter().map(String::as_str)))
}

fn together(clusters: &[Cluster]) -> Table {
    let mut table = Table::new([
        Column::name("CLUSTER", 8),
        Column::number("COMPLETE"),
        Column::whole("DEGRADED"),
        Column::whole("LOST"),
        Column::whole("UNKNOWN"),
        Column::whole("LONGEST"),
        Column::whole("LAG P50 P90 P99 MAX"),
        Column::words("WHY", 16),
    ]);
    for cluster in clusters {
        let whole = cluster.percent == "100";
        let percent = Cell::new(format!("{} %", cluster.percent), if whole { Paint::Good } else { Paint::Warning });
        let why: Vec<_> = cluster.because.iter().map(|because| because.reason.replace('_', " ")).collect();
        table.row(vec![
            Cell::from(&cluster.cluster),
            percent,
            span(cluster.degraded_seconds, "degraded"),
            span(cluster.gap_seconds, "gap"),
            span(cluster.unknown_seconds, "unknown"),
            Cell::from(cluster.longest.map_or_else(|| "-".into(), |one| time::length(one.to.duration_since(one.from)))),
            Cell::from(cluster.lag.as_ref().map_or_else(|| "-".into(), lag)),
            Cell::new(why.join(", "), Paint::Dim),
        ]);
    }
    table
}

fn span(seconds: f64, state: &str) -> Cell {
    if seconds > 0.0 {
        Cell::new(time::length(SignedDuration::from_millis((seconds * 1e3) as i64)), paint(state))
    } else {
        Cell::from("-")
    }
}

/// From the second in which the API server made an Event: nothing finer than a tenth of one is meant.
fn lag(lag: &Lag) -> String {
    let all = [lag.p50_seconds, lag.p90_seconds, lag.p99_seconds, lag.max_seconds];
    all.map(|seconds| format!("{seconds:.1}s")).join(" ")
}

/// Sessions follow one another without a break every five minutes: shown as one interval each time a chain holds.
fn joined(intervals: Vec<Interval>) -> Vec<Interval> {
    let mut joined: Vec<Interval> = Vec::new();
    for interval in intervals {
        // Newest first: the interval before this one in time comes later in the list.
        let later = joined.iter_mut().rev().find(|later| later.cluster == interval.cluster);
        match later {
            Some(later) if later.state == "complete" && interval.state == "complete" && interval.to >= later.from => {
                later.from = later.from.min(interval.from);
            }
            Some(_) | None => joined.push(interval),
        }
    }
    joined
}

fn table(client: &Client, intervals: Vec<Interval>) -> Table {
    let mut table = Table::new([
        Column::name("CLUSTER", 8),
        Column::whole("STATE"),
        Column::whole(format!("FROM ({})", time::zone_name(client.now, &client.zone))),
        Column::whole("UNTIL"),
        Column::whole("LENGTH"),
        Column::words("REASON", 24),
    ]);
    for interval in intervals {
        let paint = paint(&interval.state);
        let why = match (interval.reason.is_empty(), interval.detail.is_empty()) {
            (true, _) => "the watch is running".to_owned(),
            (false, true) => interval.reason.replace('_', " "),
            (false, false) => format!("{}: {}", interval.reason.replace('_', " "), interval.detail),
        };
        table.row(vec![
            Cell::from(&interval.cluster),
            Cell::new(&interval.state, paint),
            Cell::from(client.local(interval.from)),
            Cell::from(client.local(interval.to)),
            Cell::from(time::length(interval.to.duration_since(interval.from))),
            Cell::new(why, Paint::Dim),
        ]);
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    fn interval(cluster: &str, state: &str, from: i64, to: i64) -> Interval {
        Interval {
            cluster: cluster.into(),
            state: state.into(),
            from: Timestamp::from_second(from).unwrap(),
            to: Timestamp::from_second(to).unwrap(),
            reason: String::new(),
            detail: String::new(),
        }
    }

    #[test]
    fn chains_are_shown_as_one_and_breaks_stay() {
        let found = joined(vec![
            interval("a", "complete", 300, 400),
            interval("b", "complete", 250, 400),
            interval("a", "complete", 200, 300),
            interval("a", "gap", 150, 200),
            interval("a", "complete", 100, 150),
            interval("b", "complete", 100, 240),
        ]);
        let told: Vec<_> = found
            .iter()
            .map(|one| (one.cluster.as_str(), one.state.as_str(), one.from.as_second(), one.to.as_second()))
            .collect();
        assert_eq!(
            told,
            [
                ("a", "complete", 200, 400),
                ("b", "complete", 250, 400),
                ("a", "gap", 150, 200),
                ("a", "complete", 100, 150),
                ("b", "complete", 100, 240),
            ]
        );
    }
    #[test]
    fn what_they_make_together_is_one_line_for_each_cluster() {
        let clusters: Clusters = serde_json::from_value(serde_json::json!({"items": [
            {"cluster": "hz-prod-02", "percent": "99.998", "degraded_seconds": 1.5, "gap_seconds": 0.0,
                "unknown_seconds": 90.0, "because": [{"reason": "not_watched"}, {"reason": "missed_by_watch"}],
                "longest": {"from": "2026-11-24T00:00:00Z", "to": "2026-11-24T00:01:30Z"},
                "lag": {"p50_seconds": 0.61, "p90_seconds": 1.04, "p99_seconds": 1.2, "max_seconds": 42.0}},
            {"cluster": "sz-prod-01", "percent": "100", "degraded_seconds": 0.0, "gap_seconds": 0.0,
                "unknown_seconds": 0.0, "because": [], "longest": null, "lag": null},
        ]}))
        .unwrap();
        assert!(clusters.imported_only.is_empty(), "an older server says nothing of them");
        assert!(!is_cut(&clusters.items));
        let look = crate::output::Look { width: None, colour: false };
        insta::assert_snapshot!(together(&clusters.items).text(look));
    }

    #[test]
    fn an_answer_that_was_cut_says_so() {
        let clusters: Clusters = serde_json::from_value(serde_json::json!({"items": [
            {"cluster": "hz-prod-02", "percent": "9.98", "degraded_seconds": 1.5, "gap_seconds": 0.0,
                "unknown_seconds": 90.0, "because": [{"reason": "expired"}, {"reason": "too_many_breaks"}]},
        ]}))
        .unwrap();
        assert!(is_cut(&clusters.items));
    }

    #[test]
    fn imported_clusters_are_named_once_and_many_are_counted() {
        let names: Vec<String> = (1..=7).map(|number| format!("old-{number}")).collect();
        assert_eq!(aside(&names[..2]), "old-1, old-2: imported, completeness not known");
        assert_eq!(aside(&names), "old-1, old-2, old-3, old-4, old-5 and 2 more: imported, completeness not known");
    }
}
