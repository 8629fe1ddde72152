//! The folder source: a thread that reads one track after the other ahead of time, as frames of the station's format.
//!
//! Only this thread waits for disks and decoders. The station goes on as long as frames are queued.

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

use super::SourceItem;
use crate::audio::block::Block;
use crate::audio::decode::{Decoder, Mp3Decoder, counted_seconds};
use crate::audio::ffmpeg::Ffmpeg;
use crate::audio::format::Format;
use crate::audio::loudness::{self, Loudness};
use crate::audio::mp3::Frame;
use crate::audio::sniff::{is_named_mp3, mp3_frames, sniff};
use crate::audio::track_info::{TrackInfo, frame_format};
use crate::audio::transcoder::Transcoder;
use crate::folder::file_stamp::FileStamp;
use crate::radio::library::track::Track;
use crate::radio::library::track_index::TrackIndex;
use crate::radio::library::track_queue::TrackQueue;
use crate::runtime::Clock;
use crate::sample;

/// Frames that are read ahead for each track of `max_preload_tracks`: 15 seconds.
const FRAMES_AHEAD: usize = 600;

/// The only track of a folder is read again when no more frames than these are queued: 5 seconds.
const ONLY_TRACK_FRAMES_AHEAD: usize = 200;

/// The number of files that are sampled for the most common format.
const SAMPLED_FILES: usize = 50;

/// The length of one frame, rounded down.
const FRAME_TIME: Duration = Duration::from_millis(24);

/// The time limit for sampling formats.
const SAMPLING_TIME: Duration = Duration::from_millis(200);

/// The time limit for measuring the first track, which is enough for some minutes of it.
const FIRST_MEASUREMENT: Duration = Duration::from_secs(1);

/// The longest time for measuring later tracks, which get half of the time that is read ahead.
const LATER_MEASUREMENT: Duration = Duration::from_secs(10);

/// A measurement of so much of a file counts for the whole file.
const REPRESENTATIVE_SECONDS: f64 = 600.0;

/// An empty queue is checked again after this time.
const EMPTY_PAUSE: Duration = Duration::from_millis(100);

/// A queue whose tracks have all failed is tried again after this time.
const ALL_FAILED_PAUSE: Duration = Duration::from_secs(1);

/// How a station's tracks are processed.
#[derive(Debug, Clone)]
pub struct TrackSettings {
    /// The station, for the log.
    pub route: String,
    /// The bitrate at which tracks are encoded.
    pub bitrate_kbps: u32,
    /// Whether loudness is levelled.
    pub leveling: Leveling,
    /// The number of tracks that are read ahead.
    pub tracks_ahead: usize,
    /// Decodes what no decoder of this process does; its thread has at most one run of it at a time.
    pub ffmpeg: Option<Ffmpeg>,
    /// Where tracks come from.
    pub source: TrackSource,
}

/// Whether loudness is levelled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Leveling {
    /// To the target loudness, by EBU R128.
    Normalized,
    /// Not at all.
    AsRecorded,
}

/// Where a station's tracks come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TrackSource {
    /// Its track queue.
    Queue,
    /// The built-in sample.
    Sample,
}

struct FolderSource {
    settings: TrackSettings,
    queue: Arc<TrackQueue>,
    index: Arc<TrackIndex>,
    clock: Clock,
    out: Sender<SourceItem>,
    is_first: bool,
    /// Exists while a track is encoded.
    transcoder: Option<Transcoder>,
    /// The serial number of the track that was read last.
    serial: u64,
}

/// The station has ended.
struct StationClosed;

/// Starts the thread, which ends when the receiver is dropped.
pub fn start(
    settings: TrackSettings,
    queue: Arc<TrackQueue>,
    index: Arc<TrackIndex>,
    clock: Clock,
) -> Result<Receiver<SourceItem>> {
    let (out, taken) = channel(settings.tracks_ahead.max(1) * FRAMES_AHEAD);
    let name = format!("radio {}", settings.route);
    let source =
        FolderSource { settings, queue, index, clock, out, is_first: true, transcoder: None, serial: 0 };
    thread::Builder::new().name(name).spawn(move || source.run()).context("a thread for a station")?;
    Ok(taken)
}

