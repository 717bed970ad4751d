//! The verdict on what is kept: table against archive, rebuilds, and audits against what was broken on purpose. No I/O.

use std::collections::{BTreeMap, HashMap};

use beidou_schemas::maintenance::{AuditReport, Fault, RebuildReport};
use beidou_simulator::oracle::StateId;

/// A row, as table and archive both must have it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Row {
    /// Which state it is.
    pub state: StateId,
    /// New occurrences.
    pub occurrences: u32,
    /// The row's hash.
    pub hash: u64,
}

/// Something that was broken on purpose.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Broken {
    /// Under which name the audit must find it.
    pub fault: Fault,
    /// The file; empty where it is rows of the table.
    pub place: String,
    /// Rows.
    pub rows: u64,
}

/// How the archive differs from the table, in words; the files that count hold each state once.
#[must_use]
pub fn unlike(table: &[Row], archive: &[Row]) -> Vec<String> {
    let mut files = HashMap::<StateId, Vec<&Row>>::new();
    for row in archive {
        files.entry(row.state).or_default().push(row);
    }
    let in_table: HashMap<StateId, &Row> = table.iter().map(|row| (row.state, row)).collect();
    let absent = in_table.keys().filter(|state| !files.contains_key(state));
    let unknown = files.keys().filter(|state| !in_table.contains_key(state));
    let doubled = files.iter().filter(|(_, rows)| rows.len() > 1).map(|(state, _)| state);
    let other = |(state, row): &(&StateId, &&Row)| {
        files.get(state).is_some_and(|rows| rows.iter().any(|found| *found != **row))
    };
    let changed = in_table.iter().filter(other).map(|(state, _)| state);
    [
        told("states of the table are not in the archive", absent),
        told("states of the archive are not in the table", unknown),
        told("states stand more than once in the archive", doubled),
        told("states are other ones in the archive than in the table", changed),
    ]
    .into_iter()
    .flatten()
    .collect()
}

fn told<'a>(what: &str, states: impl Iterator<Item = &'a StateId>) -> Option<String> {
    let states: Vec<_> = states.collect();
    let first = states.iter().min()?;
    Some(format!("{} {what}, the first: {first:?}", states.len()))
}

/// What is wrong with a rebuild of a table that was whole: it must end with the rows and the hash that it began with.
#[must_use]
pub fn unequal(report: &RebuildReport) -> Option<String> {
    let RebuildReport { rows, hash, before_rows, before_hash, from_table, .. } = report;
    if (rows, hash) != (before_rows, before_hash) || *rows == 0 {
        return Some(format!(
            "a rebuild made {rows} rows with hash {hash} of a table of {before_rows} with {before_hash}"
        ));
    }
    (*from_table > 0).then(|| format!("a rebuild found {from_table} rows that neither archive nor log hold"))
}

/// How an audit differs from what was broken: each fault is found under its name, at its place, and repaired.
#[must_use]
pub fn misjudged(report: &AuditReport, broken: &[Broken]) -> Vec<String> {
    let (mut found, mut made) = (BTreeMap::new(), BTreeMap::new());
    for finding in &report.findings {
        *found.entry((finding.fault, finding.place.clone())).or_insert(0) += finding.rows;
    }
    for Broken { fault, place, rows } in broken {
        *made.entry((*fault, place.clone())).or_insert(0) += rows;
    }
    let name = |((fault, place), rows): (&(Fault, String), &u64)| format!("{} {place} ({rows} rows)", fault.name());
    let overlooked = made.iter().filter(|(key, rows)| found.get(key) != Some(rows));
    let invented = found.iter().filter(|(key, rows)| made.get(key) != Some(rows));
    let left = report.findings.iter().filter(|finding| !finding.repaired);
    overlooked
        .map(|made| format!("the audit did not find: {}", name(made)))
        .chain(invented.map(|found| format!("the audit found what nobody broke: {}", name(found))))
        .chain(left.map(|finding| format!("the audit did not repair: {finding:?}")))
        .collect()
}

