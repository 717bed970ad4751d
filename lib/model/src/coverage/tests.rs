//! The algebra against a table of cases, and against a reference that looks at every single moment.

use beidou_schemas::{Micros, coverage::CoverageState};
use proptest::prelude::*;

use super::*;

const LOG_REMOVED: &str = "log_removed";
const MISSED: &str = "missed_by_watch";
const EXPIRED: &str = "removed_by_retention";

fn span(from: i64, until: i64, state: CoverageState) -> Span {
    let reason = if state == CoverageState::Complete { "timeout" } else { "expired" };
    Span { from: Micros(from), until: Micros(until), state, reason: reason.into() }
}

fn known(spans: Vec<Span>) -> Known {
    let first = spans.iter().map(|span| span.from).min();
    Known { spans, first, projected: Micros(i64::MAX), ..Known::default() }
}

fn told(known: &Known, from: i64, until: i64) -> Vec<(&'static str, String, i64, i64)> {
    let coverage = merge(known, Micros(from)..Micros(until));
    assert_eq!(coverage.complete, coverage.parts.is_empty());
    coverage.parts.into_iter().map(|p| (p.state.name(), p.reason, p.from.0, p.until.0)).collect()
}

#[test]
fn one_unbroken_chain_is_complete() {
    let chain = known(vec![span(0, 10, CoverageState::Complete), span(10, 20, CoverageState::Complete)]);
    assert_eq!(told(&chain, 0, 20), []);
    assert_eq!(merge(&chain, Micros(5)..Micros(15)).share, 1.0);
}

#[test]
fn a_watcher_that_saw_it_all_heals_the_break_of_another() {
    use CoverageState::{Complete, Degraded, Gap};
    let both = known(vec![span(0, 4, Complete), span(4, 12, Degraded), span(2, 8, Complete), span(12, 14, Gap)]);
    assert_eq!(told(&both, 0, 14), [("degraded", "expired".into(), 8, 12), ("gap", "expired".into(), 12, 14)]);
    let worse = known(vec![span(0, 10, Gap), span(3, 5, Degraded)]);
    let expected = [(0, 3, "gap"), (3, 5, "degraded"), (5, 10, "gap")];
    let expected: Vec<_> = expected.map(|(from, until, state)| (state, "expired".to_owned(), from, until)).into();
    assert_eq!(told(&worse, 0, 10), expected);
}

#[test]
fn what_was_removed_from_the_log_is_lost_whoever_had_delivered_it() {
    use CoverageState::{Complete, Degraded, Gap};
    let removed = Span { reason: LOG_REMOVED.into(), ..span(3, 6, Gap) };
    let mut both = known(vec![span(0, 10, Complete), span(2, 4, Degraded), span(1, 4, Gap), removed]);
    assert_eq!(told(&both, 0, 10), [("gap", LOG_REMOVED.into(), 3, 6)]);
    both.projected = Micros(0);
    assert!(told(&both, 3, 6)[0].0 == "gap", "it will not come");
}

#[test]
fn a_session_that_missed_something_was_not_complete() {
    use CoverageState::{Complete, Degraded, Gap};
    let missed = Span { reason: MISSED.into(), ..span(3, 6, Degraded) };
    let mut both = known(vec![span(0, 10, Complete), span(5, 8, Degraded), span(4, 9, Gap), missed]);
    assert_eq!(told(&both, 0, 10), [("degraded", MISSED.into(), 3, 6)]);
    both.projected = Micros(4);
    let late = ("unknown", NOT_YET_PROJECTED.to_owned(), 4, 10);
    assert_eq!(told(&both, 0, 10), [("degraded", MISSED.into(), 3, 4), late]);
}

#[test]
fn what_retention_removed_is_gone_whoever_had_proved_it() {
    use CoverageState::{Complete, Gap};
    let removed = Span { reason: EXPIRED.into(), ..span(0, 6, Gap) };
    let mut one = known(vec![span(2, 10, Complete), removed]);
    one.first = Some(Micros(2));
    let before = ("unknown", NOT_WATCHED_YET.to_owned(), 0, 2);
    assert_ne!(told(&one, 0, 10), [before], "never complete with nothing in it");
    assert_eq!(told(&one, 2, 10), [("gap", EXPIRED.into(), 2, 6)]);
}

#[test]
fn what_has_left_the_tables_is_a_gap_to_whoever_asks_them_alone() {
    use CoverageState::{Complete, Gap};
    let of = |until, reason: &str| Span { reason: reason.into(), ..span(0, until, Gap) };
    let mut one = known(vec![span(2, 10, Complete), of(6, IN_ARCHIVE_ONLY), of(4, EXPIRED)]);
    one.first = Some(Micros(2));
    let gone = ("gap", EXPIRED.to_owned(), 2, 4);
    assert_eq!(told(&one, 2, 10), [gone, ("gap", IN_ARCHIVE_ONLY.into(), 4, 6)]);
}

