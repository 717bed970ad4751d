//! Finds what a client lost: follows each client's position, opens a break when history is refused, and settles it
//! when the client's next full list was answered. No I/O.
//!
//! Whether a client keeps a list that was answered shows only when it next asks for a watch. Until then the next list settles the
//! break once more: a collector drops the list by which it compares when its watch breaks meanwhile, and then reads another one.
//!
//! Certain losses lie above what was sent to the client; what was sent but not yet claimed back is only "at risk",
//! since a socket tells nothing about the other side's disk.

use std::collections::{BTreeMap, HashMap, HashSet};

use uuid::Uuid;

use super::entry::{Loss, LossCause, StateId};

/// Where a client stands.
#[derive(Debug, Clone, Copy, Default)]
struct Position {
    stream: u64,
    incarnation: u32,
    claimed: u64,
    sent: u64,
    sent_at_us: i64,
}

#[derive(Debug, Clone, Copy)]
struct Break {
    cause: LossCause,
    at: Position,
}

/// A break that a list has settled, which its client may not have kept.
#[derive(Debug)]
struct Settled {
    broken: Break,
    /// What was told of it.
    told: HashSet<StateId>,
}

/// A full list that was answered.
#[derive(Debug)]
pub(crate) struct Answered<'a> {
    pub client: &'a str,
    pub incarnation: u32,
    pub resource_version: u64,
    pub at_us: i64,
}

/// The books on all clients of one server.
#[derive(Debug)]
pub(crate) struct Reckoning {
    cluster: Uuid,
    /// Every state: (incarnation, resourceVersion) to its Event and commit time.
    states: BTreeMap<(u32, u64), (Uuid, i64)>,
    positions: HashMap<String, Position>,
    breaks: HashMap<String, Vec<Break>>,
    /// Breaks that were settled since the client asked for a watch.
    settled: HashMap<String, Vec<Settled>>,
}

impl Reckoning {
    pub fn new(cluster: Uuid) -> Self {
        let (positions, breaks, settled) = (HashMap::new(), HashMap::new(), HashMap::new());
        Self { cluster, states: BTreeMap::new(), positions, breaks, settled }
    }

    pub fn committed(&mut self, state: &StateId, at_us: i64) {
        self.states.insert((state.incarnation, state.resource_version), (state.uid, at_us));
    }

    /// A client began a watch from `claimed`.
    pub fn opened(&mut self, client: &str, stream: u64, incarnation: u32, claimed: u64, at_us: i64) {
        self.settled.remove(client);
        if let Some(breaks) = self.breaks.get_mut(client) {
            // The client came back to where it was refused and is served: nothing was lost after all.
            breaks.retain(|known| {
                known.cause != LossCause::Expired || known.at.incarnation != incarnation || known.at.claimed < claimed
            });
        }
        let position = self.positions.entry(client.to_owned()).or_default();
        let sent = if position.incarnation == incarnation { position.sent.max(claimed) } else { claimed };
        let sent_at_us = if position.sent_at_us == 0 { at_us } else { position.sent_at_us };
        *position = Position { stream, incarnation, claimed, sent, sent_at_us };
    }

    /// A frame was handed to the socket; frames of a stream that the client has replaced count for nothing.
    pub fn sent(&mut self, client: &str, stream: u64, resource_version: u64, at_us: i64) {
        if let Some(position) = self.positions.get_mut(client).filter(|position| position.stream == stream) {
            position.sent = position.sent.max(resource_version);
            position.sent_at_us = at_us;
        }
    }

