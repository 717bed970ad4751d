//! A projector that stands still, as a machine without memory does, while another one takes its partitions over.

use anyhow::Context;

use super::{LIMIT, Run};
use crate::{faults::site::Role, wait::until};

/// What a projector says of each change.
pub(super) const TOOK: &str = "took partitions";
pub(super) const GAVE: &str = "gave partitions back";

impl Run {
    /// Waits until both projectors have partitions.
    pub(super) async fn both_project(&mut self) -> anyhow::Result<()> {
        self.changed(Role::SecondProjector, TOOK, 0).await?;
        self.changed(Role::Projector, GAVE, 0).await
    }

    /// Stops the clock of one projector until the other has all partitions, and wakes it: it must write nothing any more, and
    /// go on with what it is given.
    pub(super) async fn wake_a_zombie(&mut self) -> anyhow::Result<()> {
        self.some_records_pass().await?;
        // Both have joined, whoever was killed before.
        self.share_again().await?;
        let (zombie, other) = (Role::Projector, Role::SecondProjector);
        let [took, gave] = [TOOK, GAVE].map(|what| self.told(zombie, what));
        let (taken, before) = (self.told(other, TOOK)?, self.rows().await?);
        self.site.signal(zombie, libc::SIGSTOP)?;
        self.changed(other, TOOK, taken).await?;
        let grown = until("the other projector takes over", LIMIT, async || {
            let rows = self.rows().await.ok()?;
            (rows > before).then_some(())
        });
        grown.await?;
        self.site.signal(zombie, libc::SIGCONT)?;
        self.changed(zombie, GAVE, gave?).await?;
        self.changed(zombie, TOOK, took?).await?;
        self.outcome.fenced += 1;
        Ok(())
    }

    /// Restarts one projector in an orderly way, which waits until both have partitions.
    pub(super) async fn share_again(&mut self) -> anyhow::Result<()> {
        let role = Role::Projector;
        self.site.stop(role).await?;
        self.site.start(role)?;
        let took = self.told(role, TOOK)?;
        self.changed(role, TOOK, took).await
    }

    /// How often a role has told of this.
    pub(super) fn told(&self, role: Role, what: &str) -> anyhow::Result<usize> {
        Ok(self.site.log(role)?.lines().filter(|line| line.contains(what)).count())
    }

    /// Waits until a role has told of this more than so often.
    pub(super) async fn changed(&mut self, role: Role, what: &str, more_than: usize) -> anyhow::Result<()> {
        let changed = until("partitions change hands", LIMIT, async || {
            if let Err(error) = self.site.all_run() {
                return Some(Err(error));
            }
            (self.told(role, what).ok()? > more_than).then_some(Ok(()))
        });
        changed.await?.with_context(|| format!("{}: {what}", role.label()))
    }

    /// Waits until a projector that was started again has partitions; `took` is how often it had told of that before.
    pub(super) async fn takes_again(&mut self, role: Role, took: usize) -> anyhow::Result<()> {
        self.changed(role, TOOK, took).await
    }

    /// How often it has taken partitions, by its log.
    pub(super) fn takes(&self, role: Role) -> anyhow::Result<usize> {
        self.told(role, TOOK)
    }

    async fn rows(&mut self) -> anyhow::Result<u64> {
        Ok(self.site.sql("SELECT count() FROM kube_event").await?.first().context("a count")?.parse()?)
    }
}
