//! Hubs whose rooms embed a [`Party`]: whose tickets are good, and what recordings their rooms replay.

use super::{Holder, Party, Terms};
use crate::effect::MemberId;
use crate::recordings::{Limit, RecordingId, Replayed};
use crate::rooms::Hub;
use crate::time::Timestamp;

/// A hub whose rooms embed a [`Party`].
pub trait PartyHub: Hub {
    /// What the service lets its rooms do.
    fn terms(&self) -> &Terms;

    /// A room.
    fn room(&self, id: &Self::RoomId) -> Option<&Self::Room>;

    /// What it has in common with rooms of the other service.
    fn party(room: &Self::Room) -> &Party;

    /// The command that deletes a recording on every node.
    fn delete_command(recording: Replayed) -> Self::Command;

    /// The command that ends a recording on every node, because it has reached a limit on one.
    fn stop_command(recording: RecordingId, limit: Limit) -> Self::Command;

    /// The room that a ticket is good in.
    fn room_of_holder(&self, holder: &Holder, now: Timestamp) -> Option<&Self::Room> {
        let room = self.room(&Self::room_id(&holder.room)?)?;
        Self::party(room).honours(holder.person, now).then_some(room)
    }

    /// The member that a ticket was given to, if it is there.
    fn holder_of(&self, ticket: &str) -> Option<MemberId> {
        let holder = self.terms().tickets.read(ticket)?;
        Self::party(self.room(&Self::room_id(&holder.room)?)?).connection_of(holder.person)
    }

    /// What is replayed in the room of a ticket.
    fn replayed(&self, ticket: &str, now: Timestamp) -> Option<Replayed> {
        let room = self.room_of_holder(&self.terms().tickets.read(ticket)?, now)?;
        Self::party(room).recording.replayed()
    }
}
