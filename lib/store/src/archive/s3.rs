//! Which bucket, how it is reached, and who asks: the section `archive.s3` of a site.

use std::{
    fmt,
    path::{Path as FilePath, PathBuf},
    sync::Arc,
    time::Duration,
};

use async_trait::async_trait;
use object_store::{
    Certificate, ClientOptions, CredentialProvider, Error, Result, RetryConfig,
    aws::{AmazonS3Builder, AmazonS3ConfigKey, AwsCredential, S3ConditionalPut},
    path::Path,
};
use serde::{Deserialize, Serialize};

/// A request waits so long for its answer unless configured otherwise: a part of 8 MiB passes in it at 3 Mbit/s.
const DEFAULT_TIMEOUT_SECONDS: u64 = 30;
/// A connection is made within this, or never.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// A refused request is repeated so often, within some 3 s; who waits for the archive repeats the whole act and says so.
const REPETITIONS: usize = 4;

/// The section `archive.s3`.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct S3 {
    /// The bucket; the archive is a folder where it is missing.
    pub bucket: Option<String>,
    /// Before each name, so that several sites share one bucket.
    pub prefix: String,
    /// URL of the service; that of AWS in the region where it is missing.
    pub endpoint: Option<String>,
    /// The region; `AWS_REGION`, else us-east-1, where it is missing.
    pub region: Option<String>,
    /// Whether the endpoint may be plain HTTP.
    pub allow_http: bool,
    /// Whether the bucket's name is part of the host: of AWS, or as the endpoint has it.
    pub virtual_hosted: bool,
    /// Authorities that are trusted beside those of the system, PEM.
    pub ca_file: Option<PathBuf>,
    /// A request waits so long for its answer.
    pub timeout_seconds: u64,
    /// The id of an access key; the usual chain is asked where there is none.
    pub access_key_id: Option<String>,
    /// A file with it, which goes before `access_key_id`.
    pub access_key_id_file: Option<PathBuf>,
    /// The secret of that key; better in a file.
    pub secret_access_key: Option<String>,
    /// A file with it, which goes before `secret_access_key`.
    pub secret_access_key_file: Option<PathBuf>,
}

impl Default for S3 {
    fn default() -> Self {
        Self {
            bucket: None,
            prefix: String::new(),
            endpoint: None,
            region: None,
            allow_http: false,
            virtual_hosted: false,
            ca_file: None,
            timeout_seconds: DEFAULT_TIMEOUT_SECONDS,
            access_key_id: None,
            access_key_id_file: None,
            secret_access_key: None,
            secret_access_key_file: None,
        }
    }
}

impl fmt::Debug for S3 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { bucket, prefix, endpoint, region, .. } = self;
        let mut shown = f.debug_struct("S3");
        shown.field("bucket", bucket).field("prefix", prefix).field("endpoint", endpoint).field("region", region);
        shown.finish_non_exhaustive()
    }
}

/// A key of `archive.s3` that does not fit.
#[derive(Debug, thiserror::Error)]
#[error("`archive.s3.{key}` is {found}: {allowed}")]
pub struct InvalidS3 {
    /// The key.
    pub key: &'static str,
    /// What stands there.
    pub found: String,
    /// What may stand there.
    pub allowed: &'static str,
}

fn invalid(key: &'static str, found: impl fmt::Debug, allowed: &'static str) -> InvalidS3 {
    InvalidS3 { key, found: format!("{found:?}"), allowed }
}

impl S3 {
    /// Whether the archive lies in a bucket.
    pub fn is_used(&self) -> bool {
        self.bucket.is_some()
    }

    /// Checks what can be checked without the service.
    ///
    /// # Errors
    /// The first key that does not fit.
    pub fn check(&self) -> Result<(), InvalidS3> {
        let Some(bucket) = &self.bucket else {
            let allowed = "name the bucket, or nothing under `archive.s3`";
            return if *self == Self::default() { Ok(()) } else { Err(invalid("bucket", "", allowed)) };
        };
        let letter = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '.' | '-');
        if !(3..=63).contains(&bucket.len()) || !bucket.chars().all(letter) {
            return Err(invalid("bucket", bucket, "use 3 to 63 of the characters a-z, 0-9, '.', '-'"));
        }
        if Path::parse(&self.prefix).is_err() {
            return Err(invalid("prefix", &self.prefix, "use names with / between them, such as beidou/site-a"));
        }
        if let Some(endpoint) = &self.endpoint {
            let secure = endpoint.strip_prefix("https://");
            let host = secure.or_else(|| endpoint.strip_prefix("http://"));
            if host.is_none_or(|host| host.is_empty() || host.contains(['@', '?', '#', ' '])) {
                return Err(invalid("endpoint", endpoint, "use https://host, or https://host:port"));
            }
            if secure.is_none() && !self.allow_http {
                let allowed = "use https://, or set `archive.s3.allow_http` where nobody else can listen";
                return Err(invalid("endpoint", endpoint, allowed));
            }
        }
        if !(1..=600).contains(&self.timeout_seconds) {
            return Err(invalid("timeout_seconds", self.timeout_seconds, "use 1 to 600"));
        }
        let secret = self.secret_access_key.is_some() || self.secret_access_key_file.is_some();
        match (self.has_key(), secret) {
            (true, false) => Err(invalid("secret_access_key_file", "", "an access key needs its secret")),
            (false, true) => Err(invalid("access_key_id", "", "a secret needs the id of its access key")),
            (true, true) | (false, false) => Ok(()),
        }
    }

    /// Relative paths start at the folder of the configuration file.
    pub fn settle_paths(&mut self, folder: &FilePath) {
        let all = [&mut self.ca_file, &mut self.access_key_id_file, &mut self.secret_access_key_file];
        for path in all.into_iter().flatten() {
            *path = folder.join(&path);
        }
    }

    fn has_key(&self) -> bool {
        self.access_key_id.is_some() || self.access_key_id_file.is_some()
    }

    /// Where it is, for people.
    pub(super) fn place(&self) -> String {
        let bucket = self.bucket.as_deref().unwrap_or_default();
        format!("s3://{bucket}/{}", self.prefix).trim_end_matches('/').to_owned()
    }

    /// A client of the service, not built yet.
    pub(super) fn builder(&self) -> Result<AmazonS3Builder> {
        let mut client = ClientOptions::new()
            .with_allow_http(self.allow_http)
            .with_connect_timeout(CONNECT_TIMEOUT)
            .with_timeout_disabled()
            // A large file takes as long as it takes; a connection that stands still does not.
            .with_read_timeout(Duration::from_secs(self.timeout_seconds));
        if let Some(path) = &self.ca_file {
            for authority in Certificate::from_pem_bundle(&read(path)?)? {
                client = client.with_root_certificate(authority);
            }
        }
        let mut builder = AmazonS3Builder::from_env()
            .with_client_options(client)
            .with_retry(RetryConfig { max_retries: REPETITIONS, ..RetryConfig::default() })
            .with_bucket_name(self.bucket.as_deref().unwrap_or_default())
            .with_virtual_hosted_style_request(self.virtual_hosted)
            .with_conditional_put(S3ConditionalPut::ETagMatch)
            // Not every service has it, and we remove one file at a time.
            .with_disable_bulk_delete(true);
        if let Some(region) = &self.region {
            builder = builder.with_region(region);
        }
        if let Some(endpoint) = &self.endpoint {
            // The key that no variable of the environment goes before.
            builder = builder.with_config(AmazonS3ConfigKey::S3Endpoint, endpoint);
        }
        if self.has_key() {
            builder = builder.with_credentials(Arc::new(Given(self.clone())));
        }
        Ok(builder)
    }
}

