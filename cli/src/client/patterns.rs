//! `beidou patterns`: messages folded to templates.

use jiff::Timestamp;
use serde::Deserialize;

use super::{
    Client,
    picture::{grouped, items},
};
use crate::{
    args::pictures::Patterns,
    output::{Cell, Column, Paint, Table, cell::clean, time},
};

/// The answer, as far as it is shown.
#[derive(Debug, Deserialize)]
struct Answer {
    items: Vec<Pattern>,
    #[serde(default)]
    different: u64,
}

#[derive(Debug, Deserialize)]
struct Pattern {
    pattern: String,
    states: u64,
    events: u64,
    clusters: u64,
    first_time: Timestamp,
    last_time: Timestamp,
    #[serde(default)]
    new: bool,
    #[serde(default)]
    example: Option<Example>,
}

#[derive(Debug, Deserialize)]
struct Example {
    reason: String,
    #[serde(rename = "type")]
    event_type: String,
}

/// Shows the templates.
///
/// # Errors
/// When the server cannot be reached, or refuses.
pub async fn patterns(args: Patterns) -> anyhow::Result<()> {
    let client = Client::connect(&args.server)?;
    let mut query = client.parameters(&args.range, &args.filters)?;
    query.push(("top", args.top.to_string()));
    let answer = client.http.get("/api/v1/events/patterns", &query).await?;
    client.show_picture(&answer, args.output, |answer| items(answer, "items"), |answer| text(&client, answer))
}

fn text(client: &Client, answer: &Answer) -> String {
    if answer.items.is_empty() {
        return "nothing matches\n".into();
    }
    let mut table = Table::new([
        Column::number("STATES"),
        Column::number("EVENTS"),
        Column::number("CLUSTERS"),
        Column::whole("SEEN"),
        Column::whole("NEW"),
        Column::words("REASON", 10),
        Column::words("PATTERN", 30),
    ]);
    for pattern in &answer.items {
        table.row(row(client, pattern));
    }
    let more = answer.different.saturating_sub(answer.items.len() as u64);
    let more = if more > 0 { format!("and {} more: raise --top\n", grouped(more)) } else { String::new() };
    table.text(client.look) + &more
}

fn row(client: &Client, pattern: &Pattern) -> Vec<Cell> {
    let warning = pattern.example.as_ref().is_some_and(|example| example.event_type == "Warning");
    let length = time::length(pattern.last_time.duration_since(pattern.first_time));
    let ago = time::length(client.now.duration_since(pattern.last_time));
    vec![
        Cell::from(grouped(pattern.states)),
        Cell::from(grouped(pattern.events)),
        Cell::from(grouped(pattern.clusters)),
        Cell::new(format!("{ago} ago, over {length}"), Paint::Dim),
        Cell::new(if pattern.new { "new" } else { "" }, Paint::Bad),
        Cell::new(
            pattern.example.as_ref().map_or("", |example| &example.reason),
            if warning { Paint::Warning } else { Paint::Plain },
        ),
        Cell::from(clean(&pattern.pattern)),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::tests::{client, moment};

    #[test]
    fn templates_tell_how_many_and_since_when() {
        let pattern = |pattern: &str, reason: &str, states, new| Pattern {
            pattern: pattern.into(),
            states,
            events: states / 3 + 1,
            clusters: 2,
            first_time: moment(0),
            last_time: moment(3_000),
            new,
            example: Some(Example {
                reason: reason.into(),
                event_type: if reason == "Pulled" { "Normal" } else { "Warning" }.into(),
            }),
        };
        let answer = Answer {
            items: vec![
                pattern("Back-off pulling image \"*\"", "BackOff", 41_207, true),
                pattern(
                    "Successfully pulled image \"*\" in * (* including waiting). Image size: * bytes.",
                    "Pulled",
                    9,
                    false,
                ),
            ],
            different: 40,
        };
        insta::assert_snapshot!("patterns", text(&client(Some(110)), &answer));
    }
}
