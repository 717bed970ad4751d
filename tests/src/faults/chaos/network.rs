//! What lies between the roles and what they need: a proxy before each API server, before the broker, before the bucket, and,
//! where a fault wants it, before the engine.
//!
//! ```text
//!  ingest ────► proxy ─► API server          ingest, projectors, query-api ─► proxy ─► broker
//!  projectors ─► proxy ─► a proxy that knows requests ─► S3 server
//!  projectors, query-api ─► proxy ─► engine
//! ```

use std::time::Duration;

use anyhow::Context;
use beidou_simulator::ApiServer;
use beidou_store::archive::S3;

use super::Run;
use crate::{
    faults::site::Plan,
    kafka::{Broker, Settings},
    proxy::{Mode, Proxy},
    s3::{Server, faulty::Proxied},
};

/// A request that nobody answers costs the archive so long.
const STORE_TIMEOUT_SECONDS: u64 = 2;
/// Below it in the bucket.
const PREFIX: &str = "matrix";

/// The proxies of an installation.
pub(super) struct Network {
    api: Vec<Proxy>,
    kafka: Proxy,
    engine: Proxy,
    to_store: Proxy,
    /// Refuses, or loses answers.
    pub(super) store: Proxied,
}

/// A part of the network.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Line {
    /// Between ingest and all API servers.
    Api,
    /// Between all roles and the broker.
    Kafka,
    /// Between projectors, and query-api, and the engine.
    Engine,
    /// Between projectors and the bucket.
    Store,
}

impl Line {
    /// So slow that a burst takes seconds: of what each line carries, a fraction of what the load makes.
    pub(super) fn slow(self) -> Mode {
        let (delay_ms, bytes_per_second) = match self {
            Self::Api => (100, 128 << 10),
            Self::Kafka | Self::Engine => (30, 256 << 10),
            Self::Store => (150, 64 << 10),
        };
        Mode::Slow { delay: Duration::from_millis(delay_ms), bytes_per_second }
    }
}

impl Network {
    /// Starts broker, S3 server and proxies.
    pub(super) async fn start(servers: &[ApiServer]) -> anyhow::Result<(Self, Broker)> {
        let mut api = Vec::new();
        for server in servers {
            let url = server.url();
            api.push(Proxy::before(url.strip_prefix("http://").context("the simulator speaks HTTP")?).await?);
        }
        let (kafka, engine) = (Proxy::start().await?, Proxy::start().await?);
        let settings = Settings { advertised: Some(kafka.port()), ..Settings::default() };
        let (broker, store) = tokio::try_join!(Broker::with(&settings), Proxied::start())?;
        kafka.leads_to(&broker.address());
        let to_store = Proxy::before(store.url.strip_prefix("http://").context("the proxy speaks HTTP")?).await?;
        Ok((Self { api, kafka, engine, to_store, store }, broker))
    }

    /// An installation that reaches everything through the proxies; the test reads the bucket past them.
    pub(super) fn plan(&self, servers: &[ApiServer], environment: Vec<(&'static str, String)>) -> Plan {
        let clusters = servers.iter().zip(&self.api).map(|(server, proxy)| Plan::cluster(server, &proxy.url()));
        let through = S3 { timeout_seconds: STORE_TIMEOUT_SECONDS, ..Server::site(&self.to_store.url(), PREFIX) };
        Plan {
            clusters: clusters.collect(),
            log: Plan::kafka(&self.kafka.address()),
            bucket: Some([through, Server::site(&self.store.server.url(), PREFIX)]),
            own_clock: true,
            environment,
        }
    }

    /// Where the proxy before the engine listens, which is there.
    pub(super) fn before_engine(&self, url: &str) -> anyhow::Result<String> {
        self.engine.leads_to(url.strip_prefix("http://").context("the engine speaks HTTP")?);
        Ok(self.engine.url())
    }

    fn proxies(&self, line: Line) -> &[Proxy] {
        match line {
            Line::Api => &self.api,
            Line::Kafka => std::slice::from_ref(&self.kafka),
            Line::Engine => std::slice::from_ref(&self.engine),
            Line::Store => std::slice::from_ref(&self.to_store),
        }
    }

    /// Sets all proxies of a line.
    pub(super) fn set(&self, line: Line, mode: Mode) {
        self.proxies(line).iter().for_each(|proxy| proxy.set(mode));
    }

    /// How often their modes have struck.
    pub(super) fn struck(&self, line: Line) -> u64 {
        self.proxies(line).iter().map(Proxy::struck).sum()
    }
}

impl Run {
    /// The proxies.
    pub(super) fn network(&self) -> anyhow::Result<&Network> {
        self.network.as_ref().context("there are proxies")
    }
}
