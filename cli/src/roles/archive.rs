//! `beidou archive`: what the archive holds, and its compaction on demand. Works on the files, beside whatever runs.

use std::{collections::BTreeMap, path::Path};

use anyhow::Context;
use beidou_schemas::{Micros, archive::Collection};
use beidou_store::archive::{Archive, ArchiveError, Break, Catalogue, Compaction, Salvaged};
use serde::Serialize;

use crate::{
    args::roles::{self, ArchiveAction},
    exit::{Code, Failure},
    output::{Cell, Column, Look, Paint, Table},
    places::{self, Places},
    site,
};

/// Files, rows and bytes of a part of the archive.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
struct Held {
    files: u64,
    rows: u64,
    bytes: u64,
}

/// The answer of `beidou archive`.
#[derive(Debug, Serialize)]
struct Answer<'a> {
    place: &'a str,
    #[serde(flatten)]
    events: Part<'a>,
    operations: Part<'a>,
}

/// What is kept of one collection.
#[derive(Debug, Serialize)]
struct Part<'a> {
    generation: u64,
    days: Vec<Day<'a>>,
    not_compacted: Held,
}

#[derive(Debug, Serialize)]
struct Day<'a> {
    cluster: &'a str,
    cluster_uid: &'a str,
    dt: &'a str,
    #[serde(flatten)]
    held: Held,
}

/// Shows the archive, or compacts it.
///
/// # Errors
/// When there is none, when it cannot be read, or its newest manifest cannot.
pub async fn main(args: roles::Archive) -> anyhow::Result<()> {
    let site = site::read(&args.role, Vec::new())?.config;
    let data = site.data.clone().map_or_else(|| Places::from_environment().data(), Ok)?;
    expect(&site.archive, &data)?;
    let archive = site.archive.open(&data)?;
    match args.action {
        ArchiveAction::Compact => compact(&archive).await,
        ArchiveAction::List => show(&archive, args.json).await,
    }
}

/// What is shown or compacted is there already: opening it would make the folder, and a slip of the pen an empty archive.
fn expect(archive: &site::Archive, data: &Path) -> Result<(), Failure> {
    let next = "name the data directory of a site that has run, with --data or `data` of the configuration";
    let none = |text: String, next: &str| Err(Failure::new(Code::Usage, text, next));
    if archive.s3.is_used() {
        return Ok(());
    }
    match &archive.folder {
        Some(folder) if folder.is_dir() => Ok(()),
        Some(folder) => none(
            format!("`archive.folder` is {}: there is no such folder", folder.display()),
            "name the folder that the projector writes, or start `beidou up`, which makes it",
        ),
        None if !data.is_dir() => none(format!("`data` is {}: there is no data directory there", data.display()), next),
        None if !places::archive(data).is_dir() => {
            none(format!("`data` is {}: there is no archive in it, the folder `archive`", data.display()), next)
        }
        None => Ok(()),
    }
}

async fn show(archive: &Archive, json: bool) -> anyhow::Result<()> {
    let [events, operations] = [Collection::Events, Collection::Operations].map(|collection| archive.of(collection));
    let counts = (salvaged(&events).await?.catalogue, salvaged(&operations).await?.catalogue);
    let answer = Answer {
        place: archive.place(),
        events: part(&events, &counts.0).await?,
        operations: part(&operations, &counts.1).await?,
    };
    if json {
        crate::say(&serde_json::to_string_pretty(&answer)?);
        return Ok(());
    }
    for (what, part) in [("Events", &answer.events), ("Operations", &answer.operations)] {
        crate::say(table(part).text(Look::of_stdout()).trim_end());
        crate::say(&format!("{what} in {}, generation {}\n", answer.place, part.generation));
    }
    Ok(())
}

/// What counts, as the projector goes on from it where a manifest is lost; what is in doubt then is told.
///
/// # Errors
/// As [`Archive::salvage`].
pub async fn salvaged(archive: &Archive) -> Result<Salvaged, ArchiveError> {
    let salvaged = archive.salvage().await?;
    for Break { path, what } in salvaged.broken.iter().chain(&salvaged.doubtful) {
        crate::tell(&format!("{path}: {what}"));
    }
    if !salvaged.broken.is_empty() {
        let manifests = archive.collection().manifests();
        crate::tell(&format!("bring {manifests} back from a backup; until then this is as much as is known"));
    }
    Ok(salvaged)
}

