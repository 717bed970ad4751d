//! `beidou explain`: what changed most against the time before.

use serde::Deserialize;

use super::{
    Client,
    answer::{ClusterCoverage, Range},
    footer::is_complete,
    picture::{grouped, items},
};
use crate::{
    args::pictures::{Explain, name},
    output::{Cell, Column, Paint, Table, cell::clean},
};

/// The answer, as far as it is shown.
#[derive(Debug, Deserialize)]
struct Answer {
    changes: Vec<Change>,
    states: u64,
    states_before: u64,
    baseline: Range,
    #[serde(default)]
    baseline_coverage: Vec<ClusterCoverage>,
}

#[derive(Debug, Deserialize)]
struct Change {
    field: String,
    value: String,
    #[serde(default)]
    label: Option<String>,
    #[serde(default)]
    new: bool,
    states: u64,
    states_before: u64,
    score: f64,
}

/// Shows what changed.
///
/// # Errors
/// When the server cannot be reached, or refuses.
pub async fn explain(args: Explain) -> anyhow::Result<()> {
    let client = Client::connect(&args.server)?;
    let mut query = client.parameters(&args.range, &args.filters)?;
    query.push(("top", args.top.to_string()));
    query.extend(args.baseline.clone().map(|baseline| ("baseline", baseline)));
    query.extend(args.by.iter().map(|field| ("fields", name(*field))));
    let answer = client.http.get("/api/v1/events/explain", &query).await?;
    client.show_picture(&answer, args.output, |answer| items(answer, "changes"), |answer| text(&client, answer))
}

fn text(client: &Client, answer: &Answer) -> String {
    let Answer { changes, states, states_before, baseline, baseline_coverage } = answer;
    let (from, to) = (client.local(baseline.from), client.local(baseline.to));
    let title = format!("{} states; {} before, from {from} to {to}", grouped(*states), grouped(*states_before));
    let unknown = match is_complete(baseline_coverage, *baseline) {
        true => String::new(),
        false => {
            Paint::Warning.on("the time before is not completely known: \"new\" may not be new", client.look.colour)
                + "\n"
        }
    };
    let title = client.heading(&title);
    if changes.is_empty() {
        return format!("{title}{unknown}nothing changed\n");
    }
    format!("{title}{unknown}\n{}", table(changes).text(client.look))
}

fn table(changes: &[Change]) -> Table {
    let mut table = Table::new([
        Column::whole("CHANGE"),
        Column::number("BEFORE"),
        Column::number("NOW"),
        Column::number("SCORE"),
        Column::whole("FIELD"),
        Column::name("VALUE", 24),
    ]);
    for change in changes {
        let value = change.label.as_ref().unwrap_or(&change.value);
        let (text, paint) = factor(change);
        table.row(vec![
            Cell::new(text, paint),
            Cell::from(grouped(change.states_before)),
            Cell::from(grouped(change.states)),
            Cell::new(format!("{:.1}", change.score), Paint::Dim),
            Cell::from(&change.field),
            Cell::from(if value.is_empty() { "(none)".into() } else { clean(value) }),
        ]);
    }
    table
}

/// `new`, `gone`, `× 3.5`, `÷ 2.0`.
fn factor(change: &Change) -> (String, Paint) {
    let (now, before) = (change.states as f64, change.states_before as f64);
    match (change.new, change.states) {
        (true, _) => ("new".into(), Paint::Bad),
        (false, 0) => ("gone".into(), Paint::Good),
        (false, _) if now > before => (format!("× {:.1}", now / before), Paint::Warning),
        (false, _) => (format!("÷ {:.1}", before / now), Paint::Good),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::tests::{client, moment};

    #[test]
    fn changes_are_told_with_their_numbers() {
        let change = |field: &str, value: &str, states_before, states, score| Change {
            field: field.into(),
            value: value.into(),
            label: (field == "cluster").then(|| "hz-prod-02".into()),
            new: states_before == 0,
            states,
            states_before,
            score,
        };
        let answer = |changes| Answer {
            changes,
            states: 12_345,
            states_before: 2_000,
            baseline: Range { from: moment(-600), to: moment(0) },
            baseline_coverage: Vec::new(),
        };
        let changes = vec![
            change("reason", "ErrImagePull", 0, 8_012, 11_107.2),
            change("cluster", "u-1", 2_000, 12_345, 8_123.4),
            change("namespace", "", 300, 100, 104.6),
            change("node", "hz2-c7-r14-u22", 12, 0, 16.6),
        ];
        insta::assert_snapshot!("explain", text(&client(Some(100)), &answer(changes)));
        assert!(text(&client(None), &answer(Vec::new())).contains("nothing changed"));
    }
}
