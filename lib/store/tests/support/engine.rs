//! A real engine in a process of its own, for the tests of other rooms: they take this file in by `#[path = "…/engine.rs"]`.

#![allow(dead_code, reason = "each test binary uses its own part of this module")]
#![allow(clippy::unwrap_used, missing_docs, reason = "all of this is test code")]

#[path = "process.rs"]
mod process;
#[path = "wait.rs"]
mod wait;

use std::{
    fs,
    future::ready,
    path::{Path, PathBuf},
    process::{Child, Stdio},
    sync::{
        Arc, Weak,
        atomic::{AtomicU32, Ordering},
    },
};

use beidou_store::{Endpoint, Store};
use tempfile::TempDir;
use tokio::sync::Mutex;

/// A running engine, or a database of one. Dropped, the engine is killed, if nobody else has a database of it.
pub struct Engine {
    process: Arc<Process>,
    data: PathBuf,
}

struct Process {
    child: Child,
    /// Of a shared one, whose folder is no test's own.
    folder: Option<TempDir>,
}

impl Process {
    async fn start(data: &Path, folder: Option<TempDir>) -> Process {
        let mut child = process::command(data).stderr(Stdio::inherit()).spawn().unwrap();
        let pid = child.id();
        wait::wait_until("the engine", || {
            assert!(child.try_wait().unwrap().is_none(), "the engine ended");
            ready(Endpoint::read(data).is_ok_and(|endpoint| endpoint.pid == pid))
        })
        .await;
        Process { child, folder }
    }
}

impl Engine {
    /// One of its own, on this folder.
    pub async fn start(data: &Path) -> Engine {
        Engine { process: Arc::new(Process::start(data, None).await), data: data.into() }
    }

    /// A database of its own on the engine that tests of this program share, seen from this folder like an engine there:
    /// for tests that neither kill the engine nor ask it about all that it has and does.
    pub async fn shared(data: &Path) -> Engine {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let process = Self::process().await;
        let whole = process.folder.as_ref().unwrap().path();
        let database = format!("test_{}", NEXT.fetch_add(1, Ordering::Relaxed));
        Engine { process: process.clone(), data: whole.into() }.run(&format!("CREATE DATABASE {database}")).await;
        let endpoint = Endpoint { database, ..Endpoint::read(whole).unwrap() };
        let path = Endpoint::path(data);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, serde_json::to_vec(&endpoint).unwrap()).unwrap();
        Engine { process, data: data.into() }
    }

    /// The shared one; it is kept while a test holds it.
    async fn process() -> Arc<Process> {
        static SHARED: Mutex<Weak<Process>> = Mutex::const_new(Weak::new());
        let mut shared = SHARED.lock().await;
        if let Some(process) = shared.upgrade() {
            return process;
        }
        let folder = tempfile::tempdir().unwrap();
        let data = folder.path().to_owned();
        let process = Arc::new(Process::start(&data, Some(folder)).await);
        *shared = Arc::downgrade(&process);
        process
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

impl Drop for Process {
    fn drop(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}
