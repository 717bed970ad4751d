//! A real engine for tests: one child process per test, on a data directory and a port of its own.
//!
//! The engine owns its whole process, so a test binary starts itself again: the child runs just the test
//! `support::engine_process` below, which serves until its standard input ends. A test binary that says
//! `#[path = "…/support/mod.rs"] mod support;` can use [`EngineProcess`]. The engine library is installed for real
//! when it is not there yet; without it the tests fail.

#![allow(dead_code, reason = "each test binary uses its own part of this module")]
#![allow(clippy::unwrap_used, missing_docs, reason = "all of this is test code")]

mod wait;

use beidou_store::engine::install::{Installer, no_progress};
use beidou_store::engine::{Endpoint, EngineOptions, serve};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::OnceLock;

#[allow(unused_imports, reason = "each test binary uses its own part of this module")]
pub use wait::{DEADLINE, wait_for, wait_until};

const DATA: &str = "BEIDOU_TEST_ENGINE_DATA";
const LIBRARY: &str = "BEIDOU_TEST_ENGINE_LIBRARY";
/// Enough for every test here, and low enough that the test of the limit is quick.
pub const MEMORY_LIMIT_BYTES: u64 = 2 << 30;

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

/// The engine library, installed on first use.
pub fn library() -> &'static Path {
    static LIBRARY: OnceLock<PathBuf> = OnceLock::new();
    LIBRARY.get_or_init(|| {
        let installed = std::thread::spawn(|| {
            let runtime = tokio::runtime::Runtime::new().unwrap();
            runtime.block_on(Installer::from_environment().unwrap().install(no_progress()))
        });
        installed.join().unwrap().expect("the engine library can be installed")
    })
}

/// The command that runs an engine on `data`.
pub fn command(data: &Path) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command
        .args(["support::engine_process", "--exact", "--nocapture", "--test-threads=1"])
        .env(DATA, data)
        .env(LIBRARY, library())
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped());
    command
}

/// A running engine. Dropped, it is killed.
pub struct EngineProcess {
    pub endpoint: Endpoint,
    pub child: Child,
    pub stdin: Option<ChildStdin>,
    data: PathBuf,
    _temporary: Option<tempfile::TempDir>,
}

impl EngineProcess {
    /// An engine on a fresh temporary directory.
    pub fn start() -> EngineProcess {
        let temporary = tempfile::tempdir().unwrap();
        let mut engine = EngineProcess::start_on(temporary.path());
        engine._temporary = Some(temporary);
        engine
    }

    /// An engine on `data`, ready to answer.
    pub fn start_on(data: &Path) -> EngineProcess {
        let mut child = command(data).spawn().unwrap();
        let stdin = child.stdin.take();
        let endpoint = wait_for("the engine's endpoint file", || {
            if let Some(status) = child.try_wait().unwrap() {
                panic!("the engine ended with {status}: {}", errors_of(&mut child));
            }
            Endpoint::read(data).ok().filter(|endpoint| endpoint.pid == child.id())
        });
        EngineProcess { endpoint, child, stdin, data: data.to_path_buf(), _temporary: None }
    }

    pub fn data(&self) -> &Path {
        &self.data
    }

    /// A client with the right to write.
    pub fn client(&self) -> clickhouse::Client {
        clickhouse::Client::default()
            .with_url(&self.endpoint.url)
            .with_user(&self.endpoint.writer.user)
            .with_password(&self.endpoint.writer.password)
            .with_database(&self.endpoint.database)
    }

    /// A plain request as the writer, to which a test adds its query and body.
    pub fn request(&self) -> reqwest::RequestBuilder {
        let writer = &self.endpoint.writer;
        let request = http().post(&self.endpoint.url).basic_auth(&writer.user, Some(&writer.password));
        request.header("x-clickhouse-database", &self.endpoint.database)
    }

    /// The same as the reader.
    pub fn reader_request(&self) -> reqwest::RequestBuilder {
        let reader = &self.endpoint.reader;
        http().post(&self.endpoint.url).basic_auth(&reader.user, Some(&reader.password))
    }

    /// Runs a statement as the writer: status and text.
    pub async fn sql(&self, sql: &str) -> (u16, String) {
        answer(self.request().body(sql.to_owned())).await
    }

    /// Runs a statement that must succeed; its text without the last line break.
    pub async fn ok(&self, sql: &str) -> String {
        let (status, text) = self.sql(sql).await;
        assert_eq!(status, 200, "{sql}: {text}");
        text.trim_end().to_owned()
    }

    /// Kills the process as `kill -9` does, and waits for its end.
    pub fn kill(mut self) -> PathBuf {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        self.data.clone()
    }

    /// Waits for the process to end by itself.
    pub fn wait(&mut self) -> ExitStatus {
        let child = &mut self.child;
        wait_for("the end of the engine process", || child.try_wait().unwrap())
    }
}

impl Drop for EngineProcess {
    fn drop(&mut self) {
        // Already ended is fine.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What a child wrote to its standard error.
pub fn errors_of(child: &mut Child) -> String {
    child.stderr.take().map(|errors| std::io::read_to_string(errors).unwrap()).unwrap_or_default()
}

pub fn http() -> reqwest::Client {
    // No connection is kept between requests: a test may restart the engine in between.
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::builder().no_proxy().pool_max_idle_per_host(0).build().unwrap()
}

/// Sends a request: status and text.
pub async fn answer(request: reqwest::RequestBuilder) -> (u16, String) {
    let response = request.send().await.unwrap();
    let status = response.status().as_u16();
    (status, response.text().await.unwrap())
}
