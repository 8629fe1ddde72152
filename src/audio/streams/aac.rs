//! AAC in ADTS, by ffmpeg: encoders that are free to ship are not good enough, and good ones are not free to ship.

use std::io::{Read, Write as _};
use std::process::{Child, ChildStdin};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;
use std::time::Duration;

use anyhow::{Context as _, Result};
use bytes::Bytes;

use super::{Piece, StreamEncoder, Tags};
use crate::audio::block::Block;
use crate::audio::ffmpeg::Ffmpeg;
use crate::audio::format::Format;
use crate::audio::resample::Converter;

/// Samples of a frame, in each channel.
const FRAME_SAMPLES: usize = 1024;

/// Samples before the sound in what is decoded: the encoder's first frame holds none.
pub const DELAY: usize = 1024;

/// Bytes of a frame's head, of which its length is read.
const HEAD_BYTES: usize = 7;

/// Bytes that are read of ffmpeg's output at a time.
const READ_BYTES: usize = 8192;

/// Reads that may wait for the next sound.
const MAX_QUEUED_READS: usize = 64;

/// Frames that ffmpeg may hold back: it works on a few, and is given more than it has read.
const MAX_FRAMES_BEHIND: usize = 16;

/// A ffmpeg that is behind and says nothing for so long is not waited for.
const CATCH_UP_TIME: Duration = Duration::from_secs(5);

/// A stream of frames.
pub struct AacStream {
    child: Child,
    input: Option<ChildStdin>,
    output: Receiver<Vec<u8>>,
    converter: Converter,
    format: Format,
    waiting: Vec<u8>,
    /// Samples of one channel that it was given, and frames that have come.
    n_in: usize,
    n_frames: usize,
}

impl AacStream {
    pub fn new(format: Format, kbps: u32, ffmpeg: Option<&Ffmpeg>) -> Result<Self> {
        let ffmpeg = ffmpeg.context("AAC is encoded by ffmpeg, which does not run here")?;
        let mut child = ffmpeg.encode_aac(format, kbps)?;
        let input = child.stdin.take();
        let mut encoded = child.stdout.take().context("ffmpeg's output")?;
        let (sender, output) = sync_channel(MAX_QUEUED_READS);
        let read = move || read_all(&mut encoded, &sender);
        thread::Builder::new().name("radio aac".to_owned()).spawn(read).context("a thread for ffmpeg")?;
        let converter = Converter::new(format);
        Ok(Self { child, input, output, converter, format, waiting: Vec::new(), n_in: 0, n_frames: 0 })
    }

    /// Takes the whole frames that have come.
    fn whole_frames(&mut self) -> Result<Option<Piece>> {
        self.waiting.extend(self.output.try_iter().flatten());
        let (mut length, mut n_frames) = (0, 0);
        while let Some(head) = self.waiting.get(length..length + HEAD_BYTES) {
            let n_bytes = frame_bytes(head).context("ffmpeg's output is no ADTS")?;
            if self.waiting.len() < length + n_bytes {
                break;
            }
            length += n_bytes;
            n_frames += 1;
        }
        let bytes: Vec<u8> = self.waiting.drain(..length).collect();
        self.n_frames += n_frames;
        let seconds = (n_frames * FRAME_SAMPLES) as f64 / f64::from(self.format.rate);
        Ok((n_frames > 0).then(|| Piece { bytes, seconds, head: Bytes::new(), has_head: false }))
    }
}

impl StreamEncoder for AacStream {
    fn begin(&mut self, _tags: &Tags) -> Result<Option<Piece>> {
        Ok(None)
    }

    fn encode(&mut self, sound: &[Block]) -> Result<Option<Piece>> {
        let mut bytes = Vec::new();
        for block in sound {
            let samples = self.converter.convert(block)?;
            self.n_in += samples.len() / usize::from(self.format.channels);
            bytes.extend(samples.into_iter().flat_map(f32::to_le_bytes));
        }
        self.input.as_mut().context("ffmpeg's input")?.write_all(&bytes).context("ffmpeg has ended")?;
        self.whole_frames()
    }

    fn catch_up(&mut self) -> Result<Option<Piece>> {
        let mut caught_up: Option<Piece> = None;
        loop {
            if let Some(piece) = self.whole_frames()? {
                match &mut caught_up {
                    Some(before) => {
                        before.bytes.extend(piece.bytes);
                        before.seconds += piece.seconds;
                    }
                    none => *none = Some(piece),
                }
            }
            if self.n_frames + MAX_FRAMES_BEHIND >= self.n_in / FRAME_SAMPLES {
                return Ok(caught_up);
            }
            let Ok(read) = self.output.recv_timeout(CATCH_UP_TIME) else { return Ok(caught_up) };
            self.waiting.extend(read);
        }
    }
}

impl Drop for AacStream {
    fn drop(&mut self) {
        self.input = None;
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The length of the frame of ADTS that begins here.
pub fn frame_bytes(head: &[u8]) -> Option<usize> {
    let &[0xff, second, _, fourth, fifth, sixth, _, ..] = head else { return None };
    let n_bytes = usize::from(fourth & 3) << 11 | usize::from(fifth) << 3 | usize::from(sixth >> 5);
    (second & 0xf0 == 0xf0 && n_bytes >= HEAD_BYTES).then_some(n_bytes)
}

/// Hands on what ffmpeg writes until it ends.
fn read_all(encoded: &mut impl Read, sender: &SyncSender<Vec<u8>>) {
    let mut buffer = vec![0; READ_BYTES];
    while let Ok(n @ 1..) = encoded.read(&mut buffer) {
        if sender.send(buffer[..n].to_vec()).is_err() {
            return;
        }
    }
}
