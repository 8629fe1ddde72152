//! MP3, by LAME.

use anyhow::Result;
use bytes::Bytes;

use super::{Piece, StreamEncoder, Tags};
use crate::audio::block::Block;
use crate::audio::format::Format;
use crate::audio::mp3::Frame;
use crate::audio::transcoder::Transcoder;

/// A stream of frames.
pub struct Mp3Stream {
    transcoder: Transcoder,
}

impl Mp3Stream {
    pub fn new(format: Format, kbps: u32) -> Self {
        Self { transcoder: Transcoder::new(format, kbps) }
    }
}

impl StreamEncoder for Mp3Stream {
    fn begin(&mut self, _tags: &Tags) -> Result<Option<Piece>> {
        Ok(None)
    }

    fn encode(&mut self, sound: &[Block]) -> Result<Option<Piece>> {
        let mut frames = Vec::new();
        for block in sound {
            frames.extend(self.transcoder.transcode(block, 0.0)?);
        }
        Ok(piece(&frames))
    }
}

/// Frames as a piece; `None` without any.
fn piece(frames: &[Frame]) -> Option<Piece> {
    let seconds = |frame: &Frame| f64::from(frame.header.n_samples) / f64::from(frame.header.format.rate);
    (!frames.is_empty()).then(|| Piece {
        bytes: frames.iter().flat_map(|frame| frame.bytes.iter().copied()).collect(),
        seconds: frames.iter().map(seconds).sum(),
        head: Bytes::new(),
        has_head: false,
    })
}
