//! What is known of files, kept between starts: a head of one line, then a line of JSON for each file.
//!
//! Written beside itself and renamed, so that a crash leaves the old one or the new one. Whatever cannot be read is
//! built anew: nothing in here is more than a saving of time.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::ops::Bound;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use parking_lot::{Mutex, MutexGuard};
use serde::{Deserialize, Serialize};
use tracing::warn;

use super::file_stamp::FileStamp;
use super::track_info::TrackInfo;
use crate::private;
use crate::radio::audio::format::Format;
use crate::time::Timestamp;

/// The file in the data directory.
const FILE: &str = "radio-index.jsonl";

/// Changes whenever what is known of files was found out otherwise before.
const VERSION: u32 = 2;

/// A file that could not be played is tried again after this time, should its disk have been at fault.
const TRIED_AGAIN: Duration = Duration::from_mins(10);

/// Room for a file's line, on average: the longest path of Linux has 4096 bytes, most have a hundred.
const LINE_BYTES: u64 = 1024;

/// What is known of all files.
#[derive(Debug)]
pub struct TrackIndex {
    /// Where it is kept; `None` keeps it nowhere.
    file: Option<PathBuf>,
    /// Files elsewhere are of no interest any more.
    folders: Vec<PathBuf>,
    max_files: usize,
    /// Read by the first who asks, who is allowed to wait for the disk.
    known: OnceLock<Mutex<Known>>,
    /// Files that could not be played; a later program may play them, so that they are not kept.
    failed: Mutex<BTreeMap<Arc<Path>, Failure>>,
}

/// Why a file could not be played.
#[derive(Debug, Clone, PartialEq)]
struct Failure {
    /// What it looked like; `None` if it could not even be looked at.
    stamp: Option<FileStamp>,
    /// When it was last tried, since the process started.
    tried_at: Duration,
    reason: String,
}

#[derive(Debug, Default)]
struct Known {
    files: BTreeMap<Arc<Path>, (FileStamp, TrackInfo)>,
    is_changed: bool,
    is_refused: bool,
}

#[derive(Serialize, Deserialize)]
struct Head {
    roomhub_radio_index: u32,
    files: usize,
    crc32c: u32,
}

#[derive(Serialize, Deserialize)]
struct Line {
    path: Name,
    n_bytes: u64,
    modified_micros: u64,
    #[serde(flatten)]
    info: TrackInfo,
}

/// A line of an earlier version.
#[derive(Deserialize)]
struct OldLine {
    path: Name,
}

/// A path, which need not be text.
#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum Name {
    Text(String),
    Bytes(Vec<u8>),
}

impl TrackIndex {
    /// An index of these folders, kept in `data_dir`; an empty one keeps it nowhere.
    pub fn new(data_dir: &str, folders: Vec<PathBuf>, max_files: usize) -> Arc<Self> {
        let file = (!data_dir.is_empty()).then(|| Path::new(data_dir).join(FILE));
        Arc::new(Self { file, folders, max_files, known: OnceLock::new(), failed: Mutex::default() })
    }

    /// What is known of a file that looks like this.
    pub fn info(&self, path: &Path, stamp: FileStamp) -> Option<TrackInfo> {
        let known = self.known();
        known.files.get(path).filter(|(known, _)| *known == stamp).map(|(_, info)| info.clone())
    }

    /// Whether anything is known of a file that looks like this.
    pub fn knows(&self, path: &Path, stamp: FileStamp) -> bool {
        self.known().files.get(path).is_some_and(|(known, _)| *known == stamp)
    }

    /// Remembers a file.
    pub fn insert(&self, path: &Arc<Path>, stamp: FileStamp, info: TrackInfo) {
        let mut known = self.known();
        if known.files.len() < self.max_files || known.files.contains_key(path) {
            known.files.insert(Arc::clone(path), (stamp, info));
            known.is_changed = true;
        }
    }

