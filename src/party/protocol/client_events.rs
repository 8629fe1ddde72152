//! What pages say.

use std::time::Duration;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;

use super::super::person::PersonId;
use super::super::roles::{Preset, Role, Table};
use super::super::votes::VoteSubject;
use super::refusals::Refusal;
use crate::effect::MemberId;
use crate::json;
use crate::secret::Secret;

/// Bytes of a reaction: one emoji, with its skin and its joiners.
const MAX_EMOJI_BYTES: usize = 16;

/// Characters of an owner's key, which the page makes at random and keeps.
const OWNER_KEY_CHARS: std::ops::RangeInclusive<usize> = 32..=128;

/// Characters of the longest id of an invitation, a recording or a room.
const MAX_ID_CHARS: usize = 64;

/// An event that both services know.
#[derive(Debug)]
pub enum ClientEvent {
    /// `introduce`: the sender is a page.
    Introduce {
        /// What it is called.
        name: Option<String>,
        /// Who it is.
        person: Option<PersonId>,
    },
    /// `time_ping`: the sender measures its clock against ours.
    TimePing {
        /// What its clock says.
        client_time: Option<f64>,
    },
    /// `party:*`: something in the sender's room.
    Room(RoomEvent),
    /// `recording:*` and `replay:*`.
    Recording(RecordingEvent),
}

/// Something that a page has done in its room.
#[derive(Debug)]
pub enum RoomEvent {
    /// `party:set`.
    Set(Settings),
    /// `party:grant`.
    Grant {
        /// Whose role.
        to: MemberId,
        /// What it is to be; the owner's hands the room over.
        role: Role,
    },
    /// `party:mute`.
    Mute {
        /// Who.
        target: MemberId,
        /// Or may speak again.
        is_muted: bool,
    },
    /// `party:kick`.
    Kick {
        /// Who.
        target: MemberId,
    },
    /// `party:invite`.
    Invite {
        /// For so long.
        expires_in: Duration,
        /// Whether who comes by it needs no password.
        skips_password: bool,
    },
    /// `party:invitations`.
    ListInvitations,
    /// `party:revoke`.
    Revoke {
        /// Which invitation.
        id: String,
    },
    /// `party:vote`.
    Vote {
        /// What about.
        subject: VoteSubject,
        /// Whom it is about.
        target: Option<MemberId>,
    },
    /// `party:unvote`.
    Unvote,
    /// `party:react`.
    React {
        /// One emoji.
        emoji: String,
    },
    /// `party:typing`.
    Type,
}

/// What an owner sets of a room: each field that is there.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Settings {
    /// A table that has a name.
    pub preset: Option<Preset>,
    /// A table of its own.
    pub rights: Option<Table>,
    /// Seconds between two chat messages of one member.
    pub slow_mode: Option<u64>,
    /// Whether it takes nobody in.
    pub is_locked: Option<bool>,
    /// Whether it stays when it is empty.
    pub is_permanent: Option<bool>,
    /// Seconds for which it waits for who loads.
    pub wait_limit: Option<f64>,
    /// Whether it is listed.
    pub is_public: Option<bool>,
    /// Its password; empty for none.
    pub password: Option<String>,
}

/// Something about a recording.
#[derive(Debug)]
pub enum RecordingEvent {
    /// `recording:start`.
    Start {
        /// By which its owner finds it again.
        owner_key: OwnerKey,
        /// Whether what is said goes into it.
        with_chat: bool,
    },
    /// `recording:stop`.
    Stop,
    /// `replay:start`.
    Replay {
        /// The recording's name.
        id: String,
        /// Whoever has the key may replay it.
        owner_key: OwnerKey,
    },
    /// `replay:stop`.
    StopReplay,
}

/// The key of somebody's recordings, which its page keeps.
#[derive(Debug, Clone)]
pub struct OwnerKey(Secret);

impl OwnerKey {
    /// The key of that text, if it is long enough to be one.
    pub fn read(text: &str) -> Option<Self> {
        OWNER_KEY_CHARS.contains(&text.chars().count()).then(|| Self(Secret::new(text)))
    }

    /// The text itself, for whoever compares it.
    pub fn expose(&self) -> &str {
        self.0.expose()
    }
}

impl ClientEvent {
    /// Reads an event; `None` if its name is none of these.
    pub fn read(name: &str, payload: Option<&RawValue>) -> Option<Result<Self, Refusal>> {
        let text = payload.map_or("{}", RawValue::get);
        Some(match name {
            "introduce" => introduce(text),
            "time_ping" => object(text).map(|given: Ping| Self::TimePing { client_time: given.client_time }),
            "recording:start" => start(text).map(Self::Recording),
            "recording:stop" => Ok(Self::Recording(RecordingEvent::Stop)),
            "replay:start" => replay(text).map(Self::Recording),
            "replay:stop" => Ok(Self::Recording(RecordingEvent::StopReplay)),
            _ => RoomEvent::read(name, text)?.map(Self::Room),
        })
    }
}

impl RoomEvent {
    fn read(name: &str, text: &str) -> Option<Result<Self, Refusal>> {
        Some(match name {
            "party:set" => object(text).map(Self::Set),
            "party:grant" => object(text).and_then(|given: Granted| {
                Ok(Self::Grant { to: member(&given.target_user_id)?, role: given.role })
            }),
            "party:mute" => object(text).and_then(|given: Muted| {
                Ok(Self::Mute { target: member(&given.target_user_id)?, is_muted: given.is_muted })
            }),
            "party:kick" => object(text)
                .and_then(|given: Target| Ok(Self::Kick { target: member(&given.target_user_id)? })),
            "party:invite" => invite(text),
            "party:invitations" => Ok(Self::ListInvitations),
            "party:revoke" => object(text).and_then(|given: Named| Ok(Self::Revoke { id: short(given.id)? })),
            "party:vote" => object(text).and_then(|given: Vote| {
                let target = given.target_user_id.as_deref().map(member).transpose()?;
                Ok(Self::Vote { subject: given.subject, target })
            }),
            "party:unvote" => Ok(Self::Unvote),
            "party:react" => object(text).and_then(|given: Reaction| {
                is_emoji(&given.emoji).then_some(Self::React { emoji: given.emoji }).ok_or(Refusal::Invalid)
            }),
            "party:typing" => Ok(Self::Type),
            _ => return None,
        })
    }
}

