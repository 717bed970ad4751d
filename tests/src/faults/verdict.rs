//! Compares what the simulator wrote down with what Beidou stored and reported. No I/O.
//!
//! - A state is missing only where the simulator made it undeliverable, and then inside a reported interval.
//! - Nothing is stored that never was, and nothing twice.
//! - Every loss that was made is covered by reported intervals; what is reported exceeds the made losses by at most
//!   the tolerance.

use std::collections::{BTreeMap, HashSet};

use beidou_simulator::oracle::{Judge, Loss, StateId};
use uuid::Uuid;

/// An interval that Beidou reports as not complete.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reported {
    /// The cluster.
    pub cluster: Uuid,
    /// `degraded` or `gap`.
    pub state: String,
    /// Why.
    pub reason: String,
    /// First microsecond that is not proven.
    pub from_us: i64,
    /// First microsecond that is proven again.
    pub until_us: i64,
}

/// What the table holds.
#[derive(Debug, Default)]
pub struct Stored {
    /// Distinct identities.
    pub states: HashSet<StateId>,
    /// `count()` without FINAL.
    pub rows: u64,
}

/// What was found wrong, in words; empty if all is right.
#[must_use]
pub fn judge(
    judge: &Judge,
    own: &HashSet<Uuid>,
    stored: &Stored,
    reported: &[Reported],
    tolerance_us: i64,
) -> Vec<String> {
    let mut wrong = Vec::new();
    let excused = judge.excused();
    let mut missing = BTreeMap::<&str, Vec<String>>::new();
    let absent = |state: &StateId| !own.contains(&state.uid) && !stored.states.contains(state);
    let absent: HashSet<StateId> = judge.states().keys().filter(|state| absent(state)).copied().collect();
    for (state, life) in judge.states().iter().filter(|(state, _)| absent.contains(state)) {
        let covered = reported
            .iter()
            .any(|r| r.cluster == state.cluster && r.from_us <= life.from_us && life.from_us < r.until_us);
        // A state that a restore carried over lies before the restore: it is excused by the interval that the restore broke.
        let text = format!("{state:?} committed at {}", life.from_us);
        match (excused.contains(state), covered) {
            (false, _) => missing.entry("though it could be delivered").or_default().push(text),
            (true, false) if !life.carried => missing.entry("outside every reported interval").or_default().push(text),
            (true, _) => {}
        }
    }
    for (why, states) in missing {
        let (count, first) = (states.len(), &states[0]);
        wrong.push(format!("{count} states are missing {why}, the first: {first}"));
    }
    let invented: Vec<_> = stored.states.iter().filter(|state| !judge.states().contains_key(state)).collect();
    if let Some(first) = invented.first() {
        wrong.push(format!("{} stored states never were, the first: {first:?}", invented.len()));
    }
    let heartbeats = stored.states.iter().filter(|state| own.contains(&state.uid)).count();
    if heartbeats > 0 {
        wrong.push(format!("{heartbeats} heartbeats are stored as history"));
    }
    if stored.rows != stored.states.len() as u64 {
        wrong.push(format!("the table has {} rows for {} identities", stored.rows, stored.states.len()));
    }
    for cluster in reported.iter().map(|r| r.cluster).collect::<HashSet<_>>() {
        let first = reported.iter().filter(|r| r.cluster == cluster && r.reason == "first_list").count();
        if first > 1 {
            wrong.push(format!("{cluster} has {first} first lists"));
        }
    }
    wrong.extend(judge.losses().iter().filter(|loss| !is_covered(judge, loss, reported)).map(|loss| {
        format!(
            "a loss is not covered: {:?} {}..{} with {} states lost",
            loss.cause,
            loss.from_us,
            loss.to_us,
            loss.lost.len()
        )
    }));
    wrong.extend(
        reported
            .iter()
            .filter(|r| !is_made(judge.intervals(r.cluster, &absent), r, tolerance_us))
            .map(|r| format!("more is reported than was lost: {r:?}; made: {:?}", judge.intervals(r.cluster, &absent))),
    );
    wrong
}

