//! The invented fleet: clusters, nodes and workloads, the same for ever for one seed.
//!
//! Names follow the story of the console's mock-ups: `hz-prod-02`, `hz2-c7-r14-u22`, `recsys/ranker`.

use std::sync::Arc;

use rand::RngExt;
use rand::SeedableRng;
use rand::rngs::Xoshiro256PlusPlus;
use uuid::Uuid;

pub mod catalogue;

pub use catalogue::{Controller, Workload};

/// The random source of the whole crate: small, fast, and with a stream that the library promises to keep.
pub type Random = Xoshiro256PlusPlus;

/// A fleet of clusters.
#[derive(Debug, Clone)]
pub struct Fleet {
    /// The seed that everything here was made from.
    pub seed: u64,
    /// The clusters, in a fixed order; their index names them elsewhere in this crate.
    pub clusters: Vec<Arc<Cluster>>,
}

/// One cluster: who it is, and what stands and runs in it.
#[derive(Debug)]
pub struct Cluster {
    /// Place in [`Fleet::clusters`].
    pub index: usize,
    /// Name as people say it, such as `hz-prod-02`.
    pub name: String,
    /// `metadata.uid` of the namespace `kube-system`, the usual identity of a cluster.
    pub uid: Uuid,
    /// What `GET /version` answers as `gitVersion`.
    pub version: &'static str,
    /// The nodes.
    pub nodes: Vec<Node>,
    /// The workloads.
    pub workloads: Vec<Workload>,
}

/// One node.
#[derive(Debug, Clone)]
pub struct Node {
    /// Node name, such as `hz2-c5-r09-u31` (site, pool, rack, unit).
    pub name: Arc<str>,
    /// `metadata.uid` of the Node.
    pub uid: Uuid,
    /// Boot identity that a reboot event names.
    pub boot: Uuid,
}

/// Known clusters: name, prefix of its nodes, share of the nodes in tenths, version.
const CLUSTERS: [(&str, &str, usize, &str); 3] =
    [("hz-prod-01", "hz1", 3, "v1.33.4"), ("hz-prod-02", "hz2", 4, "v1.34.1"), ("sz-prod-01", "sz1", 3, "v1.34.1")];

impl Fleet {
    /// The fleet of the demo: three clusters, 300 nodes.
    #[must_use]
    pub fn demo(seed: u64) -> Self {
        Self::new(seed, 3, 300)
    }

    /// A fleet of `clusters` clusters that share about `nodes` nodes (each has at least one).
    #[must_use]
    pub fn new(seed: u64, clusters: usize, nodes: usize) -> Self {
        let clusters = (0..clusters).map(|index| Arc::new(Cluster::new(seed, index, clusters, nodes))).collect();
        Self { seed, clusters }
    }

    /// The cluster of this name, if there is one.
    #[must_use]
    pub fn cluster(&self, name: &str) -> Option<&Arc<Cluster>> {
        self.clusters.iter().find(|cluster| cluster.name == name)
    }
}

impl Cluster {
    fn new(seed: u64, index: usize, clusters: usize, nodes: usize) -> Self {
        let mut random = stream(seed, index, Purpose::Identity);
        let uid = random_uid(&mut random);
        let (name, prefix, version) = match CLUSTERS.get(index) {
            Some((name, prefix, _, version)) => ((*name).to_owned(), (*prefix).to_owned(), *version),
            None => (format!("bj-prod-{:02}", index - 2), format!("bj{}", index - 2), "v1.34.1"),
        };
        let share = match (clusters, CLUSTERS.get(index)) {
            (3, Some((_, _, tenths, _))) => nodes * tenths / 10,
            _ => nodes / clusters,
        };
        let nodes = (0..share.max(1)).map(|at| Node::new(&prefix, at, &mut random)).collect();
        Self { index, name, uid, version, nodes, workloads: catalogue::workloads(&mut random) }
    }

    /// The node of this name, or the first one in a fleet too small to have it.
    #[must_use]
    pub fn node_or_first(&self, name: &str) -> &Node {
        self.nodes.iter().find(|node| &*node.name == name).unwrap_or(&self.nodes[0])
    }
}

impl Node {
    /// Racks hold 15 units from u20 on; racks start at r09, and every four racks make a pool.
    fn new(prefix: &str, at: usize, random: &mut Random) -> Self {
        let (rack, unit) = (9 + at / 15, 20 + at % 15);
        let pool = 5 + (rack - 9) / 4 * 2;
        Self {
            name: format!("{prefix}-c{pool}-r{rack:02}-u{unit}").into(),
            uid: random_uid(random),
            boot: random_uid(random),
        }
    }
}

/// What a random stream is drawn for; keeps streams of one cluster apart.
#[derive(Debug, Clone, Copy)]
pub enum Purpose {
    /// Names and uids of the fleet.
    Identity,
    /// The week of history and the live Events that go on from it.
    Events,
    /// The faults of a server.
    Faults,
}

/// The random stream of one cluster for one purpose.
#[must_use]
pub fn stream(seed: u64, cluster: usize, purpose: Purpose) -> Random {
    let salt = match purpose {
        Purpose::Identity => 1,
        Purpose::Events => 2,
        Purpose::Faults => 3,
    };
    Random::seed_from_u64(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ ((cluster as u64) << 8) ^ salt)
}

/// A version 4 uid out of the given stream.
#[must_use]
pub fn random_uid(random: &mut Random) -> Uuid {
    uuid::Builder::from_random_bytes(random.random()).into_uuid()
}
