//! `beidou neighbours`: what else happened around an Event, oldest first.

use serde::Deserialize;
use serde_json::Value;

use super::{
    Client,
    answer::Event,
    picture::items,
    query::{plain, segment},
};
use crate::{
    args::pictures::{Neighbours, name},
    exit::{Code, Failure},
    output::{Cell, Column, Paint, Table, cell::clean, time},
};

/// The answer, as far as it is shown.
#[derive(Debug, Deserialize)]
struct Answer {
    event: Event,
    before: Vec<Event>,
    after: Vec<Event>,
    #[serde(default)]
    more_before: bool,
    #[serde(default)]
    more_after: bool,
}

/// Shows the neighbours.
///
/// # Errors
/// When the server cannot be reached or refuses, or the Event is not known.
pub async fn neighbours(args: Neighbours) -> anyhow::Result<()> {
    let client = Client::connect(&args.server)?;
    let cluster = match args.filters.clusters.as_slice() {
        [] => client.only_cluster().await?,
        [one] => one.clone(),
        [_, _, ..] => {
            return Err(Failure::new(Code::Usage, "an Event has one cluster", "name it with one -c").into());
        }
    };
    let path = format!("/api/v1/events/{}/{}/neighbours", segment(&cluster), segment(&args.event));
    let mut query = plain(args.filters.parameters());
    query.retain(|(name, _)| *name != "cluster");
    query.extend([("scope", name(args.scope)), ("within", args.within.clone()), ("limit", args.limit.to_string())]);
    let answer = client.http.get(&path, &query).await?;
    client.show_picture(&answer, args.output, rows, |answer| table(&client, answer).text(client.look))
}

/// Oldest first, the Event itself among them.
fn rows(answer: &Value) -> Vec<Value> {
    let before = items(answer, "before").into_iter().rev();
    before.chain([answer["event"].clone()]).chain(items(answer, "after")).collect()
}

fn table(client: &Client, answer: &Answer) -> Table {
    let mut table = Table::new([
        Column::whole(format!("TIME ({})", time::zone_name(client.now, &client.zone))),
        Column::number("AFTER"),
        Column::words("NAMESPACE", 9),
        Column::whole("TYPE"),
        Column::words("REASON", 10),
        Column::name("OBJECT", 18),
        Column::words("MESSAGE", 22),
    ]);
    let more = || vec![Cell::new("more", Paint::Dim)];
    if answer.more_before {
        table.row(more());
    }
    for event in answer.before.iter().rev() {
        table.row(row(client, answer, event));
    }
    let mut own = row(client, answer, &answer.event);
    for cell in &mut own {
        cell.paint = Paint::Bold;
    }
    table.row(own);
    for event in &answer.after {
        table.row(row(client, answer, event));
    }
    if answer.more_after {
        table.row(more());
    }
    table
}

fn row(client: &Client, answer: &Answer, event: &Event) -> Vec<Cell> {
    let warning = if event.event_type == "Warning" { Paint::Warning } else { Paint::Plain };
    vec![
        Cell::from(client.local(event.time)),
        Cell::new(apart(answer, event), Paint::Dim),
        Cell::from(if event.namespace.is_empty() { "-" } else { &event.namespace }),
        Cell::new(&event.event_type, warning),
        Cell::new(&event.reason, warning),
        Cell::from(format!("{}/{}", event.kind.to_lowercase(), event.name)),
        Cell::from(clean(&event.message)),
    ]
}

/// `-12s`, `+3s`; the Event itself is marked.
fn apart(answer: &Answer, event: &Event) -> String {
    let apart = event.time.duration_since(answer.event.time);
    match () {
        () if event.id == answer.event.id => "►".into(),
        () if apart.is_zero() => "0s".into(),
        () if apart.is_negative() => format!("-{}", time::length(apart.abs())),
        () => format!("+{}", time::length(apart)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::tests::{client, event};

    #[test]
    fn the_event_stands_between_its_neighbours() {
        let other = |second: i64, reason: &str| Event { message: format!("{reason} it"), ..event(second, reason) };
        let answer = Answer {
            event: event(60, "BackOff"),
            before: vec![other(60, "Pulling"), other(48, "Killing")],
            after: vec![other(61, "BackOff"), other(119, "Pulled")],
            more_before: true,
            more_after: false,
        };
        let answer = Answer {
            before: answer.before.into_iter().map(|event| Event { id: format!("{}b", event.id), ..event }).collect(),
            ..answer
        };
        insta::assert_snapshot!("neighbours", table(&client(Some(110)), &answer).text(client(None).look));
    }
}