/// Whether every state that the loss took lies in reported intervals.
fn is_covered(judge: &Judge, loss: &Loss, reported: &[Reported]) -> bool {
    let mut times = loss.lost.iter().filter_map(|state| judge.states().get(state)).map(|life| life.from_us);
    times.all(|at| reported.iter().any(|r| r.cluster == loss.cluster && r.from_us <= at && at < r.until_us))
}

/// Whether the interval exceeds the made losses that it touches by at most the tolerance, both ends together. Before a
/// cluster's first list nothing was watched: that is no loss.
fn is_made(mut made: Vec<(i64, i64)>, reported: &Reported, tolerance_us: i64) -> bool {
    if reported.reason == "first_list" {
        return true;
    }
    made.sort_unstable();
    let (mut at, mut inside) = (reported.from_us, 0);
    for (from, to) in made {
        let (from, to) = (from.max(at), to.min(reported.until_us));
        inside += (to - from).max(0);
        at = at.max(to);
    }
    inside > 0 && reported.until_us - reported.from_us - inside <= tolerance_us
}

#[cfg(test)]
mod tests {
    use beidou_simulator::oracle::{Entry, LossCause, Verb};

    use super::*;

    const SECOND: i64 = 1_000_000;

    fn state(resource_version: u64) -> StateId {
        StateId { cluster: Uuid::from_u128(1), incarnation: 0, resource_version, uid: Uuid::from_u128(9) }
    }

    /// Three states, a second apart; the second is lost.
    fn ledger() -> Vec<Entry> {
        let committed = |rv: u64| Entry::Committed {
            state: state(rv),
            at_us: rv as i64 * SECOND,
            verb: Verb::Modified,
            count: rv,
            carried: false,
        };
        let loss = Loss {
            cluster: Uuid::from_u128(1),
            client: "beidou".into(),
            cause: LossCause::Expired,
            from_us: SECOND,
            to_us: 3 * SECOND,
            claimed: 1,
            sent: 1,
            lost: vec![state(2)],
            at_risk: vec![],
        };
        vec![committed(1), committed(2), committed(3), Entry::Lost(loss)]
    }

    fn reported(from: i64, until: i64) -> Reported {
        let cluster = Uuid::from_u128(1);
        Reported { cluster, state: "degraded".into(), reason: "expired".into(), from_us: from, until_us: until }
    }

    fn verdict(states: &[u64], rows: u64, intervals: &[Reported]) -> Vec<String> {
        let stored = Stored { states: states.iter().map(|rv| state(*rv)).collect(), rows };
        judge(&Judge::of(&ledger()), &HashSet::new(), &stored, intervals, SECOND / 2)
    }

    #[test]
    fn what_is_right_passes() {
        assert_eq!(verdict(&[1, 3], 2, &[reported(SECOND, 3 * SECOND)]), Vec::<String>::new());
        assert_eq!(verdict(&[1, 2, 3], 3, &[reported(SECOND, 3 * SECOND)]), Vec::<String>::new());
    }

    #[test]
    fn each_wrong_is_named() {
        let good = [reported(SECOND, 3 * SECOND)];
        let cases: [(&[u64], u64, &[Reported], &str); 6] = [
            (&[1], 1, &good, "though it could be delivered"),
            (&[1, 3], 2, &[], "outside every reported interval"),
            (&[1, 3], 2, &[], "a loss is not covered"),
            (&[1, 3, 4], 3, &good, "never were"),
            (&[1, 3], 3, &good, "3 rows for 2 identities"),
            (&[1, 3], 2, &[reported(0, 3 * SECOND)], "more is reported than was lost"),
        ];
        for (states, rows, intervals, expected) in cases {
            let found = verdict(states, rows, intervals);
            assert!(found.iter().any(|text| text.contains(expected)), "{expected}: {found:?}");
        }
    }
}