    /// A watch from `claimed` was refused, or a running one broken off, by 410.
    pub fn expired(&mut self, client: &str, incarnation: u32, claimed: u64, at_us: i64) {
        self.settled.remove(client);
        let known = self.positions.get(client).copied().unwrap_or_default();
        let same = known.incarnation == incarnation;
        let at = Position {
            incarnation,
            claimed,
            sent: if same { known.sent.max(claimed) } else { claimed },
            sent_at_us: if known.sent_at_us == 0 { at_us } else { known.sent_at_us },
            stream: known.stream,
        };
        let breaks = self.breaks.entry(client.to_owned()).or_default();
        // Asking again before listing is the same break; only a claim of a later position changes it.
        breaks.retain(|known| known.cause != LossCause::Expired || known.at.incarnation != incarnation);
        breaks.push(Break { cause: LossCause::Expired, at });
    }

    /// The server came back with a lower resourceVersion: every client lost what it had not yet got.
    pub fn restored(&mut self) {
        for (client, position) in &self.positions {
            let at = *position;
            self.breaks.entry(client.clone()).or_default().push(Break { cause: LossCause::Restored, at });
        }
    }

    /// Breaks that no list has settled yet.
    pub fn unsettled(&self) -> usize {
        self.breaks.values().map(Vec::len).sum()
    }

    /// A full list was answered: settles the client's breaks and answers what each of them cost. `listed` tells
    /// whether the list brought this very state.
    ///
    /// A break that an earlier list has settled is told once more where that list brought what this one does not, unless the client
    /// has asked for a watch in between.
    pub fn listed(&mut self, answer: &Answered<'_>, listed: impl Fn(&Uuid, u64) -> bool) -> Vec<Loss> {
        let breaks = self.breaks.remove(answer.client).unwrap_or_default();
        let mut settled = self.settled.remove(answer.client).unwrap_or_default();
        self.arrived(answer);
        let mut losses = Vec::new();
        for Settled { broken, told } in &mut settled {
            let mut loss = self.settle(broken, answer, &listed);
            loss.lost.retain(|state| told.insert(*state));
            loss.at_risk.retain(|state| told.insert(*state));
            if !loss.lost.is_empty() || !loss.at_risk.is_empty() {
                losses.push(loss);
            }
        }
        for broken in breaks {
            let loss = self.settle(&broken, answer, &listed);
            settled.push(Settled { broken, told: loss.lost.iter().chain(&loss.at_risk).copied().collect() });
            losses.push(loss);
        }
        if !settled.is_empty() {
            self.settled.insert(answer.client.to_owned(), settled);
        }
        losses
    }

    /// A full list is a delivery too.
    fn arrived(&mut self, answer: &Answered<'_>) {
        let position = self.positions.entry(answer.client.to_owned()).or_default();
        if position.incarnation != answer.incarnation || position.sent <= answer.resource_version {
            position.incarnation = answer.incarnation;
            position.claimed = answer.resource_version;
            position.sent = answer.resource_version;
            position.sent_at_us = answer.at_us;
        }
    }

    fn settle(&self, broken: &Break, answer: &Answered<'_>, listed: &impl Fn(&Uuid, u64) -> bool) -> Loss {
        let at = &broken.at;
        let (mut lost, mut at_risk) = (Vec::new(), Vec::new());
        let mut from_us = at.sent_at_us;
        let (after, until) = ((at.incarnation, at.claimed), (answer.incarnation, answer.resource_version));
        let missed = self.states.range(after.min(until)..=until).filter(|(at, _)| **at > after);
        for (&(incarnation, resource_version), &(uid, committed_us)) in missed {
            let brought = incarnation == answer.incarnation && listed(&uid, resource_version);
            if brought {
                continue;
            }
            let state = StateId { cluster: self.cluster, incarnation, resource_version, uid };
            let was_sent = incarnation == at.incarnation && resource_version <= at.sent;
            if was_sent {
                at_risk.push(state);
            } else {
                from_us = from_us.min(committed_us);
                lost.push(state);
            }
        }
        Loss {
            cluster: self.cluster,
            client: answer.client.to_owned(),
            cause: broken.cause,
            from_us,
            to_us: answer.at_us,
            claimed: at.claimed,
            sent: at.sent,
            lost,
            at_risk,
        }
    }
}
