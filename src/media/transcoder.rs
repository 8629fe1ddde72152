//! Films that browsers do not play, as HLS: made by ffmpeg while they are watched, within bounds of programs, disk and time.
//!
//! A playlist grows while its film is made. What stays as it is (H.264, AAC) is only put into another container. A film
//! that nobody asks for is given up; one that is finished is kept until its place is needed, or the process ends.

use std::collections::HashMap;
use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use anyhow::{Context as _, Result};
use parking_lot::Mutex;
use tokio::sync::Notify;
use tokio::time::timeout;
use tracing::{info, warn};

use super::item::{Item, ItemId};
use super::tool::{self, Tools};
use crate::folder::file_stamp::FileStamp;
use crate::private;
use crate::runtime::Context;

/// The list of pieces.
pub const PLAYLIST: &str = "index.m3u8";

/// What every piece needs beside itself.
const INIT: &str = "init.mp4";

/// What ffmpeg complains of.
const LOG: &str = "log";

/// Bytes of complaints that are told.
const LOG_BYTES: i64 = 300;

/// A running program is looked after this often.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// What pieces take on disk is counted this often.
const COUNT_EVERY: Duration = Duration::from_secs(1);

/// A request waits so long for a piece that is being made.
const PIECE_TIMEOUT: Duration = Duration::from_secs(30);

/// How a picture is encoded anew.
const PICTURE: [&str; 14] = [
    "-c:v",
    "libx264",
    "-preset",
    "veryfast",
    "-crf",
    "22",
    "-pix_fmt",
    "yuv420p",
    "-vf",
    "scale='trunc(min(1920,iw)/2)*2':-2",
    "-force_key_frames",
    "expr:gte(t,n_forced*4)",
    "-profile:v",
    "high",
];

/// How pieces are written.
const PIECES: [&str; 20] = [
    "-f",
    "hls",
    "-hls_time",
    "4",
    "-hls_list_size",
    "0",
    "-hls_playlist_type",
    "event",
    "-hls_segment_type",
    "fmp4",
    "-hls_flags",
    "independent_segments+temp_file",
    "-hls_fmp4_init_filename",
    INIT,
    "-hls_segment_filename",
    "%d.m4s",
    "-max_muxing_queue_size",
    "4096",
    "-y",
    PLAYLIST,
];

/// What transcoding may take.
#[derive(Debug, Clone)]
pub struct TranscodeLimits {
    /// Films at a time.
    pub jobs: usize,
    /// Bytes of pieces on disk.
    pub max_bytes: u64,
    /// The longest that one film may take.
    pub timeout: Duration,
    /// A film that nobody has asked for in this time is given up.
    pub idle: Duration,
}

/// Why there is no piece.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoPiece {
    /// There is none of that name.
    Unknown,
    /// As many films as may are being made.
    Busy,
    /// It has not been made in time.
    Late,
}

/// Films on their way to HLS, and those that are ready.
pub struct Transcoder {
    tools: Tools,
    folder: PathBuf,
    limits: TranscodeLimits,
    context: Context,
    films: Mutex<Films>,
    /// A film may have another piece.
    progress: Notify,
}

#[derive(Default)]
struct Films {
    by_folder: HashMap<PathBuf, Film>,
    /// Films that could not be made, as they were then.
    failed: HashMap<ItemId, FileStamp>,
}

struct Film {
    is_running: bool,
    /// When somebody asked for it last, in time since the process started.
    asked_at: Duration,
}

impl Transcoder {
    /// Keeps pieces in `folder`, which is its own: what is in it goes.
    pub fn new(
        tools: Tools,
        folder: PathBuf,
        limits: TranscodeLimits,
        context: &Context,
    ) -> Result<Arc<Self>> {
        let clear = || {
            private::make_own_folder(&folder)?;
            fs::remove_dir_all(&folder)?;
            private::make_folder(&folder)
        };
        clear().with_context(|| format!("{}: cannot be made", folder.display()))?;
        let folder = std::path::absolute(folder)?;
        let context = context.clone();
        Ok(Arc::new(Self {
            tools,
            folder,
            limits,
            context,
            films: Mutex::default(),
            progress: Notify::new(),
        }))
    }

    /// The file of that name of a film, once it is there; begins to make the film if nobody has.
    pub async fn piece(self: &Arc<Self>, item: &Arc<Item>, name: &str) -> Result<PathBuf, NoPiece> {
        if !is_piece(name) {
            return Err(NoPiece::Unknown);
        }
        let folder = self.ask(item)?;
        let path = folder.join(name);
        let wait = async {
            loop {
                let progress = self.progress.notified();
                tokio::pin!(progress);
                progress.as_mut().enable();
                let is_running = self.films.lock().by_folder.get(&folder).is_some_and(|film| film.is_running);
                if tokio::fs::try_exists(&path).await.unwrap_or(false) {
                    return Ok(path);
                }
                if !is_running {
                    return Err(NoPiece::Unknown);
                }
                progress.await;
            }
        };
        timeout(PIECE_TIMEOUT, wait).await.unwrap_or(Err(NoPiece::Late))
    }

