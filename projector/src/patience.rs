//! What can mend itself is tried again for as long as it takes: a full disk of the log, an engine that is away.
//!
//! One outage is one warning, one line when it is over, and in between a status that says what is wrong and what to do.

use std::{ops::Range, time::Duration};

use beidou_schemas::{Offset, TopicPartition};

use crate::{ProjectorError, error::chain, worker::Worker};

/// Wait before the second try; doubled up to [`MAX_BACKOFF`]: an engine restarts in under a second.
const FIRST_BACKOFF: Duration = Duration::from_millis(50);
const MAX_BACKOFF: Duration = Duration::from_secs(5);

/// How long to wait before the next try; `None` while all is well.
#[derive(Debug, Default)]
pub struct Patience(Option<Duration>);

impl Worker {
    /// Asks until there is an answer, or an error that stays.
    pub async fn patiently<T, F>(&self, mut ask: impl FnMut() -> F) -> Result<T, ProjectorError>
    where
        F: Future<Output = Result<T, ProjectorError>>,
    {
        let mut patience = Patience::default();
        loop {
            match ask().await {
                Ok(answer) => {
                    self.goes_on(&mut patience);
                    return Ok(answer);
                }
                Err(error) => self.wait(error, &mut patience).await?,
            }
        }
    }

    /// The bounds of a partition of the log.
    pub async fn bounds(&self, at: TopicPartition) -> Result<Range<Offset>, ProjectorError> {
        let ask = || async move { self.log.bounds(at).await.map_err(ProjectorError::log("find the bounds of", at)) };
        self.patiently(ask).await
    }

    /// Waits before the next try.
    ///
    /// # Errors
    /// The error itself where another try cannot help; [`ProjectorError::GivenBack`] when the worker is to end.
    pub async fn wait(&self, error: ProjectorError, patience: &mut Patience) -> Result<(), ProjectorError> {
        if !error.is_retryable() {
            return Err(error);
        }
        let text = chain(&error);
        if patience.0.is_none() {
            tracing::warn!(source = %self.at, error = text, "refused, waiting and trying again");
        }
        self.metrics.retries.inc();
        self.reporter.change(|status| status.retries(text));
        let pause = patience.0.unwrap_or(FIRST_BACKOFF);
        if self.stop.run_until_cancelled(tokio::time::sleep(pause)).await.is_none() {
            return Err(ProjectorError::GivenBack { at: self.at });
        }
        patience.0 = Some((pause * 2).min(MAX_BACKOFF));
        Ok(())
    }

    /// Ends an outage, if there was one.
    pub fn goes_on(&self, patience: &mut Patience) {
        if patience.0.take().is_some() {
            tracing::info!(source = %self.at, "going on");
            self.reporter.change(|status| status.goes_on());
        }
    }
}
