//! What plays next: by default a shuffle bag. Nothing twice before all have played, and no new bag begins as the old
//! one ended. Chance comes in as numbers: the same seed gives the same order.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::hash::BuildHasher as _;
use std::path::Path;
use std::sync::Arc;

use foldhash::fast::FixedState;

pub use super::order::Order;
use super::order::{TrackFacts, by_value};
use super::spread::{Chance, Weights, spread};

/// Tracks that can be gone back to: some hours, as long as the history goes back.
pub const KEPT_BEHIND: usize = 100;

/// The order of one station, or of one listener.
#[derive(Debug, Clone)]
pub struct Playlist {
    tracks: BTreeSet<Arc<Path>>,
    /// What is known of tracks, where the order goes by it.
    facts: BTreeMap<Arc<Path>, TrackFacts>,
    /// What playlist files list.
    sequence: Vec<Arc<Path>>,
    /// Still to come in this bag; the last is the next.
    bag: Vec<Arc<Path>>,
    behind: Vec<Arc<Path>>,
    current: Option<Arc<Path>>,
    chance: Chance,
    order: Order,
    weights: Weights,
    /// The number of tracks that are wanted between two of an artist…
    artist_separation: usize,
    /// …and how many there can be, with these tracks.
    feasible_separation: usize,
    /// What an order by name begins with after going back.
    resume_at: Option<Arc<Path>>,
    /// Tracks have come or gone since they were put in order.
    is_stale: bool,
    /// Whether the next track has been chosen with regard to those before it.
    is_settled: bool,
    /// Changes with every round of albums, and of tracks with weights.
    round: u64,
    /// Counts up whenever tracks come or go.
    version: u64,
}

impl Playlist {
    /// Nothing yet, to be shuffled by `seed`.
    pub fn new(seed: u64) -> Self {
        Self {
            tracks: BTreeSet::new(),
            facts: BTreeMap::new(),
            sequence: Vec::new(),
            bag: Vec::new(),
            behind: Vec::new(),
            current: None,
            chance: Chance::new(seed),
            order: Order::Shuffle,
            weights: Weights::default(),
            artist_separation: 0,
            feasible_separation: 0,
            resume_at: None,
            is_stale: false,
            is_settled: false,
            round: seed >> 32,
            version: 0,
        }
    }

    /// The same in that order.
    pub fn in_order(self, order: Order) -> Self {
        Self { order, ..self }
    }

    /// The same with tracks that play more or less often, by chance.
    pub fn with_weights(self, weights: Weights) -> Self {
        Self { weights, ..self }
    }

    /// The same with so many tracks between two of an artist, by chance.
    pub fn separating_artists(self, artist_separation: usize) -> Self {
        Self { artist_separation: artist_separation.min(KEPT_BEHIND), ..self }
    }

    /// One by the same rules, with an order of its own.
    pub fn fork(&self, seed: u64) -> Self {
        Self {
            order: self.order,
            weights: self.weights.clone(),
            artist_separation: self.artist_separation,
            facts: self.facts.clone(),
            sequence: self.sequence.clone(),
            ..Self::new(seed)
        }
    }

    /// Its order.
    pub fn order(&self) -> Order {
        self.order
    }

    /// Whether what is known of tracks matters to their order.
    pub fn needs_facts(&self) -> bool {
        matches!(self.order, Order::Album | Order::Newest) || self.artist_separation > 0
    }

    /// Whether a round is made of groups that are kept apart.
    fn is_spread(&self) -> bool {
        self.artist_separation > 0 || !self.weights.is_empty()
    }

    /// Updates the library: new tracks play at any time, and missing ones no more.
    pub fn rescan(&mut self, tracks: &BTreeSet<Arc<Path>>) {
        if *tracks == self.tracks {
            return;
        }
        let new: Vec<_> = tracks.difference(&self.tracks).cloned().collect();
        self.bag.retain(|track| tracks.contains(track));
        self.tracks.retain(|track| tracks.contains(track));
        self.facts.retain(|track, _| tracks.contains(track));
        self.is_settled = false;
        self.version += 1;
        if !matches!(self.order, Order::Shuffle | Order::Newest) {
            self.is_stale = true;
        }
        self.add(new);
    }

