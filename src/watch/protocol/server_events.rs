//! What clients are told: answers, events, and rooms and members as they see them.

use serde::Serialize;
use serde_json::value::RawValue;

use super::client_events::{Show, Signal};
use super::names::{RoomId, RoomType};
use super::refusals::Refusal;
use crate::effect::{Effects, Frame, MemberId};
use crate::party::chat::ChatMessage;

/// What everybody but the owner reads in a password's place: the client only tests that there is one.
pub const HIDDEN: &str = "***";

/// `{success:false,error}`.
#[derive(Debug, Serialize)]
pub struct Failure {
    success: bool,
    error: &'static str,
}

impl From<Refusal> for Failure {
    fn from(refusal: Refusal) -> Self {
        Self { success: false, error: refusal.message() }
    }
}

/// The answer to what is refused, which is counted.
pub fn refuse(refusal: Refusal) -> Effects {
    let mut effects = Effects::none();
    effects.answer(&Failure::from(refusal));
    effects.refused(refusal.code());
    effects
}

/// `{success:true}`, with the room and its members where they were asked for.
#[derive(Debug, Serialize)]
pub struct Success<'a> {
    #[serde(rename = "success")]
    is_one: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    room: Option<RoomView<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    members: Option<Vec<MemberView<'a>>>,
}

impl<'a> Success<'a> {
    /// Just so.
    pub fn plain() -> Self {
        Self { is_one: true, room: None, members: None }
    }

    /// A room was made.
    pub fn created(room: RoomView<'a>) -> Self {
        Self { is_one: true, room: Some(room), members: None }
    }

    /// A room was joined.
    pub fn joined(room: RoomView<'a>, members: Vec<MemberView<'a>>) -> Self {
        Self { is_one: true, room: Some(room), members: Some(members) }
    }
}

/// A room as a client sees it.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RoomView<'a> {
    pub id: RoomId,
    pub name: &'a str,
    pub description: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub password: Option<&'a str>,
    pub is_public: bool,
    pub room_type: RoomType,
    pub owner_id: MemberId,
    pub owner_name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub owner_token: Option<&'a str>,
    pub member_count: usize,
    pub current_state: Option<Box<RawValue>>,
    pub created_at: u64,
    pub last_owner_heartbeat: u64,
}

/// A member as a client sees it.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct MemberView<'a> {
    pub id: MemberId,
    pub name: &'a str,
    pub is_owner: bool,
    pub last_heartbeat: u64,
}

/// What members are told.
#[derive(Debug)]
pub enum ServerEvent<'a> {
    MemberJoined(MemberView<'a>),
    MemberLeft(MemberId),
    RoomDeleted { reason: Option<&'static str> },
    Show(Show, &'a RawValue),
    Seek(f64),
    Resume,
    Pause,
    SharingStarted(&'a RawValue),
    SharingStopped,
    ViewerReady { from: MemberId },
    Signal { event: Signal, from: MemberId, body: &'a RawValue },
    AudioChunk { from: MemberId, audio: &'a RawValue, sample_rate: &'a RawValue },
    Chat(&'a ChatMessage),
    StateCleared,
    HeartbeatPong { timestamp: u64 },
    OwnerChanged { owner: MemberId, name: &'a str, token: Option<&'a str> },
    Banner { message: &'a str, timestamp: u64 },
    Unauthorized,
    Banned,
}

impl ServerEvent<'_> {
    /// The frame on the wire.
    pub fn frame(&self) -> Frame {
        match self {
            Self::MemberJoined(member) => Frame::new("room:member-joined", member),
            Self::MemberLeft(member) => Frame::new("room:member-left", member),
            Self::RoomDeleted { reason: Some(reason) } => {
                Frame::new("room:deleted", &serde_json::json!({ "reason": reason }))
            }
            Self::RoomDeleted { reason: None } => Frame::bare("room:deleted"),
            Self::Show(show, state) => Frame::new(show.name(), state),
            Self::Seek(position) => Frame::new("play:seek", position),
            Self::Resume => Frame::bare("play:play"),
            Self::Pause => Frame::bare("play:pause"),
            Self::SharingStarted(state) => Frame::new("screen:start", state),
            Self::SharingStopped => Frame::bare("screen:stop"),
            Self::ViewerReady { from } => Frame::new("screen:viewer-ready", &Sender { user_id: *from }),
            Self::Signal { event, from, body } => {
                let mut offer = None;
                let mut answer = None;
                let mut candidate = None;
                match event.key {
                    "offer" => offer = Some(*body),
                    "answer" => answer = Some(*body),
                    _ => candidate = Some(*body),
                }
                Frame::new(event.name, &Relayed { user_id: *from, offer, answer, candidate })
            }
            Self::AudioChunk { from, audio, sample_rate } => Frame::new(
                "voice:audio-chunk",
                &RelayedAudio { user_id: *from, audio_data: audio, sample_rate },
            ),
            Self::Chat(message) => Frame::new("chat:message", message),
            Self::StateCleared => Frame::bare("state:cleared"),
            Self::HeartbeatPong { timestamp } => {
                Frame::new("heartbeat:pong", &serde_json::json!({ "timestamp": timestamp }))
            }
            Self::OwnerChanged { owner, name, token } => {
                Frame::new("room:owner-changed", &NewOwner { id: *owner, name, token: *token })
            }
            Self::Banner { message, timestamp } => {
                Frame::new("room:banner", &serde_json::json!({ "message": message, "timestamp": timestamp }))
            }
            Self::Banned => Frame::new("error", &"Banned"),
            Self::Unauthorized => Frame::new("error", &Refusal::Unauthorized.message()),
        }
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Sender {
    user_id: MemberId,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Relayed<'a> {
    user_id: MemberId,
    #[serde(skip_serializing_if = "Option::is_none")]
    offer: Option<&'a RawValue>,
    #[serde(skip_serializing_if = "Option::is_none")]
    answer: Option<&'a RawValue>,
    #[serde(skip_serializing_if = "Option::is_none")]
    candidate: Option<&'a RawValue>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct RelayedAudio<'a> {
    user_id: MemberId,
    audio_data: &'a RawValue,
    sample_rate: &'a RawValue,
}

#[derive(Serialize)]
struct NewOwner<'a> {
    #[serde(rename = "ownerId")]
    id: MemberId,
    #[serde(rename = "ownerName")]
    name: &'a str,
    #[serde(rename = "ownerToken", skip_serializing_if = "Option::is_none")]
    token: Option<&'a str>,
}
