//! Audits and rebuilds as people ask for them: over HTTP, and what came of them is read from there.

use std::{fs, time::Duration};

use anyhow::{Context, bail};
use beidou_schemas::maintenance::{AuditReport, RebuildReport};
use serde::Deserialize;
use serde_json::{Value, json};

use super::site::{Role, Site};
use crate::{beidou::http, wait::until};

/// An audit or a rebuild of the test's few rows takes a second; a projector that is killed meanwhile begins anew.
const LIMIT: Duration = Duration::from_secs(180);

/// What was asked for.
#[derive(Debug, Deserialize)]
struct Accepted {
    id: String,
}

/// What came of it.
#[derive(Debug, Deserialize)]
pub struct Work {
    state: String,
    why: Option<String>,
    audit: Option<AuditReport>,
    rebuild: Option<RebuildReport>,
}

impl Site {
    /// Asks for an audit of everything and waits for its report.
    ///
    /// # Errors
    /// When it is refused, or fails.
    pub async fn audit(&mut self) -> anyhow::Result<AuditReport> {
        let path = self.ask("audits", &json!({"full": true})).await?;
        self.done(&path).await?.audit.context("an audit has a report")
    }

    /// Asks for a rebuild; gives the path at which it is told what came of it.
    ///
    /// # Errors
    /// When it is refused.
    pub async fn ask_rebuild(&mut self) -> anyhow::Result<String> {
        self.ask("rebuilds", &Value::Null).await
    }

    /// Waits for the report of a rebuild.
    ///
    /// # Errors
    /// When it fails.
    pub async fn rebuilt(&mut self, path: &str) -> anyhow::Result<RebuildReport> {
        self.done(path).await?.rebuild.context("a rebuild has a report")
    }

    /// What came of a piece of work; nothing while it is open.
    ///
    /// # Errors
    /// When the answer is none, or it failed.
    pub async fn work(&self, path: &str) -> anyhow::Result<Option<Work>> {
        let (url, token) = self.api()?;
        let answer = http().get(format!("{url}{path}")).bearer_auth(token).send().await?;
        let work: Work = answer.error_for_status()?.json().await?;
        match work.state.as_str() {
            "open" => Ok(None),
            "done" => Ok(Some(work)),
            _ => bail!("{path} was not done: {:?}", work.why),
        }
    }

    async fn ask(&mut self, what: &str, wish: &Value) -> anyhow::Result<String> {
        self.start(Role::QueryApi)?;
        let (url, token) = self.listening().await?;
        let path = format!("/api/v1/{what}");
        let answer = http().post(format!("{url}{path}")).bearer_auth(token).json(wish).send().await?;
        let (status, text) = (answer.status(), answer.text().await?);
        if !status.is_success() {
            bail!("{path}: {status}: {text}");
        }
        let Accepted { id } = serde_json::from_str(&text)?;
        Ok(format!("{path}/{id}"))
    }

    /// URL and token of the API, once it has said that it listens.
    ///
    /// # Errors
    /// When it does not come.
    pub async fn listening(&mut self) -> anyhow::Result<(String, String)> {
        let listens = until("the API listens", LIMIT, async || {
            if let Err(error) = self.all_run() {
                return Some(Err(error));
            }
            Some(Ok(self.api().ok()?))
        });
        listens.await?
    }

    async fn done(&mut self, path: &str) -> anyhow::Result<Work> {
        let done = until("the projector has told what came of it", LIMIT, async || {
            if let Err(error) = self.all_run() {
                return Some(Err(error));
            }
            self.work(path).await.transpose()
        });
        done.await?
    }

    /// URL and token of the API; it tells its port in its log.
    fn api(&self) -> anyhow::Result<(String, String)> {
        const HOST: &str = "127.0.0.1:";
        let log = self.log(Role::QueryApi)?;
        let line = log.lines().rfind(|line| line.contains("query-api listens")).context("the API listens")?;
        let (_, port) = line.split_once(HOST).context("the API tells its address")?;
        let port: String = port.chars().take_while(char::is_ascii_digit).collect();
        let token = fs::read_to_string(self.data().join("token"))?;
        Ok((format!("http://{HOST}{port}"), token.trim().into()))
    }
}
