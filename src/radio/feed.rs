//! The thread that reads files ahead of the air: one track after the other becomes frames of the station's format.
//!
//! Slow disks and decoders stand here and never in the station's way, as long as something is read ahead.

use std::fs::File;
use std::io::{BufReader, Cursor};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use anyhow::{Context as _, Result, anyhow, ensure};
use tokio::sync::mpsc::{Receiver, Sender, channel};
use tracing::{info, warn};

use super::decode::{Block, Decoder};
use super::encode::Encoder;
use super::format::Format;
use super::index::{Facts, Index, Loudness};
use super::library::Look;
use super::loudness;
use super::mp3::{Frame, FrameReader};
use super::resample::Converter;
use super::shelf::Shelf;
use super::track::{Track, frame_format, is_mp3};
use crate::runtime::Clock;
use crate::sample;

/// Frames that are read ahead for each track that may be: 15 seconds.
const FRAMES_AHEAD: usize = 600;

/// A track that is alone in its folder is read again when no more frames than these are left: 5 seconds.
const LONE_FRAMES_AHEAD: usize = 200;

/// Files whose format is looked at to find that of most.
const SURVEYED: usize = 50;

/// The survey takes no longer, however slow the disk.
const SURVEY_TIME: Duration = Duration::from_millis(200);

/// The first track is measured for so long, or as much of it as this allows.
const FIRST_MEASURE: Duration = Duration::from_millis(400);

/// Later ones have the time that is read ahead.
const LATER_MEASURE: Duration = Duration::from_secs(10);

/// An empty folder is looked at again this often.
const EMPTY_PAUSE: Duration = Duration::from_millis(100);

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
}

/// The station is gone.
struct Gone;

/// Starts the thread; it ends when nobody takes what it makes.
pub fn start(making: Making, shelf: Arc<Shelf>, index: Arc<Index>, clock: Clock) -> Result<Receiver<Item>> {
    let (out, taken) = channel(making.tracks_ahead.max(1) * FRAMES_AHEAD);
    let name = format!("radio {}", making.route);
    let feed = Feed { making, shelf, index, clock, out, is_first: true };
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
                thread::park_timeout(EMPTY_PAUSE);
                continue;
            };
            let format = self.format();
            let played = catch_unwind(AssertUnwindSafe(|| self.play(&path, format)));
            self.is_first = false;
            n_failed = match played.unwrap_or_else(|_| Err(anyhow!("its decoder panicked"))) {
                Ok(Ok(())) => 0,
                Ok(Err(Gone)) => return,
                Err(error) => {
                    let reason = format!("{error:#}");
                    warn!(route = self.making.route, file = %path.display(), reason, "a file cannot be played");
                    self.shelf.skipped(&path, &reason);
                    n_failed + 1
                }
            };
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
            self.shelf.playlist.lock().tracks().iter().filter(|path| is_mp3(path)).cloned().collect();
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

    fn play(&self, path: &Arc<Path>, format: Format) -> Result<Result<(), Gone>> {
        if self.making.plays == Plays::Sample {
            return self.play_sample(path, format);
        }
        let look = Look::at(path).context("cannot be opened")?;
        let facts = self.index.facts(path, look).unwrap_or_else(|| Facts::read(path));
        let lufs = self.loudness(path, look, &facts)?;
        let track = Arc::new(Track::of(path, &facts));
        if facts.format == Some(format) {
            self.pass(path, &track, lufs)
        } else {
            self.transcode(path, &track, format, lufs)
        }
    }

    /// How loud it is, measured now if nobody did before.
    fn loudness(&self, path: &Arc<Path>, look: Look, facts: &Facts) -> Result<Option<f64>> {
        if self.making.levels == Levels::AsRecorded {
            return Ok(None);
        }
        match facts.loudness {
            Some(Loudness::Silence) => return Ok(None),
            Some(Loudness::Lufs(lufs)) => return Ok(Some(lufs)),
            None => {}
        }
        let limit = if self.is_first { FIRST_MEASURE } else { LATER_MEASURE };
        let until = self.clock.uptime() + limit;
        let lufs = loudness::measure(path, || self.clock.uptime() < until)?;
        if self.clock.uptime() < until {
            let loudness = Some(lufs.map_or(Loudness::Silence, Loudness::Lufs));
            self.index.learn(path, look, Facts { loudness, ..facts.clone() });
        }
        Ok(lufs)
    }

    /// Lets frames through as they are, but for their gain.
    fn pass(&self, path: &Path, track: &Arc<Track>, lufs: Option<f64>) -> Result<Result<(), Gone>> {
        let steps = if self.making.levels == Levels::Equal { loudness::gain_steps(lufs) } else { 0 };
        let mut reader = FrameReader::new(BufReader::new(File::open(path)?));
        let serial = match self.begin(track) {
            Ok(serial) => serial,
            Err(gone) => return Ok(Err(gone)),
        };
        while let Some(mut frame) = reader.next_frame()? {
            if self.shelf.is_abandoned(serial) {
                break;
            }
            frame.add_gain(steps);
            if self.out.blocking_send(Item::Frame(serial, frame)).is_err() {
                return Ok(Err(Gone));
            }
        }
        Ok(Ok(()))
    }

    /// Decodes, converts, levels and encodes, block by block.
    fn transcode(
        &self,
        path: &Path,
        track: &Arc<Track>,
        format: Format,
        lufs: Option<f64>,
    ) -> Result<Result<(), Gone>> {
        let gain_db = if self.making.levels == Levels::Equal { loudness::gain_db(lufs) } else { 0.0 };
        let mut decoder = Decoder::open(path)?;
        let first = decoder.next_block()?.context("no sound in it")?;
        let mut next = Some(first);
        self.encode(track, format, gain_db, || match next.take() {
            Some(block) => Ok(Some(block)),
            None => decoder.next_block(),
        })
    }

    fn play_sample(&self, path: &Path, format: Format) -> Result<Result<(), Gone>> {
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

    fn encode(
        &self,
        track: &Arc<Track>,
        format: Format,
        gain_db: f64,
        mut next_block: impl FnMut() -> Result<Option<Block>>,
    ) -> Result<Result<(), Gone>> {
        let mut encoder = Encoder::new(format, self.making.bitrate_kbps)?;
        let mut converter = Converter::new(format);
        let serial = match self.begin(track) {
            Ok(serial) => serial,
            Err(gone) => return Ok(Err(gone)),
        };
        let mut is_over = false;
        while !is_over && !self.shelf.is_abandoned(serial) {
            let block = next_block()?;
            is_over = block.is_none();
            let mut samples = match block {
                Some(block) => converter.convert(&block)?,
                None => converter.finish()?,
            };
            loudness::amplify(&mut samples, gain_db);
            encoder.encode(&samples)?;
            if is_over {
                encoder.finish()?;
            }
            while let Some(frame) = encoder.next_frame() {
                ensure!(frame.header.format == format, "LAME made another format");
                if self.out.blocking_send(Item::Frame(serial, frame)).is_err() {
                    return Ok(Err(Gone));
                }
            }
        }
        Ok(Ok(()))
    }

    fn begin(&self, track: &Arc<Track>) -> Result<u64, Gone> {
        let serial = self.shelf.begin(track);
        self.out.blocking_send(Item::Track(serial, Arc::clone(track))).map(|()| serial).map_err(|_| Gone)
    }
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

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
        let shelf = Shelf::new(1);
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
