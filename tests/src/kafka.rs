//! A real Apache Kafka for one test: one node that is broker and controller, on loopback, or several of them that are one
//! Kafka.
//!
//! ```text
//! archives (tests/kafka/install) ─ ports ─ server.properties ─ format ─ java kafka.Kafka ─ metadata is answered ─ ready
//! ```
//!
//! Each broker has its own folder and ports. It can be killed, paused and started again on its data. Processes and
//! folder are gone when the value is dropped; when a test fails, the end of the log is printed.

use std::{
    fs, io, iter,
    net::Ipv4Addr,
    path::{Path, PathBuf},
    process::Command,
    sync::{Arc, Weak},
    time::Duration,
};

use anyhow::{Context, anyhow, bail};
use beidou_service::held_port::HeldPort;
use rdkafka::{
    ClientConfig,
    admin::AdminClient,
    client::DefaultClientContext,
    consumer::{BaseConsumer, Consumer},
};
use tempfile::TempDir;
use tokio::sync::Mutex;

use crate::{control_plane::part::Part, installed::installed, wait::until};

/// A start takes 4 s on an idle machine; longer than this, something is broken.
const READY_LIMIT: Duration = Duration::from_secs(180);
/// How long a broker has to say which others it knows.
const ANSWER: Duration = Duration::from_secs(5);
/// Enough for a few thousand records; it keeps the collector of the JVM calm.
const HEAP: &str = "-Xmx256m";

/// What makes a broker another than the default.
#[derive(Debug, Clone, Default)]
pub struct Settings {
    /// Lines of `server.properties`, after ours; `{port}` stands for the broker's port.
    pub lines: Vec<String>,
    /// The protocol of the listener that clients use; `PLAINTEXT` where it is missing.
    pub protocol: Option<&'static str>,
    /// Users with SCRAM-SHA-512: name and password.
    pub users: Vec<(&'static str, &'static str)>,
    /// The port that clients are sent to, where it is not the broker's own: that of a proxy before it.
    pub advertised: Option<u16>,
}

/// A running broker; it ends when this is dropped.
pub struct Broker {
    // Dropped in this order: first the process, then the folder it writes to.
    part: Option<Part>,
    folder: TempDir,
    archives: PathBuf,
    port: u16,
    /// Also while it does not run.
    _ports: [HeldPort; 2],
}

impl Broker {
    /// Starts a broker and returns when it answers.
    ///
    /// # Errors
    /// When Kafka is not installed (the message says how), or the broker ends or does not get ready.
    pub async fn start() -> anyhow::Result<Self> {
        Self::with(&Settings::default()).await
    }

    /// The same, with other settings.
    ///
    /// # Errors
    /// As [`Broker::start`].
    pub async fn with(settings: &Settings) -> anyhow::Result<Self> {
        Self::together(settings, 1).await?.pop().context("one broker was started")
    }

    /// Starts so many brokers that are one Kafka, each a controller too, and returns when all have met: the loss of a minority is
    /// outlived. The broker with the id `n` is the `n`th.
    ///
    /// # Errors
    /// As [`Broker::start`].
    pub async fn several(count: usize) -> anyhow::Result<Vec<Self>> {
        let brokers = Self::together(&Settings::default(), count).await?;
        let asking: BaseConsumer = brokers.first().context("no broker was asked for")?.client().create()?;
        until("the brokers have met", READY_LIMIT, async || {
            let known = asking.fetch_metadata(None, ANSWER).ok()?;
            (known.brokers().len() == count).then_some(())
        })
        .await?;
        Ok(brokers)
    }

    async fn together(settings: &Settings, count: usize) -> anyhow::Result<Vec<Self>> {
        let mut brokers = Self::made(&installed("kafka")?, settings, count)?;
        Self::begin(&mut brokers).await.context("start Kafka")?;
        Ok(brokers)
    }

    /// Brokers that know of each other, and do not run yet.
    fn made(archives: &Path, settings: &Settings, count: usize) -> anyhow::Result<Vec<Self>> {
        let pair = || -> io::Result<[HeldPort; 2]> { Ok([HeldPort::any()?, HeldPort::any()?]) };
        let held = iter::repeat_with(pair).take(count).collect::<io::Result<Vec<_>>>()?;
        let controllers: Vec<u16> = held.iter().map(|[_, controller]| controller.number()).collect();
        let make = |(place, ports): (usize, [HeldPort; 2])| -> anyhow::Result<Self> {
            let (folder, port) = (TempDir::with_prefix("beidou-kafka-")?, ports[0].number());
            let text = text(folder.path(), settings, (place, port), &controllers);
            format(archives, folder.path(), &text, &settings.users)?;
            Ok(Self { part: None, folder, archives: archives.to_owned(), port, _ports: ports })
        };
        held.into_iter().enumerate().map(make).collect()
    }

