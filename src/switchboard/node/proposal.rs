//! What Redis is asked for a group of steps: the states that they make, and letters to other nodes.

use std::collections::HashMap;

use super::Node;
use super::steps::{Group, Job, Made, Step};
use crate::cluster::{Change, Claim, Commit, FactChange, FactClaim};
use crate::switchboard::Shared;
use crate::switchboard::letter::{self, Letters};
use crate::switchboard::replica::Known;

/// Rooms up to this size are sent along to the nodes of their occupants, who need not ask for them then: about forty
/// members. Larger ones are asked for when they are needed.
const MAX_ENCLOSED_BYTES: usize = 8 * 1024;

impl<H: Shared> Node<H> {
    /// What Redis is asked for a group, and what its rooms are if it agrees.
    pub(super) fn draw_up(&mut self, group: &Group<H>) -> (Commit, Made<H>) {
        let mut commit = Commit::default();
        let mut made: Made<H> = Vec::new();
        let mut letters = Letters::new();
        let mut homes = HashMap::new();
        for (room, seen) in &group.rooms {
            self.replica.homes_elsewhere(room, &mut homes);
            let (change, known) = self.change_of(room);
            if matches!(change, Change::To { .. } | Change::Gone) {
                self.tell_unseated(room, known.as_ref(), &mut letters);
                made.push((room.clone(), known));
            }
            commit.claims.push(Claim { room: room.to_string(), seen: seen.clone(), change });
        }
        for fact in &group.facts {
            commit.facts.push(self.claim_of(fact));
        }
        for step in &group.steps {
            letter::address(&mut letters, &step.deed.effects, &homes);
            if let Job::Lose(member, _) = &step.job
                && let Some(node) = homes.get(member)
            {
                letters.entry(node.clone()).or_default().lost.push(*member);
            }
        }
        if made.is_empty() && group.steps.iter().all(Step::is_fleeting) {
            // A piece of a voice is not worth a question.
            commit.claims.clear();
        }
        for (room, known) in &made {
            self.enclose(room, known.as_ref(), &mut letters);
        }
        let written = letters
            .into_iter()
            .map(|(node, letter)| (node, serde_json::to_string(&letter).expect("a letter is plain data")));
        commit.letters = written.collect();
        self.figures.letters.increment(commit.letters.len() as u64);
        (commit, made)
    }

    /// What Redis is asked before anything of a group is written down: whether the rules saw things as they are.
    pub(super) fn question(&mut self, group: &Group<H>) -> Commit {
        let claim = |(room, seen): (&H::RoomId, &String)| Claim {
            room: room.to_string(),
            seen: seen.clone(),
            change: Change::Nothing,
        };
        let claims = group.rooms.iter().map(claim).collect();
        let facts = group.facts.iter().map(|fact| FactClaim {
            fact: fact.clone(),
            seen: self.learned.get(fact).cloned().unwrap_or_default(),
            change: FactChange::Nothing,
        });
        Commit { claims, facts: facts.collect(), letters: Vec::new() }
    }

    fn claim_of(&mut self, fact: &str) -> FactClaim {
        let seen = self.learned.get(fact).cloned().unwrap_or_default();
        let fact = fact.to_owned();
        let change = match self.hub.facts().and_then(|facts| facts.peek(&fact).cloned()) {
            Some(value) if value == seen => FactChange::Nothing,
            Some(value) => FactChange::To { value, lifetime: self.hub.lifetime(&fact) },
            None if seen.is_empty() => FactChange::Nothing,
            None => FactChange::Gone,
        };
        FactClaim { fact, seen, change }
    }

    fn change_of(&mut self, room: &H::RoomId) -> (Change, Option<Known>) {
        let before = self.replica.get(room);
        let Some(now) = self.hub.rooms().peek(room) else {
            return (before.map_or(Change::Nothing, |_| Change::Gone), None);
        };
        let text = serde_json::to_string(now).expect("a room is plain data");
        if before.is_some_and(|before| before.text == text) {
            return (Change::Nothing, None);
        }
        let occupants = H::occupants(now);
        let homes = self.replica.homes_of(room, occupants, |member| self.members.has(member));
        let version = self.replica.next_version(room);
        let known = Known { version: version.clone(), text, homes };
        (Change::To { version, envelope: known.envelope().get().to_owned() }, Some(known))
    }

    /// Writes to nodes whose members are in the room no more.
    fn tell_unseated(&self, room: &H::RoomId, after: Option<&Known>, letters: &mut Letters) {
        let Some(before) = self.replica.get(room) else { return };
        for (node, members) in before.homes.iter().filter(|(node, _)| **node != self.link.node) {
            let stayed = after.and_then(|after| after.homes.get(node));
            let gone = members.iter().filter(|member| stayed.is_none_or(|stayed| !stayed.contains(member)));
            for member in gone {
                letters.entry(node.clone()).or_default().unseated.push((*member, room.to_string()));
            }
        }
    }

    /// Sends a room along to the nodes of its occupants.
    fn enclose(&self, room: &H::RoomId, known: Option<&Known>, letters: &mut Letters) {
        let Some(known) = known.filter(|known| known.text.len() <= MAX_ENCLOSED_BYTES) else { return };
        let envelope = known.envelope();
        for node in known.homes.keys().filter(|node| **node != self.link.node) {
            let enclosed = (room.to_string(), known.version.clone(), envelope.clone());
            letters.entry(node.clone()).or_default().rooms.push(enclosed);
        }
    }
}
