//! `beidou histogram`: how many Events per bin of time.

use jiff::Timestamp;
use serde::Deserialize;

use super::{
    Client,
    footer::paint,
    picture::{grouped, items},
};
use crate::{
    args::pictures::Binned,
    output::{Cell, Column, Paint, Table, bar::parted, time},
};

/// Columns of a bar where the terminal leaves as much, and where it does not.
const BAR: usize = 60;
const LEAST_BAR: usize = 10;

/// The answer, as far as it is shown.
#[derive(Debug, Deserialize)]
struct Bins {
    bins: Vec<Bin>,
    states: u64,
    occurrences: u64,
}

#[derive(Debug, Deserialize)]
struct Bin {
    from: Timestamp,
    states: u64,
    #[serde(default)]
    by_type: Vec<OfType>,
    #[serde(default)]
    coverage: String,
}

#[derive(Debug, Deserialize)]
struct OfType {
    #[serde(rename = "type")]
    event_type: String,
    states: u64,
}

/// Shows a histogram.
///
/// # Errors
/// When the server cannot be reached, or refuses.
pub async fn histogram(args: Binned) -> anyhow::Result<()> {
    let client = Client::connect(&args.server)?;
    let mut query = client.parameters(&args.range, &args.filters)?;
    query.push(("bins", args.bins.to_string()));
    let answer = client.http.get("/api/v1/events/histogram", &query).await?;
    client.show_picture(&answer, args.output, |answer| items(answer, "bins"), |bins| text(&client, bins))
}

fn text(client: &Client, bins: &Bins) -> String {
    let columns = |bar: Column| {
        [
            Column::whole(format!("TIME ({})", time::zone_name(client.now, &client.zone))),
            Column::number("STATES"),
            Column::number("WARNING"),
            Column::whole("COVERAGE"),
            bar,
        ]
    };
    let most = bins.bins.iter().map(|bin| bin.states).max().unwrap_or(0);
    let rows: Vec<Vec<Cell>> = bins.bins.iter().map(|bin| row(client, bin)).collect();
    let bare = rows.iter().fold(Table::new(columns(Column::whole(""))), |mut table, row| {
        table.row(row.clone());
        table
    });
    let used: usize = bare.widths(None).iter().map(|width| width + 2).sum();
    let room = client.look.width.map_or(BAR, |width| width.saturating_sub(used).clamp(LEAST_BAR, BAR));
    let mut table = Table::new(columns(Column::whole("█ WARNING ░ OTHER")));
    for (mut row, bin) in rows.into_iter().zip(&bins.bins) {
        let warnings = warnings(bin);
        let paint = if warnings > 0 { Paint::Warning } else { Paint::Plain };
        row.push(Cell::new(parted(warnings, bin.states - warnings.min(bin.states), most, room), paint));
        table.row(row);
    }
    let (states, occurrences) = (grouped(bins.states), grouped(bins.occurrences));
    format!("{}\n{states} states, {occurrences} occurrences\n", table.text(client.look))
}

fn row(client: &Client, bin: &Bin) -> Vec<Cell> {
    let complete = bin.coverage == "complete";
    let at_least = if matches!(bin.coverage.as_str(), "gap" | "unknown" | "degraded") { "≥ " } else { "" };
    vec![
        Cell::from(client.local(bin.from)),
        Cell::from(format!("{at_least}{}", grouped(bin.states))),
        Cell::from(grouped(warnings(bin))),
        if complete { Cell::default() } else { Cell::new(&bin.coverage, paint(&bin.coverage)) },
    ]
}

fn warnings(bin: &Bin) -> u64 {
    bin.by_type.iter().filter(|of| of.event_type == "Warning").map(|of| of.states).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::tests::{client, moment};

    #[test]
    fn bars_tell_warnings_from_others_and_gaps_are_marked() {
        let bin = |minute: i64, warning: u64, normal: u64, coverage: &str| Bin {
            from: moment(minute * 300),
            states: warning + normal,
            by_type: vec![
                OfType { event_type: "Normal".into(), states: normal },
                OfType { event_type: "Warning".into(), states: warning },
            ],
            coverage: coverage.into(),
        };
        let bins = Bins {
            bins: vec![
                bin(0, 0, 120, "complete"),
                bin(1, 1, 90, "complete"),
                bin(2, 1_300, 400, "degraded"),
                bin(3, 0, 0, "gap"),
                bin(4, 20, 2, "unknown"),
            ],
            states: 1_933,
            occurrences: 20_456,
        };
        insta::assert_snapshot!("histogram", text(&client(None), &bins));
        insta::assert_snapshot!("histogram_80", text(&client(Some(80)), &bins));
    }
}
