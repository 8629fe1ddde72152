//! `roomhub watch`: watch parties, for the MoonTVPlus client with an external watch-room server.
//!
//! Socket.IO on `/socket.io/`, with the server's key in the handshake. A room's owner puts a video, a live
//! channel, a song or its own screen on; everybody steers, talks and chats. Who comes back with its token owns its
//! room again. `GET /stats` counts, with the key.

mod admin;
mod admin_actions;
mod audit;
mod bans;
mod command;
mod counts;
mod draw;
mod erase;
pub mod event_log;
#[cfg(any(test, fuzzing))]
pub mod fuzz;
mod handlers;
mod history;
mod hub;
mod key;
mod listing;
mod media;
mod on_screen;
mod operators;
mod overview;
mod page_handlers;
mod pages;
mod protocol;
mod readiness;
mod recordings;
mod room;
mod routes;
mod rules;
mod server;
mod sharing;
mod steering;
#[cfg(test)]
pub(crate) mod tests;
mod views;
mod waiting;

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::config::{Alias, Findings};
use crate::http::origin::AllowedOrigins;
use crate::http::socket::Listen;
use crate::party::PermanentRooms;
use crate::secret::Secret;
use crate::time::human;

pub use room::Room;
pub use rules::{Control, OwnerLeave};
pub use server::start;

/// The service's name in logs, metrics and recordings.
const SERVICE: &str = "watch";

/// The names that the original server reads from its environment.
pub const ALIASES: [Alias; 3] = [
    Alias { variable: "PORT", key: "watch.port", unit: "" },
    Alias { variable: "AUTH_KEY", key: "watch.auth_key", unit: "" },
    Alias { variable: "ALLOWED_ORIGINS", key: "watch.allowed_origins", unit: "" },
];

