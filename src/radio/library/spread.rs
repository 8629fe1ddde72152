//! A round of tracks by chance: how often each comes, and how far those that belong together stand apart. Pure.

use std::collections::BTreeMap;
use std::hash::BuildHasher as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use foldhash::fast::FixedState;

/// Rounds that are passed over because tracks that rarely play are all out of them. Weights down to a
/// thousandth come up within so many.
const MAX_EMPTY_ROUNDS: u64 = 1000;

/// Chance as numbers: the same seed gives the same ones.
#[derive(Debug, Clone)]
pub struct Chance(u64);

impl Chance {
    /// Begins with a seed.
    pub fn new(seed: u64) -> Self {
        Self(seed | 1)
    }

    /// A number below `limit`: xorshift, which is chance enough for an order.
    pub fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % limit as u64) as usize
    }

    /// Puts items in an order by chance.
    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            let other = self.below(last + 1);
            items.swap(last, other);
        }
    }

    /// A number from 0 to below 1.
    fn fraction(&mut self) -> f64 {
        self.below(1 << 24) as f64 / f64::from(1 << 24)
    }
}

/// How often tracks play, by what their paths begin with; the longest beginning counts.
#[derive(Debug, Clone, Default)]
pub struct Weights(Vec<(PathBuf, f64)>);

impl Weights {
    /// Weights of folders and files.
    pub fn new(weights: Vec<(PathBuf, f64)>) -> Self {
        Self(weights)
    }

    /// Whether all tracks play equally often.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn of(&self, track: &Path) -> f64 {
        let fitting = self.0.iter().filter(|(prefix, _)| track.starts_with(prefix));
        fitting.max_by_key(|(prefix, _)| prefix.components().count()).map_or(1.0, |(_, weight)| *weight)
    }

    /// How often a track comes in a round. One of weight 0.5 comes every second time, and not with all others of it.
    fn copies(&self, track: &Path, round: u64) -> usize {
        let weight = self.of(track);
        let phase = FixedState::with_seed(7).hash_one(track) as f64 / u64::MAX as f64;
        let until = |round: u64| (weight * round as f64 + phase).floor();
        (until(round + 1) - until(round)) as usize
    }

    /// The tracks of a round, some of them several times. `round` is counted on past empty ones.
    pub fn round<'a>(
        &self,
        tracks: impl Iterator<Item = &'a Arc<Path>> + Clone,
        round: &mut u64,
    ) -> Vec<Arc<Path>> {
        for _ in 0..MAX_EMPTY_ROUNDS {
            let copies =
                |track: &'a Arc<Path>| std::iter::repeat_n(track, self.copies(track, *round)).cloned();
            let all: Vec<_> = tracks.clone().flat_map(copies).collect();
            *round += 1;
            if !all.is_empty() {
                return all;
            }
        }
        // Nothing is to play, and something has to.
        tracks.cloned().collect()
    }

    /// Whether a track that has come now plays at all.
    pub fn is_played(&self, track: &Path) -> bool {
        self.of(track) > 0.0
    }
}

/// Puts tracks in an order by chance in which those of a group stand as far apart as they can.
pub fn spread(
    tracks: Vec<Arc<Path>>,
    group: impl Fn(&Arc<Path>) -> u64,
    chance: &mut Chance,
) -> Vec<Arc<Path>> {
    let mut groups: BTreeMap<u64, Vec<Arc<Path>>> = BTreeMap::new();
    for track in tracks {
        groups.entry(group(&track)).or_default().push(track);
    }
    let mut placed: Vec<(f64, Arc<Path>)> = Vec::new();
    for members in groups.values_mut() {
        chance.shuffle(members);
        let (step, first) = (1.0 / members.len() as f64, chance.fraction());
        placed.extend(members.drain(..).enumerate().map(|(n, track)| ((n as f64 + first) * step, track)));
    }
    placed.sort_by(|(one, a), (other, b)| one.total_cmp(other).then_with(|| a.cmp(b)));
    placed.into_iter().map(|(_, track)| track).collect()
}
