//! Music that members bring along: streamed to disk within limits, read before it counts, and kept for a while.
//!
//! An upload is not listed. It is named at random, and played to the room that it was brought to.

use std::collections::HashMap;
use std::fs;
use std::io;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result};
use axum::body::BodyDataStream;
use futures_util::TryStreamExt;
use parking_lot::Mutex;
use tokio::io::AsyncWriteExt;
use tokio::time::interval;
use tracing::warn;

use super::formats::Kind;
use super::item::{Item, ItemId, Sidecars};
use super::probe;
use crate::audio::one_line::clean;
use crate::audio::sniff::{Content, sniff};
use crate::folder::file_stamp::FileStamp;
use crate::private;
use crate::random;
use crate::runtime::Context;
use crate::time::Timestamp;

/// What has come in is written in pieces of this size.
const BUFFER_BYTES: usize = 256 * 1024;

/// Uploads that have been kept long enough are looked for this often.
const SWEEP_EVERY: Duration = Duration::from_mins(1);

/// Random bytes of an upload's name.
const ID_BYTES: usize = 12;

/// What did not come whole is deleted when it is as old as this: it may be on its way to another node.
const UNFINISHED_KEPT: Duration = Duration::from_hours(1);

/// Bytes of a name on disk; file systems take 255.
const MAX_NAME_BYTES: usize = 150;

/// The ending of a file that is not here whole.
const UNFINISHED: &str = "part";

/// What uploads may take.
#[derive(Debug, Clone)]
pub struct UploadLimits {
    /// Bytes of one.
    pub max_bytes: u64,
    /// How many there may be.
    pub max_files: usize,
    /// Bytes of all.
    pub max_total_bytes: u64,
    /// How many of them may come from one address, and their bytes: nobody alone takes the room of all.
    pub max_files_of_address: usize,
    /// Bytes of these.
    pub max_bytes_of_address: u64,
    /// How many come in at a time: each holds a buffer, and a file that nobody plays yet.
    pub at_once: usize,
    /// How long each is kept.
    pub kept: Duration,
}

/// Why an upload is not taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refusal {
    /// It is larger than one may be.
    TooLarge,
    /// There is no room for it.
    Full,
    /// As many are kept of its address as may be.
    Enough,
    /// It is no music that browsers play.
    NoMusic(String),
    /// It did not come whole, or could not be written.
    Broken,
}

/// The uploads of a service.
pub struct Uploads {
    folder: PathBuf,
    limits: UploadLimits,
    context: Context,
    held: Mutex<Held>,
}

/// What there is, with what is coming in.
#[derive(Default)]
struct Held {
    items: HashMap<ItemId, Arc<Item>>,
    n_coming: usize,
    n_bytes: u64,
    /// Where those are from that came to this process.
    origins: HashMap<ItemId, IpAddr>,
    shares: HashMap<IpAddr, UploadShare>,
}

/// What is kept and coming in of one address.
#[derive(Default)]
struct UploadShare {
    n_files: usize,
    n_bytes: u64,
}

/// An upload that is coming in; it is deleted unless it is taken.
struct Coming<'a> {
    uploads: &'a Uploads,
    path: PathBuf,
    n_bytes: u64,
    from: Option<IpAddr>,
}

impl Uploads {
    /// The uploads in a folder, and those that are to come. Other nodes may share it; what is not theirs is left alone.
    pub fn open(folder: PathBuf, limits: UploadLimits, context: &Context) -> Result<Arc<Self>> {
        private::make_own_folder(&folder).with_context(|| format!("{}: cannot be made", folder.display()))?;
        let mut held = Held::default();
        for entry in fs::read_dir(&folder)? {
            let path = entry?.path();
            if let Some(item) = known(&path) {
                held.hold(&Arc::new(item));
            } else if is_left_unfinished(&path, context.clock.wall()) {
                fs::remove_file(&path).with_context(|| format!("{}: cannot be deleted", path.display()))?;
            }
        }
        let uploads = Arc::new(Self { folder, limits, context: context.clone(), held: Mutex::new(held) });
        let (sweeper, stop) = (Arc::clone(&uploads), context.clone());
        context.spawn(async move {
            let mut due = interval(SWEEP_EVERY);
            loop {
                tokio::select! {
                    () = stop.stopping() => return,
                    _ = due.tick() => sweeper.sweep(),
                }
            }
        });
        Ok(uploads)
    }

    /// Bytes of the largest file that is taken.
    pub fn max_bytes(&self) -> u64 {
        self.limits.max_bytes
    }

