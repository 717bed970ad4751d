//! The way to ClickHouse: an endpoint and its users, one that writes, one that only reads, and one that reads the archive too.
//!
//! A server is configured with fixed values; it may be a cluster of replicas, each with an address of its own (`connect`) and all
//! the tables (`replicas`), which take one insert at a time (`turns`). The embedded engine chooses a port and secrets anew at each
//! start and writes them to an endpoint file; the file is read again whenever it has changed, so that a restarted engine is
//! found by the next call without any signal.

mod connect;
pub(crate) mod replicas;
mod turns;

use std::{
    borrow::Cow,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    time::SystemTime,
};

use clickhouse::Client;

pub use self::connect::ConnectError;
use self::turns::Turns;
use crate::{
    StoreError,
    engine::{Credentials, Endpoint, EndpointError},
};

/// Where a ClickHouse is, and how to get in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Server {
    /// `http://host:port` or `https://host:port`.
    pub url: String,
    /// Addresses of further replicas: the first that takes a connection is asked.
    pub replica_urls: Vec<String>,
    /// Authorities that signed their certificates, as PEM; those of this machine where it is missing.
    pub ca_file: Option<PathBuf>,
    /// The name of the cluster in the servers' configuration, where tables are to be replicated.
    pub cluster: Option<String>,
    /// The database.
    pub database: String,
    /// A user that may do all in that database.
    pub writer: Credentials,
    /// A user with readonly=1.
    pub reader: Credentials,
    /// A user that reads files of the archive as well, where there is one.
    pub archive_reader: Option<Credentials>,
    /// The server's named collection through which that user reads the archive's bucket; without one it reads files of this machine.
    pub archive_collection: Option<String>,
}

impl From<Endpoint> for Server {
    fn from(engine: Endpoint) -> Self {
        let archive_reader = Some(engine.archive_reader);
        Self { archive_reader, ..Self::at(engine.url, engine.database, engine.writer, engine.reader) }
    }
}

impl Server {
    /// One server, whose certificate, if any, an authority of this machine has signed.
    pub fn at(url: String, database: String, writer: Credentials, reader: Credentials) -> Self {
        Self {
            url,
            replica_urls: Vec::new(),
            ca_file: None,
            cluster: None,
            database,
            writer,
            reader,
            archive_reader: None,
            archive_collection: None,
        }
    }

    /// Clients of the writer, of the reader, and of the reader of the archive, in no database.
    fn clients(&self) -> Result<(Client, Client, Option<Client>), ConnectError> {
        let urls: Vec<_> = [&self.url].into_iter().chain(&self.replica_urls).cloned().collect();
        let client = connect::client(&urls, self.ca_file.as_ref())?;
        let of = |user: &Credentials, settings: &[(&'static str, &'static str)]| {
            let client = client.clone().with_user(&user.user).with_password(&user.password);
            let settings = settings.iter().filter(|_| self.cluster.is_some());
            settings.fold(client, |client, (name, value)| client.with_setting(*name, *value))
        };
        let archive_reader = self.archive_reader.as_ref().map(|user| of(user, &replicas::READS));
        Ok((of(&self.writer, &replicas::WRITES), of(&self.reader, &replicas::READS), archive_reader))
    }
}

/// Access to one ClickHouse. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Store {
    source: Source,
}

#[derive(Debug, Clone)]
enum Source {
    Fixed(Arc<Clients>),
    Embedded(PathBuf, Arc<Mutex<Option<Cached>>>),
}

#[derive(Debug)]
struct Cached {
    modified: SystemTime,
    clients: Arc<Clients>,
}

struct Clients {
    server: Server,
    /// The writer, in no database: it makes ours.
    founder: Client,
    writer: Client,
    reader: Client,
    archive_reader: Option<Client>,
    /// Who inserts into replicas; without them nobody waits for it.
    turns: Turns,
}

impl std::fmt::Debug for Clients {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.server.fmt(f)
    }
}

impl Clients {
    fn new(server: Server) -> Result<Arc<Self>, ConnectError> {
        let (founder, reader, archive_reader) = server.clients()?;
        let here = |client: Client| client.with_database(&server.database);
        let (writer, reader, archive_reader) = (here(founder.clone()), here(reader), archive_reader.map(here));
        Ok(Arc::new(Self { founder, writer, reader, archive_reader, server, turns: Turns::default() }))
    }
}

