//! `beidou restore`: every file is checked while it is copied beside the new data directory, which takes its name at the
//! end. So a restore that fails leaves no data directory at all.

use std::{
    fs::{self, File},
    path::{Path, PathBuf},
};

use anyhow::Context;

use super::{
    blocking, is_used,
    manifest::{self, Manifest},
};
use crate::{
    args::roles,
    exit::{Code, Failure},
    private_file,
};

/// Makes a data directory of a backup.
///
/// # Errors
/// When the backup is not whole, a file is not what was copied, or the data directory is not empty.
pub async fn main(args: roles::Restore) -> anyhow::Result<()> {
    let data = std::path::absolute(&args.data).context("cannot use the data directory")?;
    if is_used(&data)? {
        let text = format!("the data directory {} is not empty", data.display());
        return Err(Failure::new(Code::Usage, text, "choose one that is empty or not there").into());
    }
    let (from, to) = (args.dir.clone(), data.clone());
    let manifest = blocking(move || restore(&from, &to)).await?;
    crate::say(&format!(
        "{}: {} files, {} bytes, all as they were copied at {}",
        data.display(),
        manifest.files.len(),
        manifest.bytes(),
        manifest.time
    ));
    let program = crate::speak::program();
    crate::say(&format!(
        "start it with: {program} up --data {}; the tables are filled from archive and log",
        data.display()
    ));
    Ok(())
}

fn restore(from: &Path, data: &Path) -> anyhow::Result<Manifest> {
    let manifest = Manifest::read(from)?;
    let beside = beside(data)?;
    let copied = copy_all(from, &manifest, &beside).and_then(|()| {
        if data.is_dir() {
            fs::remove_dir(data).with_context(|| format!("cannot replace {}", data.display()))?;
        }
        fs::rename(&beside, data).with_context(|| format!("cannot make {}", data.display()))
    });
    if copied.is_err() {
        // What failed is told; what is left behind would only take room.
        let _nothing_to_remove = fs::remove_dir_all(&beside);
    }
    copied.map(|()| manifest)
}

/// A new folder on the same disk.
fn beside(data: &Path) -> anyhow::Result<PathBuf> {
    let name = data.file_name().context("the data directory has no name")?.to_string_lossy();
    let beside = data.with_file_name(format!(".{name}.restoring-{}", std::process::id()));
    private_file::make_folder(&beside).with_context(|| format!("cannot make {}", beside.display()))?;
    Ok(beside)
}

fn copy_all(from: &Path, manifest: &Manifest, to: &Path) -> anyhow::Result<()> {
    for entry in &manifest.files {
        let path = to.join(&entry.path);
        let folder = path.parent().unwrap_or(to);
        private_file::make_folder(folder).with_context(|| format!("cannot make {}", folder.display()))?;
        let act = || format!("cannot write {}", path.display());
        let mut file = File::create(&path).with_context(act)?;
        let source = from.join(&entry.path);
        let (bytes, sha256) = manifest::copy(&source, &mut file)?;
        if (bytes, &sha256) != (entry.bytes, &entry.sha256) {
            let text = format!(
                "{} is not what was copied: it has {bytes} bytes with SHA-256 {sha256}, and {} with {} were written",
                source.display(),
                entry.bytes,
                entry.sha256
            );
            return Err(Failure::new(Code::Failure, text, "use another backup; nothing was restored").into());
        }
        let mode = fs::metadata(&source).with_context(act)?.permissions();
        fs::set_permissions(&path, mode).with_context(act)?;
        file.sync_all().with_context(act)?;
    }
    Ok(())
}
