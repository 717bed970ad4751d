//! What would work on one machine only: its paths, the address of its package mirror.

use super::{Source, Violation};

/// Split, so that this file does not break its own rule.
const PATHS: [&str; 4] =
    [concat!("/wo", "rk/"), concat!("/tmp", "/bash"), concat!("/ro", "ot/"), concat!("..", "/shared")];

/// A mirror's address in a lock file makes the project unbuildable elsewhere.
const MIRROR: &str = concat!("artif", "actory");

/// Where a crate of the lock file may come from.
const REGISTRY: &str = "registry+https://github.com/rust-lang/crates.io-index";

/// Checks every line of a file of any kind.
pub(super) fn check(source: &Source) -> Vec<Violation> {
    let mut found = Vec::new();
    for (index, line) in source.text.lines().enumerate() {
        let mut refuse = |message: String| found.push(Violation::new(&source.path, index + 1, message));
        for path in PATHS.into_iter().filter(|path| names_path(line, path)) {
            refuse(format!("{path} is a path of one machine"));
        }
        if line.contains(MIRROR) {
            refuse("the address of one machine's package mirror".into());
        }
        if source.path == "Cargo.lock" && line.starts_with("source = ") && !line.contains(REGISTRY) {
            refuse("crates come from crates.io only".into());
        }
    }
    found
}

/// Whether `path` stands in `line` and does not merely end a longer path, as in `tests/…`.
fn names_path(line: &str, path: &str) -> bool {
    line.match_indices(path).any(|(at, _)| {
        let before = line[..at].chars().next_back();
        !before.is_some_and(|c| c.is_alphanumeric() || "_-.}*>".contains(c))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tidy::tests::{lines, source};

    #[test]
    fn paths_of_a_machine_are_refused_anywhere() {
        for path in PATHS {
            let text = format!("fine\nsee `{path}x`\n");
            assert_eq!(lines(&check(&source("docs/a.md", &text))), [2], "{path}");
        }
    }

    #[test]
    fn longer_paths_that_end_like_one_are_fine() {
        assert!(check(&source("a.sh", concat!("cd net", "/wo", "rk/x && ls $HOME", "/ro", "ot-x"))).is_empty());
    }

    #[test]
    fn mirrors_and_foreign_sources_are_refused() {
        let mirror = format!("url = \"https://{MIRROR}.example\"");
        assert_eq!(lines(&check(&source("package-lock.json", &mirror))), [1]);
        let lock = "source = \"git+https://example.org/fork\"\nsource = \"registry+https://github.com/rust-lang/crates.io-index\"";
        assert_eq!(lines(&check(&source("Cargo.lock", lock))), [1]);
    }
}
