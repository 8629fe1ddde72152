//! The body of a request that never ends: as long as it says, in chunks, or until the connection closes.

use bytes::{Buf, Bytes, BytesMut};

use crate::http::head::Head;

/// The line before a chunk is a number; a longer one is no chunk's.
const MAX_LINE_BYTES: usize = 256;

/// How the body's end is known.
#[derive(Debug, PartialEq, Eq)]
pub enum Body {
    /// When the connection closes.
    Endless,
    /// After so many bytes more.
    Sized(u64),
    /// After a chunk without bytes.
    Chunked(Chunk),
}

/// Where in the chunks the reader is.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Chunk {
    line: BytesMut,
    left: u64,
    is_last: bool,
}

/// This is no chunked body.
#[derive(Debug, PartialEq, Eq)]
pub struct Malformed;

impl Body {
    /// The body that a head announces.
    pub fn of(head: &Head) -> Self {
        let header = |name| head.header(name).unwrap_or_default();
        Self::announced(header("transfer-encoding"), header("content-length"))
    }

    /// The body that these two headers announce; empty ones are not there.
    pub fn announced(transfer_encoding: &str, content_length: &str) -> Self {
        let is_chunked = transfer_encoding.to_ascii_lowercase().contains("chunked");
        let length = content_length.parse().ok();
        match (is_chunked, length) {
            (true, _) => Self::Chunked(Chunk::default()),
            (false, Some(length)) => Self::Sized(length),
            (false, None) => Self::Endless,
        }
    }

    /// Whether all of it has been read.
    pub fn is_over(&self) -> bool {
        match self {
            Self::Endless => false,
            Self::Sized(left) => *left == 0,
            Self::Chunked(chunk) => chunk.is_last,
        }
    }

    /// The content in bytes as they came from the connection, piece by piece.
    pub fn content(&mut self, bytes: &mut Bytes) -> Result<Bytes, Malformed> {
        match self {
            Self::Endless => Ok(bytes.split_to(bytes.len())),
            Self::Sized(left) => {
                let content = bytes.split_to(bytes.len().min(usize::try_from(*left).unwrap_or(usize::MAX)));
                *left -= content.len() as u64;
                bytes.clear();
                Ok(content)
            }
            Self::Chunked(chunk) => chunk.content(bytes),
        }
    }
}

impl Chunk {
    fn content(&mut self, bytes: &mut Bytes) -> Result<Bytes, Malformed> {
        while self.left == 0 && !bytes.is_empty() && !self.is_last {
            let end = bytes.iter().position(|byte| *byte == b'\n');
            self.line.extend_from_slice(&bytes.split_to(end.unwrap_or(bytes.len())));
            if self.line.len() > MAX_LINE_BYTES {
                return Err(Malformed);
            }
            if end.is_some() {
                bytes.advance(1);
                self.begin()?;
            }
        }
        if self.is_last {
            bytes.clear();
        }
        let content = bytes.split_to(bytes.len().min(usize::try_from(self.left).unwrap_or(usize::MAX)));
        self.left -= content.len() as u64;
        Ok(content)
    }

    /// Reads the line before a chunk; the empty one after the last chunk's bytes says nothing.
    fn begin(&mut self) -> Result<(), Malformed> {
        let line = std::mem::take(&mut self.line);
        let line = std::str::from_utf8(&line).map_err(|_| Malformed)?.trim();
        if line.is_empty() {
            return Ok(());
        }
        let size = line.split(';').next().unwrap_or_default().trim();
        self.left = u64::from_str_radix(size, 16).map_err(|_| Malformed)?;
        self.is_last = self.left == 0;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(body: &mut Body, text: &[u8], piece: usize) -> Result<Vec<u8>, Malformed> {
        let mut content = Vec::new();
        for bytes in text.chunks(piece) {
            let mut bytes = Bytes::copy_from_slice(bytes);
            while !bytes.is_empty() {
                content.extend(body.content(&mut bytes)?);
            }
        }
        Ok(content)
    }

    #[test]
    fn chunks_are_put_together_wherever_they_are_cut() {
        let text = b"5\r\nhello\r\n00C ; name=value\r\n, my friends\r\n0\r\n\r\n";
        for piece in 1..text.len() {
            let mut body = Body::Chunked(Chunk::default());
            assert_eq!(read(&mut body, text, piece).unwrap(), b"hello, my friends", "in pieces of {piece}");
            assert!(body.is_over());
        }
    }

    #[test]
    fn what_is_no_chunk_is_refused() {
        let long = [b'1'; 400];
        for text in [&b"hello\r\n"[..], b"-1\r\n", b"11111111111111111\r\n", b"\xff\r\n", &long] {
            assert_eq!(read(&mut Body::Chunked(Chunk::default()), text, 7), Err(Malformed));
        }
    }

    #[test]
    fn a_length_ends_where_it_says() {
        let mut body = Body::Sized(3);
        assert_eq!(read(&mut body, b"abcdef", 2).unwrap(), b"abc");
        assert!(body.is_over() && !Body::Endless.is_over());
    }
}