    /// Notes that somebody asks for a film, and begins with it if need be.
    fn ask(self: &Arc<Self>, item: &Arc<Item>) -> Result<PathBuf, NoPiece> {
        let FileStamp { n_bytes, modified_at } = item.stamp;
        let name = format!("{}-{n_bytes:x}-{:x}", item.id.as_str(), modified_at.as_micros());
        let folder = self.folder.join(name);
        let asked_at = self.context.clock.uptime();
        let mut films = self.films.lock();
        if let Some(film) = films.by_folder.get_mut(&folder) {
            film.asked_at = asked_at;
            return Ok(folder);
        }
        if films.failed.get(&item.id) == Some(&item.stamp) {
            return Err(NoPiece::Unknown);
        }
        if films.by_folder.values().filter(|film| film.is_running).count() >= self.limits.jobs {
            return Err(NoPiece::Busy);
        }
        films.by_folder.insert(folder.clone(), Film { is_running: true, asked_at });
        drop(films);
        let (this, item, its_folder) = (Arc::clone(self), Arc::clone(item), folder.clone());
        // The process waits for its programs to be ended.
        let token = self.context.token();
        let make = move || {
            this.make(&item, &its_folder);
            drop(token);
        };
        if let Err(error) = thread::Builder::new().name("transcoder".into()).spawn(make) {
            warn!(%error, "no thread for a film");
            self.films.lock().by_folder.remove(&folder);
            return Err(NoPiece::Busy);
        }
        Ok(folder)
    }

    /// Makes a film, to its end or until it is given up.
    fn make(&self, item: &Item, folder: &Path) {
        let shown = item.path.display();
        let outcome = self.start(item, folder).and_then(|mut child| {
            info!(film = %shown, "a film is transcoded");
            let outcome = self.watch(&mut child, folder);
            tool::end(&mut child);
            outcome
        });
        let mut films = self.films.lock();
        match outcome {
            Ok(Outcome::Ready) => {
                info!(film = %shown, "a film has been transcoded");
                if let Some(film) = films.by_folder.get_mut(folder) {
                    film.is_running = false;
                }
            }
            Ok(Outcome::GivenUp) => {
                info!(film = %shown, "a film is given up: nobody asks for it");
                films.by_folder.remove(folder);
                remove(folder);
            }
            Err(error) => {
                let (error, said) = (format!("{error:#}"), last_words(folder));
                warn!(film = %shown, error, said, "a film cannot be transcoded");
                films.failed.insert(item.id.clone(), item.stamp);
                films.by_folder.remove(folder);
                remove(folder);
            }
        }
        drop(films);
        self.progress.notify_waiters();
    }

    fn start(&self, item: &Item, folder: &Path) -> Result<Child> {
        private::make_folder(folder)?;
        let path = std::path::absolute(&item.path)?;
        let mut command = self.tools.convert(&path, 0.0);
        add_streams(&mut command, item);
        command.args(PIECES).current_dir(folder);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(File::create(folder.join(LOG))?);
        command.spawn().context("ffmpeg cannot be run")
    }

    /// Waits for the end of a program, and says how to take it.
    fn watch(&self, child: &mut Child, folder: &Path) -> Result<Outcome> {
        let clock = self.context.clock;
        let started = clock.uptime();
        let mut counted_at = started;
        loop {
            if let Some(status) = child.try_wait()? {
                anyhow::ensure!(status.success(), "ffmpeg failed: {status}");
                return Ok(Outcome::Ready);
            }
            let now = clock.uptime();
            let asked_at = self.films.lock().by_folder.get(folder).map_or(started, |film| film.asked_at);
            if self.context.is_stopping() || now.saturating_sub(asked_at) > self.limits.idle {
                return Ok(Outcome::GivenUp);
            }
            anyhow::ensure!(
                now.saturating_sub(started) <= self.limits.timeout,
                "it takes longer than transcode_timeout"
            );
            if now.saturating_sub(counted_at) >= COUNT_EVERY {
                counted_at = now;
                self.make_room()?;
            }
            self.progress.notify_waiters();
            thread::park_timeout(LOOK_EVERY);
        }
    }

    /// Deletes finished films, those first that nobody has asked for the longest, while all take more than they may.
    ///
    /// # Errors
    /// If that is not enough.
    fn make_room(&self) -> Result<()> {
        let mut n_bytes = folder_bytes(&self.folder)?;
        while n_bytes > self.limits.max_bytes {
            let mut films = self.films.lock();
            let finished = films.by_folder.iter().filter(|(_, film)| !film.is_running);
            let oldest = finished.min_by_key(|(_, film)| film.asked_at).map(|(folder, _)| folder.clone());
            let oldest = oldest.context("films take more than transcode_max_bytes")?;
            films.by_folder.remove(&oldest);
            drop(films);
            remove(&oldest);
            n_bytes = folder_bytes(&self.folder)?;
        }
        Ok(())
    }
}

