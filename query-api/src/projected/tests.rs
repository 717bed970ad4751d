//! The ledger in a memory log, and what it says of time.

use beidou_log::memory::{Away, MemoryLog};
use beidou_schemas::{
    Record,
    ledger::{Cut, Done},
};
use futures::future::join_all;
use uuid::Uuid;

use super::*;

const SECOND: i64 = 1_000_000;

fn cut(from: Offset, to: Offset, watermark: Offset) -> Cut {
    let source = TopicPartition::new(Topic::KubeEvent, 0);
    Cut { source, from, to, records: to - from, hash: String::new(), table_version: TABLE_VERSION, watermark }
}

fn done(from: Offset, to: Offset, observed: i64) -> LedgerFact {
    LedgerFact::Done(Done { cut: cut(from, to, from), rows: to - from, observed: Micros(observed * SECOND) })
}

async fn log_with(events: usize) -> Arc<MemoryLog> {
    let log = MemoryLog::new([(Topic::KubeEvent, 2), (Topic::Ledger, 2)]);
    let writer = log.writer(TopicPartition::new(Topic::KubeEvent, 0), "test").await.unwrap();
    if events > 0 {
        writer.append(vec![Record::default(); events]).await.unwrap();
    }
    log
}

async fn append_ledger(log: &Arc<MemoryLog>, facts: &[LedgerFact]) {
    let writer = log.writer(TopicPartition::new(Topic::Ledger, 0), "test").await.unwrap();
    let records = facts.iter().map(|fact| fact.to_record(Uuid::new_v4(), Micros(0))).collect();
    writer.append(records).await.unwrap();
}

/// Reads what stands in the ledger now.
async fn catch_up(projected: &Projected) {
    for partition in 0..2 {
        projected.read_on(TopicPartition::new(Topic::Ledger, partition), &mut None).await.unwrap();
    }
}

/// What was proven of no cluster, as of now.
fn proofs() -> Proofs {
    Proofs::of_none(Range { from: Micros(0), until: Micros(1) })
}

async fn ends_of(projected: &Projected) -> Arc<[Offset]> {
    ends::read(&*projected.log).await.unwrap().into()
}

fn proven(at: i64) -> Proven {
    Arc::new(BTreeMap::from([("c".to_owned(), Micros(at))]))
}

#[tokio::test(start_paused = true)]
async fn an_empty_log_is_projected() {
    let projected = Projected::new(log_with(0).await, Duration::ZERO);
    assert_eq!(projected.reach(&proofs()).await, Reach::Everything);
}

/// The cluster's proof when a pair is taken, in seconds.
const PROVEN: i64 = 5;

