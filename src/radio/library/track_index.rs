//! What is known of all files, by path. It is held in memory, and kept in a database between starts.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use parking_lot::{Mutex, MutexGuard};
use tracing::warn;

use super::index_database::{Change, IndexDatabase};
use super::order::TrackFacts;
use super::playback_failures::PlaybackFailures;
use crate::audio::format::Format;
use crate::audio::track_info::TrackInfo;
use crate::folder::file_stamp::FileStamp;

/// What is known of all files.
#[derive(Debug)]
pub struct TrackIndex {
    /// Files that could not be played.
    pub failures: PlaybackFailures,
    /// The folder of the database; `None` keeps the index in memory only.
    data_dir: Option<PathBuf>,
    /// The folders whose files are indexed.
    folders: Vec<PathBuf>,
    max_files: usize,
    /// Loaded on first use, by a thread that may block on a disk.
    known: OnceLock<Mutex<Known>>,
    database: Mutex<Option<IndexDatabase>>,
    /// Counts up whenever the words of a track change.
    words_version: AtomicU64,
}

/// What listeners know a track by.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Words {
    /// Its title; empty if unknown.
    pub title: String,
    /// Its artist; empty if unknown.
    pub artist: String,
    /// Its album; empty if unknown.
    pub album: String,
    /// Its length, if known.
    pub duration_seconds: Option<f64>,
}

#[derive(Debug, Default)]
struct Known {
    files: BTreeMap<Arc<Path>, (FileStamp, TrackInfo)>,
    /// Paths whose entries have changed since the last write.
    unsaved: BTreeSet<Arc<Path>>,
    has_write_failed: bool,
}

impl TrackIndex {
    /// An index of these folders, kept in `data_dir` unless that is empty.
    pub fn new(data_dir: &str, folders: Vec<PathBuf>, max_files: usize) -> Arc<Self> {
        Arc::new(Self {
            failures: PlaybackFailures::new(max_files),
            data_dir: (!data_dir.is_empty()).then(|| data_dir.into()),
            folders,
            max_files,
            known: OnceLock::new(),
            database: Mutex::default(),
            words_version: AtomicU64::new(0),
        })
    }

    /// What is known of a file, if it has not changed.
    pub fn info(&self, path: &Path, stamp: FileStamp) -> Option<TrackInfo> {
        let known = self.known();
        known.files.get(path).filter(|(known, _)| *known == stamp).map(|(_, info)| info.clone())
    }

    /// Whether anything is known of a file that has not changed.
    pub fn knows(&self, path: &Path, stamp: FileStamp) -> bool {
        self.known().files.get(path).is_some_and(|(known, _)| *known == stamp)
    }

    /// Adds a file, or replaces what is known of it.
    pub fn insert(&self, path: &Arc<Path>, stamp: FileStamp, info: TrackInfo) {
        let mut known = self.known();
        if known.files.len() < self.max_files || known.files.contains_key(path) {
            let album = |info: &TrackInfo| info.place.as_ref().map(|place| place.album.clone());
            let is_same = known.files.get(path).is_some_and(|(_, before)| {
                before.title == info.title && before.artist == info.artist && album(before) == album(&info)
            });
            if !is_same {
                self.words_version.fetch_add(1, Ordering::AcqRel);
            }
            known.files.insert(Arc::clone(path), (stamp, info));
            known.unsaved.insert(Arc::clone(path));
        }
    }

    /// The known files below a folder, with what orders go by.
    pub fn below(&self, folder: &Path) -> Vec<(Arc<Path>, TrackFacts)> {
        let known = self.known();
        let files = known
            .files
            .range::<Path, _>((Bound::Included(folder), Bound::Unbounded))
            .take_while(|(path, _)| path.starts_with(folder));
        files
            .map(|(path, (stamp, info))| (Arc::clone(path), TrackFacts::of_info(stamp.modified_at, info)))
            .collect()
    }

    /// What orders go by, of these files.
    pub fn facts<'a>(
        &self,
        files: impl Iterator<Item = (&'a Arc<Path>, FileStamp)>,
    ) -> Vec<(Arc<Path>, TrackFacts)> {
        let known = self.known();
        let facts = |(path, stamp): (&'a Arc<Path>, FileStamp)| {
            let info = known.files.get(path).filter(|(known, _)| *known == stamp).map(|(_, info)| info);
            let facts = info.map_or_else(
                || TrackFacts::of(stamp.modified_at),
                |info| TrackFacts::of_info(stamp.modified_at, info),
            );
            (Arc::clone(path), facts)
        };
        files.map(facts).collect()
    }

