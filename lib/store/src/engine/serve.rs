//! The engine process: opens the data, listens, and ends in order.
//!
//! ```text
//! lock ─ open engine ─ CREATE DATABASE ─ listen ─ endpoint file ─ serve … stop ─ remove endpoint file ─ drain ─ end
//! ```
//! Invariants: the endpoint file appears only when statements can be answered; tied to its standard input, the process
//! never outlives its parent: a plain thread that needs no runtime watches for the end of input and, should the orderly
//! way hang, ends the process hard ([`LAST_RESORT`]). All that was acknowledged is on disk by then.

use super::config;
use super::endpoint::{Credentials, DATABASE, Endpoint, EndpointError};
use super::http::{Access, Shim, router};
use super::lock::{DataLock, LockError};
use super::session::{Engine, EngineError};
use axum::serve::ListenerExt;
use std::future::Future;
use std::io::{self, Read};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc as std_mpsc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

/// Running statements may end by themselves for so long after a stop was asked for.
const GRACE: Duration = Duration::from_secs(5);
/// After that they are killed, which takes well under a second; then the process ends, come what may.
const LAST_RESORT: Duration = Duration::from_secs(12);
/// Exit code of the hard end, so that a supervisor can tell it from a crash: `EX_SOFTWARE` of sysexits.
const LAST_RESORT_CODE: i32 = 70;

const WRITER: &str = "beidou_writer";
const READER: &str = "beidou_reader";
const ARCHIVE_READER: &str = "beidou_archive_reader";

/// How to run the engine.
#[derive(Debug, Clone)]
pub struct EngineOptions {
    /// Beidou's data directory; the engine keeps `clickhouse/` and `engine/` below it.
    pub data_dir: PathBuf,
    /// The engine library, from [`super::install`].
    pub library: PathBuf,
    /// Most memory that the engine may take, in bytes.
    pub memory_limit_bytes: u64,
    /// A loopback address; port 0 takes any free port, after a crash the same as before if it is still free.
    pub listen: SocketAddr,
    /// End when standard input ends: set by a supervisor that holds the other side. Ctrl-C is then left to it.
    pub tie_to_stdin: bool,
}

