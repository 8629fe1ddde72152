//! What a node has the rules do: jobs, what came of them, and which of them hang together.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use crate::effect::{Delivery, Effect, MemberId};
use crate::switchboard::Shared;
use crate::switchboard::held::Deed;
use crate::switchboard::replica::Known;
use crate::switchboard::task::Task;

/// Something for the rules, from outside or by the clock.
pub enum Job<H: Shared> {
    /// Something arrived.
    Task(Task<H>),
    /// Time has come for something in a room.
    Sweep(H::RoomId),
    /// Time has come for something that concerns no room.
    Upkeep,
    /// A member's node is gone.
    Lose(MemberId, H::RoomId),
}

/// What the rules did with a job, and how to take it back.
pub struct Step<H: Shared> {
    /// What was to be done.
    pub job: Job<H>,
    /// What came of it.
    pub deed: Deed,
    /// The rooms that it changed, as they were.
    pub rooms: HashMap<H::RoomId, Option<H::Room>>,
    /// The members that it changed, as they were.
    pub members: HashMap<MemberId, Option<H::Member>>,
    /// The facts that it changed, as they were.
    pub facts: HashMap<String, Option<String>>,
}

/// Steps that hang together.
pub struct Group<H: Shared> {
    /// The steps, in their order.
    pub steps: Vec<Step<H>>,
    /// Rooms that they looked at or changed, and the versions that they saw.
    pub rooms: BTreeMap<H::RoomId, String>,
    /// Members that they concern.
    pub members: HashSet<MemberId>,
    /// Facts that they looked for or changed.
    pub facts: BTreeSet<String>,
}

/// What a group makes of its rooms: `None` for one that is no more.
pub type Made<H> = Vec<(<H as Shared>::RoomId, Option<Known>)>;

impl<H: Shared> Step<H> {
    /// Whether it said nothing that may not be lost.
    pub fn is_fleeting(&self) -> bool {
        let mut says_something = false;
        let is_fleeting = self.deed.effects.iter().all(|effect| match effect {
            Effect::Emit { delivery, .. } => {
                says_something = true;
                *delivery == Delivery::Fleeting
            }
            Effect::Disconnect(..) => false,
            Effect::Ack(_)
            | Effect::Refused(_)
            | Effect::Note(_)
            | Effect::Keep(_)
            | Effect::Kept(_)
            | Effect::AwaitWrite(_) => true,
        });
        is_fleeting && says_something
    }
}

impl<H: Shared> Group<H> {
    /// Whether both look at one thing.
    pub fn is_related_to(&self, other: &Self) -> bool {
        self.rooms.keys().any(|room| other.rooms.contains_key(room))
            || !self.members.is_disjoint(&other.members)
            || !self.facts.is_disjoint(&other.facts)
    }

    /// This group with the related ones before it, and a step at its end.
    pub fn after(mut self, related: Vec<Self>, step: Step<H>) -> Self {
        let mut steps = Vec::new();
        for group in related {
            self.rooms.extend(group.rooms);
            self.members.extend(group.members);
            self.facts.extend(group.facts);
            steps.extend(group.steps);
        }
        steps.push(step);
        self.steps = steps;
        self
    }
}
