//! Builds the connection to a cluster. Exec plugins run while it is built, in a thread of their own, and again when their token is
//! over: a plugin that hangs holds up its own cluster only, and is ended.

use std::{io::IsTerminal, path::PathBuf, time::Duration};

use kube::{
    Client, Config,
    config::{AuthInfo, ExecConfig, ExecInteractiveMode, KubeConfigOptions, Kubeconfig, KubeconfigError},
};

use super::config::ClusterConfig;
use crate::watch::Link;

/// How long building a connection may take: an exec plugin that asks a cloud for a token.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(60);
/// A plugin that does not end when it is asked to is killed after so many seconds more.
const KILL_AFTER: &str = "5";
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
    if let Some(exec) = &mut config.auth_info.exec
        && !takes_typing(exec)
    {
        bound(exec, CONNECT_TIMEOUT);
    }
    // The chain waits and tries again by itself, and knows how the cluster is meanwhile.
    config.default_retry = false;
    config.connect_timeout = Some(Duration::from_secs(10));
    config.headers.push((http::header::USER_AGENT, http::HeaderValue::from_static(USER_AGENT)));
    let server = config.cluster_url.to_string().trim_end_matches('/').to_owned();
    let client = Client::try_from(config).map_err(|source| ConnectError::Client(Box::new(source)))?;
    Ok(Link::new(client, server))
}

/// Whether a person may have to answer it.
fn takes_typing(exec: &ExecConfig) -> bool {
    exec.interactive_mode != Some(ExecInteractiveMode::Never) && std::io::stdin().is_terminal()
}

/// Lets a plugin, and what it begins, live for so long. The library waits for it for ever, in a thread of the runtime, and begins
/// another one with each try: in the end there would be no thread for the log, and the process could not end.
fn bound(exec: &mut ExecConfig, most: Duration) {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let timeout = std::env::split_paths(&path).map(|folder| folder.join("timeout")).find(|file| file.is_file());
    let Some(timeout) = timeout.as_ref().and_then(|file| file.to_str()) else { return };
    if let Some(command) = exec.command.take() {
        let own = ["-k".into(), KILL_AFTER.into(), most.as_secs().to_string(), command];
        exec.command = Some(timeout.into());
        exec.args = Some(own.into_iter().chain(exec.args.take().unwrap_or_default()).collect());
    }
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

#[cfg(test)]
mod tests {
    use std::process::{Command, Output};

    use super::*;

    /// As the library runs it: until nobody holds the other end of its output.
    fn run(plugin: &str) -> Output {
        let mut exec: ExecConfig = serde_json::from_str(plugin).unwrap();
        bound(&mut exec, Duration::from_secs(1));
        Command::new(exec.command.unwrap()).args(exec.args.unwrap()).output().unwrap()
    }

    #[test]
    fn a_plugin_that_hangs_is_ended_with_what_it_has_begun() {
        let hangs = run(r#"{"command": "sh", "args": ["-c", "tail -f /dev/null & wait"]}"#);
        assert_eq!(hangs.status.code(), Some(124), "{hangs:?}");
        let answers = run(r#"{"command": "echo", "args": ["-k", "a  b"]}"#);
        assert_eq!((answers.status.code(), answers.stdout), (Some(0), b"-k a  b\n".to_vec()));
    }
}
