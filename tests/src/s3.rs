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
    path::PathBuf,
    process::Command,
    sync::{Arc, Weak},
};

use beidou_store::archive::{Archive, S3};
use tokio::sync::Mutex;

use crate::{http_server::HttpServer, installed::installed};

/// Who may do everything.
pub const KEY_ID: &str = "beidou-test";
/// The secret of that key; a test looks for it where it must not stand.
pub const SECRET: &str = "s3cret-of-the-tests";
/// The bucket that is there.
pub const BUCKET: &str = "events";

/// A running server; it ends when this is dropped.
pub struct Server(HttpServer);

impl Server {
    /// Starts a server with one empty bucket and returns when it answers.
    ///
    /// # Errors
    /// When the program is not installed (the message says how), or it ends or does not get ready.
    pub async fn start() -> anyhow::Result<Self> {
        let program = installed("s3")?.join("versitygw");
        let server = HttpServer::start("s3", "", |folder, address| {
            let data = folder.join("data");
            fs::create_dir_all(data.join(BUCKET))?;
            let mut command = Command::new(&program);
            command.env("ROOT_ACCESS_KEY_ID", KEY_ID).env("ROOT_SECRET_ACCESS_KEY", SECRET);
            command.arg("--port").arg(address).arg("posix").arg(data);
            Ok(command)
        });
        Ok(Self(server.await?))
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
        format!("http://{}", self.0.address)
    }

    /// Where its buckets are folders, and objects files.
    #[must_use]
    pub fn data(&self) -> PathBuf {
        self.0.folder.path().join("data")
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
}

impl Drop for Server {
    fn drop(&mut self) {
        if std::thread::panicking() {
            #[expect(clippy::print_stderr, reason = "a failed test shows what its servers said")]
            {
                eprintln!("--- end of s3.log\n{}", self.0.part.log_tail());
            }
        }
    }
}
