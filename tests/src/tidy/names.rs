//! Names that say nothing: a file is named with the word used in talk.

use super::Violation;

/// Each invites everything and describes nothing.
const FORBIDDEN: [&str; 9] =
    ["util", "utils", "utilities", "common", "helper", "helpers", "manager", "misc", "miscellaneous"];

/// Checks the names of a file and of the folders on the way to it.
pub(super) fn check(path: &str) -> Vec<Violation> {
    let words = path.split('/').map(|part| part.split('.').next().unwrap_or(part));
    words
        .filter(|word| FORBIDDEN.contains(word))
        .map(|word| Violation::new(path, 1, format!("\"{word}\" says nothing: name it after what it holds")))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn empty_words_are_refused_for_files_and_folders() {
        for bad in ["ingest/src/utils.rs", "tests/common/mod.rs", "lib/log/src/helpers/a.rs", "manager.sh"] {
            assert_eq!(check(bad).len(), 1, "{bad}");
        }
    }

    #[test]
    fn words_that_only_contain_them_are_fine() {
        assert!(check("tests/src/commonality.rs").is_empty());
        assert!(check("tests/src/control-plane/kube-controller-manager.rs").is_empty());
    }
}
