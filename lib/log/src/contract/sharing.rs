//! Cases about members: partitions are shared, move when somebody comes or goes, and nobody works on one of another.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use beidou_schemas::{Topic, TopicPartition};
use tokio::{
    sync::{mpsc, watch},
    task::JoinHandle,
    time::timeout,
};

use super::{EVENTS, LEDGER, PARTITIONS, Subject, must};
use crate::{Change, Given, Log, Member, member};

const TOPICS: [Topic; 2] = [EVENTS.topic, LEDGER.topic];
const GROUP: &str = "contract";
/// Partitions move through several rounds of a group, and each takes seconds on a busy machine.
const PATIENCE: Duration = Duration::from_secs(120);

/// Who works on what, over all members: the oracle.
#[derive(Default)]
struct Owners(Mutex<BTreeMap<TopicPartition, &'static str>>);

/// A member that works, and its partitions.
struct Working {
    has: watch::Receiver<Option<BTreeSet<TopicPartition>>>,
    /// What was asked back, and is held until the test drops it.
    asked: mpsc::UnboundedReceiver<(Vec<TopicPartition>, Given)>,
    stop: watch::Sender<bool>,
    task: JoinHandle<Box<dyn Member>>,
}

impl Owners {
    fn begin(&self, name: &'static str, partitions: &[TopicPartition]) {
        let mut owners = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for at in partitions {
            let before = owners.insert(*at, name);
            assert_eq!(before, None, "{at} was given to {name}");
        }
    }

    fn end(&self, partitions: &[TopicPartition]) {
        let mut owners = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        owners.retain(|at, _| !partitions.contains(at));
    }
}

impl Working {
    async fn join(log: &Arc<dyn Log>, name: &'static str, owners: &Arc<Owners>) -> Self {
        let mut member = must("join", log.join(GROUP, &TOPICS).await);
        let ((asks, asked), (tells, has)) =
            (mpsc::unbounded_channel(), watch::channel(None::<BTreeSet<TopicPartition>>));
        let (stop, mut stopped) = watch::channel(false);
        let owners = Arc::clone(owners);
        let task = tokio::spawn(async move {
            loop {
                let change = tokio::select! {
                    change = member.next() => must("wait for a change", change),
                    _ = stopped.changed() => return member,
                };
                match change {
                    Change::Take(partitions) => {
                        owners.begin(name, &partitions);
                        tells.send_modify(|has| has.get_or_insert_default().extend(partitions));
                    }
                    Change::Give(partitions, token) => {
                        tells.send_modify(|has| has.get_or_insert_default().retain(|at| !partitions.contains(at)));
                        let _test_over = asks.send((partitions, token));
                    }
                }
            }
        });
        Self { has, asked, stop, task }
    }

    async fn has(&mut self, what: &str, wanted: impl Fn(usize) -> bool) -> BTreeSet<TopicPartition> {
        let there = self.has.wait_for(|has| has.as_ref().is_some_and(|has| wanted(has.len())));
        let found = timeout(PATIENCE, there).await;
        match found {
            Ok(found) => must(what, found).clone().unwrap_or_default(),
            Err(_elapsed) => panic!("waited in vain: {what}"),
        }
    }

    /// What was asked back and is still worked on.
    async fn asked(&mut self) -> (Vec<TopicPartition>, Given) {
        match timeout(PATIENCE, self.asked.recv()).await {
            Ok(Some(asked)) => asked,
            Ok(None) | Err(_) => panic!("partitions must be asked back when another one joins"),
        }
    }

    async fn end(mut self, owners: &Owners) -> Box<dyn Member> {
        let _ended = self.stop.send(true);
        let member = must("end", self.task.await);
        let has = self.has.borrow_and_update().clone().unwrap_or_default();
        owners.end(&has.into_iter().collect::<Vec<_>>());
        member
    }
}

/// Two members share; what is asked back goes on only when it was given; one leaves or is gone, the other has all.
pub async fn members_share_and_take_over(subject: &dyn Subject) {
    let log = subject.open().await;
    let owners = Arc::new(Owners::default());
    let all = member::all(&TOPICS, |topic| log.partitions(topic)).len();
    let mut first = Working::join(&log, "the first", &owners).await;
    first.has("the first one has all", |count| count == all).await;
    if !subject.shares() {
        return;
    }
    let other = if subject.keeps() { subject.open().await } else { log.clone() };
    let mut second = Working::join(&other, "the second", &owners).await;
    let mut given = 0;
    while given < all / 2 {
        let (partitions, token) = first.asked().await;
        let has = second.has.borrow().clone().unwrap_or_default();
        assert!(partitions.iter().all(|at| !has.contains(at)), "{partitions:?} are still worked on: {has:?}");
        given += partitions.len();
        owners.end(&partitions);
        drop(token);
    }
    let (one, two) = (
        first.has("the first one has its share", |count| count == all / 2).await,
        second.has("the second one has its share", |count| count == all / 2).await,
    );
    assert!(one.is_disjoint(&two), "{one:?} {two:?}");
    first.end(&owners).await.leave().await;
    second.has("the second one has all when the first has left", |count| count == all).await;
    // And one that is gone without a word.
    drop(second.end(&owners).await);
    let mut third = Working::join(&log, "the third", &owners).await;
    third.has("the third one has all", |count| count == all).await;
    third.end(&owners).await.leave().await;
}

/// A member for whom no partition is left is told that it has none, and a partition moves to it when one is free.
pub async fn a_member_without_partitions_is_told_so(subject: &dyn Subject) {
    if !subject.shares() {
        return;
    }
    let (log, owners) = (subject.open().await, Arc::new(Owners::default()));
    let mut working = Vec::new();
    for name in ["a", "b", "c", "d", "e"] {
        working.push(Working::join(&log, name, &owners).await);
    }
    assert_eq!(TOPICS.len() * PARTITIONS as usize, working.len() - 1, "one more than there are partitions");
    let settled = async {
        loop {
            let mut counts: Vec<_> = working.iter().map(|one| one.has.borrow().as_ref().map(BTreeSet::len)).collect();
            counts.sort_unstable();
            if counts == [Some(0), Some(1), Some(1), Some(1), Some(1)] {
                return;
            }
            let changed = working.iter_mut().map(|one| Box::pin(next(one, &owners)));
            any(changed.collect()).await;
        }
    };
    let in_time = timeout(PATIENCE, settled).await.is_ok();
    let have: Vec<_> = working.iter().map(|one| one.has.borrow().clone()).collect();
    assert!(in_time, "five members share four partitions: {have:?}");
    for one in working {
        one.end(&owners).await.leave().await;
    }
}

/// Waits for a change of a member, and gives what is asked back.
async fn next(one: &mut Working, owners: &Owners) {
    tokio::select! {
        _ = one.has.changed() => {}
        Some((partitions, token)) = one.asked.recv() => {
            owners.end(&partitions);
            drop(token);
        }
    }
}

/// Waits for the first of these.
async fn any(mut futures: Vec<std::pin::Pin<Box<impl Future<Output = ()>>>>) {
    std::future::poll_fn(|context| match futures.iter_mut().any(|future| future.as_mut().poll(context).is_ready()) {
        true => std::task::Poll::Ready(()),
        false => std::task::Poll::Pending,
    })
    .await;
}
