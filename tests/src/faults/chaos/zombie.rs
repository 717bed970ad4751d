//! A projector that stands still, as a machine without memory does, while another one takes its partitions over.

use anyhow::Context;

use super::{LIMIT, Run};
use crate::{
    faults::site::{GAVE, Role, TOOK},
    wait::until,
};

impl Run {
    /// Waits until both projectors have partitions.
    pub(super) async fn both_project(&mut self) -> anyhow::Result<()> {
        self.site.changed(Role::SecondProjector, TOOK, 0).await?;
        self.site.changed(Role::Projector, GAVE, 0).await
    }

    /// Stops the clock of one projector until the other has all partitions, and wakes it: it must write nothing any more, and
    /// go on with what it is given.
    pub(super) async fn wake_a_zombie(&mut self) -> anyhow::Result<()> {
        self.some_records_pass().await?;
        // Both have joined, whoever was killed before.
        self.share_again().await?;
        let (zombie, other) = (Role::Projector, Role::SecondProjector);
        let [took, gave] = [TOOK, GAVE].map(|what| self.site.told(zombie, what));
        let (taken, before) = (self.site.told(other, TOOK)?, self.rows().await?);
        self.site.signal(zombie, libc::SIGSTOP)?;
        self.site.changed(other, TOOK, taken).await?;
        let grown = until("the other projector takes over", LIMIT, async || {
            let rows = self.rows().await.ok()?;
            (rows > before).then_some(())
        });
        grown.await?;
        self.site.signal(zombie, libc::SIGCONT)?;
        self.site.changed(zombie, GAVE, gave?).await?;
        self.site.changed(zombie, TOOK, took?).await?;
        self.outcome.fenced += 1;
        Ok(())
    }

    /// Restarts one projector in an orderly way, which waits until both have partitions.
    pub(super) async fn share_again(&mut self) -> anyhow::Result<()> {
        let role = Role::Projector;
        self.site.stop(role).await?;
        self.site.start(role)?;
        let took = self.site.told(role, TOOK)?;
        self.site.changed(role, TOOK, took).await
    }

    async fn rows(&mut self) -> anyhow::Result<u64> {
        Ok(self.site.sql("SELECT count() FROM kube_event").await?.first().context("a count")?.parse()?)
    }
}
