//! `beidou facets`: the most frequent values of each field, or the most warned ones.

use serde::Deserialize;
use serde_json::Value;

use super::{
    Client,
    picture::{grouped, items},
};
use crate::{
    args::pictures::{Facets, name},
    output::{Cell, Column, Table, bar::bar, cell::clean},
};

/// Columns of a bar.
const BAR: usize = 20;

/// The answer, as far as it is shown.
#[derive(Debug, Deserialize)]
struct Answer {
    facets: Vec<Facet>,
    states: u64,
}

#[derive(Debug, Deserialize)]
struct Facet {
    field: String,
    #[serde(default)]
    different: u64,
    values: Vec<Counted>,
}

#[derive(Debug, Deserialize)]
struct Counted {
    value: String,
    #[serde(default)]
    label: Option<String>,
    states: u64,
    warnings: u64,
}

/// Shows the values that come first.
///
/// # Errors
/// When the server cannot be reached, or refuses.
pub async fn facets(args: Facets) -> anyhow::Result<()> {
    let client = Client::connect(&args.server)?;
    let mut query = client.parameters(&args.range, &args.filters)?;
    query.extend([("top", args.top.to_string()), ("sort", name(args.sort))]);
    query.extend(args.by.iter().map(|field| ("fields", name(*field))));
    let answer = client.http.get("/api/v1/events/facets", &query).await?;
    client.show_picture(&answer, args.output, rows, |answer| text(&client, answer))
}

/// One line for each value, with its field.
fn rows(answer: &Value) -> Vec<Value> {
    let of_facet = |facet: Value| {
        let field = facet["field"].clone();
        items(&facet, "values").into_iter().map(move |mut row| {
            row["field"] = field.clone();
            row
        })
    };
    items(answer, "facets").into_iter().flat_map(of_facet).collect()
}

fn text(client: &Client, answer: &Answer) -> String {
    let facets: Vec<String> =
        answer.facets.iter().filter(|facet| !facet.values.is_empty()).map(|f| one(client, f, answer.states)).collect();
    let states = grouped(answer.states);
    if facets.is_empty() { "nothing matches\n".into() } else { format!("{}\n{states} states\n", facets.join("\n")) }
}

fn one(client: &Client, facet: &Facet, all: u64) -> String {
    let title = match facet.different {
        different if different > facet.values.len() as u64 => {
            format!("{} ({} of {})", facet.field.to_uppercase(), facet.values.len(), grouped(different))
        }
        _ => facet.field.to_uppercase(),
    };
    let mut table = Table::new([
        Column::number("STATES"),
        Column::number("WARNINGS"),
        Column::number("SHARE"),
        Column::words("", BAR),
        Column::name(title, 16),
    ]);
    for counted in &facet.values {
        let share = counted.states as f64 / all.max(1) as f64;
        let value = counted.label.as_ref().unwrap_or(&counted.value);
        table.row(vec![
            Cell::from(grouped(counted.states)),
            Cell::from(grouped(counted.warnings)),
            Cell::from(format!("{:.1} %", share * 100.0)),
            Cell::from(format!("{:BAR$}", bar(share, 1.0, BAR))),
            Cell::from(if value.is_empty() { "(none)".into() } else { clean(value) }),
        ]);
    }
    table.text(client.look)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::client::tests::client;

    #[test]
    fn values_stand_beside_their_share() {
        let answer = json!({"states": 12_000, "facets": [
            {"field": "cluster", "different": 2, "values": [
                {"value": "u-1", "label": "hz-prod-02", "states": 11_999, "occurrences": 1, "warnings": 300},
                {"value": "u-2", "label": "sz-prod-01", "states": 1, "occurrences": 1, "warnings": 0}]},
            {"field": "node", "different": 312, "values": [
                {"value": "", "states": 7_000, "occurrences": 1, "warnings": 0},
                {"value": "hz2-c7-r14-u22", "states": 400, "occurrences": 1, "warnings": 250}]},
            {"field": "kind", "different": 0, "values": []}]});
        let read = Answer::deserialize(&answer).unwrap();
        insta::assert_snapshot!("facets", text(&client(Some(80)), &read));
        let lines = rows(&answer);
        assert_eq!((lines.len(), &lines[2]["field"], &lines[2]["states"]), (4, &json!("node"), &json!(7_000)));
    }
}
