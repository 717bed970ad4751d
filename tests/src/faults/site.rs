//! A small installation for a test: engine, ingest and projector as processes of their own, in one data directory, with the
//! log in files there or in a Kafka broker.

use std::{
    collections::HashMap,
    fs, io,
    path::{Path, PathBuf},
    process::{Command, ExitStatus},
    time::Duration,
};

use anyhow::{Context, bail, ensure};
use beidou_simulator::ApiServer;
use beidou_store::{
    Endpoint,
    archive::{Archive, ArchiveError, S3},
};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::{
    beidou::{self, binary, http},
    clock::Clock,
    control_plane::part::Part,
    wait::until,
};

/// An engine with data opens in about a second; longer than this, something is broken.
const READY_LIMIT: Duration = Duration::from_secs(120);

/// The heartbeat of the test, and the unit of the tolerance that the verdict grants.
pub const HEARTBEAT: Duration = Duration::from_secs(2);

/// What a role logs of it takes seconds, where the others must miss it first.
const TOLD_LIMIT: Duration = Duration::from_secs(180);

/// What a projector logs when it gets partitions.
pub const TOOK: &str = "took partitions";
/// What it logs when others get some of its own.
pub const GAVE: &str = "gave partitions back";

/// Range files are that young, so that kills fall between their steps.
const ARCHIVED_AFTER_SECONDS: u64 = 1;

/// A process of the installation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Role {
    /// `beidou engine`.
    Engine,
    /// `beidou ingest`.
    Ingest,
    /// Another one, beside the first.
    SecondIngest,
    /// `beidou projector`.
    Projector,
    /// Another one: both share the partitions.
    SecondProjector,
    /// `beidou query-api`: for what people ask of the projector.
    QueryApi,
    /// `beidou controllers`.
    Controllers,
}

impl Role {
    /// All of them, in the order of an upgrade; the engine last, which all wait for.
    pub const ALL: [Self; 7] = [
        Self::Ingest,
        Self::SecondIngest,
        Self::Projector,
        Self::SecondProjector,
        Self::QueryApi,
        Self::Controllers,
        Self::Engine,
    ];

    /// What tells it from all others.
    #[must_use]
    pub fn label(self) -> &'static str {
        match self {
            Self::SecondIngest => "second-ingest",
            Self::SecondProjector => "second-projector",
            other => other.name(),
        }
    }

    /// The subcommand.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Engine => "engine",
            Self::Ingest | Self::SecondIngest => "ingest",
            Self::Projector | Self::SecondProjector => "projector",
            Self::QueryApi => "query-api",
            Self::Controllers => "controllers",
        }
    }
}

/// The installation; its processes and its folder end with it.
pub struct Site {
    parts: HashMap<Role, Part>,
    environment: Vec<(&'static str, String)>,
    /// The bucket of the archive, past all proxies; a folder where there is none.
    bucket: Option<S3>,
    clock: Option<Clock>,
    folder: TempDir,
}

/// What the processes of an installation are told of the world.
#[derive(Debug, Default)]
pub struct Plan {
    /// The clusters, as the configuration lists them.
    pub clusters: Vec<Value>,
    /// The section `log`.
    pub log: Value,
    /// The bucket of the archive, as they reach it and as the test does.
    pub bucket: Option<[S3; 2]>,
    /// Whether they go by a clock that can step.
    pub own_clock: bool,
    /// Fail points and planted bugs.
    pub environment: Vec<(&'static str, String)>,
}

impl Plan {
    /// A cluster as ingest reaches it.
    #[must_use]
    pub fn cluster(server: &ApiServer, url: &str) -> Value {
        json!({"name": server.cluster().name, "server": url, "token": server.token()})
    }

    /// The section `log` for a broker.
    #[must_use]
    pub fn kafka(broker: &str) -> Value {
        json!({"kafka": {"brokers": [broker], "replicas": 1, "silence_seconds": 10, "session_seconds": 6}})
    }

