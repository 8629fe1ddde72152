//! What clients are told.

use serde::Serialize;

use super::id::Id;
use super::refusals::Refusal;
use crate::effect::{Frame, MemberId};
use crate::ice::IceServer;

/// The names under which the server alone speaks, as an event or as a `type`.
const SERVER_NAMES: [&str; 6] = ["connected", "joined", "user-joined", "leaved", "user-left", "error"];

/// Whether the server alone speaks under that name.
pub fn is_server_name(name: &str) -> bool {
    SERVER_NAMES.iter().any(|reserved| reserved.eq_ignore_ascii_case(name))
}

/// What members are told.
#[derive(Debug, Serialize)]
#[serde(tag = "type", rename_all = "kebab-case", rename_all_fields = "camelCase")]
pub enum ServerEvent<'a> {
    /// A connection is open.
    Connected { sid: MemberId },
    /// To who has joined.
    Joined {
        user_id: &'a Id,
        room_id: &'a Id,
        users: Vec<&'a Id>,
        ice_servers: &'a [IceServer],
        #[serde(skip_serializing_if = "Option::is_none")]
        resume: Option<&'a str>,
    },
    /// To the others.
    UserJoined { user_id: &'a Id, room_id: &'a Id },
    /// To who has left.
    Leaved { user_id: &'a Id, room_id: &'a Id },
    /// To the others.
    UserLeft { user_id: &'a Id, room_id: &'a Id },
    /// A request was refused.
    Error { message: &'static str, code: &'static str },
}

impl From<Refusal> for ServerEvent<'_> {
    fn from(refusal: Refusal) -> Self {
        Self::Error { message: refusal.message(), code: refusal.code() }
    }
}

impl ServerEvent<'_> {
    /// The frame, under its own name or the one that is wanted.
    pub fn frame(&self, name: Option<&'static str>) -> Frame {
        Frame::new(name.unwrap_or(self.name()), self)
    }

    fn name(&self) -> &'static str {
        match self {
            Self::Connected { .. } => "connected",
            Self::Joined { .. } => "joined",
            Self::UserJoined { .. } => "user-joined",
            Self::Leaved { .. } => "leaved",
            Self::UserLeft { .. } => "user-left",
            Self::Error { .. } => "error",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_that_the_server_says_is_reserved() {
        let id = &Id::new("a").unwrap();
        let (user_id, room_id) = (id, id);
        for event in [
            ServerEvent::Connected { sid: MemberId::new("s1").unwrap() },
            ServerEvent::Joined { user_id, room_id, users: Vec::new(), ice_servers: &[], resume: None },
            ServerEvent::UserJoined { user_id, room_id },
            ServerEvent::Leaved { user_id, room_id },
            ServerEvent::UserLeft { user_id, room_id },
            ServerEvent::from(Refusal::Replaced),
        ] {
            assert!(is_server_name(event.name()), "{}", event.name());
        }
    }
}
