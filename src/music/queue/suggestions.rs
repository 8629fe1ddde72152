//! What members without the right to the queue would like to hear.

use serde::{Deserialize, Serialize};

use super::entry::{Entry, Opinion};
use super::limits::{QueueError, QueueLimits};
use crate::music::protocol::{EntryId, SuggestionView, Track};
use crate::party::PersonId;

/// A track that somebody suggests.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Suggestion {
    /// Its id, and the entry's once it is approved.
    pub id: EntryId,
    /// What is suggested.
    pub track: Track,
    /// By whom, and who else wants it.
    pub entry: Entry,
}

/// All suggestions, the oldest first.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Suggestions(Vec<Suggestion>);

impl Suggestion {
    /// As pages see it.
    pub fn view(&self) -> SuggestionView<'_> {
        let (by, votes) = (self.entry.by(), self.entry.n_votes());
        SuggestionView { id: self.id, track: &self.track, by, votes }
    }
}

impl Suggestions {
    /// All of them.
    pub fn all(&self) -> &[Suggestion] {
        &self.0
    }

    /// The one of that id.
    pub fn get(&self, id: EntryId) -> Option<&Suggestion> {
        self.0.iter().find(|suggestion| suggestion.id == id)
    }

    /// What is known of the one of that id, to be changed.
    pub fn entry(&mut self, id: EntryId) -> Option<&mut Entry> {
        self.0.iter_mut().find(|suggestion| suggestion.id == id).map(|suggestion| &mut suggestion.entry)
    }

    /// Adds one.
    ///
    /// # Errors
    /// There are enough, or enough of the same person.
    pub fn add(&mut self, suggestion: Suggestion, limits: QueueLimits) -> Result<(), QueueError> {
        let by = suggestion.entry.person();
        let n_own = self.0.iter().filter(|other| other.entry.person() == by).count();
        let n_bytes: usize = self.0.iter().map(|other| other.track.n_bytes()).sum();
        if self.0.len() >= limits.suggestions
            || n_own >= limits.suggestions_per_person
            || n_bytes + suggestion.track.n_bytes() > limits.bytes
        {
            return Err(QueueError::Full);
        }
        self.0.push(suggestion);
        Ok(())
    }

    /// Takes one out.
    pub fn remove(&mut self, id: EntryId) -> Option<Suggestion> {
        let place = self.0.iter().position(|suggestion| suggestion.id == id)?;
        Some(self.0.remove(place))
    }

    /// Takes a person's name away; gives how often it stood there.
    pub fn erase(&mut self, name: &str) -> u64 {
        self.0.iter_mut().map(|suggestion| suggestion.entry.erase(name)).sum()
    }

    /// How many votes there are for all of them.
    pub fn n_votes(&self) -> usize {
        self.0.iter().map(|suggestion| suggestion.entry.n_votes()).sum()
    }

    /// Forgets the votes of a person; whether there were any.
    pub fn forget_votes(&mut self, person: PersonId) -> bool {
        let mut is_changed = false;
        for suggestion in self.0.iter_mut().filter(|suggestion| suggestion.entry.has_vote(person)) {
            suggestion.entry.vote(person, Opinion::None);
            is_changed = true;
        }
        is_changed
    }
}
