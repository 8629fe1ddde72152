//! What clients are told, in the dialect of each.

use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};
use serde_json::value::RawValue;

use super::names::{Dialect, Playback, RoomId, Track};
use super::queue_events::{QueueMode, SuggestionView};
use super::refusals::Refusal;
use crate::effect::{Frame, MemberId};
use crate::time::{Seconds, Timestamp};

/// A member as pages see it.
#[derive(Debug, Clone, Serialize)]
pub struct PublicMember {
    /// Its id.
    pub id: MemberId,
    /// The name that it gave, if any.
    pub name: Option<String>,
}

/// What the server sends.
#[derive(Debug)]
pub enum ServerEvent<'a> {
    /// The connection stands.
    Connected,
    /// The room is there and the receiver is its host.
    RoomCreated { room: &'a RoomId, n_members: usize },
    /// The receiver is in the room.
    RoomJoined { room: &'a RoomId, n_members: usize, playback: &'a Playback, playlist: Option<&'a RawValue> },
    /// The receiver has left the room.
    RoomLeft { room: &'a RoomId },
    /// How many are in the room.
    RoomUsers { n_members: usize },
    /// What plays, for a handshake.
    SyncState { playback: &'a Playback },
    /// What plays, for whoever asked.
    RoomState { room: &'a RoomId, n_members: usize, playback: &'a Playback },
    /// The receiver is the host from here on.
    BecomeHost { room: &'a RoomId },
    /// Another track plays.
    TrackChange { track: &'a Track },
    /// It plays.
    Play { position: Seconds },
    /// It does not.
    Pause { position: Seconds },
    /// It goes on from elsewhere.
    Seek { position: Seconds },
    /// Where the host is.
    SyncProgress { position: Seconds },
    /// The host's list.
    PlaylistUpdate { room: &'a RoomId, playlist: &'a RawValue },
    /// A create or a join is refused.
    Error(Refusal),
    /// For pages: the answer to `time_ping`.
    TimePong { client_time: Option<f64>, now: Timestamp },
    /// For pages: who is in the room.
    RoomMembers { room: &'a RoomId, host: MemberId, n_members: usize, members: &'a [PublicMember] },
    /// For pages: what plays, as of which moment of our clock.
    RoomPlayhead { room: &'a RoomId, playback: &'a Playback, at: Timestamp },
    /// For pages: the list, as the host last left it.
    RoomPlaylist { room: &'a RoomId, playlist: Option<&'a RawValue> },
    /// For pages: by which rules the next track is found.
    QueueMode(QueueMode),
    /// For pages: what members suggest.
    QueueSuggestions(&'a [SuggestionView<'a>]),
}

/// One name in both spellings.
struct Spelling {
    snake: &'static str,
    kebab: &'static str,
}

impl Spelling {
    const fn new(snake: &'static str, kebab: &'static str) -> Self {
        Self { snake, kebab }
    }

    const fn same(name: &'static str) -> Self {
        Self::new(name, name)
    }

    fn in_dialect(&self, dialect: Dialect) -> &'static str {
        match dialect {
            Dialect::Snake => self.snake,
            Dialect::Kebab => self.kebab,
        }
    }
}

const ROOM_ID: Spelling = Spelling::new("room_id", "roomId");
const USER_COUNT: Spelling = Spelling::new("user_count", "userCount");
const CURRENT_TRACK: Spelling = Spelling::new("current_track", "currentTrack");
const IS_PLAYING: Spelling = Spelling::new("is_playing", "isPlaying");
const CURRENT_TIME: Spelling = Spelling::new("current_time", "currentTime");
const TRACK: Spelling = Spelling::same("track");
const COUNT: Spelling = Spelling::same("count");
const PLAYLIST: Spelling = Spelling::same("playlist");
const MESSAGE: Spelling = Spelling::same("message");
const CODE: Spelling = Spelling::same("code");

impl ServerEvent<'_> {
    /// Writes the event down in a dialect.
    pub fn frame(&self, dialect: Dialect) -> Frame {
        Frame::new(self.name().in_dialect(dialect), &Spelled { event: self, dialect })
    }

    fn name(&self) -> Spelling {
        match self {
            Self::Connected => Spelling::same("connected"),
            Self::RoomCreated { .. } => Spelling::new("room_created", "room-created"),
            Self::RoomJoined { .. } => Spelling::new("room_joined", "room-joined"),
            Self::RoomLeft { .. } => Spelling::new("room_left", "room-left"),
            Self::RoomUsers { .. } => Spelling::new("room_users", "room-users"),
            Self::SyncState { .. } => Spelling::new("sync_state", "sync-state"),
            Self::RoomState { .. } => Spelling::new("room_state", "room-state"),
            Self::BecomeHost { .. } => Spelling::new("become_host", "become-host"),
            Self::TrackChange { .. } => Spelling::new("track_change", "track-change"),
            Self::Play { .. } => Spelling::same("play"),
            Self::Pause { .. } => Spelling::same("pause"),
            Self::Seek { .. } => Spelling::same("seek"),
            Self::SyncProgress { .. } => Spelling::new("sync_progress", "sync-progress"),
            Self::PlaylistUpdate { .. } => Spelling::same("playlist-update"),
            Self::Error(_) => Spelling::same("error"),
            Self::TimePong { .. } => Spelling::same("time_pong"),
            Self::RoomMembers { .. } => Spelling::same("room-members"),
            Self::RoomPlayhead { .. } => Spelling::same("room-playhead"),
            Self::RoomPlaylist { .. } => Spelling::same("room-playlist"),
            Self::QueueMode(_) => Spelling::same("queue:mode"),
            Self::QueueSuggestions(_) => Spelling::same("queue:suggestions"),
        }
    }
}

/// An event's payload in a dialect.
struct Spelled<'a> {
    event: &'a ServerEvent<'a>,
    dialect: Dialect,
}

impl Serialize for Spelled<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut object = Object { map: serializer.serialize_map(None)?, dialect: self.dialect };
        match self.event {
            ServerEvent::Connected => object.put(&MESSAGE, "连接成功")?,
            ServerEvent::RoomCreated { room, n_members } => {
                object.put(&ROOM_ID, room)?;
                object.put(&USER_COUNT, n_members)?;
            }
            ServerEvent::RoomJoined { room, n_members, playback, playlist } => {
                object.put(&ROOM_ID, room)?;
                object.put(&USER_COUNT, n_members)?;
                object.put_playback(playback)?;
                if let Some(playlist) = playlist {
                    object.put(&PLAYLIST, playlist)?;
                }
            }
            ServerEvent::RoomState { room, n_members, playback } => {
                object.put(&ROOM_ID, room)?;
                object.put(&USER_COUNT, n_members)?;
                object.put_playback(playback)?;
            }
            ServerEvent::RoomLeft { room } | ServerEvent::BecomeHost { room } => {
                object.put(&ROOM_ID, room)?;
            }
            ServerEvent::RoomUsers { n_members } => object.put(&COUNT, n_members)?,
            ServerEvent::SyncState { playback } => object.put_playback(playback)?,
            ServerEvent::TrackChange { track } => {
                object.put(&TRACK, track)?;
                object.put(&CURRENT_TIME, &Seconds::ZERO)?;
            }
            ServerEvent::Play { position }
            | ServerEvent::Pause { position }
            | ServerEvent::Seek { position }
            | ServerEvent::SyncProgress { position } => object.put(&CURRENT_TIME, position)?,
            ServerEvent::PlaylistUpdate { room, playlist } => {
                object.put(&Spelling::same("roomId"), room)?;
                object.put(&PLAYLIST, playlist)?;
            }
            ServerEvent::Error(refusal) => {
                object.put(&MESSAGE, refusal.message())?;
                object.put(&CODE, refusal.code())?;
            }
            ServerEvent::TimePong { client_time, now } => {
                object.put(&Spelling::same("clientTime"), client_time)?;
                object.put(&Spelling::same("serverTime"), &now.as_millis_f64())?;
            }
            ServerEvent::RoomMembers { room, host, n_members, members } => {
                object.put(&Spelling::same("roomId"), room)?;
                object.put(&Spelling::same("hostId"), host)?;
                object.put(&COUNT, n_members)?;
                object.put(&Spelling::same("members"), members)?;
            }
            ServerEvent::RoomPlayhead { room, playback, at } => {
                object.put(&Spelling::same("roomId"), room)?;
                object.put(&TRACK, &playback.track)?;
                object.put(&Spelling::same("isPlaying"), &playback.is_playing)?;
                object.put(&Spelling::same("currentTime"), &playback.position)?;
                object.put(&Spelling::same("at"), &at.as_millis_f64())?;
            }
            ServerEvent::RoomPlaylist { room, playlist } => {
                object.put(&Spelling::same("roomId"), room)?;
                object.put(&PLAYLIST, playlist)?;
            }
            ServerEvent::QueueMode(mode) => {
                object.put(&Spelling::same("repeat"), &mode.repeat)?;
                object.put(&Spelling::same("isShuffled"), &mode.is_shuffled)?;
                object.put(&Spelling::same("byVotes"), &mode.by_votes)?;
            }
            ServerEvent::QueueSuggestions(suggestions) => {
                object.put(&Spelling::same("suggestions"), suggestions)?;
            }
        }
        object.map.end()
    }
}

/// A JSON object whose keys are spelled in a dialect.
struct Object<M> {
    map: M,
    dialect: Dialect,
}

impl<M: SerializeMap> Object<M> {
    fn put<V: Serialize + ?Sized>(&mut self, key: &Spelling, value: &V) -> Result<(), M::Error> {
        self.map.serialize_entry(key.in_dialect(self.dialect), value)
    }

    fn put_playback(&mut self, playback: &Playback) -> Result<(), M::Error> {
        self.put(&CURRENT_TRACK, &playback.track)?;
        self.put(&IS_PLAYING, &playback.is_playing)?;
        self.put(&CURRENT_TIME, &playback.position)
    }
}