#[tokio::test(start_paused = true)]
async fn nothing_is_promised_before_a_pair_is_passed() {
    // The first of ten records were observed in second 7. That says nothing of when the states in the others happened.
    let early = LedgerFact::Done(Done { cut: cut(4, 10, 0), rows: 6, observed: Micros(9 * SECOND) });
    let all = i64::MAX;
    let cases: [(&str, Option<u64>, &[LedgerFact], i64); 8] = [
        ("no ledger, no pair", None, &[], 0),
        ("a pair that is not passed", Some(10), &[], 0),
        ("a cut is done, no pair", None, &[done(0, 4, 7)], 0),
        ("a cut is done, the pair lies behind it", Some(10), &[done(0, 4, 7), LedgerFact::Pending(cut(4, 10, 4))], 0),
        ("a later cut is done, an earlier one is not", Some(10), &[early], 0),
        ("the pair is passed", Some(4), &[done(0, 4, 7)], PROVEN * SECOND),
        ("the pair is passed, and more", Some(4), &[done(0, 4, 7), done(4, 8, 8)], PROVEN * SECOND),
        ("all is done", None, &[done(0, 4, 7), done(4, 10, 9)], all),
    ];
    for (case, pair, facts, expected) in cases {
        let log = log_with(10).await;
        let projected = Projected::new(log.clone(), Duration::ZERO);
        if let Some(end) = pair {
            projected.keep(Sample { ends: [end, 0].into(), proven: proven(PROVEN * SECOND) });
        }
        append_ledger(&log, facts).await;
        catch_up(&projected).await;
        assert_eq!(projected.reach(&proofs()).await.of("c"), Micros(expected), "{case}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_lagging_table_holds_what_older_pairs_prove() {
    let log = log_with(4).await;
    let projected = Projected::new(log.clone(), Duration::ZERO);
    projected.keep(Sample { ends: ends_of(&projected).await, proven: proven(5) });
    let writer = log.writer(TopicPartition::new(Topic::KubeEvent, 0), "test").await.unwrap();
    writer.append(vec![Record::default(); 6]).await.unwrap();
    projected.keep(Sample { ends: ends_of(&projected).await, proven: proven(8) });
    append_ledger(&log, &[done(0, 4, 7)]).await;
    catch_up(&projected).await;
    let reach = projected.reach(&proofs()).await;
    assert_eq!((reach.of("c"), reach.of("unknown then")), (Micros(5), Micros(0)));
}

#[tokio::test(start_paused = true)]
async fn a_reading_of_the_ends_tells_nothing_of_proofs_that_came_after_it() {
    let below = log_with(4).await;
    let log = Away::new(below.clone());
    let projected = Projected::new(log.clone(), Duration::ZERO);
    append_ledger(&below, &[done(0, 4, 7)]).await;
    catch_up(&projected).await;
    let (early, of_early) = (proofs(), log.asked());
    assert_eq!(projected.reach(&early).await, Reach::Everything);
    let writer = below.writer(TopicPartition::new(Topic::KubeEvent, 0), "test").await.unwrap();
    writer.append(vec![Record::default(); 6]).await.unwrap();
    assert_eq!(projected.reach(&early).await, Reach::Everything, "of what was proven by then the table has all");
    assert_eq!(log.asked() - of_early, 2, "each partition was asked once, for both answers");
    tokio::time::advance(Duration::from_nanos(1)).await;
    assert_eq!(projected.reach(&proofs()).await, Reach::NotYetKnown, "of what was proven since it may lack some");
}

#[tokio::test(start_paused = true)]
async fn a_log_that_is_away_costs_precision_and_neither_the_answer_nor_a_question_for_each() {
    let below = log_with(4).await;
    let log = Away::new(below.clone());
    let projected = Projected::new(log.clone(), Duration::ZERO);
    projected.keep(Sample { ends: ends_of(&projected).await, proven: proven(5) });
    append_ledger(&below, &[done(0, 4, 7)]).await;
    catch_up(&projected).await;
    let (asked, proofs) = (log.asked(), proofs());
    log.set(true);
    for _ in 0..2 {
        let answers = join_all((0..100).map(|_| projected.reach(&proofs))).await;
        assert!(answers.iter().all(|reach| *reach == Reach::Proven(proven(5))), "{answers:?}");
    }
    assert_eq!(log.asked() - asked, 2, "each partition was asked once, for all of them");
    log.set(false);
    assert_eq!(projected.reach(&proofs).await, Reach::Everything, "it is back");
}

#[tokio::test(start_paused = true)]
async fn facts_of_other_topics_and_nonsense_change_nothing() {
    let log = log_with(1).await;
    let projected = Projected::new(log.clone(), Duration::ZERO);
    let mut other = cut(0, 9, 9);
    other.source.topic = Topic::KubeCoverage;
    projected.take(&LedgerFact::Pending(other).to_json());
    projected.take(b"nonsense");
    assert_eq!(projected.reach(&proofs()).await, Reach::NotYetKnown);
}

#[tokio::test(start_paused = true)]
async fn memory_is_bounded() {
    let projected = Projected::new(log_with(1).await, Duration::ZERO);
    for at in 0..3 * MOST_SAMPLES as u64 {
        projected.keep(Sample { ends: [at, 0].into(), proven: proven(at as i64) });
    }
    let samples = locked(&projected.samples);
    assert!(samples.len() <= MOST_SAMPLES);
    assert_eq!(samples.back().unwrap().ends[0], 3 * MOST_SAMPLES as u64 - 1, "the newest stays");
}
