//! What all requests share, and what one request brings along.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use axum::{
    extract::FromRequestParts,
    http::{Uri, request::Parts},
};
use beidou_log::Log;
use beidou_model::query_line::{Field, parse};
use beidou_schemas::Micros;
use beidou_service::{CancellationToken, Metrics, Readiness};
use beidou_store::{
    Store,
    archive::Archive,
    query::{Bounds, Caller, Reader, Waited, events::EventFilter},
};
use serde::{Serialize, de::DeserializeOwned};
use tokio::sync::Semaphore;

use crate::{
    ask::{
        Params, Range, Signer,
        cursor::{Purpose, query_of},
        filter::event_filter,
        line::{Q, lines},
        range::range,
    },
    catalogue::Catalogue,
    cold::Colds,
    config::QueryApiConfig,
    door::{DoorMetrics, RequestId, Subject, Tokens},
    drafts::Drafts,
    exports::Exports,
    operations::Operations,
    problem::{Kind, Problem},
    projected::Projected,
    space::Space,
    sql::{self, Running},
    tail::Reads,
    upkeep::Upkeep,
};

/// How much requests may take.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    pub query_time: Duration,
    pub query_memory_bytes: u64,
}

/// What the process lends to the role.
pub(crate) struct Around {
    pub log: Arc<dyn Log>,
    pub store: Store,
    pub archive: Option<Archive>,
    pub metrics: Metrics,
    pub readiness: Readiness,
    pub stop: CancellationToken,
}

/// The role's state.
pub(crate) struct App {
    pub store: Store,
    pub log: Arc<dyn Log>,
    pub signer: Signer,
    pub tokens: Tokens,
    pub catalogue: Catalogue,
    pub projected: Arc<Projected>,
    pub colds: Colds,
    pub space: Space,
    pub upkeep: Arc<Upkeep>,
    pub operations: Arc<Operations>,
    pub drafts: Arc<Drafts>,
    pub metrics: DoorMetrics,
    pub process: (Metrics, Readiness),
    pub limits: Limits,
    pub places: Semaphore,
    pub tail_places: Arc<Semaphore>,
    pub tail_reads: Reads,
    pub sql_places: Semaphore,
    pub running: Arc<Running>,
    pub exports: Arc<Exports>,
    /// One import at a time: two would not see what the other brings.
    pub import_place: Arc<Semaphore>,
    pub stop: CancellationToken,
}

impl App {
    /// The role's state by its configuration; `tokens` are those of the configuration.
    pub(crate) fn new(config: &QueryApiConfig, tokens: Tokens, signer: Signer, around: Around) -> Arc<Self> {
        let Around { log, store, archive, metrics, readiness, stop } = around;
        let query_time = Duration::from_secs(config.query_time_limit_seconds.into());
        Arc::new(Self {
            projected: Projected::new(log.clone(), Duration::from_millis(config.coverage_age_ms.into())),
            colds: Colds::new(archive.clone(), config),
            space: Space::new(archive, &metrics),
            upkeep: Upkeep::new(log.clone()),
            operations: Operations::new(log.clone()),
            drafts: Drafts::new(log.clone()),
            tail_reads: Reads::new(log.clone()),
            store,
            log,
            signer,
            tokens,
            catalogue: Catalogue::default(),
            metrics: DoorMetrics::register(&metrics),
            process: (metrics, readiness),
            limits: Limits { query_time, query_memory_bytes: config.query_memory_bytes },
            places: Semaphore::new(config.max_requests as usize),
            tail_places: Arc::new(Semaphore::new(config.max_tails as usize)),
            sql_places: Semaphore::new(sql::PLACES),
            running: Arc::default(),
            exports: Arc::new(Exports::open(config.exports_folder.clone(), config.exports_bytes, config.exports_days)),
            import_place: Arc::new(Semaphore::new(1)),
            stop,
        })
    }

    /// A role without a store.
    #[cfg(test)]
    pub(crate) fn for_tests(log: Arc<dyn Log>) -> Arc<Self> {
        let config = QueryApiConfig { anonymous: true, ..QueryApiConfig::default() };
        let around = Around {
            log,
            store: Store::embedded(std::path::Path::new("/nowhere")),
            archive: None,
            metrics: Metrics::default(),
            readiness: Readiness::default(),
            stop: CancellationToken::new(),
        };
        Self::new(&config, Tokens::new(Vec::new(), true), Signer::random(), around)
    }

    /// Refuses while the table of Events is lost: an answer would say that nothing had happened.
    pub(crate) async fn standing(&self, reader: &Reader) -> Result<(), Problem> {
        if self.projected.is_lost(reader).await? {
            let detail = "the table of Events has lost its rows; a projector restores them from archive and log";
            return Err(Problem::new(Kind::Restoring, detail));
        }
        Ok(())
    }

    pub(crate) fn reader(&self, caller: Caller) -> Reader {
        let bounds = Bounds { time: self.limits.query_time, memory_bytes: self.limits.query_memory_bytes };
        Reader::new(self.store.clone(), caller, bounds)
    }
}

pub(crate) fn now() -> Micros {
    Micros::of(jiff::Timestamp::now())
}

/// What a mutex guards, also where somebody has panicked who held it.
pub(crate) fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// One request: who asks what.
pub(crate) struct Ask {
    pub app: Arc<App>,
    pub reader: Reader,
    pub caller: Caller,
    uri: Uri,
}