    /// Why a file that looks like this could not be played a short time ago; `uptime` is that of the process.
    pub fn failure(&self, path: &Path, stamp: Option<FileStamp>, uptime: Duration) -> Option<String> {
        let failed = self.failed.lock();
        let failure = failed.get(path).filter(|failure| failure.stamp == stamp)?;
        (uptime.saturating_sub(failure.tried_at) < TRIED_AGAIN).then(|| failure.reason.clone())
    }

    /// Remembers that a file could not be played: whether that is news.
    pub fn fail(&self, path: &Arc<Path>, stamp: Option<FileStamp>, reason: &str, uptime: Duration) -> bool {
        let mut failed = self.failed.lock();
        let known = failed.get(path).is_some_and(|known| known.stamp == stamp && known.reason == reason);
        if failed.len() < self.max_files || failed.contains_key(path) {
            let failure = Failure { stamp, tried_at: uptime, reason: reason.to_owned() };
            failed.insert(Arc::clone(path), failure);
        }
        !known
    }

    /// A file has been played.
    pub fn succeed(&self, path: &Path) {
        self.failed.lock().remove(path);
    }

    /// Forgets the failures of files that stamp otherwise since then: their paths.
    pub fn forget_changed_failures<'a>(
        &self,
        files: impl Iterator<SourceItem = (&'a Arc<Path>, FileStamp)>,
    ) -> Vec<Arc<Path>> {
        let mut failed = self.failed.lock();
        if failed.is_empty() {
            return Vec::new();
        }
        let is_mended =
            |path: &Arc<Path>, stamp| failed.get(path).is_some_and(|known| known.stamp != Some(stamp));
        let mended: Vec<_> =
            files.filter(|(path, stamp)| is_mended(path, *stamp)).map(|(path, _)| Arc::clone(path)).collect();
        failed.retain(|path, _| !mended.contains(path));
        mended
    }

    /// The files below a folder, as they were known.
    pub fn below(&self, folder: &Path) -> Vec<Arc<Path>> {
        let known = self.known();
        let files = known
            .files
            .range::<Path, _>((Bound::Included(folder), Bound::Unbounded))
            .take_while(|(path, _)| path.starts_with(folder));
        files.map(|(path, _)| Arc::clone(path)).collect()
    }

    /// The formats of those files that are known.
    pub fn formats<'a>(&self, paths: impl Iterator<SourceItem = &'a Arc<Path>>) -> Vec<Format> {
        let known = self.known();
        paths.filter_map(|path| known.files.get(path)?.1.format).collect()
    }

    /// Forgets what is below a folder and not among `files`.
    pub fn retain(&self, folder: &Path, files: &BTreeSet<Arc<Path>>) {
        let mut known = self.known();
        let n_before = known.files.len();
        known.files.retain(|path, _| !path.starts_with(folder) || files.contains(path));
        known.is_changed |= known.files.len() != n_before;
        self.failed.lock().retain(|path, _| !path.starts_with(folder) || files.contains(path));
    }

    /// Keeps what is known, if it has changed and there is a place.
    pub fn write(&self) {
        let Some(file) = &self.file else { return };
        // What nobody has read yet has not changed.
        let Some(known) = self.known.get() else { return };
        let text = {
            let mut known = known.lock();
            if !std::mem::take(&mut known.is_changed) {
                return;
            }
            known.text()
        };
        if let Err(error) = replace(file, &text) {
            let mut known = known.lock();
            if !std::mem::replace(&mut known.is_refused, true) {
                warn!(file = %file.display(), %error, "what is known of the tracks is not kept between starts");
            }
        }
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.get_or_init(|| Mutex::new(self.read())).lock()
    }

    fn read(&self) -> Known {
        let Some(file) = &self.file else { return Known::default() };
        match Known::read(file, self.max_files) {
            Ok(mut known) => {
                let is_ours = |path: &Path| self.folders.iter().any(|folder| path.starts_with(folder));
                known.files.retain(|path, _| is_ours(path));
                known
            }
            Err(error) if error.downcast_ref().is_some_and(is_missing) => Known::default(),
            Err(error) => {
                let error = format!("{error:#}");
                warn!(file = %file.display(), error, "the index of tracks cannot be read and is built anew");
                Known::default()
            }
        }
    }
}

