//! `beidou occurrences`: how often it happened when, and where occurrences may be missing.

use jiff::Timestamp;
use serde::Deserialize;

use super::{
    Client,
    answer::Range,
    footer::paint,
    picture::{grouped, items},
};
use crate::{
    args::pictures::Binned,
    output::{Cell, Column, Paint, Table, time},
};

/// The answer, as far as it is shown.
#[derive(Debug, Deserialize)]
struct Answer {
    bins: Vec<Bin>,
    #[serde(default)]
    suspects: Vec<Suspect>,
}

#[derive(Debug, Deserialize)]
struct Bin {
    from: Timestamp,
    estimate: f64,
    least: u64,
    most: u64,
    #[serde(default)]
    coverage: String,
}

#[derive(Debug, Deserialize)]
struct Suspect {
    cluster: String,
    component: String,
    kind: String,
    namespace: String,
    name: String,
    states: u64,
    occurrences: u64,
    because: Vec<String>,
    never_written: u64,
    combined: u64,
    #[serde(default)]
    closed: Option<Range>,
}

/// Shows occurrences over time.
///
/// # Errors
/// When the server cannot be reached, or refuses.
pub async fn occurrences(args: Binned) -> anyhow::Result<()> {
    let client = Client::connect(&args.server)?;
    let mut query = client.parameters(&args.range, &args.filters)?;
    query.push(("bins", args.bins.to_string()));
    let answer = client.http.get("/api/v1/events/occurrences", &query).await?;
    client.show_picture(&answer, args.output, |answer| items(answer, "bins"), |answer| text(&client, answer))
}

fn text(client: &Client, answer: &Answer) -> String {
    let mut bins = Table::new([
        Column::whole(format!("TIME ({})", time::zone_name(client.now, &client.zone))),
        Column::number("OCCURRENCES"),
        Column::number("AT LEAST"),
        Column::number("AT MOST"),
        Column::whole("COVERAGE"),
    ]);
    for bin in &answer.bins {
        bins.row(row(client.local(bin.from), bin));
    }
    let all: f64 = answer.bins.iter().map(|bin| bin.estimate).sum();
    let mut text = format!("{}\n{} occurrences\n", bins.text(client.look), grouped(all.round() as u64));
    if !answer.suspects.is_empty() {
        text += "\n";
        text += &client.heading("Here occurrences may be missing, or are folded into one:");
        text += &suspects(client, &answer.suspects);
    }
    text
}

fn row(time: String, bin: &Bin) -> Vec<Cell> {
    let exact = bin.least == bin.most;
    let bound = |number: u64| if exact { Cell::default() } else { Cell::new(grouped(number), Paint::Dim) };
    let sign = match (bin.coverage == "complete", exact) {
        (false, _) => "≥ ",
        (true, false) => "≈ ",
        (true, true) => "",
    };
    vec![
        Cell::from(time),
        Cell::from(format!("{sign}{}", grouped(bin.estimate.round() as u64))),
        bound(bin.least),
        bound(bin.most),
        if bin.coverage == "complete" { Cell::default() } else { Cell::new(&bin.coverage, paint(&bin.coverage)) },
    ]
}

fn suspects(client: &Client, suspects: &[Suspect]) -> String {
    let mut table = Table::new([
        Column::name("CLUSTER", 8),
        Column::name("OBJECT", 16),
        Column::words("SOURCE", 8),
        Column::number("STATES"),
        Column::number("OCCURRENCES"),
        Column::words("WHY", 24),
    ]);
    for suspect in suspects {
        let place = if suspect.namespace.is_empty() { String::new() } else { format!("{}/", suspect.namespace) };
        table.row(vec![
            Cell::from(&suspect.cluster),
            Cell::from(format!("{} {place}{}", suspect.kind, suspect.name)),
            Cell::from(&suspect.component),
            Cell::from(grouped(suspect.states)),
            Cell::from(grouped(suspect.occurrences)),
            Cell::new(why(client, suspect), Paint::Warning),
        ]);
    }
    table.text(client.look)
}

fn why(client: &Client, suspect: &Suspect) -> String {
    let told = suspect.because.iter().map(|because| match because.as_str() {
        "count_jumps" => format!("{} counted, never written", grouped(suspect.never_written)),
        "combined" => format!("{} stand for several messages", grouped(suspect.combined)),
        "spam_filter_closed" => match suspect.closed {
            Some(closed) => format!("spam filter closed {} to {}", client.local(closed.from), client.local(closed.to)),
            None => "spam filter closed".to_owned(),
        },
        other => other.replace('_', " "),
    });
    told.collect::<Vec<_>>().join("; ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(estimate: f64, least: u64, most: u64, coverage: &str) -> Vec<String> {
        let bin = Bin { from: Timestamp::UNIX_EPOCH, estimate, least, most, coverage: coverage.into() };
        row(String::new(), &bin).into_iter().skip(1).map(|cell| cell.text).collect()
    }

    #[test]
    fn what_is_exact_looks_so_and_nothing_else_does() {
        assert_eq!(shown(3.0, 3, 3, "complete"), ["3", "", "", ""]);
        assert_eq!(shown(12.4, 1, 2_000, "complete"), ["≈ 12", "1", "2,000", ""]);
        assert_eq!(shown(3.0, 3, 3, "gap"), ["≥ 3", "", "", "gap"]);
    }
}