/// How the making of a film ended.
enum Outcome {
    Ready,
    GivenUp,
}

/// What of a film is copied, and what is encoded anew.
fn add_streams(command: &mut Command, item: &Item) {
    let streams = &item.facts.streams;
    command.args(["-sn", "-dn", "-map_metadata", "-1"]);
    if streams.video.is_some() {
        command.args(["-map", "0:v:0"]);
        if streams.keeps_video() {
            command.args(["-c:v", "copy"]);
        } else {
            command.args(PICTURE);
        }
    }
    if streams.audio.is_some() {
        command.args(["-map", "0:a:0"]);
        if streams.keeps_audio() {
            // In MPEG-TS each frame says anew what it is; in MP4 that is said once.
            command.args(["-c:a", "copy", "-bsf:a", "aac_adtstoasc"]);
        } else {
            command.args(["-c:a", "aac", "-ac", "2", "-b:a", "160k"]);
        }
    }
}

/// Whether it is the name of a file that a player may ask for.
fn is_piece(name: &str) -> bool {
    let is_number =
        |text: &str| (1..=7).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
    name == PLAYLIST || name == INIT || name.strip_suffix(".m4s").is_some_and(is_number)
}

/// A playlist whose addresses bring a ticket; players begin at its start, though it may grow.
pub fn with_ticket(playlist: &str, ticket: &str) -> String {
    let mut written = String::with_capacity(playlist.len() * 2);
    for line in playlist.lines() {
        if line.starts_with("#EXT-X-MAP:") {
            written.push_str(&line.replace(INIT, &format!("{INIT}?ticket={ticket}")));
        } else {
            written.push_str(line);
            if line == "#EXTM3U" {
                written.push_str("\n#EXT-X-START:TIME-OFFSET=0,PRECISE=YES");
            } else if !line.starts_with('#') && !line.is_empty() {
                written.extend(["?ticket=", ticket]);
            }
        }
        written.push('\n');
    }
    written
}

fn folder_bytes(folder: &Path) -> io::Result<u64> {
    let mut n_bytes = 0;
    for film in fs::read_dir(folder)? {
        // A film, or a piece of it, may be gone by now.
        let pieces = fs::read_dir(film?.path()).into_iter().flatten().flatten();
        n_bytes += pieces.filter_map(|piece| Some(piece.metadata().ok()?.len())).sum::<u64>();
    }
    Ok(n_bytes)
}

fn remove(folder: &Path) {
    if let Err(error) = fs::remove_dir_all(folder)
        && error.kind() != io::ErrorKind::NotFound
    {
        warn!(folder = %folder.display(), %error, "what is left of a film cannot be deleted");
    }
}

/// The end of what ffmpeg complained of.
fn last_words(folder: &Path) -> String {
    let read = || -> io::Result<String> {
        let mut file = File::open(folder.join(LOG))?;
        let n_bytes = i64::try_from(file.metadata()?.len()).unwrap_or(i64::MAX);
        file.seek(SeekFrom::End(-LOG_BYTES.min(n_bytes)))?;
        let mut bytes = Vec::new();
        file.take(LOG_BYTES.unsigned_abs()).read_to_end(&mut bytes)?;
        Ok(String::from_utf8_lossy(&bytes).trim().to_owned())
    };
    read().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_pieces_have_names() {
        for name in ["index.m3u8", "init.mp4", "0.m4s", "1234567.m4s"] {
            assert!(is_piece(name), "{name}");
        }
        for name in [
            "",
            "log",
            "../x.m4s",
            ".m4s",
            "-1.m4s",
            "12345678.m4s",
            "index.m3u8.tmp",
            "a/0.m4s",
            "init.mp4/",
        ] {
            assert!(!is_piece(name), "{name}");
        }
    }

    #[test]
    fn every_address_of_a_playlist_brings_the_ticket() {
        let playlist = "#EXTM3U\n#EXT-X-VERSION:7\n#EXT-X-MAP:URI=\"init.mp4\"\n#EXTINF:4.000000,\n0.m4s\n#EXTINF:2.5,\n1.m4s\n";
        expect_test::expect![[r#"
            #EXTM3U
            #EXT-X-START:TIME-OFFSET=0,PRECISE=YES
            #EXT-X-VERSION:7
            #EXT-X-MAP:URI="init.mp4?ticket=a.b"
            #EXTINF:4.000000,
            0.m4s?ticket=a.b
            #EXTINF:2.5,
            1.m4s?ticket=a.b
        "#]]
        .assert_eq(&with_ticket(playlist, "a.b"));
    }
}
