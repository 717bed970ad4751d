//! Brings what is in the spool to the door, and what the door wants to the run.
//!
//! One task for the whole life of the run. A door that does not answer is asked again, ever more slowly; the run goes on
//! meanwhile. A door that says the attempt is over ends the run: whoever acts then would act beside another.

use std::{io, sync::Arc, time::Duration};

use beidou_schemas::runner::{Command, Refusal, Taken};
use beidou_service::CancellationToken;
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
}

impl Shipper {
    pub(crate) fn new(
        door: Arc<Door>,
        spool: Arc<Spool>,
        heartbeat: Duration,
        cancel: CancellationToken,
        over: watch::Receiver<Option<Instant>>,
    ) -> Self {
        Self { door, spool, heartbeat, cancel, over, next: 1, pause: FIRST_PAUSE }
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
                Ok(()) => (heard, self.pause) = (Instant::now(), FIRST_PAUSE),
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
            ShipError::Door(DoorError::Away { act, source }) => {
                let source = source.map(|source| source.to_string());
                tracing::warn!(act, source, pause = ?self.pause, "the door does not answer, trying again");
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

/// Asks until there is an answer, or patience is at its end.
pub(crate) async fn patiently<T>(
    patience: Duration,
    mut ask: impl AsyncFnMut() -> Result<T, DoorError>,
) -> Result<T, DoorError> {
    let (end, mut pause) = (Instant::now() + patience, FIRST_PAUSE);
    loop {
        match ask().await {
            Err(DoorError::Away { act, source }) if Instant::now() < end => {
                let source = source.map(|source| source.to_string());
                tracing::warn!(act, source, ?pause, "the door does not answer, trying again");
            }
            other => return other,
        }
        sleep(pause).await;
        pause = (pause * 2).min(LAST_PAUSE);
    }
}
