//! The lines under every table: whether the range is complete, and what is missing. A gap is never hidden.
//!
//! Clusters that are known by imports alone are named apart where an answer tells of them, which is where somebody asked
//! for them: of them nothing is proven and nothing is lost, and what is said of the watched clusters stays as it is.

use jiff::{Timestamp, tz::TimeZone};

use super::answer::{ClusterCoverage, Part, Range};
use crate::output::{Look, Paint, time};

/// So many parts are shown; `beidou coverage` shows all.
const MOST_PARTS: usize = 5;
/// So many imported clusters are named; the others are counted.
const MOST_NAMES: usize = 5;

/// A line and its meaning.
type Line = (Paint, String);

/// The footer as text.
pub fn footer(coverage: &[ClusterCoverage], range: Range, now: Timestamp, zone: &TimeZone, look: Look) -> String {
    let lines = lines(coverage, range, now, zone);
    lines.into_iter().map(|(paint, line)| paint.on(&line, look.colour) + "\n").collect()
}

/// Whether nothing is missing of any cluster, imported ones aside: of those nobody knows, and where there are no others
/// nothing is complete.
pub fn is_complete(coverage: &[ClusterCoverage], range: Range) -> bool {
    let mut watched = coverage.iter().filter(|cluster| !cluster.imported_only()).peekable();
    watched.peek().is_some() && watched.all(|cluster| cluster.missing(range).next().is_none())
}

/// A part with the name of its cluster.
fn missing<'a>(coverage: &[&'a ClusterCoverage], range: Range) -> Vec<(&'a str, &'a Part)> {
    let of_cluster =
        |cluster: &'a ClusterCoverage| cluster.missing(range).map(move |part| (cluster.cluster.as_str(), part));
    let mut parts: Vec<_> = coverage.iter().copied().flat_map(of_cluster).collect();
    parts.sort_by_key(|(_, part)| std::cmp::Reverse(part.to));
    parts
}

fn lines(coverage: &[ClusterCoverage], range: Range, now: Timestamp, zone: &TimeZone) -> Vec<Line> {
    if coverage.is_empty() {
        return vec![(Paint::Warning, "coverage: no cluster has been collected yet".into())];
    }
    let (imported, watched): (Vec<_>, Vec<_>) = coverage.iter().partition(|cluster| cluster.imported_only());
    let mut lines = match watched.is_empty() {
        true => Vec::new(),
        false => of_watched(&watched, range, now, zone),
    };
    if !imported.is_empty() {
        let lead = if watched.is_empty() { "coverage: " } else { "  " };
        let names = first_names(imported.iter().map(|cluster| cluster.cluster.as_str()));
        lines.push((Paint::Dim, format!("{lead}{names}: imported, completeness not known")));
    }
    lines
}

/// The first of these names, and how many more there are.
pub fn first_names<'a>(names: impl ExactSizeIterator<Item = &'a str>) -> String {
    let all = names.len();
    let named: Vec<_> = names.take(MOST_NAMES).collect();
    match all.saturating_sub(MOST_NAMES) {
        0 => named.join(", "),
        more => format!("{} and {more} more", named.join(", ")),
    }
}

fn of_watched(coverage: &[&ClusterCoverage], range: Range, now: Timestamp, zone: &TimeZone) -> Vec<Line> {
    let (missing, left_out) =
        (missing(coverage, range), coverage.iter().map(|cluster| cluster.more_parts).sum::<usize>());
    if missing.is_empty() && left_out == 0 {
        return vec![(
            Paint::Good,
            format!("coverage: complete, {}{}", clusters(coverage.len()), proven(coverage, range, now)),
        )];
    }
    let mut lines = vec![(Paint::Warning, "coverage: not complete, what is missing here may have happened".to_owned())];
    let names = missing.iter().map(|(cluster, _)| cluster.chars().count()).max().unwrap_or(0);
    for (cluster, part) in missing.iter().take(MOST_PARTS) {
        lines.push((paint(&part.state), format!("  {cluster:names$}  {}", describe(part, now, zone))));
    }
    let more = missing.len().saturating_sub(MOST_PARTS) + left_out;
    if more > 0 {
        lines.push((Paint::Warning, format!("  and {more} more: see `beidou coverage`")));
    }
    lines
}

/// Degraded and lost differ: one may have all that matters, the other has nothing.
pub fn paint(state: &str) -> Paint {
    match state {
        "complete" => Paint::Good,
        "gap" => Paint::Bad,
        _ => Paint::Warning,
    }
}

/// `gap  11-20 14:02:10 to 15:12:00 (1h9m): expired`.
fn describe(part: &Part, now: Timestamp, zone: &TimeZone) -> String {
    let (from, to) = (time::local(part.from, now, zone), time::local(part.to, now, zone));
    let (day, time_of_day) = to.split_once(' ').unwrap_or(("", &to));
    let to = if from.starts_with(day) { time_of_day } else { &to };
    let length = time::length(part.to.duration_since(part.from));
    format!("{:8}  {from} to {to} ({length}): {}", part.state, part.reason.replace('_', " "))
}

