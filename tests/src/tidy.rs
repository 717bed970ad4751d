//! Checks the shape of the source tree: who may know whom, sizes, headers, names, honest tests.
//!
//! ```text
//! git ls-files ──► Source ──► sizes, names, honesty, places ─┐
//! cargo metadata ► Package ─► arrows, owners ────────────────┼─► violations, all at once, as `file:line: message`
//! Cargo.toml ────► text ────► manifests ─────────────────────┘
//! ```
//!
//! Each check is a function from text to violations, so that its own tests can feed it a bad snippet: a check that
//! cannot fail proves nothing.

mod arrows;
mod honesty;
mod manifests;
mod names;
mod owners;
mod places;
mod sizes;

use std::{
    env, fmt, fs,
    path::{Path, PathBuf},
    process::{Command, Output},
};

use anyhow::{Context, ensure};
use serde::Deserialize;

/// A file that belongs to the project.
#[derive(Debug)]
pub struct Source {
    /// Relative to the root, with `/`.
    pub path: String,
    /// Its content; bytes that are no UTF-8 are replaced.
    pub text: String,
}

/// A crate of the workspace with the crates that its manifest names.
#[derive(Debug)]
pub struct Package {
    /// As in its manifest: `beidou-store`.
    pub name: String,
    /// Relative to the root, with `/`.
    pub manifest: String,
    /// All of them, ours and others'.
    pub dependencies: Vec<Dependency>,
}

/// A crate that a [`Package`] names.
#[derive(Debug)]
pub struct Dependency {
    /// Its real name, even where it is renamed.
    pub name: String,
    /// Whether only tests see it.
    pub only_tests: bool,
}

/// Something that is not as it should be.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Violation {
    path: String,
    line: usize,
    message: String,
}

impl Violation {
    fn new(path: &str, line: usize, message: impl Into<String>) -> Self {
        Self { path: path.into(), line, message: message.into() }
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.path, self.line, self.message)
    }
}

/// All violations in the tree below `root`, sorted by file and line.
///
/// # Errors
/// When the tree cannot be read: git or cargo is missing or refuses, a file cannot be opened.
pub fn violations(root: &Path) -> anyhow::Result<Vec<Violation>> {
    let mut found = Vec::new();
    for source in sources(root)? {
        found.extend(names::check(&source.path));
        found.extend(places::check(&source));
        if source.path.ends_with(".rs") {
            found.extend(sizes::check(&source));
            found.extend(honesty::check(&source));
        }
        if source.path.ends_with("/Cargo.toml") {
            found.extend(manifests::check(&source));
        }
    }
    for package in packages(root)? {
        found.extend(arrows::check(&package));
        found.extend(owners::check(&package));
    }
    found.sort();
    Ok(found)
}

/// What git tracks, and what it would track if all were added; so the check speaks before the commit.
fn sources(root: &Path) -> anyhow::Result<Vec<Source>> {
    // A checkout that belongs to another user, as in some CI containers, is read all the same.
    let arguments = ["-c", "safe.directory=*", "ls-files", "-z", "--cached", "--others", "--exclude-standard"];
    let listed = String::from_utf8(output(Command::new("git").args(arguments), root)?.stdout)?;
    let mut sources = Vec::new();
    for path in listed.split_terminator('\0') {
        let file = root.join(path);
        if file.is_file() {
            let bytes = fs::read(&file).with_context(|| format!("read {path}"))?;
            sources.push(Source { path: path.into(), text: String::from_utf8_lossy(&bytes).into_owned() });
        }
    }
    ensure!(sources.iter().any(|source| source.path.ends_with(".rs")), "git lists no Rust file below {root:?}");
    Ok(sources)
}

/// The part of `cargo metadata` that we read. The crate of that name would switch on a feature of serde_json, and all
/// that stands on it would be compiled a second time for the tests.
#[derive(Deserialize)]
struct Metadata {
    packages: Vec<Member>,
}

#[derive(Deserialize)]
struct Member {
    name: String,
    manifest_path: PathBuf,
    dependencies: Vec<MemberDependency>,
}

#[derive(Deserialize)]
struct MemberDependency {
    name: String,
    /// `None` for a normal one, else "dev" or "build".
    kind: Option<String>,
}

