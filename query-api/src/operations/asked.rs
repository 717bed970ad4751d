//! Commands that stand in the log: which keys are taken, and by what. Pure.

use std::collections::{HashMap, VecDeque};

use beidou_schemas::operation::{
    Object,
    command::{Ask, Command},
};
use sha2::{Digest, Sha256};
use uuid::Uuid;

/// Keys that are remembered, the newest ones: some 100 bytes each. A caller repeats itself within minutes.
const MOST_KEYS: usize = 100_000;

/// A command under a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Taken {
    /// What it is about.
    pub object: Object,
    /// Tells whether a repetition asks for the same.
    pub digest: [u8; 32],
}

/// All of them.
#[derive(Debug, Default)]
pub(super) struct Asked {
    keys: HashMap<Uuid, Taken>,
    order: VecDeque<Uuid>,
}

impl Asked {
    /// Takes a command in. Of several with one id the first one counts.
    pub(super) fn take(&mut self, command: &Command) {
        if self.keys.contains_key(&command.id) {
            return;
        }
        let digest = digest(&command.subject, command.object, &command.ask);
        self.keys.insert(command.id, Taken { object: command.object, digest });
        self.order.push_back(command.id);
        if self.order.len() > MOST_KEYS
            && let Some(oldest) = self.order.pop_front()
        {
            self.keys.remove(&oldest);
        }
    }

    /// The command under this key.
    pub(super) fn find(&self, key: Uuid) -> Option<Taken> {
        self.keys.get(&key).copied()
    }
}

/// What a command says, without its time. The object of a request is made anew each time, and says nothing.
pub(super) fn digest(subject: &str, object: Object, ask: &Ask) -> [u8; 32] {
    let object = match ask {
        Ask::RequestOperation(_) | Ask::RequestTask(_) => Object::Board,
        _ => object,
    };
    let (id, via, time) = (Uuid::nil(), beidou_schemas::operation::Via::Api, beidou_schemas::Micros(0));
    let bare = Command { id, object, subject: subject.to_owned(), via, time, ask: ask.clone() };
    Sha256::digest(bare.to_json()).into()
}
