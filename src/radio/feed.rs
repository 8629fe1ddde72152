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
use super::loudness;
use super::mp3::{Frame, FrameReader};
use super::resample::Converter;
use super::shelf::{Measured, Shelf};
use super::track::Track;
use crate::runtime::Clock;
use crate::sample;

/// Frames that are read ahead for each track that may be: 15 seconds.
const FRAMES_AHEAD: usize = 600;

/// Files whose format is looked at to find that of most.
const SURVEYED: usize = 50;

/// The survey takes no longer, however slow the disk.
const SURVEY_TIME: Duration = Duration::from_millis(300);

/// The first track is measured for so long, or as much of it as this allows.
const FIRST_MEASURE: Duration = Duration::from_millis(500);

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
    /// The format, if it is settled already.
    pub format: Option<Format>,
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
    measured: Arc<Measured>,
    clock: Clock,
    out: Sender<Item>,
    is_first: bool,
}

/// The station is gone.
struct Gone;

/// Starts the thread; it ends when nobody takes what it makes.
pub fn start(
    making: Making,
    shelf: Arc<Shelf>,
    measured: Arc<Measured>,
    clock: Clock,
) -> Result<Receiver<Item>> {
    let (out, taken) = channel(making.tracks_ahead.max(1) * FRAMES_AHEAD);
    let name = format!("radio {}", making.route);
    let feed = Feed { making, shelf, measured, clock, out, is_first: true };
    thread::Builder::new().name(name).spawn(move || feed.run()).context("a thread for a station")?;
    Ok(taken)
}

impl Feed {
    fn run(mut self) {
        let mut n_failed = 0;
        while !self.out.is_closed() {
            let next = match self.making.plays {
                Plays::Sample => Some("roomhub-sample.wav".into()),
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

    /// The station's format: settled when it first has files, and kept.
    fn format(&mut self) -> Format {
        if let Some(format) = self.making.format {
            return format;
        }
        let until = self.clock.uptime() + SURVEY_TIME;
        let paths: Vec<_> = self.shelf.looks.lock().keys().take(SURVEYED).cloned().collect();
        let is_mp3 = |path: &&std::path::PathBuf| {
            path.extension().is_some_and(|known| known.eq_ignore_ascii_case("mp3"))
        };
        let formats = paths.iter().filter(is_mp3).take_while(|_| self.clock.uptime() < until);
        let format = Format::of_most(
            formats.filter_map(|path| first_frame(path).ok()).map(|frame| frame.header.format),
        );
        let format = format.unwrap_or(Format::USUAL);
        info!(route = self.making.route, rate = format.rate, channels = format.channels, "format settled");
        self.making.format = Some(format);
        format
    }

    fn play(&self, path: &Path, format: Format) -> Result<Result<(), Gone>> {
        if self.making.plays == Plays::Sample {
            return self.play_sample(path, format);
        }
        let is_mp3 = path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("mp3"));
        let passes = is_mp3 && first_frame(path)?.header.format == format;
        let lufs = self.loudness(path)?;
        let track = Arc::new(Track::read(path));
        if passes { self.pass(path, &track, lufs) } else { self.transcode(path, &track, format, lufs) }
    }

    /// How loud it is, measured now if nobody did before.
    fn loudness(&self, path: &Path) -> Result<Option<f64>> {
        if self.making.levels == Levels::AsRecorded {
            return Ok(None);
        }
        let look = self.shelf.looks.lock().get(path).copied().context("it is gone")?;
        if let Some(known) = self.measured.of(path, look) {
            return Ok(known.lufs);
        }
        let limit = if self.is_first { FIRST_MEASURE } else { LATER_MEASURE };
        let until = self.clock.uptime() + limit;
        let lufs = loudness::measure(path, || self.clock.uptime() < until)?;
        if self.clock.uptime() < until {
            self.measured.keep(path, look, lufs);
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

fn first_frame(path: &Path) -> Result<Frame> {
    let mut reader = FrameReader::new(BufReader::new(File::open(path).context("cannot be opened")?));
    reader.next_frame()?.context("no MP3 frame in it")
}