fn introduce(text: &str) -> Result<ClientEvent, Refusal> {
    let given: Introduction = object(text)?;
    let person = match given.person.as_deref() {
        Some(secret) => Some(PersonId::of_secret(secret).ok_or(Refusal::Invalid)?),
        None => None,
    };
    Ok(ClientEvent::Introduce { name: given.name, person })
}

fn invite(text: &str) -> Result<RoomEvent, Refusal> {
    let given: Invite = object(text)?;
    let expires_in = Duration::try_from_secs_f64(given.expires_in).map_err(|_| Refusal::Invalid)?;
    if expires_in.is_zero() {
        return Err(Refusal::Invalid);
    }
    Ok(RoomEvent::Invite { expires_in, skips_password: given.skips_password })
}

fn start(text: &str) -> Result<RecordingEvent, Refusal> {
    let given: Start = object(text)?;
    let owner_key = OwnerKey::read(&given.owner_key).ok_or(Refusal::Invalid)?;
    Ok(RecordingEvent::Start { owner_key, with_chat: given.with_chat })
}

fn replay(text: &str) -> Result<RecordingEvent, Refusal> {
    let given: Replay = object(text)?;
    let owner_key = OwnerKey::read(&given.owner_key).ok_or(Refusal::Invalid)?;
    Ok(RecordingEvent::Replay { id: short(given.id)?, owner_key })
}

/// Whether a text may be one emoji: short, and nothing that could be read as words.
fn is_emoji(text: &str) -> bool {
    let is_word = |c: char| c.is_alphabetic() || c.is_whitespace() || c.is_control();
    text.len() <= MAX_EMOJI_BYTES && !text.is_ascii() && !text.contains(is_word)
}

fn member(id: &str) -> Result<MemberId, Refusal> {
    MemberId::new(id).ok_or(Refusal::NoSuchMember)
}

fn short(id: String) -> Result<String, Refusal> {
    if id.len() <= MAX_ID_CHARS { Ok(id) } else { Err(Refusal::Invalid) }
}

fn object<T: DeserializeOwned>(text: &str) -> Result<T, Refusal> {
    json::object(text).ok_or(Refusal::Invalid)
}

#[derive(Deserialize)]
struct Introduction {
    name: Option<String>,
    person: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Ping {
    client_time: Option<f64>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Granted {
    target_user_id: String,
    role: Role,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Muted {
    target_user_id: String,
    is_muted: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Target {
    target_user_id: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Invite {
    expires_in: f64,
    #[serde(default)]
    skips_password: bool,
}

#[derive(Deserialize)]
struct Named {
    id: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Vote {
    subject: VoteSubject,
    target_user_id: Option<String>,
}

#[derive(Deserialize)]
struct Reaction {
    emoji: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Start {
    owner_key: String,
    #[serde(default)]
    with_chat: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Replay {
    id: String,
    owner_key: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(name: &str, payload: &str) -> String {
        let payload = RawValue::from_string(payload.to_owned()).unwrap();
        match ClientEvent::read(name, Some(&payload)) {
            Some(Ok(event)) => format!("{event:?}"),
            Some(Err(refusal)) => refusal.code().to_owned(),
            None => "unknown".to_owned(),
        }
    }

    #[test]
    fn events_are_read_and_bad_ones_are_refused() {
        assert_eq!(read("party:fly", "{}"), "unknown");
        assert_eq!(read("party:set", "[]"), "invalid");
        assert_eq!(read("party:set", r#"{"preset":"anarchy"}"#), "invalid");
        assert_eq!(read("party:kick", r#"{"targetUserId":""}"#), "no_such_member");
        assert_eq!(read("party:kick", r#"{"targetUserId":7}"#), "invalid");
        for wrong in ["-1", "0", "1e999", "1e300", "null", "\"soon\""] {
            assert_eq!(read("party:invite", &format!(r#"{{"expiresIn":{wrong}}}"#)), "invalid", "{wrong}");
        }
        assert_eq!(
            read("party:invite", r#"{"expiresIn":90}"#),
            "Room(Invite { expires_in: 90s, skips_password: false })"
        );
        assert_eq!(read("introduce", r#"{"person":"short"}"#), "invalid");
        let key = "k".repeat(32);
        let started = read("recording:start", &format!(r#"{{"ownerKey":"{key}","withChat":true}}"#));
        assert!(started.contains("with_chat: true") && !started.contains(&key), "{started}");
        assert_eq!(read("recording:start", r#"{"ownerKey":"short"}"#), "invalid");
    }

    #[test]
    fn a_reaction_is_one_short_emoji() {
        for (emoji, is_one) in
            [("🎉", true), ("👍🏽", true), ("❤️", true), ("1️⃣", true), ("a", false), ("", false)]
        {
            assert_eq!(is_emoji(emoji), is_one, "{emoji}");
        }
        assert!(!is_emoji("哈哈") && !is_emoji("🎉 🎉") && !is_emoji(&"🎉".repeat(5)) && !is_emoji("\u{85}"));
    }
}
