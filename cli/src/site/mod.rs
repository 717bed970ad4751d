//! The configuration of a site: what the file, the environment and the flags say together, checked once.
//!
//! Every role reads the same file, so that one file describes a site, however its roles are spread over processes.

mod archive;
mod audit;
mod example;
mod follow;
mod retention;
#[cfg(test)]
mod tests;

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::Context;
use beidou_controllers::ControllersConfig;
use beidou_ingest::{ClusterConfig, IngestConfig, clusters::validate};
use beidou_log::{
    file::{FULL_DISK_FILE, FileOptions, Retention as OfLog},
    kafka::{Kafka, KafkaOptions},
};
use beidou_projector::{ProjectorConfig, config::WINDOWS};
use beidou_query_api::QueryApiConfig;
use beidou_schemas::{Topic, ledger, maintenance, operation};
use beidou_service::{
    config::{Flag, Layers, Loaded, load},
    telemetry::Telemetry,
};
use beidou_store::{Credentials, Server};
use serde::{Deserialize, Serialize};

use crate::{
    args::roles::Role,
    exit::{Code, Failure},
    places::{self, Places},
};

pub use archive::Archive;
pub use audit::Audit;
pub use example::EXAMPLE;
pub use follow::follow;
pub use retention::Retention;

/// Variables with our prefix that are no configuration keys: read by the clients, the engine's installer, and tests.
const OTHER_VARIABLES: [&str; 10] = [
    "BEIDOU_URL",
    "BEIDOU_TOKEN",
    "BEIDOU_CONTEXT",
    "BEIDOU_ENGINE_LIBRARY",
    "BEIDOU_CACHE_DIR",
    "BEIDOU_FAULT",
    "BEIDOU_FAIL_POINT",
    "BEIDOU_FAIL_POINT_FILE",
    "BEIDOU_FAIL_POINT_HOLD_MS",
    FULL_DISK_FILE,
];

/// The whole configuration.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Site {
    /// The data directory; the user's own where it is missing.
    pub data: Option<PathBuf>,
    /// Log lines of the process.
    pub telemetry: Telemetry,
    /// `/healthz`, `/readyz` and `/metrics` of roles without an HTTP API.
    pub probe: Probe,
    /// The HTTP API.
    pub query_api: QueryApiConfig,
    /// The log of Events.
    pub log: Log,
    /// A ClickHouse server, in place of the embedded engine.
    pub store: Store,
    /// The embedded engine.
    pub engine: Engine,
    /// How the log is brought into the tables.
    pub projector: Projector,
    /// Events once more, as Parquet files.
    pub archive: Archive,
    /// How long Events are kept in tables and archive.
    pub retention: Retention,
    /// When log, table and archive are compared.
    pub audit: Audit,
    /// How clusters are collected.
    pub ingest: IngestConfig,
    /// How operations are run.
    pub controllers: ControllersConfig,
    /// The clusters.
    pub clusters: Vec<ClusterConfig>,
}

/// The `probe` section.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Probe {
    /// Where to listen; nowhere if missing.
    pub listen: Option<String>,
}

/// The `log` section.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Log {
    /// Partitions of the event topic: how many cuts can be projected at once. Fixed for the life of the log.
    pub event_partitions: u32,
    /// Events stay in the log for so many days; the tables keep them longer.
    pub retention_days: u32,
    /// Events take at most so much disk in the log.
    pub retention_gib: u32,
    /// Apache Kafka, in place of files.
    pub kafka: Kafka,
}

impl Default for Log {
    fn default() -> Self {
        // Four full cuts keep two cores and the engine busy; the rest as the log proposes.
        let retention = OfLog::default();
        let retention_days = (retention.max_age.as_secs() / DAY.as_secs()) as u32;
        Self {
            event_partitions: 4,
            retention_days,
            retention_gib: (retention.max_bytes / GIB) as u32,
            kafka: Kafka::default(),
        }
    }
}

const DAY: Duration = Duration::from_secs(86_400);
const GIB: u64 = 1 << 30;
/// Each event partition has at least so much of the disk cap: half of it is held back, to know repeated states again, and
/// that must be more than the largest cut (16 MiB).
const LEAST_SHARE: u64 = 64 << 20;

/// The `store` section.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Store {
    /// `https://host:8443` of a ClickHouse server; the embedded engine if missing.
    pub url: Option<String>,
    /// Addresses of further replicas: the first that takes a connection is asked.
    pub replica_urls: Vec<String>,
    /// Authorities that signed their certificates (PEM); those of this machine where it is missing.
    pub ca_file: Option<PathBuf>,
    /// The servers' name for their cluster of replicas: tables are made replicated, on all of them.
    pub cluster: Option<String>,
    /// The database on that server.
    pub database: Option<String>,
    /// A user that may do all in the database.
    pub writer_user: Option<String>,
    /// Its password.
    pub writer_password: Option<String>,
    /// A user that may only read.
    pub reader_user: Option<String>,
    /// Its password.
    pub reader_password: Option<String>,
    /// A user that reads the archive's bucket as well, for `retention.table_days`.
    pub archive_reader_user: Option<String>,
    /// Its password.
    pub archive_reader_password: Option<String>,
    /// The server's named collection with address and key of that bucket; `beidou_archive` if missing.
    pub archive_collection: Option<String>,
}

