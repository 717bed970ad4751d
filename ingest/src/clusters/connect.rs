//! Builds the connection to a cluster. Exec plugins run while it is built, in a thread of their own: a plugin that
//! hangs holds up its own cluster only.

use std::{path::PathBuf, time::Duration};

use kube::{
    Client, Config,
    config::{AuthInfo, KubeConfigOptions, Kubeconfig, KubeconfigError},
};

use super::config::ClusterConfig;
use crate::watch::Link;

/// How long building a connection may take: an exec plugin that asks a cloud for a token.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(60);
const USER_AGENT: &str = concat!("beidou-ingest/", env!("CARGO_PKG_VERSION"));

/// Why there is no connection.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ConnectError {
    #[error("cannot use the kubeconfig {path}; check the file, its context and its credentials")]
    Kubeconfig {
        path: PathBuf,
        #[source]
        source: Box<KubeconfigError>,
    },
    #[error("the server {0:?} is not a URL")]
    Server(String),
    #[error("cannot read the certificates in {path}")]
    Certificates {
        path: PathBuf,
        #[source]
        source: std::io::Error,
    },
    #[error("cannot build a client; check certificates and exec plugin")]
    Client(#[source] Box<kube::Error>),
    #[error("building the client took more than {} s; does an exec plugin wait for input?", CONNECT_TIMEOUT.as_secs())]
    Late,
}

/// Reads the credentials and builds a client; nothing is sent to the cluster yet.
pub(crate) async fn connect(cluster: &ClusterConfig) -> Result<Link, ConnectError> {
    let cluster = cluster.clone();
    let runtime = tokio::runtime::Handle::current();
    let building = tokio::task::spawn_blocking(move || runtime.block_on(build(&cluster)));
    match tokio::time::timeout(CONNECT_TIMEOUT, building).await {
        Ok(Ok(built)) => built,
        Ok(Err(_)) | Err(_) => Err(ConnectError::Late),
    }
}

async fn build(cluster: &ClusterConfig) -> Result<Link, ConnectError> {
    let mut config = match (&cluster.kubeconfig, &cluster.server) {
        (Some(path), _) => from_kubeconfig(path, cluster.context.as_deref()).await?,
        (None, server) => from_server(cluster, server.as_deref().unwrap_or_default())?,
    };
    // The chain waits and tries again by itself, and knows how the cluster is meanwhile.
    config.default_retry = false;
    config.connect_timeout = Some(Duration::from_secs(10));
    config.headers.push((http::header::USER_AGENT, http::HeaderValue::from_static(USER_AGENT)));
    let server = config.cluster_url.to_string().trim_end_matches('/').to_owned();
    let client = Client::try_from(config).map_err(|source| ConnectError::Client(Box::new(source)))?;
    Ok(Link::new(client, server))
}

async fn from_kubeconfig(path: &PathBuf, context: Option<&str>) -> Result<Config, ConnectError> {
    let failed = |source| ConnectError::Kubeconfig { path: path.clone(), source: Box::new(source) };
    let kubeconfig = Kubeconfig::read_from(path).map_err(failed)?;
    let options = KubeConfigOptions { context: context.map(str::to_owned), ..KubeConfigOptions::default() };
    Config::from_custom_kubeconfig(kubeconfig, &options).await.map_err(failed)
}

fn from_server(cluster: &ClusterConfig, server: &str) -> Result<Config, ConnectError> {
    let mut config = Config::new(server.parse().map_err(|_| ConnectError::Server(server.into()))?);
    config.auth_info = AuthInfo {
        token: cluster.token.as_ref().map(|token| token.reveal().to_owned().into()),
        token_file: cluster.token_file.as_ref().map(|path| path.to_string_lossy().into_owned()),
        ..AuthInfo::default()
    };
    if let Some(path) = &cluster.ca_file {
        std::fs::metadata(path).map_err(|source| ConnectError::Certificates { path: path.clone(), source })?;
        config.root_cert_file = Some(path.clone());
    }
    Ok(config)
}
