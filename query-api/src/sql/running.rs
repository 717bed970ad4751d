//! What runs now, and how it is stopped. Stopping drops the work, which closes its connection to the store, which ends
//! the statement there: the same way as when a caller goes away.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
};

use beidou_schemas::Micros;
use beidou_service::CancellationToken;
use serde::Serialize;
use utoipa::ToSchema;

use crate::app::{locked, now};

/// What runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
#[schema(as = RunningKind)]
pub(crate) enum Kind {
    /// A statement whose caller waits.
    Sql,
    /// An export.
    Export,
    /// Another question over Events.
    Events,
}

/// A running statement.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    pub kind: Kind,
    pub subject: String,
    pub query: String,
    pub began: Micros,
    stop: CancellationToken,
}

/// All of them, by the id of their request.
#[derive(Debug, Default)]
pub(crate) struct Running {
    entries: Mutex<BTreeMap<String, Entry>>,
}

/// Takes the entry away when the work ends, however it does.
pub(crate) struct Listed {
    running: Arc<Running>,
    id: String,
    pub stop: CancellationToken,
}

impl Drop for Listed {
    fn drop(&mut self) {
        locked(&self.running.entries).remove(&self.id);
    }
}

impl Running {
    /// Lists work until the answer is dropped.
    pub(crate) fn list(self: &Arc<Self>, id: &str, kind: Kind, subject: &str, query: &str) -> Listed {
        let stop = CancellationToken::new();
        let entry = Entry { kind, subject: subject.into(), query: query.into(), began: now(), stop: stop.clone() };
        locked(&self.entries).insert(id.into(), entry);
        Listed { running: self.clone(), id: id.into(), stop }
    }

    /// What runs now, oldest first: ids are made in the order of time.
    pub(crate) fn all(&self) -> Vec<(String, Entry)> {
        locked(&self.entries).iter().map(|(id, entry)| (id.clone(), entry.clone())).collect()
    }

    /// Stops it; `false` where nothing of this id runs.
    pub(crate) fn cancel(&self, id: &str) -> bool {
        locked(&self.entries).get(id).map(|entry| entry.stop.cancel()).is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn work_is_listed_while_it_lasts_and_can_be_stopped() {
        let running = Arc::new(Running::default());
        let listed = running.list("1", Kind::Sql, "ops", "SELECT 1");
        assert_eq!(running.all().len(), 1);
        assert!(running.cancel("1") && !running.cancel("2") && listed.stop.is_cancelled());
        drop(listed);
        assert!(running.all().is_empty() && !running.cancel("1"));
    }
}
