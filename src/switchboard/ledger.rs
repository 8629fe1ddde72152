//! A map that can tell what was done to it, so that it can be kept on disk, shared with other nodes, or taken back.
//!
//! A hub reads and writes it like any map. Alone, nothing is noted and nothing is paid.

use std::collections::{HashMap, HashSet, hash_map};
use std::hash::Hash;
use std::mem;

use parking_lot::Mutex;

/// What rooms, or members, have to be to be put in a ledger.
pub trait Name: Clone + Eq + Hash {}

impl<K: Clone + Eq + Hash> Name for K {}

/// Rooms by their names, or members by theirs.
pub struct Ledger<K, V> {
    entries: HashMap<K, V>,
    notes: Notes<K, V>,
}

/// What is noted of what is done.
enum Notes<K, V> {
    /// Nothing.
    Nothing,
    /// Which entries were changed.
    Changes(HashSet<K>),
    /// Which were read, and what those were that were changed.
    Steps(Mutex<Step<K, V>>),
}

/// What was done since somebody looked.
#[derive(Debug)]
pub struct Step<K, V> {
    /// Entries that were looked for, whether they were there or not.
    pub read: HashSet<K>,
    /// What the changed ones were before.
    pub before: HashMap<K, Option<V>>,
}

impl<K, V> Default for Step<K, V> {
    fn default() -> Self {
        Self { read: HashSet::new(), before: HashMap::new() }
    }
}

impl<K, V> Default for Ledger<K, V> {
    fn default() -> Self {
        Self { entries: HashMap::new(), notes: Notes::Nothing }
    }
}

impl<K: Name, V: Clone> Ledger<K, V> {
    /// Notes which entries are changed from here on.
    pub fn note_changes(&mut self) {
        self.notes = Notes::Changes(HashSet::new());
    }

    /// Notes all that is needed to check or to undo a step from here on.
    pub fn note_steps(&mut self) {
        self.notes = Notes::Steps(Mutex::default());
    }

    /// The entry of that name.
    pub fn get(&self, name: &K) -> Option<&V> {
        if let Notes::Steps(step) = &self.notes {
            let mut step = step.lock();
            if !step.read.contains(name) {
                step.read.insert(name.clone());
            }
        }
        self.entries.get(name)
    }

    /// The entry of that name, to be changed.
    pub fn get_mut(&mut self, name: &K) -> Option<&mut V> {
        let entry = self.entries.get_mut(name);
        note(&mut self.notes, name, entry.as_deref());
        entry
    }

    /// Adds an entry, or replaces it.
    pub fn insert(&mut self, name: K, entry: V) -> Option<V> {
        note(&mut self.notes, &name, self.entries.get(&name));
        self.entries.insert(name, entry)
    }

    /// Takes an entry away.
    pub fn remove(&mut self, name: &K) -> Option<V> {
        note(&mut self.notes, name, self.entries.get(name));
        self.entries.remove(name)
    }

    /// Whether there is such an entry.
    pub fn contains(&self, name: &K) -> bool {
        self.get(name).is_some()
    }

    /// The entry of that name as far as is known here; nothing is noted.
    pub fn peek(&self, name: &K) -> Option<&V> {
        self.entries.get(name)
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.entries.len()
    }

    /// All of them, for whoever wants an overview; nothing is noted.
    pub fn all(&self) -> hash_map::Iter<'_, K, V> {
        self.entries.iter()
    }

    /// All of them without their names, as [`Self::all`].
    pub fn values(&self) -> hash_map::Values<'_, K, V> {
        self.entries.values()
    }

    /// The entries that were changed since this was asked last.
    pub fn changes(&mut self) -> HashSet<K> {
        match &mut self.notes {
            Notes::Changes(changes) => mem::take(changes),
            Notes::Nothing | Notes::Steps(_) => HashSet::new(),
        }
    }

    /// What was done since this was asked last.
    pub fn step(&mut self) -> Step<K, V> {
        match &mut self.notes {
            Notes::Steps(step) => mem::take(step.get_mut()),
            Notes::Nothing | Notes::Changes(_) => Step::default(),
        }
    }

    /// Takes everything out; nothing is noted.
    pub fn take_all(&mut self) -> HashMap<K, V> {
        mem::take(&mut self.entries)
    }

    /// Puts everything back that was taken out; nothing is noted.
    pub fn put_all(&mut self, entries: HashMap<K, V>) {
        self.entries = entries;
    }

    /// Forgets everything; nothing is noted.
    pub fn clear(&mut self) {
        self.entries.clear();
    }

    /// Makes entries what they were before a step; nothing is noted.
    pub fn undo(&mut self, before: HashMap<K, Option<V>>) {
        for (name, entry) in before {
            self.put(name, entry);
        }
    }

    /// Takes over what is known from elsewhere; nothing is noted.
    pub fn put(&mut self, name: K, entry: Option<V>) -> Option<V> {
        match entry {
            Some(entry) => self.entries.insert(name, entry),
            None => self.entries.remove(&name),
        }
    }
}

fn note<K: Name, V: Clone>(notes: &mut Notes<K, V>, name: &K, entry: Option<&V>) {
    match notes {
        Notes::Nothing => {}
        Notes::Changes(changes) => {
            if !changes.contains(name) {
                changes.insert(name.clone());
            }
        }
        Notes::Steps(step) => {
            let step = step.get_mut();
            if !step.before.contains_key(name) {
                step.before.insert(name.clone(), entry.cloned());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ledger() -> Ledger<String, u32> {
        let mut ledger = Ledger::default();
        ledger.insert("a".to_owned(), 1);
        ledger
    }

    #[test]
    fn a_step_can_be_taken_back_whatever_it_did() {
        let mut ledger = ledger();
        ledger.note_steps();
        let (a, b, c) = ("a".to_owned(), "b".to_owned(), "c".to_owned());
        *ledger.get_mut(&a).unwrap() = 2;
        *ledger.get_mut(&a).unwrap() = 3;
        ledger.insert(b.clone(), 4);
        ledger.remove(&a);
        assert!(ledger.get(&c).is_none());
        let step = ledger.step();
        assert_eq!(step.before, HashMap::from([(a.clone(), Some(1)), (b.clone(), None)]));
        assert_eq!(step.read, HashSet::from([c]));
        ledger.undo(step.before);
        assert_eq!((ledger.peek(&a), ledger.peek(&b)), (Some(&1), None));
        assert!(ledger.step().before.is_empty(), "what is taken back is no step");
    }

    #[test]
    fn changes_are_told_once() {
        let mut ledger = ledger();
        ledger.note_changes();
        let a = "a".to_owned();
        assert_eq!(ledger.get(&a), Some(&1));
        assert!(ledger.changes().is_empty(), "reading changes nothing");
        *ledger.get_mut(&a).unwrap() = 2;
        ledger.remove(&a);
        assert_eq!(ledger.changes(), HashSet::from([a]));
        assert!(ledger.changes().is_empty());
    }
}