    /// Starts all, then waits for all: none of several is ready alone.
    async fn begin(brokers: &mut [Self]) -> anyhow::Result<()> {
        for broker in &mut *brokers {
            broker.launch()?;
        }
        for broker in brokers {
            broker.ready().await?;
        }
        Ok(())
    }

    /// One broker for all tests of a process that only need some: it is kept while one of them holds it.
    ///
    /// # Errors
    /// As [`Broker::start`].
    pub async fn shared() -> anyhow::Result<Arc<Self>> {
        static SHARED: Mutex<Weak<Broker>> = Mutex::const_new(Weak::new());
        let mut shared = SHARED.lock().await;
        if let Some(broker) = shared.upgrade() {
            return Ok(broker);
        }
        let broker = Arc::new(Self::start().await?);
        *shared = Arc::downgrade(&broker);
        Ok(broker)
    }

    /// Where it listens: `127.0.0.1:PORT`.
    #[must_use]
    pub fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// Its folder, for files that must live as long.
    #[must_use]
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Its process.
    ///
    /// # Errors
    /// When it is not running.
    pub fn pid(&self) -> anyhow::Result<u32> {
        Ok(self.part.as_ref().context("the broker is not running")?.pid())
    }

    /// Kills it as `kill -9` does.
    ///
    /// # Errors
    /// When it is not running.
    pub fn kill(&mut self) -> anyhow::Result<()> {
        let part = self.part.take().context("the broker is not running")?;
        part.kill().context("kill the broker")
    }

    /// Starts it again on its data, and returns when it answers.
    ///
    /// # Errors
    /// When it ends or does not get ready.
    pub async fn restart(&mut self) -> anyhow::Result<()> {
        self.launch()?;
        self.ready().await
    }

