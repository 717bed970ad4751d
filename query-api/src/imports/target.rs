//! Which cluster an Event of a dump belongs to: a known one by its name or uid, else one that the name itself makes.

use std::{collections::HashMap, sync::Arc};

use beidou_model::import::cluster_uid;
use beidou_schemas::{ClusterUid, Epoch, ids::cluster_name};
use beidou_store::query::Reader;

use crate::{
    catalogue::{Catalogue, Names},
    problem::{Kind, Problem},
};

/// Clusters in one dump: as many as a site has, many times over.
const MOST_TARGETS: usize = 1000;

/// Checks what a caller names a cluster, by the rule of the configuration. A uid holds to it too.
///
/// # Errors
/// When no cluster can be called so.
pub(crate) fn nameable(name: &str) -> Result<(), Problem> {
    cluster_name(name).map_err(|error| Problem::parameter("cluster", name, error.allowed))
}

/// A cluster to import into.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Target {
    pub uid: ClusterUid,
    /// The name that its states get: the present one of a known cluster.
    pub name: String,
    pub epoch: Epoch,
    /// Whether the store knew it before.
    pub known: bool,
}

/// The clusters of one import.
pub(super) struct Targets<'a> {
    names: Arc<Names>,
    reader: &'a Reader,
    met: HashMap<String, Arc<Target>>,
}

impl<'a> Targets<'a> {
    /// The clusters that there are now.
    ///
    /// # Errors
    /// When the store gives no answer.
    pub(super) async fn new(catalogue: &Catalogue, reader: &'a Reader) -> Result<Self, Problem> {
        Ok(Self { names: catalogue.names_now(reader).await?, reader, met: HashMap::new() })
    }

    /// The cluster of this name or uid.
    ///
    /// # Errors
    /// When the name cannot be one, or means two clusters; when the store gives no answer.
    pub(super) async fn of(&mut self, name: &str) -> Result<Arc<Target>, Problem> {
        if let Some(target) = self.met.get(name) {
            return Ok(Arc::clone(target));
        }
        nameable(name)?;
        if self.met.len() >= MOST_TARGETS {
            return Err(Problem::parameter("cluster", name, format!("at most {MOST_TARGETS} clusters in one dump")));
        }
        let target = Arc::new(self.find(name).await?);
        self.met.insert(name.to_owned(), Arc::clone(&target));
        Ok(target)
    }

    async fn find(&self, name: &str) -> Result<Target, Problem> {
        let names = &self.names;
        let uids: Vec<&String> = match names.get_key_value(name) {
            Some((uid, _)) => vec![uid],
            None => names.iter().filter(|(_, all)| all.iter().any(|one| one == name)).map(|(uid, _)| uid).collect(),
        };
        let internal = |error: beidou_schemas::InvalidId| Problem::new(Kind::Internal, error.to_string());
        match uids[..] {
            [] => {
                let uid = cluster_uid(name).to_string().parse().map_err(internal)?;
                Ok(Target { uid, name: name.into(), epoch: Epoch(0), known: false })
            }
            [uid] => {
                let present = names.get(uid).and_then(|all| all.first()).map_or(name, String::as_str);
                let epoch = self.reader.epoch(uid).await?;
                Ok(Target { uid: uid.parse().map_err(internal)?, name: present.into(), epoch, known: true })
            }
            [..] => {
                let allowed = "the uid of one of the clusters that had this name; /api/v1/clusters lists them";
                Err(Problem::parameter("cluster", name, allowed))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refused_name_is_told_with_what_is_allowed() {
        for bad in ["", "  ", "a/b\n", &"x".repeat(129)] {
            let problem = nameable(bad).unwrap_err();
            let parameter = problem.parameter.unwrap();
            assert_eq!((problem.kind, parameter.name.as_str()), (Kind::BadParameter, "cluster"));
            assert_eq!(parameter.value.as_deref(), Some(bad));
            assert!(parameter.allowed.contains("1 to 128 characters"), "{}", parameter.allowed);
        }
        assert_eq!(nameable("arn:aws:eks:eu-1:7:cluster/shop"), Ok(()));
        assert_eq!(nameable(&cluster_uid("x").to_string()), Ok(()));
    }
}
