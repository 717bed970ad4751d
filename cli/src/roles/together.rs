//! Roles that share a process: the first one that ends for good ends all of them, and all are waited for.

use anyhow::Context;
use beidou_service::CancellationToken;
use tokio::task::JoinSet;

/// Running roles.
#[derive(Debug)]
pub struct Together {
    stop: CancellationToken,
    running: JoinSet<(&'static str, anyhow::Result<()>)>,
}

impl Together {
    /// No roles yet; `stop` ends them all.
    pub fn new(stop: CancellationToken) -> Self {
        Self { stop, running: JoinSet::new() }
    }

    /// Starts a role.
    pub fn spawn(&mut self, name: &'static str, role: impl Future<Output = anyhow::Result<()>> + Send + 'static) {
        self.running.spawn(async move { (name, role.await) });
    }

    /// Waits until all have ended.
    ///
    /// # Errors
    /// The first error of a role. A panic of a role is one of ours and goes on.
    pub async fn join(mut self) -> anyhow::Result<()> {
        let mut first = Ok(());
        while let Some(ended) = self.running.join_next().await {
            let (name, result) = match ended {
                Ok(ended) => ended,
                Err(error) => std::panic::resume_unwind(error.into_panic()),
            };
            let asked = self.stop.is_cancelled();
            self.stop.cancel();
            match result {
                Err(error) if first.is_ok() => first = Err(error).with_context(|| format!("{name} ended")),
                Err(error) => tracing::warn!(role = name, error = format!("{error:#}"), "role ended"),
                Ok(()) if !asked && first.is_ok() => first = Err(anyhow::anyhow!("{name} ended unasked")),
                Ok(()) => tracing::debug!(role = name, "role ended"),
            }
        }
        first
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_first_error_ends_all_and_is_told() {
        let stop = CancellationToken::new();
        let mut roles = Together::new(stop.clone());
        let waits = stop.clone();
        roles.spawn("ingest", async move {
            waits.cancelled().await;
            Ok(())
        });
        roles.spawn("projector", async { Err(anyhow::anyhow!("the disk is full")) });
        assert_eq!(format!("{:#}", roles.join().await.unwrap_err()), "projector ended: the disk is full");
        assert!(stop.is_cancelled());
    }

    #[tokio::test]
    async fn an_end_that_was_asked_for_is_well() {
        let stop = CancellationToken::new();
        let mut roles = Together::new(stop.clone());
        roles.spawn("ingest", stop.clone().cancelled_owned_then());
        stop.cancel();
        roles.join().await.unwrap();
        let mut roles = Together::new(CancellationToken::new());
        roles.spawn("ingest", async { Ok(()) });
        assert!(roles.join().await.is_err(), "an end unasked is none");
    }

    trait Then {
        fn cancelled_owned_then(self) -> impl Future<Output = anyhow::Result<()>> + Send + 'static;
    }

    impl Then for CancellationToken {
        async fn cancelled_owned_then(self) -> anyhow::Result<()> {
            self.cancelled().await;
            Ok(())
        }
    }
}
