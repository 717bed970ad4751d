//! Before a worker begins: whether the tables are there, and hold what the ledger says.
//!
//! ```text
//!  tables      ledger        the leading partition            all others, in whichever projector
//!  none        empty         makes them                       wait
//!  none        filled        fences all, restores             wait
//!  empty       filled        fences all, restores             wait until they are filled, or called whole
//!  filled      any           goes on                          go on
//! ```
//!
//! Invariants:
//! - Tables are made by the leading partition alone, and where they were lost only after all ledgers were fenced: a worker
//!   that has not noticed would otherwise fill them, and nobody would see any more that they were lost.
//! - Without an archive nothing can be restored: that ends the projector, and says so.

use std::time::Duration;

use beidou_schemas::{Topic, TopicPartition, ledger};
use beidou_store::{
    StoreError,
    audit::Filling,
    migrate::{call_whole, has_no_events, is_called_whole, migrate, require},
};

use crate::{ProjectorError, ledger::Told, rebuild::restore, run::LEADING, worker::Worker};

/// How often a worker looks whether the tables are there now: an engine starts in under a second.
const LOOK_EVERY: Duration = Duration::from_millis(200);

/// What a worker finds.
enum Found {
    /// Not even the tables.
    Nothing,
    /// Tables without Events.
    Empty,
    /// Tables with Events.
    Filled,
}

impl Worker {
    fn leads(&self) -> bool {
        self.at == LEADING
    }

    /// Returns when the tables are there and hold what the ledger says.
    ///
    /// # Errors
    /// When they are lost and cannot be restored, or are a newer version's.
    pub(crate) async fn ready_tables(&self) -> Result<(), ProjectorError> {
        loop {
            let ready = self.patiently(|| async {
                let ready = if self.leads() { self.make_ready().await } else { self.are_ready().await };
                match ready {
                    // A file that is missing or damaged comes back by somebody's hand, and whoever starts anew sees it.
                    Err(error @ ProjectorError::Archive(_)) => Ok(Err(error)),
                    ready => ready.map(Ok),
                }
            });
            if ready.await?? {
                return Ok(());
            }
            if self.stop.run_until_cancelled(tokio::time::sleep(LOOK_EVERY)).await.is_none() {
                return Err(ProjectorError::GivenBack { at: self.at });
            }
        }
    }

    /// Brings tables that are there forward: also those of a leader that is an older version.
    async fn look(&self) -> Result<Found, ProjectorError> {
        match require(&self.store).await {
            Ok(()) => {}
            Err(StoreError::NotMigrated { found: 0, .. }) => return Ok(Found::Nothing),
            Err(StoreError::NotMigrated { .. }) => self.migrate().await?,
            Err(error) => return Err(error.into()),
        }
        Ok(if has_no_events(&self.store).await? { Found::Empty } else { Found::Filled })
    }

    /// Brings the tables forward. What one worker has done the next one finds.
    pub(crate) async fn migrate(&self) -> Result<(), ProjectorError> {
        let _turn = self.turns.tables.lock().await;
        migrate(&self.store).await?;
        Ok(())
    }

    async fn are_ready(&self) -> Result<bool, ProjectorError> {
        Ok(match self.look().await? {
            Found::Nothing => false,
            Found::Filled => true,
            Found::Empty if self.config.archive.is_none() || is_called_whole(&self.store).await? => true,
            Found::Empty => !self.is_lost().await?,
        })
    }

    async fn make_ready(&self) -> Result<bool, ProjectorError> {
        match self.look().await? {
            Found::Filled => Filling::discard(&self.store).await?,
            Found::Nothing if self.ledger_says_rows().await? => self.restore().await?,
            Found::Empty if self.config.archive.is_some() && self.is_lost().await? => self.restore().await?,
            Found::Nothing => {
                self.migrate().await?;
                call_whole(&self.store, true).await?;
            }
            Found::Empty => call_whole(&self.store, true).await?,
        }
        Ok(true)
    }

    async fn restore(&self) -> Result<(), ProjectorError> {
        match &self.config.archive {
            Some(config) => restore(self, &config.archive).await,
            None => Err(ProjectorError::TablesLost { at: self.at }),
        }
    }

    /// Whether rows that the ledger speaks of are not there. What it says is read first: those rows were there by then.
    async fn is_lost(&self) -> Result<bool, ProjectorError> {
        Ok(self.ledger_says_rows().await? && has_no_events(&self.store).await?)
    }

    /// Whether a cut of Events is in the tables, by the ledgers.
    async fn ledger_says_rows(&self) -> Result<bool, ProjectorError> {
        let partitions = self.log.partitions(Topic::KubeEvent);
        for partition in 0..partitions {
            let source = TopicPartition::new(Topic::KubeEvent, partition);
            let Some(at) = ledger::partition_of(source, partitions) else { continue };
            if Told::read(&*self.log, at, source, false).await?.has_done() {
                return Ok(true);
            }
        }
        Ok(false)
    }
}
