//! What plays next in a room: the playlist, suggestions for it, votes, and what played before.
//!
//! Pure, and without rights: who may do what is decided above. Everything in it is bounded by [`QueueLimits`].

mod entry;
mod history;
mod limits;
mod news;
mod playlist;
mod suggestions;

use std::cmp::Reverse;
use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::protocol::{EntryId, QueueMode, Repeat, Track};
use crate::party::PersonId;
use crate::rooms::Rng;
use history::History;
use playlist::Item;
use suggestions::Suggestions;

pub use entry::{Adder, Entry, Opinion};
pub use limits::{QueueError, QueueLimits};
pub use news::{Changed, QueueNews};
pub use playlist::Playlist;
pub use suggestions::Suggestion;

/// Why the next track is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// The one that plays is over.
    End,
    /// Somebody wants another one.
    Skip,
}

/// A room's queue; the playlist itself is beside it, as clients know it.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Queue {
    last_id: EntryId,
    /// What is known of items of the playlist.
    entries: BTreeMap<EntryId, Entry>,
    suggestions: Suggestions,
    history: History,
    mode: QueueMode,
}

impl Queue {
    /// By which rules the next track is found.
    pub fn mode(&self) -> QueueMode {
        self.mode
    }

    /// What members suggest, the oldest first.
    pub fn suggestions(&self) -> &[Suggestion] {
        self.suggestions.all()
    }

    /// Takes the name of who has added or suggested something away; gives how often it stood there.
    pub fn erase(&mut self, playlist: &mut Playlist, name: &str) -> u64 {
        let entries = self.entries.iter_mut();
        let named: Vec<EntryId> =
            entries.filter_map(|(id, entry)| (entry.erase(name) > 0).then_some(*id)).collect();
        if !named.is_empty() {
            self.rewrite(playlist, |id| named.contains(&id));
        }
        named.len() as u64 + self.suggestions.erase(name)
    }

    /// Whether a person has added or suggested that.
    pub fn is_by(&self, id: EntryId, person: PersonId) -> bool {
        let entry = self.entries.get(&id).or_else(|| self.suggestions.get(id).map(|found| &found.entry));
        entry.is_some_and(|entry| entry.person() == person)
    }

    /// Adds a track at the end.
    ///
    /// # Errors
    /// There is no room for it.
    pub fn add(
        &mut self,
        playlist: &mut Playlist,
        track: &Track,
        by: Adder,
        limits: QueueLimits,
    ) -> Result<EntryId, QueueError> {
        let id = self.last_id.next();
        self.enter(playlist, id, track, Entry::new(by), limits)?;
        self.last_id = id;
        Ok(id)
    }

    /// Suggests a track.
    ///
    /// # Errors
    /// There is no room for it, or too much is suggested by the same person.
    pub fn suggest(&mut self, track: Track, by: Adder, limits: QueueLimits) -> Result<EntryId, QueueError> {
        let id = self.last_id.next();
        self.suggestions.add(Suggestion { id, track, entry: Entry::new(by) }, limits)?;
        self.last_id = id;
        Ok(id)
    }

    /// Takes a suggestion into the playlist, with its votes.
    ///
    /// # Errors
    /// It is none, or there is no room for it.
    pub fn approve(
        &mut self,
        playlist: &mut Playlist,
        id: EntryId,
        limits: QueueLimits,
    ) -> Result<(), QueueError> {
        let Suggestion { track, entry, .. } =
            self.suggestions.get(id).ok_or(QueueError::NoSuchEntry)?.clone();
        self.enter(playlist, id, &track, entry, limits)?;
        self.suggestions.remove(id);
        Ok(())
    }

    /// Forgets a suggestion.
    ///
    /// # Errors
    /// It is none.
    pub fn reject(&mut self, id: EntryId) -> Result<(), QueueError> {
        self.suggestions.remove(id).map(|_| ()).ok_or(QueueError::NoSuchEntry)
    }

