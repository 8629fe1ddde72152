//! What pages send beside what every client does: each event is answered if its sender asks for that.

use serde::de::DeserializeOwned;
use serde_json::value::RawValue;

use super::queue_events::QueueEvent;
use crate::json;
use crate::party::chat::Chat;
use crate::party::protocol::{ClientEvent, RecordingEvent, Refusal, RoomEvent};

/// An event of a page.
#[derive(Debug)]
pub enum PageEvent {
    /// `queue:*`.
    Queue(QueueEvent),
    /// `party:*`.
    Room(RoomEvent),
    /// `party:chat {content, type}`.
    Chat(Chat),
    /// `chat:history`.
    ChatHistory,
    /// `recording:*` and `replay:*`.
    Recording(RecordingEvent),
}

impl PageEvent {
    /// Reads an event; `None` if its name is none of these.
    pub fn read(name: &str, payload: Option<&RawValue>) -> Option<Result<Self, Refusal>> {
        match name {
            "party:chat" => return Some(object(payload).map(Self::Chat)),
            "chat:history" => return Some(Ok(Self::ChatHistory)),
            _ => {}
        }
        if let Some(event) = QueueEvent::read(name, payload) {
            return Some(event.map(Self::Queue));
        }
        match ClientEvent::read(name, payload)? {
            Ok(ClientEvent::Room(event)) => Some(Ok(Self::Room(event))),
            Ok(ClientEvent::Recording(event)) => Some(Ok(Self::Recording(event))),
            // Those are read as old pages say them.
            Ok(ClientEvent::Introduce { .. } | ClientEvent::TimePing { .. }) => None,
            Err(refusal) => Some(Err(refusal)),
        }
    }
}

fn object<T: DeserializeOwned>(payload: Option<&RawValue>) -> Result<T, Refusal> {
    json::object(payload.map_or("", RawValue::get)).ok_or(Refusal::Invalid)
}
