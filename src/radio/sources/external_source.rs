//! An external source: MP3 bytes come in from a socket, frames of the station's format go out.
//!
//! Each runs on a thread of its own while it holds the station's source slot. Input that is faster than playback waits
//! in its own connection; what is buffered here is bounded.

use std::io::{self, Read};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::thread;

use anyhow::{Context as _, Result, anyhow};
use bytes::{Buf, Bytes};
use tokio::sync::mpsc::{Receiver, Sender, channel};
use tokio::sync::oneshot;
use tracing::{info, warn};

use super::SourceItem;
use super::source_slot::{SourceInput, SourceKind, SourceLease};
use crate::audio::decode::Mp3Decoder;
use crate::audio::format::Format;
use crate::audio::frame_reader::FrameReader;
use crate::audio::mp3::Frame;
use crate::audio::transcoder::Transcoder;
use crate::radio::Config;
use crate::radio::library::track::Track;
use crate::radio::station_handle::{Command, StationHandle};

/// Inputs that may wait to be decoded, each of them one read from a socket.
const MAX_QUEUED_INPUTS: usize = 32;

/// Writes audio and titles to an external source's thread.
pub struct SourceWriter {
    inputs: Sender<SourceInput>,
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

    /// Whether the source has not been preempted.
    pub fn is_active(&self) -> bool {
        self.lease.is_held()
    }

    /// Waits until everything written has been handed to the station.
    pub async fn finish(self) {
        drop(self.inputs);
        self.lease.receive_titles_on(None);
        // A thread that has ended has handed over what it had.
        let _ = self.ended.await;
    }
}

/// Starts an external source, which the station plays from its first whole frame on.
///
/// `title` applies until the source sets one itself.
pub fn start(
    station: &StationHandle,
    lease: SourceLease,
    kind: SourceKind,
    title: Track,
    config: &Config,
) -> Result<SourceWriter> {
    let (inputs, queued) = channel(MAX_QUEUED_INPUTS);
    let (ending, ended) = oneshot::channel();
    lease.receive_titles_on(Some(inputs.clone()));
    let (out, items) = channel(config.source_max_queued_frames);
    let input = InputReader { inputs: queued, audio: Bytes::new(), title: Some(Arc::new(title)) };
    let mut source = ExternalSource {
        station: station.clone(),
        kind,
        bitrate_kbps: config.bitrate_kbps,
        reader: FrameReader::new(input, config.source_max_junk_bytes),
        out,
        items: Some(items),
        current: None,
    };
    let run = move || {
        let result = catch_unwind(AssertUnwindSafe(|| source.run()));
        if let Err(error) = result.unwrap_or_else(|_| Err(anyhow!("a decoder panicked"))) {
            warn!(route = %source.station.route, error = format!("{error:#}"), "an external source cannot be played");
        }
        drop(source);
        // The connection may have closed first.
        let _ = ending.send(());
    };
    let name = format!("source {}", station.route);
    thread::Builder::new().name(name).spawn(run).context("a thread for an external source")?;
    Ok(SourceWriter { inputs, ended, lease })
}

/// The audio inputs as one stream of bytes.
struct InputReader {
    inputs: Receiver<SourceInput>,
    audio: Bytes,
    /// The latest title that has not been announced.
    title: Option<Arc<Track>>,
}

impl Read for InputReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.audio.is_empty() {
            match self.inputs.blocking_recv() {
                Some(SourceInput::Audio(audio)) => self.audio = audio,
                Some(SourceInput::Title(title)) => self.title = Some(title),
                None => return Ok(0),
            }
        }
        let n = self.audio.len().min(buffer.len());
        self.audio.copy_to_slice(&mut buffer[..n]);
        Ok(n)
    }
}

struct ExternalSource {
    station: StationHandle,
    kind: SourceKind,
    bitrate_kbps: u32,
    reader: FrameReader<InputReader>,
    out: Sender<SourceItem>,
    /// For the station, once there is a frame to play.
    items: Option<Receiver<SourceItem>>,
    /// The track that was last announced: most servers repeat a title again and again.
    current: Option<Arc<Track>>,
}

/// The station plays another source.
struct Interrupted;

impl ExternalSource {
    fn run(&mut self) -> Result<()> {
        let first = self.reader.next_frame().context("no MP3")?.context("it ended before a frame of MP3")?;
        // A station without files takes the format of its first source.
        let format = *self.station.queue.format.get_or_init(|| first.header.format);
        let from = first.header.format;
        info!(route = %self.station.route, rate = from.rate, channels = from.channels, "an external source is on the air");
        if self.pass(first, format)?.is_err() {
            info!(route = %self.station.route, "an external source was interrupted");
        }
        Ok(())
    }

    /// Passes frames of the station's format through and transcodes others: a source may change its format mid-stream.
    fn pass(&mut self, first: Frame, format: Format) -> Result<Result<(), Interrupted>> {
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
            next = self.reader.next_frame()?;
        }
        let mut rest = transcoder.end_track(0.0)?;
        rest.extend(transcoder.finish()?);
        Ok(self.send_all(rest))
    }

    fn send_all(&mut self, frames: Vec<Frame>) -> Result<(), Interrupted> {
        frames.into_iter().try_for_each(|frame| self.send(frame))
    }

    fn send(&mut self, frame: Frame) -> Result<(), Interrupted> {
        if let Some(items) = self.items.take() {
            let command = Command::PlaySource(self.kind, items);
            self.station.commands.blocking_send(command).map_err(|_| Interrupted)?;
        }
        let title = self.reader.source_mut().title.take();
        if let Some(track) = title.filter(|track| self.current.as_ref() != Some(track)) {
            self.current = Some(Arc::clone(&track));
            self.out.blocking_send(SourceItem::Track(0, track)).map_err(|_| Interrupted)?;
        }
        self.out.blocking_send(SourceItem::Frame(0, frame)).map_err(|_| Interrupted)
    }
}
