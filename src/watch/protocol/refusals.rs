//! Why requests are refused: each text and code once.

/// Why a request is refused, as its sender is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    CreateFailed,
    JoinFailed,
    NoSuchRoom,
    WrongPassword,
    NotTheOwner,
    HelperFailed,
    NotInARoom,
    NotOwner,
    RoomGone,
    NoSuchMember,
    TooManyRooms,
    RoomFull,
    Unauthorized,
}

impl Refusal {
    /// What the client shows.
    pub fn message(self) -> &'static str {
        match self {
            Self::CreateFailed | Self::TooManyRooms => "创建房间失败",
            Self::JoinFailed | Self::RoomFull => "加入房间失败",
            Self::NoSuchRoom => "房间不存在",
            Self::WrongPassword => "密码错误",
            Self::NotTheOwner => "房主身份验证失败",
            Self::HelperFailed => "注册共享控制窗口失败",
            Self::NotInARoom => "Not in a room",
            Self::NotOwner => "Not owner",
            Self::RoomGone => "Room not found",
            Self::NoSuchMember => "Member not found",
            Self::Unauthorized => "Unauthorized",
        }
    }

    /// Its name in the metrics.
    pub fn code(self) -> &'static str {
        match self {
            Self::CreateFailed => "create_failed",
            Self::JoinFailed => "join_failed",
            Self::NoSuchRoom => "no_such_room",
            Self::WrongPassword => "wrong_password",
            Self::NotTheOwner => "wrong_owner_token",
            Self::HelperFailed => "helper_failed",
            Self::NotInARoom => "not_in_a_room",
            Self::NotOwner => "not_owner",
            Self::RoomGone => "room_gone",
            Self::NoSuchMember => "no_such_member",
            Self::TooManyRooms => "too_many_rooms",
            Self::RoomFull => "room_full",
            Self::Unauthorized => "unauthorized",
        }
    }
}
