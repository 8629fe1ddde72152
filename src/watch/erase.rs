//! What a watch room knows of a person by its name.

use super::room::Room;
use crate::effect::MemberId;
use crate::party::clear;
use crate::rooms::NamedRoom;

impl NamedRoom for Room {
    fn named(&self, name: &str) -> Vec<MemberId> {
        self.party.named(name).collect()
    }

    fn erase(&mut self, name: &str) -> (u64, u64) {
        for seat in &mut self.seats {
            // The party has the same name.
            clear(&mut seat.name, name);
        }
        let n_names = clear(&mut self.owner_name, name) + self.party.erase(name);
        (self.chats.erase(name), n_names)
    }
}
