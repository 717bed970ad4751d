//! The way to ClickHouse: an endpoint and two users, one that writes and one that only reads.
//!
//! A server is configured with fixed values. The embedded engine chooses a port and secrets anew at each start and
//! writes them to an endpoint file; the file is read again whenever it has changed, so that a restarted engine is found
//! by the next call without any signal.

use std::{
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    time::SystemTime,
};

use clickhouse::Client;

use crate::{
    StoreError,
    engine::{Credentials, Endpoint, EndpointError},
};

/// Where a ClickHouse is, and how to get in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Server {
    /// `http://host:port` or `https://host:port`.
    pub url: String,
    /// The database.
    pub database: String,
    /// A user that may do all in that database.
    pub writer: Credentials,
    /// A user with readonly=1.
    pub reader: Credentials,
}

impl From<Endpoint> for Server {
    fn from(engine: Endpoint) -> Self {
        Self { url: engine.url, database: engine.database, writer: engine.writer, reader: engine.reader }
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
    writer: Client,
    reader: Client,
}

impl std::fmt::Debug for Clients {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.server.fmt(f)
    }
}

impl Clients {
    fn new(server: Server) -> Arc<Self> {
        let client = |credentials: &Credentials| {
            Client::default()
                .with_url(&server.url)
                .with_database(&server.database)
                .with_user(&credentials.user)
                .with_password(&credentials.password)
        };
        Arc::new(Self { writer: client(&server.writer), reader: client(&server.reader), server })
    }
}

impl Store {
    /// A server with a fixed address.
    pub fn server(server: Server) -> Self {
        Self { source: Source::Fixed(Clients::new(server)) }
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

    /// Where the store is now.
    ///
    /// # Errors
    /// [`StoreError::NoEngine`] while the embedded engine is not there: retry.
    pub(crate) fn address(&self) -> Result<Server, StoreError> {
        self.clients().map(|clients| clients.server.clone())
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
                let clients = Clients::new(Endpoint::read(data_dir)?.into());
                *cache = Some(Cached { modified, clients: clients.clone() });
                Ok(clients)
            }
        }
    }
}