    fn launch(&mut self) -> anyhow::Result<()> {
        let mut java = Command::new("java");
        java.args([HEAP, "-Xshare:auto", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-XX:+ExitOnOutOfMemoryError"])
            .args(["-Dorg.slf4j.simpleLogger.defaultLogLevel=warn", "-Dorg.slf4j.simpleLogger.showDateTime=true"])
            .args(["-cp", &class_path(&self.archives), "kafka.Kafka"])
            .arg(self.folder.path().join("server.properties"));
        self.part = Some(Part::launch("broker", java, self.folder.path()).context("start java")?);
        Ok(())
    }

    /// Stops its clock, as a machine that stands still would; [`Broker::resume`] lets it go on.
    ///
    /// # Errors
    /// When it is not running.
    pub fn pause(&self) -> anyhow::Result<()> {
        self.signal(libc::SIGSTOP)
    }

    /// Lets it go on.
    ///
    /// # Errors
    /// When it is not running.
    pub fn resume(&self) -> anyhow::Result<()> {
        self.signal(libc::SIGCONT)
    }

    fn signal(&self, signal: i32) -> anyhow::Result<()> {
        let part = self.part.as_ref().context("the broker is not running")?;
        part.signal(signal).context("send a signal to the broker")
    }

    async fn ready(&mut self) -> anyhow::Result<()> {
        let port = self.port;
        let waited = until("the broker answers", READY_LIMIT, async || match self.part.as_mut()?.ended() {
            Ok(None) => answers(port).await.then_some(Ok(())),
            Ok(Some(status)) => Some(Err(anyhow!("the broker has ended ({status})"))),
            Err(error) => Some(Err(error.into())),
        });
        let result = match waited.await {
            Ok(result) => result,
            Err(overdue) => Err(anyhow!(overdue)),
        };
        result.with_context(|| self.log())
    }

    /// The end of what it printed.
    #[must_use]
    pub fn log(&self) -> String {
        self.part.as_ref().map(Part::log_tail).unwrap_or_default()
    }

    /// A client of the admin API, for what a test changes behind the back of the log.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn admin(&self) -> anyhow::Result<AdminClient<DefaultClientContext>> {
        Ok(self.client().create()?)
    }

    /// A configuration of clients.
    #[must_use]
    pub fn client(&self) -> ClientConfig {
        let mut config = ClientConfig::new();
        config.set("bootstrap.servers", self.address());
        config
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        if std::thread::panicking() {
            #[expect(clippy::print_stderr, reason = "a failed test shows what its servers said")]
            {
                eprintln!("--- end of broker.log\n{}", self.log());
            }
        }
    }
}

fn class_path(archives: &Path) -> String {
    archives.join("*").display().to_string()
}

/// Writes the settings, and makes the data folder.
fn format(archives: &Path, folder: &Path, text: &str, users: &[(&str, &str)]) -> anyhow::Result<()> {
    let properties = folder.join("server.properties");
    fs::write(&properties, text)?;
    let mut java = Command::new("java");
    java.args(["-Xmx128m", "-XX:TieredStopAtLevel=1", "-Dorg.slf4j.simpleLogger.defaultLogLevel=error"])
        .args(["-cp", &class_path(archives), "kafka.tools.StorageTool", "format"])
        // 16 bytes in base64url: any will do, since only brokers of one Kafka meet.
        .args(["-t", "YmVpZG91LXRlc3QtbG9nMA", "-c"])
        .arg(&properties);
    for (name, password) in users {
        java.args(["--add-scram", &format!("SCRAM-SHA-512=[name={name},password={password}]")]);
    }
    let output = java.output().context("run java: `tests/kafka/install` gets it")?;
    if !output.status.success() {
        let (out, error) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        bail!("the data folder cannot be made: {out}{error}");
    }
    Ok(())
}

/// The settings of the broker at a place, of as many as there are ports of controllers.
fn text(folder: &Path, settings: &Settings, (place, port): (usize, u16), controllers: &[u16]) -> String {
    let protocol = settings.protocol.unwrap_or("PLAINTEXT");
    let advertised = settings.advertised.unwrap_or(port);
    let controller = controllers[place];
    let voters = controllers.iter().enumerate().map(|(place, port)| format!("{}@127.0.0.1:{port}", place + 1));
    let (voters, copies) = (voters.collect::<Vec<_>>().join(","), controllers.len().min(3));
    let mut lines = vec![
        "process.roles=broker,controller".into(),
        format!("node.id={}", place + 1),
        format!("controller.quorum.voters={voters}"),
        format!("listeners=CLIENT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller}"),
        format!("advertised.listeners=CLIENT://127.0.0.1:{advertised}"),
        format!("listener.security.protocol.map=CLIENT:{protocol},CONTROLLER:PLAINTEXT"),
        "controller.listener.names=CONTROLLER".into(),
        "inter.broker.listener.name=CLIENT".into(),
        format!("log.dirs={}", folder.join("data").display()),
        format!("default.replication.factor={copies}"),
    ];
    for inner in ["offsets.topic", "transaction.state.log", "share.coordinator.state.topic"] {
        lines.push(format!("{inner}.replication.factor={copies}"));
    }
    for inner in ["transaction.state.log", "share.coordinator.state.topic"] {
        lines.push(format!("{inner}.min.isr={}", copies.div_ceil(2)));
    }
    lines.extend(FEW.lines().map(str::to_owned));
    lines.extend(settings.lines.iter().map(|line| line.replace("{port}", &port.to_string())));
    lines.join("\n") + "\n"
}

/// Few partitions inside, quick retention, quick return after a kill.
const FEW: &str = "\
offsets.topic.num.partitions=1
transaction.state.log.num.partitions=1
share.coordinator.state.topic.num.partitions=1
auto.create.topics.enable=false
group.initial.rebalance.delay.ms=0
broker.session.timeout.ms=2000
broker.heartbeat.interval.ms=300
controlled.shutdown.enable=false
log.initial.task.delay.ms=500
log.retention.check.interval.ms=500
log.segment.delete.delay.ms=1000
log.cleaner.dedupe.buffer.size=8388608
log.cleaner.threads=1
num.network.threads=2
num.io.threads=4
num.recovery.threads.per.data.dir=2";

/// Whether the listener answers a request for the versions it speaks, which needs no login.
async fn answers(port: u16) -> bool {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    // ApiVersions (18) in version 0, correlation 1, client "r".
    const REQUEST: [u8; 15] = [0, 0, 0, 11, 0, 18, 0, 0, 0, 0, 0, 1, 0, 1, b'r'];
    let ask = async {
        let mut socket = tokio::net::TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await?;
        socket.write_all(&REQUEST).await?;
        socket.read_u32().await
    };
    matches!(tokio::time::timeout(Duration::from_secs(3), ask).await, Ok(Ok(_)))
}
