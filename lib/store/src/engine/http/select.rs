//! Statements without data: streamed where the format allows, held whole otherwise.
//!
//! Flow: the engine's thread ([`SelectJob`]) sends a head (or a fault) once, then parts through a short channel; the
//! answer's body ([`Parts`]) hands them on. An error after the head becomes ClickHouse's in-body exception frame.
//! Invariants: a body ends only after [`Part::End`], so a failed thread breaks the connection instead of passing a torn
//! result for a whole one; a dropped body stops the statement; a slow client holds two parts at most.

use super::access::Role;
use super::cancel::{ClientGuard, JobTicket, ticket};
use super::fault::{Fault, code};
use super::frame;
use super::reply::Reply;
use super::request::Options;
use super::splice::Splice;
use super::statement::{first_word, may_call_file, reads_file, trailing_format};
use super::{Shim, place};
use crate::engine::session::{Counters, EngineError, ResultBuffer, Session, StatementClass};
use axum::body::Body;
use axum::response::Response;
use bytes::Bytes;
use futures::Stream;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};
use tokio::runtime::Handle;
use tokio::sync::{mpsc, oneshot};

/// Parts (about 1 MiB each) between the engine and the network: one on its way, one ready.
const CHANNEL_PARTS: usize = 2;
/// Longest time that a client may leave a part untaken: the server's own `http_send_timeout` is 30 s; readers that
/// work on what they read get ten times that.
const SEND_TIMEOUT: Duration = Duration::from_secs(300);
/// Largest result that is held whole (JSON, Parquet and other formats that cannot be streamed); sixteen at once would be
/// 4 GiB, and the engine's own memory limit ends them earlier.
const MAX_WHOLE_RESULT_BYTES: u64 = 256 << 20;
/// Statements outside of data and tables that a writer may send. Everything else of that class is a SELECT INTO OUTFILE,
/// which would write a file of the engine's user.
const CONTROL_WORDS: [&str; 12] =
    ["SET", "USE", "KILL", "SYSTEM", "BACKUP", "RESTORE", "BEGIN", "COMMIT", "ROLLBACK", "WATCH", "DETACH", "ATTACH"];

/// What comes before the first byte.
struct Head {
    format: String,
    counters: Counters,
    exception_tag: String,
}

/// A piece of the body.
enum Part {
    Data(Bytes),
    /// The body is complete.
    End,
}

/// Why a job stopped.
enum Stop {
    ClientGone,
    Failed(Fault),
}

impl From<Fault> for Stop {
    fn from(fault: Fault) -> Stop {
        Stop::Failed(fault)
    }
}

impl From<EngineError> for Stop {
    fn from(error: EngineError) -> Stop {
        Stop::Failed(error.into())
    }
}

/// Answers a statement.
pub(super) async fn answer(
    shim: &Arc<Shim>,
    sql: String,
    options: Options,
    started: Instant,
) -> Result<Response, Fault> {
    let permit = place(&shim.selects).await?;
    let (guard, ticket) = ticket(shim);
    let (head_sender, head) = oneshot::channel();
    let (parts, receiver) = mpsc::channel(CHANNEL_PARTS);
    let query_id = options.query_id.clone();
    let runtime = Handle::current();
    let job = SelectJob { shim: shim.clone(), sql, options, ticket, head: Some(head_sender), parts, runtime };
    tokio::task::spawn_blocking(move || {
        let _place = permit;
        job.run();
    });
    let head = match head.await {
        Ok(Ok(head)) => head,
        Ok(Err(fault)) => {
            guard.complete();
            return Err(fault);
        }
        Err(_) => return Err(Fault::internal("the statement's thread ended without an answer")),
    };
    let reply = Reply {
        query_id: &query_id,
        format: &head.format,
        counters: head.counters,
        started,
        exception_tag: &head.exception_tag,
    };
    Ok(reply.with_body(shim, Body::from_stream(Parts { receiver, guard: Some(guard) })))
}

/// The body of an answer.
struct Parts {
    receiver: mpsc::Receiver<Part>,
    guard: Option<ClientGuard>,
}

