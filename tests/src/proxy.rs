//! A TCP proxy before any server, that a test can cut, stall and slow while connections run through it.
//!
//! ```text
//!  client ──► connection: two pumps, each reads a piece, asks the mode, writes it ──► server
//!                              ▲
//!              watch: Passes │ Cut │ Stalled │ Slow
//! ```
//!
//! What holds:
//! - A cut is a reset at both sides, of all connections and of each new one, as when a firewall has forgotten them.
//! - A stall is silence: connections stand, nothing is told, and what was sent meanwhile arrives when it ends.
//! - The server may start after the proxy, so that it can tell its clients the proxy's address.

use std::{
    io,
    net::{Ipv4Addr, SocketAddr},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::watch,
    task::JoinHandle,
    time::timeout,
};

/// The largest piece that is passed on at once.
const PIECE: usize = 64 << 10;
/// A slow line passes so many pieces a second: fine enough that a small answer is not held up by a large one's piece.
const PIECES_PER_SECOND: u64 = 20;

/// What happens to what goes through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// It arrives.
    Passes,
    /// All connections are reset, and each new one.
    Cut,
    /// Connections stand, and new ones are taken, but nothing goes through.
    Stalled,
    /// Each piece comes so much later, and each connection carries so many bytes a second in each direction.
    Slow {
        /// On the way there, and once more on the way back.
        delay: Duration,
        /// Of each connection and direction.
        bytes_per_second: u64,
    },
}

/// A running proxy; dropped, it resets all connections and takes no more.
#[derive(Debug)]
pub struct Proxy {
    address: SocketAddr,
    mode: watch::Sender<Mode>,
    target: watch::Sender<Option<String>>,
    counts: Arc<Counts>,
    task: JoinHandle<()>,
}

#[derive(Debug, Default)]
struct Counts {
    passed: AtomicU64,
    struck: AtomicU64,
}

