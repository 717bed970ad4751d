//! What docs/clickhouse.md grants on a server: each system table that a statement of ours reads, to the user who asks it.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

use beidou_tests::helm::deploy;

/// Where statements for a server stand.
const STATEMENTS: [&str; 4] = ["lib/store/src", "projector/src", "query-api/src", "schemas/sql"];
/// Those of them that the reader asks; the writer asks the others.
const OF_THE_READER: [&str; 4] = ["lib/store/src/query", "lib/store/src/sql", "query-api/src", "schemas/sql"];
/// The embedded engine asks itself, and has no users.
const OF_THE_ENGINE: &str = "lib/store/src/engine";
/// System tables that ClickHouse shows to everybody, each row to whoever may see what it is about.
const OPEN: &str = "tables";

type Names = BTreeSet<String>;

fn files(folder: &Path) -> Vec<PathBuf> {
    let below = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    below.flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] }).collect()
}

/// The system tables that the statements of a text read; its tests are not looked at.
fn read(text: &str) -> Names {
    let statements = text.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default();
    let words = statements.split_whitespace().collect::<Vec<_>>().join(" ");
    let name = |rest: &str| rest.chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '_').collect::<String>();
    ["FROM system.", "JOIN system."].iter().flat_map(|before| words.split(before).skip(1)).map(name).collect()
}

/// What the statements of a user read, and need a grant for.
fn needed(of_the_reader: bool) -> Names {
    let root = deploy("..");
    let mut needed = Names::new();
    for path in STATEMENTS.iter().flat_map(|folder| files(&root.join(folder))) {
        let below = path.strip_prefix(&root).unwrap();
        let is_a_test = below.iter().any(|part| part == "tests" || part == "tests.rs");
        let is_the_readers = OF_THE_READER.iter().any(|folder| below.starts_with(folder));
        if !is_a_test && !below.starts_with(OF_THE_ENGINE) && is_the_readers == of_the_reader {
            needed.extend(read(&fs::read_to_string(&path).unwrap()));
        }
    }
    needed.remove(OPEN);
    needed
}

/// The system tables that these statements grant to be read, where they end so.
fn granted(statements: &str, end: &str) -> Names {
    let lines = statements.split("GRANT SELECT ON system.").skip(1).filter_map(|rest| rest.lines().next());
    lines.filter_map(|line| line.strip_suffix(end)).map(String::from).collect()
}

#[test]
fn the_page_about_servers_grants_what_statements_read() {
    let page = fs::read_to_string(deploy("../docs/clickhouse.md")).unwrap();
    let in_xml = page.split("<users>").nth(1).and_then(|rest| rest.split("</users>").next()).unwrap();
    for (user, of_the_reader) in [("beidou_reader", true), ("beidou_writer", false)] {
        let needed = needed(of_the_reader);
        assert_eq!(granted(&page, &format!(" TO {user};")), needed, "to {user}, in SQL");
        let own = in_xml.split(&format!("<{user}>")).nth(1).and_then(|rest| rest.split("</grants>").next()).unwrap();
        assert_eq!(granted(own, "</query>"), needed, "to {user}, in users.xml");
    }
}

#[test]
fn statements_and_grants_are_found() {
    let statement = "\"SELECT 1 FROM\n  system.parts JOIN system.disks\\nWHERE 1\"\n";
    let text = format!("{statement}#[cfg(test)]\nmod tests {{ FROM system.one }}");
    assert_eq!(read(&text), ["parts", "disks"].map(String::from).into());
    let page = "GRANT SELECT ON system.parts TO a;\nGRANT SELECT ON system.disks TO b;\nGRANT ALL ON c.* TO a;";
    assert_eq!(granted(page, " TO a;"), ["parts".to_owned()].into());
}