impl Stream for Parts {
    type Item = io::Result<Bytes>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if self.guard.is_none() {
            return Poll::Ready(None);
        }
        self.receiver.poll_recv(context).map(|part| match part {
            Some(Part::Data(data)) => Some(Ok(data)),
            Some(Part::End) => {
                if let Some(guard) = self.guard.take() {
                    guard.complete();
                }
                None
            }
            None => Some(Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the result broke off in the engine"))),
        })
    }
}

/// One statement on its blocking thread.
struct SelectJob {
    shim: Arc<Shim>,
    sql: String,
    options: Options,
    ticket: JobTicket,
    head: Option<oneshot::Sender<Result<Head, Fault>>>,
    parts: mpsc::Sender<Part>,
    runtime: Handle,
}

impl SelectJob {
    fn run(mut self) {
        let tag = uuid::Uuid::new_v4().simple().to_string()[..16].to_owned();
        match (self.produce(&tag), self.head.take()) {
            (Ok(()), None) => drop(self.send(Part::End)),
            (Ok(()), Some(head)) => drop(head.send(Err(Fault::internal("the statement gave no answer")))),
            (Err(Stop::Failed(fault)), Some(head)) => drop(head.send(Err(fault))),
            (Err(Stop::Failed(fault)), None) => {
                let frame = exception_frame(&tag, &fault.line(&self.shim.version));
                if self.data(Bytes::from(frame)).is_ok() {
                    drop(self.send(Part::End));
                }
            }
            (Err(Stop::ClientGone), _) => {}
        }
    }

    fn produce(&mut self, tag: &str) -> Result<(), Stop> {
        let clause = trailing_format(&self.sql, |name| self.shim.is_output_format(name));
        let format = clause.map_or(self.options.default_format.as_str(), |(_, name)| name).to_owned();
        let body_end = clause.map_or(self.sql.len(), |(start, _)| start);
        let splice = self.splice(&format);
        let limit = splice.is_none().then_some(("max_result_bytes", MAX_WHOLE_RESULT_BYTES));
        let session = self.shim.session(&self.options, &self.ticket.marker, limit)?;
        let class = self.permitted(&session)?;
        if self.ticket.client_is_gone() {
            return Err(Stop::ClientGone);
        }
        match splice.filter(|_| class == StatementClass::Read) {
            Some(splice) => self.stream(&session, format, body_end, splice, tag),
            None => self.whole(&session, format),
        }
    }

    /// The joiner of the result's chunks, if it can be streamed at all.
    fn splice(&self, format: &str) -> Option<Splice> {
        // The engine streams nothing but SELECT; and with this setting JSON rows form one array.
        let selects = matches!(first_word(&self.sql).as_str(), "SELECT" | "WITH");
        let array = "output_format_json_array_of_rows";
        let joins = !self.options.settings.names(array) && !self.sql.contains(array);
        (selects && joins && !self.options.wait_for_end).then(|| Splice::of(format)).flatten()
    }

    /// Refuses what neither ClickHouse's HTTP interface nor the caller's role allows, by the engine's own parser.
    fn permitted(&self, session: &Session) -> Result<StatementClass, Fault> {
        let analysis = session.classify(&self.sql);
        let word = first_word(&self.sql);
        if analysis.statements > 1 {
            return Err(Fault::new(code::SYNTAX_ERROR, "SYNTAX_ERROR", "Multi-statements are not allowed"));
        }
        if reads_file(&self.sql) {
            let message = "INSERT FROM INFILE is not possible here: send the data as the request body";
            return Err(Fault::new(code::NOT_IMPLEMENTED, "NOT_IMPLEMENTED", message));
        }
        if self.options.role != Role::ArchiveReader && may_call_file(&self.sql) {
            let message = "the function file reads files of the engine's user, and only the reader of the archive may";
            return Err(Fault::new(code::ACCESS_DENIED, "ACCESS_DENIED", message));
        }
        let lower = self.sql.to_ascii_lowercase();
        let outfile = || Fault::new(code::INTO_OUTFILE, "INTO_OUTFILE_NOT_ALLOWED", "INTO OUTFILE is not allowed");
        let read_only = || {
            let message = "Cannot execute query in readonly mode: this user may only read";
            Fault::new(code::READONLY, "READONLY", message)
        };
        match (analysis.class, self.options.role) {
            (StatementClass::Read, _) => {}
            (StatementClass::Mutate | StatementClass::Global, Role::Writer) => {}
            (StatementClass::Control, Role::Writer) if CONTROL_WORDS.contains(&word.as_str()) => {}
            (StatementClass::Control, _) if lower.contains("outfile") => return Err(outfile()),
            (StatementClass::Control, Role::Writer) => return Err(outfile()),
            (
                StatementClass::Mutate | StatementClass::Global | StatementClass::Control,
                Role::Reader | Role::ArchiveReader,
            ) => return Err(read_only()),
            // What the classifier cannot parse the engine refuses with a position, unless it understands more.
            (StatementClass::Unknown, _) if lower.contains("outfile") => return Err(outfile()),
            (StatementClass::Unknown, Role::Reader | Role::ArchiveReader) if lower.contains("kill") => {
                return Err(read_only());
            }
            (StatementClass::Unknown, _) => {}
        }
        Ok(analysis.class)
    }

