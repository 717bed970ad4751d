//! What every role of a process needs: settings, the order to stop, metrics, the log, the store.

use std::{
    fs::{File, OpenOptions, TryLockError},
    path::PathBuf,
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::Context;
use beidou_log::{
    Log, LogError,
    file::{Faults, FileLog, FileOptions},
    kafka::{KafkaLog, KafkaOptions},
};
use beidou_service::{CancellationToken, Metrics, Part, Readiness, config::Flag, probe, shutdown, telemetry};
use beidou_store::Store;
use prometheus_client::metrics::gauge::Gauge;
use tokio::net::TcpListener;

use crate::{
    args::roles::Role,
    exit::{Code, Failure},
    private_file,
    site::{self, Settled, Site},
};

/// How often the log is asked whether appends wait.
const LOOK_EVERY: Duration = Duration::from_secs(2);
/// A broker that is started anew is away for a while: a role that starts meanwhile waits so long for it.
const BROKER_LIMIT: Duration = Duration::from_secs(120);
/// Of a process that was killed while it started a runner, the runner has the lock until it runs its own program.
const LET_GO: Duration = Duration::from_secs(3);
const LOOK_AGAIN: Duration = Duration::from_millis(20);

/// One process with its roles.
#[derive(Debug, Clone)]
pub struct Process {
    /// The configuration.
    pub site: Site,
    /// The data directory.
    pub data: PathBuf,
    /// The flags that it was started with.
    pub role: Role,
    /// Cancelled when the process shall end.
    pub stop: CancellationToken,
    /// Metrics of all roles.
    pub metrics: Metrics,
    /// Which roles are ready.
    pub readiness: Readiness,
}

/// The data directory, taken. Unlocked by name: closing frees it only when no child between `fork` and `exec` has a copy.
#[derive(Debug)]
pub struct OwnData(File);

impl Drop for OwnData {
    fn drop(&mut self) {
        let _ended_anyway = self.0.unlock();
    }
}

impl Process {
    /// Reads the configuration, and listens for the order to stop.
    ///
    /// # Errors
    /// When the configuration is not valid, or the data directory cannot be made.
    pub fn start(role: &Role, flags: Vec<Flag>) -> anyhow::Result<Self> {
        let process = Self::prepare(role, flags, shutdown::on_signals()?)?;
        if role.tied_to_stdin {
            shutdown::tie_to_stdin(process.stop.clone());
        }
        Ok(process)
    }

    /// The same with an order to stop that others give.
    ///
    /// # Errors
    /// As [`Process::start`].
    pub fn prepare(role: &Role, flags: Vec<Flag>, stop: CancellationToken) -> anyhow::Result<Self> {
        let Settled { site, data } = site::settle(role, flags)?;
        private_file::make_folder(&data).with_context(|| {
            format!("cannot make the data directory {}; choose another with --data", data.display())
        })?;
        let (metrics, readiness) = (Metrics::default(), Readiness::default());
        Ok(Self { site, data, role: role.clone(), stop, metrics, readiness })
    }

    /// The log, made when missing: the configured Kafka, else files in the data directory. `None` where the process was told to
    /// end while it waited for brokers: that is no failure.
    ///
    /// # Errors
    /// When it cannot be opened, or was made with other partitions.
    pub async fn log(&self) -> anyhow::Result<Option<Arc<dyn Log>>> {
        self.open_log(false).await
    }

    /// The same for a role that reads all partitions for people: in Kafka, it fetches little ahead.
    ///
    /// # Errors
    /// As [`Process::log`].
    pub async fn light_log(&self) -> anyhow::Result<Option<Arc<dyn Log>>> {
        self.open_log(true).await
    }

    async fn open_log(&self, light: bool) -> anyhow::Result<Option<Arc<dyn Log>>> {
        let waiting: Gauge = Gauge::default();
        let help = "1 while appends to Kafka wait for brokers; files refuse, which each role counts";
        self.metrics.register("log", |registry| registry.register("waiting", help, waiting.clone()));
        let Some(options) = self.site.kafka_options() else {
            let options = FileOptions { faults: Faults::from_env(), ..self.site.log_options(&self.data) };
            let log = FileLog::open(options);
            let log = log.with_context(|| format!("cannot open the log of {}", self.data.display()))?;
            return Ok(Some(log));
        };
        let Some(opened) = self.stop.run_until_cancelled(opened(KafkaOptions { light, ..options })).await else {
            return Ok(None);
        };
        let log: Arc<dyn Log> = opened.context("cannot open the log in Kafka")?;
        let trouble = Trouble { part: self.readiness.part("log"), waiting, light };
        tokio::spawn(trouble.follow(Arc::clone(&log), self.stop.clone()));
        Ok(Some(log))
    }

    /// The store: the configured server, else the embedded engine, wherever it is started.
    ///
    /// # Errors
    /// When the server is not fully configured.
    pub fn store(&self) -> Result<Store, Failure> {
        match self.site.server_endpoint()? {
            None => Ok(Store::embedded(&self.data)),
            Some(server) => Store::server(server).map_err(|error| {
                Failure::new(Code::Usage, "`store` is not valid", "correct it: docs/clickhouse.md").because(error)
            }),
        }
    }

    /// Takes the data directory for a process with all roles, until the value is dropped.
    ///
    /// # Errors
    /// When another one has it and keeps it.
    pub async fn own_data(&self) -> anyhow::Result<OwnData> {
        let path = self.data.join("lock");
        let file = OpenOptions::new().create(true).truncate(false).write(true).open(&path);
        let file = file.with_context(|| format!("cannot open {}", path.display()))?;
        let limit = Instant::now() + LET_GO;
        loop {
            match file.try_lock() {
                Ok(()) => return Ok(OwnData(file)),
                Err(TryLockError::WouldBlock) if Instant::now() < limit => tokio::time::sleep(LOOK_AGAIN).await,
                Err(TryLockError::WouldBlock) => {
                    return Err(self.in_use("another `beidou up` or `beidou demo`").into());
                }
                Err(TryLockError::Error(error)) => {
                    return Err(error).with_context(|| format!("cannot lock {}", path.display()));
                }
            }
        }
    }

    /// The error that the data directory is taken.
    pub fn in_use(&self, by: &str) -> Failure {
        let text = format!("the data directory {} is in use by {by}", self.data.display());
        Failure::new(Code::Failure, text, "stop it, or choose another directory with --data")
    }

    /// Serves `/healthz`, `/readyz` and `/metrics` beside a role without an API, where configured. The role is not ready until
    /// it says so itself, also while the log is not there yet: a rolling restart goes on with the next pod when this one is.
    ///
    /// # Errors
    /// When the address is taken.
    pub async fn serve_probe(&self, role: &str) -> anyhow::Result<()> {
        self.readiness.part(role);
        let Some(address) = &self.site.probe.listen else { return Ok(()) };
        let listener = TcpListener::bind(address).await.map_err(|error| {
            let text = format!("cannot listen at {address} for probes");
            Failure::new(Code::Failure, text, "choose a free address with --probe-listen").because(error)
        })?;
        let serving = probe::serve(listener, self.readiness.clone(), self.metrics.clone(), self.stop.clone());
        tokio::spawn(async move {
            if let Err(error) = serving.await {
                tracing::error!(%error, "the probe server ended");
            }
        });
        Ok(())
    }
}

async fn opened(options: KafkaOptions) -> Result<Arc<KafkaLog>, LogError> {
    let begun = Instant::now();
    loop {
        match KafkaLog::open(options.clone()).await {
            Err(error) if error.is_retryable() && begun.elapsed() < BROKER_LIMIT => {
                let why = telemetry::chain(&error);
                tracing::warn!(error = why, "the log in Kafka cannot be opened yet: it is tried again");
                tokio::time::sleep(LOOK_EVERY).await;
            }
            done => return done,
        }
    }
}

/// Says while appends wait for brokers that do not answer: that is no error of whoever appends.
struct Trouble {
    part: Part,
    waiting: Gauge,
    /// Who reads for people serves on meanwhile.
    light: bool,
}

impl Trouble {
    async fn follow(self, log: Arc<dyn Log>, stop: CancellationToken) {
        let mut beats = tokio::time::interval(LOOK_EVERY);
        while stop.run_until_cancelled(beats.tick()).await.is_some() {
            self.tell(log.trouble());
        }
    }

    fn tell(&self, trouble: Option<String>) {
        self.waiting.set(trouble.is_some().into());
        match trouble {
            Some(trouble) if self.light => self.part.degraded(trouble),
            Some(trouble) => self.part.waiting(trouble),
            None => self.part.ready(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn process(data: &std::path::Path) -> Process {
        Process {
            site: Site::default(),
            data: data.into(),
            role: Role::default(),
            stop: CancellationToken::new(),
            metrics: Metrics::default(),
            readiness: Readiness::default(),
        }
    }

    #[tokio::test]
    async fn a_role_that_has_not_begun_is_not_ready() {
        let dir = tempfile::tempdir().unwrap();
        let mut process = process(dir.path());
        process.site.probe.listen = Some("127.0.0.1:0".into());
        process.serve_probe("ingest").await.unwrap();
        assert!(!process.readiness.is_ready());
    }

    #[test]
    fn who_reads_for_people_serves_on_while_appends_wait() {
        for (light, serves) in [(true, true), (false, false)] {
            let (readiness, waiting) = (Readiness::default(), Gauge::default());
            let trouble = Trouble { part: readiness.part("log"), waiting: waiting.clone(), light };
            trouble.tell(Some("no broker answers".into()));
            assert_eq!((readiness.is_ready(), waiting.get()), (serves, 1), "light: {light}");
            trouble.tell(None);
            assert_eq!((readiness.is_ready(), waiting.get()), (true, 0));
        }
    }

    #[tokio::test]
    async fn a_data_directory_has_one_owner() {
        let dir = tempfile::tempdir().unwrap();
        let (one, two) = (process(dir.path()), process(dir.path()));
        let held = one.own_data().await.unwrap();
        let refused = crate::exit::text(&two.own_data().await.unwrap_err());
        assert!(refused.contains("in use") && refused.contains("--data"), "{refused}");
        drop(held);
        two.own_data().await.unwrap();
    }

    #[tokio::test]
    async fn who_lets_go_of_a_data_directory_in_a_moment_is_waited_for() {
        let dir = tempfile::tempdir().unwrap();
        let (one, two) = (process(dir.path()), process(dir.path()));
        let held = one.own_data().await.unwrap();
        let mut taken = std::pin::pin!(two.own_data());
        assert!(futures::poll!(taken.as_mut()).is_pending());
        drop(held);
        taken.await.unwrap();
    }
}
