//! The folder source: a thread that reads one track after the other ahead of time, as frames of the station's format.
//!
//! Only this thread waits for decoders, and the threads of `track_opener` for disks too. The station goes on as long as
//! frames are queued.

mod joins;
#[cfg(test)]
mod tests;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::mpsc::RecvTimeoutError;
use std::thread;
use std::time::Duration;

use anyhow::{Context as _, Result, anyhow};
use tokio::sync::mpsc::{Receiver, Sender, channel};
use tracing::{info, warn};

use super::SourceItem;
use super::open_track::OpenTrack;
use super::sample;
use super::track_opener::{Opening, TrackOpener, URGENT_MEASUREMENT};
use super::track_reader::Piece;
use super::track_settings::{TrackSettings, TrackSource};
use crate::audio::format::Format;
use crate::audio::mp3::Frame;
use crate::audio::sniff::is_named_mp3;
use crate::audio::track_info::frame_format;
use crate::audio::transcoder::Transcoder;
use crate::folder::file_stamp::FileStamp;
use crate::radio::library::track_index::TrackIndex;
use crate::radio::library::track_queue::TrackQueue;
use crate::runtime::Clock;

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

/// The longest time for measuring later tracks, which get half of the time that is read ahead.
const LATER_MEASUREMENT: Duration = Duration::from_secs(10);

/// The end of a track waits at least so long for the next one to be opened.
const OPENING_TIME: Duration = Duration::from_secs(3);

/// How often a thread that waits for a disk asks whether its station has ended.
const STATION_CHECK_INTERVAL: Duration = Duration::from_millis(500);

/// An empty queue is checked again after this time.
const EMPTY_PAUSE: Duration = Duration::from_millis(100);

/// A queue whose tracks have all failed is tried again after this time.
const ALL_FAILED_PAUSE: Duration = Duration::from_secs(1);

struct FolderSource {
    opener: Arc<TrackOpener>,
    queue: Arc<TrackQueue>,
    clock: Clock,
    out: Sender<SourceItem>,
    is_first: bool,
    /// Exists while a track is encoded.
    transcoder: Option<Transcoder>,
    /// The serial number of the track that was begun last.
    serial: u64,
    /// The track that is being opened.
    opening: Option<Opening>,
    /// Tracks that have failed since one was opened.
    n_failed: usize,
}

/// The station has ended.
struct StationClosed;

/// The track after another one.
enum Next {
    /// It is open.
    Open(Box<OpenTrack>),
    /// It is being opened.
    Later,
    /// There is none for now.
    None,
}

/// Starts the thread, which ends when the receiver is dropped.
pub fn start(
    settings: TrackSettings,
    queue: Arc<TrackQueue>,
    index: Arc<TrackIndex>,
    clock: Clock,
) -> Result<Receiver<SourceItem>> {
    let (out, taken) = channel(settings.tracks_ahead.max(1) * FRAMES_AHEAD);
    let name = format!("radio {}", settings.route);
    let opener = Arc::new(TrackOpener { settings, queue: Arc::clone(&queue), index, clock });
    let source = FolderSource {
        opener,
        queue,
        clock,
        out,
        is_first: true,
        transcoder: None,
        serial: 0,
        opening: None,
        n_failed: 0,
    };
    thread::Builder::new().name(name).spawn(move || source.run()).context("a thread for a station")?;
    Ok(taken)
}

impl FolderSource {
    fn run(mut self) {
        // Ends with the station.
        let _ = self.play_all();
        self.queue.put_requests_back(|_| true);
    }

    fn play_all(&mut self) -> Result<(), StationClosed> {
        let mut begun = None;
        while !self.out.is_closed() {
            let track = match begun.take() {
                Some(track) => track,
                None => match self.wait_for_track()? {
                    Some(mut track) => {
                        self.begin(&mut track)?;
                        track
                    }
                    None => continue,
                },
            };
            let format = self.format();
            begun = self.play(track, format)?;
        }
        Ok(())
    }

