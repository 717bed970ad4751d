//! `beidou events`.

use serde_json::value::RawValue;

use super::{Client, answer::Event, query::plain};
use crate::{
    args::clients::{Events, Output, default_since},
    output::{Cell, Column, Paint, Table, cell::clean, time},
};

const PATH: &str = "/api/v1/events";

/// Lists Events, or follows them.
///
/// # Errors
/// When the server cannot be reached, or refuses.
pub async fn events(mut args: Events) -> anyhow::Result<()> {
    let client = Client::connect(&args.server)?;
    if let Some(name) = &args.saved {
        args.filters.query = Some(client.saved_line(name).await?);
    }
    if args.follow {
        return client.follow(&args).await;
    }
    let mut query = client.range(&args.range, default_since::EVENTS)?;
    query.extend(plain(args.filters.parameters()));
    let found = client.list(PATH, &query, args.limit).await?;
    if found.items.is_empty() && args.output == Output::Table {
        let since = args.range.since.as_deref().unwrap_or(default_since::EVENTS);
        crate::say(&client.why_empty(PATH, since, &args.filters.parameters(), &found).await);
    }
    client.show(&found, args.output, |items| {
        let events = items.iter().map(read).collect::<Result<Vec<_>, _>>()?;
        let sheet = EventTable {
            one_cluster: args.filters.clusters.len() == 1,
            one_namespace: args.filters.namespace.is_some(),
        };
        Ok(sheet.table(&client, &events).text(client.look))
    })
}

/// Reads an item.
///
/// # Errors
/// When it is no Event.
pub fn read(item: impl AsRef<RawValue>) -> serde_json::Result<Event> {
    serde_json::from_str(item.as_ref().get())
}

/// Which columns would say the same in each row.
#[derive(Debug, Clone, Copy)]
pub struct EventTable {
    /// One cluster was asked for.
    pub one_cluster: bool,
    /// One namespace was asked for.
    pub one_namespace: bool,
}

impl EventTable {
    /// A table of Events.
    pub fn table(self, client: &Client, events: &[Event]) -> Table {
        let mut columns = vec![Column::whole(format!("TIME ({})", time::zone_name(client.now, &client.zone)))];
        if !self.one_cluster {
            columns.push(Column::name("CLUSTER", 10));
        }
        if !self.one_namespace {
            columns.push(Column::name("NAMESPACE", 9));
        }
        columns.extend([
            Column::whole("TYPE"),
            Column::words("REASON", 10),
            Column::name("OBJECT", 18),
            Column::number("COUNT"),
            Column::words("MESSAGE", 22),
        ]);
        let mut table = Table::new(columns);
        for event in events {
            table.row(self.row(client, event));
        }
        table
    }

    /// Widths for rows that are not known yet, chosen as for a row of usual content.
    pub fn tail_widths(self, client: &Client, line: usize) -> Vec<usize> {
        let usual = |columns| "x".repeat(columns);
        let event = Event {
            cluster: usual(12),
            namespace: usual(14),
            event_type: "Warning".into(),
            reason: usual(18),
            kind: "Pod".into(),
            name: usual(34),
            message: usual(line),
            time: client.now,
            ..Event::default()
        };
        self.table(client, &[event]).widths(Some(line))
    }

    fn row(self, client: &Client, event: &Event) -> Vec<Cell> {
        let warning = if event.event_type == "Warning" { Paint::Warning } else { Paint::Plain };
        let mut cells = vec![Cell::from(client.local(event.time))];
        if !self.one_cluster {
            cells.push(Cell::from(&event.cluster));
        }
        if !self.one_namespace {
            cells.push(Cell::from(if event.namespace.is_empty() { "-" } else { &event.namespace }));
        }
        cells.extend([
            Cell::new(&event.event_type, warning),
            Cell::new(&event.reason, warning),
            Cell::from(object(event)),
            Cell::from(event.occurrences.to_string()),
            Cell::from(clean(&event.message)),
        ]);
        cells
    }
}

/// `pod/web-0`, as kubectl writes it.
fn object(event: &Event) -> String {
    format!("{}/{}", event.kind.to_lowercase(), event.name)
}
