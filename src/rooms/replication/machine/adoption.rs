//! What a node has done alone becomes the state of all, as far as it can hold.

use std::sync::Arc;
use std::time::Duration;

use super::Machine;
use crate::effect::Effects;
use crate::rooms::Hub;
use crate::rooms::replication::erasures;
use crate::rooms::replication::input::Adoption;

impl<H: Hub> Machine<H> {
    /// Takes over what a node has done alone, as far as nobody else has done anything there.
    pub(super) fn adopt(&mut self, adoption: &Adoption, node: &Arc<str>) -> Effects<H::Record> {
        for (member, state, _) in &adoption.members {
            if let Ok(state) = serde_json::from_str::<H::Member>(state.get()) {
                self.hub.members().insert(*member, state);
                self.homes.insert(*member, Arc::clone(node));
            }
        }
        for (name, seen, state) in &adoption.rooms {
            let Some(room) = H::room_id(name) else { continue };
            if self.touched(&room) > *seen {
                continue;
            }
            let before = self.occupants(&room);
            match state.as_ref().map(|state| serde_json::from_str::<H::Room>(state.get())) {
                Some(Ok(state)) => {
                    self.hub.rooms().insert(room.clone(), state);
                }
                Some(Err(_)) => continue,
                None => {
                    self.hub.rooms().remove(&room);
                }
            }
            let after = self.occupants(&room);
            for member in before.into_iter().filter(|member| !after.contains(member)) {
                self.hub.evict(member, &room);
                if self.homes.get(&member) != Some(node) {
                    self.evicted.push(member);
                }
            }
        }
        for (member, _, rooms) in &adoption.members {
            for room in rooms.iter().filter_map(|room| H::room_id(room)) {
                if !self.occupants(&room).contains(member) {
                    self.hub.evict(*member, &room);
                    self.evicted.push(*member);
                }
            }
        }
        let mut effects = Effects::none();
        for (member, room) in &adoption.left {
            if let Some(room) = H::room_id(room)
                && self.occupants(&room).contains(member)
            {
                effects.append(self.hub.on_member_lost(*member, &room, self.now));
            }
        }
        effects.append(self.lose_members(&adoption.gone.iter().copied().collect()));
        effects.append(self.adopt_facts(&adoption.facts));
        effects
    }

    /// Takes over facts; the others have yet to do what was ordered there.
    fn adopt_facts(&mut self, ours: &[(String, String)]) -> Effects<H::Record> {
        let mut effects = Effects::none();
        let mut erased = Vec::new();
        if let Some(facts) = self.hub.facts() {
            for (fact, text) in ours {
                let theirs = facts.get(fact);
                if let Some(name) = erasures::name_in(fact) {
                    let is_news =
                        theirs.is_none_or(|theirs| erasures::micros(theirs) < erasures::micros(text));
                    erased.extend(is_news.then_some(name));
                    continue;
                }
                let merged = theirs.map(|theirs| H::merge(fact, theirs, text));
                facts.insert(fact.clone(), merged.unwrap_or_else(|| text.clone()));
            }
        }
        // No two erasures have the same moment.
        for (n, name) in erased.into_iter().enumerate() {
            let ordered = self.hub.erase(name, self.now + Duration::from_micros(n as u64));
            self.note_erasures(&ordered);
            effects.append(ordered);
        }
        effects
    }
}
