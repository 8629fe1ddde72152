//! What operators see of the rooms.

use std::net::IpAddr;

use serde::Serialize;
use serde_json::value::RawValue;

use super::bans::Ban;
use super::counts::Totals;
use super::history::Minute;
use super::hub::Hub;
use super::listing;
use super::protocol::{MemberView, RoomId, RoomType};
use super::room::Room;
use crate::effect::MemberId;
use crate::time::{Timestamp, WallOffset};

/// What the key's holders are told of the rooms, as far as a list of them may be long.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Stats {
    total_rooms: usize,
    total_members: usize,
    rooms: Box<RawValue>,
    since_start: Totals,
}

/// A room, in [`Stats`].
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct RoomReport {
    id: RoomId,
    name: String,
    member_count: usize,
    is_public: bool,
    has_password: bool,
    created_at: u64,
}

/// All that the admin page shows.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Overview {
    now: u64,
    total_members: usize,
    connected: usize,
    since_start: Totals,
    minutes: Vec<Minute>,
    bans: Vec<Ban>,
    rooms: Vec<RoomDetails>,
}

/// A room, in [`Overview`].
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct RoomDetails {
    #[serde(flatten)]
    report: RoomReport,
    description: String,
    room_type: RoomType,
    owner_id: MemberId,
    owner_name: String,
    last_owner_heartbeat: u64,
    current_state: Option<Box<RawValue>>,
    members: Vec<MemberDetails>,
}

/// A member, in [`Overview`].
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct MemberDetails {
    id: MemberId,
    name: String,
    is_owner: bool,
    last_heartbeat: u64,
    address: Option<IpAddr>,
}

impl Hub {
    /// What the key's holders are told of all rooms.
    pub fn stats(&self) -> Stats {
        let report = |room| RoomReport::of(room, self.wall);
        Stats {
            total_rooms: self.rooms.count(),
            total_members: self.n_members(),
            rooms: listing::write_as(self.rooms.values(), report, self.config.max_list_bytes),
            since_start: self.counts.totals(),
        }
    }

    /// All that the admin page shows.
    pub fn overview(&self, now: Timestamp) -> Overview {
        let max_state_bytes = listing::max_state_bytes(self.config.max_list_bytes);
        let mut rooms: Vec<RoomDetails> =
            self.rooms.values().map(|room| RoomDetails::of(room, self.wall, max_state_bytes)).collect();
        rooms.sort_by_key(|room| (room.report.created_at, room.report.id));
        Overview {
            now: self.wall.wall(now).as_millis(),
            total_members: self.n_members(),
            connected: self.members.count(),
            since_start: self.counts.totals(),
            minutes: self.history.minutes(self.wall),
            bans: self.bans.list(self.wall),
            rooms,
        }
    }

    /// How many sit in rooms.
    pub fn n_members(&self) -> usize {
        self.rooms.values().map(Room::n_members).sum()
    }
}

impl RoomDetails {
    fn of(room: &Room, wall: WallOffset, max_state_bytes: usize) -> Self {
        let view = room.brief_view(wall, max_state_bytes);
        let member = |member: MemberView<'_>| MemberDetails {
            id: member.id,
            name: member.name.to_owned(),
            is_owner: member.is_owner,
            last_heartbeat: member.last_heartbeat,
            address: room.address_of(member.id),
        };
        Self {
            report: RoomReport::of(room, wall),
            description: view.description.to_owned(),
            room_type: view.room_type,
            owner_id: view.owner_id,
            owner_name: view.owner_name.to_owned(),
            last_owner_heartbeat: view.last_owner_heartbeat,
            current_state: view.current_state,
            members: room.member_views(wall).into_iter().map(member).collect(),
        }
    }
}

impl RoomReport {
    fn of(room: &Room, wall: WallOffset) -> Self {
        let view = room.brief_view(wall, 0);
        Self {
            id: view.id,
            name: view.name.to_owned(),
            member_count: view.member_count,
            is_public: view.is_public,
            has_password: view.password.is_some(),
            created_at: view.created_at,
        }
    }
}
