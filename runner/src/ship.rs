//! Brings what is in the spool to the door, and what the door wants to the run.
//!
//! One task for the whole life of the run. A door that does not answer is asked again, ever more slowly; the run goes on
//! meanwhile. So is one that does not know the attempt, for a minute: controllers may just change. A door that says the attempt
//! is over ends the run: whoever acts then would act beside another.

use std::{io, sync::Arc, time::Duration};

use beidou_schemas::runner::{Command, Refusal, Taken};
use beidou_service::{CancellationToken, telemetry::chain};
use tokio::{
    sync::watch,
    time::{Instant, sleep, timeout},
};

use crate::{
    door::{Door, DoorError},
    spool::Spool,
};

/// One request stays far below a body limit of 2 MB.
const BATCH_EVENTS: usize = 1000;
const BATCH_BYTES: u64 = 1 << 20;
const FIRST_PAUSE: Duration = Duration::from_millis(200);
const LAST_PAUSE: Duration = Duration::from_secs(5);
/// Controllers change in seconds; this is half of the silence after which they give a runner up.
const UNKNOWN_LIMIT: Duration = Duration::from_secs(60);

/// The spool could not be brought to the door.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ShipError {
    #[error("read the spool")]
    Spool(#[from] io::Error),
    #[error(transparent)]
    Door(DoorError),
    #[error("the door did not answer in time")]
    Patience,
}

/// Brings everything to the door.
pub(crate) struct Shipper {
    pub door: Arc<Door>,
    pub spool: Arc<Spool>,
    pub heartbeat: Duration,
    /// Cancelled when the door wants the run to end.
    pub cancel: CancellationToken,
    /// When the run is over: until when the rest is to be there.
    pub over: watch::Receiver<Option<Instant>>,
    next: u64,
    pause: Duration,
    /// Since when the door does not know the attempt.
    unknown: Option<Instant>,
}

impl Shipper {
    pub(crate) fn new(
        door: Arc<Door>,
        spool: Arc<Spool>,
        heartbeat: Duration,
        cancel: CancellationToken,
        over: watch::Receiver<Option<Instant>>,
    ) -> Self {
        Self { door, spool, heartbeat, cancel, over, next: 1, pause: FIRST_PAUSE, unknown: None }
    }

    /// Runs until the run is over and everything is at the door.
    pub(crate) async fn run(mut self) -> Result<(), ShipError> {
        let mut heard = Instant::now();
        loop {
            let over = *self.over.borrow();
            if over.is_some_and(|end| Instant::now() >= end) {
                return Err(ShipError::Patience);
            }
            let more = self.next <= self.spool.last_seq();
            if over.is_some() && !more {
                return Ok(());
            }
            let done = if more {
                self.send_events().await
            } else if heard.elapsed() >= self.heartbeat {
                self.door.heartbeat().await.map(|taken| self.taken(&taken)).map_err(ShipError::Door)
            } else {
                let wait = self.heartbeat.saturating_sub(heard.elapsed());
                let mut over = self.over.clone();
                tokio::select! {
                    _ = timeout(wait, self.spool.more.notified()) => {}
                    _ = over.changed() => {}
                }
                continue;
            };
            match done {
                Ok(()) => (heard, self.pause, self.unknown) = (Instant::now(), FIRST_PAUSE, None),
                Err(error) => self.failed(error).await?,
            }
        }
    }

    async fn send_events(&mut self) -> Result<(), ShipError> {
        let events = self.spool.read(self.next, BATCH_EVENTS, BATCH_BYTES)?;
        let taken = self.door.events(self.next, events).await.map_err(ShipError::Door)?;
        self.taken(&taken);
        Ok(())
    }

    fn taken(&mut self, taken: &Taken) {
        self.next = taken.next;
        if taken.command == Command::Cancel && !self.cancel.is_cancelled() {
            tracing::info!("the door wants the step to end");
            self.cancel.cancel();
        }
    }

    /// What can be tried again is, after a pause; all else ends the run.
    async fn failed(&mut self, error: ShipError) -> Result<(), ShipError> {
        match error {
            ShipError::Door(DoorError::Refused { act, refused }) if refused.reason == Refusal::Gap => {
                // The door lost what it had not kept for certain: it says from where it wants it again.
                tracing::warn!(act, next = refused.next, "the door wants something again");
                self.next = refused.next.map_or(self.next, |next| next.max(1));
            }
            ShipError::Door(error) if passes(&error, &mut self.unknown) => {
                tracing::warn!(error = chain(&error), pause = ?self.pause, "the door does not answer, trying again");
            }
            other => {
                self.cancel.cancel();
                return Err(other);
            }
        }
        sleep(self.pause).await;
        self.pause = (self.pause * 2).min(LAST_PAUSE);
        Ok(())
    }
}

/// Whether it is to be tried again.
fn passes(error: &DoorError, unknown: &mut Option<Instant>) -> bool {
    match error {
        DoorError::Away { .. } => {
            *unknown = None;
            true
        }
        DoorError::Unknown { .. } => unknown.get_or_insert_with(Instant::now).elapsed() < UNKNOWN_LIMIT,
        _ => false,
    }
}

