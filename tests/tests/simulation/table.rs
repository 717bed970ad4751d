//! The twin of ClickHouse: the tables in memory, asked over HTTP by the product's own client, without a socket.
//!
//! ```text
//!  clickhouse's client ─► hyper ─► a pipe in memory ─► axum ─► weather ─► tables, and tokens
//! ```
//!
//! It knows the statements of a projector by their words and refuses all others: what a statement means is proven on the real
//! engine. A block is taken whole; one whose token is known is skipped, as the engine does. It forgets the tokens of a cut as
//! soon as it may: when that is done, and what was on its way has arrived. Rows are never merged: each that was ever inserted
//! is counted. A block that has arrived is taken, whatever becomes of its sender.

use std::{
    collections::{BTreeMap, HashMap},
    io,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll},
    time::Duration,
};

use arrow_array::{RecordBatch, UInt16Array, UInt64Array};
use arrow_ipc::{reader::StreamReader, writer::StreamWriter};
use axum::{
    Router,
    body::Bytes,
    extract::{Query, State},
    http::StatusCode,
    response::{IntoResponse, Response},
    serve::Listener,
};
use beidou_schemas::ledger::Cut;
use beidou_store::Store;
use clickhouse::{Client, Compression};
use futures::future::BoxFuture;
use hyper_util::{
    client::legacy::{
        Client as HyperClient,
        connect::{Connected, Connection},
    },
    rt::{TokioExecutor, TokioIo},
};
use tokio::{
    io::{AsyncRead, AsyncWrite, DuplexStream, ReadBuf, duplex},
    sync::mpsc,
    time::Instant,
};

use super::{
    hands::{Hands, pass},
    trace::Trace,
    verdict::column,
    weather::{Fate, Weather},
};

/// Bytes that are on their way in one direction.
const PIPE: usize = 1 << 20;
/// The tokens of a cut are remembered for so long after it is done: what was sent before that has arrived.
const MEMORY: Duration = Duration::from_secs(6);

/// The server.
pub struct Tables {
    pub weather: Weather,
    trace: Trace,
    state: Mutex<Held>,
    doors: mpsc::UnboundedSender<DuplexStream>,
}

/// What it holds.
#[derive(Default)]
struct Held {
    notes: Vec<(u32, String)>,
    comment: String,
    blocks: BTreeMap<String, Vec<RecordBatch>>,
    /// Tokens that are remembered, and until when that is.
    tokens: BTreeMap<String, Option<Instant>>,
    /// Statements that it does not know.
    unknown: Vec<String>,
}

impl Tables {
    pub fn start(weather: Weather, trace: Trace) -> Arc<Self> {
        let (doors, arriving) = mpsc::unbounded_channel();
        let tables = Arc::new(Self { weather, trace, state: Mutex::default(), doors });
        let router =
            Router::new().fallback(answer).layer(axum::extract::DefaultBodyLimit::disable()).with_state(tables.clone());
        tokio::spawn(async move { axum::serve(Arriving(arriving), router).await });
        tables
    }

    fn lock(&self) -> MutexGuard<'_, Held> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The store as a process with these hands has it. Each request has its own connection: when a pool would close an idle one
    /// is decided by the machine's clock. A request of somebody who stands still leaves: whether it may insert is looked at just
    /// before, and who stops between the two has the engine's memory of tokens alone, which is longer than any stop here.
    pub fn of(self: &Arc<Self>, hands: Hands) -> Store {
        let doors = self.doors.clone();
        let connector = tower::service_fn(move |_: http::Uri| -> BoxFuture<'static, io::Result<TokioIo<Pipe>>> {
            let (doors, hands) = (doors.clone(), hands.clone());
            Box::pin(async move {
                hands.live().await;
                let (ours, theirs) = duplex(PIPE);
                doors.send(theirs).map_err(|_| io::ErrorKind::ConnectionRefused)?;
                Ok(TokioIo::new(Pipe(ours)))
            })
        });
        let http = HyperClient::builder(TokioExecutor::new()).pool_max_idle_per_host(0).build(connector);
        let client = Client::with_http_client(http).with_url("http://tables");
        Store::behind(client.with_compression(Compression::None).with_validation(false))
    }

    /// All blocks of a table, in the order in which they were taken.
    pub fn blocks(&self, table: &str) -> Vec<RecordBatch> {
        self.lock().blocks.get(table).cloned().unwrap_or_default()
    }

    /// Statements that were asked and are not known here.
    pub fn unknown(&self) -> Vec<String> {
        self.lock().unknown.clone()
    }

    /// Does what is asked; the answer in RowBinary, or nothing where the statement is not known.
    fn execute(&self, sql: &str, token: &str, body: &[u8]) -> Option<Vec<u8>> {
        let mut held = self.lock();
        let lines: Vec<&str> = sql.lines().filter(|line| !line.starts_with("--")).collect();
        let sql = lines.join("\n");
        if let Some(of) = sql.strip_prefix("INSERT INTO ")
            && sql.ends_with("FORMAT ArrowStream")
        {
            let table = of.split(' ').next()?.to_owned();
            self.take(&mut held, table, token, body)?;
            return Some(Vec::new());
        }
        let count = |yes: bool| u64::from(yes).to_le_bytes().to_vec();
        let is_filled = |table: &str| held.blocks.get(table).is_some_and(|blocks| !blocks.is_empty());
        let events = is_filled("kube_event");
        if let Some((_, comment)) = sql.split_once(" MODIFY COMMENT ") {
            held.comment = comment.trim_matches('\'').to_owned();
            return Some(Vec::new());
        }
        let words: Vec<&str> = sql.split_whitespace().collect();
        Some(match words[..] {
            ["EXISTS", ..] => vec![1],
            ["SELECT", "number,", "hash", ..] => held.notes.iter().flat_map(row_of).collect(),
            ["SELECT", "*", "FROM", "kube_event", "WHERE", "(log_partition", ..] => held.rows_of(&words)?,
            ["SELECT", "count()", "FROM", "system.tables", ..] => count(!held.comment.is_empty()),
            ["SELECT", "count()", .., "kube_reject", "LIMIT", "1)"] => {
                (u64::from(events) + u64::from(is_filled("kube_reject"))).to_le_bytes().to_vec()
            }
            ["SELECT", "count()", .., "kube_event", "LIMIT", "1)"] => count(events),
            ["INSERT", "INTO", "schema_migration", ..] => {
                let (_, values) = sql.split_once("SELECT ")?;
                let values: Vec<&str> = values.split(", ").collect();
                let note = (values.first()?.parse().ok()?, values.get(2)?.trim_matches('\'').to_owned());
                held.notes.push(note);
                Vec::new()
            }
            ["CREATE" | "DROP" | "ALTER", ..] => Vec::new(),
            _ => {
                held.unknown.push(sql.chars().take(200).collect());
                return None;
            }
        })
    }

    fn take(&self, held: &mut Held, table: String, token: &str, body: &[u8]) -> Option<()> {
        if held.tokens.get(token).is_some_and(|until| until.is_none_or(|until| Instant::now() < until)) {
            self.trace.note("tables", format_args!("skip {token}"));
            return Some(());
        }
        let batches: Vec<RecordBatch> = StreamReader::try_new(body, None).ok()?.collect::<Result<_, _>>().ok()?;
        let rows: usize = batches.iter().map(RecordBatch::num_rows).sum();
        self.trace.note("tables", format_args!("take {rows} rows {token}"));
        held.blocks.entry(table).or_default().extend(batches);
        held.tokens.insert(token.to_owned(), None);
        Some(())
    }

    /// A cut is done: nobody has a reason to repeat it.
    pub fn forget(&self, cut: &Cut) {
        let (now, part) = (Instant::now(), format!("/{}/{}-{}/", cut.source, cut.from, cut.to));
        let mut held = self.lock();
        held.tokens.retain(|_, until| until.is_none_or(|until| now < until));
        for (_, until) in held.tokens.iter_mut().filter(|(token, _)| token.contains(&part)) {
            until.get_or_insert(now + MEMORY);
        }
    }
}