#[test]
fn where_not_all_was_read_nothing_is_known() {
    use CoverageState::{Complete, Degraded, Gap};
    let mut one =
        known(vec![span(2, 10, Complete), span(5, 7, Gap), Span { reason: MISSED.into(), ..span(4, 7, Degraded) }]);
    one.whole_from = Micros(6);
    let before = ("unknown", NOT_WATCHED_YET.to_owned(), 0, 2);
    let cut = ("unknown", TOO_MANY_BREAKS.to_owned(), 2, 6);
    assert_eq!(told(&one, 0, 10), [before, cut, ("degraded", MISSED.into(), 6, 7)]);
    one.whole_from = Micros(0);
    assert_eq!(told(&one, 2, 10), [("degraded", MISSED.into(), 4, 7)]);
}

#[test]
fn what_nobody_proved_is_unknown_and_says_why() {
    let mut one = known(vec![span(10, 20, CoverageState::Complete)]);
    let before = ("unknown", NOT_WATCHED_YET.to_owned(), 0, 10);
    assert_eq!(told(&one, 0, 30), [before.clone(), ("unknown", NOT_WATCHED.into(), 20, 30)]);
    one.running = Some(Micros(20));
    assert_eq!(told(&one, 0, 30), [before.clone(), ("unknown", NOT_YET_PROVEN.into(), 20, 30)]);
    one.projected = Micros(15);
    let late = ("unknown", NOT_YET_PROJECTED.to_owned(), 15, 20);
    assert_eq!(told(&one, 0, 30), [before, late, ("unknown", NOT_YET_PROVEN.into(), 20, 30)]);
    assert_eq!(told(&Known::default(), 0, 5), [("unknown", NOT_WATCHED_YET.into(), 0, 5)]);
    assert_eq!(merge(&Known::default(), Micros(0)..Micros(5)).share, 0.0);
}

#[test]
fn what_imports_alone_brought_is_unknown_for_another_reason() {
    let mut one = Known { imported: true, ..Known::default() };
    assert_eq!(told(&one, 0, 5), [("unknown", IMPORTED_ONLY.into(), 0, 5)]);
    one.spans = vec![Span { reason: EXPIRED.into(), ..span(0, 3, CoverageState::Gap) }];
    assert_eq!(told(&one, 0, 5), [("unknown", IMPORTED_ONLY.into(), 0, 5)], "also where retention took some of it");
    one.first = Some(Micros(2));
    one.spans = vec![span(2, 5, CoverageState::Complete)];
    one.projected = Micros(9);
    assert_eq!(
        told(&one, 0, 5),
        [("unknown", NOT_WATCHED_YET.into(), 0, 2)],
        "a watch makes it a cluster as others are"
    );
}

#[test]
fn a_gap_stays_a_gap_though_the_table_lags() {
    use CoverageState::{Degraded, Gap};
    let mut late = known(vec![span(0, 5, Gap), span(5, 9, Degraded)]);
    late.projected = Micros(0);
    assert_eq!(told(&late, 0, 9), [("gap", "expired".into(), 0, 5), ("unknown", NOT_YET_PROJECTED.into(), 5, 9)]);
}

#[test]
fn an_empty_range_asks_nothing() {
    for (from, until) in [(5, 5), (7, 3)] {
        assert_eq!(merge(&Known::default(), Micros(from)..Micros(until)).share, 1.0);
    }
}

