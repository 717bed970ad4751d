//! Which clusters there are, and what they are called: names and uids in parameters become uids.

use std::{
    collections::BTreeMap,
    sync::Arc,
    time::{Duration, Instant},
};

use beidou_model::query_line::QueryLine;
use beidou_store::query::{QueryError, Reader};
use tokio::sync::Mutex;

use crate::{
    ask::line::{Q, clusters_of},
    problem::{Kind, Problem},
};

/// A cluster that was added appears in answers after so long at the latest.
const LONGEST_AGE: Duration = Duration::from_secs(10);
/// A name that is not known makes us look again, but not more often than this.
const SHORTEST_AGE: Duration = Duration::from_secs(1);
/// So many known names are repeated to a caller who asked for one that is not.
const SHOWN_NAMES: usize = 20;

/// Every cluster's uid with its names, the present one first.
pub(crate) type Names = BTreeMap<String, Vec<String>>;

/// The known clusters, kept for a short while; that there are none is not kept, for the first one comes next.
#[derive(Default)]
pub(crate) struct Catalogue {
    kept: Mutex<Option<(Instant, Arc<Names>)>>,
}

impl Catalogue {
    /// All clusters.
    pub(crate) async fn names(&self, reader: &Reader) -> Result<Arc<Names>, QueryError> {
        self.younger_than(LONGEST_AGE, reader).await
    }

    /// All clusters as they are at this moment.
    pub(crate) async fn names_now(&self, reader: &Reader) -> Result<Arc<Names>, QueryError> {
        self.younger_than(Duration::ZERO, reader).await
    }

    /// The uids of clusters that are named by uid or by any name they ever had.
    pub(crate) async fn uids(&self, reader: &Reader, wanted: &[String]) -> Result<Vec<String>, Problem> {
        let names = self.names(reader).await?;
        match find(&names, wanted) {
            Ok(found) => Ok(found),
            Err(_) => {
                let names = self.younger_than(SHORTEST_AGE, reader).await?;
                find(&names, wanted).map_err(|missing| unknown("cluster", &missing, &names))
            }
        }
    }

    /// The uids of the clusters that the terms of a query line mean.
    pub(crate) async fn uids_of_line(&self, reader: &Reader, line: &QueryLine) -> Result<Vec<String>, Problem> {
        let names = self.names(reader).await?;
        match clusters_of(line, &names) {
            Ok(found) => Ok(found),
            Err(_) => {
                let names = self.younger_than(SHORTEST_AGE, reader).await?;
                clusters_of(line, &names).map_err(|missing| unknown(Q, &missing, &names))
            }
        }
    }

    /// One question at a time: those who wait find the answer of the one who asked.
    async fn younger_than(&self, age: Duration, reader: &Reader) -> Result<Arc<Names>, QueryError> {
        let mut kept = self.kept.lock().await;
        match &*kept {
            Some((at, names)) if !names.is_empty() && at.elapsed() < age => Ok(names.clone()),
            Some(_) | None => {
                let mut names = Names::new();
                for row in reader.cluster_names().await? {
                    names.entry(row.cluster_uid).or_default().push(row.cluster);
                }
                let names = Arc::new(names);
                *kept = Some((Instant::now(), names.clone()));
                Ok(names)
            }
        }
    }
}

/// A name that no cluster ever had, with some that clusters have.
fn unknown(parameter: &str, missing: &str, names: &Names) -> Problem {
    let known: Vec<_> = names.values().filter_map(|all| all.first().cloned()).take(SHOWN_NAMES).collect();
    let known = if known.is_empty() { "none yet".into() } else { known.join(", ") };
    let allowed = format!("a name or uid of a known cluster: {known}");
    Problem { kind: Kind::UnknownCluster, ..Problem::parameter(parameter, missing, allowed) }
}

/// The uids, or the first name that is not known.
fn find(names: &Names, wanted: &[String]) -> Result<Vec<String>, String> {
    let mut found = Vec::new();
    for wanted in wanted {
        let before = found.len();
        match names.get_key_value(wanted) {
            Some((uid, _)) => found.push(uid.clone()),
            None => found.extend(names.iter().filter(|(_, all)| all.contains(wanted)).map(|(uid, _)| uid.clone())),
        }
        if found.len() == before {
            return Err(wanted.clone());
        }
    }
    found.sort();
    found.dedup();
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clusters_are_found_by_uid_and_by_every_name() {
        let names = Names::from([
            ("u1".into(), vec!["new".into(), "old".into()]),
            ("u2".into(), vec!["twin".into()]),
            ("u3".into(), vec!["twin".into()]),
        ]);
        let found = |wanted: &[&str]| find(&names, &wanted.iter().map(|w| w.to_string()).collect::<Vec<_>>());
        assert_eq!(found(&["old"]).unwrap(), ["u1"]);
        assert_eq!(found(&["twin", "u1", "u2"]).unwrap(), ["u1", "u2", "u3"]);
        assert_eq!(found(&["new", "gone"]).unwrap_err(), "gone");
        let problem = unknown("cluster", "gone", &names);
        assert_eq!(problem.parameter.unwrap().allowed, "a name or uid of a known cluster: new, twin, twin");
    }
}
