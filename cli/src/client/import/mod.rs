//! `beidou import`: dumps of Events, sent to the server as they are read, while its answer comes line by line.
//!
//! ```text
//!  file ─► source (thread: gunzip, chunks) ─► body ─► server ─► lines: progress, reject, done | failed
//! ```

mod source;
mod tell;

use std::{fs, io::Write, path::Path};

use anyhow::Context;
use futures::StreamExt;
use reqwest::Response;
use serde::{Deserialize, Serialize};

use self::tell::{cut_short, refused, summary};
use super::{Client, http::Parameter};
use crate::{
    args::{clients::Output, import::Import},
    exit::{Code, Failure},
    progress::{Bar, Bars},
};

/// The longest line of an answer: one reject, whose texts the server bounds.
const LONGEST_LINE: usize = 1 << 20;
/// Rejects that are shown where no file takes them.
const SHOWN_REJECTS: usize = 5;

/// What was read.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(super) struct Counts {
    pub bytes: u64,
    pub items: u64,
    pub imported: u64,
    pub hashed: u64,
    pub known: u64,
    pub passed: u64,
    pub rejected: u64,
}

/// A cluster that was imported into.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Cluster {
    pub name: String,
    pub uid: String,
    pub known: bool,
    pub imported: u64,
}

/// What came of a dump.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Done {
    #[serde(flatten)]
    pub counts: Counts,
    pub clusters: Vec<Cluster>,
    pub dry_run: bool,
    pub rejects_left_out: u64,
    pub coverage: String,
}

/// A refused item.
#[derive(Debug, Deserialize, Serialize)]
struct Reject {
    line: u64,
    reason: String,
    detail: String,
    excerpt: String,
}

#[derive(Debug, Deserialize)]
struct Failed {
    title: String,
    detail: String,
}

/// A line of the answer.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Line {
    Progress(Counts),
    Reject(Reject),
    Done(Done),
    Failed(Failed),
}

/// A reject with its file, as it is written.
#[derive(Serialize)]
struct Written<'a> {
    file: &'a str,
    #[serde(flatten)]
    reject: &'a Reject,
}

/// How many more of a file there are, behind those that the server told.
#[derive(Serialize)]
struct LeftOut<'a> {
    file: &'a str,
    left_out: u64,
}

/// Where rejects go.
struct Rejects {
    file: Option<fs::File>,
    shown: usize,
}

impl Rejects {
    fn open(path: Option<&Path>) -> anyhow::Result<Self> {
        let create = |path: &Path| {
            fs::File::create(path).with_context(|| format!("cannot write the rejects to {}", path.display()))
        };
        Ok(Self { file: path.map(create).transpose()?, shown: 0 })
    }

    fn take(&mut self, dump: &str, reject: &Reject) -> anyhow::Result<()> {
        if self.file.is_some() {
            return self.write(&Written { file: dump, reject });
        }
        self.shown += 1;
        if self.shown <= SHOWN_REJECTS {
            crate::tell(&format!("{dump}:{}: {}: {}", reject.line, reject.detail, reject.excerpt));
        } else if self.shown == SHOWN_REJECTS + 1 {
            crate::tell("… more items are rejected: --rejects FILE writes the first 10,000 of a dump");
        }
        Ok(())
    }

    /// Behind the rejects of a file stands how many of them the server did not tell.
    fn end(&mut self, dump: &str, left_out: u64) -> anyhow::Result<()> {
        if left_out == 0 { Ok(()) } else { self.write(&LeftOut { file: dump, left_out }) }
    }

    fn write(&mut self, line: &impl Serialize) -> anyhow::Result<()> {
        let Some(file) = &mut self.file else { return Ok(()) };
        let mut line = serde_json::to_vec(line)?;
        line.push(b'\n');
        file.write_all(&line).context("cannot write the rejects")
    }
}

