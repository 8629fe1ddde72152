//! What listeners of a station can ask for, to be searched: a list of all its tracks as folded text, made when it is needed.
//!
//! It is made of the tags that the index knows; nothing here waits for a disk. Both making and searching it are work for
//! threads that may block.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use icu_normalizer::DecomposingNormalizerBorrowed;
use parking_lot::Mutex;
use ring::digest::{SHA256, digest};

use super::desk::Wish;
use crate::radio::library::track_index::{TrackIndex, Words};
use crate::radio::library::track_queue::TrackQueue;

/// How long an outdated list is used, so that a scan does not cause a new list for every search.
const LIST_AGE: Duration = Duration::from_secs(3);

/// How many tracks are read under one lock of the index, so that playback hardly waits.
const TRACKS_AT_ONCE: usize = 256;

/// Words of a query that count: a title is no longer.
const MAX_WORDS: usize = 16;

/// Separates what is known of a track in its text.
const BREAK: char = '\n';

/// The tracks of a station.
pub struct Catalogue {
    queue: Arc<TrackQueue>,
    index: Arc<TrackIndex>,
    folders: Vec<PathBuf>,
    listed: Mutex<Option<Arc<Listed>>>,
}

/// All tracks at a moment.
struct Listed {
    at: Duration,
    /// Changes with the library.
    version: (u64, u64),
    /// By their texts.
    entries: Vec<Entry>,
}

/// A track.
struct Entry {
    id: u64,
    path: Arc<Path>,
    /// Its title, artist, album and path below its folder, folded.
    text: Box<str>,
}

/// A page of what was found.
pub struct Findings {
    /// How many tracks fit.
    pub total: usize,
    /// Those of the page.
    pub tracks: Vec<Wish>,
}

impl Catalogue {
    /// Of a station that plays a queue from these folders.
    pub fn new(queue: Arc<TrackQueue>, index: Arc<TrackIndex>, folders: Vec<PathBuf>) -> Self {
        Self { queue, index, folders, listed: Mutex::default() }
    }

    /// The tracks that have all words of a query in their titles, artists, albums or paths: those first whose titles begin
    /// with it, then those that have all words in the title.
    pub fn search(&self, query: &str, offset: usize, limit: usize, now: Duration) -> Findings {
        let listed = self.listed(now);
        let query = folded(query);
        let words: Vec<&str> = query.split_whitespace().take(MAX_WORDS).collect();
        let whole = words.join(" ");
        let mut ranked = [Vec::new(), Vec::new(), Vec::new()];
        for entry in listed.entries.iter().filter(|entry| has_all(&entry.text, &words)) {
            let title = entry.text.split(BREAK).next().unwrap_or_default();
            let rank = match title {
                title if title.starts_with(&whole) => 0,
                title if has_all(title, &words) => 1,
                _ => 2,
            };
            ranked[rank].push(entry);
        }
        let total = ranked.iter().map(Vec::len).sum();
        let page: Vec<&Entry> = ranked.into_iter().flatten().skip(offset).take(limit).collect();
        Findings { total, tracks: self.wishes(&page) }
    }

    /// The track that clients name so.
    pub fn find(&self, id: u64, now: Duration) -> Option<Wish> {
        let listed = self.listed(now);
        let entry = listed.entries.iter().find(|entry| entry.id == id)?;
        self.wishes(&[entry]).pop()
    }

    fn wishes(&self, entries: &[&Entry]) -> Vec<Wish> {
        let paths: Vec<_> = entries.iter().map(|entry| Arc::clone(&entry.path)).collect();
        let wish = |(entry, words): (&&Entry, Option<Words>)| {
            let words = words.unwrap_or_default();
            let name = || entry.path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
            Wish {
                path: Arc::clone(&entry.path),
                id: entry.id,
                title: if words.title.is_empty() { name() } else { words.title },
                artist: words.artist,
                duration_seconds: words.duration_seconds,
            }
        };
        entries.iter().zip(self.index.words(&paths)).map(wish).collect()
    }

    /// The list, which is built again if the library has changed; searches wait for that.
    fn listed(&self, now: Duration) -> Arc<Listed> {
        let mut listed = self.listed.lock();
        let version = (self.queue.playlist.lock().version(), self.index.words_version());
        if let Some(known) = &*listed
            && (known.version == version || now.saturating_sub(known.at) < LIST_AGE)
        {
            return Arc::clone(known);
        }
        let made = Arc::new(Listed { at: now, version, entries: self.entries() });
        *listed = Some(Arc::clone(&made));
        made
    }

    fn entries(&self) -> Vec<Entry> {
        let paths = self.queue.playlist.lock().playable();
        let mut entries = Vec::with_capacity(paths.len());
        for some in paths.chunks(TRACKS_AT_ONCE) {
            let words = self.index.words(some);
            entries.extend(
                some.iter().zip(words).map(|(path, words)| self.entry(path, &words.unwrap_or_default())),
            );
        }
        entries.sort_unstable_by(|one, other| one.text.cmp(&other.text));
        entries
    }

