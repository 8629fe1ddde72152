//! `roomhub music`: listening rooms in sync, for two families of clients and the page of its own.
//!
//! Socket.IO on `/socket.io/`, in the snake and the kebab dialect, room by room mixed. The host's `play`,
//! `pause`, `seek` and `track_change` go to everybody else; when the host goes, the longest-standing member
//! takes over. `GET /` is the page for browsers and a status for programs; `/rooms` and `/room/{id}` tell
//! what plays.

mod arrival;
mod comeback;
mod command;
mod company;
mod controls;
mod entrance;
mod erase;
#[cfg(any(test, fuzzing))]
pub mod fuzz;
mod handlers;
mod hub;
mod listing;
mod media;
mod moment;
mod operators;
mod playhead;
#[cfg(test)]
mod properties;
mod protocol;
mod queue;
mod queueing;
mod recordings;
mod room;
mod routes;
mod seat;
mod server;
mod telling;
#[cfg(test)]
mod tests;

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::config::{Alias, Findings};
use crate::http::origin::AllowedOrigins;
use crate::http::socket::Listen;
use crate::party::PermanentRooms;
use crate::time::human;

pub use room::Room;
pub use server::start;

/// The service's name in logs, metrics and recordings.
const SERVICE: &str = "music";

/// The names that the original server reads from its environment.
pub const ALIASES: [Alias; 5] = [
    Alias { variable: "PORT", key: "music.port", unit: "" },
    Alias { variable: "CORS_ORIGIN", key: "music.cors_origin", unit: "" },
    Alias { variable: "MAX_ROOMS", key: "music.max_rooms", unit: "" },
    Alias { variable: "MAX_USERS_PER_ROOM", key: "music.max_users_per_room", unit: "" },
    Alias { variable: "ROOM_CLEANUP_INTERVAL", key: "music.room_cleanup_interval", unit: "ms" },
];

