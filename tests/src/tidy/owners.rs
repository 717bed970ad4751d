//! Libraries that only their owner may depend on, so that an outside system is known in one place.
//!
//! `tests` and `bench` are exempt: they look at the outside systems past the code under test.

use super::{Package, Violation};

struct Owned {
    /// The library; a trailing `*` stands for any ending.
    library: &'static str,
    owners: &'static [&'static str],
    /// Whether other crates' own tests may use it.
    free_in_tests: bool,
}

const OWNED: [Owned; 11] = [
    owned("clickhouse", &["beidou-store"]),
    owned("parquet", &["beidou-store"]),
    owned("object_store", &["beidou-store"]),
    owned("libloading", &["beidou-store"]),
    owned("sqlparser", &["beidou-store"]),
    owned("oci-client", &["beidou-playbooks"]),
    owned("arrow*", &["beidou-store", "beidou-projector"]),
    owned("rdkafka*", &["beidou-log"]),
    owned("kube*", &["beidou-ingest", "beidou-crds", "beidou-controllers"]),
    owned("k8s-openapi", &["beidou-ingest", "beidou-crds", "beidou-controllers"]),
    // Tests may answer HTTP, to stand in for an API server.
    Owned {
        library: "axum*",
        owners: &["beidou-store", "beidou-service", "beidou-query-api", "beidou-simulator", "beidou-controllers"],
        free_in_tests: true,
    },
];

const EXEMPT: [&str; 2] = ["beidou-tests", "beidou-bench"];

const fn owned(library: &'static str, owners: &'static [&'static str]) -> Owned {
    Owned { library, owners, free_in_tests: false }
}

impl Owned {
    fn is(&self, library: &str) -> bool {
        match self.library.strip_suffix('*') {
            Some(start) => library.starts_with(start),
            None => library == self.library,
        }
    }
}

/// Checks one crate.
pub(super) fn check(package: &Package) -> Vec<Violation> {
    if EXEMPT.contains(&package.name.as_str()) {
        return Vec::new();
    }
    let mut found = Vec::new();
    for dependency in &package.dependencies {
        let rules = OWNED.iter().filter(|rule| rule.is(&dependency.name));
        for rule in rules.filter(|rule| !(rule.free_in_tests && dependency.only_tests)) {
            if !rule.owners.contains(&package.name.as_str()) {
                let message = format!("{}: only {} may depend on it", dependency.name, rule.owners.join(", "));
                found.push(Violation::new(&package.manifest, 1, message));
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tidy::tests::package;

    #[test]
    fn a_library_of_another_room_is_refused() {
        for library in ["clickhouse", "arrow-array", "kube", "k8s-openapi", "axum-server", "rdkafka-sys", "libloading"]
        {
            assert_eq!(check(&package("beidou-schemas", &[(library, false)])).len(), 1, "{library}");
        }
        assert_eq!(check(&package("beidou-ingest", &[("clickhouse", true)])).len(), 1);
    }

    #[test]
    fn owners_tests_and_fake_servers_are_free() {
        assert!(check(&package("beidou-projector", &[("arrow-array", false), ("tokio", false)])).is_empty());
        assert!(check(&package("beidou-tests", &[("clickhouse", false), ("kube", false)])).is_empty());
        assert!(check(&package("beidou-ingest", &[("axum", true), ("k8s-openapi", false)])).is_empty());
    }
}
