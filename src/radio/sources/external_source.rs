//! An external source: encoded sound comes in from a socket, frames of the station's format go out. MP3 of that format passes as
//! it is.
//!
//! Each runs on a thread of its own while it holds the station's source slot. Input that is faster than playback waits
//! in its own connection; what is buffered here is bounded.

use std::io::{self, Cursor, Read};
use std::mem;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use anyhow::{Context as _, Result, anyhow};
use bytes::{Buf, Bytes};
use parking_lot::Mutex;
use tokio::sync::mpsc::{Receiver, Sender, channel};
use tokio::sync::{oneshot, watch};
use tokio::time::{sleep, timeout};
use tracing::{info, warn};

use super::SourceItem;
use super::source_slot::{SourceInput, SourceKind, SourceLease};
use crate::audio::decode::Mp3Decoder;
use crate::audio::format::Format;
use crate::audio::frame_reader::FrameReader;
use crate::audio::mp3::{Frame, Header};
use crate::audio::stream_decoder::{SNIFFED_BYTES, StreamDecoder, StreamKind};
use crate::audio::streams::Tags;
use crate::audio::transcoder::Transcoder;
use crate::radio::Config;
use crate::radio::library::track::Track;
use crate::radio::recording::tap::Recording;
use crate::radio::station_handle::{Command, NewSource, StationHandle};

/// Inputs that may wait to be decoded, each of them one read from a socket of up to 8 KiB: a quarter of a megabyte a source.
const MAX_QUEUED_INPUTS: usize = 32;

/// Why a source is let go that has sent no sound for `radio.source_timeout`, whatever else it has sent.
pub const STALLED: &str = "it has stalled";

/// Writes audio and titles to an external source's thread.
pub struct SourceWriter {
    inputs: Sender<SourceInput>,
    /// Changes with each frame of sound that was read.
    heard: watch::Receiver<()>,
    ended: oneshot::Receiver<()>,
    lease: SourceLease,
}

impl SourceWriter {
    /// Writes audio, and waits while too much is buffered; false once the source has been preempted or has failed.
    pub async fn write(&self, audio: Bytes) -> bool {
        self.lease.is_held() && self.inputs.send(SourceInput::Audio(audio)).await.is_ok()
    }

    /// Sets the title of the audio that follows; false once the source has failed.
    pub async fn set_title(&self, track: Track) -> bool {
        self.inputs.send(SourceInput::Title(Arc::new(track))).await.is_ok()
    }

    /// Waits until the source is preempted.
    pub async fn preempted(&self) {
        self.lease.lost().await;
    }

    /// Whose it is, if it is a DJ's.
    pub fn dj(&self) -> Option<Arc<str>> {
        self.lease.dj()
    }

    /// Whether the source has not been preempted.
    pub fn is_active(&self) -> bool {
        self.lease.is_held()
    }

    /// Waits until no whole frame of sound has come for so long: bytes alone are none.
    pub fn stalls(&self, time: Duration) -> impl Future<Output = ()> + use<> {
        let mut heard = self.heard.clone();
        async move {
            while let Ok(more) = timeout(time, heard.changed()).await {
                if more.is_err() {
                    // The thread has ended: whoever writes next is told, and who does not has stalled.
                    return sleep(time).await;
                }
            }
        }
    }

    /// Waits until everything written has been handed to the station.
    pub async fn finish(self) {
        drop(self.inputs);
        self.lease.receive_titles_on(None);
        // A thread that has ended has handed over what it had.
        let _ = self.ended.await;
    }
}

/// What an external source begins with.
pub struct SourceOf {
    /// What it is.
    pub kind: SourceKind,
    /// Its title, until it sets one itself.
    pub title: Track,
    /// What records it.
    pub recording: Option<Recording>,
}

