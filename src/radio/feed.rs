//! The thread that reads files ahead of the air: one track after the other becomes frames of the station's format.
//!
//! Slow disks and decoders stand here and never in the station's way, as long as something is read ahead.

use std::collections::VecDeque;
use std::fs::File;
use std::io::Cursor;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use anyhow::{Context as _, Result, anyhow};
use tokio::sync::mpsc::{Receiver, Sender, channel};
use tracing::{info, warn};

use super::decode::{Block, Decoder, Mp3, counted_seconds};
use super::format::Format;
use super::index::{Facts, Index, Loudness};
use super::library::Look;
use super::loudness;
use super::mp3::Frame;
use super::shelf::Shelf;
use super::sniff::{is_named_mp3, mp3_frames, sniff};
use super::track::{Track, frame_format};
use super::transcoder::Transcoder;
use crate::runtime::Clock;
use crate::sample;

/// Frames that are read ahead for each track that may be: 15 seconds.
const FRAMES_AHEAD: usize = 600;

/// A track that is alone in its folder is read again when no more frames than these are left: 5 seconds.
const LONE_FRAMES_AHEAD: usize = 200;

/// Files whose format is looked at to find that of most.
const SURVEYED: usize = 50;

/// The sound of one frame, or a little less.
const FRAME_TIME: Duration = Duration::from_millis(24);

/// The survey takes no longer, however slow the disk.
const SURVEY_TIME: Duration = Duration::from_millis(200);

/// The first track is measured for so long, or as much of it as this allows: some minutes of it.
const FIRST_MEASURE: Duration = Duration::from_secs(1);

/// Later ones have half of the time that is read ahead, and no more than this.
const LATER_MEASURE: Duration = Duration::from_secs(10);

/// What so much of a file sounds like holds for all of it, where there is no time for more.
const REPRESENTATIVE_SECONDS: f64 = 600.0;

/// An empty folder is looked at again this often.
const EMPTY_PAUSE: Duration = Duration::from_millis(100);

/// A folder in which nothing can be played is looked at again this often.
const HOPELESS_PAUSE: Duration = Duration::from_secs(1);

/// What comes out.
#[derive(Debug)]
pub enum Item {
    /// What follows belongs to this track.
    Track(u64, Arc<Track>),
    /// A frame of it.
    Frame(u64, Frame),
}

/// How tracks are made fit for the air.
#[derive(Debug, Clone)]
pub struct Making {
    /// The station, for the log.
    pub route: String,
    /// Kilobits a second of what is encoded here.
    pub bitrate_kbps: u32,
    /// Whether tracks are brought to one loudness.
    pub levels: Levels,
    /// Tracks that may be read ahead.
    pub tracks_ahead: usize,
    /// What plays.
    pub plays: Plays,
}

/// Whether tracks are brought to one loudness.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Levels {
    /// To that of EBU R128.
    Equal,
    /// As they are.
    AsRecorded,
}

/// What a station plays.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Plays {
    /// What is on its shelf.
    Shelf,
    /// The built-in sample.
    Sample,
}

struct Feed {
    making: Making,
    shelf: Arc<Shelf>,
    index: Arc<Index>,
    clock: Clock,
    out: Sender<Item>,
    is_first: bool,
    /// What encodes, once something had to be.
    transcoder: Option<Transcoder>,
    /// The track that was read last.
    serial: u64,
}

/// The station is gone.
struct Gone;

/// Starts the thread; it ends when nobody takes what it makes.
pub fn start(making: Making, shelf: Arc<Shelf>, index: Arc<Index>, clock: Clock) -> Result<Receiver<Item>> {
    let (out, taken) = channel(making.tracks_ahead.max(1) * FRAMES_AHEAD);
    let name = format!("radio {}", making.route);
    let feed = Feed { making, shelf, index, clock, out, is_first: true, transcoder: None, serial: 0 };
    thread::Builder::new().name(name).spawn(move || feed.run()).context("a thread for a station")?;
    Ok(taken)
}