/// `[music]`: the listening rooms.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// The address to listen on.
    pub host: String,
    /// The port to listen on.
    pub port: u16,
    /// Addresses to listen on, in place of these two.
    pub listen: Vec<String>,
    /// Origins whose pages may connect; `*` is any.
    pub cors_origin: Vec<String>,
    /// Rooms at a time.
    pub max_rooms: usize,
    /// Rooms at a time that one address (IPv6: one /64) has made; loopback and trusted proxies are exempt.
    pub max_rooms_per_address: usize,
    /// Members of one room.
    pub max_users_per_room: usize,
    /// Bytes of a track; a larger one is ignored.
    pub max_track_bytes: usize,
    /// Bytes of a playlist; a larger one is ignored.
    pub max_playlist_bytes: usize,
    /// Bytes of the answer to `GET /rooms`; large tracks are left out of it, then the rooms with the fewest members.
    pub max_list_bytes: usize,
    /// How often rooms without members are looked for, though none should be there.
    #[serde(with = "human")]
    pub room_cleanup_interval: Duration,
    /// A member this far off in two reports running is sent a `seek`; 0 leaves everybody alone.
    pub drift_correction_secs: f64,
    /// A member is sent such a `seek` at most this often.
    #[serde(with = "human")]
    pub drift_correction_interval: Duration,
    /// A host whose connection broke, and that is back within this time, is host again.
    #[serde(with = "human")]
    pub host_comeback: Duration,
    /// A room whose members were all cut off waits this long for the first of them.
    #[serde(with = "human")]
    pub empty_grace: Duration,
    /// A room whose members a restart has cut off waits this long for the first of them.
    #[serde(with = "human")]
    pub room_comeback: Duration,
    /// Characters of a room's password.
    pub max_password_chars: usize,
    /// Wrong passwords of one address at one room, within `wrong_password_window`.
    pub wrong_passwords: u32,
    /// After this time, whoever was wrong may try again.
    #[serde(with = "human")]
    pub wrong_password_window: Duration,
    /// Tracks in a playlist to which members add.
    pub max_queue_entries: usize,
    /// Tracks that the members of one room suggest.
    pub max_suggestions: usize,
    /// Tracks that one member suggests.
    pub max_suggestions_per_member: usize,
    /// Tracks that played before, to go back to.
    pub max_played_tracks: usize,
    /// What one member asks of its room beside controls, chat and reactions, a second on average; more is refused.
    pub page_events_per_second: u32,
    /// What one member asks of its room at once.
    pub page_event_burst: u32,
    /// Characters of a chat message.
    pub max_chat_chars: usize,
    /// Bytes of the chat that a room keeps for newcomers.
    pub max_chat_history_bytes: usize,
    /// Chat messages a second of one member on average; more are refused.
    pub chats_per_second: u32,
    /// Chat messages of one member at once.
    pub chat_burst: u32,
    /// Reactions a second of one member on average; more are refused.
    pub reactions_per_second: u32,
    /// Reactions of one member at once.
    pub reaction_burst: u32,
    /// Whoever is put out of a room may not come back for so long.
    #[serde(with = "human")]
    pub kick_time: Duration,
    /// A vote fails after this long.
    #[serde(with = "human")]
    pub vote_time: Duration,
    /// So many percent of those who may vote have to say yes to skipping a track.
    pub skip_vote_percent: u32,
    /// The longest time that slow mode puts between two chat messages of one member.
    #[serde(with = "human")]
    pub max_slow_mode: Duration,
    /// Invitations of one room that hold at a time.
    pub max_invitations: usize,
    /// The longest time for which an invitation holds.
    #[serde(with = "human")]
    pub max_invitation_time: Duration,
    /// Who is cut off gets files by its ticket for this long, so that what plays goes on while the page comes back.
    #[serde(with = "human")]
    pub ticket_grace: Duration,
    /// Persons that a room remembers when they are not there: their roles, and who is muted or put out.
    pub max_absent_persons: usize,
    /// Rooms at a time that stay when they are empty; 0 has none.
    pub max_permanent_rooms: usize,
    /// Those among them that were made from one address.
    pub max_permanent_rooms_per_address: usize,
    /// The folder that rooms are recorded in, each node's own; empty records nothing.
    pub recordings_dir: String,
    /// A room that stays is deleted when nobody has been there for so long.
    #[serde(with = "human")]
    pub permanent_room_expiry: Duration,
    /// A folder of music that rooms play; none if empty.
    pub media_dir: String,
    /// Files in it that are listed.
    pub media_max_files: usize,
    /// It is looked through this often, for file systems that report no changes.
    #[serde(with = "human")]
    pub media_rescan_interval: Duration,
    /// Files that are sent at a time; for more, the answer is 503.
    pub media_max_streams: usize,
    /// Bytes of a file that a member may upload; 0 takes none.
    pub max_upload_bytes: u64,
    /// Uploads that come in at a time.
    pub max_concurrent_uploads: usize,
    /// Uploads that are kept at a time.
    pub max_uploads: usize,
    /// Where they are kept; empty for a folder in `rooms.data_dir`. Several nodes need one that all of them share.
    pub uploads_dir: String,
    /// Bytes of all uploads.
    pub max_uploads_bytes: u64,
    /// Those among them that came from one address (IPv6: one /64); loopback and trusted proxies are exempt.
    pub max_uploads_per_address: usize,
    /// Bytes of these.
    pub max_uploads_bytes_per_address: u64,
    /// How long an upload is kept.
    #[serde(with = "human")]
    pub upload_kept: Duration,
    /// How often a client is asked whether it is still there.
    #[serde(with = "human")]
    pub ping_interval: Duration,
    /// How long it may take to answer.
    #[serde(with = "human")]
    pub ping_timeout: Duration,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            host: "0.0.0.0".into(),
            port: 3000,
            listen: Vec::new(),
            cors_origin: vec!["*".into()],
            max_rooms: 10_000,
            max_rooms_per_address: 100,
            max_users_per_room: 2_000,
            max_track_bytes: 64 * 1024,
            max_playlist_bytes: 256 * 1024,
            max_list_bytes: 4 * 1024 * 1024,
            room_cleanup_interval: Duration::from_mins(1),
            drift_correction_secs: 3.0,
            drift_correction_interval: Duration::from_secs(10),
            host_comeback: Duration::from_secs(30),
            empty_grace: Duration::from_secs(30),
            room_comeback: Duration::from_mins(2),
            max_password_chars: 20,
            wrong_passwords: 10,
            wrong_password_window: Duration::from_mins(10),
            max_queue_entries: 500,
            max_suggestions: 100,
            max_suggestions_per_member: 10,
            max_played_tracks: 50,
            page_events_per_second: 5,
            page_event_burst: 100,
            max_chat_chars: 2000,
            max_chat_history_bytes: 128 * 1024,
            chats_per_second: 5,
            chat_burst: 20,
            reactions_per_second: 5,
            reaction_burst: 20,
            kick_time: Duration::from_mins(10),
            vote_time: Duration::from_mins(1),
            skip_vote_percent: 50,
            max_slow_mode: Duration::from_mins(10),
            max_invitations: 50,
            max_invitation_time: Duration::from_hours(24 * 7),
            ticket_grace: Duration::from_mins(1),
            max_absent_persons: 100,
            max_permanent_rooms: 100,
            max_permanent_rooms_per_address: 10,
            recordings_dir: String::new(),
            permanent_room_expiry: Duration::from_hours(24 * 30),
            media_dir: String::new(),
            media_max_files: 200_000,
            media_rescan_interval: Duration::from_mins(1),
            media_max_streams: 1_000,
            max_upload_bytes: 0,
            max_concurrent_uploads: 8,
            max_uploads: 1_000,
            uploads_dir: String::new(),
            max_uploads_bytes: 4_000_000_000,
            max_uploads_per_address: 250,
            max_uploads_bytes_per_address: 1_000_000_000,
            upload_kept: Duration::from_hours(24),
            ping_interval: Duration::from_secs(25),
            ping_timeout: Duration::from_secs(20),
        }
    }
}

