//! A real S3 server for one test: Versity's gateway to a folder, on loopback.
//!
//! ```text
//! program (tests/s3/install) ─ port ─ folder with a bucket ─ versitygw posix ─ it answers ─ ready
//! ```
//!
//! Each server has its own folder and port. Process and folder are gone when the value is dropped; when a test fails, the
//! end of the log is printed.

pub mod faulty;

use std::{
    fs,
    net::{Ipv4Addr, TcpListener},
    path::PathBuf,
    process::Command,
    sync::{Arc, Weak},
    time::Duration,
};

use anyhow::{Context, anyhow};
use beidou_store::archive::{Archive, S3};
use tempfile::TempDir;
use tokio::sync::Mutex;

use crate::{beidou::http, control_plane::part::Part, installed::installed, wait::until};

/// A start takes less than a second on an idle machine; longer than this, something is broken.
const READY_LIMIT: Duration = Duration::from_secs(120);
/// Ports are free when they are chosen and may be taken when they are used. Twice in a row is bad luck.
const PORT_ATTEMPTS: usize = 5;
/// Who may do everything.
pub const KEY_ID: &str = "beidou-test";
/// The secret of that key; a test looks for it where it must not stand.
pub const SECRET: &str = "s3cret-of-the-tests";
/// The bucket that is there.
pub const BUCKET: &str = "events";

/// A running server; it ends when this is dropped.
pub struct Server {
    // Dropped in this order: first the process, then the folder it writes to.
    part: Part,
    folder: TempDir,
    port: u16,
}

impl Server {
    /// Starts a server with one empty bucket and returns when it answers.
    ///
    /// # Errors
    /// When the program is not installed (the message says how), or it ends or does not get ready.
    pub async fn start() -> anyhow::Result<Self> {
        let program = installed("s3")?.join("versitygw");
        let mut last = None;
        for _ in 0..PORT_ATTEMPTS {
            let folder = TempDir::with_prefix("beidou-s3-")?;
            fs::create_dir_all(folder.path().join("data").join(BUCKET))?;
            let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port();
            let mut command = Command::new(&program);
            command.env("ROOT_ACCESS_KEY_ID", KEY_ID).env("ROOT_SECRET_ACCESS_KEY", SECRET);
            command.arg("--port").arg(format!("127.0.0.1:{port}")).arg("posix").arg(folder.path().join("data"));
            let part = Part::launch("s3", command, folder.path()).context("start the S3 server")?;
            let mut server = Self { part, folder, port };
            match server.ready().await {
                Ok(()) => return Ok(server),
                Err(error) if server.part.log_tail().contains("address already in use") => last = Some(error),
                Err(error) => return Err(error.context("start the S3 server")),
            }
        }
        Err(last.unwrap_or_else(|| anyhow!("no attempt was made")).context("find a free port for the S3 server"))
    }

    /// One server for all tests of a process that only need some: it is kept while one of them holds it.
    ///
    /// # Errors
    /// As [`Server::start`].
    pub async fn shared() -> anyhow::Result<Arc<Self>> {
        static SHARED: Mutex<Weak<Server>> = Mutex::const_new(Weak::new());
        let mut shared = SHARED.lock().await;
        if let Some(server) = shared.upgrade() {
            return Ok(server);
        }
        let server = Arc::new(Self::start().await?);
        *shared = Arc::downgrade(&server);
        Ok(server)
    }

    /// Its URL.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Where its buckets are folders, and objects files.
    #[must_use]
    pub fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// How a site reaches the bucket at this URL, below this prefix.
    #[must_use]
    pub fn site(url: &str, prefix: &str) -> S3 {
        S3 {
            bucket: Some(BUCKET.into()),
            prefix: prefix.into(),
            endpoint: Some(url.into()),
            allow_http: true,
            access_key_id: Some(KEY_ID.into()),
            secret_access_key: Some(SECRET.into()),
            ..S3::default()
        }
    }

    /// An archive of its own in the bucket.
    ///
    /// # Errors
    /// When its settings do not fit.
    pub fn archive(&self) -> anyhow::Result<Archive> {
        let s3 = Self::site(&self.url(), &format!("site/{}", uuid::Uuid::new_v4()));
        s3.check()?;
        Ok(Archive::s3(&s3)?)
    }

    async fn ready(&mut self) -> anyhow::Result<()> {
        let url = self.url();
        let waited = until("the S3 server answers", READY_LIMIT, async || match self.part.ended() {
            Ok(None) => http().get(&url).send().await.is_ok().then_some(Ok(())),
            Ok(Some(status)) => Some(Err(anyhow!("the S3 server has ended ({status})"))),
            Err(error) => Some(Err(error.into())),
        });
        let result = match waited.await {
            Ok(result) => result,
            Err(overdue) => Err(anyhow!(overdue)),
        };
        result.with_context(|| self.part.log_tail())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if std::thread::panicking() {
            #[expect(clippy::print_stderr, reason = "a failed test shows what its servers said")]
            {
                eprintln!("--- end of s3.log\n{}", self.part.log_tail());
            }
        }
    }
}
