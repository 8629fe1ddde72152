//! What pages are told: answers, and events beside those of each service.

use serde::Serialize;

use super::super::chat::ChatMessage;
use super::super::invitations::InvitationView;
use super::super::present::Named;
use super::super::roles::{Preset, Rights, Role, Table};
use super::super::votes::VoteView;
use crate::effect::{Effects, Frame, MemberId};
use crate::recordings::Limit;
use crate::time::Timestamp;

/// `{success:true}`, with what was asked for.
#[derive(Debug, Serialize)]
pub struct Success<'a> {
    #[serde(rename = "success")]
    is_one: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    invitation: Option<InvitationView<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    invitations: Option<Vec<InvitationView<'a>>>,
}

impl<'a> Success<'a> {
    /// Just so.
    pub fn plain() -> Self {
        Self { is_one: true, invitation: None, invitations: None }
    }

    /// An invitation was made.
    pub fn invited(invitation: InvitationView<'a>) -> Self {
        Self { invitation: Some(invitation), ..Self::plain() }
    }

    /// The invitations that hold.
    pub fn invitations(invitations: Vec<InvitationView<'a>>) -> Self {
        Self { invitations: Some(invitations), ..Self::plain() }
    }
}

/// A room as pages see it.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
#[expect(clippy::struct_excessive_bools, reason = "each is a field of the wire")]
pub struct RoomView<'a> {
    /// Its id.
    pub room_id: &'a str,
    /// What it is called.
    pub name: &'a str,
    /// The preset that its table is, if it is one.
    pub preset: Option<Preset>,
    /// Its table.
    pub rights: Table,
    /// Seconds between two chat messages of one member.
    pub slow_mode: u64,
    /// Whether it takes nobody in.
    pub is_locked: bool,
    /// Whether it stays when it is empty.
    pub is_permanent: bool,
    /// Whether it is listed.
    pub is_public: bool,
    /// Whether it has a password.
    pub has_password: bool,
    /// Seconds for which it waits for who loads.
    pub wait_limit: f64,
    /// What is recorded of it.
    pub recording: Option<RecordingView<'a>>,
    /// The limit at which the last recording ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub recording_stopped: Option<Limit>,
    /// What is replayed in it.
    pub replay: Option<ReplayView<'a>>,
}

/// A recording that runs.
#[derive(Debug, Clone, Copy, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RecordingView<'a> {
    /// Its name.
    pub id: &'a str,
    /// Since when, in milliseconds since the epoch.
    pub started_at: u64,
    /// Whether what is said goes into it.
    pub with_chat: bool,
}

/// A recording that is shown.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct ReplayView<'a> {
    /// Its name.
    pub id: &'a str,
}

/// A member as pages see it.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
#[expect(clippy::struct_excessive_bools, reason = "each is a field of the wire")]
pub struct MemberView<'a> {
    /// Its connection.
    pub id: MemberId,
    /// What it is called.
    pub name: &'a str,
    /// What it is.
    pub role: Role,
    /// Whether it may neither chat nor speak.
    pub is_muted: bool,
    /// Whether it is told what pages are told.
    pub is_page: bool,
    /// Whether it loads.
    pub is_buffering: bool,
    /// Whether it has said that it is ready for the start.
    pub is_ready: bool,
}

/// What pages are told.
#[derive(Debug)]
pub enum ServerEvent<'a> {
    /// Who the receiver is there.
    You {
        /// Its connection.
        id: MemberId,
        /// What it is.
        role: Role,
        /// What it may do.
        rights: Rights,
        /// Whether it may neither chat nor speak.
        is_muted: bool,
        /// What opens files for it.
        ticket: &'a str,
    },
    /// The room.
    Room(&'a RoomView<'a>),
    /// Who is there.
    Members {
        /// So many.
        count: usize,
        /// The first of them.
        members: &'a [MemberView<'a>],
    },
    /// How a vote stands.
    Vote(&'a VoteView<'a>),
    /// A chat message, where there was no chat before.
    Chat(&'a ChatMessage),
    /// A reaction.
    Reaction {
        /// Whose.
        by: Named<'a>,
        /// One emoji.
        emoji: &'a str,
        /// The second of what plays.
        position: Option<f64>,
    },
    /// Somebody types.
    Typing(Named<'a>),
    /// The receiver is out of the room.
    Kicked,
    /// Something happened by itself.
    Notice {
        /// What.
        code: &'a str,
        /// To what.
        name: Option<&'a str>,
    },
    /// The server's clock.
    TimePong {
        /// What the page's clock said.
        client_time: Option<f64>,
        /// What ours says.
        now: Timestamp,
    },
}

impl ServerEvent<'_> {
    /// The frame on the wire.
    pub fn frame(&self) -> Frame {
        match self {
            Self::You { id, role, rights, is_muted, ticket } => {
                let you = You { id: *id, role: *role, rights: *rights, is_muted: *is_muted, ticket };
                Frame::new("party:you", &you)
            }
            Self::Room(room) => Frame::new("party:room", room),
            Self::Members { count, members } => {
                Frame::new("party:members", &Members { count: *count, members })
            }
            Self::Vote(vote) => Frame::new("party:vote", vote),
            Self::Chat(message) => Frame::new("party:chat", message),
            Self::Reaction { by, emoji, position } => {
                let reaction =
                    MemberAct { user_id: by.id, user_name: by.name, emoji: Some(emoji), position: *position };
                Frame::new("party:reaction", &reaction)
            }
            Self::Typing(by) => {
                let typing = MemberAct { user_id: by.id, user_name: by.name, emoji: None, position: None };
                Frame::new("party:typing", &typing)
            }
            Self::Kicked => Frame::new("party:kicked", &serde_json::json!({})),
            Self::Notice { code, name } => Frame::new("party:notice", &Notice { code, name: *name }),
            Self::TimePong { client_time, now } => {
                let pong = Pong { client_time: *client_time, server_time: now.as_millis_f64() };
                Frame::new("time_pong", &pong)
            }
        }
    }
}

/// Answers a page that measures its clock.
pub fn tell_time(to: MemberId, client_time: Option<f64>, now: Timestamp) -> Effects {
    let mut effects = Effects::none();
    effects.tell(to, ServerEvent::TimePong { client_time, now }.frame());
    effects
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct You<'a> {
    id: MemberId,
    role: Role,
    rights: Rights,
    is_muted: bool,
    ticket: &'a str,
}

#[derive(Serialize)]
struct Members<'a> {
    count: usize,
    members: &'a [MemberView<'a>],
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct MemberAct<'a> {
    user_id: MemberId,
    user_name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    emoji: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    position: Option<f64>,
}

#[derive(Serialize)]
struct Notice<'a> {
    code: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'a str>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Pong {
    client_time: Option<f64>,
    server_time: f64,
}
