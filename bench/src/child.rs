//! The `beidou` binary that lies beside this one, as a child that ends with its handle.

use std::{
    path::Path,
    process::{Child as Process, Command, Stdio},
};

use anyhow::Context;
use beidou_simulator::ApiServer;

/// A running role.
#[derive(Debug)]
pub struct Child(Process);

impl Drop for Child {
    fn drop(&mut self) {
        // It may have ended by itself; its engine ends with it.
        let _ended = self.0.kill();
        let _status = self.0.wait();
    }
}

impl Child {
    /// Starts a role that watches these clusters, with its data in `folder`/data.
    pub fn start(role: &[&str], folder: &Path, servers: &[ApiServer]) -> anyhow::Result<Self> {
        Self::with(role, folder, servers, serde_json::json!({}))
    }

    /// The same with further sections of the configuration.
    pub fn with(
        role: &[&str],
        folder: &Path,
        servers: &[ApiServer],
        mut site: serde_json::Value,
    ) -> anyhow::Result<Self> {
        let clusters: Vec<_> = servers
            .iter()
            .map(|s| serde_json::json!({"name": s.cluster().name, "server": s.url(), "token": s.token()}))
            .collect();
        let config = folder.join("site.yaml");
        site["clusters"] = clusters.into();
        std::fs::write(&config, site.to_string())?;
        let binary = std::env::current_exe()?.with_file_name("beidou");
        let child = Command::new(&binary)
            .args(role)
            .arg("--tied-to-stdin")
            .arg("--config")
            .arg(&config)
            .arg("--data")
            .arg(folder.join("data"))
            .env("XDG_CONFIG_HOME", folder.join("config"))
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        let child = child.with_context(|| format!("cannot start {}: build it with cargo build", binary.display()))?;
        Ok(Self(child))
    }

    /// Its process.
    pub fn pid(&self) -> u32 {
        self.0.id()
    }

    /// An error where it has ended.
    pub fn runs(&mut self) -> anyhow::Result<()> {
        match self.0.try_wait()? {
            Some(status) => anyhow::bail!("beidou ended: {status}"),
            None => Ok(()),
        }
    }
}
