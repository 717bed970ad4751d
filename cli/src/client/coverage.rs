//! `beidou coverage`: which stretches of time are complete, degraded or lost.

use jiff::Timestamp;
use serde::Deserialize;

use super::{Client, footer::paint, http::Parameter};
use crate::{
    args::clients::Coverage,
    output::{Cell, Column, Paint, Table, time},
};

/// The range where none is named.
const DEFAULT_SINCE: &str = "24h";
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

/// Shows the stored intervals that are not complete, and what all of them make together.
///
/// # Errors
/// When the server cannot be reached, or refuses.
pub async fn coverage(args: Coverage) -> anyhow::Result<()> {
    let client = Client::connect(&args.server)?;
    let mut query = client.range(&args.range, DEFAULT_SINCE)?;
    query.extend(args.clusters.iter().map(|cluster| -> Parameter { ("cluster", cluster.clone()) }));
    let found = client.list("/api/v1/coverage", &query, MOST).await?;
    client.show(&found, args.output, |items| {
        let intervals = items.iter().map(|item| serde_json::from_str(item.get())).collect::<Result<Vec<_>, _>>()?;
        Ok(table(&client, joined(intervals)).text(client.look))
    })
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
}
