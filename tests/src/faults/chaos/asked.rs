//! What people ask while the brokers are away: what is in the tables is answered all the time, though the log is not.

use anyhow::{Context, ensure};
use reqwest::StatusCode;
use serde_json::Value;

use super::{
    LIMIT, Run,
    matrix::{Load, Measure},
};
use crate::{beidou::http, faults::site::Role, wait::until};

/// The Events that happen while the matrix runs are on it.
const PAGE: &str = "/api/v1/events?from=-1h&limit=5";
/// The part of the API that tells of the log.
const LOG: &str = "query-api/log";

impl Run {
    /// Takes the broker away for a while. Each answer that is asked for comes before it is there again.
    pub(super) async fn away_and_asked(&mut self, load: Load, measure: Measure) -> anyhow::Result<u64> {
        self.site.start(Role::QueryApi)?;
        let (url, token) = self.site.listening().await?;
        let ready = until("the API is ready", LIMIT, async || {
            let (status, parts) = readiness(&url).await.ok()?;
            (status == StatusCode::OK && parts[LOG] == "ready").then_some(())
        });
        ready.await?;
        self.broker.as_mut().context("the log is in a broker")?.kill()?;
        self.pass(load, measure).await?;
        answers_without_brokers(&url, &token).await.context("just after they went")?;
        self.lasts(measure.away).await?;
        answers_without_brokers(&url, &token).await.context("just before they come back")?;
        self.broker.as_mut().context("the log is in a broker")?.restart().await?;
        self.pass(load, measure).await?;
        Ok(1)
    }
}

/// The status of `/readyz`, and what it says of each part.
async fn readiness(url: &str) -> anyhow::Result<(StatusCode, Value)> {
    let answer = http().get(format!("{url}/readyz")).send().await?;
    let (status, ready) = (answer.status(), answer.json::<Value>().await?);
    Ok((status, ready["parts"].clone()))
}

async fn answers_without_brokers(url: &str, token: &str) -> anyhow::Result<()> {
    let answer = http().get(format!("{url}{PAGE}")).bearer_auth(token).send().await?;
    let (status, text) = (answer.status(), answer.text().await?);
    ensure!(status.is_success(), "{PAGE}: {status}: {text}");
    let page: Value = serde_json::from_str(&text)?;
    let rows = page["items"].as_array().map_or(0, Vec::len);
    ensure!(rows > 0, "there are Events, and none on the page: {text}");
    let (status, parts) = readiness(url).await?;
    ensure!(status == StatusCode::OK, "who reads is sent away: {parts}");
    ensure!(parts[LOG] != "ready", "the log is not called away: {parts}");
    Ok(())
}
