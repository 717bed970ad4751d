//! `beidou timeline`: what happened to one object, oldest first, as a story is read.

use std::collections::{HashMap, hash_map::Entry};

use jiff::Timestamp;
use serde::Deserialize;

use super::{
    Client,
    answer::Event,
    events::read,
    query::{Found, segment},
};
use crate::{
    args::clients::{Output, Timeline, default_since},
    exit::{Code, Failure},
    output::{Cell, Column, Paint, Table, cell::clean, time},
};

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
    let mut query = client.range(&args.range, default_since::TIMELINE)?;
    query.extend(args.query.clone().map(|line| ("q", line)));
    let found = client.list(&path, &query, args.limit).await?;
    if found.items.is_empty() {
        return client.nothing_of(&args, &cluster, namespace, &found).await;
    }
    client.show(&found, args.output, |items| {
        let events = oldest_first(items.iter().map(read).collect::<Result<_, _>>()?);
        let title = match namespace {
            "_" => format!("{object} in {cluster}"),
            namespace => format!("{object} in namespace {namespace} of {cluster}"),
        };
        let table = if args.states { states(&client, &events) } else { stories(&client, &folded(events)) };
        Ok(format!("{}\n\n{}", Paint::Bold.on(&title, client.look.colour), table.text(client.look)))
    })
}

fn oldest_first(mut events: Vec<Event>) -> Vec<Event> {
    events.sort_by_key(|event| (event.time, event.resource_version.parse::<u64>().unwrap_or_default()));
    events
}

/// The states of one Event: what a repeated message is to a reader.
#[derive(Debug, PartialEq)]
struct Story {
    first: Timestamp,
    newest: Event,
}

/// One story for each Event, in the order in which they begin.
fn folded(events: Vec<Event>) -> Vec<Story> {
    let (mut stories, mut places) = (Vec::<Story>::new(), HashMap::<String, usize>::new());
    for event in events {
        match places.entry(event.uid.clone()) {
            Entry::Occupied(place) => stories[*place.get()].newest = event,
            Entry::Vacant(place) => {
                place.insert(stories.len());
                stories.push(Story { first: event.time, newest: event });
            }
        }
    }
    stories
}

fn stories(client: &Client, stories: &[Story]) -> Table {
    let mut table = Table::new([
        Column::whole(format!("TIME ({})", time::zone_name(client.now, &client.zone))),
        Column::whole("FOR"),
        Column::number("COUNT"),
        Column::whole("TYPE"),
        Column::words("REASON", 14),
        Column::words("FROM", 8),
        Column::words("MESSAGE", 24),
    ]);
    for Story { first, newest } in stories {
        let length = newest.time.duration_since(*first);
        let length = if length.is_zero() { String::new() } else { time::length(length) };
        table.row(vec![
            Cell::from(client.local(*first)),
            Cell::new(length, Paint::Dim),
            Cell::from(newest.occurrences.to_string()),
            Cell::new(&newest.event_type, paint(newest)),
            Cell::new(&newest.reason, paint(newest)),
            Cell::new(from(newest), Paint::Dim),
            Cell::from(clean(&newest.message)),
        ]);
    }
    table
}

fn paint(event: &Event) -> Paint {
    if event.event_type == "Warning" { Paint::Warning } else { Paint::Plain }
}

fn from(event: &Event) -> &str {
    if event.component.is_empty() { &event.reporting_component } else { &event.component }
}

fn states(client: &Client, events: &[Event]) -> Table {
    let mut table = Table::new([
        Column::whole(format!("TIME ({})", time::zone_name(client.now, &client.zone))),
        Column::whole("AFTER"),
        Column::number("COUNT"),
        Column::whole("TYPE"),
        Column::words("REASON", 14),
        Column::words("FROM", 8),
        Column::words("MESSAGE", 24),
    ]);
    let mut before = None;
    for event in events {
        let after = before.replace(event.time).map(|before| event.time.duration_since(before));
        table.row(vec![
            Cell::from(client.local(event.time)),
            Cell::new(after.map(|after| format!("+{}", time::length(after))).unwrap_or_default(), Paint::Dim),
            Cell::from(event.occurrences.to_string()),
            Cell::new(&event.event_type, paint(event)),
            Cell::new(&event.reason, paint(event)),
            Cell::new(from(event), Paint::Dim),
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
    pub(super) async fn only_cluster(&self) -> anyhow::Result<String> {
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
                format!("the newest state is of {}: use --since {}", self.local(event.time), event.time)
            }
            None => "check kind, name, -n and -c; `beidou events --text` searches messages".into(),
        };
        let text = format!("nothing is known of {object} in {cluster} in this range");
        let coverage = self.footer(&found.coverage, found.range);
        crate::tell(coverage.trim_end());
        Err(Failure::new(Code::NotFound, text, next).into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::tests::{client, event};

    fn sample() -> Vec<Event> {
        let of = |uid: &str, version: u64, second: i64, reason: &str, count| Event {
            uid: uid.into(),
            resource_version: version.to_string(),
            occurrences: count,
            ..event(second, reason)
        };
        // As the server answers: newest first, and of one second in the order of the uids.
        vec![
            of("b", 12, 2_600, "BackOff", 47),
            of("a", 11, 60, "Pulling", 2),
            of("b", 10, 4, "BackOff", 1),
            of("z", 8, 2, "Scheduled", 1),
            of("a", 9, 2, "Pulling", 1),
        ]
    }

    #[test]
    fn one_line_tells_an_event_and_states_tell_all() {
        let (client, events) = (client(Some(100)), oldest_first(sample()));
        insta::assert_snapshot!("timeline_states", states(&client, &events).text(client.look));
        insta::assert_snapshot!("timeline", stories(&client, &folded(events)).text(client.look));
    }
}
