//! What clients say.

use serde::Deserialize;
use serde_json::value::RawValue;

use super::names::{RoomId, RoomType};
use super::page_events::PageEvent;
use super::refusals::Refusal;
use crate::effect::MemberId;
use crate::json;
use crate::party::chat::Chat;
use crate::party::protocol as party;

/// An event of a client.
#[derive(Debug)]
pub enum ClientEvent {
    Create(CreateRoom),
    Join(JoinRoom),
    Leave,
    List,
    /// Sets what is on the screen.
    Show(Show, Box<RawValue>),
    Seek(f64),
    Resume,
    Pause,
    RegisterHelper {
        room: RoomId,
        token: String,
    },
    StartSharing(Box<RawValue>),
    StopSharing,
    ViewerReady,
    Signal {
        event: Signal,
        to: MemberId,
        body: Box<RawValue>,
    },
    AudioChunk {
        audio: Box<RawValue>,
        sample_rate: Box<RawValue>,
    },
    Chat(Chat),
    ClearState,
    Heartbeat,
    ChatHistory,
    Transfer {
        to: MemberId,
    },
    /// What pages of both services say.
    Shared(party::ClientEvent),
    /// What pages say of the film.
    Page(PageEvent),
}

/// `room:create`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CreateRoom {
    pub name: String,
    #[serde(default)]
    pub description: String,
    #[serde(default)]
    pub password: Option<String>,
    #[serde(default)]
    pub is_public: bool,
    pub user_name: String,
    #[serde(default)]
    pub room_type: RoomType,
}

/// `room:join`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct JoinRoom {
    pub room_id: String,
    #[serde(default)]
    pub password: Option<String>,
    pub user_name: String,
    #[serde(default)]
    pub owner_token: Option<String>,
    #[serde(default)]
    pub invitation: Option<String>,
}

/// The events by which an owner sets what is on the screen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Show {
    PlayUpdate,
    PlayChange,
    LiveChange,
    MusicChange,
    MusicUpdate,
    MusicQueue,
    MusicPlay,
    MusicPause,
    MusicSeek,
}

impl Show {
    const ALL: [(Self, &'static str); 9] = [
        (Self::PlayUpdate, "play:update"),
        (Self::PlayChange, "play:change"),
        (Self::LiveChange, "live:change"),
        (Self::MusicChange, "music:change"),
        (Self::MusicUpdate, "music:update"),
        (Self::MusicQueue, "music:queue"),
        (Self::MusicPlay, "music:play"),
        (Self::MusicPause, "music:pause"),
        (Self::MusicSeek, "music:seek"),
    ];

    /// Its name on the wire.
    pub fn name(self) -> &'static str {
        Self::ALL.into_iter().find(|(show, _)| *show == self).map_or("", |(_, name)| name)
    }
}

/// The events that pass between two members alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Signal {
    /// Its name on the wire.
    pub name: &'static str,
    /// The key of what it carries.
    pub key: &'static str,
}

impl Signal {
    /// Whether it opens a call of voices.
    pub fn opens_call(self) -> bool {
        self.name == "voice:offer"
    }
}

const SIGNALS: [Signal; 6] = [
    Signal { name: "screen:offer", key: "offer" },
    Signal { name: "screen:answer", key: "answer" },
    Signal { name: "screen:ice", key: "candidate" },
    Signal { name: "voice:offer", key: "offer" },
    Signal { name: "voice:answer", key: "answer" },
    Signal { name: "voice:ice", key: "candidate" },
];

/// An event that could not be read, and what its sender is answered if it asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unread {
    /// Nobody knows it.
    Unknown,
    /// Its data are not what they must be.
    Malformed(Option<Refusal>),
    /// A page is told why.
    Refused(party::Refusal),
}

impl ClientEvent {
    /// Whether an event of that name may ask for something and change nothing.
    pub fn may_ask(name: &str) -> bool {
        matches!(name, "room:list" | "chat:history" | "heartbeat" | "time_ping")
    }

