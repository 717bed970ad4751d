//! What came of a dump, in words.

use std::path::Path;

use super::Done;
use crate::exit::{Code, Failure};

/// A few lines.
pub(super) fn summary(name: &str, done: &Done) -> String {
    let counts = &done.counts;
    let verb = if done.dry_run { "would be imported" } else { "imported" };
    let mut text = format!("{name}: {} states {verb}, {} known already", counts.imported, counts.known);
    if counts.passed > 0 {
        text += &format!(", {} passed over (deletions, bookmarks, heartbeats)", counts.passed);
    }
    if counts.rejected > 0 {
        text += &format!(", {} rejected", counts.rejected);
    }
    for cluster in done.clusters.iter().filter(|cluster| cluster.imported > 0) {
        let new = if cluster.known { "" } else { ", which is new" };
        text += &format!("\n  {} into {}{new}", cluster.imported, cluster.name);
    }
    if counts.hashed > 0 {
        text += &format!("\n  {} of them without uid or resourceVersion: known again by their content", counts.hashed);
    }
    if done.rejects_left_out > 0 {
        text += &format!("\n  {} rejects are counted and not told", done.rejects_left_out);
    }
    if counts.imported > 0 && !done.dry_run {
        text += &format!("\n  {}", done.coverage);
    }
    text
}

/// Why an import ends with exit code 1 though all of its files were read to their ends. Of the rejected items the server left
/// some out.
pub(super) fn refused((rejected, left_out): (u64, u64), rejects: Option<&Path>, dry_run: bool) -> Failure {
    let (verb, others) = match dry_run {
        true => ("cannot", "everything else could be, and nothing is: this was a dry run"),
        false => ("could not", "everything else is imported"),
    };
    let of = match left_out {
        0 => String::new(),
        _ => format!("of {} of them ", rejected.saturating_sub(left_out)),
    };
    let which = match rejects {
        Some(path) => format!("{} says {of}which and why", path.display()),
        None => format!("--rejects FILE writes {of}which and why"),
    };
    Failure::new(Code::Failure, format!("{rejected} items {verb} be imported"), format!("{which}; {others}"))
}

/// Which file was not imported to its end, and what became of the others.
pub(super) fn cut_short(name: &str, before: usize, files: usize, dry_run: bool) -> String {
    let verb = if dry_run { "read" } else { "imported" };
    match files {
        1 => format!("cannot import {name}"),
        _ => format!("cannot import {name} ({before} of {files} files {verb} before it, none after it)"),
    }
}

#[cfg(test)]
mod tests {
    use super::{
        super::{Cluster, Counts},
        *,
    };

    #[test]
    fn it_says_what_is_of_interest() {
        let counts = Counts { imported: 5, known: 2, hashed: 1, passed: 3, rejected: 4, ..Counts::default() };
        let clusters = vec![
            Cluster { name: "a".into(), uid: "u".into(), known: true, imported: 4 },
            Cluster { name: "b".into(), uid: "v".into(), known: false, imported: 1 },
        ];
        let done = Done { counts, clusters, dry_run: false, rejects_left_out: 0, coverage: "unproven".into() };
        assert_eq!(
            summary("x.json", &done),
            "x.json: 5 states imported, 2 known already, 3 passed over (deletions, bookmarks, heartbeats), 4 rejected\n  4 \
             into a\n  1 into b, which is new\n  1 of them without uid or resourceVersion: known again by their content\n  \
             unproven"
        );
        let none =
            Done { counts: Counts { known: 7, ..Counts::default() }, clusters: Vec::new(), dry_run: true, ..done };
        assert_eq!(summary("-", &none), "-: 0 states would be imported, 7 known already");
    }

    #[test]
    fn nothing_is_called_imported_that_is_not() {
        let end = |rejects: Option<&str>, dry_run, left_out| {
            let Failure { text, next, .. } = refused((3, left_out), rejects.map(Path::new), dry_run);
            format!("{text}; {next}")
        };
        let cut = end(Some("r.ndjson"), false, 1);
        assert!(cut.contains("3 items could not be imported; r.ndjson says of 2 of them which and why"), "{cut}");
        for (rejects, dry_run, expected) in [
            (
                None,
                false,
                "3 items could not be imported; --rejects FILE writes which and why; everything else is imported",
            ),
            (
                Some("r.ndjson"),
                true,
                "3 items cannot be imported; r.ndjson says which and why; everything else could be, and nothing is: this \
                 was a dry run",
            ),
        ] {
            assert_eq!(end(rejects, dry_run, 0), expected);
        }
        for (before, files, dry_run, expected) in [
            (0, 1, false, "cannot import b"),
            (1, 3, false, "cannot import b (1 of 3 files imported before it, none after it)"),
            (2, 3, true, "cannot import b (2 of 3 files read before it, none after it)"),
        ] {
            assert_eq!(cut_short("b", before, files, dry_run), expected);
        }
    }
}
