//! What a site says of its Kafka: `log.kafka` of the configuration, checked once.

use std::{
    collections::BTreeMap,
    fmt,
    path::{Path, PathBuf},
    time::Duration,
};

use beidou_schemas::Topic;
use rdkafka::ClientConfig;
use serde::{Deserialize, Serialize};

use super::{
    faults::Faults,
    settings::{CLIENT, apply},
};
use crate::{LogError, file::Retention};

/// Bytes of records that may wait for an acknowledgement in one process: two of the largest batches, or some 100,000 Events.
const BUFFER_MIB: u32 = 128;
/// A partition that acknowledges nothing for so long is looked at: far above a change of leader, far below an hour.
const SILENCE_SECONDS: u32 = 30;
/// A member that gives no sign of life for so long is missed: far above a pause of a busy machine, and what its partitions
/// stand still when it dies.
const SESSION_SECONDS: u32 = 10;
/// Topic names are at most 249 characters long in Kafka; ours take 22.
const MAX_PREFIX_BYTES: usize = 100;

/// The section `log.kafka`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Kafka {
    /// `host:port` of some brokers; the others are found through them. None: the log stands in files.
    pub brokers: Vec<String>,
    /// Stands before the name of each topic, group and transactional id: several sites may share one Kafka.
    pub prefix: String,
    /// Whether topics that are missing are made. Without it, or without the right to it, they are checked.
    pub create_topics: bool,
    /// Copies of each record, for topics that are made.
    pub replicas: u16,
    /// Bytes of records that may wait for an acknowledgement; a full buffer makes appends wait.
    pub buffer_mib: u32,
    /// A partition that acknowledges nothing for so long, while its broker answers, gets a new producer.
    pub silence_seconds: u32,
    /// A projector that gives no sign of life for so long loses its partitions to others.
    pub session_seconds: u32,
    /// Encrypted connections.
    pub tls: Tls,
    /// How to log in.
    pub sasl: Sasl,
}

impl Default for Kafka {
    fn default() -> Self {
        Self {
            brokers: Vec::new(),
            prefix: String::new(),
            create_topics: true,
            replicas: 3,
            buffer_mib: BUFFER_MIB,
            silence_seconds: SILENCE_SECONDS,
            session_seconds: SESSION_SECONDS,
            tls: Tls::default(),
            sasl: Sasl::default(),
        }
    }
}

/// The section `log.kafka.tls`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Tls {
    /// Whether connections are encrypted.
    pub enabled: bool,
    /// Authorities that are trusted, PEM; those of the system where it is missing.
    pub ca_file: Option<PathBuf>,
    /// Our certificate, PEM, where brokers ask for one.
    pub cert_file: Option<PathBuf>,
    /// Its key, PEM.
    pub key_file: Option<PathBuf>,
}

/// The section `log.kafka.sasl`.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Sasl {
    /// How the password is proven.
    pub mechanism: Mechanism,
    /// The user; nobody logs in where it is missing.
    pub user: Option<String>,
    /// The password; better in a file.
    pub password: Option<String>,
    /// A file with the password, which goes before `password`; spaces and line ends around it do not count.
    pub password_file: Option<PathBuf>,
}

impl fmt::Debug for Sasl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { mechanism, user, password: _, password_file } = self;
        let mut shown = f.debug_struct("Sasl");
        shown.field("mechanism", mechanism).field("user", user).field("password_file", password_file);
        shown.finish_non_exhaustive()
    }
}

/// How a password is proven.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Mechanism {
    /// A challenge: the password does not travel.
    #[default]
    #[serde(rename = "SCRAM-SHA-512")]
    ScramSha512,
    /// The same with a shorter hash.
    #[serde(rename = "SCRAM-SHA-256")]
    ScramSha256,
    /// The password travels: only inside TLS.
    #[serde(rename = "PLAIN")]
    Plain,
}

impl Mechanism {
    fn name(self) -> &'static str {
        match self {
            Self::ScramSha512 => "SCRAM-SHA-512",
            Self::ScramSha256 => "SCRAM-SHA-256",
            Self::Plain => "PLAIN",
        }
    }
}

/// A key of `log.kafka` that does not fit.
#[derive(Debug, thiserror::Error)]
#[error("`log.kafka.{key}` is {found}: {allowed}")]
pub struct InvalidKafka {
    /// The key.
    pub key: &'static str,
    /// What stands there.
    pub found: String,
    /// What may stand there.
    pub allowed: &'static str,
}

fn invalid(key: &'static str, found: impl fmt::Display, allowed: &'static str) -> InvalidKafka {
    InvalidKafka { key, found: found.to_string(), allowed }
}

impl Kafka {
    /// Whether the log stands in Kafka.
    pub fn is_used(&self) -> bool {
        !self.brokers.is_empty()
    }

