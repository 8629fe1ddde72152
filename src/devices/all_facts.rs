//! What the rules go by: on a lone node what this machine knows, on several what is the same on all of them.

use std::net::IpAddr;

use parking_lot::Mutex;

use super::directory::LocalFacts;
use super::evidence::Evidence;
use super::facts::{Capacity, Facts};
use super::protocol::names::{DeviceId, RoomId};
use super::record::RecordId;
use super::shared_index::SharedIndex;
use crate::rooms::{Rng, Seed};
use crate::time::Timestamp;

/// What is the same on all nodes while the rules run.
pub struct Shared {
    /// What all nodes know beside the rooms.
    pub index: SharedIndex,
    /// What the node of the input knows.
    pub evidence: Evidence,
    /// Where names come from.
    pub rng: Mutex<Rng>,
}

impl Shared {
    /// Nothing is known yet; names are drawn from the secret of all nodes.
    pub fn new(seed: &Seed) -> Self {
        Self { index: SharedIndex::default(), evidence: Evidence::default(), rng: Mutex::new(Rng::new(seed)) }
    }

    /// A name that no record or connection has.
    pub fn draw_id(&self) -> RecordId {
        let mut id = [0; RecordId::BYTES];
        id.copy_from_slice(&self.rng.lock().draw()[..RecordId::BYTES]);
        RecordId(id)
    }
}

/// What the rules go by: what this machine knows, or what is the same on all nodes.
pub enum AllFacts<'a> {
    /// A lone node.
    Local(&'a LocalFacts),
    /// One of several.
    Shared(&'a Shared),
}

impl Facts for AllFacts<'_> {
    fn are_complete(&self) -> bool {
        match self {
            Self::Local(local) => local.are_complete(),
            Self::Shared(shared) => !shared.evidence.is_incomplete,
        }
    }

    fn has_room(&self, room: RoomId) -> bool {
        match self {
            Self::Local(local) => local.has_room(room),
            Self::Shared(shared) => shared.index.has_room(room) || shared.evidence.room == Some(room),
        }
    }

    fn last_room(&self, device: &DeviceId) -> Option<RoomId> {
        match self {
            Self::Local(local) => local.last_room(device),
            // It may have been elsewhere since the node of the input has heard of it.
            Self::Shared(shared) => shared.index.last_room(device).or_else(|| {
                let mut told = shared.evidence.last_rooms.iter();
                told.find(|(known, _)| known == device).map(|(_, room)| *room)
            }),
        }
    }

    fn was_said(&self, device: &DeviceId, identity: RecordId) -> bool {
        match self {
            Self::Local(local) => local.was_said(device, identity),
            Self::Shared(shared) => shared.index.was_said(identity) || shared.evidence.was_said,
        }
    }

    fn waiting(&self, device: &DeviceId, room: RoomId) -> Vec<Box<str>> {
        match self {
            Self::Local(local) => local.waiting(device, room),
            Self::Shared(shared) => shared.index.waiting(device, room),
        }
    }

    fn capacity(&self, bytes: usize) -> Capacity {
        match self {
            Self::Local(local) => local.capacity(bytes),
            Self::Shared(shared) if shared.evidence.is_full => Capacity::Full,
            Self::Shared(_) => Capacity::Available,
        }
    }

    fn are_within_limits(&self, device: &DeviceId, address: IpAddr, bytes: usize, now: Timestamp) -> bool {
        match self {
            Self::Local(local) => local.are_within_limits(device, address, bytes, now),
            Self::Shared(shared) => !shared.evidence.is_limited,
        }
    }

    /// On several nodes, one of 36^8 names that no node looks for: it is not taken.
    fn new_room(&self) -> RoomId {
        match self {
            Self::Local(local) => local.new_room(),
            Self::Shared(shared) => loop {
                let drawn = RoomId::from_random(&shared.rng.lock().draw());
                if let Some(room) = drawn.filter(|room| !shared.index.has_room(*room)) {
                    return room;
                }
            },
        }
    }

    fn new_connection(&self) -> RecordId {
        match self {
            Self::Local(local) => local.new_connection(),
            Self::Shared(shared) => shared.draw_id(),
        }
    }
}
