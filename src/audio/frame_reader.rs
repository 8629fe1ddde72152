//! Finds MP3 frames in a file or a stream, and skips tags, VBR headers and junk.

use std::io::{self, Read};

use super::mp3::{Frame, Header};
use super::reservoir::AfterCut;
use super::tag_sizes::tag_bytes;
use super::vbr_header::VbrHeader;

/// Bytes read from a file at a time.
const READ_BYTES: usize = 16 * 1024;

/// The most bytes without a frame at the beginning of a file that is probed; tags do not count.
pub const STREAM_JUNK_BYTES: usize = 1024 * 1024;

/// The most bytes without a frame in a file that is played, which may be a disk image or an archive with the extension of
/// audio.
pub const FILE_JUNK_BYTES: usize = 16 * 1024 * 1024;

/// Reads audio frames; tags, VBR headers, junk and a truncated last frame are skipped.
///
/// The format may change mid-stream. A frame is silenced if its bit reservoir is missing: after another track, players
/// would decode it with that track's data.
pub struct FrameReader<R> {
    source: R,
    max_junk: usize,
    buffer: Vec<u8>,
    start: usize,
    is_ended: bool,
    stream: Option<Header>,
    vbr_header: Option<VbrHeader>,
    /// Delay and padding, if the first VBR header does not say them.
    padding: Option<(u32, u32)>,
    /// The bit reservoir: main data in contiguous frames.
    reservoir: AfterCut,
}

impl<R: Read> FrameReader<R> {
    /// Reads a file or a stream from its beginning, and fails after `max_junk` bytes without a frame.
    pub fn new(source: R, max_junk: usize) -> Self {
        Self {
            source,
            max_junk,
            buffer: Vec::new(),
            start: 0,
            is_ended: false,
            stream: None,
            vbr_header: None,
            padding: None,
            reservoir: AfterCut::default(),
        }
    }

    /// Sets the encoder's delay and padding of a file whose VBR header does not say them.
    pub fn with_padding(self, padding: Option<(u32, u32)>) -> Self {
        Self { padding, ..self }
    }

    /// The VBR header right before the latest frame, once.
    pub fn take_vbr_header(&mut self) -> Option<VbrHeader> {
        self.vbr_header.take()
    }

    /// The next frame; `None` at the end, or where only junk follows.
    pub fn next_frame(&mut self) -> io::Result<Option<Frame>> {
        let mut skipped = 0;
        loop {
            self.fill(32)?;
            if self.held().len() < 4 {
                return Ok(None);
            }
            if let Some(tag) = tag_bytes(self.held()) {
                self.skip(tag)?;
                continue;
            }
            if let Some(header) = self.header_here(skipped > 0)? {
                let mut frame =
                    Frame { header, bytes: self.held()[..header.n_bytes].to_vec(), samples: None };
                self.start += header.n_bytes;
                if self.stream.replace(header).is_some_and(|before| !before.is_like(&header)) {
                    self.reservoir = AfterCut::default();
                }
                if let Some(vbr_header) = VbrHeader::of(&frame) {
                    self.vbr_header = Some(vbr_header);
                    self.reservoir = AfterCut::default();
                    continue;
                }
                if let Some((delay, padding)) = self.padding.take() {
                    let vbr_header = self.vbr_header.get_or_insert_default();
                    if vbr_header.delay.is_none() {
                        (vbr_header.delay, vbr_header.padding) = (Some(delay), padding);
                    }
                }
                self.reservoir.check(&mut frame);
                return Ok(Some(frame));
            }
            self.start += 1;
            skipped += 1;
            self.reservoir = AfterCut::default();
            if skipped > self.max_junk {
                if self.stream.is_some() {
                    return Ok(None);
                }
                let reason = format!("no MP3 frame in {} KiB", self.max_junk / 1024);
                return Err(io::Error::new(io::ErrorKind::InvalidData, reason));
            }
        }
    }

    /// The header of a complete frame that begins here. It must continue the stream and be followed by another frame or the
    /// end, or be the first of two similar frames, or after junk, which may look like frames, of three.
    fn header_here(&mut self, is_behind_junk: bool) -> io::Result<Option<Header>> {
        let Some(header) = Header::parse(self.held()) else { return Ok(None) };
        let continues = self.stream.is_some_and(|stream| stream.is_like(&header));
        // Includes the header of a tag, which may be between two frames of a stream.
        self.fill(header.n_bytes + 32)?;
        if self.held().len() < header.n_bytes {
            return Ok(None);
        }
        let rest = &self.held()[header.n_bytes..];
        if continues && (rest.len() < 4 || tag_bytes(rest).is_some()) {
            return Ok(Some(header));
        }
        let Some(next) = Header::parse(rest) else { return Ok(None) };
        if next.is_like(&header) && (continues || !is_behind_junk) {
            return Ok(Some(header));
        }
        let after_next = header.n_bytes + next.n_bytes;
        self.fill(after_next + 32)?;
        let rest = self.held().get(after_next..).unwrap_or_default();
        let is_followed = rest.len() < 4
            || tag_bytes(rest).is_some()
            || Header::parse(rest).is_some_and(|third| third.is_like(&next));
        Ok((is_followed && (continues || next.is_like(&header))).then_some(header))
    }

    fn held(&self) -> &[u8] {
        &self.buffer[self.start..]
    }

