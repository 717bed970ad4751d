//! `beidou export` and `beidou exports`: files that the server makes, waited for and fetched.

use std::{fs::File, io::Write, path::Path, time::Duration};

use anyhow::Context;
use jiff::Timestamp;
use reqwest::Method;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    Client,
    answer::{ClusterCoverage, Range},
    query::{asked, plain, quoted, segment},
    running::Progress,
    sql::not_empty,
};
use crate::{
    args::{
        clients::{Output, default_since},
        sql::{Export, ExportForm, Exports, ExportsAction},
    },
    exit::{Code, Failure},
    output::{Cell, Column, Paint, Table, time},
    progress::Bars,
};

const PATH: &str = "/api/v1/exports";
/// A person sees a bar move; a server hardly notices two questions a second.
const LOOK_EVERY: Duration = Duration::from_millis(500);
/// The bar counts thousandths of the rows that the engine reads.
const WHOLE: u64 = 1000;

/// An export, as far as it is shown.
#[derive(Debug, Deserialize)]
struct Job {
    id: String,
    subject: String,
    question: String,
    format: String,
    state: String,
    began: Timestamp,
    rows: u64,
    bytes: u64,
    #[serde(default)]
    why: Option<String>,
    #[serde(default)]
    progress: Option<Progress>,
    #[serde(default)]
    range: Option<Range>,
    #[serde(default)]
    coverage: Vec<ClusterCoverage>,
}

/// Makes an export, waits for it, and writes its file.
///
/// # Errors
/// When the server cannot be reached, refuses, or the export does not become whole.
pub async fn export(args: Export) -> anyhow::Result<()> {
    writable(&args.out)?;
    let client = Client::connect(&args.server)?;
    let format = match args.form {
        ExportForm::Csv => "csv",
        ExportForm::Ndjson => "ndjson",
        ExportForm::Arrow => "arrow",
        ExportForm::Parquet => "parquet",
    };
    let mut query = plain(args.filters.parameters());
    let body = match &args.sql {
        Some(sql) => {
            not_empty(sql)?;
            query.extend(client.range_if_given(&args.range, default_since::COVERAGE)?);
            json!({"format": format, "sql": sql})
        }
        None => {
            query.extend(client.range(&args.range, default_since::COVERAGE)?);
            json!({"format": format})
        }
    };
    let said = args.sql.iter().map(|sql| ("sql", sql.clone())).collect::<Vec<_>>();
    let made = client.http.call(Method::POST, PATH, &query, Some(&body), &said).await?;
    let made: Job = made.json().await.context("the answer is not understood")?;
    tokio::select! {
        written = wait_and_fetch(&client, &made.id, &args.out) => written,
        () = interrupted() => Err(left(&made.id, &args.out).into()),
    }
}

/// Ends with Ctrl-C.
async fn interrupted() {
    if tokio::signal::ctrl_c().await.is_err() {
        // Nobody can be listened for: then Ctrl-C ends the process, as without us.
        std::future::pending().await
    }
}

/// What becomes of an export whose caller does not wait for it, and what can be done about it.
fn left(id: &str, out: &Path) -> Failure {
    let next = format!(
        "`beidou exports get {id} --out {}` writes its file once it is done, `beidou exports remove {id}` cancels it",
        quoted(&out.display().to_string())
    );
    Failure::new(Code::Failure, format!("interrupted: the server goes on with the export {id}"), next)
}

async fn wait_and_fetch(client: &Client, id: &str, out: &Path) -> anyhow::Result<()> {
    let done = wait(client, id).await?;
    if done.state != "done" {
        let why = done.why.unwrap_or_default();
        let text = format!("the export {} is {}: {why}", done.id, done.state);
        return Err(Failure::new(Code::Failure, text, "`beidou exports` lists all").into());
    }
    fetch(client, id, out).await?;
    crate::say(&format!("{} rows, {} bytes in {}", done.rows, done.bytes, out.display()));
    if let Some(range) = done.range {
        crate::say(client.footer(&done.coverage, range).trim_end());
    }
    Ok(())
}

/// Asks until it has ended.
async fn wait(client: &Client, id: &str) -> anyhow::Result<Job> {
    let bars = Bars::new();
    let bar = bars.counting("export", WHOLE, "of the rows read");
    let mut looks = tokio::time::interval(LOOK_EVERY);
    loop {
        looks.tick().await;
        let job: Job = client.http.get(&format!("{PATH}/{}", segment(id)), &[]).await?;
        if job.state != "running" {
            bar.finish_and_clear();
            return Ok(job);
        }
        if let Some(share) = job.progress.as_ref().and_then(Progress::share) {
            bar.at((share * WHOLE as f64) as u64);
        }
    }
}