    fn entry(&self, path: &Arc<Path>, words: &Words) -> Entry {
        let below = |(n, folder): (usize, &PathBuf)| Some((n, path.strip_prefix(folder).ok()?));
        let name = || (0, Path::new(path.file_name().unwrap_or_default()));
        let (folder, below) = self.folders.iter().enumerate().find_map(below).unwrap_or_else(name);
        let digest = digest(&SHA256, &[&folder.to_le_bytes(), below.as_os_str().as_encoded_bytes()].concat());
        let id = digest.as_ref().iter().take(8).fold(0, |id, byte| (id << 8) | u64::from(*byte));
        let stem = path.file_stem().unwrap_or_default().to_string_lossy();
        let title = if words.title.is_empty() { &*stem } else { &*words.title };
        let known = [title, &*words.artist, &*words.album, &*below.to_string_lossy()];
        let text = folded(&known.join(&BREAK.to_string()));
        Entry { id, path: Arc::clone(path), text: text.into() }
    }
}

fn has_all(text: &str, words: &[&str]) -> bool {
    words.iter().all(|word| text.contains(word))
}

/// Text without accents, and in small letters.
fn folded(text: &str) -> String {
    if text.is_ascii() {
        return text.to_ascii_lowercase();
    }
    let decomposed = DecomposingNormalizerBorrowed::new_nfkd().normalize(text);
    let is_accent = |c: &char| ('\u{300}'..='\u{36f}').contains(c);
    decomposed.chars().filter(|c| !is_accent(c)).flat_map(char::to_lowercase).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audio::album_place::AlbumPlace;
    use crate::audio::track_info::TrackInfo;
    use crate::folder::file_stamp::FileStamp;
    use crate::radio::library::playlist::Order;
    use crate::time::Timestamp;

    fn info(title: &str, artist: &str, album: &str) -> TrackInfo {
        let place = AlbumPlace { album: album.into(), ..AlbumPlace::default() };
        TrackInfo {
            title: title.into(),
            artist: artist.into(),
            place: Some(Box::new(place)),
            ..TrackInfo::default()
        }
    }

    fn catalogue(tracks: &[(&str, TrackInfo)]) -> Catalogue {
        let queue = TrackQueue::new(Order::Shuffle, 1, None);
        let index = TrackIndex::new("", Vec::new(), 1000);
        for (path, info) in tracks {
            add(&queue, &index, path, info.clone());
        }
        Catalogue::new(queue, index, vec!["/music".into(), "/more".into()])
    }

    fn add(queue: &TrackQueue, index: &TrackIndex, path: &str, info: TrackInfo) {
        let path: Arc<Path> = Path::new(path).into();
        let stamp = FileStamp { n_bytes: 1, modified_at: Timestamp::from_millis(1) };
        index.insert(&path, stamp, info);
        queue.playlist.lock().add([path]);
    }

    fn found(catalogue: &Catalogue, query: &str) -> String {
        let findings = catalogue.search(query, 0, 10, Duration::from_secs(10));
        findings.tracks.iter().map(|track| track.title.as_str()).collect::<Vec<_>>().join(", ")
    }

    #[test]
    fn tracks_are_found_by_title_artist_album_and_path_whatever_their_accents_and_capitals() {
        let catalogue = catalogue(&[
            ("/music/live/1.mp3", info("Halo", "Beyoncé", "I Am")),
            ("/music/2.mp3", info("Déjà Vu", "Beyoncé", "B'Day")),
            ("/more/ночь/3.mp3", info("Ночной джаз", "Ann", "")),
            ("/more/Stille Nacht.mp3", TrackInfo::default()),
            ("/more/4.mp3", info("夜に駆ける", "YOASOBI", "THE BOOK")),
        ]);
        for (query, expected) in [
            ("beyonce", "Déjà Vu, Halo"),
            ("DEJA", "Déjà Vu"),
            ("  vu   BEYONCÉ ", "Déjà Vu"),
            ("b'day", "Déjà Vu"),
            ("live", "Halo"),
            ("ДЖАЗ ночь", "Ночной джаз"),
            ("stille", "Stille Nacht"),
            ("駆け", "夜に駆ける"),
            ("the book", "夜に駆ける"),
            ("music", ""),
            ("nothing such", ""),
        ] {
            assert_eq!(found(&catalogue, query), expected, "{query}");
        }
    }

    #[test]
    fn titles_that_begin_with_the_query_come_first_and_pages_follow_each_other() {
        let catalogue = catalogue(&[
            ("/music/1.mp3", info("Nothing", "Blue", "")),
            ("/music/2.mp3", info("Kind of blue", "Ann", "")),
            ("/music/3.mp3", info("Blue train", "Ann", "")),
        ]);
        assert_eq!(found(&catalogue, "blue"), "Blue train, Kind of blue, Nothing");
        let page = catalogue.search("blue", 1, 1, Duration::ZERO);
        assert_eq!((page.total, &*page.tracks[0].title), (3, "Kind of blue"));
        assert_eq!(found(&catalogue, ""), "Blue train, Kind of blue, Nothing");
        assert!(catalogue.search("blue", usize::MAX, 1, Duration::ZERO).tracks.is_empty());
        let known = catalogue.find(page.tracks[0].id, Duration::ZERO);
        assert_eq!(known.as_ref(), Some(&page.tracks[0]));
        assert_eq!(catalogue.find(1, Duration::ZERO), None);
    }

    #[test]
    fn what_comes_later_is_found_after_some_seconds() {
        let catalogue = catalogue(&[("/music/1.mp3", info("One", "", ""))]);
        let all = |seconds| catalogue.search("", 0, 10, Duration::from_secs(seconds)).total;
        assert_eq!(all(10), 1);
        add(&catalogue.queue, &catalogue.index, "/music/2.mp3", info("Two", "", ""));
        assert_eq!((all(12), all(13)), (1, 2));
    }
}
