//! The list that replaces a broken chain: page by page, all of one version, and what it can and cannot bring back.

use beidou_schemas::{
    Micros, ResourceVersion,
    coverage::{CoverageState, Position, Reason},
};
use uuid::Uuid;

use super::{
    act::{Action, Refusal},
    chain::{Chain, Next, State},
};

/// So many refusals in a row of a page: its token is not usable, though the server does not say so. It names the list's version, which
/// lies ahead of a server whose etcd was set back meanwhile. With doubled waits this is more than a minute.
const MOST_REFUSALS: u32 = 10;

/// A list under way.
#[derive(Debug)]
pub(super) struct Listing {
    reason: Reason,
    detail: String,
    /// The version of the list, and when its first page came.
    first: Option<(ResourceVersion, Micros)>,
    token: Option<String>,
    /// A page came from another version than the first one.
    mixed: bool,
    /// In a row, of the page that is asked for.
    refusals: u32,
}

impl Listing {
    fn restart(&mut self) {
        self.first = None;
        self.token = None;
        self.mixed = false;
        self.refusals = 0;
    }
}

impl Chain {
    /// The chain cannot be continued: a list will follow, after a wait.
    pub(super) fn list_anew(&mut self, reason: Reason, detail: String) -> Vec<Action> {
        self.listing = Some(Listing { reason, detail, first: None, token: None, mixed: false, refusals: 0 });
        self.proofs.clear();
        self.question = None;
        self.empty_answers = 0;
        self.wait(Refusal::Failed, Next::List)
    }

    pub(super) fn list(&self) -> Action {
        Action::List { token: self.listing.as_ref().and_then(|listing| listing.token.clone()) }
    }

    pub(super) fn page_refused(&mut self, why: Refusal) -> Vec<Action> {
        if let Some(listing) = &mut self.listing {
            listing.refusals += 1;
            // The version of the first page was compacted. The server offers to go on with newer pages; such a list would
            // be of two moments and could miss states, so it begins anew.
            if why == Refusal::Expired || listing.refusals >= MOST_REFUSALS {
                listing.restart();
            }
        }
        self.wait(why, Next::List)
    }

    pub(super) fn page_read(&mut self, now: Micros, version: ResourceVersion) -> Vec<Action> {
        let (State::Listing, Some(listing)) = (&self.state, &mut self.listing) else { return vec![] };
        match listing.first {
            Some((first, _)) => listing.mixed |= first != version,
            None => listing.first = Some((version, now)),
        }
        match &self.position {
            Some(position) if version < position.resource_version => {
                listing.reason = Reason::Restored;
                let detail = format!("the list is of resource version {version}, after {}", position.resource_version);
                let mut facts = std::mem::take(&mut self.pending);
                facts.push(self.enter_next_epoch(now, detail));
                vec![Action::Publish(facts)]
            }
            Some(_) | None => vec![],
        }
    }

    pub(super) fn page_stored(&mut self, next: Option<String>) -> Vec<Action> {
        let (State::Listing, Some(listing)) = (&self.state, &mut self.listing) else { return vec![] };
        if listing.mixed {
            listing.restart();
            return self.wait(Refusal::Failed, Next::List);
        }
        (listing.token, listing.refusals) = (next, 0);
        if listing.token.is_some() {
            return vec![self.list()];
        }
        match self.listing.take() {
            Some(Listing { first: Some((version, arrived)), reason, detail, .. }) => {
                self.continue_from(version, arrived, reason, detail)
            }
            Some(Listing { first: None, reason, detail, .. }) => self.list_anew(reason, detail),
            None => vec![],
        }
    }

    /// The whole list is in the log: a new stretch of the chain begins at its version.
    fn continue_from(
        &mut self,
        version: ResourceVersion,
        arrived: Micros,
        reason: Reason,
        detail: String,
    ) -> Vec<Action> {
        self.publish_later(arrived, reason, detail);
        self.until = Some(arrived);
        self.position = Some(Position {
            cluster: self.cluster.clone(),
            cluster_name: self.cluster_name.clone(),
            epoch: self.epoch,
            session: Uuid::nil(),
            start_resource_version: version,
            resource_version: version,
            from: arrived,
            until: arrived,
        });
        self.state = State::Opening;
        self.next_question = Micros(i64::MIN);
        vec![Action::Open { from: version }]
    }

    /// From the last proven moment to the list: what still existed was found; what had expired before is lost.
    fn publish_later(&mut self, arrived: Micros, reason: Reason, detail: String) {
        let oldest = arrived.plus(-self.settings.event_ttl);
        let from = self.until.unwrap_or(oldest);
        if from < oldest {
            let gap = self.broken(CoverageState::Gap, from, oldest, reason, detail.clone());
            self.pending.push(gap);
        }
        let from = from.max(oldest);
        if from < arrived {
            let degraded = self.broken(CoverageState::Degraded, from, arrived, reason, detail);
            self.pending.push(degraded);
        }
    }
}
