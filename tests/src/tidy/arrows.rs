//! The arrows between our crates: the table of ARCHITECTURE.md, "Rooms".
//!
//! An arrow that is not in the table is a decision, not a convenience: change the page and the table together.

use super::{Package, Violation};

/// What a room may import of ours.
enum Arrows {
    All,
    Only(&'static [&'static str]),
}

/// `None` for a crate that is in no table.
fn allowed(package: &str) -> Option<Arrows> {
    use Arrows::{All, Only};
    Some(match package {
        "beidou-schemas" | "beidou-service" => Only(&[]),
        "beidou-model" | "beidou-log" | "beidou-simulator" | "beidou-crds" | "beidou-playbooks" => Only(&["schemas"]),
        "beidou-runner" => Only(&["schemas", "playbooks", "service"]),
        "beidou-controllers" => Only(&["schemas", "model", "crds", "playbooks", "log", "service"]),
        "beidou-store" => Only(&["schemas", "model", "service"]),
        "beidou-ingest" => Only(&["schemas", "model", "log", "service"]),
        "beidou-projector" | "beidou-query-api" => Only(&["schemas", "model", "log", "store", "service"]),
        "beidou" | "beidou-tests" | "beidou-bench" => All,
        _ => return None,
    })
}

/// Checks one crate, its tests included.
pub(super) fn check(package: &Package) -> Vec<Violation> {
    let Some(arrows) = allowed(&package.name) else {
        let message = format!("{} is a new room: add it to ARCHITECTURE.md and tests/src/tidy/arrows.rs", package.name);
        return vec![Violation::new(&package.manifest, 1, message)];
    };
    let ours = package.dependencies.iter().filter_map(|dependency| dependency.name.strip_prefix("beidou-"));
    let refused = ours.filter(|room| match arrows {
        Arrows::All => false,
        Arrows::Only(rooms) => !rooms.contains(room),
    });
    refused
        .map(|room| {
            let message = format!("{} must not know beidou-{room} (ARCHITECTURE.md, Rooms)", package.name);
            Violation::new(&package.manifest, 1, message)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tidy::tests::package;

    #[test]
    fn a_new_arrow_is_refused_in_tests_too() {
        let dependencies =
            [("beidou-log", false), ("beidou-query-api", false), ("beidou-store", true), ("serde", false)];
        let found = check(&package("beidou-ingest", &dependencies));
        assert_eq!(found.len(), 2, "{found:?}");
        assert!(found[0].message.contains("beidou-query-api") && found[1].message.contains("beidou-store"));
    }

    #[test]
    fn the_binary_may_know_all() {
        assert!(check(&package("beidou", &[("beidou-ingest", false), ("beidou-query-api", false)])).is_empty());
    }

    #[test]
    fn a_new_room_is_refused() {
        assert_eq!(check(&package("beidou-attic", &[])).len(), 1);
    }
}
