//! A real engine in a process of its own. The engine owns its whole process, so the test binary starts itself again:
//! the child runs just `engine_process`, which serves until its standard input ends.

use std::{
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use beidou_store::{
    Endpoint, Store,
    engine::{
        EngineOptions,
        install::{Installer, no_progress},
        serve,
    },
    migrate::migrate,
};

const DATA: &str = "BEIDOU_TEST_ENGINE_DATA";
const LIBRARY: &str = "BEIDOU_TEST_ENGINE_LIBRARY";
const MEMORY_LIMIT_BYTES: u64 = 2 << 30;
/// Far above what a busy machine needs.
const DEADLINE: Duration = Duration::from_secs(120);
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// The child's side; does nothing in a normal run.
#[test]
fn engine_process() {
    let (Some(data), Some(library)) = (std::env::var_os(DATA), std::env::var_os(LIBRARY)) else { return };
    let options = EngineOptions {
        data_dir: data.into(),
        library: library.into(),
        memory_limit_bytes: MEMORY_LIMIT_BYTES,
        listen: ([127, 0, 0, 1], 0).into(),
        tie_to_stdin: true,
    };
    let runtime = tokio::runtime::Runtime::new().unwrap();
    if let Err(error) = runtime.block_on(serve(options, std::future::pending())) {
        panic!("engine: {error}");
    }
}

/// A running engine with its tables. Dropped, it is killed.
pub struct Engine {
    child: Child,
    data: PathBuf,
}

impl Engine {
    pub async fn start(data: &Path) -> Engine {
        let library = Installer::from_environment().unwrap().install(no_progress()).await.unwrap();
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["support::engine::engine_process", "--exact", "--nocapture", "--test-threads=1"])
            .env(DATA, data)
            .env(LIBRARY, library)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
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
