//! The thread of a mountpoint's encoder: sound in, frames or pages out. An idle encoder is dropped.

use std::sync::Arc;
use std::sync::mpsc::Receiver;
use std::thread;
use std::time::Duration;

use anyhow::{Context as _, Result};
use tokio::sync::mpsc;
use tracing::error;

use super::burst::{DecodedChunk, Moment};
use super::segments::Beginning;
use super::sound_feed::Input;
use crate::audio::block::Block;
use crate::audio::ffmpeg::Ffmpeg;
use crate::audio::format::Format;
use crate::audio::streams::{self, Encoding, Piece, StreamEncoder, Tags};
use crate::radio::library::track::Track;

/// An encoder that has failed is started again after this time: one that fails at once costs next to nothing so.
const RESTART_PAUSE: Duration = Duration::from_secs(5);

/// What comes out.
pub enum Output {
    /// The title of what follows.
    Title(Tags),
    /// A segment of the station begins in what follows.
    Beginning(Beginning),
    /// Frames or pages, and where in the station's sound they are heard.
    Piece(Piece, f64),
    /// An encoder that has started is where the station is.
    CaughtUp,
    /// The encoder has stopped: nothing of what came before is heard any more.
    Stopped,
}

/// Where an encoder's sound is heard.
#[derive(Debug, Clone, Copy, Default)]
struct Position {
    /// Where the sound that it is given next is, if none is missing.
    input: f64,
    /// Where the next frame of it is heard.
    output: f64,
}

/// What encodes.
pub struct EncoderThread {
    path: String,
    encoding: Encoding,
    ffmpeg: Option<Ffmpeg>,
    outputs: mpsc::Sender<Output>,
    /// `None` while it is idle, and after a failure.
    encoder: Option<Box<dyn StreamEncoder>>,
    track: Option<Arc<Track>>,
    position: Position,
    /// 1 while it encodes.
    gauge: metrics::Gauge,
}

/// The mountpoint has ended.
struct Ended;

impl EncoderThread {
    /// Encodes for the mountpoint with that path.
    pub fn new(
        path: String,
        encoding: Encoding,
        ffmpeg: Option<Ffmpeg>,
        outputs: mpsc::Sender<Output>,
        gauge: metrics::Gauge,
    ) -> Self {
        gauge.set(0.0);
        let position = Position::default();
        Self { path, encoding, ffmpeg, outputs, encoder: None, track: None, position, gauge }
    }

    /// Encodes until the station or the mountpoint ends.
    pub fn run(mut self, inputs: &Receiver<Input>) {
        while let Ok(input) = inputs.recv() {
            let result = match input {
                Input::Track(track) => self.begin(track),
                Input::Sound(sound, moment) => self.encode(&sound, &moment),
                Input::Start(decoded) => self.start(decoded),
                Input::Stop => {
                    self.stop();
                    Ok(self.send(Output::Stopped))
                }
            };
            match result {
                Ok(Ok(())) => {}
                Ok(Err(Ended)) => break,
                Err(failure) => {
                    let failure = format!("{failure:#}");
                    error!(mountpoint = self.path, failure, "a mountpoint cannot be encoded");
                    self.stop();
                    thread::sleep(RESTART_PAUSE);
                }
            }
        }
        self.stop();
    }

    fn stop(&mut self) {
        self.encoder = None;
        self.gauge.set(0.0);
    }

    /// Encodes the burst. Whoever waits for that waits no longer if it fails.
    fn start(&mut self, decoded: Vec<DecodedChunk>) -> Result<Result<(), Ended>> {
        let encoded = self.encode_all(decoded);
        let told = self.send(Output::CaughtUp);
        encoded.map(|encoded| encoded.and(told))
    }

    fn encode_all(&mut self, decoded: Vec<DecodedChunk>) -> Result<Result<(), Ended>> {
        for DecodedChunk { track, sound, moment, .. } in decoded {
            if let Some(track) = track
                && let Err(ended) = self.begin(track)?
            {
                return Ok(Err(ended));
            }
            if let Err(ended) = self.encode(&sound, &moment)? {
                return Ok(Err(ended));
            }
        }
        let rest = self.encoder.as_mut().map(|encoder| encoder.catch_up());
        Ok(rest.transpose()?.flatten().map_or(Ok(()), |rest| self.send_piece(rest)))
    }

    fn begin(&mut self, track: Arc<Track>) -> Result<Result<(), Ended>> {
        let tags = track.tags();
        let rest = self.encoder.as_mut().map(|encoder| encoder.begin(&tags));
        self.track = Some(track);
        if let Some(rest) = rest.transpose()?.flatten()
            && let Err(ended) = self.send_piece(rest)
        {
            return Ok(Err(ended));
        }
        Ok(self.send(Output::Title(tags)))
    }

    fn open(&mut self, sound: &[Block], moment: &Moment) -> Result<Box<dyn StreamEncoder>> {
        let block = sound.first().context("no sound")?;
        let format = Format { rate: block.rate, channels: block.channels as u8 };
        let mut encoder = streams::encoder(self.encoding, format, self.ffmpeg.as_ref())?;
        if let Some(track) = &self.track {
            encoder.begin(&track.tags())?;
        }
        self.position = Position { input: moment.at, output: moment.at - self.encoding.delay(format) };
        self.gauge.set(1.0);
        Ok(encoder)
    }

    fn encode(&mut self, sound: &[Block], moment: &Moment) -> Result<Result<(), Ended>> {
        let mut encoder = match self.encoder.take() {
            Some(encoder) => encoder,
            None => self.open(sound, moment)?,
        };
        // Sound that was dropped is missing in what comes out, some frames later.
        self.position.output += moment.at - self.position.input;
        self.position.input = moment.at + sound.iter().map(Block::seconds).sum::<f64>();
        if let Some(beginning) = &moment.beginning
            && let Err(ended) = self.send(Output::Beginning(beginning.clone()))
        {
            return Ok(Err(ended));
        }
        let piece = encoder.encode(sound)?;
        self.encoder = Some(encoder);
        Ok(piece.map_or(Ok(()), |piece| self.send_piece(piece)))
    }

    fn send_piece(&mut self, piece: Piece) -> Result<(), Ended> {
        let at = self.position.output;
        self.position.output += piece.seconds;
        self.send(Output::Piece(piece, at))
    }

    fn send(&self, output: Output) -> Result<(), Ended> {
        self.outputs.blocking_send(output).map_err(|_| Ended)
    }
}
