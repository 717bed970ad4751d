//! A real registry of OCI artifacts for one test: the reference implementation, on loopback, for one user.
//!
//! Process and folder are gone when the value is dropped.

use std::{fs, path::PathBuf, process::Command};

use tempfile::TempDir;

use crate::{http_server::HttpServer, installed::installed};

/// Who may push and pull.
const LOGIN: &str = "team:registry-s3cret";
/// The same, as the registry's file of passwords has it: bcrypt is all that it takes.
const PASSWORDS: &str = "team:$2b$04$gioI17f0CtDmO5/8wgYqq.4rF.eE3Y9rjhxMoFWUAg.ehvAolO1nu\n";

/// A running registry; it ends when this is dropped.
pub struct Registry(HttpServer);

impl Registry {
    /// Starts an empty registry and returns when it answers.
    ///
    /// # Errors
    /// When the program is not installed (the message says how), or it ends or does not get ready.
    pub async fn start() -> anyhow::Result<Self> {
        let program = installed("registry")?.join("usr/bin/docker-registry");
        let server = HttpServer::start("registry", "/v2/", |folder, address| {
            let (data, passwords) = (folder.join("data"), folder.join("passwords"));
            fs::write(&passwords, PASSWORDS)?;
            let settings = serde_json::json!({
                "version": 0.1,
                "http": {"addr": address},
                "storage": {"filesystem": {"rootdirectory": data}},
                "auth": {"htpasswd": {"realm": "tests", "path": passwords}},
            });
            let file = folder.join("config.yml");
            fs::write(&file, settings.to_string())?;
            let mut command = Command::new(&program);
            command.arg("serve").arg(&file);
            Ok(command)
        });
        Ok(Self(server.await?))
    }

    /// Its host, as names of artifacts have it.
    #[must_use]
    pub fn host(&self) -> String {
        self.0.address.clone()
    }

    /// A file with the login, as `docker login` writes it.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn logins(&self) -> anyhow::Result<PathBuf> {
        use base64::Engine;
        let auth = base64::prelude::BASE64_STANDARD.encode(LOGIN);
        let file = self.0.folder.path().join("logins.json");
        fs::write(&file, serde_json::json!({"auths": {self.host(): {"auth": auth}}}).to_string())?;
        Ok(file)
    }

    /// Ends the process; what it holds stays, and nobody answers at its port.
    ///
    /// # Errors
    /// When it cannot be ended.
    pub fn stop(self) -> anyhow::Result<TempDir> {
        self.0.part.kill()?;
        Ok(self.0.folder)
    }
}
