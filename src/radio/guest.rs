//! Sound from elsewhere: MP3 bytes as they come in, frames of the station's format as they go out.
//!
//! A guest has the microphone of a station for a while: somebody who broadcasts live, or another station that is
//! relayed. What comes faster than it plays waits in its own connection; what is held here is bounded.

use std::io::{self, Read};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::thread;

use anyhow::{Context as _, Result, anyhow};
use bytes::{Buf, Bytes};
use tokio::sync::mpsc::{Receiver, Sender, channel};
use tokio::sync::oneshot;
use tracing::{info, warn};

use super::decode::Mp3;
use super::feed::Item;
use super::format::Format;
use super::frame_reader::{FrameReader, STREAM_JUNK_BYTES};
use super::handle::{Handle, Order};
use super::microphone::{Origin, Piece, Turn};
use super::mp3::Frame;
use super::track::Track;
use super::transcoder::Transcoder;

/// Pieces that may wait to be read, each of them one read from a socket.
const PIECES_AHEAD: usize = 32;

/// Frames that may wait for their time: ten seconds.
const FRAMES_AHEAD: usize = 400;

/// Takes what a guest says.
pub struct Inlet {
    pieces: Sender<Piece>,
    ended: oneshot::Receiver<()>,
    turn: Turn,
}

impl Inlet {
    /// Takes bytes of sound, and waits while too much is ahead of its time; false when nobody takes them any more.
    pub async fn say(&self, sound: Bytes) -> bool {
        self.turn.is_on() && self.pieces.send(Piece::Sound(sound)).await.is_ok()
    }

    /// Names what follows.
    pub async fn name(&self, track: Track) -> bool {
        self.pieces.send(Piece::Title(Arc::new(track))).await.is_ok()
    }

    /// Whether nobody has taken the microphone away.
    pub fn is_on(&self) -> bool {
        self.turn.is_on()
    }

    /// Waits until everything that was said has been handed to the station.
    pub async fn finish(self) {
        drop(self.pieces);
        self.turn.take_names_by(None);
        // A thread that is gone has handed over what it had.
        let _ = self.ended.await;
    }
}

/// Lets a guest speak on a station, from its first whole frame on; `title` stands until it names something itself.
pub fn start(station: &Handle, turn: Turn, origin: Origin, title: Track, bitrate_kbps: u32) -> Result<Inlet> {
    let (pieces, taken) = channel(PIECES_AHEAD);
    let (ending, ended) = oneshot::channel();
    turn.take_names_by(Some(pieces.clone()));
    let (out, items) = channel(FRAMES_AHEAD);
    let pipe = Pipe { pieces: taken, piece: Bytes::new(), title: Some(Arc::new(title)) };
    let mut guest = Guest {
        station: station.clone(),
        origin,
        bitrate_kbps,
        reader: FrameReader::new(pipe, STREAM_JUNK_BYTES),
        out,
        items: Some(items),
        named: None,
    };
    let run = move || {
        let spoken = catch_unwind(AssertUnwindSafe(|| guest.speak()));
        if let Err(error) = spoken.unwrap_or_else(|_| Err(anyhow!("a decoder panicked"))) {
            warn!(route = %guest.station.route, error = format!("{error:#}"), "a guest cannot be heard");
        }
        drop(guest);
        // The guest may have gone away first.
        let _ = ending.send(());
    };
    let name = format!("guest {}", station.route);
    thread::Builder::new().name(name).spawn(run).context("a thread for a guest")?;
    Ok(Inlet { pieces, ended, turn })
}

/// The pieces as one stream of bytes.
struct Pipe {
    pieces: Receiver<Piece>,
    piece: Bytes,
    /// The latest name for what follows.
    title: Option<Arc<Track>>,
}

impl Read for Pipe {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.piece.is_empty() {
            match self.pieces.blocking_recv() {
                Some(Piece::Sound(sound)) => self.piece = sound,
                Some(Piece::Title(title)) => self.title = Some(title),
                None => return Ok(0),
            }
        }
        let n = self.piece.len().min(buffer.len());
        self.piece.copy_to_slice(&mut buffer[..n]);
        Ok(n)
    }
}

struct Guest {
    station: Handle,
    origin: Origin,
    bitrate_kbps: u32,
    reader: FrameReader<Pipe>,
    out: Sender<Item>,
    /// For the station, once there is something to hear.
    items: Option<Receiver<Item>>,
    /// What the station was last told that it hears: most servers say so again and again.
    named: Option<Arc<Track>>,
}

/// The station has turned to somebody else.
struct Gone;

impl Guest {
    fn speak(&mut self) -> Result<()> {
        let first = self.reader.next_frame().context("no MP3")?.context("it ended before a frame of MP3")?;
        // A station without files has the format of its first guest.
        let format = *self.station.shelf.format.get_or_init(|| first.header.format);
        let from = first.header.format;
        info!(route = %self.station.route, rate = from.rate, channels = from.channels, "a guest is on the air");
        if self.pass(first, format)?.is_err() {
            info!(route = %self.station.route, "a guest was interrupted");
        }
        Ok(())
    }

    /// Lets frames of the station's format through, and converts others: a guest may change its format on the way.
    fn pass(&mut self, first: Frame, format: Format) -> Result<Result<(), Gone>> {
        let mut decoder: Option<Mp3> = None;
        let mut transcoder = Transcoder::new(format, self.bitrate_kbps);
        let mut next = Some(first);
        while let Some(frame) = next {
            let mut made = Vec::new();
            if frame.header.format == format {
                if decoder.take().is_some() {
                    made.extend(transcoder.end_track(0.0)?);
                    made.extend(transcoder.finish()?);
                }
                made.push(frame);
            } else {
                let block = decoder.get_or_insert_with(Mp3::new).decode(&frame);
                made.extend(transcoder.transcode(&block, 0.0)?);
            }
            if let Err(gone) = self.send_all(made) {
                return Ok(Err(gone));
            }
            next = self.reader.next_frame()?;
        }
        let mut rest = transcoder.end_track(0.0)?;
        rest.extend(transcoder.finish()?);
        Ok(self.send_all(rest))
    }

    fn send_all(&mut self, frames: Vec<Frame>) -> Result<(), Gone> {
        frames.into_iter().try_for_each(|frame| self.send(frame))
    }

    fn send(&mut self, frame: Frame) -> Result<(), Gone> {
        if let Some(items) = self.items.take() {
            self.station.orders.blocking_send(Order::Hear(self.origin, items)).map_err(|_| Gone)?;
        }
        if let Some(track) =
            self.reader.source_mut().title.take().filter(|track| self.named.as_ref() != Some(track))
        {
            self.named = Some(Arc::clone(&track));
            self.out.blocking_send(Item::Track(0, track)).map_err(|_| Gone)?;
        }
        self.out.blocking_send(Item::Frame(0, frame)).map_err(|_| Gone)
    }
}