async fn part<'a>(archive: &Archive, catalogue: &'a Catalogue) -> anyhow::Result<Part<'a>> {
    let not_compacted = ranges(archive, catalogue).await?;
    Ok(Part { generation: catalogue.generation, days: days(catalogue), not_compacted })
}

fn days(catalogue: &Catalogue) -> Vec<Day<'_>> {
    let mut days: BTreeMap<_, Held> = BTreeMap::new();
    for file in catalogue.days.values() {
        let held = days.entry((file.cluster.as_str(), file.cluster_uid.as_str(), file.dt.as_str())).or_default();
        held.files += 1;
        held.rows += file.note.rows;
        held.bytes += file.bytes;
    }
    days.into_iter().map(|((cluster, cluster_uid, dt), held)| Day { cluster, cluster_uid, dt, held }).collect()
}

async fn ranges(archive: &Archive, catalogue: &Catalogue) -> anyhow::Result<Held> {
    let mut held = Held::default();
    for file in &catalogue.ranges {
        let rows = match archive.open(&file.path).await {
            Ok(opened) => opened.note().rows,
            // Compacted meanwhile.
            Err(error) if error.is_missing() => continue,
            Err(error) => return Err(error.into()),
        };
        held = Held { files: held.files + 1, rows: held.rows + rows, bytes: held.bytes + file.bytes };
    }
    Ok(held)
}

fn table(part: &Part<'_>) -> Table {
    let mut table = Table::new([
        Column::name("CLUSTER", 8),
        Column::whole("DAY"),
        Column::number("FILES"),
        Column::number("ROWS"),
        Column::number("BYTES"),
        Column::number("BYTES/ROW"),
    ]);
    let mut row = |cluster: Cell, day: &str, held: Held| {
        let each = held.bytes.checked_div(held.rows).map_or_else(|| "-".into(), |each| each.to_string());
        let numbers = [held.files.to_string(), held.rows.to_string(), held.bytes.to_string(), each];
        table.row([cluster, Cell::from(day)].into_iter().chain(numbers.into_iter().map(Cell::from)).collect());
    };
    for day in &part.days {
        row(Cell::from(day.cluster), day.dt, day.held);
    }
    row(Cell::new("not compacted yet", Paint::Dim), "", part.not_compacted);
    table
}

async fn compact(archive: &Archive) -> anyhow::Result<()> {
    let now = Micros::of(jiff::Timestamp::now());
    let compaction = Compaction::new(now, now);
    let mut left_out = Vec::new();
    for collection in Collection::ALL {
        let archive = archive.of(collection);
        let done = archive.compact(&compaction).await.context("the archive is not compacted, and reads as before")?;
        let what = collection.folder();
        match done.generation {
            None => crate::say(&format!("{what}: nothing to compact")),
            Some(generation) => crate::say(&format!(
                "{what}: generation {generation}: {} rows of {} files ({} bytes) are in {} files ({} bytes)",
                done.rows, done.inputs.0, done.inputs.1, done.outputs.0, done.outputs.1
            )),
        }
        left_out.extend(done.left_out);
    }
    anyhow::ensure!(
        left_out.is_empty(),
        "files that are damaged or gone were left out, `beidou audit` may mend them: {}",
        left_out.join(", ")
    );
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;

    #[test]
    fn an_archive_that_is_not_there_is_refused_and_not_made() {
        let folder = tempfile::tempdir().unwrap();
        let own = |folder: PathBuf| site::Archive { folder: Some(folder), ..site::Archive::default() };
        let (nowhere, data) = (folder.path().join("nowhere"), folder.path().join("data"));
        std::fs::create_dir(&data).unwrap();
        for (archive, data, says) in [
            (site::Archive::default(), &nowhere, "no data directory there"),
            (site::Archive::default(), &data, "no archive in it"),
            (own(nowhere.clone()), &data, "`archive.folder` is"),
        ] {
            let refused = expect(&archive, data).unwrap_err();
            assert!(refused.code == Code::Usage && refused.text.contains(says), "{refused:?}");
        }
        assert!(!nowhere.exists() && !places::archive(&data).exists());
        std::fs::create_dir(places::archive(&data)).unwrap();
        expect(&site::Archive::default(), &data).unwrap();
        expect(&own(data), &nowhere).unwrap();
    }
}