    /// Takes a vote, or takes it back; one of a person.
    ///
    /// # Errors
    /// There is nothing of that id, or too many votes are kept.
    pub fn vote(
        &mut self,
        playlist: &mut Playlist,
        id: EntryId,
        person: PersonId,
        opinion: Opinion,
        limits: QueueLimits,
    ) -> Result<Changed, QueueError> {
        let n_votes = self.n_votes();
        let entry = match self.entries.get_mut(&id) {
            Some(entry) => entry,
            None => self.suggestions.entry(id).ok_or(QueueError::NoSuchEntry)?,
        };
        if opinion == Opinion::For && !entry.has_vote(person) && n_votes >= limits.votes {
            return Err(QueueError::Full);
        }
        entry.vote(person, opinion);
        if !self.entries.contains_key(&id) {
            return Ok(Changed::Suggestions);
        }
        self.rewrite(playlist, |found| found == id);
        Ok(Changed::Playlist)
    }

    /// Takes an entry to another place; behind the end is at the end.
    ///
    /// # Errors
    /// It is none.
    pub fn move_to(&mut self, playlist: &mut Playlist, id: EntryId, place: usize) -> Result<(), QueueError> {
        let mut items = playlist.items();
        let item = self.take_item(&mut items, id)?;
        items.insert(place.min(items.len()), item);
        self.arrange(&mut items);
        playlist.write(&items);
        Ok(())
    }

    /// Takes an entry or a suggestion out.
    ///
    /// # Errors
    /// It is neither.
    pub fn remove(&mut self, playlist: &mut Playlist, id: EntryId) -> Result<Changed, QueueError> {
        if self.suggestions.remove(id).is_some() {
            return Ok(Changed::Suggestions);
        }
        let mut items = playlist.items();
        self.take_item(&mut items, id)?;
        self.entries.remove(&id);
        playlist.write(&items);
        Ok(Changed::Playlist)
    }

    /// Finds the next track by other rules.
    pub fn set_mode(&mut self, playlist: &mut Playlist, mode: QueueMode) {
        self.mode = mode;
        if mode.by_votes && playlist.text().is_some() {
            self.rewrite(playlist, |_| false);
        }
    }

    /// Takes out the track that is next, with `current` playing; `None` if there is none.
    pub fn take_next(
        &mut self,
        playlist: &mut Playlist,
        current: Option<&Track>,
        step: Step,
        limits: QueueLimits,
        rng: &mut Rng,
    ) -> Option<Track> {
        if self.mode.repeat == Repeat::One && step == Step::End {
            return current.cloned();
        }
        let mut items = playlist.items();
        let tracks: Vec<usize> = (0..items.len()).filter(|n| items[*n].track().is_some()).collect();
        let place = match tracks[..] {
            [] if self.mode.repeat == Repeat::All => return current.cloned(),
            [] => return None,
            _ if self.mode.is_shuffled => tracks[below(rng, tracks.len())],
            [first, ..] => first,
        };
        let item = items.remove(place);
        if let Some(id) = item.id() {
            self.entries.remove(&id);
        }
        if let Some(current) = current.filter(|_| self.mode.repeat == Repeat::All) {
            push_if_it_fits(&mut items, usize::MAX, current, limits);
        }
        playlist.write(&items);
        item.track()
    }

    /// Takes out the track that played last; the one that plays is next then. `None` if nothing has played before.
    pub fn take_previous(
        &mut self,
        playlist: &mut Playlist,
        current: Option<&Track>,
        limits: QueueLimits,
    ) -> Option<Track> {
        let track = self.history.pop()?;
        if let Some(current) = current {
            let mut items = playlist.items();
            push_if_it_fits(&mut items, 0, current, limits);
            playlist.write(&items);
        }
        Some(track)
    }

    /// Takes out an entry to be played.
    ///
    /// # Errors
    /// It is none.
    pub fn take(&mut self, playlist: &mut Playlist, id: EntryId) -> Result<Track, QueueError> {
        let mut items = playlist.items();
        let track = self.take_item(&mut items, id)?.track().ok_or(QueueError::NoSuchEntry)?;
        self.entries.remove(&id);
        playlist.write(&items);
        Ok(track)
    }

