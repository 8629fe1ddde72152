//! The wire of the listening rooms: two dialects for the same events, each name and text once.

use std::cmp::Reverse;

use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};
use serde_json::value::RawValue;

use super::fields::{Fields, GivenRoom};
use super::names::{Dialect, RoomId, Track};
use crate::effect::{Frame, MemberId};
use crate::time::{Seconds, Timestamp};

/// What a client sends, read but not yet judged.
#[derive(Debug)]
pub enum ClientEvent {
    /// `create_room {room_id, track, current_time}`.
    CreateRoom { room: GivenRoom, track: Option<Track>, position: Option<Seconds> },
    /// `join_room {room_id}`.
    JoinRoom { room: GivenRoom },
    /// `leave_room {room_id}`.
    LeaveRoom { room: GivenRoom },
    /// `track_change {room_id, track}`.
    TrackChange { room: GivenRoom, track: Option<Track> },
    /// `play {room_id, current_time?}`.
    Play { room: GivenRoom, position: Option<Seconds> },
    /// `pause {room_id, current_time?}`.
    Pause { room: GivenRoom, position: Option<Seconds> },
    /// `seek {room_id, current_time}`.
    Seek { room: GivenRoom, position: Option<Seconds> },
    /// `sync_progress {room_id, current_time}`.
    SyncProgress { room: GivenRoom, position: Option<Seconds> },
    /// `get_room_state {room_id}`.
    GetRoomState { room: GivenRoom },
    /// `playlist-update {roomId, playlist}`.
    PlaylistUpdate { room: GivenRoom, playlist: Option<Box<RawValue>> },
    /// `introduce {name}`: the sender is a page, and is told of members and playback in full.
    Introduce { name: Option<String> },
    /// `time_ping {clientTime}`: the sender measures its clock against ours.
    TimePing { client_time: Option<f64> },
}

impl ClientEvent {
    /// Reads an event, with the dialect that it gives away; `None` if no client sends it.
    pub fn read(name: &str, payload: Option<&RawValue>) -> Option<(Self, Option<Dialect>)> {
        use Dialect::{Kebab, Snake};
        let fields = Fields::of(payload);
        let room = fields.room();
        let position = fields.position();
        let (event, dialect) = match name {
            "create_room" => (Self::CreateRoom { room, track: fields.track(), position }, Some(Snake)),
            "create-room" => (Self::CreateRoom { room, track: fields.track(), position }, Some(Kebab)),
            "join_room" => (Self::JoinRoom { room }, Some(Snake)),
            "join-room" => (Self::JoinRoom { room }, Some(Kebab)),
            "leave_room" => (Self::LeaveRoom { room }, Some(Snake)),
            "leave-room" => (Self::LeaveRoom { room }, Some(Kebab)),
            "track_change" => (Self::TrackChange { room, track: fields.track() }, Some(Snake)),
            "track-change" => (Self::TrackChange { room, track: fields.track() }, Some(Kebab)),
            "sync_progress" => (Self::SyncProgress { room, position }, Some(Snake)),
            "sync-progress" => (Self::SyncProgress { room, position }, Some(Kebab)),
            "get_room_state" => (Self::GetRoomState { room }, Some(Snake)),
            "get-room-state" => (Self::GetRoomState { room }, Some(Kebab)),
            "playlist-update" => (Self::PlaylistUpdate { room, playlist: fields.playlist() }, Some(Kebab)),
            "play" => (Self::Play { room, position }, fields.dialect()),
            "pause" => (Self::Pause { room, position }, fields.dialect()),
            "seek" => (Self::Seek { room, position }, fields.dialect()),
            "introduce" => (Self::Introduce { name: fields.name() }, None),
            "time_ping" => (Self::TimePing { client_time: fields.client_time() }, None),
            _ => return None,
        };
        Some((event, dialect))
    }
}

impl ClientEvent {
    /// Whether an event of that name may ask for something and change nothing.
    pub fn may_ask(name: &str) -> bool {
        matches!(name, "time_ping" | "get_room_state" | "get-room-state")
    }

