//! What comes of what devices do: records, effects, refusals.

use serde_json::value::RawValue;

use super::protocol::{Refusal, ServerEvent};
use super::record::Record;
use crate::effect::{Effects, MemberId};

/// What comes of something: first the records are kept, then the effects performed.
#[derive(Debug, Default)]
pub struct Outcome {
    /// What is to be written down, in order.
    pub records: Vec<Record>,
    /// What is to be done after that.
    pub effects: Effects,
    /// What was refused, for the log.
    pub refusals: Vec<Refusal>,
}

impl Outcome {
    /// Does what `later` says after all of this.
    pub fn append(&mut self, later: Self) {
        self.records.extend(later.records);
        self.effects.append(later.effects);
        self.refusals.extend(later.refusals);
    }
}

/// Tells a member what is refused; of a message that has an id, also which one.
pub fn refuse(member: MemberId, refusal: Refusal, message_id: Option<&RawValue>) -> Outcome {
    let mut outcome = Outcome::default();
    outcome.effects.tell(member, ServerEvent::error(&refusal, message_id).frame());
    outcome.effects.refused(refusal.code());
    if let Some(close) = refusal.close() {
        outcome.effects.disconnect(member, close);
    }
    outcome.refusals.push(refusal);
    outcome
}