impl Clients {
    async fn define(&self, client: &Client, act: &'static str, statement: &str) -> Result<(), StoreError> {
        let (name, value) = replicas::DEFINES;
        let (statement, query) = match &self.server.cluster {
            None => (Cow::Borrowed(statement), client.clone()),
            Some(cluster) => {
                (replicas::on_cluster(statement, cluster).into(), client.clone().with_setting(name, value))
            }
        };
        query.query_raw(&statement).execute().await.map_err(|source| StoreError::ClickHouse { act, source })
    }
}

impl Store {
    /// A server with fixed addresses.
    ///
    /// # Errors
    /// When one is none, or the file of authorities cannot be used.
    pub fn server(server: Server) -> Result<Self, ConnectError> {
        Ok(Self { source: Source::Fixed(Clients::new(server)?) })
    }

    /// Whatever answers to this client: a twin of a server in this process, for tests.
    pub fn behind(client: Client) -> Self {
        let nobody = Credentials { user: String::new(), password: String::new() };
        let server = Server::at(String::new(), "beidou".into(), nobody.clone(), nobody);
        let (founder, writer, reader, archive_reader) = (client.clone(), client.clone(), client.clone(), Some(client));
        let turns = Turns::default();
        Self { source: Source::Fixed(Arc::new(Clients { server, founder, writer, reader, archive_reader, turns })) }
    }

    /// The embedded engine that works in this data directory, now or later.
    pub fn embedded(data_dir: &Path) -> Self {
        Self { source: Source::Embedded(data_dir.to_owned(), Arc::default()) }
    }

    /// A client that may write.
    ///
    /// # Errors
    /// [`StoreError::NoEngine`] while the embedded engine is not there: retry.
    pub fn writer(&self) -> Result<Client, StoreError> {
        self.clients().map(|clients| clients.writer.clone())
    }

    /// A client that can only read.
    ///
    /// # Errors
    /// [`StoreError::NoEngine`] while the embedded engine is not there: retry.
    pub fn reader(&self) -> Result<Client, StoreError> {
        self.clients().map(|clients| clients.reader.clone())
    }

    /// A client that can only read, files of the archive as well. For statements of ours: no text of a caller goes this way.
    ///
    /// # Errors
    /// [`StoreError::NoArchiveReader`] where no such user is set; [`StoreError::NoEngine`] as ever.
    pub fn archive_reader(&self) -> Result<Client, StoreError> {
        self.clients()?.archive_reader.clone().ok_or(StoreError::NoArchiveReader)
    }

    /// The named collection through which a server reads the archive's bucket; `None` where files of this machine are read.
    ///
    /// # Errors
    /// [`StoreError::NoArchiveReader`] where no such user is set.
    pub fn archive_collection(&self) -> Result<Option<String>, StoreError> {
        match &self.source {
            Source::Embedded(..) => Ok(None),
            Source::Fixed(clients) if clients.archive_reader.is_none() => Err(StoreError::NoArchiveReader),
            Source::Fixed(clients) => Ok(clients.server.archive_collection.clone()),
        }
    }

    /// Runs a statement that makes, changes or drops a table, on every replica there is.
    ///
    /// # Errors
    /// When the store refuses or gives no answer.
    pub(crate) async fn define(&self, act: &'static str, statement: &str) -> Result<(), StoreError> {
        let clients = self.clients()?;
        clients.define(&clients.writer, act, statement).await
    }

    /// Makes the database, on every replica there is.
    ///
    /// # Errors
    /// When the store refuses or gives no answer.
    pub(crate) async fn define_database(&self) -> Result<(), StoreError> {
        let clients = self.clients()?;
        let statement = format!("CREATE DATABASE IF NOT EXISTS `{}`", clients.server.database);
        clients.define(&clients.founder, "create the database", &statement).await
    }

    fn clients(&self) -> Result<Arc<Clients>, StoreError> {
        let (data_dir, cache) = match &self.source {
            Source::Fixed(clients) => return Ok(clients.clone()),
            Source::Embedded(data_dir, cache) => (data_dir, cache),
        };
        let path = Endpoint::path(data_dir);
        let modified = match path.metadata().and_then(|meta| meta.modified()) {
            Ok(modified) => modified,
            Err(source) => return Err(EndpointError::Read { path, source }.into()),
        };
        let mut cache = cache.lock().unwrap_or_else(PoisonError::into_inner);
        match &*cache {
            Some(cached) if cached.modified == modified => Ok(cached.clients.clone()),
            _ => {
                let clients = Clients::new(Endpoint::read(data_dir)?.into())?;
                *cache = Some(Cached { modified, clients: clients.clone() });
                Ok(clients)
            }
        }
    }
}
