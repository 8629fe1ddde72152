//! A room and its members as clients see them.

use super::protocol::{HIDDEN, MemberView, RoomView};
use super::room::{Room, Seat};
use crate::time::WallOffset;

impl Room {
    /// The room as somebody else than its owner sees it.
    pub fn view(&self, wall: WallOffset) -> RoomView<'_> {
        RoomView { current_state: self.on_screen.state(), ..self.bare_view(wall) }
    }

    fn bare_view(&self, wall: WallOffset) -> RoomView<'_> {
        RoomView {
            id: self.founding.id,
            name: &self.founding.name,
            description: &self.founding.description,
            password: self.founding.code.as_ref().map(|_| HIDDEN),
            is_public: self.founding.is_public,
            room_type: self.founding.room_type,
            owner_id: self.owner,
            owner_name: &self.owner_name,
            owner_token: None,
            member_count: self.seats.len(),
            current_state: None,
            created_at: wall.wall(self.created_at()).as_millis(),
            last_owner_heartbeat: wall.wall(self.owner_heard_at).as_millis(),
        }
    }

    /// The room as others see it, without what is on the screen if that takes more than so many bytes.
    pub fn brief_view(&self, wall: WallOffset, max_state_bytes: usize) -> RoomView<'_> {
        let is_brief = self.on_screen.n_bytes() <= max_state_bytes;
        let current_state = if is_brief { self.on_screen.state() } else { None };
        RoomView { current_state, ..self.bare_view(wall) }
    }

    /// The room as its owner sees it.
    pub fn owners_view(&self, wall: WallOffset) -> RoomView<'_> {
        RoomView { owner_token: Some(self.founding.token.expose()), ..self.view(wall) }
    }

    /// Its members as everybody sees them.
    pub fn member_views(&self, wall: WallOffset) -> Vec<MemberView<'_>> {
        self.seats.iter().map(|seat| self.member_view(seat, wall)).collect()
    }

    pub(super) fn member_view<'a>(&self, seat: &'a Seat, wall: WallOffset) -> MemberView<'a> {
        MemberView {
            id: seat.id,
            name: &seat.name,
            is_owner: seat.id == self.owner,
            last_heartbeat: wall.wall(seat.heard_at).as_millis(),
        }
    }
}