impl Feed {
    fn run(mut self) {
        let mut n_failed = 0;
        while !self.out.is_closed() {
            if self.is_early_for_a_lone_track() {
                thread::park_timeout(EMPTY_PAUSE);
                continue;
            }
            let next = match self.making.plays {
                Plays::Sample => Some(Path::new("roomhub-sample.wav").into()),
                Plays::Shelf => self.shelf.playlist.lock().next_track(),
            };
            let is_hopeless = n_failed > 0 && n_failed >= self.shelf.playlist.lock().n_tracks();
            let Some(path) = next.filter(|_| !is_hopeless) else {
                n_failed = 0;
                self.shelf.despair(is_hopeless);
                self.shelf.refresh();
                if let Ok(Err(Gone)) = self.finish() {
                    return;
                }
                thread::park_timeout(if is_hopeless { HOPELESS_PAUSE } else { EMPTY_PAUSE });
                continue;
            };
            n_failed = match self.play_or_skip(&path) {
                Ok(true) => 0,
                Ok(false) => n_failed + 1,
                Err(Gone) => return,
            };
        }
    }

    /// Plays a track: whether it could be played. A file that failed is not tried again for some time, unless it has
    /// changed, and the log is told once.
    fn play_or_skip(&mut self, path: &Arc<Path>) -> Result<bool, Gone> {
        let look = Look::at(path).ok();
        if let Some(reason) = self.index.failure(path, look, self.clock.uptime()) {
            self.shelf.skipped(path, &reason);
            return Ok(false);
        }
        let format = self.format();
        let played = catch_unwind(AssertUnwindSafe(|| self.play(path, format)));
        self.is_first = false;
        let played = played.unwrap_or_else(|_| {
            self.transcoder = None;
            Err(anyhow!("its decoder panicked"))
        });
        match played {
            Ok(played) => {
                self.index.succeed(path);
                self.shelf.played(path);
                self.shelf.despair(false);
                played.map(|()| true)
            }
            Err(error) => {
                let reason = format!("{error:#}");
                if self.index.fail(path, look, &reason, self.clock.uptime()) {
                    warn!(route = self.making.route, file = %path.display(), reason, "a file cannot be played");
                }
                self.shelf.skipped(path, &reason);
                Ok(false)
            }
        }
    }

    /// Whether there is one track alone, which is not over for some time: others may come before it plays again.
    fn is_early_for_a_lone_track(&self) -> bool {
        let n_ahead = self.out.max_capacity() - self.out.capacity();
        self.making.plays == Plays::Shelf
            && n_ahead > LONE_FRAMES_AHEAD
            && self.shelf.playlist.lock().n_tracks() == 1
    }

    /// The station's format: settled when it first has files, by what is known of them then, and kept.
    fn format(&self) -> Format {
        if let Some(format) = self.shelf.format.get() {
            return *format;
        }
        let tracks: Vec<_> =
            self.shelf.playlist.lock().tracks().iter().filter(|path| is_named_mp3(path)).cloned().collect();
        let mut formats = self.index.formats(tracks.iter());
        if formats.len() < tracks.len().div_ceil(2) {
            let until = self.clock.uptime() + SURVEY_TIME;
            let apart = tracks.len().div_ceil(SURVEYED).max(1);
            let surveyed = tracks.iter().step_by(apart).take_while(|_| self.clock.uptime() < until);
            formats = surveyed.filter_map(|path| frame_format(path).ok()).collect();
        }
        let of_most = Format::of_most(formats).unwrap_or(Format::USUAL);
        // A guest may have been faster.
        let format = *self.shelf.format.get_or_init(|| of_most);
        info!(route = self.making.route, rate = format.rate, channels = format.channels, "format settled");
        format
    }

    fn play(&mut self, path: &Arc<Path>, format: Format) -> Result<Result<(), Gone>> {
        if self.making.plays == Plays::Sample {
            return self.play_sample(path, format);
        }
        let look = Look::at(path).context("cannot be opened")?;
        let facts = match self.index.facts(path, look) {
            Some(facts) => facts,
            None => Facts::read(path)?,
        };
        let facts = self.measured(path, look, facts)?;
        let track = Arc::new(Track::of(path, &facts));
        let loudness = match self.making.levels {
            Levels::Equal => facts.loudness.unwrap_or(Loudness::Silence),
            // No gain, as silence has none.
            Levels::AsRecorded => Loudness::Silence,
        };
        if facts.format == Some(format) {
            self.pass(path, &track, format, loudness)
        } else {
            let mut decoder = Decoder::open(path)?;
            self.encode(&track, format, loudness::gain_db(loudness), || decoder.next_block())
        }
    }

