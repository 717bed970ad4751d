//! `beidou events --follow`: new Events as they come. A broken connection is resumed after the last id, so that nothing
//! is shown twice and nothing is left out.

use std::{collections::HashSet, time::Duration};

use super::{
    Client,
    answer::Event,
    events::EventTable,
    query::plain,
    sse::{Message, Parser},
};
use crate::{
    args::clients::{Events, Output, default_since},
    exit::{Code, Failure},
};

const PATH: &str = "/api/v1/events/tail";
/// The first pause before a new connection; doubled up to the longest.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(15);
/// The server sends a comment every few seconds; without any byte for this long the connection is dead.
const SILENCE: Duration = Duration::from_secs(60);
/// What is shown from before, where --since asks for it.
const MOST_BEFORE: u32 = 1000;
/// Widths are chosen for a terminal of this width where there is none to ask.
const PIPE_WIDTH: usize = 200;

/// The tail as it is shown.
struct Tail<'a> {
    client: &'a Client,
    output: Output,
    columns: EventTable,
    widths: Option<Vec<usize>>,
    last: Option<String>,
    shown: HashSet<String>,
}

/// Why a connection ended.
enum Ended {
    /// It was cut: worth another one.
    Cut(String),
    /// Nobody reads us any more, or the answer makes no sense.
    Final(anyhow::Error),
}

impl Client {
    /// Shows new Events until Ctrl-C.
    ///
    /// # Errors
    /// When the server cannot be reached at first, or refuses.
    pub async fn follow(&self, args: &Events) -> anyhow::Result<()> {
        if args.output == Output::Json {
            let next = "use -o ndjson, or leave --follow out";
            return Err(Failure::new(Code::Usage, "a tail has no end, and so is no JSON document", next).into());
        }
        let filters = plain(args.filters.parameters());
        let columns = EventTable {
            one_cluster: args.filters.clusters.len() == 1,
            one_namespace: args.filters.namespace.is_some(),
        };
        let mut tail =
            Tail { client: self, output: args.output, columns, widths: None, last: None, shown: HashSet::new() };
        // The tail is opened before the list is read: what comes between is in both, and told apart by id.
        let mut response = self.http.stream(PATH, &filters, None).await?;
        if args.range.since.is_some() {
            let query = [self.range(&args.range, default_since::EVENTS)?, filters.clone()].concat();
            let before = self.list("/api/v1/events", &query, MOST_BEFORE).await?;
            for item in before.items.iter().rev() {
                tail.event(item.get())?;
            }
            crate::tell(self.footer(&before.coverage, before.range).trim_end());
        }
        let mut pause = FIRST_PAUSE;
        loop {
            match tail.read(response).await {
                Ended::Final(error) => return Err(error),
                Ended::Cut(why) => crate::tell(&format!("the connection ended ({why}), going on after the last event")),
            }
            response = loop {
                tokio::time::sleep(pause).await;
                match self.http.stream(PATH, &filters, tail.last.as_deref()).await {
                    Ok(response) => break response,
                    Err(failure) if failure.code == Code::Unreachable => pause = (pause * 2).min(LONGEST_PAUSE),
                    Err(failure) if failure.code == Code::Failure => pause = (pause * 2).min(LONGEST_PAUSE),
                    Err(failure) => return Err(failure.into()),
                }
            };
            pause = FIRST_PAUSE;
        }
    }
}

impl Tail<'_> {
    async fn read(&mut self, mut response: reqwest::Response) -> Ended {
        let mut parser = Parser::default();
        loop {
            let chunk = match tokio::time::timeout(SILENCE, response.chunk()).await {
                Ok(Ok(Some(chunk))) => chunk,
                Ok(Ok(None)) => return Ended::Cut("the server closed it".into()),
                Ok(Err(error)) => return Ended::Cut(error.to_string()),
                Err(_) => return Ended::Cut(format!("nothing came for {} s", SILENCE.as_secs())),
            };
            let messages = match parser.push(&chunk) {
                Ok(messages) => messages,
                Err(error) => return Ended::Final(error.into()),
            };
            for message in messages {
                if let Err(error) = self.message(message) {
                    return Ended::Final(error);
                }
            }
        }
    }

    fn message(&mut self, message: Message) -> anyhow::Result<()> {
        match message.event.as_str() {
            "" | "message" | "event" if !message.data.is_empty() => self.event(&message.data)?,
            "" | "message" | "event" | "position" | "ping" => {}
            // What else the server says is about completeness, and must be seen.
            other => crate::tell(&format!("{other}: {}", message.data)),
        }
        self.last = message.id.or(self.last.take());
        Ok(())
    }

    fn event(&mut self, json: &str) -> anyhow::Result<()> {
        let event: Event = serde_json::from_str(json)?;
        if !self.shown.insert(format!("{} {}", event.cluster, event.id)) {
            return Ok(());
        }
        // The list holds at most so many, and only what it showed can come again.
        if self.shown.len() > 4 * MOST_BEFORE as usize {
            self.shown.clear();
        }
        match self.output {
            Output::Ndjson => crate::say(json),
            Output::Table | Output::Json => self.row(&event),
        }
        Ok(())
    }

    /// Widths are chosen with the first row and then kept, as the rows to come are not known.
    fn row(&mut self, event: &Event) {
        let table = self.columns.table(self.client, std::slice::from_ref(event));
        match &self.widths {
            Some(widths) => crate::say(table.lines(widths, self.client.look).trim_end()),
            None => {
                let widths = self.columns.tail_widths(self.client, self.client.look.width.unwrap_or(PIPE_WIDTH));
                crate::say(table.with_widths(&widths, self.client.look).trim_end());
                self.widths = Some(widths);
            }
        }
    }
}
