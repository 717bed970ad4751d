//! `beidou demo` as a stranger starts it: seconds until its URL answers, and until its history is in the tables.

use std::{
    path::Path,
    process::Stdio,
    time::{Duration, Instant},
};

use anyhow::{Context, bail};
use beidou_store::Store;
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader, Lines},
    net::TcpStream,
    process::{ChildStdout, Command},
    time::{interval, timeout},
};

use crate::{
    fresh,
    report::{Report, grouped},
};

/// The demo's own engine must be there: its download is no part of the claim.
const LIMIT: Duration = Duration::from_secs(600);
/// Between two looks at the URL: far below what is measured.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// Starts the binary beside this program in an empty home, and ends it when all is there.
pub async fn measure(states: u64, report: &mut Report) -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let binary = std::env::current_exe()?.with_file_name("beidou");
    let begun = Instant::now();
    let mut child = Command::new(&binary)
        .args(["demo", "--listen", "127.0.0.1:0", "--no-live", "--states", &states.to_string(), "--data"])
        .arg(folder.path().join("data"))
        .env("XDG_CONFIG_HOME", folder.path().join("config"))
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .with_context(|| format!("cannot start {}: build it with cargo build --release -p beidou", binary.display()))?;
    let stdout = child.stdout.take().context("stdout is a pipe")?;
    let data = folder.path().join("data");
    let measured = timeout(LIMIT, watch(stdout, &data, begun, states)).await;
    let added = match &measured {
        Ok(Ok(seen)) => fresh::overhead(&seen.address, &data, report).await,
        Ok(Err(_)) | Err(_) => Ok(()),
    };
    // Its engine and its files end with it: the engine's stdin is the demo's.
    let pid = child.id().context("the demo still runs")?.try_into()?;
    // SAFETY: kill has no preconditions; the pid is that of our own child, which was not waited for.
    unsafe { libc::kill(pid, libc::SIGTERM) };
    child.wait().await?;
    added?;
    let Seen { url, tables, rows, .. } =
        measured.with_context(|| format!("the demo was not there after {} s", LIMIT.as_secs()))??;
    let seconds = |time: Duration| format!("{:.1} s", time.as_secs_f64());
    report.row("demo: start → its URL is ready", seconds(url), "the engine is installed; claimed: 5 s".into());
    let beside = format!("{} rows counted; claimed for a million: 60 s", grouped(rows as f64));
    report.row("demo: start → its history is in the tables", seconds(tables), beside);
    Ok(())
}

/// What was seen.
struct Seen {
    /// Without a path.
    address: String,
    url: Duration,
    tables: Duration,
    rows: u64,
}

/// Reads what the demo says, and looks whether it is so.
async fn watch(stdout: ChildStdout, data: &Path, begun: Instant, states: u64) -> anyhow::Result<Seen> {
    let mut lines = BufReader::new(stdout).lines();
    let line = line_with(&mut lines, "http://").await?;
    let (_, url) = line.split_once("http://").context("a URL")?;
    let address = url.split(|c: char| c.is_whitespace() || c == '/').next().context("an address")?;
    let mut looks = interval(LOOK_EVERY);
    while !is_ready(address).await {
        looks.tick().await;
    }
    let url = begun.elapsed();
    line_with(&mut lines, "into the tables").await?;
    let tables = begun.elapsed();
    let rows = Store::embedded(data).reader()?.query("SELECT count() FROM kube_event").fetch_one::<u64>().await?;
    if rows < states {
        bail!("the demo says that all is there, but the table has {rows} rows");
    }
    Ok(Seen { address: format!("http://{address}"), url, tables, rows })
}

async fn line_with(lines: &mut Lines<BufReader<ChildStdout>>, text: &str) -> anyhow::Result<String> {
    while let Some(line) = lines.next_line().await? {
        if line.contains(text) {
            return Ok(line);
        }
    }
    bail!("the demo ended without saying {text:?}")
}

/// Whether `/readyz` answers 200.
async fn is_ready(address: &str) -> bool {
    let ask = async {
        let mut stream = TcpStream::connect(address).await?;
        let request = format!("GET /readyz HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await?;
        Ok::<_, std::io::Error>(answer.starts_with("HTTP/1.1 200"))
    };
    ask.await.unwrap_or(false)
}