#[cfg(test)]
mod tests {
    use beidou_schemas::{kube_event::RangeHash, maintenance::Finding};
    use uuid::Uuid;

    use super::*;

    fn row(resource_version: u64) -> Row {
        let (cluster, uid) = (Uuid::from_u128(1), Uuid::from_u128(9));
        let state = StateId { cluster, incarnation: 0, resource_version, uid };
        Row { state, occurrences: 1, hash: 100 + resource_version }
    }

    #[test]
    fn each_difference_of_the_archive_is_named() {
        let table = [row(1), row(2), row(3)];
        assert_eq!(unlike(&table, &[row(3), row(1), row(2)]), Vec::<String>::new());
        let cases = [
            ("1 states of the table are not in the archive", vec![row(1), row(2)]),
            ("1 states of the archive are not in the table", vec![row(1), row(2), row(3), row(4)]),
            ("1 states stand more than once", vec![row(1), row(2), row(2), row(3)]),
            ("1 states are other ones", vec![row(1), row(2), Row { hash: 0, ..row(3) }]),
            ("1 states are other ones", vec![row(1), row(2), Row { occurrences: 2, ..row(3) }]),
            ("1 states are other ones", vec![row(1), row(2), row(3), Row { hash: 0, ..row(3) }]),
        ];
        for (expected, archive) in cases {
            let wrong = unlike(&table, &archive);
            assert!(wrong.iter().any(|text| text.contains(expected)), "{expected}: {wrong:?}");
        }
    }

    #[test]
    fn a_rebuild_that_changes_something_is_named() {
        let (rows, hash) = (5, RangeHash(7));
        let good = RebuildReport { rows, hash, before_rows: rows, before_hash: hash, ..RebuildReport::default() };
        assert_eq!(unequal(&good), None);
        for other in [
            RebuildReport { rows: 4, ..good.clone() },
            RebuildReport { hash: RangeHash(8), ..good.clone() },
            RebuildReport { from_table: 1, ..good.clone() },
            RebuildReport::default(),
        ] {
            assert!(unequal(&other).is_some(), "{other:?}");
        }
    }

    #[test]
    fn each_misjudgement_of_an_audit_is_named() {
        let finding = |fault, place: &str, rows, repaired| {
            let (cluster_uid, hour, detail) = Default::default();
            Finding { fault, cluster_uid, hour, place: place.into(), rows, repaired, detail }
        };
        let report = |findings: Vec<Finding>| AuditReport { findings, ..AuditReport::default() };
        let broken = |fault, place: &str, rows| Broken { fault, place: place.into(), rows };
        let made = [broken(Fault::FileDamaged, "a", 3), broken(Fault::Doubled, "", 5)];
        // Rows of two hours are two findings.
        let file = || finding(Fault::FileDamaged, "a", 3, true);
        let rows = |rows, repaired| finding(Fault::Doubled, "", rows, repaired);
        assert_eq!(misjudged(&report(vec![file(), rows(2, true), rows(3, true)]), &made), Vec::<String>::new());
        let cases = [
            ("did not find: doubled", vec![file()]),
            ("did not find: doubled", vec![file(), rows(4, true)]),
            ("did not find: file_damaged a", vec![finding(Fault::FileMissing, "a", 3, true), rows(5, true)]),
            ("found what nobody broke: file_damaged b", vec![finding(Fault::FileDamaged, "b", 3, true)]),
            ("found what nobody broke: missing", vec![finding(Fault::Missing, "", 1, true)]),
            ("did not repair", vec![file(), rows(5, false)]),
        ];
        for (expected, findings) in cases {
            let wrong = misjudged(&report(findings), &made);
            assert!(wrong.iter().any(|text| text.contains(expected)), "{expected}: {wrong:?}");
        }
        assert_eq!(misjudged(&report(vec![]), &[]), Vec::<String>::new());
    }
}
