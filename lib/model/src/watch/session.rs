//! An open watch: frames, acknowledgements, proofs, silence, and its end.

use beidou_schemas::{
    Micros, ResourceVersion,
    coverage::{CoverageFact, Position, Reason, SessionEnd},
    time::SECOND,
};

use super::{
    act::{Action, Refusal},
    backoff::Backoff,
    chain::{Chain, Next, State},
};

/// A stream that owes a frame and brings nothing for so many heartbeats is dead.
const SILENT_HEARTBEATS: i64 = 3;
/// So many answers in a row without any frame: the version is not usable, though the server does not say so
/// (kubernetes/kubernetes#104171). Fewer may be a proxy that is restarting; with doubled waits this is some seconds.
const MOST_EMPTY_ANSWERS: u32 = 5;
/// A session that lived so long was no failure: the next wait is short again.
const STEADY: i64 = SECOND;

/// What is known of the open watch beyond its position.
#[derive(Debug)]
pub(super) struct Session {
    /// The version of the last frame read; the log may not have it yet.
    pub received: ResourceVersion,
    opened: Micros,
    quiet_since: Micros,
    published: Micros,
    moved: bool,
    deleted: u64,
}

impl Session {
    pub(super) fn open(now: Micros, received: ResourceVersion) -> Self {
        Self { received, opened: now, quiet_since: now, published: now, moved: false, deleted: 0 }
    }
}

impl Chain {
    pub(super) fn tick(&mut self, now: Micros, reading: bool) -> Vec<Action> {
        let (heartbeat, longest) = (self.settings.heartbeat, self.settings.longest_watch);
        let State::Watching(session) = &mut self.state else { return vec![] };
        if !reading {
            session.quiet_since = now;
        }
        let quiet = now.0 - session.quiet_since.0;
        let silent = quiet >= SILENT_HEARTBEATS * heartbeat && self.proofs.owed(session.received);
        if silent || (reading && now.0 - session.opened.0 >= longest) {
            let detail = format!("no frame for {} s", quiet / SECOND);
            return self.abandon(Reason::Silent, detail);
        }
        let mut actions = self.settle(now, true);
        let forgotten = self.question.is_some_and(|q| now.0 - q.asked.0 >= 2 * heartbeat);
        if now >= self.next_question && (self.question.is_none() || forgotten) {
            actions.push(self.ask(now));
        }
        actions
    }

    pub(super) fn frame(&mut self, now: Micros, version: Option<ResourceVersion>, deleted: bool) -> Vec<Action> {
        let State::Watching(session) = &mut self.state else { return vec![] };
        session.quiet_since = now;
        session.deleted += u64::from(deleted);
        self.empty_answers = 0;
        if now.0 - session.opened.0 >= STEADY {
            self.backoff.reset();
        }
        let Some(version) = version else { return vec![] };
        if version < session.received {
            // Within one life of etcd frames come in the order of their versions: what this stream skipped is unknown.
            let detail = format!("resource version {version} came after {}", session.received);
            let end = self.end_session(Reason::ServerError, detail.clone());
            let wait = self.list_anew(Reason::ServerError, detail);
            return [Action::Close, Action::Publish(end.into_iter().collect())].into_iter().chain(wait).collect();
        }
        session.received = version;
        vec![]
    }

    pub(super) fn acked(&mut self, now: Micros, version: ResourceVersion) -> Vec<Action> {
        let (State::Watching(session), Some(position)) = (&mut self.state, &mut self.position) else { return vec![] };
        if version > position.resource_version {
            position.resource_version = version;
            session.moved = true;
        }
        self.settle(now, true)
    }

    /// Moves `until` as far as it is proven. A proof is published at once, plain movement at most every so often.
    pub(super) fn settle(&mut self, now: Micros, movement: bool) -> Vec<Action> {
        let (State::Watching(session), Some(position)) = (&mut self.state, &mut self.position) else { return vec![] };
        let proven = self.proofs.settle(position.resource_version).filter(|proven| *proven > position.until);
        if let Some(proven) = proven {
            position.until = proven;
            self.until = Some(proven);
        }
        let due = movement && session.moved && now.0 - session.published.0 >= self.settings.publish_every;
        if proven.is_none() && !due {
            return vec![];
        }
        session.published = now;
        session.moved = false;
        vec![Action::Publish(vec![CoverageFact::Advanced(position.clone())])]
    }

    pub(super) fn closed(&mut self, now: Micros, reason: Reason, detail: String) -> Vec<Action> {
        let State::Watching(session) = &self.state else { return vec![] };
        // A proxy that cuts a quiet stream after a while brings no frame either; the version is usable all the same.
        let steady = now.0 - session.opened.0 >= STEADY;
        if steady {
            self.backoff.reset();
        }
        let end = self.end_session(reason, detail.clone());
        self.empty_answers = if reason == Reason::Empty && !steady { self.empty_answers + 1 } else { 0 };
        let unusable = reason == Reason::Expired || self.empty_answers >= MOST_EMPTY_ANSWERS;
        let wait = if unusable {
            self.list_anew(reason, detail)
        } else if reason == Reason::Timeout {
            self.state = State::Waiting(Next::Prove);
            vec![Backoff::pause(&self.settings)]
        } else {
            self.wait(Refusal::Failed, Next::Prove)
        };
        [Action::Close, Action::Publish(end.into_iter().collect())].into_iter().chain(wait).collect()
    }

    /// Ends the session from this side; the chain goes on from its position.
    fn abandon(&mut self, reason: Reason, detail: String) -> Vec<Action> {
        let end = self.end_session(reason, detail);
        let wait = self.wait(Refusal::Failed, Next::Prove);
        [Action::Close, Action::Publish(end.into_iter().collect())].into_iter().chain(wait).collect()
    }

    /// The end of the open session, if one is open. The caller says what comes next.
    pub(super) fn end_session(&mut self, reason: Reason, detail: String) -> Option<CoverageFact> {
        let State::Watching(session) = &self.state else { return None };
        self.question = None;
        let position = self.position.clone()?;
        Some(self.end_of(position, reason, detail, session.deleted))
    }

    pub(super) fn end_of(
        &self,
        position: Position,
        reason: Reason,
        detail: String,
        deleted_frames: u64,
    ) -> CoverageFact {
        CoverageFact::Ended(SessionEnd { position, reason, detail, deleted_frames })
    }
}
