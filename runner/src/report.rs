//! Takes what a run says: lines of events over a unix socket, and what its program prints. Everything is cleaned of secrets,
//! put into the spool, and events are folded into outcomes.

use std::{
    io,
    path::Path,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use beidou_schemas::runner::{TaskEvent, TaskEventKind};
use beidou_service::CancellationToken;
use futures::FutureExt;
use tokio::{
    io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, BufReader},
    net::{UnixListener, UnixStream},
    task::JoinSet,
    time::{Instant, timeout},
};

use crate::{
    line::{self, MAX_LINE_BYTES},
    outcome::Outcomes,
    redact::Redactor,
    spool::{Spool, SpoolError, now},
};

const READ_BYTES: usize = 64 << 10;
/// Output is not urgent: it is gathered for so long, or until there is so much.
const GATHER: Duration = Duration::from_secs(1);
const OUTPUT_BYTES: usize = 32 << 10;
/// Of one attempt: `-vvv` on many hosts stays below. It goes onto the log and into the archive.
const MOST_OUTPUT: usize = 64 << 20;

/// Where all that a run says comes together.
pub(crate) struct Report {
    spool: Arc<Spool>,
    redactor: Redactor,
    outcomes: Mutex<Outcomes>,
    /// Bytes so far.
    printed: AtomicUsize,
    /// Cancelled when nothing more can be taken: then the run must end.
    pub broken: CancellationToken,
}

impl Report {
    pub(crate) fn new(spool: Arc<Spool>, redactor: Redactor, limit: &[String]) -> Arc<Self> {
        let outcomes = Mutex::new(Outcomes::new(limit));
        Arc::new(Self { spool, redactor, outcomes, printed: AtomicUsize::new(0), broken: CancellationToken::new() })
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

    /// Takes what a program prints, as events: so it is numbered, kept and shown with all else that is told.
    pub(crate) async fn output(self: Arc<Self>, mut input: impl AsyncRead + Unpin) {
        let (mut stream, mut piece) = (self.redactor.stream(), vec![0; READ_BYTES]);
        let (mut text, mut begun, mut is_over) = (Vec::new(), Instant::now(), false);
        while !is_over {
            let read = timeout(GATHER, input.read(&mut piece)).await;
            match &read {
                Ok(Ok(count @ 1..)) => text.extend(stream.push(&piece[..*count])),
                // An error is an end as well: the program is gone.
                Ok(Ok(0) | Err(_)) => {
                    text.extend(stream.end());
                    is_over = true;
                }
                Err(_quiet) => {}
            }
            if is_over || read.is_err() || text.len() >= OUTPUT_BYTES || begun.elapsed() >= GATHER {
                let end = if is_over { text.len() } else { whole(&text) };
                self.printed(&String::from_utf8_lossy(&text[..end]));
                text.drain(..end);
                begun = Instant::now();
            }
        }
    }

    fn printed(&self, mut text: &str) {
        let before = self.printed.fetch_add(text.len(), Ordering::Relaxed);
        if before > MOST_OUTPUT {
            return;
        }
        if before + text.len() > MOST_OUTPUT {
            self.note(&format!("more than {MOST_OUTPUT} bytes were printed: the rest is left out"));
        }
        while !text.is_empty() {
            let (part, rest) = text.split_at(text.floor_char_boundary(OUTPUT_BYTES));
            self.event(TaskEvent { message: Some(part.into()), ..TaskEvent::new(0, now(), TaskEventKind::Output) });
            text = rest;
        }
    }
}

/// How many bytes there are before a character that is cut.
fn whole(text: &[u8]) -> usize {
    text.len() - text.utf8_chunks().last().map_or(0, |last| last.invalid().len())
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

#[cfg(test)]
mod tests {
    use tokio::io::AsyncWriteExt;

    use super::*;

    fn report() -> (tempfile::TempDir, Arc<Spool>, Arc<Report>) {
        let folder = tempfile::tempdir().unwrap();
        let spool = Arc::new(Spool::create(folder.path()).unwrap());
        let redactor = Redactor::new([("token", "hunter2-hunter2")]).unwrap();
        let report = Report::new(spool.clone(), redactor, &[]);
        (folder, spool, report)
    }

    fn told(spool: &Spool) -> Vec<String> {
        let events = spool.read(1, 1000, 100 << 20).unwrap();
        assert!(events.iter().all(|event| event.kind == TaskEventKind::Output));
        events.into_iter().filter_map(|event| event.message).collect()
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_printed_is_told_once_a_second_so_that_whoever_prints_is_heard() {
        let (_folder, spool, report) = report();
        let (ours, mut theirs) = tokio::io::duplex(1 << 20);
        let reader = tokio::spawn(report.output(ours));
        let mut ticks = tokio::time::interval(Duration::from_millis(100));
        for number in 0..100u32 {
            ticks.tick().await;
            theirs.write_all(format!("line {number}\n").as_bytes()).await.unwrap();
        }
        assert!((8..=11).contains(&spool.last_seq()), "{}", spool.last_seq());
        drop(theirs);
        reader.await.unwrap();
        let all = told(&spool).concat();
        assert_eq!((all.lines().count(), all.lines().last()), (100, Some("line 99")));
    }

    #[tokio::test(start_paused = true)]
    async fn parts_are_bounded_and_cut_neither_characters_nor_secrets_in_two() {
        let (_folder, spool, report) = report();
        let (ours, mut theirs) = tokio::io::duplex(64);
        let reader = tokio::spawn(report.output(ours));
        let text = "ü€𝄞".repeat(20_000) + "hunter2-hunter2";
        for piece in text.as_bytes().chunks(7) {
            theirs.write_all(piece).await.unwrap();
        }
        drop(theirs);
        reader.await.unwrap();
        let parts = told(&spool);
        assert!(parts.len() >= 5 && parts.iter().all(|part| part.len() <= OUTPUT_BYTES), "{}", parts.len());
        assert_eq!(parts.concat(), text.replace("hunter2-hunter2", "***"));
    }
}