    /// The next track, once there is one; `None` after a pause.
    fn wait_for_track(&mut self) -> Result<Option<OpenTrack>, StationClosed> {
        if self.is_only_track_queued() {
            thread::park_timeout(EMPTY_PAUSE);
            return Ok(None);
        }
        if self.opener.settings.source == TrackSource::Sample {
            return Ok(Some(sample::track(self.format())));
        }
        match self.next_track(STATION_CHECK_INTERVAL) {
            Next::Open(track) => Ok(Some(*track)),
            Next::Later => Ok(None),
            Next::None => {
                let has_all_failed = std::mem::take(&mut self.n_failed) > 0;
                self.queue.set_all_failed(has_all_failed);
                self.queue.refresh();
                self.finish_encoder()?;
                thread::park_timeout(if has_all_failed { ALL_FAILED_PAUSE } else { EMPTY_PAUSE });
                Ok(None)
            }
        }
    }

    /// The next track that can be opened within a time.
    fn next_track(&mut self, time: Duration) -> Next {
        let until = self.clock.uptime() + time;
        while self.n_failed == 0 || self.n_failed < self.queue.playlist.lock().n_tracks() {
            let opening = match self.opening.take() {
                Some(opening) => opening,
                None => match self.start_opening() {
                    Some(Ok(opening)) => opening,
                    Some(Err(error)) => {
                        warn!(route = self.opener.settings.route, error = format!("{error:#}"), "no track");
                        return Next::None;
                    }
                    None => return Next::None,
                },
            };
            match opening.opened.recv_timeout(until.saturating_sub(self.clock.uptime())) {
                Ok(Ok(track)) => {
                    self.is_first = false;
                    self.n_failed = 0;
                    self.queue.remove_skipped(&opening.path);
                    self.queue.set_all_failed(false);
                    return Next::Open(Box::new(track));
                }
                Ok(Err(reason)) => {
                    self.is_first = false;
                    self.n_failed += 1;
                    self.queue.add_skipped(&opening.path, &reason);
                    self.queue.drop_request(&opening.path, &reason);
                }
                Err(RecvTimeoutError::Timeout) => {
                    self.opening = Some(opening);
                    return Next::Later;
                }
                Err(RecvTimeoutError::Disconnected) => {
                    self.n_failed += 1;
                    self.queue.drop_request(&opening.path, "it cannot be opened");
                }
            }
        }
        Next::None
    }

    /// Starts to open the next track of the playlist; `None` if there is none.
    fn start_opening(&mut self) -> Option<Result<Opening>> {
        let path = self.queue.next_track(self.clock.uptime())?;
        let format = self.format();
        let is_urgent = self.is_first || self.queue.is_abandoned(self.serial);
        let most = if is_urgent { URGENT_MEASUREMENT } else { LATER_MEASUREMENT };
        let time = (self.time_ahead() / 2).clamp(URGENT_MEASUREMENT, most);
        Some(self.opener.start(path, format, time, self.serial))
    }

    /// Whether there is only one track, with enough frames queued: others may be added before it plays again.
    fn is_only_track_queued(&self) -> bool {
        let n_ahead = self.out.max_capacity() - self.out.capacity();
        self.opener.settings.source == TrackSource::Queue
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
        let mut formats = self.opener.index.formats(tracks.iter());
        if formats.len() < tracks.len().div_ceil(2) {
            let until = self.clock.uptime() + SAMPLING_TIME;
            let step = tracks.len().div_ceil(SAMPLED_FILES).max(1);
            let sampled = tracks.iter().step_by(step).take_while(|_| self.clock.uptime() < until);
            formats = sampled.filter_map(|path| frame_format(path).ok()).collect();
        }
        let most_common = Format::of_most(formats).unwrap_or(Format::USUAL);
        // An external source may have settled it first.
        let format = *self.queue.format.get_or_init(|| most_common);
        info!(
            route = self.opener.settings.route,
            rate = format.rate,
            channels = format.channels,
            "format settled"
        );
        format
    }

    /// The time until the queued frames have been sent.
    fn time_ahead(&self) -> Duration {
        let n_ahead = (self.out.max_capacity() - self.out.capacity()) as u32;
        FRAME_TIME * n_ahead
    }

