//! `beidou backup` and `beidou restore`: log, archive and small files of a data directory, copied while Beidou runs.
//!
//! ```text
//!  consumers ─► ledgers ─► archive as they know it ─► coverage, other facts ─► Events ─► backup.json
//! ```
//!
//! A copy takes time, and meanwhile everything goes on. It must be a state that a crash could have left, so that the usual
//! start mends it: what speaks of other things is copied before them. Then nothing that a fact speaks of is missing, and
//! what is newer than the facts is what a crash leaves too. Two things need more than an order:
//! - A range file of the archive must not be there before the ledger announces it. Those that the copied ledger does not
//!   know are left out: their records are in the copied log.
//! - A compaction between ledgers and archive could mix such rows into day files. So the manifests' generations must be the
//!   same before the ledgers and after them; else archive and ledgers are copied again.
//!
//! The tables are not copied: they are made anew from archive and log.

mod archive;
mod manifest;
mod restore;

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::Context;
use beidou_log::file::LogCopy;
use beidou_schemas::Topic;
use beidou_store::archive::{Archive, Break};

pub use restore::main as restore;

use crate::{
    args::roles,
    exit::{Code, Failure},
    places::{self, Places},
    private_file, site,
};

/// A compaction runs once a day and takes seconds to minutes; who meets so many calls them by hand.
const TRIES: usize = 5;

/// What says which files of the archive are there: copied with it.
const LEDGERS: [Topic; 2] = [Topic::Ledger, Topic::OperationLedger];

/// Copies the data directory.
///
/// # Errors
/// When the target is not empty, something cannot be read, or the disk is full. When files of the archive are gone or damaged,
/// with all others copied.
pub async fn main(args: roles::Backup) -> anyhow::Result<()> {
    let site = site::read(&args.role, Vec::new())?.config;
    if site.log.kafka.is_used() {
        let next = "back up the topics with Kafka's own means, and the archive by a copy of its folder";
        return Err(Failure::new(Code::Usage, "the log is in Kafka, and a backup copies files", next).into());
    }
    let data = site.data.clone().map_or_else(|| Places::from_environment().data(), Ok)?;
    let to = std::path::absolute(&args.dir).context("cannot use the target")?;
    if is_used(&to)? {
        let text = format!("{} is not empty", to.display());
        return Err(Failure::new(Code::Usage, text, "choose a folder that is empty or not there").into());
    }
    private_file::make_folder(&to).with_context(|| format!("cannot make {}", to.display()))?;
    let source =
        if site.archive.enabled { Some(site.archive.open(&data).context("cannot open the archive")?) } else { None };
    let (from, target) = (data.clone(), to.clone());
    let broken = copy(&from, source.as_ref(), &target).await?;
    if args.with_secrets {
        for path in [places::token(&data), places::cursor_key(&data)] {
            copy_private(&path, &to)?;
        }
    }
    let manifest = {
        let to = to.clone();
        blocking(move || manifest::write(&to)).await?
    };
    let secrets = if args.with_secrets { "" } else { ", without token and cursor key" };
    crate::say(&format!("{}: {} files, {} bytes{secrets}", to.display(), manifest.files.len(), manifest.bytes()));
    if !broken.is_empty() {
        return Err(not_whole(&to, &broken).into());
    }
    crate::say(&format!("bring it back with: {} restore {} --data NEW", crate::speak::program(), to.display()));
    Ok(())
}

/// All that could be had is copied, but a site that is made of it does not start.
fn not_whole(to: &Path, broken: &[Break]) -> Failure {
    let files: Vec<String> = broken.iter().map(|Break { path, what }| format!("{path}: {what}")).collect();
    let text =
        format!("files of the archive are gone or damaged, and so they are in {}: {}", to.display(), files.join("; "));
    let next = format!(
        "`{} audit --full` writes them again where the tables have their rows; then make another backup. All else is in this \
         one, but a restored site does not start before these files are brought back",
        crate::speak::program()
    );
    Failure::new(Code::Failure, text, next)
}

/// Log and archive, in the order that the header tells; which files of the archive are gone or damaged.
async fn copy(data: &Path, archive: Option<&Archive>, to: &Path) -> anyhow::Result<Vec<Break>> {
    let (from, log) = (places::log(data), places::log(to));
    let begun = {
        let log = log.clone();
        blocking(move || LogCopy::begin(&from, &log)).await
    };
    let copy = begun.context("cannot copy the log; is --data the right directory?")?;
    let topic = async |topic: Topic| {
        let copy = copy.clone();
        blocking(move || copy.topic(topic)).await.context("cannot copy the log")
    };
    let mut tried = 1;
    let broken = loop {
        let before = archive::generations(archive).await?;
        for ledger in LEDGERS.into_iter().filter(|ledger| copy.topics().any(|topic| topic == *ledger)) {
            topic(ledger).await?;
        }
        let outcome = match archive {
            Some(archive) => archive::copy(archive, before, &log, &places::archive(to)).await?,
            None => archive::Outcome::Done(Vec::new()),
        };
        match outcome {
            archive::Outcome::Done(broken) => break broken,
            archive::Outcome::Compacted if tried < TRIES => tried += 1,
            archive::Outcome::Compacted => {
                anyhow::bail!("the archive was compacted {TRIES} times meanwhile; try again")
            }
        }
    };
    for next in order(copy.topics()) {
        topic(next).await?;
    }
    Ok(broken)
}

/// What speaks of others first, Events last.
fn order(topics: impl Iterator<Item = Topic>) -> Vec<Topic> {
    let rank = |topic: &Topic| match topic {
        Topic::Ledger | Topic::OperationLedger => None,
        Topic::KubeCoverage => Some(0),
        Topic::Maintenance | Topic::KubeReject | Topic::KubeImport => Some(1),
        // Facts follow from commands, and what runners told from facts: the cause is copied last.
        Topic::OperationTask | Topic::Operation => Some(1),
        Topic::OperationDraft => Some(1),
        Topic::OperationCommand => Some(2),
        Topic::KubeEvent => Some(2),
    };
    let mut rest: Vec<Topic> = topics.filter(|topic| rank(topic).is_some()).collect();
    rest.sort_by_key(rank);
    rest
}

/// Takes file work off the reactor. A panic of it is one of ours and goes on.
async fn blocking<T: Send + 'static, E: Send + 'static>(
    work: impl FnOnce() -> Result<T, E> + Send + 'static,
) -> Result<T, E> {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done,
        Err(error) => std::panic::resume_unwind(error.into_panic()),
    }
}

/// Whether a folder is there and holds anything.
fn is_used(folder: &Path) -> anyhow::Result<bool> {
    match fs::read_dir(folder) {
        Ok(mut entries) => Ok(entries.next().is_some()),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error).with_context(|| format!("cannot look into {}", folder.display())),
    }
}

/// Copies a file that only its owner may read, if it is there.
fn copy_private(path: &Path, to: &Path) -> anyhow::Result<()> {
    let name = path.file_name().map(PathBuf::from).unwrap_or_default();
    match fs::read(path) {
        Ok(content) => private_file::write(&to.join(name), &content).context("cannot copy a secret"),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error).with_context(|| format!("cannot read {}", path.display())),
    }
}

#[cfg(test)]
mod tests;
