//! Ogg cut at its chains: each begins anew, with a head of its own. Pure but for what it reads from.

use std::io::{self, Read};

/// The head of a page without the lengths of its segments.
const HEAD_BYTES: usize = 27;

/// How a page begins.
const CAPTURE: &[u8] = b"OggS";

/// The flag of a chain's first page.
const FIRST_PAGE: u8 = 2;

/// One chain after the other: reads end with each, until `advance`.
pub struct OggChains<R> {
    source: R,
    /// The page that is being read, and how far.
    page: Vec<u8>,
    place: usize,
    /// Whether the page is the first of the next chain.
    is_next: bool,
    has_begun: bool,
}

impl<R: Read> OggChains<R> {
    /// Begins with the first chain.
    pub fn new(source: R) -> Self {
        Self { source, page: Vec::new(), place: 0, is_next: false, has_begun: false }
    }

    /// Goes on to the next chain; false if there is none.
    pub fn advance(&mut self) -> io::Result<bool> {
        while !self.is_next {
            self.place = self.page.len();
            if !self.load()? {
                return Ok(false);
            }
        }
        (self.is_next, self.has_begun) = (false, false);
        Ok(true)
    }

    /// Reads the next page; false at the end, which a truncated file has after its last whole page.
    fn load(&mut self) -> io::Result<bool> {
        let loaded = self.load_page();
        if loaded.as_ref().is_err_and(|error| error.kind() == io::ErrorKind::UnexpectedEof) {
            self.page.clear();
            return Ok(false);
        }
        loaded
    }

    fn load_page(&mut self) -> io::Result<bool> {
        self.place = 0;
        self.page.clear();
        self.page.resize(HEAD_BYTES, 0);
        if self.source.read(&mut self.page[..1])? == 0 {
            self.page.clear();
            return Ok(false);
        }
        self.source.read_exact(&mut self.page[1..])?;
        if !self.page.starts_with(CAPTURE) {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "no page of Ogg"));
        }
        let mut lengths = vec![0; usize::from(self.page[HEAD_BYTES - 1])];
        self.source.read_exact(&mut lengths)?;
        let n_bytes: usize = lengths.iter().map(|length| usize::from(*length)).sum();
        self.page.extend(lengths);
        let start = self.page.len();
        self.page.resize(start + n_bytes, 0);
        self.source.read_exact(&mut self.page[start..])?;
        let is_first = self.page[5] & FIRST_PAGE != 0;
        self.is_next = is_first && self.has_begun;
        self.has_begun |= !is_first;
        Ok(true)
    }
}

impl<R: Read> Read for OggChains<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.place == self.page.len() && !self.is_next && !self.load()? {
            return Ok(0);
        }
        if self.is_next {
            return Ok(0);
        }
        let n = buffer.len().min(self.page.len() - self.place);
        buffer[..n].copy_from_slice(&self.page[self.place..self.place + n]);
        self.place += n;
        Ok(n)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audio::block::Block;
    use crate::audio::format::Format;
    use crate::audio::streams::{Tags, encoder};

    #[test]
    fn each_chain_is_read_to_its_end_and_no_further() {
        let mut encoder = encoder("opus 64".parse().unwrap(), Format::USUAL, None).unwrap();
        let mut chains: Vec<Vec<u8>> = vec![Vec::new(); 3];
        for chain in 0..3_usize {
            let rest = encoder.begin(&Tags::default()).unwrap();
            if let Some(before) = chain.checked_sub(1) {
                chains[before].extend(rest.unwrap().bytes);
            }
            let sound = Block { rate: 44_100, channels: 2, samples: vec![0.1; 20_000] };
            chains[chain].extend(encoder.encode(&[sound]).unwrap().unwrap().bytes);
        }
        let all = chains.concat();
        let mut reader = OggChains::new(&all[..]);
        for (n, chain) in chains.iter().enumerate() {
            let mut read = Vec::new();
            reader.read_to_end(&mut read).unwrap();
            assert_eq!(read.len(), chain.len(), "chain {n}");
            assert_eq!(reader.advance().unwrap(), n < 2);
        }
        assert!(OggChains::new(&b"no Ogg, but as long as a head of it"[..]).read(&mut [0; 9]).is_err());
    }
}
