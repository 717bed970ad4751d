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
const OUTPUT_BYTES: u64 = 1 << 20;
/// Output is not urgent: it is gathered for so long.
const OUTPUT_EVERY: Duration = Duration::from_secs(1);
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
    offset: u64,
    pause: Duration,
}

/// What is to be sent now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Due {
    Events,
    Heartbeat,
    Output,
    /// Nothing for so long, unless there is more to send.
    Nothing(Duration),
}

/// When what was sent last. Output is no sign of life: the door takes it without telling anybody that the runner was heard,
/// and without an answer whether the run is to end. So a heartbeat goes before it.
#[derive(Debug, Clone, Copy)]
struct Sent {
    heard: Instant,
    output: Instant,
}

impl Sent {
    fn due(&self, now: Instant, heartbeat: Duration, events: bool, output: bool, is_over: bool) -> Due {
        let beat = heartbeat.saturating_sub(now - self.heard);
        let gathered = if is_over { Duration::ZERO } else { OUTPUT_EVERY.saturating_sub(now - self.output) };
        match (events, output) {
            (true, _) => Due::Events,
            _ if beat.is_zero() => Due::Heartbeat,
            (_, true) if gathered.is_zero() => Due::Output,
            (_, true) => Due::Nothing(beat.min(gathered)),
            (_, false) => Due::Nothing(beat),
        }
    }

    fn done(&mut self, due: Due, now: Instant) {
        match due {
            Due::Events | Due::Heartbeat => self.heard = now,
            Due::Output => self.output = now,
            Due::Nothing(_) => {}
        }
    }
}

impl Shipper {
    pub(crate) fn new(
        door: Arc<Door>,
        spool: Arc<Spool>,
        heartbeat: Duration,
        cancel: CancellationToken,
        over: watch::Receiver<Option<Instant>>,
    ) -> Self {
        Self { door, spool, heartbeat, cancel, over, next: 1, offset: 0, pause: FIRST_PAUSE }
    }

    /// Runs until the run is over and everything is at the door.
    pub(crate) async fn run(mut self) -> Result<(), ShipError> {
        let mut sent = Sent { heard: Instant::now(), output: Instant::now() };
        loop {
            let over = *self.over.borrow();
            if over.is_some_and(|end| Instant::now() >= end) {
                return Err(ShipError::Patience);
            }
            let (events, output) = (self.next <= self.spool.last_seq(), self.offset < self.spool.output_length());
            if over.is_some() && !events && !output {
                return Ok(());
            }
            let due = sent.due(Instant::now(), self.heartbeat, events, output, over.is_some());
            let done = match due {
                Due::Events => self.send_events().await,
                Due::Heartbeat => self.door.heartbeat().await.map(|taken| self.taken(&taken)).map_err(ShipError::Door),
                Due::Output => self.send_output().await,
                Due::Nothing(wait) => {
                    let mut over = self.over.clone();
                    tokio::select! {
                        _ = timeout(wait, self.spool.more.notified()) => {}
                        _ = over.changed() => {}
                    }
                    continue;
                }
            };
            match done {
                Ok(()) => {
                    sent.done(due, Instant::now());
                    self.pause = FIRST_PAUSE;
                }
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

    async fn send_output(&mut self) -> Result<(), ShipError> {
        let bytes = self.spool.read_output(self.offset, OUTPUT_BYTES)?;
        self.offset = self.door.output(self.offset, bytes).await.map_err(ShipError::Door)?.next;
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
                match refused.next {
                    Some(next) if act == "hand over output" => self.offset = next,
                    Some(next) => self.next = next.max(1),
                    None => {}
                }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_that_prints_all_the_time_is_heard_as_often_as_a_silent_one() {
        let (begin, heartbeat) = (Instant::now(), Duration::from_secs(10));
        let silence = |prints: bool| {
            let (mut sent, mut heard, mut longest) = (Sent { heard: begin, output: begin }, begin, Duration::ZERO);
            for now in (0..3000).map(|tick| begin + Duration::from_millis(100) * tick) {
                let due = sent.due(now, heartbeat, false, prints, false);
                if due == Due::Heartbeat {
                    (heard, longest) = (now, longest.max(now - heard));
                }
                sent.done(due, now);
            }
            longest
        };
        assert_eq!([silence(true), silence(false)], [heartbeat, heartbeat]);
    }

    #[test]
    fn events_go_first_and_output_is_gathered_until_the_run_is_over() {
        let (begin, heartbeat) = (Instant::now(), Duration::from_secs(10));
        let sent = Sent { heard: begin, output: begin };
        let due = |after_ms, events, output, is_over| {
            sent.due(begin + Duration::from_millis(after_ms), heartbeat, events, output, is_over)
        };
        assert_eq!(due(20_000, true, true, false), Due::Events);
        assert_eq!(due(400, false, true, false), Due::Nothing(Duration::from_millis(600)));
        assert_eq!(due(400, false, true, true), Due::Output);
        assert_eq!(due(1000, false, true, false), Due::Output);
        assert_eq!(due(4000, false, false, false), Due::Nothing(Duration::from_secs(6)));
    }
}
