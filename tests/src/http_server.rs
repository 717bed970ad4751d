//! A real server of HTTP for one test: a program with a folder and a port of its own, on loopback.

use std::{path::Path, process::Command, time::Duration};

use anyhow::{Context, anyhow};
use beidou_service::held_port::HeldPort;
use tempfile::TempDir;

use crate::{beidou::http, control_plane::part::Part, wait::until};

/// A start takes less than a second on an idle machine; longer than this, something is broken.
const READY_LIMIT: Duration = Duration::from_secs(120);

/// A running server; it ends when this is dropped.
pub(crate) struct HttpServer {
    // Dropped in this order: first the process, then the folder it writes to.
    pub part: Part,
    pub folder: TempDir,
    /// Where it listens: `127.0.0.1:PORT`.
    pub address: String,
    _port: HeldPort,
}

impl HttpServer {
    /// Starts what `command` makes of a folder and an address, and returns when something is answered at `path`.
    pub(crate) async fn start(
        name: &'static str,
        path: &str,
        command: impl FnOnce(&Path, &str) -> anyhow::Result<Command>,
    ) -> anyhow::Result<Self> {
        let (folder, port) = (TempDir::with_prefix(format!("beidou-{name}-"))?, HeldPort::any()?);
        let address = port.address().to_string();
        let command = command(folder.path(), &address)?;
        let part = Part::launch(name, command, folder.path()).with_context(|| format!("start {name}"))?;
        let mut server = Self { part, folder, address, _port: port };
        server.ready(path).await.with_context(|| format!("start {name}"))?;
        Ok(server)
    }

    async fn ready(&mut self, path: &str) -> anyhow::Result<()> {
        let (name, url) = (self.part.name(), format!("http://{}{path}", self.address));
        let waited = until("a server answers", READY_LIMIT, async || match self.part.ended() {
            Ok(None) => http().get(&url).send().await.is_ok().then_some(Ok(())),
            Ok(Some(status)) => Some(Err(anyhow!("{name} has ended ({status})"))),
            Err(error) => Some(Err(error.into())),
        });
        waited.await.unwrap_or_else(|overdue| Err(anyhow!(overdue))).with_context(|| self.part.log_tail())
    }
}
