//! What a listening room knows of a person by its name.

use super::room::Room;
use crate::effect::MemberId;
use crate::rooms::NamedRoom;

impl NamedRoom for Room {
    fn named(&self, name: &str) -> Vec<MemberId> {
        self.party.named(name).collect()
    }

    fn erase(&mut self, name: &str) -> (u64, u64) {
        for seat in &mut self.seats {
            seat.name.take_if(|known| known == name);
        }
        let n_added = self.queue.erase(&mut self.playlist, name);
        (self.chats.erase(name), self.party.erase(name) + n_added)
    }
}