    /// What is known of a file, with its loudness and its length, which are found out now if nobody did before.
    fn measured(&self, path: &Arc<Path>, look: Look, mut facts: Facts) -> Result<Facts> {
        if self.making.levels == Levels::AsRecorded {
            if facts.format.is_some() && !facts.is_duration_exact {
                facts.duration_seconds = Some(counted_seconds(path)?);
                facts.is_duration_exact = true;
                self.index.learn(path, look, facts.clone());
            }
            return Ok(facts);
        }
        if facts.loudness.is_none() {
            // What was read ahead of a track that was left is not heard.
            let is_awaited = self.is_first || self.shelf.is_abandoned(self.serial);
            let limit = if is_awaited { FIRST_MEASURE } else { self.time_ahead() / 2 };
            let until = self.clock.uptime() + limit;
            let measured = loudness::measure(path, || self.clock.uptime() < until)?;
            facts.loudness = Some(measured.loudness);
            let is_whole = self.clock.uptime() < until;
            if is_whole {
                facts.duration_seconds = Some(measured.seconds);
                facts.is_duration_exact = true;
            }
            if is_whole || measured.seconds >= REPRESENTATIVE_SECONDS {
                self.index.learn(path, look, facts.clone());
            }
        }
        Ok(facts)
    }

    /// The time that may be spent before what is read ahead has been sent, at most as much as measuring ever needs.
    fn time_ahead(&self) -> Duration {
        let n_ahead = (self.out.max_capacity() - self.out.capacity()) as u32;
        (FRAME_TIME * n_ahead).clamp(FIRST_MEASURE, LATER_MEASURE * 2)
    }

    /// Lets frames through as they are, but for their gain; those of another format on the way are converted.
    fn pass(
        &mut self,
        path: &Path,
        track: &Arc<Track>,
        format: Format,
        loudness: Loudness,
    ) -> Result<Result<(), Gone>> {
        let (steps, gain_db) = (loudness::gain_steps(loudness), loudness::gain_db(loudness));
        let mut file = File::open(path).context("cannot be opened")?;
        let content = sniff(&mut file)?;
        let mut frames = mp3_frames(path, file, &content)?.context("no MP3")?;
        if let Err(gone) = self.finish()? {
            return Ok(Err(gone));
        }
        if let Err(gone) = self.begin(track) {
            return Ok(Err(gone));
        }
        let mut other: Option<Mp3> = None;
        let (mut held, mut n_after) = (VecDeque::new(), 0);
        while let Some(frame) = frames.next_frame()? {
            if self.is_abandoned() {
                return Ok(Ok(()));
            }
            if let Some(description) = frames.take_description() {
                // Frames that hold nothing but what the encoder put after the sound.
                held.clear();
                n_after = (description.samples_after() / frame.header.n_samples) as usize;
            }
            held.push_back(frame);
            let Some(mut frame) = (held.len() > n_after).then(|| held.pop_front()).flatten() else {
                continue;
            };
            let made = if frame.header.format == format {
                let mut made = if other.take().is_some() { self.end_track(gain_db)? } else { Vec::new() };
                frame.add_gain(steps);
                made.push(frame);
                made
            } else {
                let block = other.get_or_insert_with(Mp3::new).decode(&frame);
                self.transcoder(format).transcode(&block, gain_db)?
            };
            if let Err(gone) = self.send(made) {
                return Ok(Err(gone));
            }
        }
        let rest = self.end_track(gain_db)?;
        Ok(self.send(rest))
    }

    fn play_sample(&mut self, path: &Path, format: Format) -> Result<Result<(), Gone>> {
        let mut wav = hound::WavReader::new(Cursor::new(sample::wav()))?;
        let rate = wav.spec().sample_rate;
        let track = Track {
            file: path.to_string_lossy().into_owned(),
            title: "Sample: pass --audio-dir to play your own".into(),
            artist: "roomhub".into(),
            ..Track::default()
        };
        self.encode(&Arc::new(track), format, 0.0, || {
            let samples: Result<Vec<i16>, _> = wav.samples::<i16>().take(4096).collect();
            let samples: Vec<f32> = samples?.into_iter().map(|sample| f32::from(sample) / 32768.0).collect();
            Ok((!samples.is_empty()).then_some(Block { rate, channels: 1, samples }))
        })
    }