fn packages(root: &Path) -> anyhow::Result<Vec<Package>> {
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let arguments = ["metadata", "--no-deps", "--format-version", "1"];
    let metadata: Metadata = serde_json::from_slice(&output(Command::new(cargo).args(arguments), root)?.stdout)?;
    let dependency = |dependency: MemberDependency| Dependency {
        only_tests: dependency.kind.as_deref() == Some("dev"),
        name: dependency.name,
    };
    let packages = metadata.packages.into_iter().map(|member| Package {
        name: member.name,
        manifest: member.manifest_path.strip_prefix(root).unwrap_or(&member.manifest_path).display().to_string(),
        dependencies: member.dependencies.into_iter().map(dependency).collect(),
    });
    Ok(packages.collect())
}

/// What a command that succeeds in `folder` gives.
fn output(command: &mut Command, folder: &Path) -> anyhow::Result<Output> {
    let output = command.current_dir(folder).output().with_context(|| format!("run {command:?}"))?;
    ensure!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    Ok(output)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A package for the tests of the checks: `name` needs these others.
    pub(super) fn package(name: &str, dependencies: &[(&str, bool)]) -> Package {
        let dependencies = dependencies.iter().map(|&(name, only_tests)| Dependency { name: name.into(), only_tests });
        Package { name: name.into(), manifest: format!("{name}/Cargo.toml"), dependencies: dependencies.collect() }
    }

    /// A file for the tests of the checks.
    pub(super) fn source(path: &str, text: &str) -> Source {
        Source { path: path.into(), text: text.into() }
    }

    /// The lines of the violations, in their order.
    pub(super) fn lines(found: &[Violation]) -> Vec<usize> {
        found.iter().map(|violation| violation.line).collect()
    }

    #[test]
    fn a_tree_that_is_no_checkout_is_refused() {
        let empty = tempfile::tempdir().unwrap();
        assert!(violations(empty.path()).is_err());
    }

    #[test]
    fn dependencies_are_read_with_their_kind() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
        let packages = packages(root).unwrap();
        let ours = packages.iter().find(|package| package.name == "beidou-tests").unwrap();
        assert_eq!(ours.manifest, "tests/Cargo.toml");
        assert!(ours.dependencies.iter().any(|dependency| dependency.name == "syn" && !dependency.only_tests));
    }

    #[test]
    fn a_violation_reads_as_editors_expect() {
        assert_eq!(Violation::new("a/b.rs", 7, "too long").to_string(), "a/b.rs:7: too long");
    }

    #[test]
    fn a_bad_tree_shows_every_kind_of_violation() {
        let root = tempfile::tempdir().unwrap();
        let write = |path: &str, text: &str| {
            let path = root.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        };
        write("Cargo.toml", "[workspace]\nmembers = [\"schemas\", \"lib/log\"]\nresolver = \"3\"\n");
        write("schemas/Cargo.toml", "[package]\nname = \"beidou-schemas\"\n[dependencies]\nclickhouse = \"0.15\"\n");
        write("schemas/src/lib.rs", "fn late() { todo!() }\n");
        write("lib/log/Cargo.toml", "[package]\nname = \"beidou-log\"\n[dependencies]\nbeidou-rogue = \"1\"\n");
        write("lib/log/src/utils.rs", &format!("//! See {}.\n", concat!("/wo", "rk/notes")));
        write("lib/log/src/lib.rs", "//! The log.\n");
        let git = Command::new("git").args(["init", "--quiet"]).current_dir(root.path()).status().unwrap();
        assert!(git.success());
        let found: Vec<String> = violations(root.path()).unwrap().iter().map(ToString::to_string).collect();
        let expected = [
            ("schemas/src/lib.rs:1:", "header"),
            ("schemas/src/lib.rs:1:", "todo!"),
            ("schemas/Cargo.toml:1:", "only beidou-store"),
            ("schemas/Cargo.toml:4:", "clickhouse"),
            ("lib/log/Cargo.toml:1:", "beidou-rogue"),
            ("lib/log/src/utils.rs:1:", "utils"),
            ("lib/log/src/utils.rs:1:", "machine"),
        ];
        for (place, word) in expected {
            assert!(
                found.iter().any(|line| line.starts_with(place) && line.contains(word)),
                "{place} {word}: {found:#?}"
            );
        }
    }
}
