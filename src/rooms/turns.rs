//! A queue of streams that take turns: order holds within each, and none waits for all of another. No I/O, no clock.
//!
//! A stream is what a room has pending. One that is being served has no other turn until that one is over, so two senders
//! never serve the same stream at once.

use std::collections::{HashMap, VecDeque};

use foldhash::fast::RandomState;

/// A stream's number; numbers are never used again, and 0 is none.
pub type StreamId = u64;

/// Streams of pieces `P`.
pub struct Turns<P> {
    /// The pieces of each open stream, in order.
    streams: HashMap<StreamId, VecDeque<P>, RandomState>,
    /// Open streams, but for those that are being served; the first is next.
    ring: VecDeque<StreamId>,
    n_opened: StreamId,
}

impl<P> Turns<P> {
    /// No stream.
    pub fn new() -> Self {
        Self { streams: HashMap::default(), ring: VecDeque::new(), n_opened: 0 }
    }

    /// Opens a stream behind all others; a piece of it must follow.
    pub fn open(&mut self) -> StreamId {
        self.n_opened += 1;
        self.streams.insert(self.n_opened, VecDeque::new());
        self.ring.push_back(self.n_opened);
        self.n_opened
    }

    /// Whether a stream has anything pending, or is being served.
    pub fn is_open(&self, stream: StreamId) -> bool {
        self.streams.contains_key(&stream)
    }

    /// Adds a piece to a stream, behind all others of it.
    ///
    /// # Panics
    /// If the stream is not open.
    pub fn push(&mut self, stream: StreamId, piece: P) {
        self.streams.get_mut(&stream).expect("pieces are pushed to open streams").push_back(piece);
    }

    /// The next stream's first piece. Its turn is over with [`Self::served`].
    pub fn next(&mut self) -> Option<(StreamId, P)> {
        let stream = self.ring.pop_front()?;
        let piece = self.streams.get_mut(&stream).and_then(VecDeque::pop_front);
        Some((stream, piece.expect("a stream in the ring has a piece")))
    }

    /// The piece is out: the stream waits for its next turn, or is closed if it has none.
    pub fn served(&mut self, stream: StreamId) {
        match self.streams.get(&stream) {
            Some(pieces) if !pieces.is_empty() => self.ring.push_back(stream),
            Some(_) => {
                self.streams.remove(&stream);
            }
            None => {}
        }
    }

    /// Streams that wait for their turns.
    pub fn n_ready(&self) -> usize {
        self.ring.len()
    }

    /// Whether no stream is open.
    pub fn is_empty(&self) -> bool {
        self.streams.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Serves one piece after another, and says which.
    fn all(turns: &mut Turns<&'static str>) -> Vec<&'static str> {
        let mut served = Vec::new();
        while let Some((stream, piece)) = turns.next() {
            served.push(piece);
            turns.served(stream);
        }
        served
    }

    fn open(turns: &mut Turns<&'static str>, pieces: &[&'static str]) -> StreamId {
        let stream = turns.open();
        for piece in pieces {
            turns.push(stream, piece);
        }
        stream
    }

    #[test]
    fn streams_take_turns_and_each_keeps_its_order() {
        let mut turns = Turns::new();
        open(&mut turns, &["a1", "a2", "a3"]);
        open(&mut turns, &["b1"]);
        open(&mut turns, &["c1", "c2"]);
        assert_eq!(all(&mut turns), ["a1", "b1", "c1", "a2", "c2", "a3"]);
        assert!(turns.is_empty());
    }

    #[test]
    fn a_stream_that_is_being_served_is_open_and_has_no_other_turn() {
        let mut turns = Turns::new();
        let stream = open(&mut turns, &["a1"]);
        assert_eq!(turns.next(), Some((stream, "a1")));
        assert!(turns.is_open(stream));
        turns.push(stream, "a2");
        assert_eq!(turns.next(), None);
        turns.served(stream);
        assert_eq!(turns.next(), Some((stream, "a2")));
        turns.served(stream);
        assert!(!turns.is_open(stream));
    }

    #[test]
    fn a_number_is_never_used_again() {
        let mut turns = Turns::new();
        let first = open(&mut turns, &["a1"]);
        all(&mut turns);
        let second = open(&mut turns, &["b1"]);
        assert!(first != second && !turns.is_open(first) && turns.is_open(second));
    }
}
