//! Bundles as artifacts in an OCI registry.
//!
//! ```text
//!  manifest   artifactType application/vnd.beidou.bundle.v1, config {}
//!  └─ layer   application/vnd.oci.image.layer.v1.tar (or tar+gzip): the files
//! ```
//!
//! The same bundle has the same manifest, and with it the same digest, whoever pushes it and when. What is pulled has been
//! compared with the digests of its manifest, and a layer is never taken for larger than the manifest says.

use std::{
    collections::BTreeMap,
    fs,
    io::Cursor,
    net::IpAddr,
    path::{Path, PathBuf},
    time::Duration,
};

use base64::{Engine, prelude::BASE64_STANDARD};
use oci_client::{
    Client,
    client::{ClientConfig, ClientProtocol, Config, ImageLayer},
    errors::OciDistributionError,
    manifest::{IMAGE_LAYER_GZIP_MEDIA_TYPE, IMAGE_LAYER_MEDIA_TYPE, OciDescriptor, OciImageManifest},
    secrets::RegistryAuth,
};
use serde::Deserialize;

use crate::{ArtifactName, Bundle, BundleError, bundle::MAX_BYTES};

/// The type of our artifacts.
const ARTIFACT: &str = "application/vnd.beidou.bundle.v1";
/// What a manifest without configuration has in its place.
const EMPTY: &str = "application/vnd.oci.empty.v1+json";
/// A tar archive has headers beside the files.
const MAX_LAYER: u64 = MAX_BYTES + (16 << 20);
/// How long a registry may take to answer the first byte of a connection, and each further one.
const CONNECT: Duration = Duration::from_secs(10);
const READ: Duration = Duration::from_secs(30);

/// Why an artifact could not be pulled or pushed.
#[derive(Debug, thiserror::Error)]
pub enum RegistryError {
    /// The file with logins cannot be used.
    #[error("the logins in {}: {why}", path.display())]
    Logins {
        /// The file.
        path: PathBuf,
        /// What is wrong, and what is allowed.
        why: String,
    },
    /// The registry did not do it.
    #[error("cannot {act} {name}")]
    Refused {
        /// What was tried.
        act: &'static str,
        /// Which artifact.
        name: String,
        /// What it or the network says.
        source: Box<OciDistributionError>,
    },
    /// It is something else.
    #[error("{name} is no bundle: {why}")]
    Other {
        /// Which artifact.
        name: String,
        /// What it has, and what is expected.
        why: String,
    },
    /// Its files are none of a bundle.
    #[error("the files of {name} are no bundle")]
    Bundle {
        /// Which artifact.
        name: String,
        /// What is wrong.
        source: BundleError,
    },
}

/// Registries, and who we are to them.
#[derive(Debug, Clone, Default)]
pub struct Registries {
    logins: BTreeMap<String, (String, String)>,
}

/// What `docker login`, `podman login` and Secrets of type `kubernetes.io/dockerconfigjson` write.
#[derive(Deserialize)]
struct LoginFile {
    #[serde(default)]
    auths: BTreeMap<String, Login>,
}

#[derive(Deserialize)]
struct Login {
    /// `user:password` in Base64; empty where a helper program keeps it.
    #[serde(default)]
    auth: String,
}

impl Registries {
    /// With the logins of a file, in the form of Docker's `config.json`.
    ///
    /// # Errors
    /// When the file cannot be read or understood. No message has what is secret in it.
    pub fn with_logins(path: &Path) -> Result<Self, RegistryError> {
        let refuse = |why: String| RegistryError::Logins { path: path.into(), why };
        let text = fs::read_to_string(path).map_err(|error| refuse(error.to_string()))?;
        let file: LoginFile = serde_json::from_str(&text).map_err(|error| {
            refuse(format!(
                "line {}: expected JSON such as {{\"auths\": {{\"HOST\": {{\"auth\": \"…\"}}}}}}",
                error.line()
            ))
        })?;
        let mut logins = BTreeMap::new();
        for (host, login) in file.auths.into_iter().filter(|(_, login)| !login.auth.is_empty()) {
            let pair = BASE64_STANDARD.decode(&login.auth).ok().and_then(|bytes| String::from_utf8(bytes).ok());
            let pair = pair.as_deref().and_then(|text| text.split_once(':'));
            let (user, password) =
                pair.ok_or_else(|| refuse(format!("auths.{host}.auth: expected user:password in Base64")))?;
            logins.insert(bare(&host).to_owned(), (user.to_owned(), password.to_owned()));
        }
        Ok(Self { logins })
    }