    /// Decodes, converts, levels and encodes, block by block.
    fn encode(
        &mut self,
        track: &Arc<Track>,
        format: Format,
        gain_db: f64,
        mut next_block: impl FnMut() -> Result<Option<Block>>,
    ) -> Result<Result<(), Gone>> {
        if let Err(gone) = self.begin(track) {
            return Ok(Err(gone));
        }
        while let Some(block) = next_block()? {
            if self.is_abandoned() {
                return Ok(Ok(()));
            }
            let made = self.transcoder(format).transcode(&block, gain_db)?;
            if let Err(gone) = self.send(made) {
                return Ok(Err(gone));
            }
        }
        let rest = match &mut self.transcoder {
            Some(transcoder) => transcoder.end_track(gain_db)?,
            None => Vec::new(),
        };
        Ok(self.send(rest))
    }

    fn transcoder(&mut self, format: Format) -> &mut Transcoder {
        let bitrate_kbps = self.making.bitrate_kbps;
        self.transcoder.get_or_insert_with(|| Transcoder::new(format, bitrate_kbps))
    }

    /// What the encoder still holds at the end of a stretch that it encoded.
    fn end_track(&mut self, gain_db: f64) -> Result<Vec<Frame>> {
        let Some(mut transcoder) = self.transcoder.take() else { return Ok(Vec::new()) };
        let mut frames = transcoder.end_track(gain_db)?;
        frames.extend(transcoder.finish()?);
        Ok(frames)
    }

    /// Sends what the encoder still holds of the track before.
    fn finish(&mut self) -> Result<Result<(), Gone>> {
        let rest = self.end_track(0.0)?;
        Ok(self.send(rest))
    }

    /// Whether the track at hand need not be read on; what the encoder holds of it is left out then.
    fn is_abandoned(&mut self) -> bool {
        let is_abandoned = self.shelf.is_abandoned(self.serial);
        if is_abandoned {
            self.transcoder = None;
        }
        is_abandoned
    }

    fn begin(&mut self, track: &Arc<Track>) -> Result<(), Gone> {
        self.serial = self.shelf.begin(track);
        self.out.blocking_send(Item::Track(self.serial, Arc::clone(track))).map_err(|_| Gone)
    }

    fn send(&self, frames: Vec<Frame>) -> Result<(), Gone> {
        for frame in frames {
            self.out.blocking_send(Item::Frame(self.serial, frame)).map_err(|_| Gone)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;
    use crate::radio::encode::Encoder;
    use crate::radio::playlist::Order;

    /// Frames of a second and a half of noise, by LAME.
    fn write_mp3(path: &Path) -> usize {
        let mut encoder = Encoder::new(Format::USUAL, 128).unwrap();
        let sound: Vec<f32> =
            (0..132_300_u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 20) as f32 / 8192.0).collect();
        encoder.encode(&sound).unwrap();
        encoder.finish().unwrap();
        let frames: Vec<Frame> = std::iter::from_fn(|| encoder.next_frame()).collect();
        std::fs::write(path, frames.iter().flat_map(|frame| frame.bytes.clone()).collect::<Vec<_>>())
            .unwrap();
        frames.len()
    }

    #[test]
    fn a_disk_that_hangs_does_not_hold_back_what_was_read_before() {
        let folder = tempfile::tempdir().unwrap();
        let (good, hung) = (folder.path().join("good.mp3"), folder.path().join("hung.mp3"));
        let n_frames = write_mp3(&good);
        // Opening a pipe that nobody writes to waits for ever, as a file of a server that is gone does.
        assert!(Command::new("mkfifo").arg(&hung).status().unwrap().success());
        let shelf = Shelf::new(Order::Shuffle, 1, None);
        shelf.playlist.lock().add([good.clone().into(), Arc::from(hung)]);
        while shelf.playlist.lock().peek() != Some(&good) {
            shelf.playlist.lock().shuffle();
        }
        let making = Making {
            route: "/".into(),
            bitrate_kbps: 128,
            levels: Levels::Equal,
            tracks_ahead: 1,
            plays: Plays::Shelf,
        };
        shelf.format.set(Format::USUAL).unwrap();
        let index = Index::new("", Vec::new(), 10);
        let mut items = start(making, Arc::clone(&shelf), index, Clock::start()).unwrap();
        let Some(Item::Track(_, track)) = items.blocking_recv() else { panic!("a track comes first") };
        assert_eq!(track.file, "good.mp3");
        for n in 0..n_frames {
            assert!(matches!(items.blocking_recv(), Some(Item::Frame(..))), "frame {n} of {n_frames}");
        }
        assert!(items.try_recv().is_err());
        assert_eq!(shelf.playlist.lock().n_tracks(), 2);
    }
}