    /// Takes tracks that were found while others are still to be.
    pub fn add(&mut self, tracks: impl IntoIterator<Item = Arc<Path>>) {
        for track in tracks {
            if !self.tracks.insert(Arc::clone(&track)) {
                continue;
            }
            self.version += 1;
            match self.order {
                Order::Shuffle if !self.weights.is_played(&track) => {}
                Order::Shuffle => {
                    Self::drop_in(&mut self.chance, &mut self.bag, &track);
                    self.is_settled = false;
                    self.is_stale |= self.is_spread();
                }
                Order::Newest => {
                    self.bag.push(track);
                    self.is_stale = true;
                }
                Order::Name | Order::Album | Order::Playlist => self.is_stale = true,
            }
        }
    }

    /// Takes what is known of tracks, before or after they are added.
    pub fn learn(&mut self, facts: impl IntoIterator<Item = (Arc<Path>, TrackFacts)>) {
        for (track, facts) in facts {
            let before = self.facts.insert(Arc::clone(&track), facts);
            if before == Some(facts) || !self.tracks.contains(&track) {
                continue;
            }
            self.is_stale = true;
            // A file that was overwritten is a new one.
            let is_changed = before.is_some_and(|before| before.modified_at != facts.modified_at);
            if self.order == Order::Newest && is_changed && !self.bag.contains(&track) {
                self.bag.push(track);
            }
        }
    }

    /// Takes what playlist files list, in their order.
    pub fn set_sequence(&mut self, sequence: Vec<Arc<Path>>) {
        if sequence != self.sequence {
            self.sequence = sequence;
            self.is_stale = true;
            self.version += 1;
        }
    }

    /// Begins a new round, as a show does.
    pub fn begin_anew(&mut self) {
        if matches!(self.order, Order::Newest | Order::Playlist) {
            self.bag.clear();
            self.current = None;
            self.resume_at = None;
        }
    }

    /// Goes on to the next track; `None` when there are none.
    pub fn next_track(&mut self) -> Option<Arc<Path>> {
        self.peek()?;
        let next = self.bag.pop()?;
        self.resume_at = None;
        self.is_settled = false;
        self.go_on_to(Arc::clone(&next));
        Some(next)
    }

    /// Goes on to a track that was asked for; afterwards the order goes on as it would have.
    pub fn play_out_of_turn(&mut self, track: &Arc<Path>) {
        self.peek();
        match self.order {
            // It has had its turn in this round.
            Order::Shuffle | Order::Newest => {
                if let Some(place) = self.bag.iter().rposition(|known| known == track) {
                    self.bag.remove(place);
                }
            }
            Order::Name | Order::Album | Order::Playlist => self.resume_at = self.bag.last().cloned(),
        }
        self.is_settled = false;
        self.go_on_to(Arc::clone(track));
    }

    /// Whether enough tracks have played since the last one of the same artist.
    pub fn keeps_artists_apart(&self, track: &Arc<Path>) -> bool {
        let artist = |track: &Arc<Path>| self.facts.get(track).map_or(0, |facts| facts.artist);
        let mut latest = self.current.iter().chain(self.behind.iter().rev()).take(self.feasible_separation);
        artist(track) == 0 || !latest.any(|heard| artist(heard) == artist(track))
    }

    fn go_on_to(&mut self, track: Arc<Path>) {
        if let Some(last) = self.current.replace(track) {
            self.behind.push(last);
            if self.behind.len() > KEPT_BEHIND {
                self.behind.remove(0);
            }
        }
    }

    /// The track to come.
    pub fn peek(&mut self) -> Option<&Path> {
        match self.order {
            Order::Shuffle if self.bag.is_empty() => self.shuffle(),
            Order::Shuffle if self.is_stale => self.spread_bag(),
            Order::Newest if self.bag.is_empty() || self.is_stale => self.sort_bag(),
            Order::Playlist if self.bag.is_empty() || self.is_stale => self.follow_sequence(),
            Order::Name | Order::Album if self.bag.is_empty() || self.is_stale => self.line_up(),
            Order::Shuffle | Order::Name | Order::Album | Order::Newest | Order::Playlist => {}
        }
        self.settle();
        self.bag.last().map(AsRef::as_ref)
    }

