//! What came of a command that is about one room or one member.

use crate::admin;
use crate::control::ErasedFromRooms;

/// Whether there was something to be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// It is done.
    Done,
    /// Nobody, or nothing, has that name.
    NotFound,
    /// A person has been taken out of rooms.
    Erased(ErasedFromRooms),
}

impl Outcome {
    /// What was found of a person; `None` if nobody was looked for.
    pub fn erased(self) -> Option<ErasedFromRooms> {
        match self {
            Self::Erased(erased) => Some(erased),
            Self::Done | Self::NotFound => None,
        }
    }
}

/// As operators are told; `None` is a hub that has ended.
impl From<Option<Outcome>> for admin::Outcome {
    fn from(outcome: Option<Outcome>) -> Self {
        match outcome {
            Some(Outcome::Done | Outcome::Erased(_)) => Self::Done,
            Some(Outcome::NotFound) => Self::NotFound,
            None => Self::Stopped,
        }
    }
}
