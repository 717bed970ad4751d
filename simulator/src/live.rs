//! Live Events: feeds a running server at a rate that can be turned while it runs.
//!
//! The order of occurrences comes from an [`EventStream`]; their times are the server's "now", so that the rate knob
//! does not have to wait for the stories to unfold.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio_util::sync::{CancellationToken, DropGuard};

use crate::clock::Clock;
use crate::generate::EventStream;
use crate::history::{ClusterHistory, HistoryState};
use crate::server::{ApiServer, ServerOptions};

/// How often due Events are handed over; short against any latency that people or tests look at.
const BEAT: Duration = Duration::from_millis(20);
/// Events handed over in one beat at most: 100,000 a second, beyond what one simulated server can take.
const MOST_PER_BEAT: u64 = 2_000;

/// Counts how many Events are due at a rate, without drift.
#[derive(Debug, Default)]
pub struct Pacer {
    owed: f64,
}

impl Pacer {
    /// Events due after `elapsed` more time at `per_second`; what is beyond one beat's limit is given up.
    pub fn due(&mut self, elapsed: Duration, per_second: f64) -> u64 {
        self.owed = (self.owed + elapsed.as_secs_f64() * per_second.max(0.0)).min(MOST_PER_BEAT as f64);
        let due = self.owed.floor();
        self.owed -= due;
        due as u64
    }
}

/// Writes Events of a stream into a server.
#[derive(Debug)]
pub struct Feeder {
    server: ApiServer,
    clock: Clock,
    stream: EventStream,
}

impl Feeder {
    /// A feeder; `clock` should be the server's.
    #[must_use]
    pub fn new(server: ApiServer, clock: Clock, stream: EventStream) -> Self {
        Self { server, clock, stream }
    }

    /// Reports the next `states` occurrences now.
    pub fn emit(&mut self, states: u64) {
        for _ in 0..states {
            let (_, by, record) = self.stream.next_occurrence();
            record.occur(self.clock.now_us(), by);
            self.server.report(record);
        }
    }
}

/// A running feed; it ends when the last handle is dropped.
#[derive(Debug, Clone)]
pub struct Live {
    per_second: Arc<AtomicU64>,
    reported: Arc<AtomicU64>,
    _stop: Arc<DropGuard>,
}

impl Live {
    /// Starts to feed on the current tokio runtime.
    #[must_use]
    pub fn start(mut feeder: Feeder, per_second: f64) -> Self {
        let rate = Arc::new(AtomicU64::new(per_second.to_bits()));
        let reported = Arc::new(AtomicU64::new(0));
        let stop = CancellationToken::new();
        let live =
            Self { per_second: rate.clone(), reported: reported.clone(), _stop: Arc::new(stop.clone().drop_guard()) };
        tokio::spawn(async move {
            let (mut pacer, mut beats, mut last) =
                (Pacer::default(), tokio::time::interval(BEAT), tokio::time::Instant::now());
            loop {
                tokio::select! {
                    now = beats.tick() => {
                        let due = pacer.due(now.saturating_duration_since(last), f64::from_bits(rate.load(Ordering::Relaxed)));
                        last = now.max(last);
                        feeder.emit(due);
                        reported.fetch_add(due, Ordering::Relaxed);
                    }
                    () = stop.cancelled() => return,
                }
            }
        });
        live
    }

    /// Turns the rate; zero pauses.
    pub fn set_rate(&self, per_second: f64) {
        self.per_second.store(per_second.to_bits(), Ordering::Relaxed);
    }

    /// States reported so far.
    #[must_use]
    pub fn reported(&self) -> u64 {
        self.reported.load(Ordering::Relaxed)
    }
}

/// Starts a server that goes on where a finished history ended: it knows the `recent` states (best the last hour's,
/// in order; what came before them is expired anyway), keeps time, and gets live Events at `per_second`.
///
/// # Errors
/// If the port in `options` is taken.
pub async fn continue_history(
    past: ClusterHistory,
    recent: &[HistoryState],
    mut options: ServerOptions,
    per_second: f64,
) -> io::Result<(ApiServer, Live)> {
    let oldest = recent.first().map(|state| state.resource_version - 1);
    options.resource_version = oldest.unwrap_or_else(|| past.resource_version());
    let clock = options.clock.clone();
    let server = ApiServer::start(options).await?;
    for state in recent {
        server.preload(state);
    }
    server.keep_time();
    let feeder = Feeder::new(server.clone(), clock, past.into_stream(per_second));
    Ok((server, Live::start(feeder, per_second)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pacer_neither_drifts_nor_bursts() {
        let mut pacer = Pacer::default();
        let sum: u64 = (0..1_000).map(|_| pacer.due(BEAT, 7.5)).sum();
        assert_eq!(sum, 150);
        assert_eq!(pacer.due(Duration::from_secs(1), 0.0), 0, "a rate of zero pauses");
        assert_eq!(pacer.due(Duration::from_secs(3600), 1_000.0), MOST_PER_BEAT, "after a stall it does not flood");
        assert_eq!(pacer.due(BEAT, 50.0), 1);
    }
}
