//! `beidou rejects`: what could not be decoded.

use jiff::Timestamp;
use serde::Deserialize;

use super::{Client, http::Parameter};
use crate::{
    args::clients::{Output, Rejects, default_since},
    output::{Cell, Column, Paint, Table, time},
};

/// A reject, as far as it is shown.
#[derive(Debug, Deserialize)]
struct Reject {
    cluster: String,
    observed: Timestamp,
    reason: String,
    #[serde(default)]
    detail: String,
    #[serde(default)]
    frame_bytes: u64,
    #[serde(default)]
    head: String,
}

/// Lists the rejects.
///
/// # Errors
/// When the server cannot be reached, or refuses.
pub async fn rejects(args: Rejects) -> anyhow::Result<()> {
    let client = Client::connect(&args.server)?;
    let mut query = client.range(&args.range, default_since::REJECTS)?;
    query.extend(args.clusters.iter().map(|cluster| -> Parameter { ("cluster", cluster.clone()) }));
    let found = client.list("/api/v1/rejects", &query, args.limit).await?;
    if found.items.is_empty() && args.output == Output::Table {
        let since = args.range.since.as_deref().unwrap_or(default_since::REJECTS);
        crate::say(&format!("nothing was rejected since {since}: every frame could be decoded"));
    }
    client.show(&found, args.output, |items| {
        let rejects = items.iter().map(|item| serde_json::from_str(item.get())).collect::<Result<Vec<Reject>, _>>()?;
        Ok(table(&client, &rejects).text(client.look))
    })
}

fn table(client: &Client, rejects: &[Reject]) -> Table {
    let mut table = Table::new([
        Column::whole(format!("TIME ({})", time::zone_name(client.now, &client.zone))),
        Column::name("CLUSTER", 8),
        Column::whole("REASON"),
        Column::number("BYTES"),
        Column::words("DETAIL", 16),
        Column::words("BEGINS WITH", 16),
    ]);
    for reject in rejects {
        table.row(vec![
            Cell::from(client.local(reject.observed)),
            Cell::from(&reject.cluster),
            Cell::new(&reject.reason, Paint::Warning),
            Cell::from(reject.frame_bytes.to_string()),
            Cell::from(&reject.detail),
            Cell::new(&reject.head, Paint::Dim),
        ]);
    }
    table
}
