//! Asks a server where it stands: by the heartbeat where that is allowed, else by a list of one item.

use beidou_schemas::Micros;
use serde::Deserialize;
use tokio::time::{Duration, Instant};

use super::request::{ApiError, Link};
use crate::heartbeat::{Beat, Heartbeat};

/// After a heartbeat was refused, it is tried again after this: somebody may have granted the right.
const REFUSED_PAUSE: Duration = Duration::from_secs(300);

/// An answered question.
#[derive(Debug, Clone, Copy)]
pub(super) struct Proof {
    pub(super) beat: Beat,
    /// The watch must show it.
    pub(super) written: bool,
}

/// Asks; remembers the heartbeat's version and whether it is allowed.
#[derive(Debug, Clone)]
pub(super) struct Prover {
    heartbeat: Option<Heartbeat>,
    not_before: Option<Instant>,
    /// Why no heartbeat is written, and what to do about it.
    pub(super) notice: Option<String>,
}

impl Prover {
    pub(super) fn new(heartbeat: Option<Heartbeat>) -> Self {
        Self { heartbeat, not_before: None, notice: None }
    }

    pub(super) async fn ask(&mut self, link: &Link, now: Micros) -> Result<Proof, ApiError> {
        let refused = self.not_before.is_some_and(|until| Instant::now() < until);
        if let Some(heartbeat) = self.heartbeat.as_mut().filter(|_| !refused) {
            match heartbeat.beat(link, now).await {
                Ok(beat) => {
                    self.notice = None;
                    return Ok(Proof { beat, written: true });
                }
                // The server does not answer at all: a list would not be answered either.
                Err(error @ ApiError::Connection(_)) => return Err(error),
                Err(error) => self.refused(&error),
            }
        }
        let version = stands_at(&link.list(1, None).await?)?;
        Ok(Proof { beat: Beat { version, set_back: false }, written: false })
    }

    /// Once per pause, not once per beat: the list proves as much, only later on a quiet cluster.
    fn refused(&mut self, error: &ApiError) {
        // A server that is busy or in trouble is asked again with the next beat; only a decision of people lasts.
        if matches!(error.code(), Some(401 | 403 | 404 | 405 | 422)) {
            self.not_before = Some(Instant::now() + REFUSED_PAUSE);
        }
        let namespace = self.heartbeat.as_ref().map_or("default", Heartbeat::namespace);
        let advice = match error.code() {
            Some(403) => format!(
                ". Grant the verbs create, patch and get on events in namespace {namespace}, or set heartbeat: false for \
                 this cluster"
            ),
            Some(_) | None => error.advice().to_owned(),
        };
        let notice = format!(
            "no heartbeat could be written ({error}); on a quiet cluster completeness is then proven late, and a pause \
             of the watch may cost a list{advice}"
        );
        if self.notice.as_ref() != Some(&notice) {
            tracing::warn!(%error, namespace, "no heartbeat could be written, the position is proven by reading");
        }
        self.notice = Some(notice);
    }
}

fn stands_at(list: &[u8]) -> Result<beidou_schemas::ResourceVersion, ApiError> {
    #[derive(Deserialize)]
    struct List {
        metadata: Metadata,
    }
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Metadata {
        resource_version: String,
    }
    let answer = |error: String| ApiError::Answer(format!("the answer is not a list of Events: {error}"));
    let list: List = serde_json::from_slice(list).map_err(|error| answer(error.to_string()))?;
    list.metadata.resource_version.parse().map_err(|error: beidou_schemas::InvalidId| answer(error.to_string()))
}