    /// Notes a track that another one takes the place of.
    pub fn played(&mut self, track: Track, limits: QueueLimits) {
        self.history.push(track, limits);
    }

    /// The host has put another list in place: what is not in it any more is forgotten.
    pub fn replaced(&mut self, playlist: &Playlist) {
        if self.entries.is_empty() {
            return;
        }
        let items = playlist.items();
        let mut former = std::mem::take(&mut self.entries);
        self.entries =
            items.iter().filter_map(Item::id).filter_map(|id| Some((id, former.remove(&id)?))).collect();
    }

    /// Forgets the votes of a person who has left.
    pub fn forget_votes(&mut self, playlist: &mut Playlist, person: PersonId) -> Vec<Changed> {
        let voted: Vec<EntryId> =
            self.entries.iter().filter(|(_, entry)| entry.has_vote(person)).map(|(id, _)| *id).collect();
        let mut changed = Vec::new();
        for id in &voted {
            if let Some(entry) = self.entries.get_mut(id) {
                entry.vote(person, Opinion::None);
            }
        }
        if !voted.is_empty() {
            self.rewrite(playlist, |id| voted.contains(&id));
            changed.push(Changed::Playlist);
        }
        if self.suggestions.forget_votes(person) {
            changed.push(Changed::Suggestions);
        }
        changed
    }

    fn n_votes(&self) -> usize {
        self.entries.values().map(Entry::n_votes).sum::<usize>() + self.suggestions.n_votes()
    }

    fn enter(
        &mut self,
        playlist: &mut Playlist,
        id: EntryId,
        track: &Track,
        entry: Entry,
        limits: QueueLimits,
    ) -> Result<(), QueueError> {
        let mut items = playlist.items();
        let item = Item::added(track, id, &entry);
        // A comma, or the brackets, come with it.
        if items.len() >= limits.entries || playlist.n_bytes() + item.n_bytes() + 2 > limits.bytes {
            return Err(QueueError::Full);
        }
        items.push(item);
        self.entries.insert(id, entry);
        self.arrange(&mut items);
        playlist.write(&items);
        Ok(())
    }

    fn take_item(&self, items: &mut Vec<Item>, id: EntryId) -> Result<Item, QueueError> {
        let is_it = |item: &Item| item.id() == Some(id) && self.entries.contains_key(&id);
        let place = items.iter().position(is_it).ok_or(QueueError::NoSuchEntry)?;
        Ok(items.remove(place))
    }

    /// Writes the list anew, with the votes of those entries as they are.
    fn rewrite(&self, playlist: &mut Playlist, has_changed: impl Fn(EntryId) -> bool) {
        let mut items = playlist.items();
        for item in &mut items {
            if let Some(id) = item.id().filter(|id| has_changed(*id))
                && let (Some(entry), Some(track)) = (self.entries.get(&id), item.track())
            {
                *item = Item::added(&track, id, entry);
            }
        }
        self.arrange(&mut items);
        playlist.write(&items);
    }

    /// Sorts by votes, if that is the rule.
    fn arrange(&self, items: &mut [Item]) {
        let n_votes = |item: &Item| item.id().and_then(|id| self.entries.get(&id)).map_or(0, Entry::n_votes);
        if self.mode.by_votes {
            items.sort_by_cached_key(|item| Reverse(n_votes(item)));
        }
    }
}

/// Puts a track that was on in the list, unless that is too long already.
fn push_if_it_fits(items: &mut Vec<Item>, place: usize, track: &Track, limits: QueueLimits) {
    let n_bytes: usize = items.iter().map(|item| item.n_bytes() + 1).sum();
    if items.len() < limits.entries && n_bytes + track.n_bytes() + 2 <= limits.bytes {
        items.insert(place.min(items.len()), Item::plain(track));
    }
}

/// A number below that one.
fn below(rng: &mut Rng, limit: usize) -> usize {
    let drawn = rng.draw();
    let wide = u64::from_be_bytes(drawn[..8].try_into().expect("it has more bytes"));
    (wide % limit as u64) as usize
}