/// Starts an external source, which the station plays from its first whole frame on.
pub fn start(
    station: &StationHandle,
    lease: SourceLease,
    SourceOf { kind, title, recording }: SourceOf,
    config: &Config,
) -> Result<SourceWriter> {
    let (inputs, queued) = channel(MAX_QUEUED_INPUTS);
    let (ending, ended) = oneshot::channel();
    let (hearing, heard) = watch::channel(());
    lease.receive_titles_on(Some(inputs.clone()));
    let (out, items) = channel(config.source_max_queued_frames);
    let title: Title = Arc::new(Mutex::new(Some(Arc::new(title))));
    let n_unheard = Arc::new(AtomicUsize::new(0));
    let recording: Tap = Arc::new(Mutex::new(recording));
    let input = InputReader {
        inputs: queued,
        audio: Bytes::new(),
        title: Arc::clone(&title),
        recording: Arc::clone(&recording),
        n_unheard: Arc::clone(&n_unheard),
        max_unheard: config.source_max_junk_bytes,
    };
    let mut source = ExternalSource {
        station: station.clone(),
        kind,
        dj: lease.dj(),
        bitrate_kbps: station.bitrate_kbps,
        title,
        recording,
        found: StreamKind::Mp3,
        n_unheard,
        heard: hearing,
        out,
        items: Some(items),
        current: None,
    };
    let run = move || {
        let result = catch_unwind(AssertUnwindSafe(|| source.run(input)));
        if let Err(error) = result.unwrap_or_else(|_| Err(anyhow!("a decoder panicked"))) {
            warn!(route = %source.station.route, error = format!("{error:#}"), "an external source cannot be played");
        }
        drop(source);
        // The connection may have closed first.
        let _ = ending.send(());
    };
    let name = format!("source {}", station.route);
    thread::Builder::new().name(name).spawn(run).context("a thread for an external source")?;
    Ok(SourceWriter { inputs, heard, ended, lease })
}

/// The latest title that has not been announced.
type Title = Arc<Mutex<Option<Arc<Track>>>>;

/// What records the source, if anything does.
type Tap = Arc<Mutex<Option<Recording>>>;

/// The audio inputs as one stream of bytes.
struct InputReader {
    inputs: Receiver<SourceInput>,
    audio: Bytes,
    title: Title,
    recording: Tap,
    /// Bytes since the latest sound, and the most of them.
    n_unheard: Arc<AtomicUsize>,
    max_unheard: usize,
}

impl Read for InputReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.audio.is_empty() {
            match self.inputs.blocking_recv() {
                Some(SourceInput::Audio(audio)) => {
                    if let Some(recording) = &mut *self.recording.lock() {
                        recording.audio(&audio);
                    }
                    self.audio = audio;
                }
                Some(SourceInput::Title(title)) => *self.title.lock() = Some(title),
                None => return Ok(0),
            }
        }
        let n = self.audio.len().min(buffer.len());
        if self.n_unheard.fetch_add(n, Ordering::Relaxed) > self.max_unheard {
            return Err(io::Error::other(format!("{} bytes without sound", self.max_unheard)));
        }
        self.audio.copy_to_slice(&mut buffer[..n]);
        Ok(n)
    }
}

struct ExternalSource {
    station: StationHandle,
    kind: SourceKind,
    dj: Option<Arc<str>>,
    bitrate_kbps: u32,
    title: Title,
    recording: Tap,
    /// What it sends.
    found: StreamKind,
    n_unheard: Arc<AtomicUsize>,
    /// Told of each frame of sound.
    heard: watch::Sender<()>,
    out: Sender<SourceItem>,
    /// For the station, once there is a frame to play.
    items: Option<Receiver<SourceItem>>,
    /// The track that was last announced: most servers repeat a title again and again.
    current: Option<Arc<Track>>,
}

/// The station plays another source.
struct Interrupted;

impl ExternalSource {
    fn run(&mut self, mut input: InputReader) -> Result<()> {
        let mut head = Vec::with_capacity(SNIFFED_BYTES);
        (&mut input).take(SNIFFED_BYTES as u64).read_to_end(&mut head)?;
        let kind = StreamKind::of(&head);
        self.found = kind;
        let played = if kind == StreamKind::Mp3 {
            // The reader of frames counts too, but for tags.
            let max_junk_bytes = mem::replace(&mut input.max_unheard, usize::MAX);
            self.pass(FrameReader::new(Read::chain(Cursor::new(head), input), max_junk_bytes))
        } else {
            self.transcode(StreamDecoder::open(kind, Read::chain(Cursor::new(head), input))?)
        };
        if played?.is_err() {
            info!(route = %self.station.route, "an external source was interrupted");
        }
        Ok(())
    }