/// Refuses a file that cannot be made, before the server works for it.
fn writable(out: &Path) -> Result<(), Failure> {
    let refused =
        |why: &str, next: &str| Err(Failure::new(Code::Usage, format!("cannot write {}: {why}", out.display()), next));
    if out.is_dir() || out.file_name().is_none() {
        return refused("it is a folder", "name a file in it");
    }
    // The folder of a bare name is the present one.
    match out.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        Some(folder) if !folder.is_dir() => {
            refused(&format!("{} is no folder", folder.display()), "make it, or name another file with --out")
        }
        Some(_) | None => Ok(()),
    }
}

/// Writes the file of an export. It has its name only when it is whole.
async fn fetch(client: &Client, id: &str, out: &Path) -> anyhow::Result<()> {
    let mut response = client.http.file(&format!("{PATH}/{}/file", segment(id))).await?;
    let unwritten = || format!("cannot write {}", out.display());
    let mut part = out.as_os_str().to_owned();
    part.push(".part");
    let mut file = File::create(&part).with_context(unwritten)?;
    while let Some(chunk) =
        response.chunk().await.context("the file broke off; `beidou exports get` fetches it again")?
    {
        file.write_all(&chunk).with_context(unwritten)?;
    }
    file.sync_all().with_context(unwritten)?;
    std::fs::rename(&part, out).with_context(unwritten)
}

/// Lists the exports, gets the file of one, or removes it.
///
/// # Errors
/// When the server cannot be reached, or refuses.
pub async fn exports(args: Exports) -> anyhow::Result<()> {
    match &args.action {
        Some(ExportsAction::Get { id, out, server }) => {
            writable(out)?;
            fetch(&Client::connect(server)?, id, out).await
        }
        Some(ExportsAction::Remove { id, server }) => {
            let client = Client::connect(server)?;
            client.http.call(Method::DELETE, &format!("{PATH}/{}", segment(id)), &[], None, &[]).await?;
            crate::say(&format!("{id} was cancelled or removed"));
            Ok(())
        }
        None => list(&Client::connect(&args.server)?, args.output).await,
    }
}

async fn list(client: &Client, output: Output) -> anyhow::Result<()> {
    let document: Value = client.http.get(PATH, &[]).await?;
    let items: Vec<Value> = serde_json::from_value(document["items"].clone()).unwrap_or_default();
    match output {
        Output::Json => crate::say(&format!("{document:#}")),
        Output::Ndjson => items.iter().for_each(|item| crate::say(&item.to_string())),
        Output::Table if items.is_empty() => crate::say("there is no export; `beidou export --out FILE` makes one"),
        Output::Table => {
            let jobs = items.into_iter().map(serde_json::from_value).collect::<Result<Vec<Job>, _>>()?;
            crate::say(table(client, &jobs).text(client.look).trim_end());
        }
    }
    Ok(())
}

fn table(client: &Client, jobs: &[Job]) -> Table {
    let mut table = Table::new([
        Column::whole("ID"),
        Column::whole("STATE"),
        Column::name("SUBJECT", 8),
        Column::whole(format!("SINCE ({})", time::zone_name(client.now, &client.zone))),
        Column::whole("FORM"),
        Column::number("ROWS"),
        Column::number("BYTES"),
        Column::words("QUESTION", 16),
    ]);
    for job in jobs {
        let paint = if job.why.is_some() { Paint::Warning } else { Paint::Dim };
        table.row(vec![
            Cell::from(&job.id),
            Cell::new(&job.state, paint),
            Cell::from(&job.subject),
            Cell::from(client.local(job.began)),
            Cell::from(&job.format),
            Cell::from(job.rows.to_string()),
            Cell::from(job.bytes.to_string()),
            Cell::new(asked(&job.question), Paint::Dim),
        ]);
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_cannot_be_made_is_refused_with_its_folder() {
        let folder = tempfile::tempdir().unwrap();
        let here = folder.path();
        std::fs::write(here.join("file"), "").unwrap();
        for out in [here.join("a.csv"), here.join("file"), "a.csv".into()] {
            assert!(writable(&out).is_ok(), "{}", out.display());
        }
        for (out, said) in [
            (here.join("none/a.csv"), "none is no folder"),
            (here.join("file/a.csv"), "file is no folder"),
            (here.into(), "it is a folder"),
            ("..".into(), "it is a folder"),
        ] {
            let refused = writable(&out).unwrap_err();
            assert!(refused.code == Code::Usage && refused.text.contains(said), "{refused:?}");
        }
    }

    #[test]
    fn an_export_that_is_left_says_how_to_get_and_how_to_cancel_it() {
        let failure = left("0199-a", Path::new("my file.csv"));
        assert!(failure.text.contains("0199-a"), "{failure:?}");
        for said in ["beidou exports get 0199-a --out 'my file.csv'", "beidou exports remove 0199-a"] {
            assert!(failure.next.contains(said), "{failure:?}");
        }
    }
}