fn proven(coverage: &[&ClusterCoverage], range: Range, now: Timestamp) -> String {
    // A cluster that nothing is known of makes the least, and then there is no moment to tell.
    match coverage.iter().map(|cluster| cluster.known_until).min().flatten() {
        Some(until) if until < range.to => format!(", proven until {} ago", time::length(now.duration_since(until))),
        Some(_) | None => String::new(),
    }
}

fn clusters(number: usize) -> String {
    if number == 1 { "1 cluster".into() } else { format!("{number} clusters") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        format!("2026-11-24T{text}Z").parse().unwrap()
    }

    fn part(state: &str, reason: &str, from: &str, to: &str) -> Part {
        Part { state: state.into(), reason: reason.into(), from: at(from), to: at(to) }
    }

    fn cluster(name: &str, parts: Vec<Part>) -> ClusterCoverage {
        ClusterCoverage {
            cluster: name.into(),
            cluster_uid: format!("uid-{name}"),
            share: 1.0,
            complete: parts.is_empty(),
            proven_until: Some(at("11:59:48")),
            projected_until: at("11:59:50"),
            known_until: Some(at("11:59:48")),
            parts,
            more_parts: 0,
        }
    }

    fn shown(coverage: &[ClusterCoverage]) -> String {
        let range = Range { from: at("00:00:00"), to: at("12:00:00") };
        footer(coverage, range, at("12:00:00"), &TimeZone::UTC, Look { width: None, colour: false })
    }

    #[test]
    fn the_newest_seconds_of_a_living_watch_are_no_gap() {
        let fresh = part("unknown", "not_yet_proven", "11:59:48", "12:00:00");
        let waiting = part("unknown", "not_yet_projected", "11:59:40", "11:59:48");
        insta::assert_snapshot!(shown(&[cluster("hz-prod-02", vec![waiting, fresh]), cluster("sz-prod-01", vec![])]), @"coverage: complete, 2 clusters, proven until 12s ago");
    }

    #[test]
    fn what_is_missing_is_said_the_newest_first() {
        let parts = vec![
            part("gap", "expired", "02:10:00", "03:20:05"),
            part("degraded", "cut", "05:00:00", "05:00:30"),
            part("unknown", "not_yet_proven", "11:00:00", "12:00:00"),
        ];
        insta::assert_snapshot!(shown(&[cluster("sz-prod-01", parts), cluster("hz-prod-02", vec![])]));
    }

    #[test]
    fn an_imported_cluster_is_named_and_raises_no_alarm() {
        let imported = |name: &str| {
            let whole = part("unknown", "imported_only", "00:00:00", "12:00:00");
            ClusterCoverage { proven_until: None, known_until: None, share: 0.0, ..cluster(name, vec![whole]) }
        };
        let (good, old) = (cluster("hz-prod-02", vec![]), imported("hz-old"));
        let line = "hz-old: imported, completeness not known";
        assert_eq!(
            shown(&[good.clone(), old.clone()]),
            format!("coverage: complete, 1 cluster, proven until 12s ago\n  {line}\n")
        );
        assert_eq!(shown(std::slice::from_ref(&old)), format!("coverage: {line}\n"), "nothing is called complete");
        let gap = cluster("sz-prod-01", vec![part("gap", "expired", "02:10:00", "03:20:05")]);
        assert_eq!(
            shown(&[old.clone(), gap.clone()]),
            format!(
                "coverage: not complete, what is missing here may have happened\n  sz-prod-01  gap       11-24 02:10:00 to \
                 03:20:05 (1h10m): expired\n  {line}\n"
            )
        );
        let many: Vec<_> = (0..7).map(|number| imported(&format!("old-{number}"))).collect();
        assert!(shown(&many).contains("old-3, old-4 and 2 more: imported"), "{}", shown(&many));
        let range = Range { from: at("00:00:00"), to: at("12:00:00") };
        for (clusters, complete) in [
            (vec![good.clone(), old.clone()], true),
            (vec![good, old.clone(), gap], false),
            (vec![old], false),
            (vec![], false),
        ] {
            assert_eq!(is_complete(&clusters, range), complete);
        }
    }

    #[test]
    fn many_parts_are_counted_and_none_is_hidden() {
        let parts =
            (0..8).map(|hour| part("gap", "lost", &format!("0{hour}:00:00"), &format!("0{hour}:10:00"))).collect();
        let mut one = cluster("a", parts);
        one.more_parts = 10;
        let text = shown(&[one]);
        assert!(text.lines().count() == 7 && text.contains("and 13 more"), "{text}");
        assert!(shown(&[]).contains("no cluster"));
    }
}
