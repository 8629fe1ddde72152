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

use super::format::Format;
use super::library::Look;
use crate::private;
use crate::time::Timestamp;

/// The file in the data directory.
const FILE: &str = "radio-index.jsonl";

/// Changes whenever what is known of files was found out otherwise before.
const VERSION: u32 = 2;

/// A file that could not be played is tried again after this time, should its disk have been at fault.
const TRIED_AGAIN: Duration = Duration::from_mins(10);

/// Room for a file's line, on average: the longest path of Linux has 4096 bytes, most have a hundred.
const LINE_BYTES: u64 = 1024;

/// What is known of a file.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Facts {
    /// The format of its frames; `None` for what has to be encoded anyway.
    pub format: Option<Format>,
    /// Its title; empty if nobody says.
    pub title: String,
    /// Who made it; empty if nobody says.
    pub artist: String,
    /// How long it is, as far as anything says.
    pub duration_seconds: Option<f64>,
    /// Whether its samples or frames were counted.
    #[serde(default)]
    pub is_duration_exact: bool,
    /// How loud it is, once somebody has measured it.
    pub loudness: Option<Loudness>,
}

/// How loud a file is.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Loudness {
    /// Nothing is to be heard.
    Silence,
    /// As it is heard on two loudspeakers.
    Level {
        /// In LUFS.
        lufs: f64,
        /// Its true peak, in decibels of full scale.
        peak_db: f64,
    },
}

/// What is known of all files.
#[derive(Debug)]
pub struct Index {
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
    look: Option<Look>,
    /// When it was last tried, since the process started.
    tried_at: Duration,
    reason: String,
}

#[derive(Debug, Default)]
struct Known {
    files: BTreeMap<Arc<Path>, (Look, Facts)>,
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
    facts: Facts,
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

impl Index {
    /// An index of these folders, kept in `data_dir`; an empty one keeps it nowhere.
    pub fn new(data_dir: &str, folders: Vec<PathBuf>, max_files: usize) -> Arc<Self> {
        let file = (!data_dir.is_empty()).then(|| Path::new(data_dir).join(FILE));
        Arc::new(Self { file, folders, max_files, known: OnceLock::new(), failed: Mutex::default() })
    }

    /// What is known of a file that looks like this.
    pub fn facts(&self, path: &Path, look: Look) -> Option<Facts> {
        let known = self.known();
        known.files.get(path).filter(|(known, _)| *known == look).map(|(_, facts)| facts.clone())
    }

    /// Whether anything is known of a file that looks like this.
    pub fn knows(&self, path: &Path, look: Look) -> bool {
        self.known().files.get(path).is_some_and(|(known, _)| *known == look)
    }

    /// Remembers a file.
    pub fn learn(&self, path: &Arc<Path>, look: Look, facts: Facts) {
        let mut known = self.known();
        if known.files.len() < self.max_files || known.files.contains_key(path) {
            known.files.insert(Arc::clone(path), (look, facts));
            known.is_changed = true;
        }
    }

    /// Why a file that looks like this could not be played a short time ago; `uptime` is that of the process.
    pub fn failure(&self, path: &Path, look: Option<Look>, uptime: Duration) -> Option<String> {
        let failed = self.failed.lock();
        let failure = failed.get(path).filter(|failure| failure.look == look)?;
        (uptime.saturating_sub(failure.tried_at) < TRIED_AGAIN).then(|| failure.reason.clone())
    }

    /// Remembers that a file could not be played: whether that is news.
    pub fn fail(&self, path: &Arc<Path>, look: Option<Look>, reason: &str, uptime: Duration) -> bool {
        let mut failed = self.failed.lock();
        let known = failed.get(path).is_some_and(|known| known.look == look && known.reason == reason);
        if failed.len() < self.max_files || failed.contains_key(path) {
            let failure = Failure { look, tried_at: uptime, reason: reason.to_owned() };
            failed.insert(Arc::clone(path), failure);
        }
        !known
    }

    /// A file has been played.
    pub fn succeed(&self, path: &Path) {
        self.failed.lock().remove(path);
    }