impl FolderSource {
    fn run(mut self) {
        let mut n_failed = 0;
        while !self.out.is_closed() {
            if self.is_only_track_queued() {
                thread::park_timeout(EMPTY_PAUSE);
                continue;
            }
            let next = match self.settings.source {
                TrackSource::Sample => Some(Path::new("roomhub-sample.wav").into()),
                TrackSource::Queue => self.queue.playlist.lock().next_track(),
            };
            let has_all_failed = n_failed > 0 && n_failed >= self.queue.playlist.lock().n_tracks();
            let Some(path) = next.filter(|_| !has_all_failed) else {
                n_failed = 0;
                self.queue.set_all_failed(has_all_failed);
                self.queue.refresh();
                if let Ok(Err(StationClosed)) = self.finish() {
                    return;
                }
                thread::park_timeout(if has_all_failed { ALL_FAILED_PAUSE } else { EMPTY_PAUSE });
                continue;
            };
            n_failed = match self.play_or_skip(&path) {
                Ok(true) => 0,
                Ok(false) => n_failed + 1,
                Err(StationClosed) => return,
            };
        }
    }

    /// Plays a track; returns whether that succeeded. A file that has failed is not tried again for some time unless it
    /// changes, and is logged once.
    fn play_or_skip(&mut self, path: &Arc<Path>) -> Result<bool, StationClosed> {
        let stamp = FileStamp::read(path).ok();
        if let Some(reason) = self.index.failures.recent(path, stamp, self.clock.uptime()) {
            self.queue.add_skipped(path, &reason);
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
                self.index.failures.remove(path);
                self.queue.remove_skipped(path);
                self.queue.set_all_failed(false);
                played.map(|()| true)
            }
            Err(error) => {
                let reason = format!("{error:#}");
                if self.index.failures.add(path, stamp, &reason, self.clock.uptime()) {
                    warn!(route = self.settings.route, file = %path.display(), reason, "a file cannot be played");
                }
                self.queue.add_skipped(path, &reason);
                Ok(false)
            }
        }
    }

    /// Whether there is only one track, with enough frames queued: others may be added before it plays again.
    fn is_only_track_queued(&self) -> bool {
        let n_ahead = self.out.max_capacity() - self.out.capacity();
        self.settings.source == TrackSource::Queue
            && n_ahead > ONLY_TRACK_FRAMES_AHEAD
            && self.queue.playlist.lock().n_tracks() == 1
    }

    /// The station's format, which is settled when the first file is played, and then kept.
    fn format(&self) -> Format {
        if let Some(format) = self.queue.format.get() {
            return *format;
        }
        let tracks: Vec<_> =
            self.queue.playlist.lock().tracks().iter().filter(|path| is_named_mp3(path)).cloned().collect();
        let mut formats = self.index.formats(tracks.iter());
        if formats.len() < tracks.len().div_ceil(2) {
            let until = self.clock.uptime() + SAMPLING_TIME;
            let step = tracks.len().div_ceil(SAMPLED_FILES).max(1);
            let sampled = tracks.iter().step_by(step).take_while(|_| self.clock.uptime() < until);
            formats = sampled.filter_map(|path| frame_format(path).ok()).collect();
        }
        let most_common = Format::of_most(formats).unwrap_or(Format::USUAL);
        // An external source may have settled it first.
        let format = *self.queue.format.get_or_init(|| most_common);
        info!(route = self.settings.route, rate = format.rate, channels = format.channels, "format settled");
        format
    }

    fn play(&mut self, path: &Arc<Path>, format: Format) -> Result<Result<(), StationClosed>> {
        if self.settings.source == TrackSource::Sample {
            return self.play_sample(path, format);
        }
        let stamp = FileStamp::read(path).context("cannot be opened")?;
        let info = match self.index.info(path, stamp) {
            Some(info) => info,
            None => TrackInfo::read(path)?,
        };
        let info = self.measured(path, stamp, info)?;
        let track = Arc::new(Track::of(path, &info));
        let loudness = match self.settings.leveling {
            Leveling::Normalized => info.loudness.unwrap_or(Loudness::Silence),
            // Silence gets no gain.
            Leveling::AsRecorded => Loudness::Silence,
        };
        if info.format == Some(format) {
            self.pass(path, &track, format, loudness)
        } else {
            let mut decoder = Decoder::open(path, self.settings.ffmpeg.as_ref())?;
            self.encode(&track, format, loudness::gain_db(loudness), || decoder.next_block())
        }
    }

    /// Adds loudness and exact length to what is known of a file, unless they have been measured before.
    fn measured(&self, path: &Arc<Path>, stamp: FileStamp, mut info: TrackInfo) -> Result<TrackInfo> {
        if self.settings.leveling == Leveling::AsRecorded {
            if info.format.is_some() && !info.is_duration_exact {
                info.duration_seconds = Some(counted_seconds(path)?);
                info.is_duration_exact = true;
                self.index.insert(path, stamp, info.clone());
            }
            return Ok(info);
        }
        if info.loudness.is_none() {
            // The frames of a skipped track are dropped, so that the next one is needed at once.
            let is_urgent = self.is_first || self.queue.is_abandoned(self.serial);
            let limit = if is_urgent { FIRST_MEASUREMENT } else { self.time_ahead() / 2 };
            let until = self.clock.uptime() + limit;
            let measured =
                loudness::measure(path, self.settings.ffmpeg.as_ref(), || self.clock.uptime() < until)?;
            info.loudness = Some(measured.loudness);
            let is_complete = self.clock.uptime() < until;
            if is_complete {
                info.duration_seconds = Some(measured.seconds);
                info.is_duration_exact = true;
            }
            if is_complete || measured.seconds >= REPRESENTATIVE_SECONDS {
                self.index.insert(path, stamp, info.clone());
            }
        }
        Ok(info)
    }

    /// The time until the queued frames have been sent, at most as much as a measurement can use.
    fn time_ahead(&self) -> Duration {
        let n_ahead = (self.out.max_capacity() - self.out.capacity()) as u32;
        (FRAME_TIME * n_ahead).clamp(FIRST_MEASUREMENT, LATER_MEASUREMENT * 2)
    }

    /// Passes frames through with a change of gain, and transcodes those of another format.
    fn pass(
        &mut self,
        path: &Path,
        track: &Arc<Track>,
        format: Format,
        loudness: Loudness,
    ) -> Result<Result<(), StationClosed>> {
        let (steps, gain_db) = (loudness::gain_steps(loudness), loudness::gain_db(loudness));
        let mut file = File::open(path).context("cannot be opened")?;
        let content = sniff(&mut file)?;
        let mut frames = mp3_frames(path, file, &content)?.context("no MP3")?;
        if let Err(closed) = self.finish()? {
            return Ok(Err(closed));
        }
        if let Err(closed) = self.begin(track) {
            return Ok(Err(closed));
        }
        let mut other: Option<Mp3Decoder> = None;
        let (mut held, mut n_after) = (VecDeque::new(), 0);
        while let Some(frame) = frames.next_frame()? {
            if self.is_abandoned() {
                return Ok(Ok(()));
            }
            if let Some(vbr_header) = frames.take_vbr_header() {
                // The last frames hold only the encoder's padding.
                held.clear();
                n_after = (vbr_header.samples_after() / frame.header.n_samples) as usize;
            }
            held.push_back(frame);
            let Some(mut frame) = (held.len() > n_after).then(|| held.pop_front()).flatten() else {
                continue;
            };
            let ready = if frame.header.format == format {
                let mut ready = if other.take().is_some() { self.end_track(gain_db)? } else { Vec::new() };
                frame.add_gain(steps);
                ready.push(frame);
                ready
            } else {
                let block = other.get_or_insert_with(Mp3Decoder::new).decode(&frame);
                self.transcoder(format).transcode(&block, gain_db)?
            };
            if let Err(closed) = self.send(ready) {
                return Ok(Err(closed));
            }
        }
        let rest = self.end_track(gain_db)?;
        Ok(self.send(rest))
    }

    fn play_sample(&mut self, path: &Path, format: Format) -> Result<Result<(), StationClosed>> {
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

    /// Resamples, levels and encodes, block by block.
    fn encode(
        &mut self,
        track: &Arc<Track>,
        format: Format,
        gain_db: f64,
        mut next_block: impl FnMut() -> Result<Option<Block>>,
    ) -> Result<Result<(), StationClosed>> {
        if let Err(closed) = self.begin(track) {
            return Ok(Err(closed));
        }
        while let Some(block) = next_block()? {
            if self.is_abandoned() {
                return Ok(Ok(()));
            }
            let ready = self.transcoder(format).transcode(&block, gain_db)?;
            if let Err(closed) = self.send(ready) {
                return Ok(Err(closed));
            }
        }
        let rest = match &mut self.transcoder {
            Some(transcoder) => transcoder.end_track(gain_db)?,
            None => Vec::new(),
        };
        Ok(self.send(rest))
    }

    fn transcoder(&mut self, format: Format) -> &mut Transcoder {
        let bitrate_kbps = self.settings.bitrate_kbps;
        self.transcoder.get_or_insert_with(|| Transcoder::new(format, bitrate_kbps))
    }

    /// Drains and drops the encoder.
    fn end_track(&mut self, gain_db: f64) -> Result<Vec<Frame>> {
        let Some(mut transcoder) = self.transcoder.take() else { return Ok(Vec::new()) };
        let mut frames = transcoder.end_track(gain_db)?;
        frames.extend(transcoder.finish()?);
        Ok(frames)
    }

    /// Sends what the encoder still holds of the previous track.
    fn finish(&mut self) -> Result<Result<(), StationClosed>> {
        let rest = self.end_track(0.0)?;
        Ok(self.send(rest))
    }

    /// Whether the current track has been skipped; the encoder is dropped then.
    fn is_abandoned(&mut self) -> bool {
        let is_abandoned = self.queue.is_abandoned(self.serial);
        if is_abandoned {
            self.transcoder = None;
        }
        is_abandoned
    }

    fn begin(&mut self, track: &Arc<Track>) -> Result<(), StationClosed> {
        self.serial = self.queue.start_track(track);
        self.out.blocking_send(SourceItem::Track(self.serial, Arc::clone(track))).map_err(|_| StationClosed)
    }

    fn send(&self, frames: Vec<Frame>) -> Result<(), StationClosed> {
        for frame in frames {
            self.out.blocking_send(SourceItem::Frame(self.serial, frame)).map_err(|_| StationClosed)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;
    use crate::audio::encode::Encoder;
    use crate::radio::library::playlist::Order;

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
    fn a_disk_that_hangs_does_not_block_frames_that_were_read_before() {
        let folder = tempfile::tempdir().unwrap();
        let (good, hung) = (folder.path().join("good.mp3"), folder.path().join("hung.mp3"));
        let n_frames = write_mp3(&good);
        // Opening a pipe that nobody writes to waits for ever, as a file on a server that is down does.
        assert!(Command::new("mkfifo").arg(&hung).status().unwrap().success());
        let queue = TrackQueue::new(Order::Shuffle, 1, None);
        queue.playlist.lock().add([good.clone().into(), Arc::from(hung)]);
        while queue.playlist.lock().peek() != Some(&good) {
            queue.playlist.lock().shuffle();
        }
        let settings = TrackSettings {
            route: "/".into(),
            bitrate_kbps: 128,
            leveling: Leveling::Normalized,
            tracks_ahead: 1,
            ffmpeg: None,
            source: TrackSource::Queue,
        };
        queue.format.set(Format::USUAL).unwrap();
        let index = TrackIndex::new("", Vec::new(), 10);
        let mut items = start(settings, Arc::clone(&queue), index, Clock::start()).unwrap();
        let Some(SourceItem::Track(_, track)) = items.blocking_recv() else { panic!("a track comes first") };
        assert_eq!(track.file, "good.mp3");
        for n in 0..n_frames {
            assert!(matches!(items.blocking_recv(), Some(SourceItem::Frame(..))), "frame {n} of {n_frames}");
        }
        assert!(items.try_recv().is_err());
        assert_eq!(queue.playlist.lock().n_tracks(), 2);
    }
}
