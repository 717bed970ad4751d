//! `beidou timeline`: what happened to one object, oldest first, as a story is read.

use serde::Deserialize;

use super::{
    Client,
    answer::Event,
    events::read,
    query::{Found, segment},
};
use crate::{
    args::clients::{Output, Timeline},
    exit::{Code, Failure},
    output::{Cell, Column, Paint, Table, cell::clean, time},
};

/// The range where none is named.
const DEFAULT_SINCE: &str = "7d";

/// Shows an object's timeline.
///
/// # Errors
/// When the server cannot be reached or refuses, or nothing is known of the object.
pub async fn timeline(args: Timeline) -> anyhow::Result<()> {
    let client = Client::connect(&args.server)?;
    let cluster = match &args.cluster {
        Some(cluster) => cluster.clone(),
        None => client.only_cluster().await?,
    };
    let namespace = match (&args.namespace, args.object.is_cluster_scoped()) {
        (Some(namespace), _) => namespace.as_str(),
        (None, true) => "_",
        (None, false) => "default",
    };
    let object = &args.object;
    let path = format!(
        "/api/v1/objects/{}/{}/{}/{}/timeline",
        segment(&cluster),
        segment(&object.kind),
        segment(namespace),
        segment(&object.name)
    );
    let query = client.range(&args.range, DEFAULT_SINCE)?;
    let mut found = client.list(&path, &query, args.limit).await?;
    if found.items.is_empty() {
        return client.nothing_of(&args, &cluster, namespace, &found).await;
    }
    found.items.reverse();
    client.show(&found, args.output, |items| {
        let events = items.iter().map(read).collect::<Result<Vec<_>, _>>()?;
        let title = match namespace {
            "_" => format!("{object} in {cluster}"),
            namespace => format!("{object} in namespace {namespace} of {cluster}"),
        };
        Ok(format!("{}\n\n{}", Paint::Bold.on(&title, client.look.colour), table(&client, &events).text(client.look)))
    })
}

fn table(client: &Client, events: &[Event]) -> Table {
    let mut table = Table::new([
        Column::whole(format!("TIME ({})", time::zone_name(client.now, &client.zone))),
        Column::whole("AFTER"),
        Column::whole("TYPE"),
        Column::words("REASON", 8),
        Column::number("COUNT"),
        Column::words("FROM", 8),
        Column::words("MESSAGE", 20),
    ]);
    let mut before = None;
    for event in events {
        let warning = if event.event_type == "Warning" { Paint::Warning } else { Paint::Plain };
        let after = before.replace(event.time).map(|before| event.time.duration_since(before));
        let from = if event.component.is_empty() { &event.reporting_component } else { &event.component };
        table.row(vec![
            Cell::from(time::local(event.time, &client.zone)),
            Cell::new(after.map(|after| format!("+{}", time::length(after))).unwrap_or_default(), Paint::Dim),
            Cell::new(&event.event_type, warning),
            Cell::new(&event.reason, warning),
            Cell::from(event.occurrences.to_string()),
            Cell::new(from, Paint::Dim),
            Cell::from(clean(&event.message)),
        ]);
    }
    table
}

/// A cluster's names, as far as they are needed here.
#[derive(Deserialize)]
struct Named {
    cluster: String,
}

impl Client {
    /// The only cluster there is.
    async fn only_cluster(&self) -> anyhow::Result<String> {
        let all = self.list("/api/v1/clusters", &[], 1000).await?;
        let names: Vec<String> = all
            .items
            .iter()
            .map(|item| serde_json::from_str::<Named>(item.get()).map(|named| named.cluster))
            .collect::<Result<_, _>>()?;
        match names.as_slice() {
            [only] => Ok(only.clone()),
            [] => {
                Err(Failure::new(Code::NotFound, "no cluster has been collected yet", "see `beidou clusters`").into())
            }
            names => {
                let next = format!("name one with -c: {}", names.join(", "));
                Err(Failure::new(Code::Usage, "there are several clusters", next).into())
            }
        }
    }

    /// Nothing in the range: perhaps before it, perhaps in another namespace.
    async fn nothing_of(&self, args: &Timeline, cluster: &str, namespace: &str, found: &Found) -> anyhow::Result<()> {
        if args.output != Output::Table {
            self.show(found, args.output, |_| Ok(String::new()))?;
        }
        let object = &args.object;
        let query = [
            ("from", "-365d".to_owned()),
            ("cluster", cluster.to_owned()),
            ("kind", object.kind.clone()),
            ("name", object.name.clone()),
        ];
        let elsewhere = self.list("/api/v1/events", &query, 1).await?;
        let next = match elsewhere.items.first().map(read).transpose()? {
            Some(event) if event.namespace != namespace && namespace != "_" => {
                format!("there is one in namespace {}: use -n {}", event.namespace, event.namespace)
            }
            Some(event) => {
                format!("the newest state is of {}: use --since {}", time::local(event.time, &self.zone), event.time)
            }
            None => "check kind, name, -n and -c; `beidou events --text` searches messages".into(),
        };
        let text = format!("nothing is known of {object} in {cluster} in this range");
        let coverage = self.footer(&found.coverage, found.range);
        crate::tell(coverage.trim_end());
        Err(Failure::new(Code::NotFound, text, next).into())
    }
}