/// `[watch]`: the watch parties.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// The address to listen on.
    pub host: String,
    /// The port to listen on.
    pub port: u16,
    /// Addresses to listen on, in place of these two.
    pub listen: Vec<String>,
    /// The key that clients bring; without one, the service does not start.
    pub auth_key: Secret,
    /// A file that holds the key, in place of `auth_key`.
    pub auth_key_file: String,
    /// The key that opens `/admin/api`, and these rooms in `/admin`; without one, the first is for this machine alone.
    pub admin_key: Secret,
    /// A file that holds the key, in place of `admin_key`.
    pub admin_key_file: String,
    /// Origins whose pages may connect; `*` is any.
    pub allowed_origins: Vec<String>,
    /// Who may seek, pause and resume.
    pub control: Control,
    /// What becomes of a room whose owner says that it leaves.
    pub owner_leave: OwnerLeave,
    /// Presses of two members within this time may have crossed on their way: the later one is told of its own too.
    #[serde(with = "human")]
    pub crossing_window: Duration,
    /// Rooms at a time.
    pub max_rooms: usize,
    /// Rooms at a time that one address (IPv6: one /64) has made; loopback and trusted proxies are exempt.
    pub max_rooms_per_address: usize,
    /// Members of one room.
    pub max_members_per_room: usize,
    /// How often rooms are looked at for the three times below.
    #[serde(with = "human")]
    pub sweep_interval: Duration,
    /// What is on the screen goes after this long without a word of the owner's.
    #[serde(with = "human")]
    pub state_silence: Duration,
    /// The room goes after this long without a word of the owner's.
    #[serde(with = "human")]
    pub owner_silence: Duration,
    /// A room whose members were all cut off waits this long for the first of them.
    #[serde(with = "human")]
    pub empty_grace: Duration,
    /// A room whose members a restart has cut off waits this long for the first of them.
    #[serde(with = "human")]
    pub room_comeback: Duration,
    /// Characters of a room's name.
    pub max_name_chars: usize,
    /// Characters of a room's description.
    pub max_description_chars: usize,
    /// Characters of a password.
    pub max_password_chars: usize,
    /// Characters of a member's name.
    pub max_user_name_chars: usize,
    /// Characters of a chat message.
    pub max_chat_chars: usize,
    /// Bytes of what is on the screen.
    pub max_state_bytes: usize,
    /// Bytes of the list of rooms, and of the one in `/stats`; large states are left out, then the rooms with the fewest members.
    pub max_list_bytes: usize,
    /// Bytes of the chat that a room keeps for newcomers.
    pub max_chat_history_bytes: usize,
    /// Chat messages a second of one member on average; more are dropped.
    pub chats_per_second: u32,
    /// Chat messages of one member at once.
    pub chat_burst: u32,
    /// Reactions a second of one member on average; more are refused.
    pub reactions_per_second: u32,
    /// Reactions of one member at once.
    pub reaction_burst: u32,
    /// The longest time between two chat messages that a room's slow mode may ask for.
    #[serde(with = "human")]
    pub max_slow_mode: Duration,
    /// Who was kicked may not come back for this long.
    #[serde(with = "human")]
    pub kick_time: Duration,
    /// A vote fails after this time.
    #[serde(with = "human")]
    pub vote_time: Duration,
    /// A room waits this long for members that load, unless its owner says otherwise; 0 waits for nobody.
    #[serde(with = "human")]
    pub wait_limit: Duration,
    /// The longest that an owner may have its room wait.
    #[serde(with = "human")]
    pub max_wait_limit: Duration,
    /// Invitations of one room that hold at a time.
    pub max_invitations: usize,
    /// An invitation holds for this long at most.
    #[serde(with = "human")]
    pub max_invitation_time: Duration,
    /// Who is cut off gets files by its ticket for this long, so that a film goes on while the page comes back.
    #[serde(with = "human")]
    pub ticket_grace: Duration,
    /// Persons whom one room remembers when they are not there: their roles, and who is muted or kicked.
    pub max_absent_persons: usize,
    /// Rooms at a time that stay when they are empty.
    pub max_permanent_rooms: usize,
    /// Those among them that were made from one address.
    pub max_permanent_rooms_per_address: usize,
    /// A permanent room goes when nobody has used it for this long.
    #[serde(with = "human")]
    pub permanent_unused: Duration,
    /// Bytes of voices a second that one room may relay on average; more are dropped.
    pub voice_bytes_per_second: u32,
    /// Bytes of voices that one room may relay at once.
    pub voice_burst_bytes: u32,
    /// Where it is written down who did what in which room, one JSON object a line; nowhere if empty.
    pub event_log: String,
    /// A log of this size is put aside and a new one begun.
    pub event_log_bytes: u64,
    /// Logs that are kept aside.
    pub event_logs_kept: u32,
    /// Lines that are older are taken out of the event log; 0 keeps them until their file goes.
    #[serde(with = "human")]
    pub event_log_max_age: Duration,
    /// The folder that rooms are recorded in, each node's own; empty records nothing.
    pub recordings_dir: String,
    /// Wrong passwords of one address at one room, within `wrong_password_window`.
    pub wrong_passwords: u32,
    /// After this time, whoever was wrong may try again.
    #[serde(with = "human")]
    pub wrong_password_window: Duration,
    /// A folder of films that rooms play; none if empty.
    pub media_dir: String,
    /// Files in it that are listed.
    pub media_max_files: usize,
    /// It is looked through this often, for file systems that report no changes.
    #[serde(with = "human")]
    pub media_rescan_interval: Duration,
    /// Files that are sent at a time; for more, the answer is 503.
    pub media_max_streams: usize,
    /// Bytes of frames of films that are kept in `rooms.data_dir`.
    pub media_cache_bytes: u64,
    /// The name or the path of ffmpeg, with ffprobe beside it; empty uses none.
    pub ffmpeg: String,
    /// Whether films that browsers do not play are made into HLS by ffmpeg.
    pub transcode: bool,
    /// Films that are transcoded at a time.
    pub transcode_jobs: usize,
    /// Bytes of such films in `rooms.data_dir`; finished ones that nobody watches go first.
    pub transcode_max_bytes: u64,
    /// The longest that one film may take.
    #[serde(with = "human")]
    pub transcode_timeout: Duration,
    /// A film that nobody has asked for in this time is given up.
    #[serde(with = "human")]
    pub transcode_idle: Duration,
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
            port: 3001,
            listen: Vec::new(),
            auth_key: Secret::default(),
            auth_key_file: String::new(),
            admin_key: Secret::default(),
            admin_key_file: String::new(),
            allowed_origins: vec!["*".into()],
            control: Control::Any,
            owner_leave: OwnerLeave::Disband,
            crossing_window: Duration::from_secs(2),
            max_rooms: 10_000,
            max_rooms_per_address: 100,
            max_members_per_room: 500,
            sweep_interval: Duration::from_secs(10),
            state_silence: Duration::from_secs(30),
            owner_silence: Duration::from_mins(5),
            empty_grace: Duration::from_secs(30),
            room_comeback: Duration::from_mins(2),
            max_name_chars: 50,
            max_description_chars: 200,
            max_password_chars: 20,
            max_user_name_chars: 50,
            max_chat_chars: 2000,
            max_state_bytes: 64 * 1024,
            max_list_bytes: 1024 * 1024,
            max_chat_history_bytes: 128 * 1024,
            chats_per_second: 5,
            chat_burst: 20,
            reactions_per_second: 5,
            reaction_burst: 20,
            max_slow_mode: Duration::from_hours(1),
            kick_time: Duration::from_mins(10),
            vote_time: Duration::from_mins(1),
            wait_limit: Duration::from_secs(5),
            max_wait_limit: Duration::from_mins(1),
            max_invitations: 50,
            max_invitation_time: Duration::from_hours(30 * 24),
            ticket_grace: Duration::from_mins(1),
            max_absent_persons: 1000,
            max_permanent_rooms: 100,
            max_permanent_rooms_per_address: 10,
            permanent_unused: Duration::from_hours(30 * 24),
            voice_bytes_per_second: 4_000_000,
            voice_burst_bytes: 4_000_000,
            event_log: String::new(),
            event_log_bytes: 10_000_000,
            event_logs_kept: 5,
            event_log_max_age: Duration::ZERO,
            recordings_dir: String::new(),
            wrong_passwords: 10,
            wrong_password_window: Duration::from_mins(10),
            media_dir: String::new(),
            media_max_files: 20_000,
            media_rescan_interval: Duration::from_mins(1),
            media_max_streams: 1_000,
            media_cache_bytes: 256 * 1024 * 1024,
            ffmpeg: "ffmpeg".into(),
            transcode: false,
            transcode_jobs: 1,
            transcode_max_bytes: 20_000_000_000,
            transcode_timeout: Duration::from_hours(4),
            transcode_idle: Duration::from_mins(2),
            ping_interval: Duration::from_secs(25),
            ping_timeout: Duration::from_mins(1),
        }
    }
}