impl Proxy {
    /// Listens on a free port of the loopback. Connections wait until [`Proxy::leads_to`] says where to.
    ///
    /// # Errors
    /// When there is no port.
    pub async fn start() -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        let (mode, target) = (watch::Sender::new(Mode::Passes), watch::Sender::new(None));
        let counts = Arc::<Counts>::default();
        let line = Line { mode: mode.subscribe(), target: target.subscribe(), counts: Arc::clone(&counts) };
        let task = tokio::spawn(take(listener, line));
        Ok(Self { address, mode, target, counts, task })
    }

    /// The same, to a server that is there.
    ///
    /// # Errors
    /// When there is no port.
    pub async fn before(target: &str) -> io::Result<Self> {
        let proxy = Self::start().await?;
        proxy.leads_to(target);
        Ok(proxy)
    }

    /// Where the server listens: `127.0.0.1:PORT`.
    pub fn leads_to(&self, target: &str) {
        self.target.send_replace(Some(target.to_owned()));
    }

    /// Where it listens itself: `127.0.0.1:PORT`.
    #[must_use]
    pub fn address(&self) -> String {
        self.address.to_string()
    }

    /// The same as a URL.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Its port.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.address.port()
    }

    /// From now on.
    pub fn set(&self, mode: Mode) {
        self.mode.send_replace(mode);
    }

    /// Bytes that have gone through, in both directions.
    #[must_use]
    pub fn passed(&self) -> u64 {
        self.counts.passed.load(Ordering::Relaxed)
    }

    /// How often a mode has struck: connections that were reset, pieces and new connections that had to wait.
    #[must_use]
    pub fn struck(&self) -> u64 {
        self.counts.struck.load(Ordering::Relaxed)
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// What a connection must know.
#[derive(Clone)]
struct Line {
    mode: watch::Receiver<Mode>,
    target: watch::Receiver<Option<String>>,
    counts: Arc<Counts>,
}

/// The proxy is gone.
struct Gone;

impl Line {
    /// Waits until this is so.
    async fn is(&mut self, wanted: impl Fn(Mode) -> bool) -> Result<Mode, Gone> {
        self.mode.wait_for(|mode| wanted(*mode)).await.map(|mode| *mode).map_err(|_| Gone)
    }

    /// Waits until it is not stalled.
    async fn stands_open(&mut self) -> Result<Mode, Gone> {
        if *self.mode.borrow() == Mode::Stalled {
            self.counts.struck.fetch_add(1, Ordering::Relaxed);
        }
        self.is(|mode| mode != Mode::Stalled).await
    }

    /// Waits until it is cut, or the proxy is gone: the same for a connection.
    async fn is_cut(&mut self) {
        // Both are the end of it.
        let _ended = self.is(|mode| mode == Mode::Cut).await;
    }

    /// Lets a piece wait as the mode wants it.
    async fn wait(&mut self, bytes: usize) -> Result<(), Gone> {
        if let Mode::Slow { delay, bytes_per_second } = self.stands_open().await? {
            self.counts.struck.fetch_add(1, Ordering::Relaxed);
            let line = Duration::from_secs_f64(bytes as f64 / bytes_per_second.max(1) as f64);
            // Another mode ends the wait.
            let _ = timeout(delay + line, self.mode.changed()).await;
            self.stands_open().await?;
        }
        Ok(())
    }

    fn piece(&self) -> usize {
        match *self.mode.borrow() {
            Mode::Slow { bytes_per_second, .. } => {
                (bytes_per_second / PIECES_PER_SECOND).clamp(1, PIECE as u64) as usize
            }
            Mode::Passes | Mode::Cut | Mode::Stalled => PIECE,
        }
    }
}

async fn take(listener: TcpListener, line: Line) {
    loop {
        if let Ok((client, _)) = listener.accept().await {
            tokio::spawn(connection(client, line.clone()));
        }
    }
}

/// One connection, to its end.
async fn connection(mut client: TcpStream, line: Line) {
    let mut server = None;
    let (mut cut, counts) = (line.clone(), Arc::clone(&line.counts));
    let ended = tokio::select! {
        biased;
        () = cut.is_cut() => Err(io::ErrorKind::ConnectionReset.into()),
        ended = carry(&mut client, &mut server, line) => ended,
    };
    if ended.is_err() {
        counts.struck.fetch_add(1, Ordering::Relaxed);
        // Both sides see a reset; one that is gone already needs none.
        for side in [Some(client), server].into_iter().flatten() {
            let _ = side.set_zero_linger();
        }
    }
}

/// Connects, and carries bytes until both sides have ended.
async fn carry(client: &mut TcpStream, server: &mut Option<TcpStream>, mut line: Line) -> io::Result<()> {
    let gone = |_gone| io::Error::from(io::ErrorKind::ConnectionAborted);
    line.stands_open().await.map_err(gone)?;
    let target = line.target.wait_for(Option::is_some).await.map(|target| target.clone().unwrap_or_default());
    let server = server.insert(TcpStream::connect(target.map_err(|_| gone(Gone))?).await?);
    client.set_nodelay(true)?;
    server.set_nodelay(true)?;
    let ((from_client, to_client), (from_server, to_server)) = (client.split(), server.split());
    tokio::try_join!(pump(from_client, to_server, line.clone()), pump(from_server, to_client, line))?;
    Ok(())
}

/// Passes pieces on, until the sender ends or one side breaks.
async fn pump(mut from: impl AsyncRead + Unpin, mut to: impl AsyncWrite + Unpin, mut line: Line) -> io::Result<()> {
    let mut buffer = vec![0; PIECE];
    loop {
        let most = line.piece();
        let read = from.read(&mut buffer[..most]).await?;
        if read == 0 {
            return to.shutdown().await;
        }
        line.wait(read).await.map_err(|_gone| io::Error::from(io::ErrorKind::ConnectionAborted))?;
        to.write_all(&buffer[..read]).await?;
        line.counts.passed.fetch_add(read as u64, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::Instant;

    use super::*;
    use crate::wait::until;

    const LIMIT: Duration = Duration::from_secs(30);

    /// A server that sends back whatever comes, behind a proxy.
    async fn echo() -> Proxy {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let proxy = Proxy::start().await.unwrap();
        proxy.leads_to(&listener.local_addr().unwrap().to_string());
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                tokio::spawn(async move {
                    let (mut from, mut to) = stream.split();
                    let _ended = tokio::io::copy(&mut from, &mut to).await;
                    let _ended = to.shutdown().await;
                });
            }
        });
        proxy
    }

    async fn connect(proxy: &Proxy) -> TcpStream {
        TcpStream::connect(proxy.address).await.unwrap()
    }

    async fn told(stream: &mut TcpStream, text: &str) -> io::Result<String> {
        stream.write_all(text.as_bytes()).await?;
        let mut buffer = vec![0; text.len()];
        stream.read_exact(&mut buffer).await?;
        Ok(String::from_utf8_lossy(&buffer).into_owned())
    }

    #[tokio::test]
    async fn what_goes_in_comes_out_and_ends_are_passed_on() {
        let proxy = echo().await;
        let mut stream = connect(&proxy).await;
        let large = "large ".repeat(100_000);
        let (mut from, mut to) = stream.split();
        let send = async {
            to.write_all(large.as_bytes()).await.unwrap();
            to.shutdown().await.unwrap();
        };
        let mut found = String::new();
        let ((), read) = tokio::join!(send, from.read_to_string(&mut found));
        assert_eq!((read.unwrap(), found == large), (large.len(), true));
        assert_eq!(proxy.passed(), 2 * large.len() as u64);
    }

    #[tokio::test]
    async fn a_cut_resets_what_runs_and_what_comes() {
        let proxy = echo().await;
        let mut running = connect(&proxy).await;
        assert_eq!(told(&mut running, "before").await.unwrap(), "before");
        proxy.set(Mode::Cut);
        assert_eq!(running.read_u8().await.unwrap_err().kind(), io::ErrorKind::ConnectionReset);
        let refused = until("a new connection is reset", LIMIT, async || {
            told(&mut connect(&proxy).await, "amid").await.err().map(|error| error.kind())
        });
        assert!(matches!(refused.await.unwrap(), io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe));
        proxy.set(Mode::Passes);
        assert_eq!(told(&mut connect(&proxy).await, "after").await.unwrap(), "after");
    }

    #[tokio::test]
    async fn a_stall_is_silence_and_loses_nothing() {
        let proxy = echo().await;
        let mut running = connect(&proxy).await;
        assert_eq!(told(&mut running, "before").await.unwrap(), "before");
        proxy.set(Mode::Stalled);
        let (passed, mut new) = (proxy.passed(), connect(&proxy).await);
        for stream in [&mut running, &mut new] {
            let answer = timeout(Duration::from_millis(200), told(stream, "amid")).await;
            assert!(answer.is_err(), "neither an answer nor an end: {answer:?}");
        }
        assert_eq!(proxy.passed(), passed);
        proxy.set(Mode::Passes);
        for stream in [&mut running, &mut new] {
            let mut held = [0; 4];
            stream.read_exact(&mut held).await.unwrap();
            assert_eq!((&held, told(stream, "after").await.unwrap()), (b"amid", "after".to_owned()));
        }
    }

    #[tokio::test]
    async fn a_slow_line_takes_its_time_until_it_is_slow_no_more() {
        let proxy = echo().await;
        let mut stream = connect(&proxy).await;
        proxy.set(Mode::Slow { delay: Duration::from_millis(100), bytes_per_second: 2_000 });
        let begun = Instant::now();
        let text = "a".repeat(400);
        assert_eq!(told(&mut stream, &text).await.unwrap(), text);
        // A lower bound holds on any machine: four pieces of a hundred bytes, each way by itself, one after the other.
        assert!(begun.elapsed() >= Duration::from_millis(600), "{:?}", begun.elapsed());
        proxy.set(Mode::Slow { delay: Duration::from_secs(3600), bytes_per_second: 1 });
        stream.write_all(b"held").await.unwrap();
        proxy.set(Mode::Passes);
        let mut held = [0; 4];
        stream.read_exact(&mut held).await.unwrap();
        assert_eq!(&held, b"held");
    }

    #[tokio::test]
    async fn a_proxy_that_is_gone_takes_its_connections_along() {
        let proxy = echo().await;
        let mut stream = connect(&proxy).await;
        assert_eq!(told(&mut stream, "before").await.unwrap(), "before");
        let address = proxy.address;
        drop(proxy);
        assert!(stream.read_u8().await.is_err());
        let gone = until("nobody listens", LIMIT, async || TcpStream::connect(address).await.is_err().then_some(()));
        gone.await.unwrap();
    }
}