    /// Lets the track before this one come next, and this one after it.
    pub fn go_back(&mut self) {
        let Some(previous) = self.behind.pop() else { return };
        self.bag.extend(self.current.take());
        self.bag.push(Arc::clone(&previous));
        self.resume_at = Some(previous);
        // A request plays, whoever the artist is.
        self.is_settled = true;
    }

    /// Takes back that tracks were gone on to after `track`: the first of them comes next.
    pub fn rewind_to(&mut self, track: &Path) {
        let is_known = |known: &Arc<Path>| **known == *track;
        if !self.current.iter().chain(&self.behind).any(is_known) {
            return;
        }
        while !self.current.as_ref().is_some_and(is_known) {
            // What was asked for may be of another folder than a show's.
            self.bag.extend(self.current.take().filter(|track| self.tracks.contains(track)));
            self.current = self.behind.pop();
        }
        self.is_settled = false;
    }

    /// Fills the bag with what comes after the current track in order, or else with a new round.
    fn line_up(&mut self) {
        self.is_stale = false;
        let (first, is_included) = match (&self.resume_at, &self.current) {
            (Some(first), _) => (Some(first), true),
            (None, current) => (current.as_ref(), false),
        };
        let first = first.map(|first| self.place(first));
        let mut places: Vec<_> = self.tracks.iter().map(|track| self.place(track)).collect();
        places.retain(|place| match &first {
            Some(first) if is_included => place >= first,
            Some(first) => place > first,
            None => true,
        });
        if places.is_empty() {
            self.round = self.round.wrapping_add(1);
            places = self.tracks.iter().map(|track| self.place(track)).collect();
        }
        places.sort_unstable_by(|one, other| other.cmp(one));
        self.bag = places.into_iter().map(|(_, _, _, track)| track).collect();
    }

    /// Where a track stands in order: folders of a round by chance where albums are asked for, then by their numbers, then
    /// by path.
    fn place(&self, track: &Arc<Path>) -> (u64, (u32, u32), String, Arc<Path>) {
        let (rank, number) = match self.order {
            Order::Album => {
                let facts = self.facts.get(track).copied().unwrap_or_default();
                let rank = FixedState::with_seed(self.round).hash_one(track.parent());
                (rank, (facts.disc.unwrap_or(1), facts.number.unwrap_or(u32::MAX)))
            }
            Order::Shuffle | Order::Name | Order::Newest | Order::Playlist => (0, (0, 0)),
        };
        (rank, number, by_value(&track.to_string_lossy()), Arc::clone(track))
    }

    /// Sorts what is left of the round, or begins a new one, with the latest file on top.
    fn sort_bag(&mut self) {
        self.is_stale = false;
        if self.bag.is_empty() {
            self.bag = self.tracks.iter().cloned().collect();
        }
        let facts = &self.facts;
        let date = |track: &Arc<Path>| facts.get(track).map(|facts| facts.modified_at);
        self.bag.sort_by(|one, other| date(one).cmp(&date(other)).then_with(|| other.cmp(one)));
    }

    /// Fills the bag with what playlist files list after the current track, or else with all of it.
    fn follow_sequence(&mut self) {
        self.is_stale = false;
        let listed: Vec<_> =
            self.sequence.iter().filter(|track| self.tracks.contains(*track)).cloned().collect();
        // A track may be listed twice: as much as was left of the list is left of it now.
        let n_left = self.bag.len().min(listed.len());
        let position = |at: &usize| self.current.as_ref() == listed.get(*at);
        let guessed = (listed.len() - n_left).checked_sub(1).filter(position);
        let at = match (&self.resume_at, guessed) {
            (Some(first), _) => listed.iter().position(|track| track == first),
            (None, Some(at)) => Some(at + 1),
            (None, None) => (0..listed.len()).find(position).map(|at| at + 1),
        };
        let at = at.filter(|at| *at < listed.len()).unwrap_or(0);
        self.bag = listed[at..].iter().rev().cloned().collect();
    }

