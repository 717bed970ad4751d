//! Helm 3 and Helm 4 with the chart of this checkout, each in a home of its own.

use std::{
    path::{Path, PathBuf},
    process::{Command, Output},
};

use anyhow::{Context, bail};
use tempfile::TempDir;

use crate::installed::installed;

/// The programs, as `tests/helm/install` names them.
const MAJORS: [&str; 2] = ["helm3", "helm4"];

/// One version of Helm.
pub struct Helm {
    name: &'static str,
    program: PathBuf,
    home: TempDir,
}

/// A file or folder below `deploy/`.
#[must_use]
pub fn deploy(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy").join(path)
}

/// The folder of the chart.
#[must_use]
pub fn chart() -> PathBuf {
    deploy("helm/beidou")
}

/// The least that an installation needs, every part at work, and what lies between.
pub const CI: [(&str, &str); 4] = [
    ("embedded", "helm/beidou/ci/embedded-values.yaml"),
    ("fleet", "helm/beidou/ci/fleet-values.yaml"),
    ("bucket", "helm/beidou/ci/bucket-values.yaml"),
    ("operating", "helm/beidou/ci/operating-values.yaml"),
];

impl Helm {
    /// Both versions.
    ///
    /// # Errors
    /// When they are not installed: the message says how to do it.
    pub fn all() -> anyhow::Result<Vec<Self>> {
        let folder = installed("helm")?;
        MAJORS
            .into_iter()
            .map(|name| Ok(Self { name, program: folder.join(name), home: tempfile::tempdir()? }))
            .collect()
    }

    /// `helm3` or `helm4`.
    #[must_use]
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// Runs it; the user's own repositories, plugins and clusters are not seen.
    ///
    /// # Errors
    /// When the process cannot be started.
    pub fn run(&self, arguments: &[&str]) -> anyhow::Result<Output> {
        let mut command = Command::new(&self.program);
        command.args(arguments).env_clear().env("HOME", self.home.path());
        command.output().with_context(|| format!("run {command:?}"))
    }

    /// Runs it, to succeed, and gives what it printed.
    ///
    /// # Errors
    /// When it refuses.
    pub fn print(&self, arguments: &[&str]) -> anyhow::Result<String> {
        let output = self.run(arguments)?;
        if !output.status.success() {
            bail!("{} {arguments:?}: {}", self.name, String::from_utf8_lossy(&output.stderr));
        }
        Ok(String::from_utf8(output.stdout)?)
    }

    /// The chart with a file of values below `deploy/`, rendered; more arguments may change values.
    ///
    /// # Errors
    /// When it refuses.
    pub fn template(&self, values: &str, more: &[&str]) -> anyhow::Result<String> {
        let (chart, values) = (chart(), deploy(values));
        let (chart, values) = (chart.to_string_lossy(), values.to_string_lossy());
        // Compiled without its Makefile, Helm 3 takes clusters for as old as 1.20.
        self.print(
            &[&["template", "beidou", &chart, "-n", "history", "-f", &values, "--kube-version", "1.37"], more].concat(),
        )
    }
}
