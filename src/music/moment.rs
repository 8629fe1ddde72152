//! The moment at which a rule runs, and what rules go by.

use std::time::Duration;

use super::Config;
use super::comeback::Patience;
use super::queue::QueueLimits;
use crate::effect::MemberId;
use crate::party::{Limits, Scene, Terms, VoteTerms};
use crate::rooms::Allowance;
use crate::time::{Timestamp, WallOffset};

/// Members that a page is told by name; the count tells of all.
pub const MAX_NAMED_MEMBERS: usize = 100;

/// Votes for tracks that a room keeps for each member of a full one: those who vote for more leave none for others.
const QUEUE_VOTES_PER_MEMBER: usize = 5;

/// The moment at which a rule runs, and what it goes by.
#[derive(Clone, Copy)]
pub struct Moment<'a> {
    /// What this service lets its rooms do.
    pub terms: &'a Terms,
    /// How much, and how long.
    pub config: &'a Config,
    /// By which dates are told.
    pub wall: WallOffset,
    /// By which the rules go.
    pub now: Timestamp,
}

impl<'a> Moment<'a> {
    /// What the rules of parties go by, in that room of that owner.
    pub fn scene(&self, room: &'a str, owner: MemberId) -> Scene<'a> {
        Scene { room, owner, terms: self.terms, now: self.now, wall: self.wall }
    }
}

/// When a member that drifts is corrected.
#[derive(Debug, Clone, Copy)]
pub struct DriftLimit {
    /// Seconds off the room's position; 0 corrects nobody.
    pub tolerance_secs: f64,
    /// From one correction of a member to the next.
    pub interval: Duration,
}

impl Config {
    /// How long rooms wait.
    pub(super) fn patience(&self) -> Patience {
        Patience { host: self.host_comeback, cut_off: self.empty_grace, lost: self.room_comeback }
    }

    /// When members are corrected.
    pub(super) fn drift(&self) -> DriftLimit {
        DriftLimit { tolerance_secs: self.drift_correction_secs, interval: self.drift_correction_interval }
    }

    /// How much a queue holds.
    pub(super) fn queue(&self) -> QueueLimits {
        QueueLimits {
            entries: self.max_queue_entries,
            suggestions: self.max_suggestions,
            suggestions_per_person: self.max_suggestions_per_member,
            played: self.max_played_tracks,
            bytes: self.max_playlist_bytes,
            votes: self.max_users_per_room.saturating_mul(QUEUE_VOTES_PER_MEMBER),
        }
    }

    /// Chat messages of one member.
    pub(super) fn chats(&self) -> Allowance {
        Allowance::new(self.chats_per_second, self.chat_burst)
    }

    /// What one member may ask of its room.
    pub(super) fn page_events(&self) -> Allowance {
        Allowance::new(self.page_events_per_second, self.page_event_burst)
    }

    /// How much rooms may do together with others, and how long.
    pub(super) fn party_limits(&self) -> Limits {
        Limits {
            kick_time: self.kick_time,
            votes: VoteTerms { time: self.vote_time, skip_percent: self.skip_vote_percent },
            max_slow_mode: self.max_slow_mode,
            wait_limit: Duration::ZERO,
            max_wait_limit: Duration::ZERO,
            max_invitations: self.max_invitations,
            max_invitation_time: self.max_invitation_time,
            ticket_grace: self.ticket_grace,
            max_absent_persons: self.max_absent_persons,
            max_password_chars: self.max_password_chars,
            reactions: Allowance::new(self.reactions_per_second, self.reaction_burst),
        }
    }
}
