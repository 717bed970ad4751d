//! The SQL schema as numbered migrations: forward only, each applied once, never edited after a release.

/// One migration. Its text may hold several statements, separated by `;` at the end of a line.
#[derive(Debug, Clone, Copy)]
pub struct Migration {
    /// Counted from 1 without holes.
    pub number: u32,
    /// What it does, as in the file's name.
    pub name: &'static str,
    /// The statements.
    pub sql: &'static str,
}

/// All migrations, in order.
pub const MIGRATIONS: &[Migration] = &[
    Migration { number: 1, name: "kube_event", sql: include_str!("../sql/0001_kube_event.sql") },
    Migration { number: 2, name: "kube_coverage", sql: include_str!("../sql/0002_kube_coverage.sql") },
    Migration { number: 3, name: "kube_reject", sql: include_str!("../sql/0003_kube_reject.sql") },
    Migration { number: 4, name: "found_by_import", sql: include_str!("../sql/0004_found_by_import.sql") },
    Migration { number: 5, name: "events", sql: include_str!("../sql/0005_events.sql") },
    Migration { number: 6, name: "coverage", sql: include_str!("../sql/0006_coverage.sql") },
    Migration { number: 7, name: "rejects", sql: include_str!("../sql/0007_rejects.sql") },
    Migration { number: 8, name: "name_found", sql: include_str!("../sql/0008_name_found.sql") },
    Migration { number: 9, name: "operation_event", sql: include_str!("../sql/0009_operation_event.sql") },
    Migration { number: 10, name: "operation_hosts", sql: include_str!("../sql/0010_operation_hosts.sql") },
    Migration { number: 11, name: "operation_steps", sql: include_str!("../sql/0011_operation_steps.sql") },
    Migration { number: 12, name: "operations", sql: include_str!("../sql/0012_operations.sql") },
    Migration { number: 13, name: "operation_events", sql: include_str!("../sql/0013_operation_events.sql") },
    Migration { number: 14, name: "kube_hot", sql: include_str!("../sql/0014_kube_hot.sql") },
];

/// The views for analysts, by the names of their migrations: all that SQL of callers may read.
pub const VIEWS: [&str; 7] =
    ["events", "coverage", "rejects", "operations", "operation_steps", "operation_hosts", "operation_events"];

/// The version of the tables: part of every de-duplication token, so that a rebuilt table takes a replay.
pub const TABLE_VERSION: u32 = 1;

impl Migration {
    /// The columns of the table that it creates, in order, each as name and definition. It relies on the form of our
    /// files: one column a line, indented by four spaces.
    pub fn columns(&self) -> impl Iterator<Item = (&'static str, &'static str)> {
        let body = self.sql.lines().skip_while(|line| *line != "(").skip(1).take_while(|line| *line != ")");
        body.filter_map(|line| line.strip_prefix("    ")?.trim_end_matches(',').split_once(' '))
            .filter(|(name, _)| name.starts_with(|first: char| first.is_ascii_lowercase()))
    }

    /// The single statements.
    pub fn statements(&self) -> impl Iterator<Item = &'static str> {
        self.sql.split(";\n").map(str::trim).filter(|statement| !statement.is_empty())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_those_without_indexes_and_projections() {
        let of = |migration: &Migration| migration.columns().map(|(name, _)| name).collect::<Vec<_>>();
        let event = of(&MIGRATIONS[0]);
        assert_eq!((event.first(), event.last(), event.len()), (Some(&"cluster_uid"), Some(&"log_offset"), 41));
        assert_eq!(of(&MIGRATIONS[2]).last(), Some(&"log_offset"));
    }

    #[test]
    fn migrations_are_numbered_without_holes() {
        for (i, migration) in MIGRATIONS.iter().enumerate() {
            assert_eq!(migration.number as usize, i + 1);
            assert!(migration.statements().count() > 0);
            // A crash between a statement and its note makes it run again.
            assert!(migration.statements().all(|s| s.contains("IF NOT EXISTS") || s.contains("IF EXISTS")));
        }
    }
}
