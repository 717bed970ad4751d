//! A batch of states: those that the table has are left out, the others go onto the import topic.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
    time::Duration,
};

use beidou_log::{LogError, Writer};
use beidou_model::import::Imported;
use beidou_schemas::{
    Identity, Micros, Offset, Record,
    envelope::{EventEnvelope, FoundBy},
    time::DAY,
};
use beidou_store::query::{
    Between, QueryError, Reader,
    cold::Cold,
    known::{KnownQuery, KnownState},
};
use uuid::Uuid;

use super::target::Target;
use crate::{cold::Colds, problem::Problem};

/// States of one look-up: their uids make a parameter of 100 KB, of which a ClickHouse server takes 128.
pub(super) const MOST_STATES: usize = 2500;
/// Bytes of one append: with one item of the largest size beside them, less than half of what the log takes.
pub(super) const MOST_BYTES: usize = 8 << 20;
/// States of one Event that lie further apart in time than this are not counted together across imports.
const MARGIN: i64 = DAY;
/// Between two tries at a log that has no space.
const RETRY_EVERY: Duration = Duration::from_secs(1);

/// States of one import that wait for their look-up.
#[derive(Default)]
pub(super) struct Batch {
    states: Vec<(Arc<Target>, Imported)>,
    bytes: usize,
}

impl Batch {
    pub(super) fn push(&mut self, target: Arc<Target>, state: Imported) {
        self.bytes += state.json.len();
        self.states.push((target, state));
    }

    pub(super) fn is_full(&self) -> bool {
        self.states.len() >= MOST_STATES || self.bytes >= MOST_BYTES
    }

    /// The states by cluster, in their order.
    fn by_target(self) -> Vec<(Arc<Target>, Vec<Imported>)> {
        let mut groups: Vec<(Arc<Target>, Vec<Imported>)> = Vec::new();
        for (target, state) in self.states {
            match groups.iter_mut().find(|(other, _)| Arc::ptr_eq(other, &target)) {
                Some((_, states)) => states.push(state),
                None => groups.push((target, vec![state])),
            }
        }
        groups
    }
}

/// What became of the states of one cluster.
pub(super) struct Settled {
    pub target: Arc<Target>,
    pub imported: u64,
    pub hashed: u64,
    pub known: u64,
}

/// Settles batches.
pub(super) struct Settler<'a> {
    /// What has left the table is known as well.
    pub colds: &'a Colds,
    pub reader: Reader,
    /// None for a dry run.
    pub writer: Option<Arc<dyn Writer>>,
    pub observed: Micros,
    /// States that are appended and perhaps not yet in the table.
    pub under_way: HashSet<(String, Uuid, u64)>,
    /// Behind the last append.
    pub end: Offset,
}

impl Settler<'_> {
    pub(super) async fn settle(&mut self, batch: Batch) -> Result<Vec<Settled>, Problem> {
        let mut settled = Vec::new();
        let mut records = Vec::new();
        for (target, states) in batch.by_target() {
            let query = query(&target, &states);
            let known = async |reader: Reader| Ok(reader.known(&query).await?);
            let cluster = [query.cluster.clone()];
            let check = |cold: &Cold| cold.check().map_err(too_cold);
            let (known, _) = self.colds.over(&self.reader, Some(&cluster), &[query.range], check, known).await?;
            let there = There::of(known);
            let mut part = Settled { target: Arc::clone(&target), imported: 0, hashed: 0, known: 0 };
            for state in states {
                let key = (state.column_uid(), state.version.0);
                let under_way = (target.uid.to_string(), key.0, key.1);
                if there.states.contains(&key) || !self.under_way.insert(under_way) {
                    part.known += 1;
                    continue;
                }
                part.imported += 1;
                part.hashed += u64::from(state.hashed);
                let counted = there.counted.get(&key.0).copied().unwrap_or(0);
                records.push(self.record(&target, state, counted));
            }
            settled.push(part);
        }
        self.append(records).await?;
        Ok(settled)
    }

    fn record(&self, target: &Target, state: Imported, counted: u32) -> Record {
        let identity = Identity {
            cluster: target.uid.clone(),
            epoch: target.epoch,
            event: state.uid,
            resource_version: state.version,
        };
        let (cluster_name, observed) = (target.name.clone(), self.observed);
        let envelope = EventEnvelope { identity, cluster_name, observed, found_by: FoundBy::Import };
        envelope.wrap_import(state.json.into(), counted)
    }

    /// Waits where the log has no space: whoever does not want to wait goes away, which ends the import.
    async fn append(&mut self, records: Vec<Record>) -> Result<(), Problem> {
        let Some(writer) = self.writer.as_ref().filter(|_| !records.is_empty()) else { return Ok(()) };
        loop {
            match writer.append(records.clone()).await {
                Ok(range) => {
                    self.end = range.end;
                    return Ok(());
                }
                Err(error @ (LogError::Full { .. } | LogError::CapReached { .. })) => {
                    tracing::warn!(%error, "an import waits for the log");
                    tokio::time::sleep(RETRY_EVERY).await;
                }
                Err(error) => return Err(error.into()),
            }
        }
    }
}

