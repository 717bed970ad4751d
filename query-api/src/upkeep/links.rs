//! Short links: addresses of the console under ids that are made of them. Pure.

use std::collections::{HashMap, VecDeque};

use beidou_schemas::maintenance::fact::LinkSaved;
use sha2::{Digest, Sha256};

/// An id is so long, or longer where another address has it.
const SHORTEST: usize = 10;
/// What links may take in memory: some 60,000 of usual length. The oldest are forgotten.
const MOST_BYTES: usize = 32 << 20;
/// What a link takes beside its address.
const BESIDE: usize = 256;
/// Of base32, in lower case: none is taken for another one.
const DIGITS: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";

/// All of them.
#[derive(Debug, Default)]
pub(crate) struct Links {
    known: HashMap<String, LinkSaved>,
    /// Their ids, the oldest first.
    order: VecDeque<String>,
    bytes: usize,
}

impl Links {
    /// Takes a link in. An id that is known keeps its address: what was passed on never leads elsewhere.
    pub(crate) fn take(&mut self, link: LinkSaved) {
        if self.known.contains_key(&link.id) {
            return;
        }
        self.bytes += size(&link);
        self.order.push_back(link.id.clone());
        self.known.insert(link.id.clone(), link);
        while self.bytes > MOST_BYTES
            && let Some(oldest) = self.order.pop_front().and_then(|id| self.known.remove(&id))
        {
            self.bytes -= size(&oldest);
        }
    }

    /// The link of this id.
    pub(crate) fn get(&self, id: &str) -> Option<&LinkSaved> {
        self.known.get(id)
    }

    /// The id of an address: the shortest one that no other address has.
    pub(crate) fn id_of(&self, address: &str) -> String {
        let hash = Sha256::digest(address.as_bytes());
        let mut id: String = hash.iter().map(|byte| char::from(DIGITS[usize::from(byte % 32)])).collect();
        let is_free = |length: &usize| self.get(&id[..*length]).is_none_or(|link| link.address == address);
        let length = (SHORTEST..id.len()).find(is_free).unwrap_or(id.len());
        id.truncate(length);
        id
    }
}

fn size(link: &LinkSaved) -> usize {
    link.address.len() + BESIDE
}

#[cfg(test)]
mod tests {
    use beidou_schemas::Micros;

    use super::*;

    fn link(id: &str, address: &str) -> LinkSaved {
        LinkSaved { id: id.into(), address: address.into(), subject: "a".into(), time: Micros(1) }
    }

    #[test]
    fn an_id_is_made_of_its_address_and_longer_where_another_one_has_it() {
        let mut links = Links::default();
        let (one, two) = (links.id_of("/events"), links.id_of("/sql"));
        assert!(one.len() == SHORTEST && two.len() == SHORTEST && one != two, "{one} {two}");
        assert!(one.bytes().all(|digit| DIGITS.contains(&digit)), "{one}");
        links.take(link(&one, "/events"));
        assert_eq!(links.id_of("/events"), one);
        links.take(link(&two, "/events"));
        let longer = links.id_of("/sql");
        assert!(longer.len() == SHORTEST + 1 && longer.starts_with(&two), "{longer}");
        links.take(link(&longer, "/sql"));
        assert_eq!(links.id_of("/sql"), longer);
    }

    #[test]
    fn a_known_id_keeps_its_address() {
        let mut links = Links::default();
        links.take(link("a", "/events"));
        links.take(link("a", "/sql"));
        assert_eq!(links.get("a").map(|link| &*link.address), Some("/events"));
        assert_eq!((links.order.len(), links.bytes), (1, size(&link("a", "/events"))));
    }

    #[test]
    fn the_oldest_are_forgotten_where_they_take_too_much() {
        let mut links = Links::default();
        let address = format!("/{}", "x".repeat(15_000));
        let fit = MOST_BYTES / (address.len() + BESIDE);
        (0..fit + 3).for_each(|n| links.take(link(&n.to_string(), &address)));
        let known = |n: usize| links.get(&n.to_string()).is_some();
        assert_eq!([known(0), known(2), known(3), known(fit + 2)], [false, false, true, true]);
        assert!(links.known.len() == fit && links.order.len() == fit && links.bytes <= MOST_BYTES);
    }
}
