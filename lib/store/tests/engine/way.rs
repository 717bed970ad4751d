//! The way to a server: TLS with an authority of one's own, and another address where the first takes no connection.

use std::{net::SocketAddr, path::PathBuf, sync::Arc};

use beidou_service::held_port::HeldPort;
use beidou_store::{
    Server, Store, StoreError,
    migrate::{migrate, require},
};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::{
    ServerConfig,
    pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer},
};
use tokio::{
    io::copy_bidirectional,
    net::{TcpListener, TcpStream},
    task::AbortHandle,
};
use tokio_rustls::TlsAcceptor;

use crate::support::EngineProcess;

/// An authority with its file, and a certificate of it for this machine.
struct Authority {
    folder: tempfile::TempDir,
    tls: Arc<ServerConfig>,
}

impl Authority {
    fn new() -> Self {
        let mut params = CertificateParams::new([]).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        let key = KeyPair::generate().unwrap();
        let certificate = CertificateParams::new(["127.0.0.1".into()]).unwrap().signed_by(&key, &issuer).unwrap();
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("ca.pem"), issuer.pem()).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
        let tls = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
        let tls = tls.with_no_client_auth().with_single_cert(vec![certificate.der().clone()], key).unwrap();
        Self { folder, tls: Arc::new(tls) }
    }

    fn file(&self) -> PathBuf {
        self.folder.path().join("ca.pem")
    }

    /// A door of TLS before an address; aborted, it is closed with all that goes through it.
    async fn before(&self, address: SocketAddr) -> (String, AbortHandle) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("https://{}", listener.local_addr().unwrap());
        let acceptor = TlsAcceptor::from(self.tls.clone());
        let door = tokio::spawn(async move {
            let mut open = tokio::task::JoinSet::new();
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let acceptor = acceptor.clone();
                open.spawn(async move {
                    let Ok(mut stream) = acceptor.accept(stream).await else { return };
                    let mut engine = TcpStream::connect(address).await.unwrap();
                    let _ended = copy_bidirectional(&mut stream, &mut engine).await;
                });
            }
        });
        (url, door.abort_handle())
    }
}

fn server(engine: &EngineProcess, urls: &[&str], authority: &Authority) -> Server {
    let endpoint = engine.endpoint.clone();
    let server = Server::at(urls[0].into(), endpoint.database, endpoint.writer, endpoint.reader);
    let replica_urls = urls[1..].iter().map(|url| (*url).to_owned()).collect();
    Server { replica_urls, ca_file: Some(authority.file()), ..server }
}

#[tokio::test]
async fn tables_are_made_and_read_over_tls() {
    let (engine, authority) = (EngineProcess::start(), Authority::new());
    let address = engine.endpoint.url.trim_start_matches("http://").parse().unwrap();
    let (url, _door) = authority.before(address).await;
    let store = Store::server(server(&engine, &[&url], &authority)).unwrap();
    assert!(migrate(&store).await.unwrap() > 0);
    require(&store).await.unwrap();

    // Another authority has not signed this certificate.
    let foreign = Store::server(server(&engine, &[&url], &Authority::new())).unwrap();
    assert!(matches!(require(&foreign).await, Err(StoreError::ClickHouse { .. })));
}

#[tokio::test]
async fn another_address_is_taken_where_the_first_refuses_or_dies() {
    let (engine, authority) = (EngineProcess::start(), Authority::new());
    let address = engine.endpoint.url.trim_start_matches("http://").parse().unwrap();
    // The port is held, and nobody listens there.
    let nobody = HeldPort::any().unwrap();
    let refusing = format!("https://{}", nobody.address());
    let (first, door) = authority.before(address).await;
    let (second, _door) = authority.before(address).await;
    let store = Store::server(server(&engine, &[&refusing, &first, &second], &authority)).unwrap();
    migrate(&store).await.unwrap();
    door.abort();
    // The connection that was open is lost, as it would be to a server that died: one question fails at most.
    let _one = require(&store).await;
    require(&store).await.unwrap();
}
