//! Messages: whom they go to, what is kept of them, what waits for whom.

use serde_json::value::to_raw_value;

use super::Hub;
use crate::devices::facts::{Capacity, Facts};
use crate::devices::outcome::Outcome;
use crate::devices::protocol::client_frames::Said;
use crate::devices::protocol::names::{DeviceId, RoomId, Spelled, Spelling};
use crate::devices::protocol::{Delivery, MessageType, Refusal, ServerEvent};
use crate::devices::record::{Message, Record, RecordId};
use crate::effect::{Frame, MemberId};
use crate::time::Timestamp;

/// Who sends a message.
struct Sender<'a> {
    device: &'a DeviceId,
    spelling: Spelling,
    /// Its connection, unless it sends from outside of the rooms.
    member: Option<MemberId>,
    /// By what a repetition of the message is known.
    identity: Option<RecordId>,
}

impl Hub {
    /// Sends a message in a device's name, from outside of the rooms.
    pub fn send_as(
        &mut self,
        from: &DeviceId,
        spelling: Spelling,
        room: RoomId,
        said: &Said<'_>,
        facts: &impl Facts,
        now: Timestamp,
    ) -> Result<Outcome, Refusal> {
        if !facts.has_room(room) {
            return Err(Refusal::RoomNotFound(room.to_string()));
        }
        let sender = Sender { device: from, spelling, member: None, identity: None };
        let mut outcome = self.deliver(&sender, room, said, facts, now)?;
        let device = from.clone();
        let named = match facts.last_room(from) {
            Some(_) => Record::DeviceNamed { device, at: now },
            None => Record::DeviceSeen {
                device,
                identity: "console".into(),
                room,
                is_provisional: !facts.are_complete(),
                at: now,
            },
        };
        outcome.records.insert(0, named);
        Ok(outcome)
    }

    /// Passes a message on, and tells its sender that it is kept if it wants to know.
    pub(super) fn relay(
        &self,
        from: MemberId,
        id: RoomId,
        said: &Said<'_>,
        facts: &impl Facts,
        now: Timestamp,
    ) -> Result<Outcome, Refusal> {
        let Some(seat) = self.rooms.get(&id).and_then(|room| room.seat(from)) else {
            return Ok(Outcome::default());
        };
        let (device, spelling) = (&seat.device, seat.device_spelling);
        let identity = said.identity(device);
        let is_repeated = identity.is_some_and(|identity| facts.was_said(device, identity));
        let sender = Sender { device, spelling, member: Some(from), identity };
        let mut outcome = if is_repeated {
            repeat(&sender, id, said, facts, now)?
        } else {
            self.deliver(&sender, id, said, facts, now)?
        };
        if let Some(message_id) = said.message_id {
            outcome.effects.tell(from, ServerEvent::ack(message_id).frame());
        }
        Ok(outcome)
    }

    fn deliver(
        &self,
        from: &Sender<'_>,
        id: RoomId,
        said: &Said<'_>,
        facts: &impl Facts,
        now: Timestamp,
    ) -> Result<Outcome, Refusal> {
        let mut outcome = Outcome::default();
        let room = self.rooms.get(&id);
        let target = said.target.as_deref().and_then(DeviceId::new);
        let empty = to_raw_value("").expect("a string is written as it is");
        let mut delivery = Delivery {
            kind: said.kind,
            content: said.content,
            from_device_id: Spelled { text: from.device.as_str(), spelling: from.spelling },
            message_type: MessageType::of(target.as_ref()),
            timestamp: said.timestamp.unwrap_or(&empty),
            queued: None,
        };
        let to = match (&said.target, &target) {
            (None, _) => room.map(|room| room.others(from.member)).unwrap_or_default(),
            (Some(_), Some(target)) => room.map(|room| room.of_device(target)).unwrap_or_default(),
            (Some(_), None) => Vec::new(),
        };
        let mut waiting = None;
        if let (Some(name), true) = (&said.target, to.is_empty()) {
            let target = target.as_ref().filter(|target| self.keeps_for(target, id, facts));
            let target = target.ok_or_else(|| Refusal::TargetNotFound(name.clone()))?;
            delivery.queued = Some(true);
            let frame: Box<str> =
                serde_json::to_string(&delivery).expect("a delivery has string keys").into();
            let before = facts.waiting(target, id);
            let bytes = frame.len() + before.iter().map(|frame| frame.len()).sum::<usize>();
            if before.len() >= self.limits.offline_queue || bytes > self.limits.offline_queue_bytes {
                return Err(Refusal::OfflineQueueFull(name.clone()));
            }
            waiting = Some(frame);
        }
        if facts.capacity(said.whole.get().len()) == Capacity::Full {
            return Err(Refusal::StorageUnavailable);
        }
        if waiting.is_none() {
            outcome.effects.tell_all(to, Frame::new("", &delivery));
        }
        outcome.records.push(Record::Message(Message {
            from: from.device.clone(),
            to: target,
            room: id,
            content: said.whole.get().into(),
            identity: from.identity,
            waiting,
            at: now,
        }));
        Ok(outcome)
    }

    /// Whether messages are kept for devices that are away.
    pub fn keeps_messages(&self) -> bool {
        self.limits.offline_queue > 0
    }

    /// Whether messages are kept for a device that is away from its room.
    fn keeps_for(&self, device: &DeviceId, room: RoomId, facts: &impl Facts) -> bool {
        self.keeps_messages() && facts.last_room(device) == Some(room)
    }
}

/// What is said again is written down again, in the same row: where it was written down first, it may be on no disk yet.
fn repeat(
    from: &Sender<'_>,
    room: RoomId,
    said: &Said<'_>,
    facts: &impl Facts,
    now: Timestamp,
) -> Result<Outcome, Refusal> {
    if facts.capacity(said.whole.get().len()) == Capacity::Full {
        return Err(Refusal::StorageUnavailable);
    }
    let mut outcome = Outcome::default();
    outcome.records.push(Record::Message(Message {
        from: from.device.clone(),
        to: said.target.as_deref().and_then(DeviceId::new),
        room,
        content: said.whole.get().into(),
        identity: from.identity,
        waiting: None,
        at: now,
    }));
    Ok(outcome)
}
