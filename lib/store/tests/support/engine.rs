//! A real engine in a process of its own, for the tests of other rooms: they take this file in by `#[path = "…/engine.rs"]`.

#![allow(dead_code, reason = "each test binary uses its own part of this module")]
#![allow(clippy::unwrap_used, missing_docs, reason = "all of this is test code")]

#[path = "process.rs"]
mod process;
#[path = "wait.rs"]
mod wait;

use std::{
    future::ready,
    path::{Path, PathBuf},
    process::{Child, Stdio},
};

use beidou_store::{Endpoint, Store};

/// A running engine. Dropped, it is killed.
pub struct Engine {
    child: Child,
    data: PathBuf,
}

impl Engine {
    pub async fn start(data: &Path) -> Engine {
        let mut child = process::command(data).stderr(Stdio::inherit()).spawn().unwrap();
        let pid = child.id();
        wait::wait_until("the engine", || {
            assert!(child.try_wait().unwrap().is_none(), "the engine ended");
            ready(Endpoint::read(data).is_ok_and(|endpoint| endpoint.pid == pid))
        })
        .await;
        Engine { child, data: data.into() }
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
