//! Takes what a run says: lines of events over a unix socket, and what its program prints. Everything is cleaned of secrets,
//! put into the spool, and events are folded into outcomes.

use std::{
    io,
    path::Path,
    sync::{Arc, Mutex, PoisonError},
};

use beidou_schemas::runner::TaskEvent;
use beidou_service::CancellationToken;
use futures::FutureExt;
use tokio::{
    io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, BufReader},
    net::{UnixListener, UnixStream},
    task::JoinSet,
};

use crate::{
    line::{self, MAX_LINE_BYTES},
    outcome::Outcomes,
    redact::Redactor,
    spool::{Spool, SpoolError},
};

const READ_BYTES: usize = 64 << 10;

/// Where all that a run says comes together.
pub(crate) struct Report {
    spool: Arc<Spool>,
    redactor: Redactor,
    outcomes: Mutex<Outcomes>,
    /// Cancelled when nothing more can be taken: then the run must end.
    pub broken: CancellationToken,
}

impl Report {
    pub(crate) fn new(spool: Arc<Spool>, redactor: Redactor, limit: &[String]) -> Arc<Self> {
        let outcomes = Mutex::new(Outcomes::new(limit));
        Arc::new(Self { spool, redactor, outcomes, broken: CancellationToken::new() })
    }

    pub(crate) fn redactor(&self) -> &Redactor {
        &self.redactor
    }

    /// Takes an event of the run, or one of the runner's own about a host.
    pub(crate) fn event(&self, event: TaskEvent) {
        match self.spool.event(event) {
            Ok(event) => self.outcomes(|outcomes| outcomes.apply(&event)),
            Err(error) => self.stop(&error),
        }
    }

    /// Looks at, or changes, the outcomes.
    pub(crate) fn outcomes<T>(&self, look: impl FnOnce(&mut Outcomes) -> T) -> T {
        look(&mut self.outcomes.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Begins with other outcomes; gives those so far.
    pub(crate) fn turn(&self, to: Outcomes) -> Outcomes {
        self.outcomes(|outcomes| std::mem::replace(outcomes, to))
    }

    pub(crate) fn note(&self, message: &str) {
        if let Err(error) = self.spool.note(self.redactor.text(message)) {
            self.stop(&error);
        }
    }

    fn stop(&self, error: &SpoolError) {
        if !self.broken.is_cancelled() {
            tracing::error!(error = error as &dyn std::error::Error, "what the run says cannot be kept: it is ended");
            self.broken.cancel();
        }
    }

    fn line(&self, bytes: &[u8]) {
        match line::read(bytes, &self.redactor) {
            Ok(event) => self.event(event),
            // The text itself may hold anything and is not repeated.
            Err(error) => self.note(&format!("a line of {} bytes is no event: {error}", bytes.len())),
        }
    }

    /// Takes what a program prints.
    pub(crate) async fn output(self: Arc<Self>, mut input: impl AsyncRead + Unpin) {
        let (mut stream, mut piece) = (self.redactor.stream(), vec![0; READ_BYTES]);
        loop {
            // An error is an end as well: the program is gone.
            let read = input.read(&mut piece).await.unwrap_or(0);
            let clean = if read == 0 { stream.end() } else { stream.push(&piece[..read]) };
            if let Err(error) = self.spool.output(&clean) {
                return self.stop(&error);
            }
            if read == 0 {
                return;
            }
        }
    }
}

/// The socket that events come over.
pub(crate) struct Listener {
    listener: UnixListener,
    report: Arc<Report>,
    speakers: JoinSet<()>,
}

impl Listener {
    /// The socket of a play before this one is gone with its speakers.
    pub(crate) fn bind(path: &Path, report: Arc<Report>) -> io::Result<Self> {
        match std::fs::remove_file(path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            Ok(()) | Err(_) => {}
        }
        Ok(Self { listener: UnixListener::bind(path)?, report, speakers: JoinSet::new() })
    }

    /// Takes whoever connects, for as long as this is polled.
    pub(crate) async fn accept(&mut self) -> std::convert::Infallible {
        loop {
            tokio::select! {
                accepted = self.listener.accept() => self.take(accepted),
                Some(_) = self.speakers.join_next() => {}
            }
        }
    }

    /// Takes who connected last, and returns when all have said everything. All speakers must be gone.
    pub(crate) async fn end(mut self) {
        while let Some(accepted) = self.listener.accept().now_or_never() {
            self.take(accepted);
        }
        while self.speakers.join_next().await.is_some() {}
    }

    fn take(&mut self, accepted: io::Result<(UnixStream, tokio::net::unix::SocketAddr)>) {
        match accepted {
            Ok((stream, _)) => drop(self.speakers.spawn(lines(stream, self.report.clone()))),
            Err(error) => self.report.note(&format!("cannot take a connection of the run: {error}")),
        }
    }
}

/// A line that is too long is passed over, and said to be.
async fn lines(stream: UnixStream, report: Arc<Report>) {
    let mut reader = BufReader::with_capacity(READ_BYTES, stream);
    let (mut line, mut dropped) = (Vec::new(), 0usize);
    while let Ok(buffer) = reader.fill_buf().await {
        if buffer.is_empty() {
            break;
        }
        let end = buffer.iter().position(|byte| *byte == b'\n');
        let part = &buffer[..end.unwrap_or(buffer.len())];
        if dropped > 0 || line.len() + part.len() > MAX_LINE_BYTES {
            dropped += line.len() + part.len();
            line.clear();
        } else {
            line.extend_from_slice(part);
        }
        let used = part.len() + usize::from(end.is_some());
        reader.consume(used);
        if end.is_some() {
            if dropped > 0 {
                report.note(&format!("a line of {dropped} bytes is too long for an event"));
            } else {
                report.line(&line);
            }
            (dropped, line) = (0, Vec::new());
        }
    }
    if !line.is_empty() {
        report.note(&format!("the run was cut off in the middle of an event, after {} bytes", line.len()));
    }
}