    /// Fetches a bundle, and the digest of its manifest.
    ///
    /// # Errors
    /// When the registry refuses or is away, or what is there is no bundle.
    pub async fn pull(&self, name: &ArtifactName) -> Result<(Bundle, String), RegistryError> {
        let (client, login) = (client(name.registry()), self.login(name.registry()));
        let refused =
            |act| move |error| RegistryError::Refused { act, name: name.to_string(), source: Box::new(error) };
        let (manifest, digest) =
            client.pull_image_manifest(name.reference(), &login).await.map_err(refused("pull the manifest of"))?;
        let (layer, size) = layer_of(&manifest).map_err(|why| RegistryError::Other { name: name.to_string(), why })?;
        let mut bytes = vec![0; size];
        let into = Cursor::new(bytes.as_mut_slice());
        client.pull_blob(name.reference(), layer, into).await.map_err(refused("pull the files of"))?;
        let bundle =
            Bundle::of_tar(&bytes).map_err(|source| RegistryError::Bundle { name: name.to_string(), source })?;
        Ok((bundle, digest))
    }

    /// Puts a bundle there; answers the digest of its manifest.
    ///
    /// # Errors
    /// When the registry refuses or is away.
    pub async fn push(&self, bundle: &Bundle, name: &ArtifactName) -> Result<String, RegistryError> {
        let (client, login) = (client(name.registry()), self.login(name.registry()));
        let refused = |error| RegistryError::Refused { act: "push", name: name.to_string(), source: Box::new(error) };
        let layers = [ImageLayer::new(bundle.to_tar(), IMAGE_LAYER_MEDIA_TYPE.to_owned(), None)];
        let config = Config::new(b"{}".to_vec(), EMPTY.to_owned(), None);
        let about = bundle.manifest();
        let notes = BTreeMap::from([
            ("org.opencontainers.image.title".to_owned(), about.name.clone()),
            ("org.opencontainers.image.version".to_owned(), about.version.clone()),
            ("org.opencontainers.image.description".to_owned(), about.description.clone()),
        ]);
        let mut manifest = OciImageManifest::build(&layers, &config, Some(notes));
        manifest.artifact_type = Some(ARTIFACT.to_owned());
        client.push(name.reference(), &layers, config, &login, Some(manifest)).await.map_err(refused)?;
        client.fetch_manifest_digest(name.reference(), &login).await.map_err(refused)
    }

    fn login(&self, registry: &str) -> RegistryAuth {
        match self.logins.get(registry) {
            Some((user, password)) => RegistryAuth::Basic(user.clone(), password.clone()),
            None => RegistryAuth::Anonymous,
        }
    }
}

/// Of `https://host/v1/`, as Docker writes some of them, the host.
fn bare(host: &str) -> &str {
    let host = host.strip_prefix("https://").or_else(|| host.strip_prefix("http://")).unwrap_or(host);
    host.split('/').next().unwrap_or(host)
}

/// By TLS, but for registries on this machine.
fn client(registry: &str) -> Client {
    let host = registry.rsplit_once(':').map_or(registry, |(host, _)| host);
    let here = host == "localhost" || host.parse().is_ok_and(|address: IpAddr| address.is_loopback());
    let protocol = if here { ClientProtocol::Http } else { ClientProtocol::Https };
    let config =
        ClientConfig { protocol, connect_timeout: Some(CONNECT), read_timeout: Some(READ), ..ClientConfig::default() };
    Client::new(config)
}

/// The one layer of a bundle, and its bytes.
fn layer_of(manifest: &OciImageManifest) -> Result<(&OciDescriptor, usize), String> {
    let kind = manifest.artifact_type.as_deref().unwrap_or(&manifest.config.media_type);
    let [layer] = manifest.layers.as_slice() else {
        return Err(format!("it is {kind} with {} layers; expected one, a tar archive", manifest.layers.len()));
    };
    if ![IMAGE_LAYER_MEDIA_TYPE, IMAGE_LAYER_GZIP_MEDIA_TYPE].contains(&layer.media_type.as_str()) {
        return Err(format!(
            "its layer is {}; expected {IMAGE_LAYER_MEDIA_TYPE} or {IMAGE_LAYER_GZIP_MEDIA_TYPE}",
            layer.media_type
        ));
    }
    match usize::try_from(layer.size) {
        Ok(size) if size as u64 <= MAX_LAYER => Ok((layer, size)),
        _ => Err(format!("its layer has {} bytes; at most {MAX_LAYER}", layer.size)),
    }
}
