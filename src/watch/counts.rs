//! What has happened since the start, here and on the other nodes.

use std::collections::HashMap;

use serde::Serialize;

/// What is counted.
#[derive(Debug, Clone, Copy)]
pub enum Count {
    /// Rooms that were made.
    RoomsCreated,
    /// Members that joined one.
    Joins,
    /// Chat messages.
    Chats,
    /// Events of members, all kinds together.
    Events,
}

/// How many kinds of things are counted.
const KINDS: usize = 4;

/// A number for each [`Count`].
type Numbers = [u64; KINDS];

/// What has happened.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Totals {
    /// Rooms that were made.
    pub rooms_created: u64,
    /// Members that joined one.
    pub joins: u64,
    /// Chat messages.
    pub chats: u64,
    /// Events of members, all kinds together.
    pub events: u64,
}

/// The counts of this node, and what the others tell of theirs.
#[derive(Debug, Default)]
pub struct Counts {
    own: Numbers,
    others: HashMap<String, Figures>,
    /// What has happened on the others since they were heard of.
    seen_elsewhere: Numbers,
}

/// What a node tells of itself.
#[derive(Debug, Clone, Copy)]
struct Figures {
    counts: Numbers,
    n_connected: u64,
}

impl Counts {
    /// Counts one.
    pub fn add(&mut self, what: Count) {
        self.own[what as usize] += 1;
    }

    /// This node's own numbers.
    pub fn own(&mut self) -> &mut [u64] {
        &mut self.own
    }

    /// What this node tells the others.
    pub fn figures(&self, n_connected: usize) -> Vec<u64> {
        self.own.into_iter().chain([n_connected as u64]).collect()
    }

    /// Takes note of what the others tell.
    pub fn hear(&mut self, others: HashMap<String, Vec<u64>>) {
        let read = |(node, figures): (String, Vec<u64>)| Some((node, Figures::read(&figures)?));
        let others: HashMap<String, Figures> = others.into_iter().filter_map(read).collect();
        for (node, now) in &others {
            let Some(before) = self.others.get(node) else { continue };
            for (seen, (now, before)) in
                self.seen_elsewhere.iter_mut().zip(now.counts.iter().zip(before.counts))
            {
                *seen += now.saturating_sub(before);
            }
        }
        self.others = others;
    }

    /// What has happened on all nodes that are there, since each of them started.
    pub fn since_start(&self) -> Totals {
        Totals::of(self.others.values().fold(self.own, |sum, other| add(sum, other.counts)))
    }

    /// What has happened on all nodes while this one has been there: it never becomes less.
    pub fn seen(&self) -> Totals {
        Totals::of(add(self.own, self.seen_elsewhere))
    }

    /// How many are connected to the others.
    pub fn n_connected_elsewhere(&self) -> usize {
        self.others.values().map(|other| other.n_connected as usize).sum()
    }
}

impl Figures {
    fn read(figures: &[u64]) -> Option<Self> {
        let (n_connected, counts) = figures.split_last()?;
        Some(Self { counts: counts.try_into().ok()?, n_connected: *n_connected })
    }
}

impl Totals {
    fn of([rooms_created, joins, chats, events]: Numbers) -> Self {
        Self { rooms_created, joins, chats, events }
    }
}

fn add(some: Numbers, more: Numbers) -> Numbers {
    std::array::from_fn(|kind| some[kind] + more[kind])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(nodes: &[(&str, u64)]) -> HashMap<String, Vec<u64>> {
        nodes.iter().map(|(node, chats)| ((*node).to_owned(), vec![0, 0, *chats, 0, 2])).collect()
    }

    #[test]
    fn answers_speak_for_all_nodes_that_are_there() {
        let mut counts = Counts::default();
        counts.add(Count::Chats);
        counts.hear(told(&[("b", 10), ("c", 100)]));
        assert_eq!((counts.since_start().chats, counts.n_connected_elsewhere()), (111, 4));
        assert_eq!(counts.figures(7), [0, 0, 1, 0, 7]);
        counts.hear(told(&[("b", 12)]));
        assert_eq!((counts.since_start().chats, counts.n_connected_elsewhere()), (13, 2));
        counts.hear(HashMap::from([("b".to_owned(), vec![1, 2])]));
        assert_eq!(counts.since_start().chats, 1, "what a node of another version tells is left out");
    }

    #[test]
    fn what_was_seen_grows_by_what_happens_and_by_nothing_else() {
        let mut counts = Counts::default();
        counts.add(Count::Chats);
        counts.hear(told(&[("b", 10)]));
        assert_eq!(counts.seen().chats, 1, "what was before this node was there is none of its hour");
        counts.hear(told(&[("b", 13), ("c", 100)]));
        assert_eq!(counts.seen().chats, 4);
        counts.hear(told(&[("c", 101)]));
        assert_eq!(counts.seen().chats, 5, "what a dead node did stays");
    }
}
