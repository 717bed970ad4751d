//! The source tree is as ARCHITECTURE.md says: arrows, owners, sizes, headers, names, honest tests.

use std::path::Path;

use beidou_tests::tidy::violations;

#[test]
fn the_tree_is_tidy() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("this crate lies one folder below the root");
    let found = violations(root).unwrap();
    let list: String = found.iter().map(|violation| format!("{violation}\n")).collect();
    assert!(found.is_empty(), "{} violations:\n{list}", found.len());
}
