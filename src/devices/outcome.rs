//! What comes of what devices do: records and effects.

use serde_json::value::RawValue;
use tracing::Level;

use super::protocol::{Refusal, ServerEvent};
use super::record::Record;
use crate::effect::{Effect, Effects, MemberId, Refused};
use crate::logging::brief;

/// What comes of something: first the records are kept, then the effects performed.
#[derive(Debug, Default)]
pub struct Outcome {
    /// What is to be written down, in order.
    pub records: Vec<Record>,
    /// What is to be done after that.
    pub effects: Effects,
}

impl Outcome {
    /// Does what `later` says after all of this.
    pub fn append(&mut self, later: Self) {
        self.records.extend(later.records);
        self.effects.append(later.effects);
    }
}

/// Tells a member what is refused; of a message that has an id, also which one.
pub fn refuse(member: MemberId, refusal: &Refusal, message_id: Option<&RawValue>) -> Outcome {
    let mut outcome = Outcome::default();
    outcome.effects.tell(member, ServerEvent::error(refusal, message_id).frame());
    let (level, text) = log_line(refusal);
    outcome.effects.push(Effect::Refused(Refused { code: refusal.code(), log: Some((level, text.into())) }));
    if let Some(close) = refusal.close() {
        outcome.effects.disconnect(member, close);
    }
    outcome
}

/// What an operator reads of a refusal.
fn log_line(refusal: &Refusal) -> (Level, String) {
    match refusal {
        Refusal::RoomNotFound(room) => (Level::WARN, format!("Room {} does not exist", brief(room))),
        Refusal::TargetNotFound(target) => {
            (Level::WARN, format!("Target device {} not found in room", brief(target)))
        }
        Refusal::OfflineQueueFull(device) => {
            (Level::WARN, format!("Offline queue of device {} is full", brief(device)))
        }
        Refusal::RoomFull(_) => (Level::WARN, refusal.to_string()),
        Refusal::StorageUnavailable => {
            (Level::ERROR, "a message was refused: the spool takes no more".into())
        }
        Refusal::MissingIdentity
        | Refusal::MissingDeviceId
        | Refusal::InvalidFirstFrame
        | Refusal::InvalidFrame
        | Refusal::MissingFields
        | Refusal::InvalidContent
        | Refusal::ReservedType
        | Refusal::MessageIdTooLong
        | Refusal::InvalidMessageId => (Level::WARN, format!("bad frame: {refusal}")),
        Refusal::IdentificationTimeout | Refusal::NotThisDevice | Refusal::TokenExpired => {
            (Level::INFO, refusal.to_string())
        }
        // There are as many as somebody likes to send; they are counted.
        Refusal::RateLimited => (Level::DEBUG, refusal.to_string()),
    }
}
