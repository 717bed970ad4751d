//! Objects by id, and which of them something may still be due of.

use std::{
    collections::{BTreeMap, BTreeSet},
    ops::Deref,
};

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// What comes to rest.
pub trait Rests {
    /// Whether nothing of it is due any more.
    fn rests(&self) -> bool;
}

/// Objects by id. What is due is asked with each fact, and of the operations of years almost all rest: the others are found
/// without a look at those. Whatever changes one of them does so here, so that it stays true.
#[derive(Debug, Clone, PartialEq)]
pub struct Kept<K, V> {
    all: BTreeMap<K, V>,
    awake: BTreeSet<K>,
}

impl<K, V> Default for Kept<K, V> {
    fn default() -> Self {
        Self { all: BTreeMap::new(), awake: BTreeSet::new() }
    }
}

impl<K, V> Deref for Kept<K, V> {
    type Target = BTreeMap<K, V>;

    fn deref(&self) -> &Self::Target {
        &self.all
    }
}

impl<K: Ord + Copy, V: Rests> Kept<K, V> {
    /// Those that do not rest, in the order of their ids.
    pub fn awake(&self) -> impl Iterator<Item = &V> {
        self.awake.iter().filter_map(|id| self.all.get(id))
    }

    /// Changes one, where it is there.
    pub fn change<T>(&mut self, id: &K, change: impl FnOnce(&mut V) -> T) -> Option<T> {
        let found = self.all.get_mut(id)?;
        let answer = change(found);
        match found.rests() {
            true => self.awake.remove(id),
            false => self.awake.insert(*id),
        };
        Some(answer)
    }

    pub(crate) fn insert(&mut self, id: K, value: V) {
        self.all.insert(id, value);
        self.change(&id, |_| ());
    }

    pub(crate) fn remove(&mut self, id: &K) -> Option<V> {
        self.awake.remove(id);
        self.all.remove(id)
    }

    /// All of them.
    pub fn into_values(self) -> impl Iterator<Item = V> {
        self.all.into_values()
    }
}

impl<K: Serialize, V: Serialize> Serialize for Kept<K, V> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        self.all.serialize(to)
    }
}

impl<'de, K, V> Deserialize<'de> for Kept<K, V>
where
    K: Deserialize<'de> + Ord + Copy,
    V: Deserialize<'de> + Rests,
{
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let all = BTreeMap::<K, V>::deserialize(from)?;
        let awake = all.iter().filter(|(_, one)| !one.rests()).map(|(id, _)| *id).collect();
        Ok(Self { all, awake })
    }
}
