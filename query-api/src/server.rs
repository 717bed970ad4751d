//! Listening and serving, over plain HTTP on loopback or over TLS.

use std::{
    io,
    net::{SocketAddr, TcpListener},
    path::PathBuf,
    sync::Arc,
    time::Duration,
};

use axum_server::{
    Handle,
    accept::{TcpConfigAcceptor, TcpSocketConfig},
    tls_rustls::{RustlsAcceptor, RustlsConfig},
};
use beidou_log::Log;
use beidou_service::{CancellationToken, Metrics, Readiness};
use beidou_store::{Store, archive::Archive, query::Caller};

use crate::{
    app::{App, Around},
    ask::Signer,
    config::{ConfigError, QueryApiConfig},
    door::Tokens,
    routes::router,
};

/// Why the role does not serve.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The configuration cannot be used.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The address is taken or not ours.
    #[error("cannot listen on {address}: is another process there? set query_api.listen to another port, or to port 0")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// Why.
        source: io::Error,
    },
    /// The TLS files cannot be used.
    #[error(
        "cannot use query_api.tls_cert {cert} and query_api.tls_key {key}: PEM files of one certificate are needed"
    )]
    Tls {
        /// The certificate chain.
        cert: PathBuf,
        /// The private key.
        key: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The cursor key cannot be read or made.
    #[error("cannot use query_api.cursor_key_file {path}")]
    CursorKey {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The listener broke.
    #[error("the listener failed")]
    Serve(#[source] io::Error),
}

/// A bound port, not yet served.
pub struct Bound {
    listener: TcpListener,
    address: SocketAddr,
    tls: Option<RustlsConfig>,
    tokens: Tokens,
    signer: Signer,
    config: QueryApiConfig,
    archive: Option<Archive>,
}

impl Bound {
    /// The archive of the site, of which the role tells what it takes.
    pub fn with_archive(self, archive: Option<Archive>) -> Self {
        Self { archive, ..self }
    }

    /// The actual address: port 0 has become a port.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// `http://…` or `https://…`, as a client on this machine reaches it.
    pub fn url(&self) -> String {
        let scheme = if self.tls.is_some() { "https" } else { "http" };
        // "All addresses" is no address to call, and no certificate names it.
        match self.address.ip().is_unspecified() {
            true => format!("{scheme}://{}:{}", host_name(), self.address.port()),
            false => format!("{scheme}://{}", self.address),
        }
    }
}

/// The name of this machine, which its certificate most likely has; `localhost` where it has none.
fn host_name() -> String {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let fits = |name: &&str| !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"-.".contains(&b));
    Some(name.trim()).filter(fits).unwrap_or("localhost").to_owned()
}

/// A client sends its request's head within this time; slower ones hold a connection for nothing.
const HEAD_LIMIT: Duration = Duration::from_secs(30);
/// Running requests get this long at the end; their own time limit is of the same size.
const GRACE: Duration = Duration::from_secs(10);

/// Checks the configuration, reads tokens, key and certificates, and binds the port.
///
/// # Errors
/// When any of that cannot be used; the text names the setting.
pub async fn bind(config: QueryApiConfig) -> Result<Bound, ServeError> {
    let tokens = config.check()?;
    let signer = match &config.cursor_key_file {
        None => Signer::random(),
        Some(path) => Signer::from_file(path).map_err(|source| ServeError::CursorKey { path: path.clone(), source })?,
    };
    let tls = match (&config.tls_cert, &config.tls_key) {
        (Some(cert), Some(key)) => Some(tls(cert.clone(), key.clone()).await?),
        (_, _) => None,
    };
    let failed = |source| ServeError::Listen { address: config.listen, source };
    let listener = TcpListener::bind(config.listen).map_err(failed)?;
    listener.set_nonblocking(true).map_err(failed)?;
    let address = listener.local_addr().map_err(failed)?;
    Ok(Bound { listener, address, tls, tokens, signer, config, archive: None })
}

async fn tls(cert: PathBuf, key: PathBuf) -> Result<RustlsConfig, ServeError> {
    // The first provider of the process stays; a second call tells that there is one.
    let _ = rustls::crypto::ring::default_provider().install_default();
    RustlsConfig::from_pem_file(&cert, &key).await.map_err(|source| ServeError::Tls { cert, key, source })
}

/// Serves until the token is cancelled: running requests are finished, live tails are ended.
///
/// # Errors
/// When the listener fails.
pub async fn serve(
    bound: Bound,
    log: Arc<dyn Log>,
    store: Store,
    metrics: Metrics,
    readiness: Readiness,
    stop: CancellationToken,
) -> Result<(), ServeError> {
    let Bound { listener, address, tls, tokens, signer, config, archive } = bound;
    let around = Around { log, store, archive, metrics, readiness: readiness.clone(), stop: stop.clone() };
    let app = App::new(&config, tokens, signer, around);
    let (projected, upkeep, operations) = (app.projected.clone(), app.upkeep.clone(), app.operations.clone());
    let (drafts, exports) = (app.drafts.clone(), app.exports.clone());
    let sampler = app.reader(Caller { request_id: "sample".into(), subject: "query-api".into() });
    let background = tokio::spawn(async move {
        tokio::join!(
            projected.clone().follow(stop.clone()),
            projected.sample(sampler, stop.clone()),
            upkeep.follow(stop.clone()),
            drafts.follow(stop.clone()),
            exports.follow(stop.clone()),
            operations.follow(readiness, stop),
        );
    });
    let served = listen(listener, tls, app, address).await;
    background.abort();
    served.map_err(ServeError::Serve)
}

async fn listen(
    listener: TcpListener,
    tls: Option<RustlsConfig>,
    app: Arc<App>,
    address: SocketAddr,
) -> io::Result<()> {
    tracing::info!(%address, tls = tls.is_some(), "query-api listens");
    let (handle, stop) = (Handle::new(), app.stop.clone());
    let at_end = handle.clone();
    let ender = tokio::spawn(async move {
        stop.cancelled().await;
        at_end.graceful_shutdown(Some(GRACE));
    });
    let mut server = axum_server::from_tcp(listener)?.handle(handle).first_request_timeout(HEAD_LIMIT);
    server.http_builder().http1().header_read_timeout(HEAD_LIMIT);
    let service = router(app).into_make_service();
    let plain = TcpConfigAcceptor::new(TcpSocketConfig::new().nodelay(true));
    let served = match tls {
        None => server.acceptor(plain).serve(service).await,
        Some(tls) => server.acceptor(RustlsAcceptor::new(tls).acceptor(plain)).serve(service).await,
    };
    ender.abort();
    served
}