/// Asks until there is an answer, or patience is at its end.
pub(crate) async fn patiently<T>(
    patience: Duration,
    mut ask: impl AsyncFnMut() -> Result<T, DoorError>,
) -> Result<T, DoorError> {
    let (end, mut pause, mut unknown) = (Instant::now() + patience, FIRST_PAUSE, None);
    loop {
        match ask().await {
            Err(error) if passes(&error, &mut unknown) && Instant::now() < end => {
                tracing::warn!(error = chain(&error), ?pause, "the door does not answer, trying again");
            }
            other => return other,
        }
        sleep(pause).await;
        pause = (pause * 2).min(LAST_PAUSE);
    }
}

#[cfg(test)]
mod tests {
    use axum::{
        Json, Router,
        http::StatusCode,
        response::{IntoResponse, Response},
        routing::{get, post},
    };
    use beidou_schemas::runner::{BUNDLE_PATH, FACTS_PATH, HEARTBEAT_PATH};
    use clap::Parser;
    use tokio::net::TcpListener;

    use super::*;
    use crate::Arguments;

    /// What ships nothing but heartbeats, without a pause, to this server.
    fn shipper(server: &str) -> (Shipper, watch::Sender<Option<Instant>>, tempfile::TempDir) {
        let folder = tempfile::tempdir().unwrap();
        let token = folder.path().join("token");
        std::fs::write(&token, "token").unwrap();
        let [token, work] = [token.as_path(), folder.path()].map(|path| path.display().to_string());
        let arguments = ["run-step", "--server", server, "--attempt", "00000001-one-b0-a1", "--token-file", &token];
        let arguments = Arguments::parse_from(arguments.into_iter().chain(["--work", &work]));
        let (door, spool) = (Door::new(&arguments).unwrap(), Spool::create(folder.path()).unwrap());
        let (over, is_over) = watch::channel(None);
        let cancel = CancellationToken::new();
        (Shipper::new(Arc::new(door), Arc::new(spool), Duration::ZERO, cancel, is_over), over, folder)
    }

    #[tokio::test]
    async fn what_a_run_needs_is_asked_for_again_where_the_door_does_not_know_the_attempt() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let answers = Arc::new(std::sync::Mutex::new(vec![StatusCode::NOT_FOUND, StatusCode::UNAUTHORIZED]));
        let tar = move || -> std::future::Ready<Response> {
            let status = answers.lock().unwrap().pop();
            std::future::ready(status.map_or_else(|| "tar".into_response(), IntoResponse::into_response))
        };
        let none = get(|| std::future::ready(StatusCode::NOT_FOUND));
        let router = Router::new().route(BUNDLE_PATH, get(tar)).route(FACTS_PATH, none);
        let server = tokio::spawn(async move { axum::serve(listener, router).await });
        let (shipper, _over, _folder) = shipper(&url);
        let door = &shipper.door;
        assert_eq!(patiently(UNKNOWN_LIMIT, async || door.bundle().await).await.unwrap(), b"tar");
        assert_eq!(door.facts().await.unwrap(), None, "a cluster without facts is no door that does not know");
        server.abort();
    }

    #[tokio::test]
    async fn a_door_that_does_not_know_the_attempt_while_controllers_change_ends_no_run() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let answers = std::sync::Mutex::new(vec![StatusCode::UNAUTHORIZED, StatusCode::NOT_FOUND]);
        let answers = Arc::new(answers);
        let beat = move || -> std::future::Ready<Response> {
            let taken = Taken { next: 1, command: Command::Cancel };
            let status = answers.lock().unwrap().pop();
            std::future::ready(status.map_or_else(|| Json(taken).into_response(), IntoResponse::into_response))
        };
        let router = Router::new().route(HEARTBEAT_PATH, post(beat));
        let server = tokio::spawn(async move { axum::serve(listener, router).await });
        let (shipper, over, _folder) = shipper(&url);
        let cancel = shipper.cancel.clone();
        let end = async {
            cancel.cancelled().await;
            over.send(Some(Instant::now() + Duration::from_secs(60))).unwrap();
        };
        let (shipped, ()) = tokio::join!(shipper.run(), end);
        shipped.unwrap();
        server.abort();
    }

    #[tokio::test(start_paused = true)]
    async fn a_door_that_never_knows_the_attempt_ends_the_run() {
        let (mut shipper, _over, _folder) = shipper("http://127.0.0.1:1");
        let (act, status) = ("say that it lives", StatusCode::NOT_FOUND);
        let begun = Instant::now();
        while shipper.failed(ShipError::Door(DoorError::Unknown { act, status })).await.is_ok() {}
        assert!(shipper.cancel.is_cancelled());
        let took = begun.elapsed();
        assert!((UNKNOWN_LIMIT..UNKNOWN_LIMIT + 2 * LAST_PAUSE).contains(&took), "{took:?}");
        // What it was away for before does not count.
        shipper.failed(ShipError::Door(DoorError::Away { act, source: None })).await.unwrap();
        shipper.failed(ShipError::Door(DoorError::Unknown { act, status })).await.unwrap();
    }
}
