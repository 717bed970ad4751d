//! The coverage topic folded to where each cluster stands.
//!
//! `fold(all facts)` equals `fold(a snapshot and what follows it)`, except that a snapshot does not say whether a
//! session had ended: it is taken as open, and its successor then writes its end once more, as `lost`.
//!
//! A cluster whose chain is broken and not yet continued has no session. In a snapshot it stands with resource
//! version 0, which no object has: "must list".
//!
//! Several collectors of one cluster have a chain each, and each folds its own. Where one has none yet, or has slept through a
//! later life of the cluster's etcd, it goes on from where another stands: what that one says is in the log, is in the log.

use std::collections::BTreeMap;

use beidou_schemas::{
    ClusterUid, Epoch, Micros, Offset, ResourceVersion,
    coverage::{CoverageFact, Imported, Position, Reason, SessionEnd, Snapshot},
};
use uuid::Uuid;

/// Where one cluster stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing {
    /// Its name at that time.
    pub cluster_name: String,
    /// The life of its etcd.
    pub epoch: Epoch,
    /// Everything before this moment is either in the log or published as broken.
    pub until: Micros,
    /// Where to go on; `None` where the chain is broken and a list must come first.
    pub position: Option<Position>,
    /// The position's session has no end yet.
    pub open: bool,
}

impl Standing {
    /// The end of its session, as whoever finds it open has to write it.
    fn lost(&self) -> Option<CoverageFact> {
        let position = self.position.clone().filter(|_| self.open)?;
        let (reason, detail) = (Reason::Lost, String::new());
        Some(CoverageFact::Ended(SessionEnd { position, reason, detail, deleted_frames: 0 }))
    }

    /// The same place, for another chain: its session is none of ours, and we shall not end it.
    fn without_session(&self) -> Self {
        let position = self.position.clone().map(|position| Position { session: Uuid::nil(), ..position });
        Self { position, open: false, ..self.clone() }
    }
}

/// Where all clusters stand.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Standings {
    clusters: BTreeMap<ClusterUid, Standing>,
    imported: Offset,
}

impl Standings {
    /// Takes the next fact of the topic.
    pub fn apply(&mut self, fact: &CoverageFact) {
        match fact {
            CoverageFact::Started(position) | CoverageFact::Advanced(position) => self.stands_at(position, true),
            CoverageFact::Ended(end) => self.stands_at(&end.position, false),
            CoverageFact::Broken(broken) => {
                let standing = Standing {
                    cluster_name: broken.cluster_name.clone(),
                    epoch: broken.epoch,
                    until: broken.until,
                    position: None,
                    open: false,
                };
                self.clusters.insert(broken.cluster.clone(), standing);
            }
            // It says something of a chain that goes on.
            CoverageFact::Missed(_) => {}
            CoverageFact::Imported(imported) => self.imported = self.imported.max(imported.upto),
            CoverageFact::Snapshot(snapshot) => {
                self.clusters.clear();
                for position in &snapshot.positions {
                    self.stands_at(position, true);
                }
            }
        }
    }

    fn stands_at(&mut self, position: &Position, open: bool) {
        let continuable = position.resource_version != ResourceVersion(0);
        let standing = Standing {
            cluster_name: position.cluster_name.clone(),
            epoch: position.epoch,
            until: position.until,
            position: continuable.then(|| position.clone()),
            open: open && continuable && !position.session.is_nil(),
        };
        self.clusters.insert(position.cluster.clone(), standing);
    }

    /// Takes over where others stand, in clusters where nothing of our own is known or a later life is. Returns what must
    /// be said of our own sessions that are given up.
    pub fn adopt<'a>(&mut self, others: impl IntoIterator<Item = &'a Self>) -> Vec<CoverageFact> {
        let mut farthest: BTreeMap<&ClusterUid, &Standing> = BTreeMap::new();
        for other in others {
            self.imported = self.imported.max(other.imported);
            for (cluster, theirs) in &other.clusters {
                let known = farthest.entry(cluster).or_insert(theirs);
                if (known.epoch, known.until) < (theirs.epoch, theirs.until) {
                    *known = theirs;
                }
            }
        }
        let mut given_up = Vec::new();
        for (cluster, theirs) in farthest {
            let ours = self.clusters.get(cluster);
            if ours.is_none_or(|ours| ours.epoch < theirs.epoch) {
                given_up.extend(ours.and_then(Standing::lost));
                self.clusters.insert(cluster.clone(), theirs.without_session());
            }
        }
        given_up
    }

    /// Where this cluster stands; `None` where nothing was ever published.
    pub fn of(&self, cluster: &ClusterUid) -> Option<&Standing> {
        self.clusters.get(cluster)
    }

    /// All of them, by cluster.
    pub fn iter(&self) -> impl Iterator<Item = (&ClusterUid, &Standing)> {
        self.clusters.iter()
    }

    /// Every import record below this offset is on the Event topic.
    pub fn imported(&self) -> Offset {
        self.imported
    }

    /// What a reader of the tail needs: all clusters as one fact, and behind it how far imports have come, if any have.
    pub fn tail(&self) -> Vec<CoverageFact> {
        let imported = (self.imported > 0).then_some(CoverageFact::Imported(Imported { upto: self.imported }));
        [self.snapshot()].into_iter().chain(imported).collect()
    }

    /// All of them as one fact.
    pub fn snapshot(&self) -> CoverageFact {
        let positions = self.clusters.iter().map(|(cluster, standing)| {
            standing.position.clone().unwrap_or_else(|| Position {
                cluster: cluster.clone(),
                cluster_name: standing.cluster_name.clone(),
                epoch: standing.epoch,
                session: Uuid::nil(),
                start_resource_version: ResourceVersion(0),
                resource_version: ResourceVersion(0),
                from: standing.until,
                until: standing.until,
            })
        });
        CoverageFact::Snapshot(Snapshot { positions: positions.collect() })
    }
}
