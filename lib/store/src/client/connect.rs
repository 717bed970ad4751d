//! Connections to a ClickHouse: over TCP or TLS, to the first of its addresses that takes one.
//!
//! ```text
//!  request ─► pool of open connections ─► none free ─► address 1 ─✗─► address 2 ─► …
//! ```
//!
//! The addresses are those of replicas: each has all tables. Whoever loses a connection in the middle of a request does not
//! know how it ended, and repeats it as ever (`insert.rs`); only then another address is tried.

use std::{
    io,
    path::PathBuf,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use clickhouse::Client;
use http::Uri;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder, MaybeHttpsStream};
use hyper_util::{
    client::legacy::{Client as HyperClient, connect::HttpConnector},
    rt::{TokioExecutor, TokioIo},
};
use rustls::{
    ClientConfig, RootCertStore,
    pki_types::{CertificateDer, pem::PemObject},
};
use tokio::net::TcpStream;
use tower_service::Service;

/// An address that does not even refuse is given up after this time: a data centre's round trip is a thousandth of it.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// Between two packets that ask whether the other side is still there.
const KEEPALIVE: Duration = Duration::from_secs(60);
/// ClickHouse closes idle connections after 3 s by default; one that it closes just now costs a repetition.
const IDLE: Duration = Duration::from_secs(2);

/// Why there is no way to a server.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// An address is none.
    #[error(
        "{url:?} is no address of a ClickHouse server: use http://host:8123 or https://host:8443, the same scheme for all"
    )]
    Url {
        /// The address.
        url: String,
    },
    /// The file of authorities cannot be used.
    #[error("cannot read the authorities in {path}: PEM is expected")]
    Authorities {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

/// Makes clients whose connections go to the first of these addresses that takes one.
///
/// # Errors
/// [`ConnectError`].
pub(super) fn client(urls: &[String], ca_file: Option<&PathBuf>) -> Result<Client, ConnectError> {
    let addresses = urls.iter().map(|url| address(url)).collect::<Result<Vec<_>, _>>()?;
    let scheme = |address: &Uri| address.scheme_str().map(str::to_owned);
    if let Some(other) = addresses.iter().position(|address| scheme(address) != scheme(&addresses[0])) {
        return Err(ConnectError::Url { url: urls[other].clone() });
    }
    let mut tcp = HttpConnector::new();
    tcp.enforce_http(false);
    tcp.set_nodelay(true);
    tcp.set_keepalive(Some(KEEPALIVE));
    tcp.set_connect_timeout(Some(CONNECT_TIMEOUT));
    let is_https = scheme(&addresses[0]).as_deref() == Some("https");
    let authorities = if is_https { authorities(ca_file)? } else { RootCertStore::empty() };
    let inner = HttpsConnectorBuilder::new().with_tls_config(tls(authorities)).https_or_http().enable_http1();
    let connector = FailOver { addresses: addresses.into(), inner: inner.wrap_connector(tcp) };
    let http = HyperClient::builder(TokioExecutor::new()).pool_idle_timeout(IDLE).build(connector);
    Ok(Client::with_http_client(http).with_url(&urls[0]))
}

fn address(url: &str) -> Result<Uri, ConnectError> {
    let parsed = url.parse::<Uri>().ok();
    let fits =
        |uri: &Uri| matches!(uri.scheme_str(), Some("http" | "https")) && uri.host().is_some_and(|h| !h.is_empty());
    parsed.filter(fits).ok_or_else(|| ConnectError::Url { url: url.into() })
}

/// Those in the file alone; without one, those that this machine trusts.
fn authorities(file: Option<&PathBuf>) -> Result<RootCertStore, ConnectError> {
    let mut store = RootCertStore::empty();
    let Some(path) = file else {
        let found = rustls_native_certs::load_native_certs();
        found.errors.iter().for_each(|error| tracing::warn!(%error, "an authority of this machine is not read"));
        store.add_parsable_certificates(found.certs);
        return Ok(store);
    };
    let failed = |source| ConnectError::Authorities { path: path.clone(), source };
    let invalid = |error: String| failed(io::Error::new(io::ErrorKind::InvalidData, error));
    let certificates = CertificateDer::pem_file_iter(path).map_err(|error| invalid(error.to_string()))?;
    for certificate in certificates {
        let certificate = certificate.map_err(|error| invalid(error.to_string()))?;
        store.add(certificate).map_err(|error| invalid(error.to_string()))?;
    }
    if store.is_empty() {
        return Err(invalid("there is no certificate in it".into()));
    }
    Ok(store)
}

fn tls(authorities: RootCertStore) -> ClientConfig {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let versions = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    versions.expect("ring has the default versions").with_root_certificates(authorities).with_no_client_auth()
}

/// Connects to the first address that takes it.
#[derive(Clone)]
struct FailOver {
    addresses: Arc<[Uri]>,
    inner: HttpsConnector<HttpConnector>,
}

type Failure = Box<dyn std::error::Error + Send + Sync>;

impl Service<Uri> for FailOver {
    type Response = MaybeHttpsStream<TokioIo<TcpStream>>;
    type Error = Failure;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Failure>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Failure>> {
        self.inner.poll_ready(context)
    }

    /// The pool asks for the first address, by which it knows the connections; all of them go to one ClickHouse.
    fn call(&mut self, _first: Uri) -> Self::Future {
        let mut all = self.clone();
        Box::pin(async move {
            let mut last = None;
            for address in all.addresses.iter() {
                match all.inner.call(address.clone()).await {
                    Ok(stream) => return Ok(stream),
                    Err(error) => {
                        tracing::debug!(%address, %error, "a ClickHouse server takes no connection");
                        last = Some(error);
                    }
                }
            }
            Err(last.unwrap_or_else(|| "there is no address".into()))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_address_is_refused() {
        for urls in [
            &["clickhouse:8123"][..],
            &["ftp://clickhouse"],
            &["https://"],
            &[""],
            &["https://a:8443", "http://b:8123"],
        ] {
            let urls: Vec<_> = urls.iter().map(|url| (*url).to_owned()).collect();
            assert!(matches!(client(&urls, None), Err(ConnectError::Url { .. })), "{urls:?}");
        }
        assert!(client(&["http://a:8123".into(), "http://b:8123".into()], None).is_ok());
    }

    #[test]
    fn a_file_without_certificates_is_refused() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let path = file.path().to_owned();
        let error = client(&["https://a:8443".into()], Some(&path)).map(drop).unwrap_err();
        assert!(matches!(error, ConnectError::Authorities { .. }));
        let missing = PathBuf::from("/nowhere/ca.pem");
        assert!(client(&["https://a:8443".into()], Some(&missing)).is_err());
    }
}