    /// The same without a track or a playlist that is larger than it may be: that is no track, and no playlist.
    pub fn without_large(mut self, max_track_bytes: usize, max_playlist_bytes: usize) -> Self {
        match &mut self {
            Self::CreateRoom { track, .. } | Self::TrackChange { track, .. } => {
                track.take_if(|track| track.n_bytes() > max_track_bytes);
            }
            Self::PlaylistUpdate { playlist, .. } => {
                playlist.take_if(|playlist| playlist.get().len() > max_playlist_bytes);
            }
            Self::JoinRoom { .. }
            | Self::LeaveRoom { .. }
            | Self::Play { .. }
            | Self::Pause { .. }
            | Self::Seek { .. }
            | Self::SyncProgress { .. }
            | Self::GetRoomState { .. }
            | Self::Introduce { .. }
            | Self::TimePing { .. } => {}
        }
        self
    }
}

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

/// What plays, as of one moment.
#[derive(Debug, Clone)]
pub struct Playback {
    /// The track, if one is set.
    pub track: Option<Track>,
    /// Whether it plays.
    pub is_playing: bool,
    /// Where it is.
    pub position: Seconds,
}

/// A member as pages see it.
#[derive(Debug, Clone, Serialize)]
pub struct PublicMember {
    /// Its id.
    pub id: MemberId,
    /// The name that it gave, if any.
    pub name: Option<String>,
}

/// What the server sends.
#[derive(Debug, Clone)]
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
    /// What plays, for a newcomer.
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

/// A room as HTTP tells of it, each key in both spellings.
#[derive(Debug, Serialize)]
pub struct RoomReport {
    /// The room.
    pub id: RoomId,
    #[serde(rename = "roomId")]
    kebab_id: RoomId,
    host_id: MemberId,
    #[serde(rename = "hostId")]
    kebab_host_id: MemberId,
    user_count: usize,
    #[serde(rename = "userCount")]
    kebab_user_count: usize,
    #[serde(serialize_with = "as_text")]
    created_at: Timestamp,
    #[serde(rename = "createdAt")]
    kebab_created_at: u64,
    current_track: Option<Track>,
    #[serde(rename = "currentTrack")]
    kebab_current_track: Option<Track>,
    is_playing: bool,
    #[serde(rename = "isPlaying")]
    kebab_is_playing: bool,
    current_time: Seconds,
    #[serde(rename = "currentTime")]
    kebab_current_time: Seconds,
}

impl RoomReport {
    /// What there is to tell of a room.
    pub fn new(
        id: RoomId,
        host: MemberId,
        n_members: usize,
        created_at: Timestamp,
        playback: Playback,
    ) -> Self {
        Self {
            kebab_id: id.clone(),
            id,
            host_id: host,
            kebab_host_id: host,
            user_count: n_members,
            kebab_user_count: n_members,
            created_at,
            kebab_created_at: created_at.as_millis(),
            kebab_current_track: playback.track.clone(),
            current_track: playback.track,
            is_playing: playback.is_playing,
            kebab_is_playing: playback.is_playing,
            current_time: playback.position,
            kebab_current_time: playback.position,
        }
    }

    /// Where it stands among others: the fullest first, then the oldest.
    pub fn rank(&self) -> (Reverse<usize>, Timestamp, RoomId) {
        (Reverse(self.user_count), self.created_at, self.id.clone())
    }

    /// Leaves the track out, which stands there in both spellings, if that takes more than so many bytes.
    pub fn leave_out_track_over(&mut self, max_bytes: usize) {
        if self.current_track.as_ref().is_some_and(|track| 2 * track.n_bytes() > max_bytes) {
            self.current_track = None;
            self.kebab_current_track = None;
        }
    }
}

/// ISO 8601.
#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it like that")]
fn as_text<S: Serializer>(moment: &Timestamp, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(moment)
}