impl Config {
    /// Whether a key is set, in whichever way.
    pub fn has_key(&self) -> bool {
        self.auth_key.is_set()
    }

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
        findings.at_least_one("watch.max_rooms", self.max_rooms);
        findings.at_least_one("watch.max_rooms_per_address", self.max_rooms_per_address);
        findings.at_least_one("watch.max_members_per_room", self.max_members_per_room);
        findings.at_least_one("watch.max_list_bytes", self.max_list_bytes);
        findings.at_least_one("watch.chats_per_second", self.chats_per_second as usize);
        findings.at_least_one("watch.chat_burst", self.chat_burst as usize);
        findings.at_least_one("watch.reactions_per_second", self.reactions_per_second as usize);
        findings.at_least_one("watch.reaction_burst", self.reaction_burst as usize);
        findings.not_zero("watch.vote_time", self.vote_time);
        if self.wait_limit > self.max_wait_limit {
            findings.add("watch.wait_limit", "at most max_wait_limit is expected");
        }
        findings.at_least_one("watch.voice_bytes_per_second", self.voice_bytes_per_second as usize);
        findings.at_least_one("watch.voice_burst_bytes", self.voice_burst_bytes as usize);
        findings.at_least_one("watch.wrong_passwords", self.wrong_passwords as usize);
        findings.at_least_one("watch.media_max_files", self.media_max_files);
        findings.at_least_one("watch.media_max_streams", self.media_max_streams);
        findings.at_least_one("watch.transcode_jobs", self.transcode_jobs);
        findings.at_least_one("watch.transcode_max_bytes", self.transcode_max_bytes as usize);
        findings.not_zero("watch.transcode_timeout", self.transcode_timeout);
        findings.not_zero("watch.transcode_idle", self.transcode_idle);
        findings.not_zero("watch.media_rescan_interval", self.media_rescan_interval);
        findings.not_zero("watch.sweep_interval", self.sweep_interval);
        findings.not_zero("watch.ping_interval", self.ping_interval);
        findings.not_zero("watch.ping_timeout", self.ping_timeout);
        AllowedOrigins::validate("watch.allowed_origins", &self.allowed_origins, findings);
    }
}