    /// Fills the bag with every track in a new order.
    pub fn shuffle(&mut self) {
        self.is_stale = false;
        self.is_settled = false;
        if self.is_spread() {
            self.bag = self.weights.round(self.tracks.iter(), &mut self.round);
            return self.spread_bag();
        }
        self.bag = self.tracks.iter().cloned().collect();
        self.chance.shuffle(&mut self.bag);
        if self.bag.len() > 1 && self.bag.last() == self.current.as_ref() {
            let end = self.bag.len() - 1;
            let other = self.chance.below(end);
            self.bag.swap(end, other);
        }
    }

    /// Spreads artists, and tracks that come several times, over what is left of the round.
    fn spread_bag(&mut self) {
        self.is_stale = false;
        self.is_settled = false;
        let facts = &self.facts;
        let of_track = |track: &Arc<Path>| FixedState::with_seed(1).hash_one(track);
        let is_by_artist = self.artist_separation > 0;
        if is_by_artist {
            let mut counts: HashMap<u64, usize> = HashMap::new();
            for track in &self.tracks {
                *counts.entry(facts.get(track).map_or(0, |facts| facts.artist)).or_default() += 1;
            }
            counts.remove(&0);
            // Whoever has the most tracks comes that often at least: to put them further apart now is to heap them up later.
            let most = counts.into_values().max().unwrap_or(1);
            self.feasible_separation =
                self.artist_separation.min((self.tracks.len() / most).saturating_sub(1));
        }
        let group = |track: &Arc<Path>| match facts.get(track).map_or(0, |facts| facts.artist) {
            artist if is_by_artist && artist != 0 => artist,
            _ => of_track(track),
        };
        self.bag = spread(std::mem::take(&mut self.bag), group, &mut self.chance);
    }

    /// Puts a track on top that is neither the current one nor by an artist who has just been heard; where there is none, by
    /// the one who was heard longest ago.
    fn settle(&mut self) {
        if self.order != Order::Shuffle || !self.is_spread() || std::mem::replace(&mut self.is_settled, true)
        {
            return;
        }
        let artist = |track: &Arc<Path>| self.facts.get(track).map_or(0, |facts| facts.artist);
        let latest = self.current.iter().chain(self.behind.iter().rev()).take(self.feasible_separation);
        let mut heard: HashMap<u64, usize> = HashMap::new();
        for (age, track) in latest.enumerate() {
            heard.entry(artist(track)).or_insert(age);
        }
        heard.remove(&0);
        let age = |track: &Arc<Path>| match heard.get(&artist(track)) {
            _ if Some(track) == self.current.as_ref() => 0,
            Some(age) => age + 1,
            None => usize::MAX,
        };
        let mut best: Option<(usize, usize)> = None;
        for (place, track) in self.bag.iter().enumerate().rev() {
            let age = age(track);
            if best.is_none_or(|(best, _)| age > best) {
                best = Some((age, place));
            }
            if age == usize::MAX {
                break;
            }
        }
        if let Some((_, place)) = best {
            let track = self.bag.remove(place);
            self.bag.push(track);
        }
    }

    /// What playlist files list.
    pub fn sequence(&self) -> &[Arc<Path>] {
        &self.sequence
    }

    /// Every track.
    pub fn tracks(&self) -> &BTreeSet<Arc<Path>> {
        &self.tracks
    }

    /// All tracks of the round.
    pub fn playable(&self) -> Vec<Arc<Path>> {
        match self.order {
            Order::Shuffle => {
                self.tracks.iter().filter(|track| self.weights.is_played(track)).cloned().collect()
            }
            Order::Playlist => {
                let listed: BTreeSet<_> = self.sequence.iter().collect();
                self.tracks.iter().filter(|track| listed.contains(track)).cloned().collect()
            }
            Order::Name | Order::Album | Order::Newest => self.tracks.iter().cloned().collect(),
        }
    }

    /// A number that changes whenever tracks come or go.
    pub fn version(&self) -> u64 {
        self.version
    }

    /// How many tracks there are.
    pub fn n_tracks(&self) -> usize {
        self.tracks.len()
    }

    /// Puts a track anywhere in a bag; the one that lay there goes to the top, so that no others have to move.
    fn drop_in(chance: &mut Chance, bag: &mut Vec<Arc<Path>>, track: &Arc<Path>) {
        let place = chance.below(bag.len() + 1);
        bag.push(Arc::clone(track));
        let top = bag.len() - 1;
        bag.swap(place, top);
    }
}

#[cfg(test)]
mod tests;