    fn whole(&mut self, session: &Session, format: String) -> Result<(), Stop> {
        let result = session.query(&self.sql, &self.options.default_format, &self.options.parameters)?;
        self.begin(Head { format, counters: result.counters(), exception_tag: String::new() })?;
        self.result(result)
    }

    fn stream(
        &mut self,
        session: &Session,
        format: String,
        body_end: usize,
        mut splice: Splice,
        tag: &str,
    ) -> Result<(), Stop> {
        // The format is passed beside the statement; a FORMAT clause inside it says the same.
        let mut stream = session.stream(&self.sql, &self.options.default_format, &self.options.parameters)?;
        let mut current = stream.next()?;
        let counters = current.as_ref().map(ResultBuffer::counters).unwrap_or_default();
        if current.is_none() && splice.has_header() {
            drop(stream);
            return self.empty(session, format, body_end);
        }
        self.begin(Head { format, counters, exception_tag: tag.to_owned() })?;
        while let Some(chunk) = current {
            let joined = splice.join(Bytes::from_owner(chunk));
            self.data(
                joined.map_err(|_| Fault::internal("a chunk of the result does not have the shape of its format"))?,
            )?;
            current = stream.next()?;
        }
        self.data(splice.end())
    }

    /// A stream without rows gives no header either. The same statement with LIMIT 0 around it gives one without running
    /// it again; where it cannot be wrapped (two columns of one name), it runs a second time.
    fn empty(&mut self, session: &Session, format: String, body_end: usize) -> Result<(), Stop> {
        let inner = self.sql[..body_end].trim_end().trim_end_matches(';');
        let wrapped = format!("SELECT * FROM (\n{inner}\n) LIMIT 0");
        let parameters = &self.options.parameters;
        let result = session
            .query(&wrapped, &format, parameters)
            .or_else(|_| session.query(&self.sql, &self.options.default_format, parameters))?;
        self.begin(Head { format, counters: Counters::default(), exception_tag: String::new() })?;
        self.result(result)
    }

    fn begin(&mut self, head: Head) -> Result<(), Stop> {
        match self.head.take() {
            Some(sender) => sender.send(Ok(head)).map_err(|_| Stop::ClientGone),
            None => Err(Stop::Failed(Fault::internal("an answer began twice"))),
        }
    }

    fn result(&self, result: ResultBuffer) -> Result<(), Stop> {
        self.data(Bytes::from_owner(result))
    }

    fn data(&self, data: Bytes) -> Result<(), Stop> {
        if data.is_empty() {
            return Ok(());
        }
        let data = if self.options.compress { Bytes::from(frame::pack(&data)) } else { data };
        self.send(Part::Data(data))
    }

    fn send(&self, part: Part) -> Result<(), Stop> {
        let sent = self.runtime.block_on(tokio::time::timeout(SEND_TIMEOUT, self.parts.send(part)));
        match sent {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) | Err(_) => Err(Stop::ClientGone),
        }
    }
}

/// ClickHouse's frame for an exception inside a body that has begun.
fn exception_frame(tag: &str, line: &str) -> String {
    let message = format!("{line}\n");
    format!("\r\n__exception__\r\n{tag}\r\n{message}{} {tag}\r\n__exception__\r\n", message.len())
}