    /// The station's format; one without files takes that of its first source.
    fn settle(&self, from: Format, kind: &str) -> Format {
        info!(route = %self.station.route, kind, rate = from.rate, channels = from.channels, "an external source is on the air");
        *self.station.queue.format.get_or_init(|| from)
    }

    /// Passes frames of the station's format through and transcodes others: a source may change its format mid-stream.
    fn pass<R: Read>(&mut self, mut reader: FrameReader<R>) -> Result<Result<(), Interrupted>> {
        let first = reader.next_frame().context("no MP3")?.context("it ended before a frame of MP3")?;
        let format = self.settle(first.header.format, "mp3");
        let mut decoder: Option<Mp3Decoder> = None;
        let mut transcoder = Transcoder::new(format, self.bitrate_kbps);
        let mut next = Some(first);
        while let Some(frame) = next {
            let mut frames = Vec::new();
            if frame.header.format == format {
                if decoder.take().is_some() {
                    frames.extend(transcoder.end_track(0.0)?);
                    frames.extend(transcoder.finish()?);
                }
                frames.push(frame);
            } else {
                let block = decoder.get_or_insert_with(Mp3Decoder::new).decode(&frame);
                frames.extend(transcoder.transcode(&block, 0.0)?);
            }
            if let Err(interrupted) = self.send_all(frames) {
                return Ok(Err(interrupted));
            }
            next = reader.next_frame()?;
        }
        self.finish(&mut transcoder)
    }

    /// Decodes another codec, with the titles that stand in it, and encodes it.
    fn transcode(&mut self, mut decoder: StreamDecoder<InputReader>) -> Result<Result<(), Interrupted>> {
        let mut next = decoder.next_block()?;
        let first = next.as_ref().context("it ended before its sound")?;
        // What encoders of MP3 do not know is resampled.
        let from = Format { rate: first.rate, channels: first.channels as u8 };
        let from = if Frame::silent(from, u32::MAX).is_some() { from } else { Format::USUAL };
        let mut transcoder = Transcoder::new(self.settle(from, "decoded"), self.bitrate_kbps);
        while let Some(block) = next {
            if let Some(Tags { title, artist }) = decoder.take_tags() {
                let file = self.kind.name().to_owned();
                *self.title.lock() = Some(Arc::new(Track { file, title, artist, ..Track::default() }));
            }
            let frames = transcoder.transcode(&block, 0.0)?;
            if let Err(interrupted) = self.send_all(frames) {
                return Ok(Err(interrupted));
            }
            next = decoder.next_block()?;
        }
        self.finish(&mut transcoder)
    }

    fn finish(&mut self, transcoder: &mut Transcoder) -> Result<Result<(), Interrupted>> {
        let mut rest = transcoder.end_track(0.0)?;
        rest.extend(transcoder.finish()?);
        Ok(self.send_all(rest))
    }

    fn send_all(&mut self, frames: Vec<Frame>) -> Result<(), Interrupted> {
        frames.into_iter().try_for_each(|frame| self.send(frame))
    }

    fn send(&mut self, mut frame: Frame) -> Result<(), Interrupted> {
        self.n_unheard.store(0, Ordering::Relaxed);
        self.heard.send_replace(());
        if let Some(items) = self.items.take() {
            let source = NewSource { kind: self.kind, dj: self.dj.take(), items, track: None };
            let command = Command::PlaySource(Box::new(source));
            self.station.commands.blocking_send(command).map_err(|_| Interrupted)?;
        }
        let title = self.title.lock().take();
        if let Some(track) = title.filter(|track| self.current.as_ref() != Some(track)) {
            self.current = Some(Arc::clone(&track));
            if let Some(recording) = &mut *self.recording.lock() {
                recording.title(&track);
            }
            self.out.blocking_send(SourceItem::Track(0, track)).map_err(|_| Interrupted)?;
        }
        if let Some(recording) = &mut *self.recording.lock() {
            let Header { n_samples, format, .. } = frame.header;
            recording.heard(self.found, f64::from(n_samples) / f64::from(format.rate));
        }
        if self.station.mountpoints.is_empty() {
            frame.samples = None;
        }
        self.out.blocking_send(SourceItem::Frame(0, frame)).map_err(|_| Interrupted)
    }
}
