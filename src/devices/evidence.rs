//! What the node that an input comes to knows and the other nodes may not: it stands in the log with the input, so that the
//! rules come to the same everywhere.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::facts::{Capacity, Facts};
use super::hub::Hub;
use super::protocol::client_frames::{ClientFrame, Identification, Said};
use super::protocol::names::{DeviceId, RoomId};
use super::shared_index::SharedIndex;
use crate::effect::MemberId;
use crate::json::is_default;
use crate::time::Timestamp;

/// What a node knows of what an input names.
#[allow(clippy::struct_excessive_bools, reason = "each is an answer to a question of its own")]
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Evidence {
    /// Rooms and devices of the database are not all known.
    #[serde(skip_serializing_if = "is_default")]
    pub is_incomplete: bool,
    /// The message cannot be kept.
    #[serde(skip_serializing_if = "is_default")]
    pub is_full: bool,
    /// The device has sent too much.
    #[serde(skip_serializing_if = "is_default")]
    pub is_limited: bool,
    /// The message was sent before.
    #[serde(skip_serializing_if = "is_default")]
    pub was_said: bool,
    /// The room that is named is there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub room: Option<RoomId>,
    /// Where the devices that are named were last.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub last_rooms: Vec<(DeviceId, RoomId)>,
}

/// Looks up what one node knows beside the others.
pub struct Witness<'a, F> {
    /// The rooms, as all nodes have them.
    pub hub: &'a Hub,
    /// What all nodes know.
    pub shared_index: &'a SharedIndex,
    /// What this one does.
    pub local: &'a F,
    /// How the clock stands that limits go by.
    pub steady: Timestamp,
}

impl<F: Facts> Witness<'_, F> {
    /// Of a frame of a device.
    pub fn of_frame(&self, from: MemberId, event: &str, payload: Option<&RawValue>) -> Evidence {
        let bytes = payload.map_or(0, |payload| payload.get().len());
        let mut evidence = self.of_any(bytes);
        let identified = self.hub.identified(from);
        if let Some((device, room, address)) = identified {
            let take = |bytes| self.local.are_within_limits(device, address, bytes, self.steady);
            evidence.is_limited =
                !(take(bytes) && (event != "query_room" || take(self.hub.info_bytes(room))));
        } else if let Ok(named) = Identification::read(payload) {
            self.add_room(&mut evidence, named.room.as_deref().and_then(RoomId::new));
            self.add_device(&mut evidence, named.device.device());
        }
        // It may have said who it is a moment ago.
        if let Ok(ClientFrame::Message(said)) = ClientFrame::read(event, payload) {
            self.add_message(&mut evidence, identified.map(|(device, ..)| device), &said);
        }
        evidence
    }

    /// Of a message from outside of the rooms.
    pub fn of_message(&self, from: Option<&DeviceId>, room: RoomId, said: &Said<'_>) -> Evidence {
        let mut evidence = self.of_any(said.whole.get().len());
        self.add_room(&mut evidence, Some(room));
        self.add_device(&mut evidence, from.cloned());
        self.add_message(&mut evidence, None, said);
        evidence
    }

    fn of_any(&self, bytes: usize) -> Evidence {
        Evidence {
            is_incomplete: !self.local.are_complete(),
            is_full: self.local.capacity(bytes) == Capacity::Full,
            ..Evidence::default()
        }
    }

    fn add_room(&self, evidence: &mut Evidence, room: Option<RoomId>) {
        evidence.room = room.filter(|room| !self.shared_index.has_room(*room) && self.local.has_room(*room));
    }

    fn add_device(&self, evidence: &mut Evidence, device: Option<DeviceId>) {
        let Some(device) = device.filter(|device| self.shared_index.last_room(device).is_none()) else {
            return;
        };
        if let Some(room) = self.local.last_room(&device) {
            evidence.last_rooms.push((device, room));
        }
    }

    fn add_message(&self, evidence: &mut Evidence, from: Option<&DeviceId>, said: &Said<'_>) {
        if self.hub.keeps_messages() {
            self.add_device(evidence, said.target.as_deref().and_then(DeviceId::new));
        }
        if let Some(from) = from
            && let Some(identity) = said.identity(from)
        {
            evidence.was_said = !self.shared_index.was_said(identity) && self.local.was_said(from, identity);
        }
    }
}