impl Config {
    /// How many rooms may stay.
    fn permanent_rooms(&self) -> PermanentRooms {
        PermanentRooms {
            most: self.max_permanent_rooms,
            most_per_address: self.max_permanent_rooms_per_address,
        }
    }

    /// Where to listen.
    pub fn listen(&self) -> Listen<'_> {
        Listen { host: &self.host, port: self.port, listen: &self.listen }
    }

    /// Checks what the types do not.
    pub fn validate(&self, findings: &mut Findings) {
        findings.at_least_one("music.max_rooms", self.max_rooms);
        findings.at_least_one("music.max_rooms_per_address", self.max_rooms_per_address);
        findings.at_least_one("music.max_users_per_room", self.max_users_per_room);
        findings.at_least_one("music.max_track_bytes", self.max_track_bytes);
        findings.at_least_one("music.max_playlist_bytes", self.max_playlist_bytes);
        findings.at_least_one("music.max_list_bytes", self.max_list_bytes);
        findings.at_least_one("music.max_password_chars", self.max_password_chars);
        findings.at_least_one("music.wrong_passwords", self.wrong_passwords as usize);
        findings.at_least_one("music.max_queue_entries", self.max_queue_entries);
        findings.at_least_one("music.page_events_per_second", self.page_events_per_second as usize);
        findings.at_least_one("music.page_event_burst", self.page_event_burst as usize);
        findings.at_least_one("music.max_chat_chars", self.max_chat_chars);
        findings.at_least_one("music.chats_per_second", self.chats_per_second as usize);
        findings.at_least_one("music.chat_burst", self.chat_burst as usize);
        findings.at_least_one("music.reactions_per_second", self.reactions_per_second as usize);
        findings.at_least_one("music.reaction_burst", self.reaction_burst as usize);
        findings.not_zero("music.vote_time", self.vote_time);
        if !(1..=100).contains(&self.skip_vote_percent) {
            findings.add("music.skip_vote_percent", "1 to 100 are expected");
        }
        findings.not_zero("music.max_invitation_time", self.max_invitation_time);
        findings.not_zero("music.permanent_room_expiry", self.permanent_room_expiry);
        findings.at_least_one("music.media_max_files", self.media_max_files);
        findings.at_least_one("music.media_max_streams", self.media_max_streams);
        findings.at_least_one("music.max_concurrent_uploads", self.max_concurrent_uploads);
        findings.at_least_one("music.max_uploads", self.max_uploads);
        findings.at_least_one("music.max_uploads_per_address", self.max_uploads_per_address);
        findings.not_zero("music.upload_kept", self.upload_kept);
        if self.max_uploads_bytes < self.max_upload_bytes {
            findings.add("music.max_uploads_bytes", "at least max_upload_bytes is expected");
        }
        findings.not_zero("music.media_rescan_interval", self.media_rescan_interval);
        findings.not_zero("music.room_cleanup_interval", self.room_cleanup_interval);
        findings.not_zero("music.ping_interval", self.ping_interval);
        findings.not_zero("music.ping_timeout", self.ping_timeout);
        if !self.drift_correction_secs.is_finite() || self.drift_correction_secs < 0.0 {
            findings.add("music.drift_correction_secs", "0 or more seconds are expected");
        }
        AllowedOrigins::validate("music.cors_origin", &self.cors_origin, findings);
    }
}
