//! Where the real servers and programs lie, as each `tests/NAME/install` says.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, bail};

/// This folder's place, as seen from here and from the tests of the runner, which include this file: both lie in the checkout's root.
const TESTS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests");

/// The folder that `tests/<name>/install` fills.
///
/// # Errors
/// When it is not there: the message says how to get it.
pub fn installed(name: &str) -> anyhow::Result<PathBuf> {
    let install = Path::new(TESTS).join(name).join("install");
    let output = Command::new(&install).arg("--print-path").output().with_context(|| format!("run {install:?}"))?;
    if !output.status.success() {
        bail!("{}", String::from_utf8_lossy(&output.stderr).trim());
    }
    let folder = PathBuf::from(String::from_utf8(output.stdout)?.trim());
    if !folder.is_dir() {
        bail!("what the tests need of {name} is missing ({folder:?}): run `tests/{name}/install`, or `make test`");
    }
    Ok(folder)
}