    /// The upload of that name; one that came to another node is looked for in the folder.
    pub async fn item(&self, id: &ItemId) -> Option<Arc<Item>> {
        let held = self.held.lock().items.get(id).map(Arc::clone);
        if held.is_some() || !is_id(id.as_str()) {
            return held;
        }
        let folder = self.folder.join(id.as_str());
        let item = Arc::new(tokio::task::spawn_blocking(move || known(&folder)).await.ok()??);
        self.held.lock().hold(&item);
        Some(item)
    }

    /// Takes in what a member sends under that name; `announced` is how long it says that it is, `from` the address that it
    /// counts for.
    pub async fn take(
        &self,
        name: &str,
        announced: Option<u64>,
        from: Option<IpAddr>,
        pieces: &mut BodyDataStream,
    ) -> Result<Arc<Item>, Refusal> {
        if announced.is_some_and(|n_bytes| n_bytes > self.limits.max_bytes) {
            return Err(Refusal::TooLarge);
        }
        let id = hex::encode(random::bytes::<ID_BYTES>());
        let mut coming = self.expect(&id, from)?;
        self.write(&mut coming, pieces).await?;
        let path = coming.path.clone();
        let name = name.to_owned();
        let read = tokio::task::spawn_blocking(move || arrived(&path, &id, &name)).await;
        let item = Arc::new(read.unwrap_or(Err(Refusal::Broken))?);
        coming.arrive(&item);
        Ok(item)
    }

    /// Makes a place for an upload.
    fn expect(&self, id: &str, from: Option<IpAddr>) -> Result<Coming<'_>, Refusal> {
        let mut held = self.held.lock();
        if held.items.len() + held.n_coming >= self.limits.max_files {
            return Err(Refusal::Full);
        }
        if let Some(from) = from {
            let share = held.shares.entry(from).or_default();
            if share.n_files >= self.limits.max_files_of_address {
                return Err(Refusal::Enough);
            }
            share.n_files += 1;
        }
        held.n_coming += 1;
        let path = self.folder.join(format!("{id}.{UNFINISHED}"));
        Ok(Coming { uploads: self, path, n_bytes: 0, from })
    }

    /// Writes down what comes in, as long as it keeps to the limits.
    async fn write(&self, coming: &mut Coming<'_>, pieces: &mut BodyDataStream) -> Result<(), Refusal> {
        let broken = |_: io::Error| Refusal::Broken;
        private::write(&coming.path, &[]).map_err(broken)?;
        let file = tokio::fs::OpenOptions::new().write(true).open(&coming.path).await.map_err(broken)?;
        let mut file = tokio::io::BufWriter::with_capacity(BUFFER_BYTES, file);
        while let Some(piece) = pieces.try_next().await.map_err(|_| Refusal::Broken)? {
            coming.grow(piece.len() as u64)?;
            file.write_all(&piece).await.map_err(broken)?;
        }
        file.flush().await.map_err(broken)
    }

    /// Deletes what has been kept long enough.
    fn sweep(&self) {
        let now = self.context.clock.wall();
        let mut held = self.held.lock();
        let is_old = |item: &Item| now.since(item.stamp.modified_at) > self.limits.kept;
        let old: Vec<Arc<Item>> = held.items.values().filter(|item| is_old(item)).map(Arc::clone).collect();
        for item in old {
            if let Err(error) = fs::remove_dir_all(self.folder.join(item.id.as_str()))
                && error.kind() != io::ErrorKind::NotFound
            {
                warn!(path = %item.path.display(), %error, "an upload cannot be deleted");
            }
            held.n_bytes -= item.stamp.n_bytes;
            held.items.remove(&item.id);
            let from = held.origins.remove(&item.id);
            held.give_back(from, 1, item.stamp.n_bytes);
        }
    }
}

impl Held {
    /// Counts an upload that is whole, once.
    fn hold(&mut self, item: &Arc<Item>) {
        if self.items.insert(item.id.clone(), Arc::clone(item)).is_none() {
            self.n_bytes += item.stamp.n_bytes;
        }
    }

    /// Takes files and bytes off what counts for an address.
    fn give_back(&mut self, from: Option<IpAddr>, n_files: usize, n_bytes: u64) {
        let Some((from, share)) = from.and_then(|from| Some((from, self.shares.get_mut(&from)?))) else {
            return;
        };
        share.n_files -= n_files;
        share.n_bytes -= n_bytes;
        if share.n_files == 0 {
            self.shares.remove(&from);
        }
    }
}

