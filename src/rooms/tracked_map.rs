//! A map that can tell which of its entries were changed, so that they can be kept on disk and shared with other nodes.
//!
//! A hub reads and writes it like any map. Alone, nothing is noted and nothing is paid.

use std::collections::{HashMap, HashSet, hash_map};
use std::hash::Hash;
use std::mem;

/// Rooms by their names, or members by theirs.
pub struct TrackedMap<K, V> {
    entries: HashMap<K, V>,
    /// The entries that were changed, if anybody wants to know.
    changes: Option<HashSet<K>>,
}

impl<K, V> Default for TrackedMap<K, V> {
    fn default() -> Self {
        Self { entries: HashMap::new(), changes: None }
    }
}

impl<K: Clone + Eq + Hash, V> TrackedMap<K, V> {
    /// Notes which entries are changed from here on.
    pub fn note_changes(&mut self) {
        self.changes = Some(HashSet::new());
    }

    /// The entry of that name.
    pub fn get(&self, name: &K) -> Option<&V> {
        self.entries.get(name)
    }

    /// The entry of that name, to be changed.
    pub fn get_mut(&mut self, name: &K) -> Option<&mut V> {
        self.note(name);
        self.entries.get_mut(name)
    }

    /// Adds an entry, or replaces it.
    pub fn insert(&mut self, name: K, entry: V) -> Option<V> {
        self.note(&name);
        self.entries.insert(name, entry)
    }

    /// Takes an entry away.
    pub fn remove(&mut self, name: &K) -> Option<V> {
        self.note(name);
        self.entries.remove(name)
    }

    /// Whether there is such an entry.
    pub fn contains(&self, name: &K) -> bool {
        self.get(name).is_some()
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.entries.len()
    }

    /// All of them.
    pub fn all(&self) -> hash_map::Iter<'_, K, V> {
        self.entries.iter()
    }

    /// All of them without their names.
    pub fn values(&self) -> hash_map::Values<'_, K, V> {
        self.entries.values()
    }

    /// The entries that were changed since this was asked last.
    pub fn changes(&mut self) -> HashSet<K> {
        self.changes.as_mut().map(mem::take).unwrap_or_default()
    }

    /// Takes everything out; nothing is noted.
    pub fn take_all(&mut self) -> HashMap<K, V> {
        mem::take(&mut self.entries)
    }

    /// Puts everything back that was taken out; nothing is noted.
    pub fn put_all(&mut self, entries: HashMap<K, V>) {
        self.entries = entries;
    }

    /// Takes over what is known from elsewhere; nothing is noted.
    pub fn put(&mut self, name: K, entry: Option<V>) -> Option<V> {
        match entry {
            Some(entry) => self.entries.insert(name, entry),
            None => self.entries.remove(&name),
        }
    }

    fn note(&mut self, name: &K) {
        if let Some(changes) = &mut self.changes
            && !changes.contains(name)
        {
            changes.insert(name.clone());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changes_are_told_once() {
        let mut facts = TrackedMap::default();
        let a = "a".to_owned();
        facts.insert(a.clone(), 1);
        facts.note_changes();
        assert_eq!(facts.get(&a), Some(&1));
        assert!(facts.changes().is_empty(), "reading changes nothing");
        *facts.get_mut(&a).unwrap() = 2;
        facts.remove(&a);
        assert_eq!(facts.changes(), HashSet::from([a]));
        assert!(facts.changes().is_empty());
    }
}