    /// Plays a track that has been begun; returns the next one, if that has been begun too.
    fn play(&mut self, mut track: OpenTrack, format: Format) -> Result<Option<OpenTrack>, StationClosed> {
        let n_held = self.n_held(&track, format);
        while let Some(piece) = self.read(&mut track, |track| track.next_beyond(n_held)).flatten() {
            if self.queue.is_abandoned(self.serial) {
                self.transcoder = None;
                return Ok(None);
            }
            self.send_piece(&piece, format)?;
        }
        track.trim_end(&self.opener.settings.trim_silence);
        // The only track comes again once others had time to be added.
        while self.is_only_track_queued() && !self.queue.is_abandoned(self.serial) && !self.out.is_closed() {
            thread::park_timeout(EMPTY_PAUSE);
        }
        let is_queue = self.opener.settings.source == TrackSource::Queue;
        if is_queue && let Next::Open(mut next) = self.next_track(OPENING_TIME.max(self.time_ahead() / 2)) {
            self.join(&mut track, &mut next, format)?;
            return Ok(Some(*next));
        }
        self.send_rest(&mut track, format)?;
        Ok(None)
    }

    /// Reads ahead in a track. A file that fails on the way ends there.
    fn read<T>(&self, track: &mut OpenTrack, read: impl FnOnce(&mut OpenTrack) -> Result<T>) -> Option<T> {
        let result = catch_unwind(AssertUnwindSafe(|| read(track)));
        match result.unwrap_or_else(|_| Err(anyhow!("its decoder panicked"))) {
            Ok(value) => Some(value),
            Err(error) => {
                track.end();
                let stamp = FileStamp::read(&track.path).ok();
                self.queue.add_skipped(&track.path, &self.opener.add_failure(&track.path, stamp, &error));
                None
            }
        }
    }

    /// Begins a track without a seam.
    fn begin(&mut self, track: &mut OpenTrack) -> Result<(), StationClosed> {
        track.drop_before();
        if track.is_passed() {
            self.finish_encoder()?;
        }
        let serial = self.queue.start_track(&track.track);
        self.announce(serial, track)
    }

    fn announce(&mut self, serial: u64, track: &OpenTrack) -> Result<(), StationClosed> {
        self.serial = serial;
        self.out.blocking_send(SourceItem::Track(serial, Arc::clone(&track.track))).map_err(|_| StationClosed)
    }

    /// Sends what is ahead of a track that has no seam at its end.
    fn send_rest(&mut self, track: &mut OpenTrack, format: Format) -> Result<(), StationClosed> {
        while let Some(piece) = track.pop() {
            self.send_piece(&piece, format)?;
        }
        match self.transcoder.as_mut().map(|transcoder| transcoder.end_track(0.0)) {
            Some(frames) => self.send_encoded(frames),
            None => Ok(()),
        }
    }

    fn send_piece(&mut self, piece: &Piece, format: Format) -> Result<(), StationClosed> {
        match piece {
            Piece::Frame(frame) => {
                self.finish_encoder()?;
                self.send(vec![frame.clone()])
            }
            Piece::Samples(samples) => {
                let bitrate_kbps = self.opener.settings.bitrate_kbps;
                let transcoder = self.transcoder.get_or_insert_with(|| Transcoder::new(format, bitrate_kbps));
                let frames = transcoder.encode(samples);
                self.send_encoded(frames)
            }
        }
    }

    /// Sends what the encoder still holds, and drops it.
    fn finish_encoder(&mut self) -> Result<(), StationClosed> {
        let Some(mut transcoder) = self.transcoder.take() else { return Ok(()) };
        let frames = transcoder.end_track(0.0).and_then(|mut frames| {
            frames.extend(transcoder.finish()?);
            Ok(frames)
        });
        self.send_encoded(frames)
    }

    /// Sends what came out of the encoder; one that has failed is replaced.
    fn send_encoded(&mut self, frames: Result<Vec<Frame>>) -> Result<(), StationClosed> {
        match frames {
            Ok(frames) => self.send(frames),
            Err(error) => {
                let route = &self.opener.settings.route;
                warn!(route, error = format!("{error:#}"), "a track cannot be encoded");
                self.transcoder = None;
                Ok(())
            }
        }
    }

    fn send(&mut self, frames: Vec<Frame>) -> Result<(), StationClosed> {
        for mut frame in frames {
            if self.opener.settings.mountpoints.is_empty() {
                frame.samples = None;
            }
            self.out.blocking_send(SourceItem::Frame(self.serial, frame)).map_err(|_| StationClosed)?;
        }
        Ok(())
    }
}
