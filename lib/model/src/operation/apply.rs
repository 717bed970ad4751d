//! What each fact changes.

mod attempts;
mod operations;
mod tasks;

use beidou_schemas::{
    Micros,
    operation::{
        Object, OperationId, Phase, Reason,
        fact::{Body, Fact},
    },
};

use super::{Applied, Board, Notice, Operation, RefusedObject, Task, TaskStep};

impl Board {
    /// Takes a fact in.
    pub fn apply(&mut self, fact: &Fact) -> Applied {
        if fact.epoch < self.epoch {
            return Applied::Stale;
        }
        let seq = self.seq_of(fact.object);
        let epoch = match fact.object {
            Object::Operation(id) => self.operations.get(&id).map_or(self.epoch, |found| found.epoch),
            Object::Task(id) => self.tasks.get(&id).map_or(self.epoch, |found| found.epoch),
            Object::Board => self.epoch,
        };
        if self.is_broken(fact.object) {
            return self.told_of_stop(fact);
        }
        if fact.seq <= seq && (fact.epoch <= epoch || fact.object == Object::Board) {
            return Applied::Repeated;
        }
        if fact.seq != seq + 1 {
            return self.stop(fact, seq);
        }
        if let Some(cause) = fact.cause {
            self.follow(cause);
        }
        match fact.object {
            Object::Board => self.apply_own(fact),
            Object::Operation(id) => match self.operations.remove(&id) {
                // Taken out, so that locks of the board can be moved beside it.
                Some(mut operation) => {
                    operations::apply(self, &mut operation, fact);
                    self.operations.insert(id, operation);
                }
                None => self.first(fact),
            },
            Object::Task(id) => match self.tasks.change(&id, |task| tasks::apply(task, fact)) {
                Some(()) => {}
                None => self.first(fact),
            },
        }
        Applied::Taken
    }

    fn is_broken(&self, object: Object) -> bool {
        match object {
            Object::Board => false,
            Object::Operation(id) => self.operations.get(&id).is_some_and(|found| found.broken),
            Object::Task(id) => self.tasks.get(&id).is_some_and(|found| found.broken),
        }
    }

    /// Of what stands still for good it only counts that people were told of it.
    fn told_of_stop(&mut self, fact: &Fact) -> Applied {
        let applied = match fact.object {
            Object::Board => None,
            Object::Operation(id) => {
                self.operations.change(&id, |found| told(&mut found.seq, &mut found.notices, fact))
            }
            Object::Task(id) => self.tasks.change(&id, |found| told(&mut found.seq, &mut found.notices, fact)),
        };
        applied.unwrap_or(Applied::Stopped)
    }

    /// Two writers have written, or facts are lost: whatever follows would be a guess. People are told, and of nothing else.
    fn stop(&mut self, fact: &Fact, seq: u64) -> Applied {
        let message = format!("fact {} of epoch {} follows fact {seq}", fact.seq, fact.epoch);
        let reason = Some(Reason::SequenceBroken);
        let time = fact.time;
        // At once: another writer's clock may be ahead.
        let notices = vec![Notice::tells(fact.seq, Micros(0), Phase::Held, Reason::SequenceBroken, &message)];
        match fact.object {
            // The board's own facts replace one another: the newest one is right.
            Object::Board => {
                self.seq = fact.seq;
                self.apply_own(fact);
            }
            Object::Operation(id) => {
                let known = self.operations.change(&id, |found| {
                    (found.broken, found.phase, found.reason) = (true, Phase::Held, reason);
                    (found.message, found.since, found.updated) = (message, time, time);
                    found.notices = notices;
                });
                self.strangers += u64::from(known.is_none());
            }
            Object::Task(id) => {
                let known = self.tasks.change(&id, |found| {
                    (found.broken, found.phase, found.reason) = (true, Phase::Held, reason);
                    (found.message, found.since, found.updated) = (message, time, time);
                    found.notices = notices;
                });
                self.strangers += u64::from(known.is_none());
            }
        }
        Applied::Stopped
    }

    fn apply_own(&mut self, fact: &Fact) {
        self.seq = fact.seq;
        match &fact.body {
            Body::WriterStarted(started) => {
                (self.epoch, self.writer, self.since) = (fact.epoch, started.writer.clone(), fact.time);
                // While nobody listened nothing could be heard: every runner gets its full time again.
                let awake: Vec<OperationId> = self.operations.awake().map(|found| found.id).collect();
                for id in awake {
                    self.operations.change(&id, |found| {
                        let open = found.attempts.last_mut().filter(|last| last.over.is_none());
                        open.into_iter().for_each(|attempt| attempt.heard = attempt.heard.max(fact.time));
                    });
                }
            }
            Body::BundleKnown(known) => {
                self.bundles.insert(known.bundle.name.clone(), known.bundle.clone());
            }
            Body::BundleLost(lost) => {
                self.bundles.remove(&lost.name);
            }
            Body::ClusterRuled(ruled) => match &ruled.rules {
                Some(rules) => {
                    self.clusters.insert(ruled.cluster.clone(), rules.clone());
                }
                None => {
                    self.clusters.remove(&ruled.cluster);
                }
            },
            // That it was refused is all that must be known: its cause is followed.
            Body::CommandRefused(_) => {}
            _ => self.strangers += 1,
        }
    }

    /// The first fact of an object.
    fn first(&mut self, fact: &Fact) {
        let Fact { seq, epoch, time, .. } = *fact;
        match (fact.object, &fact.body) {
            (Object::Operation(id), Body::Accepted(accepted)) => {
                if let Some(owner) = accepted.owner {
                    let bundle = &accepted.spec.bundle;
                    self.tasks.change(&owner.task, |task| {
                        let is_its = |step: &TaskStep| step.bundle.is_none() || step.bundle == *bundle;
                        let step = task.steps.iter_mut().find(|step| step.kind == owner.step && is_its(step));
                        step.into_iter().for_each(|step| step.operation = Some(id));
                    });
                }
                self.operations.insert(id, Operation::new(id, accepted.clone(), seq, epoch, time));
            }
            (Object::Task(id), Body::TaskAccepted(accepted)) => {
                self.tasks.insert(id, Task::new(id, accepted.clone(), seq, epoch, time));
            }
            (object, Body::Refused(refused)) => {
                let said = refused.clone();
                let refused = RefusedObject {
                    object,
                    name: said.name,
                    subject: said.subject,
                    cluster: said.cluster,
                    at: time,
                    field: said.field,
                    value: said.value,
                    allowed: said.allowed,
                };
                self.refused.insert(object.id(), refused);
            }
            _ => self.strangers += 1,
        }
    }
}

/// Takes in what people were told of what stands still for good.
fn told(seq: &mut u64, notices: &mut Vec<Notice>, fact: &Fact) -> Applied {
    if fact.seq != *seq + 1 {
        return Applied::Stopped;
    }
    match &fact.body {
        Body::Notified(told) => notices.retain(|notice| notice.of_seq != told.of_seq),
        Body::NotifyFailed(failed) => operations::put_off(notices, failed),
        _ => return Applied::Stopped,
    }
    *seq = fact.seq;
    Applied::Taken
}
