//! What plays next: a shuffle bag. Nothing twice before all have played, and no new bag begins as the old one ended.
//! Chance comes in as numbers: the same seed gives the same order.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

/// Tracks that can be gone back to.
const KEPT_BEHIND: usize = 100;

/// The order of one station, or of one listener.
#[derive(Debug, Clone)]
pub struct Playlist {
    tracks: BTreeSet<Arc<Path>>,
    /// Still to come in this bag; the last is the next.
    bag: Vec<Arc<Path>>,
    behind: Vec<Arc<Path>>,
    current: Option<Arc<Path>>,
    chance: u64,
}

impl Playlist {
    /// Nothing yet, to be shuffled by `seed`.
    pub fn new(seed: u64) -> Self {
        Self { tracks: BTreeSet::new(), bag: Vec::new(), behind: Vec::new(), current: None, chance: seed | 1 }
    }

    /// Takes the library as it is now: what is new comes at any time, what is gone comes no more.
    pub fn rescan(&mut self, tracks: BTreeSet<Arc<Path>>) {
        if tracks == self.tracks {
            return;
        }
        self.bag.retain(|track| tracks.contains(track));
        for track in tracks.difference(&self.tracks) {
            Self::drop_in(&mut self.chance, &mut self.bag, track);
        }
        self.tracks = tracks;
    }

    /// Takes tracks that were found while others are still to be.
    pub fn add(&mut self, tracks: impl IntoIterator<Item = Arc<Path>>) {
        for track in tracks {
            if self.tracks.insert(Arc::clone(&track)) {
                Self::drop_in(&mut self.chance, &mut self.bag, &track);
            }
        }
    }

    /// Goes on to the next track; `None` when there are none.
    pub fn next_track(&mut self) -> Option<Arc<Path>> {
        self.peek()?;
        let next = self.bag.pop()?;
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
        if self.bag.is_empty() {
            self.shuffle();
        }
        self.bag.last().map(AsRef::as_ref)
    }

    /// Lets the track before this one come next, and this one after it.
    pub fn go_back(&mut self) {
        let Some(previous) = self.behind.pop() else { return };
        self.bag.extend(self.current.take());
        self.bag.push(previous);
    }

    /// Fills the bag with every track in a new order.
    pub fn shuffle(&mut self) {
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

#[cfg(test)]
mod tests {
    use super::*;

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
