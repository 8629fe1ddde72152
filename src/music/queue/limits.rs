//! How much a queue holds, and why it may not hold more.

/// How much a queue holds.
#[derive(Debug, Clone, Copy)]
pub struct QueueLimits {
    /// Items of the playlist; more are taken from the host alone.
    pub entries: usize,
    /// Suggestions.
    pub suggestions: usize,
    /// Suggestions of one person.
    pub suggestions_per_person: usize,
    /// Tracks that played before.
    pub played: usize,
    /// Bytes of the playlist, of all suggestions, and of all tracks that played.
    pub bytes: usize,
    /// Votes for all entries and suggestions together.
    pub votes: usize,
}

/// Why a queue stays as it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum QueueError {
    /// No entry and no suggestion has that id.
    NoSuchEntry,
    /// It holds all that it may.
    Full,
}
