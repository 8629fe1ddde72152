//! Why requests are refused: each text and code once.

/// Why a request is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// Ids are missing, or are none.
    InvalidRequest,
    /// The sender is not in the room.
    NotInRoom,
    /// The room has no place left.
    RoomFull,
    /// Somebody else has that id.
    UserIdTaken,
    /// Somebody else took the id over.
    Replaced,
    /// Too many events.
    RateLimited,
    /// The key is missing or wrong.
    Unauthorized,
    /// The server has no place for more rooms.
    TooManyRooms,
    /// A join brings no token, and needs one.
    TokenRequired,
    /// The token is none, or not for that user in that room.
    InvalidToken,
    /// The token's time is over.
    TokenExpired,
    /// Nobody in the room has the id that a message is for.
    NoSuchUser,
    /// An operator has taken the user out of the room.
    Removed,
    /// The event, or its `type`, is one of the server's own.
    ReservedEvent,
}

impl Refusal {
    /// What people read.
    pub fn message(self) -> &'static str {
        match self {
            Self::InvalidRequest => "userId and roomId are required",
            Self::NotInRoom => "not in room",
            Self::RoomFull => "room is full",
            Self::UserIdTaken => "user id is taken",
            Self::Replaced => "replaced by a new connection",
            Self::RateLimited => "rate limit exceeded",
            Self::Unauthorized => "unauthorized",
            Self::TooManyRooms => "too many rooms",
            Self::TokenRequired => "a token for this room is required",
            Self::InvalidToken => "the token is not valid for this user and room",
            Self::TokenExpired => "the token has expired",
            Self::NoSuchUser => "user is not here",
            Self::Removed => "removed by an operator",
            Self::ReservedEvent => "reserved event",
        }
    }

    /// What programs read, and the name in the metrics.
    pub fn code(self) -> &'static str {
        match self {
            Self::InvalidRequest => "invalid_request",
            Self::NotInRoom => "not_in_room",
            Self::RoomFull => "room_full",
            Self::UserIdTaken => "user_id_taken",
            Self::Replaced => "replaced",
            Self::RateLimited => "rate_limited",
            Self::Unauthorized => "unauthorized",
            Self::TooManyRooms => "too_many_rooms",
            Self::TokenRequired => "token_required",
            Self::InvalidToken => "invalid_token",
            Self::TokenExpired => "token_expired",
            Self::NoSuchUser => "no_such_user",
            Self::Removed => "removed",
            Self::ReservedEvent => "reserved_event",
        }
    }
}
