//! What clients say, in either dialect.

use serde_json::value::RawValue;

use super::fields::{Credentials, Fields, GivenRoom};
use super::names::{Dialect, Track};
use crate::party::PersonId;
use crate::time::Seconds;

/// What a founder says of its room, which old clients do not.
#[derive(Debug)]
pub struct Opening {
    /// What it is called.
    pub name: Option<String>,
    /// Whether it is listed.
    pub is_public: bool,
    /// Its password, and who the founder is.
    pub credentials: Credentials,
}

/// What a client sends, read but not yet judged.
#[derive(Debug)]
pub enum ClientEvent {
    /// `create_room {room_id, track, current_time, is_public?, password?, name?, person?}`.
    CreateRoom { room: GivenRoom, track: Option<Track>, position: Option<Seconds>, opening: Opening },
    /// `join_room {room_id, password?, person?, invitation?}`.
    JoinRoom { room: GivenRoom, credentials: Credentials },
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
    /// `introduce {name, person?}`: the sender is a page, and is told of members and playback in full.
    Introduce { name: Option<String>, person: Option<PersonId> },
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
            "create_room" => (Self::create(room, &fields), Some(Snake)),
            "create-room" => (Self::create(room, &fields), Some(Kebab)),
            "join_room" => (Self::JoinRoom { room, credentials: fields.credentials() }, Some(Snake)),
            "join-room" => (Self::JoinRoom { room, credentials: fields.credentials() }, Some(Kebab)),
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
            "introduce" => (Self::Introduce { name: fields.name(), person: fields.person() }, None),
            "time_ping" => (Self::TimePing { client_time: fields.client_time() }, None),
            _ => return None,
        };
        Some((event, dialect))
    }
}

impl ClientEvent {
    fn create(room: GivenRoom, fields: &Fields<'_>) -> Self {
        let opening =
            Opening { name: fields.name(), is_public: fields.is_public(), credentials: fields.credentials() };
        Self::CreateRoom { room, track: fields.track(), position: fields.position(), opening }
    }

    /// Whether an event of that name may ask for something and change nothing.
    pub fn may_ask(name: &str) -> bool {
        matches!(name, "time_ping" | "get_room_state" | "get-room-state")
    }

    /// Whether everybody in a room may be told who is there because of it.
    pub fn tells_all_who_is_there(&self) -> bool {
        matches!(self, Self::CreateRoom { .. } | Self::JoinRoom { .. } | Self::Introduce { .. })
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
