//! Why requests of pages are refused: each text and code once.

use serde::Serialize;

use crate::effect::Effects;

/// Why a request is refused, as its sender is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// It has no right to it.
    Forbidden,
    /// It sits in no room.
    NotInARoom,
    /// Whom it means is not there.
    NoSuchMember,
    /// Its data are not what they must be.
    Invalid,
    /// There are as many as there may be.
    TooMany,
    /// It is muted.
    Muted,
    /// It has to wait before it writes again.
    SlowMode {
        /// So many seconds.
        retry_after: u64,
    },
    /// No vote is open.
    NoSuchVote,
    /// The invitation is not there, or no more.
    NoSuchInvitation,
    /// The recording is not there.
    NoSuchRecording,
    /// The room takes nobody in.
    Locked,
    /// It was put out, and may not come back yet.
    Kicked,
}

impl Refusal {
    /// What a page may show.
    pub fn message(self) -> &'static str {
        match self {
            Self::Forbidden => "No right to it",
            Self::NotInARoom => "Not in a room",
            Self::NoSuchMember => "Member not found",
            Self::Invalid => "Invalid data",
            Self::TooMany => "Too many",
            Self::Muted => "Muted",
            Self::SlowMode { .. } => "Slow mode",
            Self::NoSuchVote => "No vote is open",
            Self::NoSuchInvitation => "The invitation does not hold",
            Self::NoSuchRecording => "Recording not found",
            Self::Locked => "The room is locked",
            Self::Kicked => "Kicked out",
        }
    }

    /// Its name on the wire and in the metrics.
    pub fn code(self) -> &'static str {
        match self {
            Self::Forbidden => "forbidden",
            Self::NotInARoom => "not_in_a_room",
            Self::NoSuchMember => "no_such_member",
            Self::Invalid => "invalid",
            Self::TooMany => "too_many",
            Self::Muted => "muted",
            Self::SlowMode { .. } => "slow_mode",
            Self::NoSuchVote => "no_such_vote",
            Self::NoSuchInvitation => "no_such_invitation",
            Self::NoSuchRecording => "no_such_recording",
            Self::Locked => "locked",
            Self::Kicked => "kicked",
        }
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Failure {
    success: bool,
    error: &'static str,
    code: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    retry_after: Option<u64>,
}

/// The answer to what is refused, which is counted.
pub fn refuse(refusal: Refusal) -> Effects {
    let retry_after = match refusal {
        Refusal::SlowMode { retry_after } => Some(retry_after),
        _ => None,
    };
    let mut effects = Effects::none();
    let (error, code) = (refusal.message(), refusal.code());
    effects.answer(&Failure { success: false, error, code, retry_after });
    effects.refused(code);
    effects
}
