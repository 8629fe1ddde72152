//! Pictures of files: what lies beside them, what they bring, or a frame that ffmpeg takes and a folder keeps.

use std::collections::HashMap;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use parking_lot::Mutex;
use tokio::sync::Semaphore;
use tracing::debug;

use super::item::{Item, ItemId};
use super::probe;
use super::tool::{self, Limits, Tools};
use crate::folder::file_stamp::FileStamp;
use crate::private;
use crate::runtime::Context;

/// Frames that are taken at a time: each keeps a core busy for a moment.
const MAX_JOBS: usize = 2;

/// What taking one may take.
const FRAME_LIMITS: Limits = Limits { time: Duration::from_secs(20), max_output: 1024 * 1024 };

/// Larger pictures are not sent: covers have a few hundred KiB.
const MAX_PICTURE_BYTES: u64 = 8 * 1024 * 1024;

/// A frame is taken this far into a film, in parts of it and in seconds at most: behind the logos, before the plot.
const FRAME_AT: (f64, f64) = (0.1, 120.0);

/// The size of a frame.
const SCALE: &str = "scale=480:-2";

/// A picture with its media type.
pub type Picture = (Vec<u8>, &'static str);

/// Where pictures come from.
pub struct Posters {
    frames: Option<Frames>,
    context: Context,
}

/// Frames that are taken of films.
struct Frames {
    tools: Tools,
    folder: PathBuf,
    max_bytes: u64,
    jobs: Semaphore,
    /// Films that no frame could be taken of, as they were then.
    failed: Mutex<HashMap<ItemId, FileStamp>>,
}

impl Posters {
    /// Pictures, with frames kept in `folder` up to so many bytes if there are tools.
    pub fn new(tools: Option<Tools>, folder: PathBuf, max_bytes: u64, context: &Context) -> Arc<Self> {
        let (jobs, failed) = (Semaphore::new(MAX_JOBS), Mutex::default());
        let frames = tools.map(|tools| Frames { tools, folder, max_bytes, jobs, failed });
        Arc::new(Self { frames, context: context.clone() })
    }

    /// The picture of a file, if there is any.
    pub async fn picture(self: &Arc<Self>, item: Arc<Item>) -> Option<Picture> {
        let this = Arc::clone(self);
        let of_item = Arc::clone(&item);
        let found = tokio::task::spawn_blocking(move || this.ready_made(&of_item)).await.ok()?;
        if found.is_some() {
            return found;
        }
        let frames = self.frames.as_ref()?;
        if item.facts.streams.video.is_none() || frames.failed.lock().get(&item.id) == Some(&item.stamp) {
            return None;
        }
        let _permit = frames.jobs.acquire().await.ok()?;
        let this = Arc::clone(self);
        tokio::task::spawn_blocking(move || this.take_frame(&item)).await.ok()?
    }

    /// A picture that is there.
    fn ready_made(&self, item: &Item) -> Option<Picture> {
        let beside = item.sidecars.picture.as_deref().and_then(|path| read(path).ok());
        let beside = beside.and_then(typed);
        let cover = || probe::cover(&item.path).filter(|_| item.facts.has_cover).and_then(typed);
        let kept = || read(&self.frames.as_ref()?.path(item)).ok().and_then(typed);
        beside.or_else(cover).or_else(kept)
    }

    fn take_frame(&self, item: &Item) -> Option<Picture> {
        let frames = self.frames.as_ref()?;
        // Somebody else may have waited for the same.
        if let Ok(kept) = read(&frames.path(item)) {
            return typed(kept);
        }
        match frames.take(item, &self.context) {
            Ok(frame) => {
                frames.keep(item, &frame);
                typed(frame)
            }
            Err(error) => {
                debug!(path = %item.path.display(), error = format!("{error:#}"), "no frame could be taken");
                frames.failed.lock().insert(item.id.clone(), item.stamp);
                None
            }
        }
    }
}

impl Frames {
    fn path(&self, item: &Item) -> PathBuf {
        let FileStamp { n_bytes, modified_at } = item.stamp;
        self.folder.join(format!("{}-{n_bytes:x}-{:x}.jpg", item.id.as_str(), modified_at.as_micros()))
    }

    fn take(&self, item: &Item, context: &Context) -> Result<Vec<u8>> {
        let (part, most) = FRAME_AT;
        let at = item.facts.seconds.map_or(0.0, |seconds| (seconds * part).min(most));
        let mut command = self.tools.convert(&item.path, at);
        command.args(["-map", "0:v:0", "-frames:v", "1", "-vf", SCALE, "-q:v", "4", "-f", "mjpeg", "pipe:1"]);
        let frame = tool::run(&mut command, FRAME_LIMITS, context).context("ffmpeg")?;
        ensure!(!frame.is_empty(), "there is no frame there");
        Ok(frame)
    }

    /// Keeps a frame, and lets go the oldest while there is too much.
    fn keep(&self, item: &Item, frame: &[u8]) {
        let path = self.path(item);
        let unfinished = path.with_extension("part");
        let written = private::write(&unfinished, frame).and_then(|()| fs::rename(&unfinished, path));
        if let Err(error) = written.and_then(|()| shrink(&self.folder, self.max_bytes)) {
            debug!(%error, "a frame is not kept");
        }
    }
}

/// Deletes the oldest files of a folder until the others have no more than `max_bytes`.
fn shrink(folder: &Path, max_bytes: u64) -> io::Result<()> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        files.push((FileStamp::of(&entry.metadata()?), entry.path()));
    }
    files.sort_by_key(|(stamp, _)| std::cmp::Reverse(stamp.modified_at));
    let mut n_bytes = 0;
    for (stamp, path) in files {
        n_bytes += stamp.n_bytes;
        if n_bytes > max_bytes {
            fs::remove_file(path)?;
        }
    }
    Ok(())
}

