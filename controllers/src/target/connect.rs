//! Builds the connection to a cluster: from a Cluster resource and its Secrets, from files, or as the Pod that this is.

use std::{fs, path::Path, time::Duration};

use beidou_crds::{Cluster, SecretKey};
use k8s_openapi::api::core::v1::Secret as KubeSecret;
use kube::{
    Api, Client, Config,
    config::{AuthInfo, KubeConfigOptions, Kubeconfig},
};

use super::{Reach, Target, TargetError};
use crate::{
    config::{Management, TargetConfig},
    token::Secret,
};

const CONNECT_LIMIT: Duration = Duration::from_secs(10);
const ANSWER_LIMIT: Duration = Duration::from_secs(60);

/// The client of the management cluster.
///
/// # Errors
/// When kubeconfig or account cannot be used.
pub async fn management(settings: &Management) -> Result<Client, TargetError> {
    let config = match &settings.kubeconfig {
        Some(path) => from_file("the management cluster", path, settings.context.as_deref()).await?,
        None => Config::incluster().map_err(|source| TargetError::NoPod(Box::new(source)))?,
    };
    client("the management cluster", config)
}

async fn from_file(cluster: &str, path: &Path, context: Option<&str>) -> Result<Config, TargetError> {
    let failed = |source| TargetError::Kubeconfig(cluster.into(), Box::new(source));
    let kubeconfig = Kubeconfig::read_from(path).map_err(failed)?;
    let options = KubeConfigOptions { context: context.map(str::to_owned), ..KubeConfigOptions::default() };
    Config::from_custom_kubeconfig(kubeconfig, &options).await.map_err(failed)
}

fn client(cluster: &str, mut config: Config) -> Result<Client, TargetError> {
    // A refusal is told and tried again by who asked: a budget that holds a Pod answers 429, for hours.
    config.default_retry = false;
    config.connect_timeout = Some(CONNECT_LIMIT);
    config.read_timeout = config.read_timeout.or(Some(ANSWER_LIMIT * 6));
    Client::try_from(config).map_err(TargetError::kube(format!("build a client of {cluster}")))
}

/// A target by files.
pub(crate) async fn from_config(config: &TargetConfig) -> Result<Target, TargetError> {
    let read = |path: &Path| fs::read_to_string(path).map_err(|source| TargetError::File { path: path.into(), source });
    let connected = match &config.kubeconfig {
        Some(path) => Some(client(&config.name, from_file(&config.name, path, config.context.as_deref()).await?)?),
        None => None,
    };
    let secret = |path: &Path| read(path).map(Secret);
    let bastion = match &config.bastion {
        Some(hop) => Some((hop.host.clone(), hop.port, hop.user.clone(), hop.key.as_deref().map(secret).transpose()?)),
        None => None,
    };
    let reach = Reach {
        user: config.ssh_user.clone(),
        port: config.ssh_port,
        known_hosts: config.known_hosts.as_deref().map(read).transpose()?.unwrap_or_default(),
        key: config.ssh_key.as_deref().map(secret).transpose()?,
        bastion,
    };
    let (name, role, parameters) = (config.name.clone(), config.role.clone(), config.parameters.clone());
    let uid = config.cluster_uid.clone();
    Ok(Target { name, client: connected, reach, role, parameters, uid })
}

/// A target by its resource.
pub(crate) async fn from_resource(cluster: &Cluster, secrets: &Api<KubeSecret>) -> Result<Target, TargetError> {
    let name = cluster.metadata.name.clone().unwrap_or_default();
    let spec = &cluster.spec;
    let connected = match &spec.credentials {
        None => None,
        Some(credentials) => {
            let config = match (&credentials.kubeconfig, &credentials.token) {
                (Some(key), _) => from_text(&name, &value(secrets, key).await?.0).await?,
                (None, Some(key)) => {
                    let token = value(secrets, key).await?;
                    let server = spec.server.as_deref().unwrap_or_default();
                    from_token(&name, server, token, credentials.certificate_authority.as_deref())?
                }
                (None, None) => return Err(TargetError::NoCredentials(name)),
            };
            Some(client(&name, config)?)
        }
    };
    let reach = match &spec.ssh {
        None => Reach::default(),
        Some(ssh) => {
            let bastion = match &ssh.bastion {
                None => None,
                Some(hop) => {
                    let key = match &hop.private_key {
                        Some(key) => Some(value(secrets, key).await?),
                        None => None,
                    };
                    Some((hop.host.clone(), hop.port.unwrap_or(22), hop.user.clone(), key))
                }
            };
            let key = Some(value(secrets, &ssh.private_key).await?);
            Reach { user: ssh.user.clone(), port: ssh.port, known_hosts: ssh.known_hosts.clone(), key, bastion }
        }
    };
    let (role, parameters, uid) = (spec.machine_role.clone(), spec.parameters.clone(), spec.cluster_uid.clone());
    Ok(Target { name, client: connected, reach, role, parameters, uid })
}

/// Credentials of strangers run no program and read no file of this process.
async fn from_text(cluster: &str, text: &str) -> Result<Config, TargetError> {
    let failed = |source| TargetError::Kubeconfig(cluster.into(), Box::new(source));
    let kubeconfig = Kubeconfig::from_yaml(text).map_err(failed)?;
    let plain_user = kubeconfig.auth_infos.iter().filter_map(|user| user.auth_info.as_ref()).all(|user| {
        user.exec.is_none()
            && user.auth_provider.is_none()
            && user.token_file.is_none()
            && user.client_certificate.is_none()
            && user.client_key.is_none()
    });
    let plain_cluster = kubeconfig
        .clusters
        .iter()
        .filter_map(|one| one.cluster.as_ref())
        .all(|one| one.certificate_authority.is_none() && one.proxy_url.is_none());
    if !plain_user || !plain_cluster {
        return Err(TargetError::NotPlain(cluster.into()));
    }
    Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await.map_err(failed)
}

fn from_token(cluster: &str, server: &str, token: Secret, ca: Option<&str>) -> Result<Config, TargetError> {
    let bad = |what| TargetError::Value { what, cluster: cluster.into() };
    let mut config = Config::new(server.parse().map_err(|_| bad("the server"))?);
    config.auth_info = AuthInfo { token: Some(token.0.into()), ..AuthInfo::default() };
    if let Some(text) = ca {
        use rustls::pki_types::{CertificateDer, pem::PemObject};
        let read: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(text.as_bytes()).collect();
        let certificates = read.map_err(|_| bad("the certificateAuthority"))?;
        config.root_cert = Some(certificates.iter().map(|certificate| certificate.to_vec()).collect());
    }
    Ok(config)
}

/// A value of a Secret.
pub(crate) async fn value(secrets: &Api<KubeSecret>, at: &SecretKey) -> Result<Secret, TargetError> {
    let missing = || TargetError::NoKey { secret: at.name.clone(), key: at.key.clone() };
    let found = secrets.get_opt(&at.name).await.map_err(TargetError::kube(format!("read the Secret {}", at.name)))?;
    let data = found.and_then(|secret| secret.data).ok_or_else(missing)?;
    let bytes = data.get(&at.key).ok_or_else(missing)?;
    String::from_utf8(bytes.0.clone()).map(Secret).map_err(|_| missing())
}
