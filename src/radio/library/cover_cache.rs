//! The covers that were asked for lately, and how others are read: a few at a time, on threads that may block.

use std::collections::VecDeque;
use std::path::Path;
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::Semaphore;
use tokio::task::spawn_blocking;

use super::cover::{self, Cover, CoverId};

/// Covers that are read at a time: more would only wait for the same disk, and take memory.
const MAX_READING: usize = 4;

/// What a cache holds of a picture besides its bytes, about; so tiny ones are bounded too.
const ENTRY_BYTES: usize = 256;

/// The covers that were asked for lately.
pub struct Covers {
    max_bytes: usize,
    cache: Mutex<CoverCache>,
    reading: Semaphore,
}

/// Covers, the one that was asked for last at the end.
struct CoverCache {
    max_bytes: usize,
    n_bytes: usize,
    covers: VecDeque<Cover>,
}

impl CoverCache {
    fn get(&mut self, id: CoverId) -> Option<Cover> {
        let place = self.covers.iter().position(|cover| cover.id == id)?;
        let cover = self.covers.remove(place)?;
        self.covers.push_back(cover.clone());
        Some(cover)
    }

    fn insert(&mut self, cover: Cover) {
        if self.get(cover.id).is_some() {
            return;
        }
        self.n_bytes += cover.bytes.len() + ENTRY_BYTES;
        self.covers.push_back(cover);
        while self.n_bytes > self.max_bytes {
            let Some(oldest) = self.covers.pop_front() else { return };
            self.n_bytes -= oldest.bytes.len() + ENTRY_BYTES;
        }
    }
}

impl Covers {
    /// Covers of at most `max_bytes` each, of which `cache_bytes` are held in memory.
    pub fn new(max_bytes: usize, cache_bytes: usize) -> Self {
        let cache = CoverCache { max_bytes: cache_bytes, n_bytes: 0, covers: VecDeque::new() };
        Self { max_bytes, cache: Mutex::new(cache), reading: Semaphore::new(MAX_READING) }
    }

    /// A cover of the track in a file; `None` if it is not there any more.
    pub async fn read(&self, id: CoverId, path: Arc<Path>) -> Option<Cover> {
        if let Some(cover) = self.cache.lock().get(id) {
            return Some(cover);
        }
        let _permit = self.reading.acquire().await.ok()?;
        // Whoever waited may have waited for the same one.
        if let Some(cover) = self.cache.lock().get(id) {
            return Some(cover);
        }
        let max_bytes = self.max_bytes;
        let found = spawn_blocking(move || cover::find(&path, max_bytes)).await.ok()??;
        let cover = Some(found).filter(|cover| cover.id == id)?;
        self.cache.lock().insert(cover.clone());
        Some(cover)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_covers_that_were_asked_for_last_are_held_within_the_limit() {
        let folder = tempfile::tempdir().unwrap();
        let cover = |n: u8| {
            std::fs::write(folder.path().join("cover.gif"), [b"GIF89a", &[n; 94][..]].concat()).unwrap();
            cover::find(&folder.path().join("a.mp3"), 1000).unwrap()
        };
        let [one, two, three] = [1, 2, 3].map(cover);
        let mut cache =
            CoverCache { max_bytes: 2 * (100 + ENTRY_BYTES), n_bytes: 0, covers: VecDeque::new() };
        cache.insert(one.clone());
        cache.insert(two.clone());
        cache.insert(two.clone());
        assert!(cache.get(one.id).is_some());
        cache.insert(three.clone());
        assert!(cache.get(two.id).is_none() && cache.get(one.id).is_some() && cache.get(three.id).is_some());
        let mut none = CoverCache { max_bytes: 0, n_bytes: 0, covers: VecDeque::new() };
        none.insert(one);
        assert!(none.covers.is_empty() && none.n_bytes == 0);
    }
}
