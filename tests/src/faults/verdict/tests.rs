//! A small case that is right, and each way to be wrong.

use beidou_simulator::oracle::Verb;

use super::*;

const SECOND: i64 = 1_000_000;
const CLUSTER: Uuid = Uuid::from_u128(1);

fn state(resource_version: u64) -> StateId {
    StateId { cluster: CLUSTER, incarnation: 0, resource_version, uid: Uuid::from_u128(9) }
}

/// Four states of one Event, a second apart, its count rising. The first list came in second 1; of what followed, the
/// third state is lost to a 410, and the list in second 4.5 brought the fourth.
fn ledger(cause: LossCause, lost: &[u64]) -> Vec<Entry> {
    let committed = |rv: u64| Entry::Committed {
        state: state(rv),
        at_us: rv as i64 * SECOND,
        verb: Verb::Modified,
        count: 10 * rv,
        carried: false,
    };
    let listed = |at_us: i64| Entry::Listed {
        cluster: CLUSTER,
        incarnation: 0,
        client: "beidou".into(),
        resource_version: 0,
        items: 1,
        at_us,
    };
    let loss = Loss {
        cluster: CLUSTER,
        client: "beidou".into(),
        cause,
        from_us: 2 * SECOND,
        to_us: 4 * SECOND + SECOND / 2,
        claimed: 2,
        sent: 2,
        lost: lost.iter().map(|rv| state(*rv)).collect(),
        at_risk: vec![],
    };
    let states = (1..=4).map(committed);
    [listed(SECOND)].into_iter().chain(states).chain([listed(loss.to_us), Entry::Lost(loss)]).collect()
}

fn interval(state: &str, reason: &str, from: f64, until: f64) -> Interval {
    let micros = |seconds: f64| (seconds * SECOND as f64) as i64;
    let (from_us, until_us) = (micros(from), micros(until));
    Interval { cluster: CLUSTER, state: state.into(), reason: reason.into(), from_us, until_us }
}

/// What a good collector tells of the ledger.
fn told() -> Vec<Interval> {
    vec![
        interval("degraded", "first_list", 0.0, 1.0),
        interval("complete", "expired", 1.0, 2.0),
        interval("degraded", "expired", 2.0, 4.5),
        interval("complete", "", 4.5, 6.0),
    ]
}

struct Found {
    entries: Vec<Entry>,
    states: Vec<u64>,
    /// A state that a restored etcd has brought again.
    again: Option<StateId>,
    rows: u64,
    occurrences: u64,
    intervals: Vec<Interval>,
    until: i64,
}

impl Default for Found {
    fn default() -> Self {
        let entries = ledger(LossCause::Expired, &[3]);
        Self { entries, states: vec![1, 2, 4], again: None, rows: 3, occurrences: 40, intervals: told(), until: 6 }
    }
}

impl Found {
    /// The intervals, with the one at this place replaced.
    fn with(mut self, place: usize, other: Interval) -> Self {
        self.intervals[place] = other;
        self
    }

    fn wrong(self) -> Vec<String> {
        let occurrences = HashMap::from([((CLUSTER, Uuid::from_u128(9)), self.occurrences)]);
        let mut states: HashSet<StateId> = self.states.into_iter().map(state).collect();
        states.extend(self.again);
        let stored = Stored { states, rows: self.rows, occurrences };
        let case = Case {
            oracle: &Oracle::of(&self.entries),
            own: &HashSet::new(),
            stored: &stored,
            intervals: &self.intervals,
            tolerance_us: SECOND / 2,
            until_us: self.until * SECOND,
        };
        case.wrong()
    }
}

#[test]
fn what_is_right_passes() {
    assert_eq!(Found::default().wrong(), Vec::<String>::new());
    let lucky = Found { states: vec![1, 2, 3, 4], rows: 4, ..Found::default() };
    assert_eq!(lucky.wrong(), Vec::<String>::new(), "a state that was lost on the way may be there all the same");
    let restored = Found { entries: ledger(LossCause::Restored, &[3]), ..Found::default() };
    assert_eq!(restored.with(2, interval("gap", "restored", 2.0, 4.5)).wrong(), Vec::<String>::new());
}

#[test]
fn what_is_brought_again_happened_once() {
    let again = StateId { incarnation: 1, ..state(4) };
    let carried = Entry::Committed { state: again, at_us: 5 * SECOND, verb: Verb::Modified, count: 0, carried: true };
    let found = |occurrences| {
        let mut entries = ledger(LossCause::Expired, &[3]);
        entries.push(carried.clone());
        Found { entries, again: Some(again), rows: 4, occurrences, ..Found::default() }.wrong()
    };
    assert_eq!(found(40), Vec::<String>::new());
    let twice = found(80);
    assert!(twice.len() == 1 && twice[0].contains("do not add up"), "{twice:?}");
}

#[test]
fn each_wrong_is_named() {
    let good = Found::default;
    let no_loss = || ledger(LossCause::Expired, &[]);
    let cases = [
        ("though it could be delivered", Found { states: vec![1, 4], rows: 2, ..good() }),
        ("outside every reported interval", good().with(2, interval("degraded", "expired", 3.5, 4.5))),
        ("a loss is not covered", good().with(2, interval("degraded", "expired", 3.5, 4.5))),
        (
            "a loss is not told",
            Found { entries: no_loss(), states: vec![1, 2, 3, 4], rows: 4, ..good() }
                .with(2, interval("complete", "", 2.0, 4.5)),
        ),
        ("told to be complete", good().with(1, interval("complete", "", 1.0, 3.5))),
        ("time is told twice", good().with(3, interval("complete", "", 4.4, 6.0))),
        ("nothing is told of", good().with(1, interval("complete", "", 1.0, 1.9))),
        ("nothing is told of", Found { until: 7, ..good() }),
        ("more is reported than was lost", good().with(2, interval("degraded", "expired", 1.4, 4.5))),
        ("more is reported than was lost", good().with(0, interval("degraded", "first_list", 0.0, 1.6))),
        ("2 first lists", good().with(2, interval("degraded", "first_list", 2.0, 4.5))),
        ("worse is reported", good().with(2, interval("gap", "expired", 2.0, 4.5))),
        ("not told as a gap", Found { entries: ledger(LossCause::Restored, &[3]), ..good() }),
        ("yet it is excused", Found { entries: ledger(LossCause::Expired, &[3, 4]), ..good() }),
        ("never were", Found { states: vec![1, 2, 4, 5], rows: 4, ..good() }),
        ("4 rows for 3 identities", Found { rows: 4, ..good() }),
        ("do not add up", Found { occurrences: 50, ..good() }),
    ];
    for (expected, found) in cases {
        let wrong = found.wrong();
        assert!(wrong.iter().any(|text| text.contains(expected)), "{expected}: {wrong:?}");
    }
}