/// Which page of which range is wanted; `K` is the place of its last row in the order of the list.
pub(crate) struct PageAsk<K> {
    pub range: Range,
    pub after: Option<K>,
    pub limit: u64,
    query: Vec<u8>,
}

/// A page has at most so many rows.
pub(crate) const MOST_ROWS: u64 = 1000;
pub(crate) const USUAL_ROWS: u64 = 100;

impl FromRequestParts<Arc<App>> for Ask {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, Problem> {
        let lost = || Problem::new(Kind::Internal, "a route without its door");
        let id = parts.extensions.get::<RequestId>().ok_or_else(lost)?;
        let subject = parts.extensions.get::<Subject>().ok_or_else(lost)?;
        let caller = Caller { request_id: id.0.as_ref().into(), subject: subject.0.as_ref().into() };
        let waited = parts.extensions.get::<Waited>().ok_or_else(lost)?.clone();
        let reader = app.reader(caller.clone()).telling(waited);
        Ok(Self { reader, caller, app: app.clone(), uri: parts.uri.clone() })
    }
}

impl Ask {
    /// The query string as it came.
    pub(crate) fn query(&self) -> &str {
        self.uri.query().unwrap_or_default()
    }

    /// The path as it came.
    pub(crate) fn path(&self) -> &str {
        self.uri.path()
    }

    /// Who asks.
    pub(crate) fn caller(&self) -> &Caller {
        &self.caller
    }

    /// The parameters, all of them among these.
    pub(crate) fn params(&self, allowed: &[&[&str]]) -> Result<Params, Problem> {
        Params::parse(self.uri.query(), &allowed.concat())
    }

    /// Range, limit and cursor. The first page's range is kept by the cursor, so that `-6h` does not move meanwhile.
    pub(crate) fn page<K: DeserializeOwned>(&self, params: &Params) -> Result<PageAsk<K>, Problem> {
        let limit = params.number("limit", 1..=MOST_ROWS, USUAL_ROWS)?;
        let query = query_of(self.uri.path(), &params.meaning());
        let Some(cursor) = params.one("cursor")? else {
            return Ok(PageAsk { range: range(params, now())?, after: None, limit, query });
        };
        let opened = self.app.signer.open(Purpose::Page, &query, cursor);
        let (from, until, key): (i64, i64, K) = opened.ok_or_else(|| {
            let allowed = "the `next` of the answer before, with all other parameters unchanged";
            Problem { kind: Kind::BadCursor, ..Problem::parameter("cursor", cursor, allowed) }
        })?;
        Ok(PageAsk { range: Range { from: Micros(from), until: Micros(until) }, after: Some(key), limit, query })
    }

    /// The cursor of the page behind this key.
    pub(crate) fn next<K: Serialize>(&self, page: &PageAsk<K>, key: K) -> String {
        let (from, until) = (page.range.from.0, page.range.until.0);
        self.app.signer.seal(Purpose::Page, &page.query, &(from, until, key))
    }

    /// Which Events over which range, for answers that are not paged.
    pub(crate) async fn events(&self, params: &Params) -> Result<(EventFilter, Range), Problem> {
        let mut filter = event_filter(params)?;
        let range = range(params, now())?;
        filter.clusters = self.clusters(params).await?;
        Ok((filter, range))
    }

    /// The range, where the request has one.
    pub(crate) fn range_if_given(&self, params: &Params) -> Result<Option<Range>, Problem> {
        match (params.one("from")?, params.one("to")?) {
            (None, None) => Ok(None),
            (_, _) => range(params, now()).map(Some),
        }
    }

    /// The uids of the cluster in the path, as far as the query line means them.
    pub(crate) async fn clusters_of_path(&self, cluster: String, params: &Params) -> Result<Vec<String>, Problem> {
        let mut uids = self.app.catalogue.uids(&self.reader, &[cluster]).await?;
        if let Some(meant) = self.clusters(params).await? {
            uids.retain(|uid| meant.contains(uid));
        }
        Ok(uids)
    }

    /// Whether the request says of clusters only which it does not mean: `q=-cluster:a`.
    pub(crate) fn excludes_clusters_only(&self) -> bool {
        let pairs: Vec<_> = form_urlencoded::parse(self.query().as_bytes()).collect();
        let line = pairs.iter().find(|(name, _)| name == Q).and_then(|(_, line)| parse(line).ok()).unwrap_or_default();
        let mut of_clusters = line.terms().iter().filter(|term| term.of(Field::Cluster).is_some());
        line.names(Field::Cluster)
            && of_clusters.all(|term| term.negated)
            && !pairs.iter().any(|(name, _)| name == "cluster")
    }

    /// The uids of the clusters in the parameter `cluster` and in the query line; `None` where neither names any.
    pub(crate) async fn clusters(&self, params: &Params) -> Result<Option<Vec<String>>, Problem> {
        let (wanted, line) = (params.many("cluster")?, lines(params)?.clusters);
        let catalogue = &self.app.catalogue;
        match (wanted.is_empty(), line.is_empty()) {
            (true, true) => Ok(None),
            (false, true) => catalogue.uids(&self.reader, &wanted).await.map(Some),
            (true, false) => catalogue.uids_of_line(&self.reader, &line).await.map(Some),
            (false, false) => {
                let mut uids = catalogue.uids(&self.reader, &wanted).await?;
                let of_line = catalogue.uids_of_line(&self.reader, &line).await?;
                uids.retain(|uid| of_line.contains(uid));
                Ok(Some(uids))
            }
        }
    }
}
