//! Manifests of members: one table of versions and one of lints stand in the root, a member only refers to them.

use toml_edit::{Document, Item, Key, TableLike};

use super::{Source, Violation};

/// Tables of a manifest that name crates.
const DEPENDENCIES: [&str; 3] = ["dependencies", "dev-dependencies", "build-dependencies"];

/// Keys of `[package]` that the root decides.
const SHARED: [&str; 4] = ["version", "edition", "rust-version", "license"];

/// Checks the manifest of one member.
pub(super) fn check(source: &Source) -> Vec<Violation> {
    let manifest = match Document::parse(source.text.as_str()) {
        Ok(manifest) => manifest,
        Err(error) => return vec![Violation::new(&source.path, 1, format!("cannot be read: {error}"))],
    };
    let root = manifest.as_table();
    let mut found = Vec::new();
    let mut refuse = |key: Option<&Key>, message: String| {
        let line = key.and_then(Key::span).map_or(1, |span| 1 + source.text[..span.start].matches('\n').count());
        found.push(Violation::new(&source.path, line, message));
    };
    let package = root.get("package").and_then(Item::as_table_like);
    for name in SHARED {
        if !package.and_then(|package| package.get(name)).is_some_and(is_shared) {
            let key = package.and_then(|package| package.get_key_value(name)).map(|(key, _)| key);
            refuse(key, format!("{name} is decided in the root: write {name}.workspace = true"));
        }
    }
    if !root.get("lints").is_some_and(is_shared) {
        refuse(None, "lints are decided in the root: write [lints] workspace = true".into());
    }
    for (name, table) in dependency_tables(root) {
        for (library, item) in table.iter() {
            if !is_shared(item) {
                let key = table.get_key_value(library).map(|(key, _)| key);
                refuse(
                    key,
                    format!("[{name}] {library}: versions stand in the root: write {library}.workspace = true"),
                );
            }
        }
    }
    found
}

/// `name.workspace = true` or `name = { workspace = true, … }`.
fn is_shared(item: &Item) -> bool {
    item.as_table_like().and_then(|table| table.get("workspace")).and_then(Item::as_bool) == Some(true)
}

/// The tables of all dependencies, those of `[target.….dependencies]` included.
fn dependency_tables(root: &dyn TableLike) -> Vec<(&'static str, &dyn TableLike)> {
    let targets = root.get("target").and_then(Item::as_table_like);
    let platforms = targets.into_iter().flat_map(TableLike::iter).filter_map(|(_, item)| item.as_table_like());
    let mut tables = Vec::new();
    for holder in std::iter::once(root).chain(platforms) {
        for name in DEPENDENCIES {
            tables.extend(holder.get(name).and_then(Item::as_table_like).map(|table| (name, table)));
        }
    }
    tables
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tidy::tests::{lines, source};

    const GOOD: &str = r#"[package]
name = "x"
version.workspace = true
edition.workspace = true
rust-version.workspace = true
license.workspace = true
[lints]
workspace = true
[dependencies]
serde.workspace = true
tokio = { workspace = true, features = ["fs"] }
"#;

    fn found(text: &str) -> Vec<usize> {
        lines(&check(&source("x/Cargo.toml", text)))
    }

    #[test]
    fn a_member_that_refers_to_the_root_is_fine() {
        assert!(found(GOOD).is_empty());
    }

    #[test]
    fn own_versions_are_refused_in_every_form() {
        assert_eq!(found(&format!("{GOOD}rand = \"0.10\"\n")), [12]);
        assert_eq!(found(&format!("{GOOD}rand = {{ version = \"0.10\" }}\n")), [12]);
        assert_eq!(found(&format!("{GOOD}[dev-dependencies.rand]\nversion = \"0.10\"\n")), [12]);
        assert_eq!(found(&format!("{GOOD}[target.'cfg(unix)'.dependencies]\nlibc = \"0.2\"\n")), [13]);
    }

    #[test]
    fn own_lints_editions_and_broken_files_are_refused() {
        assert_eq!(found(&GOOD.replace("[lints]\nworkspace", "[lints]\nother")), [1]);
        assert_eq!(found(&GOOD.replace("edition.workspace = true", "edition = \"2021\"")), [4]);
        assert_eq!(found("[package"), [1]);
    }
}
