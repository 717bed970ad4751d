//! A real engine for tests: one child process per test, on a data directory and a port of its own.
//!
//! How the child is made stands in `process.rs`, which other rooms' tests use as well.

#![allow(dead_code, reason = "each test binary uses its own part of this module")]
#![allow(clippy::unwrap_used, missing_docs, reason = "all of this is test code")]

mod process;
mod wait;

use beidou_store::engine::Endpoint;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ExitStatus};

#[allow(unused_imports, reason = "each test binary uses its own part of this module")]
pub use process::{MEMORY_LIMIT_BYTES, command, library};
#[allow(unused_imports, reason = "each test binary uses its own part of this module")]
pub use wait::{DEADLINE, wait_for, wait_until};

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

    /// The same as the one that reads the archive too.
    pub fn archive_request(&self) -> reqwest::RequestBuilder {
        let reader = &self.endpoint.archive_reader;
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
