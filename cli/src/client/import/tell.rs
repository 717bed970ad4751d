//! What came of a dump, in words.

use super::Done;

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
}