    /// Reads an event with its first argument.
    pub fn read(event: &str, payload: Option<&RawValue>) -> Result<Self, Unread> {
        let refused = |refusal| Unread::Malformed(Some(refusal));
        let silent = Unread::Malformed(None);
        let text = payload.map_or("", RawValue::get);
        Ok(match event {
            "room:create" => Self::Create(json::object(text).ok_or(refused(Refusal::CreateFailed))?),
            "room:join" => Self::Join(json::object(text).ok_or(refused(Refusal::JoinFailed))?),
            "room:leave" => Self::Leave,
            "room:list" => Self::List,
            "play:seek" => Self::Seek(serde_json::from_str(text).map_err(|_| silent)?),
            "play:play" => Self::Resume,
            "play:pause" => Self::Pause,
            "screen:helper-register" => {
                let given: Helper = json::object(text).ok_or(refused(Refusal::HelperFailed))?;
                let room = RoomId::read(&given.room_id).ok_or(refused(Refusal::NoSuchRoom))?;
                Self::RegisterHelper { room, token: given.owner_token }
            }
            "screen:start" => Self::StartSharing(raw_object(payload).ok_or(silent)?),
            "screen:stop" => Self::StopSharing,
            "screen:viewer-ready" => Self::ViewerReady,
            "voice:audio-chunk" => {
                let chunk: Chunk = json::object(text).ok_or(silent)?;
                if !chunk.audio_data.get().starts_with('[') {
                    return Err(silent);
                }
                Self::AudioChunk { audio: chunk.audio_data, sample_rate: chunk.sample_rate }
            }
            "chat:message" => Self::Chat(json::object(text).ok_or(silent)?),
            "chat:history" => Self::ChatHistory,
            "state:clear" => Self::ClearState,
            "heartbeat" => Self::Heartbeat,
            "room:transfer" => {
                let given: Target = json::object(text).ok_or(refused(Refusal::NoSuchMember))?;
                let to = MemberId::new(&given.target_user_id).ok_or(refused(Refusal::NoSuchMember))?;
                Self::Transfer { to }
            }
            _ => {
                if let Some(event) = party::ClientEvent::read(event, payload) {
                    return event.map(Self::Shared).map_err(Unread::Refused);
                }
                if let Some(event) = PageEvent::read(event, payload) {
                    return event.map(Self::Page).map_err(Unread::Refused);
                }
                if let Some((show, _)) = Show::ALL.into_iter().find(|(_, name)| *name == event) {
                    return Ok(Self::Show(show, raw_object(payload).ok_or(silent)?));
                }
                let signal =
                    SIGNALS.into_iter().find(|signal| signal.name == event).ok_or(Unread::Unknown)?;
                let given: SignalBody = json::object(text).ok_or(silent)?;
                let to = MemberId::new(&given.target_user_id).ok_or(silent)?;
                let body = match signal.key {
                    "offer" => given.offer,
                    "answer" => given.answer,
                    _ => given.candidate,
                };
                Self::Signal { event: signal, to, body: body.ok_or(silent)? }
            }
        })
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Helper {
    room_id: String,
    owner_token: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Target {
    target_user_id: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct SignalBody {
    target_user_id: String,
    offer: Option<Box<RawValue>>,
    answer: Option<Box<RawValue>>,
    candidate: Option<Box<RawValue>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Chunk {
    audio_data: Box<RawValue>,
    #[serde(default = "usual_sample_rate")]
    sample_rate: Box<RawValue>,
}

/// What a chunk is taken to have if it does not say.
fn usual_sample_rate() -> Box<RawValue> {
    RawValue::from_string("16000".into()).expect("a number is JSON")
}

fn raw_object(payload: Option<&RawValue>) -> Option<Box<RawValue>> {
    payload.filter(|payload| payload.get().starts_with('{')).map(ToOwned::to_owned)
}
