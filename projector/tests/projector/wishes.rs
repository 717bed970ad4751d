//! Requests of the maintenance topic reach the projector, and what came of them the log, over restarts.

use std::{sync::Arc, time::Duration};

use beidou_log::{Log, ReadLimit, memory::MemoryLog};
use beidou_projector::{
    ProjectorError,
    maintenance::{Asking, Maintenance, Outcome, Wish},
    wishes,
};
use beidou_schemas::{
    Micros, Topic,
    maintenance::{
        AuditReport,
        fact::{
            self, AuditAsked, LinkSaved, OUTCOMES, PARTITIONS, QueryDeleted, REQUESTS, RebuildAsked, Request, SqlSaved,
        },
    },
};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

fn audit(id: u128) -> Request {
    let subject = "a".into();
    Request::AuditAsked(AuditAsked { id: Uuid::from_u128(id), full: id == 1, subject, time: Micros(id as i64) })
}

async fn append(log: &Arc<MemoryLog>, requests: &[Request]) {
    let records = requests.iter().map(|request| request.to_record(Uuid::new_v4())).collect();
    log.writer(REQUESTS, "test").await.unwrap().append(records).await.unwrap();
}

struct Served {
    maintenance: Maintenance,
    stop: CancellationToken,
    task: JoinHandle<Result<(), ProjectorError>>,
}

fn serve(log: &Arc<MemoryLog>) -> Served {
    let (maintenance, asking): (Maintenance, Asking) = Maintenance::channel();
    let (log, stop) = (log.clone() as Arc<dyn Log>, CancellationToken::new());
    let until = stop.clone();
    let served = async move {
        let writer = wishes::lead(&*log, "test").await?;
        wishes::serve(log, writer, asking).await
    };
    let task = tokio::spawn(async move { until.run_until_cancelled(served).await.unwrap_or(Ok(())) });
    Served { maintenance, stop, task }
}

/// Waits for so many outcomes on the log.
async fn outcomes(log: &Arc<MemoryLog>, count: usize) -> Vec<fact::Outcome> {
    let (mut next, mut found) = (0, Vec::new());
    while found.len() < count {
        let limit = ReadLimit { max_bytes: usize::MAX, max_wait: Duration::from_secs(60) };
        let batch = log.read(OUTCOMES, next, limit).await.unwrap();
        assert!(batch.next > next, "not in time: {found:?}");
        found.extend(batch.records.iter().map(|stored| fact::Outcome::from_json(&stored.record.value).unwrap()));
        next = batch.next;
    }
    found
}

#[tokio::test]
async fn what_is_asked_is_done_once_and_what_has_no_outcome_is_asked_again() {
    let log = MemoryLog::with_holes([(Topic::Maintenance, PARTITIONS)]);
    let rebuild = Request::RebuildAsked(RebuildAsked { id: Uuid::from_u128(2), subject: "a".into(), time: Micros(2) });
    let deleted = Request::QueryDeleted(QueryDeleted { name: "x".into(), subject: "a".into(), time: Micros(2) });
    let saved = Request::SqlSaved(SqlSaved {
        name: "x".into(),
        sql: "SELECT 1".into(),
        description: String::new(),
        subject: "a".into(),
        time: Micros(2),
    });
    let link = Request::LinkSaved(LinkSaved {
        id: "2k7v0q9d3m".into(),
        address: "/events".into(),
        subject: "a".into(),
        time: Micros(2),
    });
    append(&log, &[audit(1), saved, deleted, link, rebuild]).await;
    let mut first = serve(&log);
    let id = |(id, wish): (Uuid, Wish)| (id.as_u128(), wish);
    assert_eq!(id(first.maintenance.wishes.recv().await.unwrap()), (1, Wish::Audit { full: true }));
    assert_eq!(id(first.maintenance.wishes.recv().await.unwrap()), (2, Wish::Rebuild));
    append(&log, &[audit(3)]).await;
    assert_eq!(id(first.maintenance.wishes.recv().await.unwrap()), (3, Wish::Audit { full: false }));
    let done = |id| (Uuid::from_u128(id), Outcome::Audited(AuditReport::default()));
    first.maintenance.outcomes.send(done(1)).await.unwrap();
    first.maintenance.outcomes.send(done(9)).await.unwrap();
    let told = outcomes(&log, 2).await;
    assert_eq!(told.iter().map(|outcome| outcome.id().as_u128()).collect::<Vec<_>>(), [1, 9]);
    first.stop.cancel();
    first.task.await.unwrap().unwrap();

    let mut second = serve(&log);
    assert_eq!(id(second.maintenance.wishes.recv().await.unwrap()).0, 2);
    assert_eq!(id(second.maintenance.wishes.recv().await.unwrap()).0, 3);
    let failed = Outcome::Failed { why: "away".into() };
    second.maintenance.outcomes.send((Uuid::from_u128(2), failed)).await.unwrap();
    let expected = fact::Failed { id: Uuid::from_u128(2), why: "away".into() };
    assert_eq!(outcomes(&log, 3).await[2], fact::Outcome::Failed(expected));
    second.stop.cancel();
    second.task.await.unwrap().unwrap();
}

#[tokio::test]
async fn a_second_projector_ends_the_first_ones_hand() {
    let log = MemoryLog::with_holes([(Topic::Maintenance, PARTITIONS)]);
    let first = serve(&log);
    let told = |id| (Uuid::from_u128(id), Outcome::Failed { why: String::new() });
    first.maintenance.outcomes.send(told(1)).await.unwrap();
    outcomes(&log, 1).await;
    let second = serve(&log);
    second.maintenance.outcomes.send(told(2)).await.unwrap();
    outcomes(&log, 2).await;
    first.maintenance.outcomes.send(told(3)).await.unwrap();
    let error = first.task.await.unwrap().unwrap_err();
    assert!(matches!(error, ProjectorError::Log { at: OUTCOMES, .. }), "{error}");
    second.stop.cancel();
    second.task.await.unwrap().unwrap();
}
