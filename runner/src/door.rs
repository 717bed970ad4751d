//! The door, as the runner sees it: one HTTP client, good for one attempt.

use std::{fs, io, path::Path, time::Duration};

use beidou_schemas::runner::{
    Assignment, AttemptId, BUNDLE_PATH, CLAIM_PATH, Caller, Claim, EVENTS_PATH, Events, FACTS_PATH, FINISH_PATH,
    Finish, HEARTBEAT_PATH, Heartbeat, Refused, Taken, TaskEvent,
};
use reqwest::{Client, Method, RequestBuilder, StatusCode};
use serde::{Serialize, de::DeserializeOwned};
use uuid::Uuid;

use crate::Arguments;

/// An answer takes as long as an append to the log, some milliseconds; a busy broker takes seconds.
const ANSWER_LIMIT: Duration = Duration::from_secs(30);
const CONNECT_LIMIT: Duration = Duration::from_secs(10);

/// Why the door did not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum DoorError {
    /// The token, or the certificates that the door is trusted by, cannot be used.
    #[error("use {path}")]
    File {
        /// Which file.
        path: String,
        /// What the system says.
        source: io::Error,
    },
    /// There can be no client.
    #[error("make an HTTP client")]
    Client(#[source] reqwest::Error),
    /// No answer, or one that a server gives that has a bad day. To be tried again.
    #[error("{act}: the door does not answer")]
    Away {
        /// What was asked.
        act: &'static str,
        /// What the client says.
        source: Option<reqwest::Error>,
    },
    /// Another runner has the attempt, or it is over, or something is missing.
    #[error("{act}: {}", .refused.message)]
    Refused {
        /// What was asked.
        act: &'static str,
        /// What the door says.
        refused: Refused,
    },
    /// Who answers does not know the attempt: while controllers change, that may be the older ones, or a proxy that knows neither.
    /// To be tried again for a while.
    #[error("{act}: the door answers {status}")]
    Unknown {
        /// What was asked.
        act: &'static str,
        /// The status.
        status: StatusCode,
    },
    /// The door does not understand us.
    #[error("{act}: the door answers {status}: {text}")]
    Wrong {
        /// What was asked.
        act: &'static str,
        /// The status.
        status: StatusCode,
        /// What it says.
        text: String,
    },
}

pub(crate) struct Door {
    client: Client,
    server: String,
    token: String,
    caller: Caller,
}

impl Door {
    pub(crate) fn new(arguments: &Arguments) -> Result<Self, DoorError> {
        let read =
            |path: &Path| fs::read(path).map_err(|source| DoorError::File { path: path.display().to_string(), source });
        let token = String::from_utf8_lossy(&read(&arguments.token_file)?).trim().to_owned();
        // Fails only where somebody has chosen before.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let mut client = Client::builder().connect_timeout(CONNECT_LIMIT).timeout(ANSWER_LIMIT);
        if let Some(path) = &arguments.ca_file {
            let certificates = reqwest::Certificate::from_pem_bundle(&read(path)?).map_err(DoorError::Client)?;
            client = client.tls_certs_only(certificates);
        }
        let caller = Caller { attempt: arguments.attempt.clone(), runner: Uuid::new_v4() };
        let server = arguments.server.trim_end_matches('/').to_owned();
        Ok(Self { client: client.build().map_err(DoorError::Client)?, server, token, caller })
    }

    pub(crate) fn token(&self) -> &str {
        &self.token
    }

    pub(crate) fn attempt(&self) -> &AttemptId {
        &self.caller.attempt
    }

    pub(crate) fn runner(&self) -> Uuid {
        self.caller.runner
    }

    pub(crate) async fn claim(&self) -> Result<Assignment, DoorError> {
        self.post("claim the step", CLAIM_PATH, &Claim { attempt: self.attempt().clone(), runner: self.runner() }).await
    }

    pub(crate) async fn events(&self, first: u64, events: Vec<TaskEvent>) -> Result<Taken, DoorError> {
        let events = Events { attempt: self.attempt().clone(), runner: self.runner(), first, events };
        self.post("hand over events", EVENTS_PATH, &events).await
    }

    pub(crate) async fn heartbeat(&self) -> Result<Taken, DoorError> {
        let heartbeat = Heartbeat { attempt: self.attempt().clone(), runner: self.runner() };
        self.post("say that it lives", HEARTBEAT_PATH, &heartbeat).await
    }

    pub(crate) async fn finish(&self, finish: &Finish) -> Result<Taken, DoorError> {
        self.post("finish the step", FINISH_PATH, finish).await
    }

    /// The files of a bundle, as tar.
    pub(crate) async fn bundle(&self) -> Result<Vec<u8>, DoorError> {
        send("fetch the bundle", self.request(Method::GET, BUNDLE_PATH).query(&self.caller)).await
    }

    /// The cluster's fact cache, as tar, where there is one.
    pub(crate) async fn facts(&self) -> Result<Option<Vec<u8>>, DoorError> {
        match send("fetch facts", self.request(Method::GET, FACTS_PATH).query(&self.caller)).await {
            Err(DoorError::Unknown { status: StatusCode::NOT_FOUND, .. }) => Ok(None),
            other => other.map(Some),
        }
    }

    pub(crate) async fn keep_facts(&self, tar: Vec<u8>) -> Result<(), DoorError> {
        send("keep facts", self.request(Method::PUT, FACTS_PATH).query(&self.caller).body(tar)).await.map(drop)
    }

    fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.client.request(method, format!("{}{path}", self.server)).bearer_auth(&self.token)
    }

    async fn post<T: DeserializeOwned>(
        &self,
        act: &'static str,
        path: &str,
        body: &impl Serialize,
    ) -> Result<T, DoorError> {
        json(act, send(act, self.request(Method::POST, path).json(body)).await?)
    }
}

async fn send(act: &'static str, request: RequestBuilder) -> Result<Vec<u8>, DoorError> {
    let away = |source| DoorError::Away { act, source: Some(source) };
    let answer = request.send().await.map_err(away)?;
    let status = answer.status();
    let body = answer.bytes().await.map_err(away)?.to_vec();
    match status {
        StatusCode::CONFLICT => match serde_json::from_slice(&body) {
            Ok(refused) => Err(DoorError::Refused { act, refused }),
            Err(_) => Err(DoorError::Wrong { act, status, text: String::from_utf8_lossy(&body).into_owned() }),
        },
        _ if status.is_success() => Ok(body),
        StatusCode::UNAUTHORIZED | StatusCode::NOT_FOUND => Err(DoorError::Unknown { act, status }),
        StatusCode::TOO_MANY_REQUESTS => Err(DoorError::Away { act, source: None }),
        _ if status.is_server_error() => Err(DoorError::Away { act, source: None }),
        _ => Err(DoorError::Wrong { act, status, text: String::from_utf8_lossy(&body).chars().take(500).collect() }),
    }
}

/// An answer with another form is that of something else on the port: a proxy's page, for one.
fn json<T: DeserializeOwned>(act: &'static str, body: Vec<u8>) -> Result<T, DoorError> {
    serde_json::from_slice(&body).map_err(|error| DoorError::Wrong {
        act,
        status: StatusCode::OK,
        text: format!("not understood: {error}"),
    })
}
