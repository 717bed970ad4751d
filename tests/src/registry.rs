//! A real registry of OCI artifacts for one test: the reference implementation, on loopback, for one user.
//!
//! Process and folder are gone when the value is dropped.

use std::{
    fs,
    net::{Ipv4Addr, TcpListener},
    path::PathBuf,
    process::Command,
    time::Duration,
};

use anyhow::{Context, anyhow};
use tempfile::TempDir;

use crate::{beidou::http, control_plane::part::Part, installed::installed, wait::until};

/// A start takes less than a second on an idle machine; longer than this, something is broken.
const READY_LIMIT: Duration = Duration::from_secs(120);
/// Ports are free when they are chosen and may be taken when they are used. Twice in a row is bad luck.
const PORT_ATTEMPTS: usize = 5;
/// Who may push and pull.
const LOGIN: &str = "team:registry-s3cret";
/// The same, as the registry's file of passwords has it: bcrypt is all that it takes.
const PASSWORDS: &str = "team:$2b$04$gioI17f0CtDmO5/8wgYqq.4rF.eE3Y9rjhxMoFWUAg.ehvAolO1nu\n";

/// A running registry; it ends when this is dropped.
pub struct Registry {
    // Dropped in this order: first the process, then the folder it writes to.
    part: Part,
    folder: TempDir,
    port: u16,
}

impl Registry {
    /// Starts an empty registry and returns when it answers.
    ///
    /// # Errors
    /// When the program is not installed (the message says how), or it ends or does not get ready.
    pub async fn start() -> anyhow::Result<Self> {
        let program = installed("registry")?.join("usr/bin/docker-registry");
        let mut last = None;
        for _ in 0..PORT_ATTEMPTS {
            let folder = TempDir::with_prefix("beidou-registry-")?;
            let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port();
            let (data, passwords) = (folder.path().join("data"), folder.path().join("passwords"));
            fs::write(&passwords, PASSWORDS)?;
            let settings = serde_json::json!({
                "version": 0.1,
                "http": {"addr": format!("127.0.0.1:{port}")},
                "storage": {"filesystem": {"rootdirectory": data}},
                "auth": {"htpasswd": {"realm": "tests", "path": passwords}},
            });
            let file = folder.path().join("config.yml");
            fs::write(&file, settings.to_string())?;
            let mut command = Command::new(&program);
            command.arg("serve").arg(&file);
            let part = Part::launch("registry", command, folder.path()).context("start the registry")?;
            let mut registry = Self { part, folder, port };
            match registry.ready().await {
                Ok(()) => return Ok(registry),
                Err(error) if registry.part.log_tail().contains("address already in use") => last = Some(error),
                Err(error) => return Err(error.context("start the registry")),
            }
        }
        Err(last.unwrap_or_else(|| anyhow!("no attempt was made")).context("find a free port for the registry"))
    }

    /// Its host, as names of artifacts have it.
    #[must_use]
    pub fn host(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// A file with the login, as `docker login` writes it.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn logins(&self) -> anyhow::Result<PathBuf> {
        use base64::Engine;
        let auth = base64::prelude::BASE64_STANDARD.encode(LOGIN);
        let file = self.folder.path().join("logins.json");
        fs::write(&file, serde_json::json!({"auths": {self.host(): {"auth": auth}}}).to_string())?;
        Ok(file)
    }

    /// Ends the process; what it holds stays, and nobody answers at its port.
    ///
    /// # Errors
    /// When it cannot be ended.
    pub fn stop(self) -> anyhow::Result<TempDir> {
        self.part.kill()?;
        Ok(self.folder)
    }

    async fn ready(&mut self) -> anyhow::Result<()> {
        let url = format!("http://{}/v2/", self.host());
        let waited = until("the registry answers", READY_LIMIT, async || match self.part.ended() {
            Ok(None) => http().get(&url).send().await.is_ok().then_some(Ok(())),
            Ok(Some(status)) => Some(Err(anyhow!("the registry has ended ({status})"))),
            Err(error) => Some(Err(error.into())),
        });
        waited.await.unwrap_or_else(|overdue| Err(anyhow!(overdue))).with_context(|| self.part.log_tail())
    }
}