    /// Buffers at least `n_bytes`, unless the source ends before.
    fn fill(&mut self, n_bytes: usize) -> io::Result<()> {
        if self.held().len() >= n_bytes || self.is_ended {
            return Ok(());
        }
        self.buffer.drain(..self.start);
        self.start = 0;
        while self.buffer.len() < n_bytes && !self.is_ended {
            let held = self.buffer.len();
            self.buffer.resize(held + READ_BYTES, 0);
            let n = match self.source.read(&mut self.buffer[held..]) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => 0,
                Err(error) => {
                    self.buffer.truncate(held);
                    return Err(error);
                }
                Ok(n) => {
                    self.is_ended = n == 0;
                    n
                }
            };
            self.buffer.truncate(held + n);
        }
        Ok(())
    }

    /// Skips a tag of any size.
    fn skip(&mut self, mut n_bytes: usize) -> io::Result<()> {
        while n_bytes > 0 {
            self.fill(1)?;
            let n = n_bytes.min(self.held().len());
            if n == 0 {
                return Ok(());
            }
            self.start += n;
            n_bytes -= n;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A frame of MPEG-1, 128 kbit/s, 44.1 kHz.
    fn frame(mode: u8, has_crc: bool, main_data_begin: u16) -> Vec<u8> {
        let mut bytes = vec![0xff, if has_crc { 0xfa } else { 0xfb }, 0x90, mode << 6];
        let side = if has_crc { 6 } else { 4 };
        bytes.resize(417, 0x5a);
        bytes[side] = (main_data_begin >> 1) as u8;
        bytes[side + 1] = ((main_data_begin & 1) << 7) as u8 | 0x0a;
        bytes
    }

    fn read(bytes: Vec<u8>) -> Vec<Frame> {
        let mut reader = FrameReader::new(std::io::Cursor::new(bytes), STREAM_JUNK_BYTES);
        std::iter::from_fn(|| reader.next_frame().unwrap()).collect()
    }

    fn is_silent(frame: &Frame) -> bool {
        let start = frame.header.side_start();
        frame.bytes[start..start + frame.header.side_bytes()].iter().all(|byte| *byte == 0)
    }

    #[test]
    fn a_frame_without_its_bit_reservoir_is_silenced_and_later_frames_keep_theirs() {
        // Each brings 381 bytes.
        let begins = [300, 400, 511, 0];
        let frames = read(begins.iter().flat_map(|begin| frame(0, false, *begin)).collect());
        assert_eq!(frames.iter().map(is_silent).collect::<Vec<_>>(), [true, true, false, false]);
        assert!(frames.iter().all(|frame| frame.bytes[36..] == [0x5a; 381]), "the data stays");
    }

    #[test]
    fn after_a_gap_the_bit_reservoir_is_empty() {
        let mut bytes = [frame(0, false, 0), frame(0, false, 100)].concat();
        bytes.extend([0x11; 50]);
        bytes.extend([frame(0, false, 100), frame(0, false, 100)].concat());
        let silent: Vec<bool> = read(bytes).iter().map(is_silent).collect();
        // The frame right before the junk is not recognised.
        assert_eq!(silent, [false, true, false]);
    }

    #[test]
    fn the_format_may_change_mid_stream_and_no_frame_is_lost() {
        let (stereo, mono) = (|| frame(0, false, 0), || frame(3, false, 0));
        let frames =
            read([stereo(), stereo(), stereo(), mono(), mono(), mono(), stereo(), stereo()].concat());
        let channels: Vec<u8> = frames.iter().map(|frame| frame.header.format.channels).collect();
        assert_eq!(channels, [2, 2, 2, 1, 1, 1, 2, 2]);
    }

    #[test]
    fn junk_that_looks_like_a_frame_is_skipped() {
        let mut bytes = vec![0x3c; 3000];
        bytes[100..104].copy_from_slice(&[0xff, 0xfb, 0x90, 0]);
        bytes[2000..2004].copy_from_slice(&[0xff, 0xfb, 0x90, 0]);
        bytes[2417..2421].copy_from_slice(&[0xff, 0xfb, 0x90, 0]);
        bytes.extend([frame(0, false, 0), frame(0, false, 0), frame(0, false, 0)].concat());
        assert_eq!(read(bytes).len(), 3);
    }

    #[test]
    fn tags_of_any_size_are_skipped_and_junk_after_the_audio_ends_it() {
        let sound = || [frame(0, false, 0), frame(0, false, 0), frame(0, false, 0)].concat();
        let mut ape = b"APETAGEX\xd0\x07\0\0".to_vec();
        ape.extend((2_000_032_u32).to_le_bytes());
        ape.extend([1, 0, 0, 0, 0, 0, 0, 0xa0, 0, 0, 0, 0, 0, 0, 0, 0]);
        let ape = [ape, vec![0xff; 2_000_032]].concat();
        let id3v1 = [b"TAG".to_vec(), vec![0; 125]].concat();
        assert_eq!(read([ape.clone(), sound(), ape, id3v1, sound()].concat()).len(), 6);
        assert_eq!(read([sound(), vec![0x55; 2 * STREAM_JUNK_BYTES]].concat()).len(), 2);
        let junk = vec![0x55; 2 * STREAM_JUNK_BYTES];
        let mut junk = FrameReader::new(&junk[..], STREAM_JUNK_BYTES);
        assert_eq!(junk.next_frame().unwrap_err().to_string(), "no MP3 frame in 1024 KiB");
    }
}