impl Store {
    /// Its name stands in statements as it is.
    fn collection(&self) -> Result<String, Failure> {
        let name = self.archive_collection.as_deref().unwrap_or("beidou_archive");
        let is_letter = |byte: u8| byte.is_ascii_alphabetic() || byte == b'_';
        let is_name = name.bytes().next().is_some_and(is_letter)
            && name.bytes().all(|byte| is_letter(byte) || byte.is_ascii_digit());
        if !is_name {
            let text = format!("`store.archive_collection` is not valid: {name:?}");
            return Err(Failure::new(Code::Usage, text, "use letters, digits and _, a digit not first"));
        }
        Ok(name.into())
    }
}

/// The `engine` section.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Engine {
    /// Most memory that the engine may take.
    pub memory_mib: u64,
}

impl Default for Engine {
    fn default() -> Self {
        // A week of a large fleet is queried and merged in half of this; the other half is for a page cache beside it.
        Self { memory_mib: 2048 }
    }
}

/// The `projector` section.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Projector {
    /// States of a log partition among which a repeated one is recognised.
    pub window: u32,
}

impl Default for Projector {
    fn default() -> Self {
        Self { window: ProjectorConfig::default().window }
    }
}

/// The configuration of this process, with the data directory settled.
#[derive(Debug, Clone)]
pub struct Settled {
    /// What was read.
    pub site: Site,
    /// The data directory.
    pub data: PathBuf,
}

/// Reads all layers.
///
/// # Errors
/// When a layer cannot be read, a key is unknown, or a value does not fit.
pub fn read(role: &Role, more: Vec<Flag>) -> anyhow::Result<Loaded<Site>> {
    let mut flags = role.flags();
    flags.extend(more);
    let environment =
        std::env::vars_os().filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)));
    let layers = Layers { file: role.config.as_deref(), environment: environment.collect(), flags };
    let mut loaded: Loaded<Site> = load(&layers)?;
    loaded.ignored.retain(|name| !OTHER_VARIABLES.contains(&name.as_str()));
    loaded.config.settle_paths(role.config.as_deref());
    loaded.config.check()?;
    Ok(loaded)
}

/// Reads all layers for a role that runs.
///
/// # Errors
/// As [`read`].
pub fn settle(role: &Role, more: Vec<Flag>) -> anyhow::Result<Settled> {
    let Loaded { config: site, ignored, .. } = read(role, more)?;
    beidou_service::telemetry::init(&site.telemetry)?;
    for name in ignored {
        tracing::warn!(name, "this variable sets no key of the configuration and is ignored, see `beidou config`");
    }
    let data = match &site.data {
        Some(data) => data.clone(),
        None => Places::from_environment().data()?,
    };
    let data =
        std::path::absolute(&data).with_context(|| format!("cannot use the data directory {}", data.display()))?;
    Ok(Settled { site, data })
}

impl Site {
    /// Relative paths in a file start at its folder.
    fn settle_paths(&mut self, file: Option<&Path>) {
        let Some(folder) = file.and_then(Path::parent) else { return };
        let of_clusters = self.clusters.iter_mut().flat_map(|c| [&mut c.kubeconfig, &mut c.token_file, &mut c.ca_file]);
        let api = &mut self.query_api;
        let of_tokens = api.tokens.iter_mut().map(|token| &mut token.token_file);
        let of_archive = [&mut self.archive.folder, &mut self.store.ca_file];
        let of_api = [&mut api.tls_cert, &mut api.tls_key, &mut api.cursor_key_file];
        for path in of_clusters.chain(of_tokens).chain(of_api).chain(of_archive).flatten() {
            *path = folder.join(&path);
        }
        self.controllers.settle_paths(folder);
        self.log.kafka.settle_paths(folder);
        self.archive.s3.settle_paths(folder);
    }

    fn check(&self) -> anyhow::Result<()> {
        let usage = |text: &str, next: &str| Failure::new(Code::Usage, text, next);
        validate(&self.clusters)
            .map_err(|error| usage("the clusters are not valid", "correct `clusters`").because(error))?;
        self.ingest.validate().map_err(|error| usage("`ingest` is not valid", "correct `ingest`").because(error))?;
        self.query_api
            .check_limits()
            .map_err(|error| usage("`query_api` is not valid", "correct `query_api`").because(error))?;
        if !(1..=256).contains(&self.log.event_partitions) {
            return Err(usage("`log.event_partitions` is not valid", "use 1 to 256").into());
        }
        if self.log.retention_days == 0 || self.log.retention_gib == 0 {
            return Err(usage("the log would keep nothing", "set retention_days and retention_gib to 1 or more").into());
        }
        if self.log_options(Path::new("")).share(Topic::KubeEvent).max_bytes < LEAST_SHARE {
            let next = "set it to 1 or more for every 16 of `log.event_partitions`";
            return Err(usage("`log.retention_gib` is too small for so many partitions", next).into());
        }
        let kafka = self.log.kafka.check();
        kafka.map_err(|error| usage("`log.kafka` is not valid", "correct it: docs/kafka.md").because(error))?;
        if self.engine.memory_mib < 512 {
            return Err(usage("`engine.memory_mib` is not valid", "use 512 or more").into());
        }
        let controllers = self.controllers.validate();
        controllers
            .map_err(|error| usage("`controllers` is not valid", "correct it: docs/operations.md").because(error))?;
        self.archive.check()?;
        self.retention.check()?;
        self.check_cold()?;
        self.audit.check()?;
        let window = self.projector.window;
        if !WINDOWS.contains(&window) {
            let allowed = format!("use {} to {}", WINDOWS.start(), WINDOWS.end());
            return Err(usage(&format!("`projector.window` is not valid: {window}"), &allowed).into());
        }
        self.server_endpoint()?;
        Ok(())
    }