    /// Checks what can be checked without a broker.
    ///
    /// # Errors
    /// The first key that does not fit.
    pub fn check(&self) -> Result<(), InvalidKafka> {
        if !self.is_used() {
            let rest = *self == Self::default();
            let allowed = "name one broker at least, as host:port, or nothing under `log.kafka`";
            return if rest { Ok(()) } else { Err(invalid("brokers", "empty", allowed)) };
        }
        for broker in &self.brokers {
            let port = broker.rsplit_once(':').filter(|(host, _)| !host.is_empty() && !host.contains([',', '/', ' ']));
            if port.is_none_or(|(_, port)| port.parse::<u16>().is_err()) {
                return Err(invalid("brokers", format_args!("{broker:?}"), "each broker is host:port"));
            }
        }
        let letter = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
        if self.prefix.len() > MAX_PREFIX_BYTES || !self.prefix.chars().all(letter) {
            let allowed = "use at most 100 of the characters a-z, A-Z, 0-9, '.', '_', '-'";
            return Err(invalid("prefix", format_args!("{:?}", self.prefix), allowed));
        }
        if !(1..=15).contains(&self.replicas) {
            return Err(invalid("replicas", self.replicas, "use 1 to 15; 3 survives the loss of a broker"));
        }
        if !(64..=1024).contains(&self.buffer_mib) {
            return Err(invalid("buffer_mib", self.buffer_mib, "use 64, which is one of the largest batches, to 1024"));
        }
        if !(5..=600).contains(&self.silence_seconds) {
            return Err(invalid("silence_seconds", self.silence_seconds, "use 5 to 600"));
        }
        if !(6..=60).contains(&self.session_seconds) {
            let allowed = "use 6, which brokers allow at least unless told otherwise, to 60";
            return Err(invalid("session_seconds", self.session_seconds, allowed));
        }
        self.check_tls()?;
        self.check_sasl()
    }

    fn check_tls(&self) -> Result<(), InvalidKafka> {
        let tls = &self.tls;
        let any = tls.ca_file.is_some() || tls.cert_file.is_some() || tls.key_file.is_some();
        if any && !tls.enabled {
            return Err(invalid("tls.enabled", "false", "set it to true, or leave the files out"));
        }
        match (&tls.cert_file, &tls.key_file) {
            (Some(_), None) => Err(invalid("tls.key_file", "missing", "a certificate needs its key")),
            (None, Some(_)) => Err(invalid("tls.cert_file", "missing", "a key needs its certificate")),
            (Some(_), Some(_)) | (None, None) => Ok(()),
        }
    }

    fn check_sasl(&self) -> Result<(), InvalidKafka> {
        let sasl = &self.sasl;
        if sasl.user.as_deref().is_none_or(str::is_empty) {
            let any = sasl.user.is_some() || sasl.password.is_some() || sasl.password_file.is_some();
            return if any { Err(invalid("sasl.user", "empty", "name the user")) } else { Ok(()) };
        }
        if sasl.password.is_none() && sasl.password_file.is_none() {
            return Err(invalid("sasl.password_file", "missing", "name a file with the password"));
        }
        if sasl.mechanism == Mechanism::Plain && !self.tls.enabled {
            let allowed = "the password would travel in the clear: set `log.kafka.tls.enabled`, or use SCRAM-SHA-512";
            return Err(invalid("sasl.mechanism", "PLAIN", allowed));
        }
        Ok(())
    }

    /// Relative paths start at the folder of the configuration file.
    pub fn settle_paths(&mut self, folder: &Path) {
        let tls = &mut self.tls;
        let all = [&mut tls.ca_file, &mut tls.cert_file, &mut tls.key_file, &mut self.sasl.password_file];
        for path in all.into_iter().flatten() {
            *path = folder.join(&path);
        }
    }

    /// Addresses, encryption and login, as every connection needs them.
    pub(super) fn connection(&self) -> Result<ClientConfig, LogError> {
        let mut config = ClientConfig::new();
        apply(&mut config, &[CLIENT]);
        config.set("bootstrap.servers", self.brokers.join(","));
        let (tls, sasl) = (&self.tls, &self.sasl);
        let protocol = match (tls.enabled, &sasl.user) {
            (false, None) => "plaintext",
            (true, None) => "ssl",
            (false, Some(_)) => "sasl_plaintext",
            (true, Some(_)) => "sasl_ssl",
        };
        config.set("security.protocol", protocol);
        if tls.enabled {
            // The linked OpenSSL knows no folder of the system, so librdkafka looks for it.
            let authorities = tls.ca_file.as_ref().map_or_else(|| "probe".into(), |path| path.display().to_string());
            config.set("ssl.ca.location", authorities);
            let files = [("ssl.certificate.location", &tls.cert_file), ("ssl.key.location", &tls.key_file)];
            for (key, path) in files.into_iter().filter_map(|(key, path)| Some((key, path.as_ref()?))) {
                config.set(key, path.display().to_string());
            }
        }
        if let Some(user) = &sasl.user {
            config.set("sasl.mechanism", sasl.mechanism.name()).set("sasl.username", user);
            config.set("sasl.password", sasl.secret()?);
        }
        Ok(config)
    }
}

impl Sasl {
    fn secret(&self) -> Result<String, LogError> {
        let Some(path) = &self.password_file else { return Ok(self.password.clone().unwrap_or_default()) };
        let read = std::fs::read_to_string(path);
        let text = read.map_err(|source| LogError::Io { act: "read", path: path.clone(), source })?;
        Ok(text.trim().to_owned())
    }
}

