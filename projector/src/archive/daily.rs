//! Once a day the range files of the days before become day files.
//!
//! Nothing is remembered between runs: what is old enough is compacted, whenever that is looked at. So a projector that
//! was down at midnight does it at its next start.

use std::time::Duration;

use beidou_schemas::{Micros, archive::Collection, time::DAY};
use beidou_store::archive::Compaction;

use super::ArchiveConfig;
use crate::{error::chain, turns::Turns};

/// How often it is looked whether a day has ended: day files appear within this time.
const LOOK_EVERY: Duration = Duration::from_secs(600);

/// Compacts again and again; drop the future to stop it at any point.
pub(crate) async fn compact_daily(config: ArchiveConfig, turns: Turns) {
    let mut ticks = tokio::time::interval(LOOK_EVERY);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    // The first tick comes at once: a start has better things to do.
    ticks.tick().await;
    loop {
        ticks.tick().await;
        let _turn = turns.turn.lock().await;
        if let Err(error) = turns.still_leads().await {
            tracing::info!(error = chain(&error), "the archive is not compacted by this projector");
            continue;
        }
        for collection in Collection::ALL {
            compact_days_before(&config, collection, Micros::of(jiff::Timestamp::now())).await;
        }
    }
}

async fn compact_days_before(config: &ArchiveConfig, collection: Collection, now: Micros) {
    let today = Micros(now.0.div_euclid(DAY) * DAY);
    match config.archive.of(collection).compact(&Compaction::new(today, now)).await {
        Ok(done) => {
            if !done.left_out.is_empty() {
                config.metrics.compaction_failures.inc();
            }
            let Some(generation) = done.generation else { return };
            config.metrics.compactions.inc();
            config.metrics.compacted_rows.inc_by(done.rows);
            config.metrics.note_generation(collection, generation);
            tracing::info!(
                collection = collection.folder(),
                generation,
                rows = done.rows,
                files = done.outputs.0,
                "compacted the archive"
            );
        }
        Err(error) => {
            config.metrics.compaction_failures.inc();
            let error = &error as &dyn std::error::Error;
            tracing::warn!(
                collection = collection.folder(),
                error,
                "the archive is not compacted, it is tried again; what is in it stays readable"
            );
        }
    }
}