    /// The formats of the known files among `paths`.
    pub fn formats<'a>(&self, paths: impl Iterator<Item = &'a Arc<Path>>) -> Vec<Format> {
        let known = self.known();
        paths.filter_map(|path| known.files.get(path)?.1.format).collect()
    }

    /// What listeners know these tracks by, as far as their tags have been read.
    pub fn words(&self, paths: &[Arc<Path>]) -> Vec<Option<Words>> {
        let known = self.known();
        let words = |path: &Arc<Path>| {
            let (_, info) = known.files.get(path)?;
            Some(Words {
                title: info.title.clone(),
                artist: info.artist.clone(),
                album: info.place.as_ref().map(|place| place.album.clone()).unwrap_or_default(),
                duration_seconds: info.duration_seconds,
            })
        };
        paths.iter().map(words).collect()
    }

    /// A number that changes whenever such words do.
    pub fn words_version(&self) -> u64 {
        self.words_version.load(Ordering::Acquire)
    }

    /// Removes what is below a folder and not among `files`.
    pub fn retain(&self, folder: &Path, files: &BTreeSet<Arc<Path>>) {
        let known = &mut *self.known();
        known.files.retain(|path, _| {
            let is_kept = !path.starts_with(folder) || files.contains(path);
            if !is_kept {
                known.unsaved.insert(Arc::clone(path));
            }
            is_kept
        });
        self.failures.retain(folder, files);
    }

    /// Writes changes to the database.
    pub fn write(&self) {
        let mut database = self.database.lock();
        let Some(database) = database.as_mut() else { return };
        let changes: Vec<Change> = {
            let known = &mut *self.known();
            let change = |path| {
                let entry = known.files.get(&path).cloned();
                (path, entry)
            };
            std::mem::take(&mut known.unsaved).into_iter().map(change).collect()
        };
        if changes.is_empty() {
            return;
        }
        if let Err(error) = database.write(&changes) {
            let mut known = self.known();
            known.unsaved.extend(changes.into_iter().map(|(path, _)| path));
            if !std::mem::replace(&mut known.has_write_failed, true) {
                warn!(%error, "the index of tracks cannot be written and is not kept between starts");
            }
        }
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.get_or_init(|| Mutex::new(self.load())).lock()
    }

    fn load(&self) -> Known {
        let mut known = Known::default();
        let Some(data_dir) = &self.data_dir else { return known };
        match IndexDatabase::open(data_dir) {
            Ok((database, entries)) => {
                let is_ours = |path: &Path| self.folders.iter().any(|folder| path.starts_with(folder));
                for (path, stamp, info) in entries {
                    if known.files.len() < self.max_files && is_ours(&path) {
                        known.files.insert(path, (stamp, info));
                    } else {
                        known.unsaved.insert(path);
                    }
                }
                *self.database.lock() = Some(database);
            }
            Err(error) => {
                let (data_dir, error) = (data_dir.display(), format!("{error:#}"));
                warn!(%data_dir, error, "the index of tracks cannot be opened and is not kept between starts");
            }
        }
        known
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audio::loudness::Loudness;
    use crate::time::Timestamp;

    const STAMP: FileStamp =
        FileStamp { n_bytes: 5000, modified_at: Timestamp::from_millis(1_700_000_000_000) };

    fn info() -> TrackInfo {
        let loudness = Some(Loudness::Level { lufs: -14.5, peak_db: -1.0 });
        TrackInfo { format: Some(Format::USUAL), title: "歌".into(), loudness, ..TrackInfo::default() }
    }

    fn index(data_dir: &Path) -> Arc<TrackIndex> {
        TrackIndex::new(data_dir.to_str().unwrap(), vec!["/music".into()], 100)
    }

    fn below(index: &TrackIndex, folder: &str) -> Vec<Arc<Path>> {
        index.below(Path::new(folder)).into_iter().map(|(path, _)| path).collect()
    }

    fn path(text: &str) -> Arc<Path> {
        Path::new(text).into()
    }

    #[test]
    fn unchanged_files_are_known_at_the_next_start() {
        let folder = tempfile::tempdir().unwrap();
        let first = index(folder.path());
        let (song, other) = (path("/music/a.mp3"), path("/music/b.mp3"));
        for path in [&song, &other, &path("/elsewhere/a.mp3")] {
            first.insert(path, STAMP, info());
        }
        first.write();
        let second = index(folder.path());
        assert_eq!(below(&second, "/music"), [song.clone(), other.clone()]);
        assert_eq!(second.info(&other, STAMP), Some(info()));
        assert_eq!(second.info(&song, FileStamp { n_bytes: 5001, ..STAMP }), None);
        assert_eq!(below(&second, "/elsewhere").len(), 0);
        second.retain(Path::new("/music"), &BTreeSet::from([song.clone()]));
        assert_eq!(below(&second, "/music"), std::slice::from_ref(&song));
        second.write();
        assert_eq!(IndexDatabase::open(folder.path()).unwrap().1, [(song, STAMP, info())]);
    }

    #[test]
    fn no_more_files_are_kept_than_the_limit() {
        let folder = tempfile::tempdir().unwrap();
        let index = index(folder.path());
        for n in 0..150 {
            index.insert(&path(&format!("/music/{n}.mp3")), STAMP, info());
        }
        index.write();
        assert_eq!(below(&index, "/music").len(), 100);
        assert_eq!(IndexDatabase::open(folder.path()).unwrap().1.len(), 100);
    }
}
