//! Why requests are refused: each code and text once.

/// Why a create or a join is refused. Nothing else may answer `error`: players leave the room on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// No room was named.
    RoomIdRequired,
    /// Another room has that name.
    RoomExists,
    /// No room has that name.
    RoomNotFound,
    /// The room holds all the members it may.
    RoomFull,
    /// That is no name for a room.
    InvalidRoomId,
    /// The server holds all the rooms it may.
    TooManyRooms,
}

impl Refusal {
    /// Its stable name, for programs.
    pub fn code(self) -> &'static str {
        match self {
            Self::RoomIdRequired => "room_id_required",
            Self::RoomExists => "room_exists",
            Self::RoomNotFound => "room_not_found",
            Self::RoomFull => "room_full",
            Self::InvalidRoomId => "invalid_room_id",
            Self::TooManyRooms => "too_many_rooms",
        }
    }

    /// Its text, for people.
    pub fn message(self) -> &'static str {
        match self {
            Self::RoomIdRequired => "房间ID不能为空",
            Self::RoomExists => "房间已存在",
            Self::RoomNotFound => "房间不存在",
            Self::RoomFull => "房间已满",
            Self::InvalidRoomId => "无效的房间ID格式",
            Self::TooManyRooms => "房间数量已达上限",
        }
    }
}