fn is_missing(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::NotFound
}

impl Known {
    fn read(file: &Path, max_files: usize) -> Result<Self> {
        let n_bytes = fs::metadata(file)?.len();
        ensure!(n_bytes <= LINE_BYTES * max_files.max(1024) as u64, "{n_bytes} bytes are too many");
        let text = fs::read(file)?;
        let end = text.iter().position(|byte| *byte == b'\n').context("it has no head")?;
        let head: Head = serde_json::from_slice(&text[..end]).context("its head")?;
        let version = head.roomhub_radio_index;
        ensure!((1..=VERSION).contains(&version), "it is of version {version}");
        let body = &text[end + 1..];
        ensure!(crc32c::crc32c(body) == head.crc32c, "it is damaged");
        let mut files = BTreeMap::new();
        for line in body.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()).take(max_files) {
            if version < VERSION {
                // The files are there at once, and what they are is found out anew.
                let line: OldLine = serde_json::from_slice(line).context("a line of it")?;
                let stamp = FileStamp { n_bytes: 0, modified_at: Timestamp::from_micros(0) };
                files.insert(line.path.into(), (stamp, TrackInfo::default()));
                continue;
            }
            let line: Line = serde_json::from_slice(line).context("a line of it")?;
            let stamp = FileStamp {
                n_bytes: line.n_bytes,
                modified_at: Timestamp::from_micros(line.modified_micros),
            };
            files.insert(line.path.into(), (stamp, line.info));
        }
        Ok(Self { files, ..Self::default() })
    }

    fn text(&self) -> Vec<u8> {
        let mut body = Vec::new();
        for (path, (stamp, info)) in &self.files {
            let (n_bytes, modified_micros) = (stamp.n_bytes, stamp.modified_at.as_micros());
            let line = Line { path: Name::of(path), n_bytes, modified_micros, info: info.clone() };
            serde_json::to_writer(&mut body, &line).expect("a line has string keys");
            body.push(b'\n');
        }
        let head =
            Head { roomhub_radio_index: VERSION, files: self.files.len(), crc32c: crc32c::crc32c(&body) };
        let mut text = serde_json::to_vec(&head).expect("a head has string keys");
        text.push(b'\n');
        text.append(&mut body);
        text
    }
}

/// Puts a file in another's place; a reader sees the one or the other.
fn replace(file: &Path, text: &[u8]) -> io::Result<()> {
    let folder = file.parent().unwrap_or(Path::new("."));
    private::make_folder(folder)?;
    let draft = file.with_extension(format!("{}.tmp", std::process::id()));
    let write = || {
        let mut written = private::open(&draft, OpenOptions::new().create(true).write(true).truncate(true))?;
        written.write_all(text)?;
        written.sync_all()?;
        fs::rename(&draft, file)
    };
    write().inspect_err(|_| {
        // The draft may not even be there.
        let _ = fs::remove_file(&draft);
    })
}

impl Name {
    fn of(path: &Path) -> Self {
        path.to_str()
            .map_or_else(|| Self::Bytes(path.as_os_str().as_bytes().to_vec()), |text| Self::Text(text.into()))
    }
}

