//! Takes persons of a name out of a service's rooms, on every node; files follow by an effect.

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::{Departure, Hub};
use crate::control::ErasedFromRooms;
use crate::effect::{Close, Effect, Effects, Erasure, MemberId};
use crate::time::Timestamp;

/// A room that people are known in by their names.
pub trait NamedRoom: Clone + Serialize + DeserializeOwned {
    /// Members of that name.
    fn named(&self, name: &str) -> Vec<MemberId>;

    /// Takes persons of that name out; gives the number of chat messages, and how often the name stood elsewhere.
    fn erase(&mut self, name: &str) -> (u64, u64);
}

/// Lets go of who has that name, takes it out of all rooms, and has files forget it.
pub fn erase<H>(hub: &mut H, name: &str, now: Timestamp) -> (ErasedFromRooms, Effects<H::Record>)
where
    H: Hub,
    H::Room: NamedRoom,
{
    let mut erased = ErasedFromRooms::default();
    let mut effects = Effects::none();
    let mut members: Vec<MemberId> = hub.rooms().values().flat_map(|room| room.named(name)).collect();
    members.sort_unstable();
    for member in members {
        effects.append(hub.leave(member, Departure::CutOff, now));
        effects.disconnect(member, Close::Violation);
        erased.members += 1;
    }
    let rooms = hub.rooms();
    let mut ids: Vec<H::RoomId> = rooms.all().map(|(id, _)| id.clone()).collect();
    ids.sort();
    for id in ids {
        // Only what changes is written down again.
        let Some(mut room) = rooms.get(&id).cloned() else { continue };
        let (chats, names) = room.erase(name);
        if chats + names > 0 {
            rooms.insert(id, room);
            erased.chats += chats;
            erased.names += names;
        }
    }
    effects.push(Effect::Forget(Erasure::new(name, now)));
    (erased, effects)
}

/// The same in a room on disk, whose service is stopped; gives how much of the person was there, and the room without it.
///
/// # Errors
/// That is no room of this version.
pub fn erase_from_text<R: NamedRoom>(
    text: &str,
    name: &str,
) -> serde_json::Result<(ErasedFromRooms, String)> {
    let mut room: R = serde_json::from_str(text)?;
    let (chats, names) = room.erase(name);
    Ok((ErasedFromRooms { members: 0, chats, names }, serde_json::to_string(&room)?))
}
