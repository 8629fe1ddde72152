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
    /// The room has a password, and none was brought.
    PasswordRequired,
    /// The room has another password, or was tried too often.
    WrongPassword,
    /// No room may have that password.
    InvalidPassword,
    /// The invitation has expired, was revoked, or is another room's.
    NoSuchInvitation,
    /// The room takes nobody in.
    Locked,
    /// It was put out, and may not come back yet.
    Kicked,
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
            Self::PasswordRequired => "password_required",
            Self::WrongPassword => "wrong_password",
            Self::InvalidPassword => "invalid_password",
            Self::NoSuchInvitation => "no_such_invitation",
            Self::Locked => "locked",
            Self::Kicked => "kicked",
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
            Self::PasswordRequired => "需要密码",
            Self::WrongPassword => "密码错误",
            Self::InvalidPassword => "密码过长",
            Self::NoSuchInvitation => "邀请已失效",
            Self::Locked => "房间已锁定",
            Self::Kicked => "您已被移出房间",
        }
    }
}