    /// The section `archive`.
    fn archive(&self) -> Value {
        let mut archive = json!({"max_age_seconds": ARCHIVED_AFTER_SECONDS});
        if let Some([s3, _]) = &self.bucket {
            archive["s3"] = json!({
                "bucket": s3.bucket, "prefix": s3.prefix, "endpoint": s3.endpoint, "allow_http": s3.allow_http,
                "access_key_id": s3.access_key_id, "secret_access_key": s3.secret_access_key,
                "timeout_seconds": s3.timeout_seconds,
            });
        }
        archive
    }
}

impl Site {
    /// Makes a data directory and a configuration that names these clusters; starts nothing.
    ///
    /// # Errors
    /// When the files cannot be written.
    pub fn new(servers: &[ApiServer], environment: Vec<(&'static str, String)>) -> anyhow::Result<Self> {
        let clusters = servers.iter().map(|server| Plan::cluster(server, &server.url())).collect();
        Self::planned(Plan { clusters, log: json!({}), environment, ..Plan::default() })
    }

    /// The same with the log in a Kafka broker.
    ///
    /// # Errors
    /// When the files cannot be written.
    pub fn in_kafka(
        servers: &[ApiServer],
        environment: Vec<(&'static str, String)>,
        broker: &str,
    ) -> anyhow::Result<Self> {
        let clusters = servers.iter().map(|server| Plan::cluster(server, &server.url())).collect();
        Self::planned(Plan { clusters, log: Plan::kafka(broker), environment, ..Plan::default() })
    }

    /// Makes what is planned; starts nothing.
    ///
    /// # Errors
    /// When the files cannot be written.
    pub fn planned(plan: Plan) -> anyhow::Result<Self> {
        let folder = tempfile::tempdir()?;
        let config = json!({
            "clusters": plan.clusters,
            "log": plan.log,
            "archive": plan.archive(),
            "query_api": {"listen": "127.0.0.1:0"},
            // Lists beside the watches all the time: under faults, too, they must find nothing that was not lost.
            "ingest": {"heartbeat_ms": HEARTBEAT.as_millis() as u64, "longest_wait_ms": 1000, "compare_every_seconds": 5},
        });
        fs::write(folder.path().join("site.yaml"), config.to_string())?;
        fs::create_dir(folder.path().join("logs"))?;
        let clock = plan.own_clock.then(|| Clock::new(folder.path())).transpose()?;
        let bucket = plan.bucket.map(|[_, past]| past);
        Ok(Self { parts: HashMap::new(), environment: plan.environment, bucket, clock, folder })
    }

    /// The clock of its processes.
    ///
    /// # Errors
    /// When they go by that of the machine.
    pub fn clock(&self) -> anyhow::Result<&Clock> {
        self.clock.as_ref().context("the site has a clock of its own")
    }

    /// The data directory.
    #[must_use]
    pub fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// A file beside the data, for fail points.
    #[must_use]
    pub fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Starts a role; a running one is left alone.
    ///
    /// # Errors
    /// When the process cannot be started.
    pub fn start(&mut self, role: Role) -> anyhow::Result<()> {
        if self.parts.contains_key(&role) {
            return Ok(());
        }
        let mut command = Command::new(binary()?);
        command.arg(role.name()).arg("--data").arg(self.data());
        command.arg("--config").arg(self.folder.path().join("site.yaml"));
        command.env("BEIDOU_INGEST_COLLECTOR", role.label());
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        command.envs(self.clock.iter().flat_map(Clock::variables));
        let part = Part::launch(role.label(), command, &self.folder.path().join("logs"))?;
        self.parts.insert(role, part);
        Ok(())
    }

    /// Ends a role by SIGKILL.
    ///
    /// # Errors
    /// When it had ended by itself: that is a fault of its own.
    pub fn kill(&mut self, role: Role) -> io::Result<()> {
        self.parts.remove(&role).map_or(Ok(()), Part::kill)
    }

    /// Sends a signal to a running role.
    ///
    /// # Errors
    /// When it does not run.
    pub fn signal(&self, role: Role, signal: i32) -> anyhow::Result<()> {
        let part = self.parts.get(&role).with_context(|| format!("{} does not run", role.label()))?;
        Ok(part.signal(signal)?)
    }

    /// Ends a role as an operator does, and waits for that.
    ///
    /// # Errors
    /// When it does not end well.
    pub async fn stop(&mut self, role: Role) -> anyhow::Result<()> {
        self.signal(role, libc::SIGTERM)?;
        let status = until("the role ends as it was told", READY_LIMIT, async || self.ended(role)).await?;
        ensure!(status.success(), "{} was to end, and ended with {status}\n{}", role.label(), self.log(role)?);
        Ok(())
    }

    /// How a role has ended by itself, which then belongs to the installation no more; `None` while it runs.
    pub fn ended(&mut self, role: Role) -> Option<ExitStatus> {
        let status = self.parts.get_mut(&role)?.ended().ok()??;
        self.parts.remove(&role);
        Some(status)
    }

    /// The process id of a running role.
    #[must_use]
    pub fn pid(&self, role: Role) -> Option<u32> {
        self.parts.get(&role).map(Part::pid)
    }

    /// Whether every started role still runs; the end of the log of one that does not.
    ///
    /// # Errors
    /// When a role ended by itself.
    pub fn all_run(&mut self) -> anyhow::Result<()> {
        for part in self.parts.values_mut() {
            if let Some(status) = part.ended()? {
                bail!("{} ended by itself: {status}\n{}", part.name(), part.log_tail());
            }
        }
        Ok(())
    }

    /// Waits until the engine answers, and says where.
    ///
    /// # Errors
    /// When it does not come.
    pub async fn endpoint(&mut self) -> anyhow::Result<Endpoint> {
        let data = self.data();
        let pid = self.pid(Role::Engine);
        let ready = until("the engine answers", READY_LIMIT, async || {
            if let Err(error) = self.all_run() {
                return Some(Err(error));
            }
            let endpoint = Endpoint::read(&data).ok()?;
            (Some(endpoint.pid) == pid).then_some(())?;
            let answer = http().get(format!("{}/ping", endpoint.url)).send().await.ok()?;
            answer.status().is_success().then_some(Ok(endpoint))
        });
        ready.await?
    }

    /// Tells everybody in the engine's place where it listens, until it starts again.
    ///
    /// # Errors
    /// When it does not run.
    pub fn tell_engine(&self, url: &str) -> anyhow::Result<()> {
        let endpoint = Endpoint { url: url.into(), ..Endpoint::read(&self.data())? };
        let path = Endpoint::path(&self.data());
        let new = path.with_extension("new");
        fs::write(&new, serde_json::to_vec(&endpoint)?)?;
        Ok(fs::rename(new, path)?)
    }

    /// Runs a statement on the engine, past all code of ours but the engine's own door; the answer as TSV lines.
    ///
    /// # Errors
    /// When the engine does not answer, or refuses.
    pub async fn sql(&mut self, statement: &str) -> anyhow::Result<Vec<String>> {
        self.endpoint().await?;
        beidou::sql(&self.data(), statement).await
    }

    /// Runs a statement that changes something on the engine.
    ///
    /// # Errors
    /// When the engine does not answer, or refuses.
    pub async fn command(&mut self, statement: &str) -> anyhow::Result<()> {
        let endpoint = self.endpoint().await?;
        beidou::ask(&endpoint, &endpoint.writer, statement).await.map(drop)
    }

    /// The archive, past whoever writes it.
    ///
    /// # Errors
    /// When its folder cannot be read, or the settings of the bucket do not fit.
    pub fn archive(&self) -> Result<Archive, ArchiveError> {
        match &self.bucket {
            Some(bucket) => Archive::s3(bucket),
            None => Archive::folder(&self.data().join("archive")),
        }
    }

    /// A `beidou` command on this installation, run to its end.
    ///
    /// # Errors
    /// When it fails.
    pub fn run(&self, arguments: &[&str]) -> anyhow::Result<String> {
        let mut command = Command::new(binary()?);
        command.args(arguments).arg("--data").arg(self.data());
        let done = command.arg("--config").arg(self.folder.path().join("site.yaml")).output()?;
        if !done.status.success() {
            bail!("beidou {arguments:?}: {}\n{}", done.status, String::from_utf8_lossy(&done.stderr));
        }
        Ok(String::from_utf8(done.stdout)?)
    }

    /// All lines that the roles have logged.
    ///
    /// # Errors
    /// When a log cannot be read.
    pub fn log_lines(&self) -> io::Result<Vec<String>> {
        let mut lines = Vec::new();
        for role in Role::ALL {
            lines.extend(self.log(role)?.lines().map(|line| format!("{}: {line}", role.label())));
        }
        Ok(lines)
    }

    /// How often a role has told of this.
    ///
    /// # Errors
    /// When its log cannot be read.
    pub fn told(&self, role: Role, what: &str) -> io::Result<usize> {
        Ok(self.log(role)?.lines().filter(|line| line.contains(what)).count())
    }

    /// Waits until a role has told of this more than so often.
    ///
    /// # Errors
    /// When it does not, or a role ends by itself.
    pub async fn changed(&mut self, role: Role, what: &str, more_than: usize) -> anyhow::Result<()> {
        let says = format!("{} says again: {what}", role.label());
        let changed = until(&says, TOLD_LIMIT, async || {
            if let Err(error) = self.all_run() {
                return Some(Err(error));
            }
            (self.told(role, what).ok()? > more_than).then_some(Ok(()))
        });
        changed.await?
    }

    /// What a role has logged.
    ///
    /// # Errors
    /// When its log cannot be read.
    pub fn log(&self, role: Role) -> io::Result<String> {
        read_if_there(&self.folder.path().join("logs").join(format!("{}.log", role.label())))
    }
}

fn read_if_there(path: &Path) -> io::Result<String> {
    match fs::read(path) {
        Ok(bytes) => Ok(String::from_utf8_lossy(&bytes).into_owned()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(String::new()),
        Err(error) => Err(error),
    }
}