impl From<Name> for Arc<Path> {
    fn from(name: Name) -> Self {
        match name {
            Name::Text(text) => PathBuf::from(text).into(),
            Name::Bytes(bytes) => PathBuf::from(OsString::from_vec(bytes)).into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STAMP: FileStamp =
        FileStamp { n_bytes: 5000, modified_at: Timestamp::from_millis(1_700_000_000_000) };

    fn info() -> TrackInfo {
        let loudness = Some(Loudness::Level { lufs: -14.5, peak_db: -1.0 });
        TrackInfo { format: Some(Format::USUAL), title: "歌".into(), loudness, ..TrackInfo::default() }
    }

    fn index(data_dir: &Path) -> Arc<TrackIndex> {
        TrackIndex::new(data_dir.to_str().unwrap(), vec!["/music".into()], 100)
    }

    fn path(bytes: &[u8]) -> Arc<Path> {
        PathBuf::from(OsString::from_vec(bytes.to_vec())).into()
    }

    #[test]
    fn what_was_learnt_is_known_at_the_next_start_as_long_as_the_file_looks_the_same() {
        let folder = tempfile::tempdir().unwrap();
        let first = index(folder.path());
        let (song, invalid) = (path("/music/歌.mp3".as_bytes()), path(b"/music/\xff\xfe.mp3"));
        for path in [&song, &invalid, &path(b"/elsewhere/a.mp3")] {
            first.insert(path, STAMP, info());
        }
        first.write();
        let second = index(folder.path());
        assert_eq!(second.below(Path::new("/music")), [song.clone(), invalid.clone()]);
        assert_eq!(second.info(&invalid, STAMP), Some(info()));
        assert_eq!(second.info(&song, FileStamp { n_bytes: 5001, ..STAMP }), None);
        assert_eq!(second.below(Path::new("/elsewhere")).len(), 0);
        second.retain(Path::new("/music"), &BTreeSet::from([song.clone()]));
        assert_eq!(second.below(Path::new("/music")), [song]);
    }

    #[test]
    fn a_damaged_cut_or_foreign_index_is_built_anew() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join(FILE);
        let song = path(b"/music/a.mp3");
        let first = index(folder.path());
        first.insert(&song, STAMP, info());
        first.write();
        let whole = fs::read(&file).unwrap();
        let mut damaged = whole.clone();
        damaged[whole.len() - 10] ^= 1;
        let newer = String::from_utf8(whole.clone()).unwrap().replacen("index\":2", "index\":3", 1);
        let cases = [&damaged[..], &whole[..whole.len() - 5], newer.as_bytes(), b"", b"\xff\n\n", b"{}\n"];
        for bytes in cases {
            fs::write(&file, bytes).unwrap();
            let index = index(folder.path());
            assert_eq!(index.info(&song, STAMP), None, "{}", String::from_utf8_lossy(bytes));
            index.insert(&song, STAMP, info());
            index.write();
            assert!(fs::read(&file).unwrap() == whole);
        }
    }

    #[test]
    fn files_of_an_earlier_version_are_known_and_measured_anew() {
        let folder = tempfile::tempdir().unwrap();
        let body = br#"{"path":"/music/a.mp3","n_bytes":5000,"modified_micros":1700000000000000,"format":null,"title":"","artist":"","duration_seconds":2.0,"loudness":{"lufs":-14.5}}
"#;
        let head = format!("{{\"roomhub_radio_index\":1,\"files\":1,\"crc32c\":{}}}\n", crc32c::crc32c(body));
        fs::write(folder.path().join(FILE), [head.as_bytes(), body].concat()).unwrap();
        let index = index(folder.path());
        let song = path(b"/music/a.mp3");
        assert_eq!(index.below(Path::new("/music")), std::slice::from_ref(&song));
        assert_eq!((index.info(&song, STAMP), index.knows(&song, STAMP)), (None, false));
        index.insert(&song, STAMP, info());
        index.write();
        assert!(
            fs::read_to_string(folder.path().join(FILE)).unwrap().starts_with("{\"roomhub_radio_index\":2,")
        );
    }

    #[test]
    fn no_more_files_are_kept_than_may_be_and_no_drafts() {
        let folder = tempfile::tempdir().unwrap();
        let index = index(folder.path());
        for n in 0..150 {
            index.insert(&path(format!("/music/{n}.mp3").as_bytes()), STAMP, info());
        }
        index.write();
        assert_eq!(index.below(Path::new("/music")).len(), 100);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }
}
