//! What plays next: by default a shuffle bag. Nothing twice before all have played, and no new bag begins as the old
//! one ended. Chance comes in as numbers: the same seed gives the same order.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::hash::BuildHasher as _;
use std::path::Path;
use std::sync::Arc;

use foldhash::fast::FixedState;
use serde::{Deserialize, Serialize};

/// Tracks that can be gone back to.
const KEPT_BEHIND: usize = 100;

/// In which order tracks play.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Order {
    /// By chance.
    #[default]
    #[serde(alias = "true", alias = "1", alias = "yes", alias = "on")]
    Shuffle,
    /// By their paths, numbers by their value.
    #[serde(alias = "false", alias = "0", alias = "no", alias = "off")]
    Name,
    /// Folders by chance, and the tracks of each by their names.
    Album,
}

/// The order of one station, or of one listener.
#[derive(Debug, Clone)]
pub struct Playlist {
    tracks: BTreeSet<Arc<Path>>,
    /// Still to come in this bag; the last is the next.
    bag: Vec<Arc<Path>>,
    behind: Vec<Arc<Path>>,
    current: Option<Arc<Path>>,
    chance: u64,
    order: Order,
    /// What an order by name begins with after going back.
    resume_at: Option<Arc<Path>>,
    /// Tracks have come or gone since they were put in order.
    is_stale: bool,
    /// Changes with every round of albums.
    round: u64,
}

impl Playlist {
    /// Nothing yet, to be shuffled by `seed`.
    pub fn new(seed: u64) -> Self {
        Self {
            tracks: BTreeSet::new(),
            bag: Vec::new(),
            behind: Vec::new(),
            current: None,
            chance: seed | 1,
            order: Order::Shuffle,
            resume_at: None,
            is_stale: false,
            round: seed,
        }
    }

    /// The same in that order.
    pub fn in_order(self, order: Order) -> Self {
        Self { order, ..self }
    }

    /// Its order.
    pub fn order(&self) -> Order {
        self.order
    }

    /// Takes the library as it is now: what is new comes at any time, what is gone comes no more.
    pub fn rescan(&mut self, tracks: BTreeSet<Arc<Path>>) {
        if tracks == self.tracks {
            return;
        }
        match self.order {
            Order::Shuffle => {
                self.bag.retain(|track| tracks.contains(track));
                for track in tracks.difference(&self.tracks) {
                    Self::drop_in(&mut self.chance, &mut self.bag, track);
                }
            }
            Order::Name | Order::Album => self.is_stale = true,
        }
        self.tracks = tracks;
    }

    /// Takes tracks that were found while others are still to be.
    pub fn add(&mut self, tracks: impl IntoIterator<Item = Arc<Path>>) {
        for track in tracks {
            if self.tracks.insert(Arc::clone(&track)) {
                match self.order {
                    Order::Shuffle => Self::drop_in(&mut self.chance, &mut self.bag, &track),
                    Order::Name | Order::Album => self.is_stale = true,
                }
            }
        }
    }

    /// Goes on to the next track; `None` when there are none.
    pub fn next_track(&mut self) -> Option<Arc<Path>> {
        self.peek()?;
        let next = self.bag.pop()?;
        self.resume_at = None;
        if let Some(last) = self.current.replace(next.clone()) {
            self.behind.push(last);
            if self.behind.len() > KEPT_BEHIND {
                self.behind.remove(0);
            }
        }
        Some(next)
    }

    /// The track to come.
    pub fn peek(&mut self) -> Option<&Path> {
        match self.order {
            Order::Shuffle if self.bag.is_empty() => self.shuffle(),
            Order::Name | Order::Album if self.bag.is_empty() || self.is_stale => self.line_up(),
            Order::Shuffle | Order::Name | Order::Album => {}
        }
        self.bag.last().map(AsRef::as_ref)
    }

    /// Lets the track before this one come next, and this one after it.
    pub fn go_back(&mut self) {
        let Some(previous) = self.behind.pop() else { return };
        self.bag.extend(self.current.take());
        self.bag.push(Arc::clone(&previous));
        self.resume_at = Some(previous);
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
        self.bag = places.into_iter().map(|(_, _, track)| track).collect();
    }

    /// Where a track stands in order: folders of a round by chance where albums are asked for, then by path.
    fn place(&self, track: &Arc<Path>) -> (u64, String, Arc<Path>) {
        let rank = match self.order {
            Order::Shuffle | Order::Name => 0,
            Order::Album => FixedState::with_seed(self.round).hash_one(track.parent()),
        };
        (rank, by_value(&track.to_string_lossy()), Arc::clone(track))
    }

    /// Fills the bag with every track in a new order.
    pub fn shuffle(&mut self) {
        self.is_stale = false;
        self.bag = self.tracks.iter().cloned().collect();
        for last in (1..self.bag.len()).rev() {
            let other = Self::below(&mut self.chance, last + 1);
            self.bag.swap(last, other);
        }
        if self.bag.len() > 1 && self.bag.last() == self.current.as_ref() {
            let end = self.bag.len() - 1;
            let other = Self::below(&mut self.chance, end);
            self.bag.swap(end, other);
        }
    }

    /// Every track.
    pub fn tracks(&self) -> &BTreeSet<Arc<Path>> {
        &self.tracks
    }

    /// How many tracks there are.
    pub fn n_tracks(&self) -> usize {
        self.tracks.len()
    }

    /// Puts a track anywhere in a bag; the one that lay there goes to the top, so that no others have to move.
    fn drop_in(chance: &mut u64, bag: &mut Vec<Arc<Path>>, track: &Arc<Path>) {
        let place = Self::below(chance, bag.len() + 1);
        bag.push(Arc::clone(track));
        let top = bag.len() - 1;
        bag.swap(place, top);
    }