/// What the rules say of one moment, found by looking at every interval.
fn reference(known: &Known, at: i64) -> (Option<PartState>, Option<&'static str>) {
    let has = |state| known.spans.iter().any(|s| s.state == state && (s.from.0..s.until.0).contains(&at));
    let expired = |s: &Span| s.state == CoverageState::Gap && s.reason == EXPIRED;
    let watched = known.first.is_some_and(|first| at >= first.0);
    if watched && at < known.whole_from.0 {
        return (Some(PartState::Unknown), Some(TOO_MANY_BREAKS));
    }
    if watched && known.spans.iter().any(|s| expired(s) && (s.from.0..s.until.0).contains(&at)) {
        return (Some(PartState::Gap), Some(EXPIRED));
    }
    let removed = |s: &Span| s.state == CoverageState::Gap && s.reason == LOG_REMOVED;
    if known.spans.iter().any(|s| removed(s) && (s.from.0..s.until.0).contains(&at)) {
        return (Some(PartState::Gap), Some(LOG_REMOVED));
    }
    let projected = at < known.projected.0;
    let missed = |s: &Span| s.state == CoverageState::Degraded && s.reason == MISSED;
    if projected && known.spans.iter().any(|s| missed(s) && (s.from.0..s.until.0).contains(&at)) {
        return (Some(PartState::Degraded), Some(MISSED));
    }
    if has(CoverageState::Complete) || has(CoverageState::Degraded) {
        return match (projected, has(CoverageState::Complete)) {
            (false, _) => (Some(PartState::Unknown), Some(NOT_YET_PROJECTED)),
            (true, true) => (None, None),
            (true, false) => (Some(PartState::Degraded), None),
        };
    }
    let lost = |s: &Span| s.state == CoverageState::Gap && !expired(s);
    if known.spans.iter().any(|s| lost(s) && (s.from.0..s.until.0).contains(&at)) {
        return (Some(PartState::Gap), None);
    }
    let why = match (known.first, known.running) {
        (None, _) if known.imported => IMPORTED_ONLY,
        (None, _) => NOT_WATCHED_YET,
        (Some(first), _) if at < first.0 => NOT_WATCHED_YET,
        (_, Some(proven)) if at >= proven.0 => NOT_YET_PROVEN,
        _ => NOT_WATCHED,
    };
    (Some(PartState::Unknown), Some(why))
}

fn any_known() -> impl Strategy<Value = Known> {
    let one = (0i64..60, 0i64..20, 0usize..3, "a|b|log_removed|missed_by_watch|removed_by_retention").prop_map(
        |(from, length, state, reason)| Span {
            from: Micros(from),
            until: Micros(from + length),
            state: CoverageState::ALL[state],
            reason,
        },
    );
    let spans = prop::collection::vec(one, 0..12);
    let moments = (prop::option::of(0i64..70), 0i64..80, prop_oneof![Just(0i64), 0i64..80]);
    (spans, any::<bool>(), moments).prop_map(|(spans, imported, (running, projected, whole_from))| Known {
        whole_from: Micros(whole_from),
        imported,
        first: spans.iter().filter(|span| span.reason != EXPIRED).map(|span| span.from).min(),
        spans,
        running: running.map(Micros),
        projected: Micros(projected),
    })
}

proptest! {
    #[test]
    fn agrees_with_the_reference_at_every_moment(known in any_known(), from in 0i64..70, length in 1i64..30) {
        let coverage = merge(&known, Micros(from)..Micros(from + length));
        let mut complete = 0;
        for at in from..from + length {
            let part = coverage.parts.iter().find(|p| (p.from.0..p.until.0).contains(&at));
            let (state, why) = reference(&known, at);
            prop_assert_eq!(part.map(|p| p.state), state, "at {}", at);
            if let (Some(part), Some(why)) = (part, why) {
                prop_assert_eq!(&part.reason, why);
            }
            complete += i64::from(state.is_none());
        }
        prop_assert!((coverage.share - complete as f64 / length as f64).abs() < 1e-9);
    }

    #[test]
    fn parts_are_sorted_apart_and_joined_where_they_can_be(known in any_known(), from in 0i64..70, length in 1i64..30) {
        let parts = merge(&known, Micros(from)..Micros(from + length)).parts;
        for part in &parts {
            prop_assert!(part.from < part.until && part.from.0 >= from && part.until.0 <= from + length);
        }
        for pair in parts.windows(2) {
            prop_assert!(pair[0].until <= pair[1].from);
            let alike = pair[0].state == pair[1].state && pair[0].reason == pair[1].reason;
            prop_assert!(pair[0].until < pair[1].from || !alike);
        }
    }

    #[test]
    fn order_does_not_matter(known in any_known(), seed in any::<u64>()) {
        let mut other = known.clone();
        let count = other.spans.len().max(1);
        other.spans.rotate_left(seed as usize % count);
        other.spans.reverse();
        let range = || Micros(0)..Micros(80);
        prop_assert_eq!(merge(&known, range()), merge(&other, range()));
    }

    #[test]
    fn more_proof_never_makes_less_of_it(known in any_known(), from in 0i64..60, length in 0i64..20) {
        let range = || Micros(0)..Micros(80);
        let before = merge(&known, range()).share;
        let mut more = known.clone();
        more.spans.push(span(from, from + length, CoverageState::Complete));
        prop_assert!(merge(&more, range()).share >= before);
        let mut later = known;
        later.projected.0 += length;
        prop_assert!(merge(&later, range()).share >= before);
    }
}