impl Held {
    /// The rows of Events of a range of the log, in its order, as an Arrow stream.
    fn rows_of(&self, words: &[&str]) -> Option<Vec<u8>> {
        let number = |place: usize| words.get(place)?.trim_end_matches(')').parse::<u64>().ok();
        let (partition, range) = (number(7)?, number(11)?..number(15)?);
        let mut rows = Vec::new();
        for batch in self.blocks.get("kube_event").into_iter().flatten() {
            let partitions: &UInt16Array = column(batch, "log_partition");
            let offsets: &UInt64Array = column(batch, "log_offset");
            let inside =
                |row: &usize| u64::from(partitions.value(*row)) == partition && range.contains(&offsets.value(*row));
            rows.extend((0..batch.num_rows()).filter(inside).map(|row| (offsets.value(row), batch.slice(row, 1))));
        }
        rows.sort_by_key(|(offset, _)| *offset);
        let Some((_, first)) = rows.first() else { return Some(Vec::new()) };
        let mut writer = StreamWriter::try_new(Vec::new(), first.schema_ref()).ok()?;
        for (_, row) in &rows {
            writer.write(row).ok()?;
        }
        writer.into_inner().ok()
    }
}

/// A row of two columns, a number and a text, in RowBinary.
fn row_of((number, text): &(u32, String)) -> Vec<u8> {
    let length = u8::try_from(text.len()).unwrap_or(u8::MAX);
    [&number.to_le_bytes()[..], &[length], text.as_bytes()].concat()
}

/// One request. Texts have fewer than 128 bytes, and lengths one byte.
async fn answer(
    State(tables): State<Arc<Tables>>,
    Query(asked): Query<HashMap<String, String>>,
    body: Bytes,
) -> Response {
    let (fate, there, back) = tables.weather.next();
    // What has arrived is done, whoever waits for it.
    let working = tokio::spawn(async move {
        pass(there).await;
        if fate == Fate::Refused {
            return None;
        }
        let token = asked.get("insert_deduplication_token").map_or("", String::as_str);
        let done = match asked.get("query") {
            Some(sql) => tables.execute(sql.trim(), token, &body),
            None => tables.execute(String::from_utf8_lossy(&body).trim(), token, &[]),
        };
        pass(back).await;
        done
    });
    match working.await {
        Ok(Some(rows)) if fate == Fate::Done => rows.into_response(),
        _ => (StatusCode::INTERNAL_SERVER_ERROR, "Code: 999. DB::Exception: simulated").into_response(),
    }
}

/// Connections as they come.
struct Arriving(mpsc::UnboundedReceiver<DuplexStream>);

impl Listener for Arriving {
    type Io = DuplexStream;
    type Addr = ();

    async fn accept(&mut self) -> (DuplexStream, ()) {
        match self.0.recv().await {
            Some(pipe) => (pipe, ()),
            None => std::future::pending().await,
        }
    }

    fn local_addr(&self) -> io::Result<()> {
        Ok(())
    }
}

/// The client's end of a connection.
struct Pipe(DuplexStream);

impl Connection for Pipe {
    fn connected(&self) -> Connected {
        Connected::new()
    }
}

impl AsyncRead for Pipe {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(cx, into)
    }
}

impl AsyncWrite for Pipe {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, from: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(cx, from)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(cx)
    }
}
