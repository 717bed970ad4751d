//! The heartbeat: one Event object per cluster and collector, written again and again. Its resource version proves how
//! far the watch has come, and keeps the position fresh on a quiet cluster.
//!
//! It is written with the version of the last write as a condition. Nobody else writes it, so a conflict with an
//! *older* version means that etcd was set back, even if it has outgrown the position since.

use beidou_schemas::{Micros, ResourceVersion};
use http::Method;
use serde::Deserialize;
use serde_json::json;

use crate::watch::{ApiError, Content, Link};

/// The heartbeat's reason.
pub const REASON: &str = "BeidouHeartbeat";
/// Who says so.
pub const COMPONENT: &str = "beidou-ingest";

/// Whether raw JSON values of `reason` and `reportingComponent` are those of a heartbeat, of whichever collector.
pub(crate) fn is_heartbeat(reason: Option<&str>, component: Option<&str>) -> bool {
    reason == Some("\"BeidouHeartbeat\"") && component == Some("\"beidou-ingest\"")
}

/// What a write proved.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Beat {
    /// Where the server stands.
    pub(crate) version: ResourceVersion,
    /// The server knows an older heartbeat than was written: etcd was set back.
    pub(crate) set_back: bool,
}

/// The heartbeat object of this collector in one cluster.
#[derive(Debug, Clone)]
pub(crate) struct Heartbeat {
    namespace: String,
    name: String,
    collector: String,
    /// The version of the last write, if this process made one.
    written: Option<ResourceVersion>,
}

impl Heartbeat {
    pub(crate) fn new(namespace: &str, collector: &str) -> Self {
        let name = format!("beidou-heartbeat.{collector}");
        Self { namespace: namespace.into(), name, collector: collector.into(), written: None }
    }

    /// Writes it once.
    pub(crate) async fn beat(&mut self, link: &Link, now: Micros) -> Result<Beat, ApiError> {
        let version = match self.written {
            Some(version) => match self.patch(link, version, now).await {
                Err(error) if error.code() == Some(404) => self.create(link, now).await?,
                Err(error) if error.code() == Some(409) => {
                    let found = self.read(link).await?;
                    if found < version {
                        self.written = Some(found);
                        return Ok(Beat { version: found, set_back: true });
                    }
                    self.patch(link, found, now).await?
                }
                other => other?,
            },
            None => match self.create(link, now).await {
                Err(error) if error.code() == Some(409) => {
                    let found = self.read(link).await?;
                    self.patch(link, found, now).await?
                }
                other => other?,
            },
        };
        self.written = Some(version);
        Ok(Beat { version, set_back: false })
    }

    pub(crate) fn namespace(&self) -> &str {
        &self.namespace
    }

    fn collection(&self) -> String {
        format!("/api/v1/namespaces/{}/events", self.namespace)
    }

    fn object(&self) -> String {
        format!("{}/{}", self.collection(), self.name)
    }

    async fn read(&self, link: &Link) -> Result<ResourceVersion, ApiError> {
        version_in(&link.read(Method::GET, &self.object(), None).await?)
    }

    async fn patch(&self, link: &Link, known: ResourceVersion, now: Micros) -> Result<ResourceVersion, ApiError> {
        let patch = json!({
            "metadata": { "resourceVersion": known.to_string(), "annotations": { "beidou.io/sent": now.micros_text() } },
            "lastTimestamp": whole_seconds(now),
        });
        let content = Content { kind: "application/merge-patch+json", json: patch.to_string().into_bytes() };
        version_in(&link.read(Method::PATCH, &self.object(), Some(content)).await?)
    }

    async fn create(&self, link: &Link, now: Micros) -> Result<ResourceVersion, ApiError> {
        let event = json!({
            "kind": "Event",
            "apiVersion": "v1",
            "metadata": {
                "name": self.name,
                "namespace": self.namespace,
                "annotations": { "beidou.io/sent": now.micros_text() },
            },
            "involvedObject": {
                "apiVersion": "v1", "kind": "Namespace", "name": self.namespace, "namespace": self.namespace,
            },
            "reason": REASON,
            "message": "Beidou writes this Event to prove that it misses none",
            "type": "Normal",
            "source": { "component": COMPONENT },
            "reportingComponent": COMPONENT,
            "reportingInstance": self.collector,
            "firstTimestamp": whole_seconds(now),
            "lastTimestamp": whole_seconds(now),
            "count": 1,
        });
        let content = Content { kind: "application/json", json: event.to_string().into_bytes() };
        version_in(&link.read(Method::POST, &self.collection(), Some(content)).await?)
    }
}

fn whole_seconds(now: Micros) -> Option<String> {
    Micros(now.0 - now.0.rem_euclid(1_000_000)).seconds_text()
}

fn version_in(answer: &[u8]) -> Result<ResourceVersion, ApiError> {
    #[derive(Deserialize)]
    struct Object {
        metadata: Metadata,
    }
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Metadata {
        resource_version: String,
    }
    let object: Object =
        serde_json::from_slice(answer).map_err(|error| ApiError::Answer(format!("the answer is no Event: {error}")))?;
    object
        .metadata
        .resource_version
        .parse()
        .map_err(|error| ApiError::Answer(format!("the answer is no Event: {error}")))
}