/// Credentials that the site names. Files are read for each request: a mounted Secret may change.
#[derive(Debug)]
struct Given(S3);

#[async_trait]
impl CredentialProvider for Given {
    type Credential = AwsCredential;

    async fn get_credential(&self) -> Result<Arc<AwsCredential>> {
        let s3 = &self.0;
        let key_id = value(s3.access_key_id.as_ref(), s3.access_key_id_file.as_deref())?;
        let secret_key = value(s3.secret_access_key.as_ref(), s3.secret_access_key_file.as_deref())?;
        Ok(Arc::new(AwsCredential { key_id, secret_key, token: None }))
    }
}

fn value(plain: Option<&String>, file: Option<&FilePath>) -> Result<String> {
    let Some(path) = file else { return Ok(plain.cloned().unwrap_or_default()) };
    Ok(String::from_utf8_lossy(&read(path)?).trim().to_owned())
}

fn read(path: &FilePath) -> Result<Vec<u8>> {
    let cannot = |error| format!("cannot read {}: {error}", path.display());
    std::fs::read(path).map_err(|error| Error::Generic { store: "S3", source: cannot(error).into() })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn valid() -> S3 {
        S3 { bucket: Some("events".into()), ..S3::default() }
    }

    #[test]
    fn what_does_not_fit_is_named() {
        S3::default().check().unwrap();
        valid().check().unwrap();
        let http = Some("http://127.0.0.1:9000".to_owned());
        S3 { endpoint: http.clone(), allow_http: true, ..valid() }.check().unwrap();
        let own = |text: &str| Some(text.to_owned());
        for (key, s3) in [
            ("bucket", S3 { prefix: "a".into(), ..S3::default() }),
            ("bucket", S3 { bucket: own("ab"), ..valid() }),
            ("bucket", S3 { bucket: own("a/b/c"), ..valid() }),
            ("prefix", S3 { prefix: "a//b".into(), ..valid() }),
            ("endpoint", S3 { endpoint: http, ..valid() }),
            ("endpoint", S3 { endpoint: own("minio:9000"), ..valid() }),
            ("endpoint", S3 { endpoint: own("https://user@host"), ..valid() }),
            ("timeout_seconds", S3 { timeout_seconds: 0, ..valid() }),
            ("secret_access_key_file", S3 { access_key_id: own("id"), ..valid() }),
            ("access_key_id", S3 { secret_access_key: own("x"), ..valid() }),
        ] {
            let refused = s3.check().unwrap_err();
            assert_eq!(refused.key, key, "{refused}");
        }
    }

    #[tokio::test]
    async fn secrets_are_never_shown_and_files_are_read_anew() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("secret");
        let mut s3 = S3 { access_key_id: Some("id".into()), secret_access_key: Some("s3cret".into()), ..valid() };
        let of = |s3: &S3| Given(s3.clone());
        assert_eq!(of(&s3).get_credential().await.unwrap().secret_key, "s3cret");
        s3.secret_access_key_file = Some("secret".into());
        s3.settle_paths(folder.path());
        let given = of(&s3);
        let missing = given.get_credential().await.unwrap_err().to_string();
        assert!(missing.contains("cannot read") && missing.contains("secret"), "{missing}");
        for secret in ["first s3cret", "second s3cret"] {
            std::fs::write(&file, format!("{secret}\n")).unwrap();
            assert_eq!(given.get_credential().await.unwrap().secret_key, secret);
        }
        // Else there is no client to be shown; another test may have done it before.
        let _set_before = rustls::crypto::ring::default_provider().install_default();
        let built = s3.builder().unwrap().build().unwrap();
        for shown in [format!("{s3:?}"), format!("{given:?}"), format!("{built:?}")] {
            assert!(!shown.contains("s3cret"), "{shown}");
        }
    }
}
