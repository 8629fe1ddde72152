//! Rooms as HTTP tells of them.

use std::cmp::Reverse;

use serde::{Serialize, Serializer};

use super::names::{Playback, RoomId, Track};
use crate::effect::MemberId;
use crate::time::{Seconds, Timestamp};

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
