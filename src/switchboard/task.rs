//! What the rules are asked to do: of arrivals, what is left once it is known who they are from.

use super::held::Deed;
use super::inbox::Order;
use super::incoming::Incoming;
use super::{Departure, Hub, Newcomer};
use crate::effect::{Effects, MemberId};
use crate::time::Timestamp;

/// Something for the rules; it may have to be run again, on rooms that have changed meanwhile.
pub enum Task<H> {
    /// A member connected; if it is not new, its earlier connection is gone.
    Connect { member: MemberId, newcomer: Box<Newcomer>, is_new: bool },
    /// A member sent an event.
    Event { member: MemberId, incoming: Incoming, at: Timestamp },
    /// A member is still there.
    Heard(MemberId),
    /// A member is gone.
    Leave(MemberId, Departure),
    /// Somebody outside has something done.
    Order(Box<dyn Order<H>>),
}

impl<H: Hub> Task<H> {
    /// Asks the rules.
    pub fn run(&mut self, hub: &mut H, now: Timestamp) -> Deed {
        match self {
            Self::Connect { member, newcomer, is_new } => {
                let mut effects = if *is_new { Effects::none() } else { hub.leave(*member, now) };
                let mut newcomer = (**newcomer).clone();
                match hub.admit(*member, &mut newcomer, now) {
                    Ok(()) => effects.append(hub.connect(*member, newcomer, now)),
                    Err(refusal) => effects.append(refusal),
                }
                Deed::of(effects)
            }
            Self::Event { member, incoming, at } => {
                let effects = match incoming.read() {
                    Some(event) => hub.handle(*member, &event.name, event.payload, now),
                    None => unread(),
                };
                Deed { effects, asker: incoming.ack.map(|id| (*member, id)), arrived_at: Some(*at) }
            }
            Self::Heard(member) => {
                hub.heard(*member, now);
                Deed::of(Effects::none())
            }
            Self::Leave(member, Departure::Said) => Deed::of(hub.goodbye(*member, now)),
            Self::Leave(member, Departure::CutOff | Departure::Lost) => Deed::of(hub.leave(*member, now)),
            Self::Order(order) => Deed::of(order.run(hub, now)),
        }
    }

    /// Who asks; nobody that is connected, if an operator or the clock does.
    pub fn member(&self) -> Option<MemberId> {
        match self {
            Self::Connect { member, .. }
            | Self::Event { member, .. }
            | Self::Heard(member)
            | Self::Leave(member, _) => Some(*member),
            Self::Order(_) => None,
        }
    }

    /// What the rules said holds: whoever gave an order is told.
    pub fn conclude(self) {
        if let Self::Order(order) = self {
            order.answer();
        }
    }
}

/// An event that has no name is ignored, and answered if an answer was asked for.
pub fn unread() -> Effects {
    let mut effects = Effects::none();
    effects.ack();
    effects
}
