//! What the rules are asked to do: of arrivals, what is left once it is known who they are from.

use tokio::sync::oneshot;
use tracing::debug;

use super::incoming::Incoming;
use super::write_barrier::Decision;
use super::{Departure, Handshake, Hub};
use crate::effect::{Effects, MemberId};
use crate::time::Timestamp;

/// Something for the rules.
pub enum Task<H: Hub> {
    /// A member connected; if it is not new, its earlier connection is gone.
    Connect { member: MemberId, handshake: Box<Handshake>, is_new: bool },
    /// A member sent an event.
    Event { member: MemberId, incoming: Incoming, at: Timestamp },
    /// A member is still there.
    Heard(MemberId),
    /// A member is gone.
    Leave(MemberId, Departure),
    /// Somebody outside has something done, and is told what came of it.
    Command(H::Command, oneshot::Sender<H::Outcome>),
}

impl<H: Hub> Task<H> {
    /// Has the rules do it.
    pub fn run(self, hub: &mut H, now: Timestamp) -> Decision<H::Record> {
        match self {
            Self::Connect { member, mut handshake, is_new } => {
                let mut effects = if is_new { Effects::none() } else { hub.leave(member, now) };
                match hub.admit(member, &mut handshake, now) {
                    Ok(()) => effects.append(hub.connect(member, *handshake, now)),
                    Err(refusal) => effects.append(refusal),
                }
                Decision::of(effects)
            }
            Self::Event { member, incoming, at } => {
                debug!(%member, event = incoming.id, "event taken");
                let effects = match incoming.read() {
                    Some(event) => hub.handle(member, &event.name, event.payload, now),
                    None => unread(),
                };
                let asker = incoming.ack.map(|id| (member, id));
                Decision { effects, asker, arrived_at: Some(at), event: incoming.id }
            }
            Self::Heard(member) => {
                hub.heard(member, now);
                Decision::of(Effects::none())
            }
            Self::Leave(member, Departure::Said) => Decision::of(hub.goodbye(member, now)),
            Self::Leave(member, Departure::CutOff | Departure::Lost) => Decision::of(hub.leave(member, now)),
            Self::Command(command, answer) => {
                let (outcome, effects) = hub.command(command, now);
                // Whoever gave it may have gone away.
                let _ = answer.send(outcome);
                Decision::of(effects)
            }
        }
    }

    /// Who asks; nobody that is connected, if it is an operator.
    pub fn member(&self) -> Option<MemberId> {
        match self {
            Self::Connect { member, .. }
            | Self::Event { member, .. }
            | Self::Heard(member)
            | Self::Leave(member, _) => Some(*member),
            Self::Command(..) => None,
        }
    }
}

/// An event that has no name is ignored, and answered if an answer was asked for.
pub fn unread<R>() -> Effects<R> {
    let mut effects = Effects::none();
    effects.ack();
    effects
}
