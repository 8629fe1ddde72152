//! One device room: which connections are in it. No I/O, no clock.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use super::protocol::names::{DeviceId, RoomId, Spelled, Spelling};
use super::protocol::{PublicClient, ServerEvent};
use super::record::RecordId;
use crate::effect::MemberId;
use crate::json::{self, is_default};
use crate::time::Timestamp;

/// What a room tells of itself besides who is in it, at most.
const INFO_HEAD_BYTES: usize = 100;

/// Connections of a room that one line of the log lists.
const MAX_LISTED: usize = 100;

/// A connection in its seat; a device may have several.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Seat {
    /// The connection.
    pub member: MemberId,
    /// Its name in the database.
    pub connection: RecordId,
    /// Whose it is.
    pub device: DeviceId,
    /// What the device says it is.
    pub identity: Box<str>,
    /// How the device's id was written.
    #[serde(default, skip_serializing_if = "is_default")]
    pub device_spelling: Spelling,
    /// How its identity was written.
    #[serde(default, skip_serializing_if = "is_default")]
    pub identity_spelling: Spelling,
    /// Where it connects from.
    pub address: IpAddr,
    /// Since when.
    pub joined_at: Timestamp,
}

/// A room with at least one connection in it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Room {
    id: RoomId,
    /// In the order of joining.
    seats: Vec<Seat>,
}

/// A room as HTTP tells of it.
#[derive(Debug, Serialize)]
pub struct RoomReport {
    room_id: RoomId,
    total_clients: usize,
    clients: Vec<ClientReport>,
}

/// A connection as HTTP tells of it.
#[derive(Debug, Serialize)]
pub struct ClientReport {
    device_id: DeviceId,
    identity: Box<str>,
    room_id: RoomId,
    client_ip: IpAddr,
    connected_at: String,
}

impl Room {
    /// A room that nobody is in.
    pub fn new(id: RoomId) -> Self {
        Self { id, seats: Vec::new() }
    }

    /// A room with one connection in it.
    pub fn of(id: RoomId, seat: Seat) -> Self {
        Self { id, seats: vec![seat] }
    }

    /// Takes a connection in.
    pub fn sit(&mut self, seat: Seat) {
        self.seats.push(seat);
    }

    /// Lets a connection go.
    pub fn leave(&mut self, member: MemberId) -> Option<Seat> {
        let place = self.seats.iter().position(|seat| seat.member == member)?;
        Some(self.seats.remove(place))
    }

    /// Whether nobody is in it.
    pub fn is_empty(&self) -> bool {
        self.seats.is_empty()
    }

    /// Connections in it.
    pub fn seats(&self) -> &[Seat] {
        &self.seats
    }

    /// The seat of a connection.
    pub fn seat(&self, member: MemberId) -> Option<&Seat> {
        self.seats.iter().find(|seat| seat.member == member)
    }

    /// Every connection but one.
    pub fn others(&self, member: Option<MemberId>) -> Vec<MemberId> {
        self.seats.iter().map(|seat| seat.member).filter(|other| Some(*other) != member).collect()
    }

    /// Every connection of a device.
    pub fn of_device(&self, device: &DeviceId) -> Vec<MemberId> {
        self.seats.iter().filter(|seat| seat.device == *device).map(|seat| seat.member).collect()
    }

    /// Who is in it, for one who asks: itself left out of the list, and counted.
    pub fn info(&self, asker: MemberId) -> ServerEvent<'_> {
        let others = self.seats.iter().filter(|seat| seat.member != asker);
        let clients = others
            .map(|seat| PublicClient { device_id: seat.spelled_device(), identity: seat.spelled_identity() });
        ServerEvent::RoomInfo {
            room_id: self.id,
            total_clients: self.seats.len(),
            clients: clients.collect(),
        }
    }

    /// The length of what it tells of who is in it.
    pub fn info_bytes(&self) -> usize {
        INFO_HEAD_BYTES + self.seats.iter().map(Seat::info_bytes).sum::<usize>()
    }

    /// What HTTP tells of it.
    pub fn report(&self) -> RoomReport {
        let clients: Vec<ClientReport> = self.seats.iter().map(|seat| seat.report(self.id)).collect();
        RoomReport { room_id: self.id, total_clients: clients.len(), clients }
    }
}

impl Seat {
    /// The device's id as it is told.
    pub fn spelled_device(&self) -> Spelled<'_> {
        Spelled { text: self.device.as_str(), spelling: self.device_spelling }
    }

    /// Its identity as it is told.
    pub fn spelled_identity(&self) -> Spelled<'_> {
        Spelled { text: &self.identity, spelling: self.identity_spelling }
    }

    /// Its part of what the room tells of who is in it.
    pub fn info_bytes(&self) -> usize {
        const KEYS: usize = r#"{"device_id":,"identity":},"#.len();
        KEYS + json::written_bytes(self.device.as_str()) + json::written_bytes(&self.identity)
    }

    /// What HTTP tells of it.
    pub fn report(&self, room: RoomId) -> ClientReport {
        ClientReport {
            device_id: self.device.clone(),
            identity: self.identity.clone(),
            room_id: room,
            client_ip: self.address,
            connected_at: self.joined_at.to_string(),
        }
    }
}

/// `device(identity), …`, as the status line lists them.
impl std::fmt::Display for Room {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for (place, seat) in self.seats.iter().take(MAX_LISTED).enumerate() {
            let gap = if place == 0 { "" } else { ", " };
            write!(f, "{gap}{}({})", seat.device, seat.identity)?;
        }
        match self.seats.len().saturating_sub(MAX_LISTED) {
            0 => Ok(()),
            more => write!(f, " and {more} more"),
        }
    }
}