fn read(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)?.take(MAX_PICTURE_BYTES).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// A picture with the type that it has, if it is one that browsers show and that holds no scripts.
fn typed(bytes: Vec<u8>) -> Option<Picture> {
    let media_type = match &*bytes {
        [0xff, 0xd8, 0xff, ..] => "image/jpeg",
        [0x89, b'P', b'N', b'G', ..] => "image/png",
        [b'G', b'I', b'F', b'8', ..] => "image/gif",
        [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'E', b'B', b'P', ..] => "image/webp",
        _ => return None,
    };
    ((bytes.len() as u64) < MAX_PICTURE_BYTES).then_some((bytes, media_type))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_of_frames_keeps_the_latest() {
        let folder = tempfile::tempdir().unwrap();
        for (n, name) in ["old", "middle", "new"].iter().enumerate() {
            let path = folder.path().join(name);
            fs::write(&path, [0; 400]).unwrap();
            let at = std::time::UNIX_EPOCH + Duration::from_secs(1_000_000 + n as u64);
            File::open(&path).unwrap().set_modified(at).unwrap();
        }
        shrink(folder.path(), 900).unwrap();
        let mut left: Vec<_> =
            fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        left.sort();
        assert_eq!(left, ["middle", "new"]);
    }

    #[test]
    fn a_picture_is_what_its_bytes_say() {
        assert_eq!(typed(b"\xff\xd8\xff\xe0".to_vec()).map(|(_, kind)| kind), Some("image/jpeg"));
        assert_eq!(typed(b"RIFF\0\0\0\0WEBPVP8 ".to_vec()).map(|(_, kind)| kind), Some("image/webp"));
        for other in [&b"<svg onload=alert(1)>"[..], b"", b"RIFF\0\0\0\0WAVE", b"\xff\xd8"] {
            assert_eq!(typed(other.to_vec()), None);
        }
    }
}