    /// What leaves the tables must be found in the archive, by the engine or the server.
    fn check_cold(&self) -> Result<(), Failure> {
        if !self.retention.has_cold() {
            return Ok(());
        }
        let on_server = self.store.url.is_some();
        let next = if !self.archive.enabled {
            "switch `archive.enabled` on, or set `retention.table_days` to 0"
        } else if on_server && !self.archive.s3.is_used() {
            "a ClickHouse server reads an archive in a bucket alone: set `archive.s3.bucket`, or `retention.table_days` to 0"
        } else if on_server && self.store.archive_reader_user.is_none() {
            "a ClickHouse server reads the archive by a user of its own: set `store.archive_reader_user` (docs/clickhouse.md), or \
             `retention.table_days` to 0"
        } else {
            return Ok(());
        };
        let text = "`retention.table_days` is set, and what leaves the tables could not be read";
        Err(Failure::new(Code::Usage, text, next))
    }

    /// The ClickHouse server, if one is configured.
    ///
    /// # Errors
    /// When a user is missing.
    pub fn server_endpoint(&self) -> Result<Option<Server>, Failure> {
        let store = &self.store;
        let Some(url) = store.url.clone() else { return Ok(None) };
        let user = |role: &str, user: &Option<String>, password: &Option<String>| match user {
            Some(user) => Ok(Credentials { user: user.clone(), password: password.clone().unwrap_or_default() }),
            None => Err(Failure::new(
                Code::Usage,
                format!("the ClickHouse server has no {role}"),
                format!("set `store.{role}_user` and `store.{role}_password`"),
            )),
        };
        let is_name =
            |name: &String| !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b));
        if let Some(cluster) = store.cluster.as_ref().filter(|name| !is_name(name)) {
            let text = format!("`store.cluster` is not valid: {cluster:?}");
            return Err(Failure::new(
                Code::Usage,
                text,
                "use the name in the servers' remote_servers: letters, digits, -, _ and .",
            ));
        }
        let archive_reader = store
            .archive_reader_user
            .is_some()
            .then(|| user("archive_reader", &store.archive_reader_user, &store.archive_reader_password));
        let archive_collection = archive_reader.is_some().then(|| store.collection()).transpose()?;
        Ok(Some(Server {
            url,
            replica_urls: store.replica_urls.clone(),
            ca_file: store.ca_file.clone(),
            cluster: store.cluster.clone(),
            database: store.database.clone().unwrap_or_else(|| "beidou".into()),
            writer: user("writer", &store.writer_user, &store.writer_password)?,
            reader: user("reader", &store.reader_user, &store.reader_password)?,
            archive_reader: archive_reader.transpose()?,
            archive_collection,
        }))
    }

    /// How to open the log in Kafka, where it is there.
    pub fn kafka_options(&self) -> Option<KafkaOptions> {
        let kafka = Some(self.log.kafka.clone()).filter(Kafka::is_used)?;
        // What is kept, and in how many partitions, is the same wherever the log stands.
        let FileOptions { partitions, retention, .. } = self.log_options(Path::new(""));
        Some(KafkaOptions { retention, ..KafkaOptions::new(kafka, partitions) })
    }

    /// How to open the log in files.
    pub fn log_options(&self, data: &Path) -> FileOptions {
        let events = self.log.event_partitions;
        let partitions = [
            (Topic::KubeEvent, events),
            (Topic::KubeCoverage, 1),
            (Topic::KubeReject, 1),
            (Topic::Ledger, ledger::partitions(events)),
            (Topic::Maintenance, maintenance::fact::PARTITIONS),
            (Topic::KubeImport, 1),
            (Topic::OperationCommand, operation::COMMAND_PARTITIONS),
            (Topic::Operation, 1),
            (Topic::OperationTask, 1),
            (Topic::OperationLedger, ledger::OPERATION_PARTITIONS),
            (Topic::OperationDraft, 1),
        ];
        let retention = OfLog {
            max_age: DAY * self.log.retention_days,
            max_bytes: GIB * u64::from(self.log.retention_gib),
            ..OfLog::default()
        };
        FileOptions { retention, ..FileOptions::new(places::log(data), partitions) }
    }
}
