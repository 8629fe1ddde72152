//! What the rules need to know from outside, looked up on this machine and never waited for.

use std::net::IpAddr;

use super::protocol::names::{DeviceId, RoomId};
use super::record::RecordId;
use crate::time::Timestamp;

/// Whether a message can be kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Capacity {
    /// There is room for it.
    Available,
    /// The spool holds all it may, or its disk is full.
    Full,
}

/// The facts. Tests have a notebook of their own in their place.
pub trait Facts {
    /// Whether all rooms and devices of the database are known; if not, one that is unknown may be there all the same.
    fn are_complete(&self) -> bool;
    /// Whether there is such a room, with or without devices in it.
    fn has_room(&self, room: RoomId) -> bool;
    /// The room that the device was in last.
    fn last_room(&self, device: &DeviceId) -> Option<RoomId>;
    /// Whether the device has sent that message before.
    fn was_said(&self, device: &DeviceId, identity: RecordId) -> bool;
    /// The frames that wait for a device that was away.
    fn waiting(&self, device: &DeviceId, room: RoomId) -> Vec<Box<str>>;
    /// Whether so many bytes can be kept.
    fn capacity(&self, bytes: usize) -> Capacity;
    /// Whether a device may send so many bytes more.
    fn are_within_limits(&self, device: &DeviceId, address: IpAddr, bytes: usize, now: Timestamp) -> bool;
    /// A name that no room has.
    fn new_room(&self) -> RoomId;
    /// A name that no connection has.
    fn new_connection(&self) -> RecordId;
}