/// What the table has.
struct There {
    states: HashSet<(Uuid, u64)>,
    /// The greatest count of each Event.
    counted: HashMap<Uuid, u32>,
}

impl There {
    fn of(rows: Vec<KnownState>) -> Self {
        let mut there = Self { states: HashSet::with_capacity(rows.len()), counted: HashMap::new() };
        for KnownState { event_uid, resource_version, occurrences } in rows {
            there.states.insert((event_uid, resource_version));
            let counted = there.counted.entry(event_uid).or_default();
            *counted = occurrences.max(*counted);
        }
        there
    }
}

/// Whoever asks for a range can shorten it; an import can not.
fn too_cold(error: QueryError) -> Problem {
    let QueryError::TooCold { needed, most } = &error else { return error.into() };
    let detail = format!(
        "before states are imported they are looked for between their times, and everywhere if one gives no time: here in {} files \
         with {} bytes of the archive; allowed are {} files and {} bytes. Sort the dump by time, take out what gives none, or \
         raise query_api.archive_files and query_api.archive_bytes",
        needed.files, needed.bytes, most.files, most.bytes
    );
    Problem { detail, ..Problem::from(error) }
}

/// The look-up of these states. A state without a time of its own may stand anywhere: where it was imported before, it has
/// the time of that import.
fn query(target: &Target, states: &[Imported]) -> KnownQuery {
    let mut events: Vec<Uuid> = states.iter().map(Imported::column_uid).collect();
    events.sort_unstable();
    events.dedup();
    let times = || states.iter().map(|state| state.time);
    let range = match (times().min(), times().max()) {
        (Some(first), Some(last)) if states.iter().all(|state| state.timed) => {
            Between { from: Micros(first.plus(-MARGIN).0.max(0)), until: last.plus(MARGIN) }
        }
        (Some(_), Some(_)) | (None, _) | (_, None) => Between::ALL,
    };
    KnownQuery { cluster: target.uid.to_string(), events, range }
}

#[cfg(test)]
mod tests {
    use beidou_store::query::cold::ColdSize;

    use super::*;
    use crate::problem::Kind;

    #[test]
    fn an_import_that_needs_too_much_of_the_archive_says_what_to_do_with_the_dump() {
        let size = |files| ColdSize { files, rows: 1, bytes: 2 };
        let told = too_cold(QueryError::TooCold { needed: size(1001), most: size(1000) });
        assert_eq!(told.kind, Kind::TooMuch);
        for said in ["in 1001 files", "allowed are 1000 files", "Sort the dump by time", "query_api.archive_files"] {
            assert!(told.detail.contains(said), "{said} in {}", told.detail);
        }
        assert!(!told.detail.contains("export"), "{}", told.detail);
        let other = too_cold(QueryError::NoFile { path: "a".into() });
        assert_eq!(other.kind, Kind::ArchiveAway);
    }
}
