//! The same statements for a cluster of replicas: tables that copy themselves, made on all of them at once.
//!
//! A cluster has one shard here: each replica has all rows. `{uuid}`, `{shard}` and `{replica}` are the server's macros.

/// What a table's engine is told of its place in Keeper.
const PLACE: &str = "'/clickhouse/tables/{uuid}/{shard}', '{replica}'";

/// How inserts and questions behave where tables are copied: an insert is done when most replicas have it, and a question
/// is answered by a replica that has all such inserts, or not at all.
pub(crate) const WRITES: [(&str, &str); 3] =
    [("insert_quorum", "auto"), ("insert_quorum_parallel", "0"), ("select_sequential_consistency", "1")];
/// Of these a reader needs one.
pub(crate) const READS: [(&str, &str); 1] = [("select_sequential_consistency", "1")];
/// A statement for all replicas waits for those that are there; the others do it when they come back.
pub(crate) const DEFINES: (&str, &str) = ("distributed_ddl_output_mode", "none_only_active");

/// A statement of ours, for all replicas of this cluster. Statements that a replicated table passes on by itself, as
/// deletions, are left alone.
pub(crate) fn on_cluster(statement: &str, cluster: &str) -> String {
    let clause = format!(" ON CLUSTER '{cluster}'");
    let (head, rest) = match head(statement) {
        Some(length) => statement.split_at(length),
        None => return statement.to_owned(),
    };
    // `SYNC` and such stand behind the clause, `AS` and columns too.
    format!("{head}{clause}{}", replicated(rest))
}

/// How long the part before the clause is: up to the name of the table, view or database.
fn head(statement: &str) -> Option<usize> {
    const DEFINITIONS: [&str; 6] = [
        "CREATE TABLE IF NOT EXISTS ",
        "CREATE TABLE ",
        "CREATE VIEW IF NOT EXISTS ",
        "CREATE DATABASE IF NOT EXISTS ",
        "DROP TABLE IF EXISTS ",
        "ALTER TABLE ",
    ];
    let begin = statement.len() - without_comments(statement).len();
    let text = &statement[begin..];
    if text.starts_with("EXCHANGE TABLES ") {
        return Some(statement.len());
    }
    let definition = DEFINITIONS.iter().find(|definition| text.starts_with(*definition))?;
    if *definition == "ALTER TABLE " && text.contains(" DELETE WHERE ") {
        return None;
    }
    let name = text[definition.len()..].find([' ', '\n']).unwrap_or(text.len() - definition.len());
    Some(begin + definition.len() + name)
}

/// The statement behind the lines that begin with `--`.
fn without_comments(statement: &str) -> &str {
    let mut rest = statement;
    while let Some(comment) = rest.strip_prefix("--") {
        rest = comment.split_once('\n').map_or("", |(_, rest)| rest);
    }
    rest
}

/// The engine that copies, in place of the one that does not.
fn replicated(rest: &str) -> String {
    rest.replace("ENGINE = ReplacingMergeTree(", &format!("ENGINE = ReplicatedReplacingMergeTree({PLACE}, "))
        .replace("ENGINE = ReplacingMergeTree\n", &format!("ENGINE = ReplicatedReplacingMergeTree({PLACE})\n"))
        .replace("ENGINE = ReplacingMergeTree ", &format!("ENGINE = ReplicatedReplacingMergeTree({PLACE}) "))
        .replace(
            "non_replicated_deduplication_window = 10000",
            "replicated_deduplication_window = 10000, replicated_deduplication_window_seconds = 604800",
        )
}

#[cfg(test)]
mod tests {
    use beidou_schemas::ddl::MIGRATIONS;

    use super::*;

    #[test]
    fn the_tables_of_a_cluster_are_golden() {
        let all: Vec<_> = MIGRATIONS
            .iter()
            .flat_map(|migration| migration.statements())
            .map(|statement| on_cluster(without_comments(statement), "site"))
            .collect();
        insta::assert_snapshot!(all.join(";\n\n"));
        let every = all.join("\n");
        assert!(!every.contains("ENGINE = ReplacingMergeTree") && !every.contains("non_replicated"), "{every}");
        assert!(all.iter().all(|statement| statement.contains(" ON CLUSTER 'site'")), "{every}");
    }

    #[test]
    fn definitions_go_to_all_replicas_and_the_rest_to_one() {
        for (statement, expected) in [
            ("CREATE TABLE b AS a", "CREATE TABLE b ON CLUSTER 'c' AS a"),
            ("DROP TABLE IF EXISTS b SYNC", "DROP TABLE IF EXISTS b ON CLUSTER 'c' SYNC"),
            ("EXCHANGE TABLES a AND b", "EXCHANGE TABLES a AND b ON CLUSTER 'c'"),
            ("CREATE DATABASE IF NOT EXISTS `b`", "CREATE DATABASE IF NOT EXISTS `b` ON CLUSTER 'c'"),
            ("ALTER TABLE a DROP INDEX IF EXISTS i", "ALTER TABLE a ON CLUSTER 'c' DROP INDEX IF EXISTS i"),
            ("ALTER TABLE a DELETE WHERE 1", "ALTER TABLE a DELETE WHERE 1"),
            ("OPTIMIZE TABLE a FINAL", "OPTIMIZE TABLE a FINAL"),
            ("SELECT 1", "SELECT 1"),
        ] {
            assert_eq!(on_cluster(statement, "c"), expected);
        }
    }
}