/// Why the engine process could not start or go on.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// Only loopback addresses are allowed: the interface speaks plain HTTP.
    #[error("listen on {0}: the engine speaks plain HTTP and listens on loopback addresses only (127.0.0.1 or ::1)")]
    NotLoopback(SocketAddr),
    /// A folder or file below the data directory cannot be made.
    #[error("prepare the engine's folder {path}")]
    Prepare {
        /// The folder.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// Another engine runs on the data directory.
    #[error(
        "the data directory {path} is in use by another engine{}; stop it, or choose another directory with --data",
        owner(.pid)
    )]
    InUse {
        /// The data directory.
        path: PathBuf,
        /// The other engine's process id, if known.
        pid: Option<u32>,
    },
    /// The engine itself failed.
    #[error("start the embedded engine")]
    Engine(#[from] EngineError),
    /// The address is taken or not ours.
    #[error("listen on {address}: choose another address, or port 0 for any free one")]
    Listen {
        /// The address that was asked for.
        address: SocketAddr,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The endpoint file could not be written.
    #[error(transparent)]
    Endpoint(#[from] EndpointError),
    /// Signals, threads or the server loop.
    #[error("run the engine's server")]
    Io(#[from] io::Error),
}

fn owner(pid: &Option<u32>) -> String {
    pid.map(|pid| format!(" (process {pid})")).unwrap_or_default()
}

/// Runs the engine until `shutdown` completes, SIGTERM comes, or (tied) standard input ends; not tied, until Ctrl-C too.
/// One engine per process: the library keeps global state, so the process should end soon after this returns.
///
/// # Errors
/// See [`ServeError`]; the data directory is unchanged if another engine holds it.
pub async fn serve(
    options: EngineOptions,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> Result<(), ServeError> {
    if !options.listen.ip().is_loopback() {
        return Err(ServeError::NotLoopback(options.listen));
    }
    let (stop, watchdog) = Watchdog::start(options.tie_to_stdin)?;
    watch_signals(options.tie_to_stdin, stop.clone())?;
    let asked = stop.clone();
    tokio::spawn(async move {
        shutdown.await;
        asked.cancel();
    });
    let engine_dir = prepare(&options.data_dir)?;
    let lock = take_lock(&options.data_dir, &engine_dir)?;
    let previous = Endpoint::read(&options.data_dir).ok();
    let (listener, credentials) = listen(options.listen, previous).await?;
    let [writer, reader, archive_reader] = credentials;
    let access = Access::new(writer.clone(), reader.clone(), archive_reader.clone());
    let data_dir = options.data_dir.clone();
    let opened = tokio::task::spawn_blocking(move || open(&options, &engine_dir, access));
    let shim = Arc::new(opened.await.map_err(io::Error::other)??);
    let endpoint = Endpoint {
        url: format!("http://{}", listener.local_addr()?),
        database: DATABASE.to_owned(),
        writer,
        reader,
        archive_reader,
        pid: std::process::id(),
        version: shim.version().to_owned(),
    };
    endpoint.write(&data_dir)?;
    tracing::info!(url = endpoint.url, version = endpoint.version, pid = endpoint.pid, "engine ready");
    let outcome = run(listener, shim, stop, || endpoint.remove(&data_dir)).await;
    drop(lock);
    drop(watchdog);
    Ok(outcome?)
}

/// Makes the folders; returns the one for lock, endpoint and configuration.
fn prepare(data_dir: &Path) -> Result<PathBuf, ServeError> {
    let engine_dir = data_dir.join("engine");
    let fail = |path: &Path| {
        let path = path.to_path_buf();
        move |source| ServeError::Prepare { path, source }
    };
    std::fs::create_dir_all(&engine_dir).map_err(fail(&engine_dir))?;
    // The engine compares data paths as text and resolves relative ones on its own: give it one absolute spelling.
    engine_dir.canonicalize().map_err(fail(&engine_dir))
}

fn take_lock(data_dir: &Path, engine_dir: &Path) -> Result<DataLock, ServeError> {
    DataLock::take(engine_dir).map_err(|error| match error {
        LockError::Held(pid) => ServeError::InUse { path: data_dir.to_path_buf(), pid },
        LockError::Io(source) => ServeError::Prepare { path: engine_dir.to_path_buf(), source },
    })
}

/// Binds the address. An endpoint file that is still there was left by a crash: its port is taken up again if it is still
/// free. The secrets are always new: whoever had the port meanwhile may have been sent the old ones.
async fn listen(
    address: SocketAddr,
    previous: Option<Endpoint>,
) -> Result<(TcpListener, [Credentials; 3]), ServeError> {
    let before = previous.and_then(|endpoint| {
        let bound: SocketAddr = endpoint.url.strip_prefix("http://")?.parse().ok()?;
        let same = bound.ip() == address.ip() && (address.port() == 0 || address.port() == bound.port());
        same.then_some(bound)
    });
    let secrets = [WRITER, READER, ARCHIVE_READER].map(Credentials::random);
    if let Some(bound) = before
        && let Ok(listener) = TcpListener::bind(bound).await
    {
        return Ok((listener, secrets));
    }
    let listener = TcpListener::bind(address).await.map_err(|source| ServeError::Listen { address, source })?;
    Ok((listener, secrets))
}

/// Opens the engine and its database. Blocking: about 0.2 s empty, under a second with ten million rows.
fn open(options: &EngineOptions, engine_dir: &Path, access: Access) -> Result<Shim, ServeError> {
    let data = engine_dir.parent().unwrap_or(engine_dir).join("clickhouse");
    let fail = |source| ServeError::Prepare { path: data.clone(), source };
    std::fs::create_dir_all(&data).map_err(fail)?;
    let config = config::write(engine_dir, options.memory_limit_bytes).map_err(fail)?;
    let engine = Engine::open(&options.library, &data, &config)?;
    tracing::debug!(library = engine.library_version(), "engine library loaded");
    engine.session()?.execute(&format!("CREATE DATABASE IF NOT EXISTS `{DATABASE}` ENGINE = Atomic"))?;
    Ok(Shim::new(engine, access)?)
}

/// Serves until `stop`, then drains: first by patience, then by KILL.
async fn run(
    listener: TcpListener,
    shim: Arc<Shim>,
    stop: CancellationToken,
    on_stop: impl FnOnce(),
) -> Result<(), io::Error> {
    // Without TCP_NODELAY the last piece of each reply waits some 40 ms for an acknowledgement.
    let listener = listener.tap_io(|stream| {
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "TCP_NODELAY could not be set");
        }
    });
    let draining = stop.clone();
    let server = axum::serve(listener, router(shim.clone())).with_graceful_shutdown(draining.cancelled_owned());
    let mut server = tokio::spawn(server.into_future());
    let ended_early = tokio::select! {
        ended = &mut server => Some(ended),
        () = stop.cancelled() => None,
    };
    on_stop();
    if let Some(ended) = ended_early {
        return ended.map_err(io::Error::other)?;
    }
    if let Ok(ended) = tokio::time::timeout(GRACE, &mut server).await {
        return ended.map_err(io::Error::other)?;
    }
    tracing::info!(grace_ms = GRACE.as_millis(), "statements still run after the grace period, stopping them");
    shim.kill_all().await;
    server.await.map_err(io::Error::other)?
}

/// SIGTERM always stops; Ctrl-C only when nobody else decides, because a terminal sends it to parent and child alike.
fn watch_signals(tied: bool, stop: CancellationToken) -> io::Result<()> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    tokio::spawn(async move {
        loop {
            tokio::select! {
                _ = terminate.recv() => break,
                _ = interrupt.recv() => {
                    if !tied {
                        break;
                    }
                }
            }
        }
        stop.cancel();
    });
    Ok(())
}

/// Ends the process hard if an asked-for stop does not succeed in time. Dropped, it stands down.
struct Watchdog {
    _alive: std_mpsc::Sender<()>,
}

impl Watchdog {
    /// Starts the threads; the token is cancelled when standard input ends (if tied), and starts the countdown whoever
    /// cancels it.
    fn start(tied: bool) -> io::Result<(CancellationToken, Watchdog)> {
        let stop = CancellationToken::new();
        let (alive, stood_down) = std_mpsc::channel::<()>();
        let (asked, countdown) = std_mpsc::channel::<()>();
        let watched = stop.clone();
        let orphaned = asked.clone();
        tokio::spawn(async move {
            watched.cancelled().await;
            // The receiver is gone only when the countdown already runs.
            let _ = asked.send(());
        });
        if tied {
            let stop = stop.clone();
            std::thread::Builder::new().name("stdin-watch".into()).spawn(move || {
                wait_for_end(&mut io::stdin().lock());
                let _ = orphaned.send(());
                stop.cancel();
            })?;
        }
        std::thread::Builder::new().name("last-resort".into()).spawn(move || {
            if countdown.recv().is_err() {
                return;
            }
            if let Err(std_mpsc::RecvTimeoutError::Timeout) = stood_down.recv_timeout(LAST_RESORT) {
                tracing::error!("the engine did not stop in time, ending the process");
                // SAFETY: no handlers and destructors run, which is the point: they might wait for the engine.
                unsafe { libc::_exit(LAST_RESORT_CODE) }
            }
        })?;
        Ok((stop, Watchdog { _alive: alive }))
    }
}

/// Reads until the end of input or an error, whichever proves that nobody holds the other side.
fn wait_for_end(input: &mut impl Read) {
    let mut ignored = [0u8; 256];
    loop {
        match input.read(&mut ignored) {
            Ok(0) => return,
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(_) => return,
        }
    }
}