    /// A number below `limit`: xorshift, which is chance enough for an order.
    fn below(chance: &mut u64, limit: usize) -> usize {
        *chance ^= *chance << 13;
        *chance ^= *chance >> 7;
        *chance ^= *chance << 17;
        (*chance % limit as u64) as usize
    }
}

/// Text that sorts numbers by their value, capitals with small letters, and a folder's files together.
fn by_value(text: &str) -> String {
    let mut key = String::with_capacity(text.len() + 16);
    let mut digits = String::new();
    for c in text.chars().chain(['\0']) {
        if c.is_ascii_digit() {
            digits.push(c);
            continue;
        }
        if !digits.is_empty() {
            let _ = write!(key, "{digits:0>9}");
            digits.clear();
        }
        match c {
            '/' => key.push('\0'),
            c => key.extend(c.to_lowercase()),
        }
    }
    key
}

#[cfg(test)]
mod tests {
    use super::*;

    fn in_order(order: Order, names: &[&str], n: usize) -> Vec<String> {
        let mut playlist = Playlist::new(7).in_order(order);
        playlist.rescan(tracks(names));
        (0..n).map(|_| playlist.next_track().unwrap().to_string_lossy().into_owned()).collect()
    }

    #[test]
    fn names_are_in_order_with_numbers_by_their_value() {
        let names = ["a/Track 10", "a/track 2", "a b/1", "B", "a/track 1"];
        let expected = ["a/track 1", "a/track 2", "a/Track 10", "a b/1", "B", "a/track 1"];
        assert_eq!(in_order(Order::Name, &names, 6), expected);
    }

    #[test]
    fn albums_play_whole_and_each_once_a_round() {
        let names = ["x/1", "x/2", "y/1", "y/2", "z/1", "z/2"];
        let played = in_order(Order::Album, &names, 60);
        for pair in played.chunks(2) {
            assert!(pair[0].ends_with("/1") && pair[1] == pair[0].replace("/1", "/2"), "{pair:?}");
        }
        for round in played.chunks(6) {
            assert_eq!(round.iter().collect::<BTreeSet<_>>().len(), 6, "{round:?}");
        }
        assert!(played.chunks(6).any(|round| round != &played[..6]), "{played:?}");
    }

    #[test]
    fn what_comes_and_goes_stands_in_its_place_in_order() {
        let mut playlist = Playlist::new(7).in_order(Order::Name);
        playlist.add(tracks(&["b", "d"]));
        let mut next = || playlist.next_track().unwrap().to_string_lossy().into_owned();
        assert_eq!(next(), "b");
        playlist.add(tracks(&["a", "c"]));
        let mut next = || playlist.next_track().unwrap().to_string_lossy().into_owned();
        assert_eq!((next(), next()), ("c".into(), "d".into()));
        playlist.go_back();
        playlist.rescan(tracks(&["a", "c", "e"]));
        let mut next = || playlist.next_track().unwrap().to_string_lossy().into_owned();
        assert_eq!((next(), next(), next()), ("c".into(), "e".into(), "a".into()));
    }

    fn tracks(names: &[&str]) -> BTreeSet<Arc<Path>> {
        names.iter().map(|name| Path::new(name).into()).collect()
    }

    #[test]
    fn nothing_plays_twice_before_all_have_and_no_track_follows_itself() {
        for seed in 0..200 {
            let mut playlist = Playlist::new(seed);
            playlist.rescan(tracks(&["a", "b", "c", "d"]));
            let order: Vec<_> = (0..40).map(|_| playlist.next_track().unwrap()).collect();
            for bag in order.chunks(4) {
                assert_eq!(bag.iter().collect::<BTreeSet<_>>().len(), 4, "{bag:?}");
            }
            assert!(order.windows(2).all(|pair| pair[0] != pair[1]), "{order:?}");
        }
    }

    #[test]
    fn a_rescan_keeps_the_bag() {
        let mut playlist = Playlist::new(7);
        playlist.rescan(tracks(&["a", "b", "c"]));
        let first = playlist.next_track().unwrap();
        playlist.rescan(tracks(&["a", "b", "c", "d"]));
        let rest: BTreeSet<_> = (0..3).map(|_| playlist.next_track().unwrap()).collect();
        assert!(!rest.contains(&first), "{first:?} came again");
        playlist.rescan(BTreeSet::new());
        assert_eq!(playlist.next_track(), None);
    }

    #[test]
    fn what_is_found_bit_by_bit_plays_once_a_bag() {
        let mut playlist = Playlist::new(7);
        playlist.add(tracks(&["a", "b"]));
        let first = playlist.next_track().unwrap();
        playlist.add(tracks(&["b", "c", "d"]));
        playlist.rescan(tracks(&["a", "b", "c", "d"]));
        let rest: BTreeSet<_> = (0..3).map(|_| playlist.next_track().unwrap()).collect();
        assert!(rest.len() == 3 && !rest.contains(&first), "{first:?}, {rest:?}");
    }

    #[test]
    fn going_back_plays_the_last_track_and_then_this_one() {
        let mut playlist = Playlist::new(7);
        playlist.rescan(tracks(&["a", "b", "c"]));
        let (first, second) = (playlist.next_track().unwrap(), playlist.next_track().unwrap());
        playlist.go_back();
        assert_eq!((playlist.next_track(), playlist.next_track()), (Some(first), Some(second)));
    }

    #[test]
    fn a_single_track_plays_on() {
        let mut playlist = Playlist::new(7);
        playlist.rescan(tracks(&["a"]));
        assert_eq!(playlist.next_track(), playlist.next_track());
    }
}