/// Imports dumps, one after another. Nothing is sent unless all of them can be opened.
///
/// # Errors
/// When a file cannot be read, the server refuses, or items were rejected.
pub async fn import(args: Import) -> anyhow::Result<()> {
    args.files.iter().try_for_each(|path| source::check(path))?;
    let client = Client::connect(&args.server)?;
    let mut rejects = Rejects::open(args.rejects.as_deref())?;
    let mut query: Vec<Parameter> = vec![("format", args.format.name().into()), ("dry_run", args.dry_run.to_string())];
    query.extend(args.cluster.iter().map(|cluster| -> Parameter { ("cluster", cluster.clone()) }));
    let (mut rejected, mut left_out) = (0, 0);
    for (before, path) in args.files.iter().enumerate() {
        let name = path.display().to_string();
        let done = one(&client, path, &name, &query, &mut rejects).await;
        let done = done.with_context(|| cut_short(&name, before, args.files.len(), args.dry_run))?;
        rejects.end(&name, done.rejects_left_out)?;
        rejected += done.counts.rejected;
        left_out += done.rejects_left_out;
        match args.output {
            Output::Table => crate::say(&summary(&name, &done)),
            Output::Json => crate::say(&serde_json::to_string_pretty(&done)?),
            Output::Ndjson => crate::say(&serde_json::to_string(&done)?),
        }
    }
    if rejected == 0 {
        return Ok(());
    }
    Err(refused((rejected, left_out), args.rejects.as_deref(), args.dry_run).into())
}

async fn one(
    client: &Client,
    path: &Path,
    name: &str,
    query: &[Parameter],
    rejects: &mut Rejects,
) -> anyhow::Result<Done> {
    let bars = Bars::new();
    let source = source::open(path)?;
    let bar = bars.counting_bytes("importing", source.total);
    let shown = bar.clone();
    let body = source.chunks.inspect(move |_| shown.at(source.read.load(std::sync::atomic::Ordering::Relaxed)));
    let mut body = Box::pin(body.peekable());
    // `kubectl get -o json` writes nothing until it has all: the server's only place is not taken for that long.
    body.as_mut().peek().await;
    let sent = client.http.post("/api/v1/imports", query, reqwest::Body::wrap_stream(body)).await;
    let done = match sent {
        Ok(response) => follow(response, name, rejects, &bar).await,
        Err(failure) => Err(failure.into()),
    };
    bar.finish_and_clear();
    match source.broken.get() {
        Some(error) => {
            let next = "a part of it may be imported; import it again once it is whole, nothing is stored twice";
            let cause = std::io::Error::new(error.kind(), error.to_string());
            Err(Failure::new(Code::Failure, "the file cannot be read to its end", next).because(cause).into())
        }
        None => done,
    }
}

/// Reads the answer to its end.
async fn follow(response: Response, name: &str, rejects: &mut Rejects, bar: &Bar) -> anyhow::Result<Done> {
    let mut answer = response.bytes_stream();
    let mut rest: Vec<u8> = Vec::new();
    while let Some(bytes) = answer.next().await {
        rest.extend_from_slice(&bytes.context("the answer broke off; import again, nothing is stored twice")?);
        while let Some(end) = rest.iter().position(|byte| *byte == b'\n') {
            let line: Vec<u8> = rest.drain(..=end).collect();
            match serde_json::from_slice(&line).context("the answer is not Beidou's")? {
                Line::Progress(counts) => bar.says(&format!("{} new, {} known", counts.imported, counts.known)),
                Line::Reject(reject) => rejects.take(name, &reject)?,
                Line::Done(done) => return Ok(done),
                Line::Failed(failed) => {
                    let next = "import again once that is mended: nothing is stored twice";
                    let text = format!("{}: {}", failed.title, failed.detail);
                    return Err(Failure::new(Code::Failure, text, next).into());
                }
            }
        }
        anyhow::ensure!(rest.len() < LONGEST_LINE, "the answer is not Beidou's: a line without end");
    }
    let text = "the answer ends before the import does";
    Err(Failure::new(Code::Unreachable, text, "import again: nothing is stored twice").into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_of_rejects_says_how_many_it_leaves_out() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("rejects.ndjson");
        let mut rejects = Rejects::open(Some(&path)).unwrap();
        let reject = Reject { line: 7, reason: "time".into(), detail: "d".into(), excerpt: "e".into() };
        for (dump, left_out) in [("a", 0), ("b", 12)] {
            rejects.take(dump, &reject).unwrap();
            rejects.end(dump, left_out).unwrap();
        }
        assert_eq!(
            fs::read_to_string(path).unwrap(),
            "{\"file\":\"a\",\"line\":7,\"reason\":\"time\",\"detail\":\"d\",\"excerpt\":\"e\"}\n\
             {\"file\":\"b\",\"line\":7,\"reason\":\"time\",\"detail\":\"d\",\"excerpt\":\"e\"}\n\
             {\"file\":\"b\",\"left_out\":12}\n"
        );
    }
}
