//! A real engine in a process of its own, the one of the store's own tests.

#[path = "../../../lib/store/tests/support/process.rs"]
mod process;

use std::{
    path::{Path, PathBuf},
    process::{Child, Stdio},
    time::{Duration, Instant},
};

use beidou_store::{Endpoint, Store, migrate::migrate};

/// Far above what a busy machine needs.
const DEADLINE: Duration = Duration::from_secs(120);
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// A running engine with its tables. Dropped, it is killed.
pub struct Engine {
    child: Child,
    data: PathBuf,
}

impl Engine {
    pub async fn start(data: &Path) -> Engine {
        let mut child = process::command(data).stderr(Stdio::inherit()).spawn().unwrap();
        let (started, mut looks) = (Instant::now(), tokio::time::interval(LOOK_EVERY));
        loop {
            looks.tick().await;
            assert!(child.try_wait().unwrap().is_none(), "the engine ended");
            assert!(started.elapsed() < DEADLINE, "the engine did not start");
            if Endpoint::read(data).is_ok_and(|endpoint| endpoint.pid == child.id()) {
                break;
            }
        }
        let engine = Engine { child, data: data.into() };
        migrate(&engine.store()).await.unwrap();
        engine
    }

    pub fn store(&self) -> Store {
        Store::embedded(&self.data)
    }

    /// Runs a statement as the writer.
    pub async fn run(&self, sql: &str) {
        let done = self.store().writer().unwrap().query_raw(sql).execute().await;
        done.unwrap_or_else(|error| panic!("{error}: {}", &sql[..sql.len().min(500)]));
    }

    /// The text that a statement gives.
    pub async fn text(&self, sql: &str) -> String {
        let client = self.store().writer().unwrap();
        let mut cursor = client.query_raw(sql).fetch_bytes("TSVRaw").unwrap();
        String::from_utf8(cursor.collect().await.unwrap().to_vec()).unwrap()
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}
