//! Answers over the real engine: what is stored is found, filtered, paged, rebuilt, and told with its coverage.

#![allow(clippy::unwrap_used, reason = "test code")]

#[path = "../support/mod.rs"]
mod support;

mod around;
mod away;
mod completeness;
mod counted;
mod coverage;
mod exports;
mod hostile;
mod lines;
mod lists;
mod oracle;
mod reach;
mod run_events;
mod running;
mod signals;
mod space;
mod sql;

use std::sync::Arc;

use beidou_log::memory::MemoryLog;
use beidou_store::migrate::migrate;
use serde_json::Value;
use support::{Api, config, engine::Engine, log, start};

/// An engine with a role before it.
struct World {
    engine: Engine,
    api: Api,
    log: Arc<MemoryLog>,
    _data: tempfile::TempDir,
}

/// On a database of the shared engine.
async fn world() -> World {
    let data = tempfile::tempdir().unwrap();
    let engine = Engine::shared(data.path()).await;
    over(engine, data).await
}

/// On an engine of its own, for what asks the engine about itself or keeps it busy.
async fn world_alone() -> World {
    let data = tempfile::tempdir().unwrap();
    let engine = Engine::start(data.path()).await;
    over(engine, data).await
}

async fn over(engine: Engine, data: tempfile::TempDir) -> World {
    migrate(&engine.store()).await.unwrap();
    let log = log();
    let api = start(config(), log.clone(), engine.store()).await;
    World { engine, api, log, _data: data }
}

impl World {
    async fn insert(&self, table: &str, rows: impl IntoIterator<Item = Value>) {
        let rows: Vec<_> = rows.into_iter().map(|row| row.to_string()).collect();
        let head = "SETTINGS date_time_input_format = 'best_effort' FORMAT JSONEachRow";
        self.engine.run(&format!("INSERT INTO {table} {head}\n{}", rows.join("\n"))).await;
    }
}
