//! Who may do what at the same time: workers, compaction, audit and rebuild of one projector.
//!
//! Of several projectors one leads. It is known by the writer of the outcomes of maintenance: whoever leads next fences it,
//! and whoever is about to change what all have looks at that first.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
};

use beidou_log::Writer;
use beidou_schemas::{Micros, TopicPartition, maintenance::fact::OUTCOMES};
use tokio::sync::RwLock;

use crate::ProjectorError;

/// What all parts of a projector share. Cheap to clone.
#[derive(Clone, Default)]
pub(crate) struct Turns {
    /// Held for reading while a cut of Events is on its way from PENDING to DONE; for writing while the table is swapped.
    pub gate: Arc<RwLock<()>>,
    /// Held by whoever moves rows or files that are there already: compaction, audit, rebuild. One at a time.
    pub turn: Arc<tokio::sync::Mutex<()>>,
    /// Held by whoever brings the tables forward: all partitions find at once that they are not there.
    pub tables: Arc<tokio::sync::Mutex<()>>,
    removed: Arc<Mutex<BTreeMap<String, Micros>>>,
    writers: Arc<Mutex<BTreeMap<TopicPartition, Arc<dyn Writer>>>>,
    lead: Arc<Mutex<Option<Arc<dyn Writer>>>>,
}

impl Turns {
    /// Notes before which moment, by cluster uid, retention has removed all.
    pub fn note_removed(&self, below: BTreeMap<String, Micros>) {
        *self.removed.lock().unwrap_or_else(PoisonError::into_inner) = below;
    }

    /// Before which moment, by cluster uid, nothing is to be expected any more.
    pub fn removed(&self) -> BTreeMap<String, Micros> {
        self.removed.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Makes the writer of the ledger of a source known.
    pub fn writes(&self, source: TopicPartition, writer: Arc<dyn Writer>) {
        self.writers.lock().unwrap_or_else(PoisonError::into_inner).insert(source, writer);
    }

    /// Forgets the writer of the ledger of a source whose worker has ended.
    pub fn leaves(&self, source: TopicPartition) {
        self.writers.lock().unwrap_or_else(PoisonError::into_inner).remove(&source);
    }

    /// Makes known by which writer this projector leads; `None`: it does not any more.
    pub fn leads_by(&self, writer: Option<Arc<dyn Writer>>) {
        *self.lead.lock().unwrap_or_else(PoisonError::into_inner) = writer;
    }

    /// Looks whether this projector still leads. True where nobody else could.
    ///
    /// # Errors
    /// When another one leads, or the log does not answer.
    pub async fn still_leads(&self) -> Result<(), ProjectorError> {
        let lead = self.lead.lock().unwrap_or_else(PoisonError::into_inner).clone();
        match lead {
            Some(writer) => writer.is_newest().await.map_err(ProjectorError::log("lead by", OUTCOMES)),
            None => Ok(()),
        }
    }

    /// The writer of the ledger of a source, once its worker has become that.
    pub fn writer(&self, source: TopicPartition) -> Option<Arc<dyn Writer>> {
        self.writers.lock().unwrap_or_else(PoisonError::into_inner).get(&source).cloned()
    }
}