impl Coming<'_> {
    fn grow(&mut self, n_bytes: u64) -> Result<(), Refusal> {
        if self.n_bytes + n_bytes > self.uploads.limits.max_bytes {
            return Err(Refusal::TooLarge);
        }
        let mut held = self.uploads.held.lock();
        if held.n_bytes + n_bytes > self.uploads.limits.max_total_bytes {
            return Err(Refusal::Full);
        }
        if let Some(share) = self.from.and_then(|from| held.shares.get_mut(&from)) {
            if share.n_bytes + n_bytes > self.uploads.limits.max_bytes_of_address {
                return Err(Refusal::Enough);
            }
            share.n_bytes += n_bytes;
        }
        held.n_bytes += n_bytes;
        self.n_bytes += n_bytes;
        Ok(())
    }

    /// It is an upload like the others: its bytes stay counted.
    fn arrive(mut self, item: &Arc<Item>) {
        let mut held = self.uploads.held.lock();
        held.items.insert(item.id.clone(), Arc::clone(item));
        if let Some(from) = self.from.take() {
            held.origins.insert(item.id.clone(), from);
        }
        self.n_bytes = 0;
    }
}

impl Drop for Coming<'_> {
    fn drop(&mut self) {
        let mut held = self.uploads.held.lock();
        held.n_coming -= 1;
        held.n_bytes -= self.n_bytes;
        held.give_back(self.from, 1, self.n_bytes);
        drop(held);
        // What has arrived has another name.
        let _ = fs::remove_file(&self.path);
    }
}

/// Reads what has come in, and gives it the name that it keeps.
fn arrived(path: &Path, id: &str, name: &str) -> Result<Item, Refusal> {
    let extension = extension(path).ok_or_else(|| Refusal::NoMusic("no music that is known here".into()))?;
    let facts = probe::read_sound(path, extension)
        .ok_or_else(|| Refusal::NoMusic("no music that is known here".into()))?;
    if let Some(problem) = facts.streams.problem() {
        return Err(Refusal::NoMusic(problem));
    }
    let folder = path.with_file_name(id);
    let kept = folder.join(format!("{}.{extension}", stem(name)));
    let moved = private::make_folder(&folder).and_then(|()| fs::rename(path, kept));
    let item = moved.ok().and_then(|()| known(&folder));
    item.ok_or_else(|| {
        // It may not have been made.
        let _ = fs::remove_dir_all(folder);
        Refusal::Broken
    })
}

/// What a file is by its content, as the extension that is usual for it.
fn extension(path: &Path) -> Option<&'static str> {
    match sniff(&mut fs::File::open(path).ok()?).ok()? {
        Content::Wav(_) => Some("wav"),
        Content::Mp3(_) => Some("mp3"),
        Content::Other(0, extension) => Some(extension),
        Content::Other(..) | Content::Matroska | Content::Foreign(_) | Content::Unknown => None,
    }
}

/// A name without its extension, as it may stand on disk.
fn stem(name: &str) -> String {
    let name = name.rsplit(['/', '\\']).next().unwrap_or_default();
    let stem = name.rsplit_once('.').map_or(name, |(stem, _)| stem);
    let mut kept = clean(stem);
    while kept.len() > MAX_NAME_BYTES {
        kept.pop();
    }
    if kept.is_empty() { "music".into() } else { kept }
}

/// The upload in a folder that an earlier process, or this one, has made: its name is that of the folder.
fn known(folder: &Path) -> Option<Item> {
    let id = folder.file_name()?.to_str().filter(|id| is_id(id))?;
    let path = fs::read_dir(folder).ok()?.next()?.ok()?.path();
    let facts = probe::read_sound(&path, &probe::extension(&path))?;
    Some(Item {
        id: ItemId::named(id),
        relative: facts.title.to_lowercase(),
        stamp: FileStamp::read(&path).ok()?,
        path: path.into(),
        kind: Kind::Audio,
        facts: Arc::new(facts),
        sidecars: Sidecars::default(),
    })
}

/// Whether an upload could be called that.
fn is_id(name: &str) -> bool {
    name.len() == 2 * ID_BYTES && name.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

/// Whether it is what was left of an upload that did not come whole.
fn is_left_unfinished(path: &Path, now: Timestamp) -> bool {
    let is_of_upload = path.extension().is_some_and(|extension| extension == UNFINISHED)
        && path.file_stem().and_then(|stem| stem.to_str()).is_some_and(is_id);
    is_of_upload && FileStamp::read(path).is_ok_and(|stamp| now.since(stamp.modified_at) > UNFINISHED_KEPT)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_leads_nowhere() {
        let cases = [
            ("Ann - Song.mp3", "Ann - Song"),
            ("../../etc/passwd", "passwd"),
            ("C:\\music\\a.b.mp3", "a.b"),
            ("..", "."),
            ("", "music"),
            ("a\0b\n.mp3", "a b"),
        ];
        for (name, expected) in cases {
            assert_eq!(stem(name), expected, "{name:?}");
        }
        assert!(stem(&"歌".repeat(1000)).len() <= MAX_NAME_BYTES);
    }
}