/// How to open a log in Kafka.
#[derive(Debug, Clone)]
pub struct KafkaOptions {
    /// What the site says.
    pub kafka: Kafka,
    /// Partitions of each topic. Another number in Kafka is refused.
    pub partitions: BTreeMap<Topic, u32>,
    /// What is kept.
    pub retention: Retention,
    /// Readers fetch little ahead: for a process that has one in each partition, of which none need be fast.
    pub light: bool,
    /// Fail points; none outside tests.
    pub faults: Faults,
}

impl KafkaOptions {
    /// The defaults, for this Kafka and these partitions.
    pub fn new(kafka: Kafka, partitions: impl IntoIterator<Item = (Topic, u32)>) -> Self {
        let partitions = partitions.into_iter().collect();
        Self { kafka, partitions, retention: Retention::default(), light: false, faults: Faults::default() }
    }

    /// A topic's name in Kafka.
    pub fn name(&self, topic: Topic) -> String {
        format!("{}{topic}", self.kafka.prefix)
    }

    pub(super) fn silence(&self) -> Duration {
        Duration::from_secs(self.kafka.silence_seconds.into())
    }

    pub(super) fn session(&self) -> Duration {
        Duration::from_secs(self.kafka.session_seconds.into())
    }

    pub(super) fn buffer_bytes(&self) -> usize {
        self.kafka.buffer_mib as usize * 1024 * 1024
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn valid() -> Kafka {
        Kafka { brokers: vec!["kafka-1:9092".into()], ..Kafka::default() }
    }

    #[test]
    fn each_key_is_named_when_it_does_not_fit() {
        valid().check().unwrap();
        Kafka::default().check().unwrap();
        let sasl = || Sasl { user: Some("beidou".into()), password: Some("x".into()), ..Sasl::default() };
        let tls = || Tls { enabled: true, ..Tls::default() };
        let table: [(&str, Kafka); 14] = [
            ("brokers` is empty", Kafka { replicas: 1, ..Kafka::default() }),
            ("brokers` is \"kafka-1\"", Kafka { brokers: vec!["kafka-1".into()], ..valid() }),
            ("brokers` is \"a:1,b:2\"", Kafka { brokers: vec!["a:1,b:2".into()], ..valid() }),
            ("prefix` is \"a/b\"", Kafka { prefix: "a/b".into(), ..valid() }),
            ("replicas` is 0", Kafka { replicas: 0, ..valid() }),
            ("buffer_mib` is 1:", Kafka { buffer_mib: 1, ..valid() }),
            ("silence_seconds` is 1:", Kafka { silence_seconds: 1, ..valid() }),
            ("session_seconds` is 5:", Kafka { session_seconds: 5, ..valid() }),
            ("tls.key_file", Kafka { tls: Tls { cert_file: Some("c".into()), ..tls() }, ..valid() }),
            ("tls.cert_file", Kafka { tls: Tls { key_file: Some("k".into()), ..tls() }, ..valid() }),
            ("tls.enabled", Kafka { tls: Tls { enabled: false, ca_file: Some("c".into()), ..tls() }, ..valid() }),
            ("sasl.user", Kafka { sasl: Sasl { user: None, ..sasl() }, ..valid() }),
            ("sasl.password", Kafka { sasl: Sasl { password: None, ..sasl() }, ..valid() }),
            ("sasl.mechanism", Kafka { sasl: Sasl { mechanism: Mechanism::Plain, ..sasl() }, ..valid() }),
        ];
        for (says, kafka) in table {
            let error = kafka.check().unwrap_err().to_string();
            assert!(error.starts_with("`log.kafka.") && error.contains(says), "{error} lacks {says}");
        }
    }

    #[test]
    fn a_password_is_never_shown() {
        let kafka = Kafka { sasl: Sasl { password: Some("s3cret".into()), ..Sasl::default() }, ..valid() };
        assert!(!format!("{kafka:?}").contains("s3cret"));
    }

    #[test]
    fn tls_and_login_reach_the_client() {
        let folder = tempfile::tempdir().unwrap();
        let secret = folder.path().join("password");
        std::fs::write(&secret, "s3cret\n").unwrap();
        let sasl = Sasl { user: Some("beidou".into()), password_file: Some("password".into()), ..Sasl::default() };
        let mut kafka = Kafka { tls: Tls { enabled: true, ..Tls::default() }, sasl, ..valid() };
        kafka.settle_paths(folder.path());
        let config = kafka.connection().unwrap();
        for (key, value) in [
            ("security.protocol", "sasl_ssl"),
            ("ssl.ca.location", "probe"),
            ("sasl.mechanism", "SCRAM-SHA-512"),
            ("sasl.username", "beidou"),
            ("sasl.password", "s3cret"),
        ] {
            assert_eq!(config.get(key), Some(value), "{key}");
        }
        std::fs::remove_file(&secret).unwrap();
        assert!(matches!(kafka.connection(), Err(LogError::Io { act: "read", .. })));
    }
}
