//! A projector that stands still, as a machine without memory does, while another one takes over.

use anyhow::{Context, ensure};

use super::{LIMIT, Run};
use crate::{faults::site::Role, wait::until};

/// What a writer says that finds a newer one.
const FENCED: &str = "a newer writer took over";

impl Run {
    /// Stops the clock of the projector, lets a second one take over, and wakes the first: it must write nothing and end.
    pub(super) async fn wake_a_zombie(&mut self) -> anyhow::Result<()> {
        self.some_records_pass().await?;
        self.site.signal(Role::Projector, libc::SIGSTOP)?;
        self.site.start(Role::SecondProjector)?;
        let before = self.rows().await?;
        let grown = until("the second projector takes over", LIMIT, async || {
            let rows = self.rows().await.ok()?;
            (rows > before).then_some(())
        });
        grown.await?;
        self.site.signal(Role::Projector, libc::SIGCONT)?;
        let status = until("the first one ends by itself", LIMIT, async || self.site.ended(Role::Projector)).await?;
        ensure!(!status.success(), "a projector that was fenced ends with an error, not with {status}");
        let log = self.site.log(Role::Projector)?;
        ensure!(log.lines().last().is_some_and(|line| line.contains(FENCED)), "it says why it ends: {log}");
        self.outcome.fenced += 1;
        self.site.kill(Role::SecondProjector)?;
        self.site.start(Role::Projector)
    }

    async fn rows(&mut self) -> anyhow::Result<u64> {
        Ok(self.site.sql("SELECT count() FROM kube_event").await?.first().context("a count")?.parse()?)
    }
}