    /// Forgets the failures of files that look otherwise since then: their paths.
    pub fn forget_mended<'a>(&self, files: impl Iterator<Item = (&'a Arc<Path>, Look)>) -> Vec<Arc<Path>> {
        let mut failed = self.failed.lock();
        if failed.is_empty() {
            return Vec::new();
        }
        let is_mended =
            |path: &Arc<Path>, look| failed.get(path).is_some_and(|known| known.look != Some(look));
        let mended: Vec<_> =
            files.filter(|(path, look)| is_mended(path, *look)).map(|(path, _)| Arc::clone(path)).collect();
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
    pub fn formats<'a>(&self, paths: impl Iterator<Item = &'a Arc<Path>>) -> Vec<Format> {
        let known = self.known();
        paths.filter_map(|path| known.files.get(path)?.1.format).collect()
    }

    /// Forgets what is below a folder and not among `files`.
    pub fn forget_others(&self, folder: &Path, files: &BTreeSet<Arc<Path>>) {
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
                let look = Look { n_bytes: 0, modified_at: Timestamp::from_micros(0) };
                files.insert(line.path.into(), (look, Facts::default()));
                continue;
            }
            let line: Line = serde_json::from_slice(line).context("a line of it")?;
            let look =
                Look { n_bytes: line.n_bytes, modified_at: Timestamp::from_micros(line.modified_micros) };
            files.insert(line.path.into(), (look, line.facts));
        }
        Ok(Self { files, ..Self::default() })
    }

    fn text(&self) -> Vec<u8> {
        let mut body = Vec::new();
        for (path, (look, facts)) in &self.files {
            let (n_bytes, modified_micros) = (look.n_bytes, look.modified_at.as_micros());
            let line = Line { path: Name::of(path), n_bytes, modified_micros, facts: facts.clone() };
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

    const LOOK: Look = Look { n_bytes: 5000, modified_at: Timestamp::from_millis(1_700_000_000_000) };

    fn facts() -> Facts {
        let loudness = Some(Loudness::Level { lufs: -14.5, peak_db: -1.0 });
        Facts { format: Some(Format::USUAL), title: "歌".into(), loudness, ..Facts::default() }
    }

    fn index(data_dir: &Path) -> Arc<Index> {
        Index::new(data_dir.to_str().unwrap(), vec!["/music".into()], 100)
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
            first.learn(path, LOOK, facts());
        }
        first.write();
        let second = index(folder.path());
        assert_eq!(second.below(Path::new("/music")), [song.clone(), invalid.clone()]);
        assert_eq!(second.facts(&invalid, LOOK), Some(facts()));
        assert_eq!(second.facts(&song, Look { n_bytes: 5001, ..LOOK }), None);
        assert_eq!(second.below(Path::new("/elsewhere")).len(), 0);
        second.forget_others(Path::new("/music"), &BTreeSet::from([song.clone()]));
        assert_eq!(second.below(Path::new("/music")), [song]);
    }

    #[test]
    fn a_damaged_cut_or_foreign_index_is_built_anew() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join(FILE);
        let song = path(b"/music/a.mp3");
        let first = index(folder.path());
        first.learn(&song, LOOK, facts());
        first.write();
        let whole = fs::read(&file).unwrap();
        let mut damaged = whole.clone();
        damaged[whole.len() - 10] ^= 1;
        let newer = String::from_utf8(whole.clone()).unwrap().replacen("index\":2", "index\":3", 1);
        let cases = [&damaged[..], &whole[..whole.len() - 5], newer.as_bytes(), b"", b"\xff\n\n", b"{}\n"];
        for bytes in cases {
            fs::write(&file, bytes).unwrap();
            let index = index(folder.path());
            assert_eq!(index.facts(&song, LOOK), None, "{}", String::from_utf8_lossy(bytes));
            index.learn(&song, LOOK, facts());
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
        assert_eq!((index.facts(&song, LOOK), index.knows(&song, LOOK)), (None, false));
        index.learn(&song, LOOK, facts());
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
            index.learn(&path(format!("/music/{n}.mp3").as_bytes()), LOOK, facts());
        }
        index.write();
        assert_eq!(index.below(Path::new("/music")).len(), 100);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }
}
