//! Decodes an HTTP body as it arrives: of a given length, chunked, or until the connection closes.

use bytes::{Buf, Bytes, BytesMut};

use crate::http::head::Head;

/// The longest line before a chunk, which is a number and rarely has extensions.
const MAX_LINE_BYTES: usize = 256;

/// A body, by how it is delimited.
#[derive(Debug, PartialEq, Eq)]
pub enum HttpBody {
    /// By the end of the connection.
    UntilClose,
    /// By its length: the bytes that are left.
    Length(u64),
    /// By an empty chunk.
    Chunked(ChunkDecoder),
}

/// The state within a chunked body.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct ChunkDecoder {
    line: BytesMut,
    left: u64,
    is_last: bool,
}

/// The body is not validly chunked.
#[derive(Debug, PartialEq, Eq)]
pub struct Malformed;

impl HttpBody {
    /// The body after a request head.
    pub fn of(head: &Head) -> Self {
        let header = |name| head.header(name).unwrap_or_default();
        Self::from_headers(header("transfer-encoding"), header("content-length"))
    }

    /// The body after a head with these two headers; a missing header is empty.
    pub fn from_headers(transfer_encoding: &str, content_length: &str) -> Self {
        let is_chunked = transfer_encoding.to_ascii_lowercase().contains("chunked");
        let length = content_length.parse().ok();
        match (is_chunked, length) {
            (true, _) => Self::Chunked(ChunkDecoder::default()),
            (false, Some(length)) => Self::Length(length),
            (false, None) => Self::UntilClose,
        }
    }

    /// Whether the whole body has been read.
    pub fn is_complete(&self) -> bool {
        match self {
            Self::UntilClose => false,
            Self::Length(left) => *left == 0,
            Self::Chunked(chunk) => chunk.is_last,
        }
    }

    /// Takes the next content out of bytes from the connection.
    ///
    /// # Errors
    /// If the body is not validly chunked.
    pub fn next_content(&mut self, bytes: &mut Bytes) -> Result<Bytes, Malformed> {
        match self {
            Self::UntilClose => Ok(bytes.split_to(bytes.len())),
            Self::Length(left) => {
                let content = bytes.split_to(bytes.len().min(usize::try_from(*left).unwrap_or(usize::MAX)));
                *left -= content.len() as u64;
                bytes.clear();
                Ok(content)
            }
            Self::Chunked(chunk) => chunk.next_content(bytes),
        }
    }
}

impl ChunkDecoder {
    fn next_content(&mut self, bytes: &mut Bytes) -> Result<Bytes, Malformed> {
        while self.left == 0 && !bytes.is_empty() && !self.is_last {
            let end = bytes.iter().position(|byte| *byte == b'\n');
            self.line.extend_from_slice(&bytes.split_to(end.unwrap_or(bytes.len())));
            if self.line.len() > MAX_LINE_BYTES {
                return Err(Malformed);
            }
            if end.is_some() {
                bytes.advance(1);
                self.start_chunk()?;
            }
        }
        if self.is_last {
            bytes.clear();
        }
        let content = bytes.split_to(bytes.len().min(usize::try_from(self.left).unwrap_or(usize::MAX)));
        self.left -= content.len() as u64;
        Ok(content)
    }

    /// Parses the line before a chunk; the empty line after a chunk's bytes is ignored.
    fn start_chunk(&mut self) -> Result<(), Malformed> {
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

    fn read(body: &mut HttpBody, text: &[u8], piece: usize) -> Result<Vec<u8>, Malformed> {
        let mut content = Vec::new();
        for bytes in text.chunks(piece) {
            let mut bytes = Bytes::copy_from_slice(bytes);
            while !bytes.is_empty() {
                content.extend(body.next_content(&mut bytes)?);
            }
        }
        Ok(content)
    }

    #[test]
    fn chunks_are_decoded_however_the_input_is_split() {
        let text = b"5\r\nhello\r\n00C ; name=value\r\n, my friends\r\n0\r\n\r\n";
        for piece in 1..text.len() {
            let mut body = HttpBody::Chunked(ChunkDecoder::default());
            assert_eq!(read(&mut body, text, piece).unwrap(), b"hello, my friends", "in pieces of {piece}");
            assert!(body.is_complete());
        }
    }

    #[test]
    fn malformed_chunks_are_rejected() {
        let long = [b'1'; 400];
        for text in [&b"hello\r\n"[..], b"-1\r\n", b"11111111111111111\r\n", b"\xff\r\n", &long] {
            assert_eq!(read(&mut HttpBody::Chunked(ChunkDecoder::default()), text, 7), Err(Malformed));
        }
    }

    #[test]
    fn a_body_with_a_length_ends_there() {
        let mut body = HttpBody::Length(3);
        assert_eq!(read(&mut body, b"abcdef", 2).unwrap(), b"abc");
        assert!(body.is_complete() && !HttpBody::UntilClose.is_complete());
    }
}
