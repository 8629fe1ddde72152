//! The random source of the rules: all that is random comes from one secret seed, so a script has one transcript, and a log
//! the same rooms on every node.

use ring::hmac;

use super::Seed;
use crate::time::Timestamp;

/// An endless stream of random bytes: HMAC-SHA256 of a counter under the seed.
pub struct Rng {
    key: hmac::Key,
    /// The input that is drawn for, on several nodes: its moment and its number.
    input: Option<(Timestamp, u64)>,
    n_drawn: u64,
}

impl Rng {
    /// The stream of a seed.
    pub fn new(seed: &Seed) -> Self {
        Self { key: hmac::Key::new(hmac::HMAC_SHA256, seed), input: None, n_drawn: 0 }
    }

    /// Draws for an input from here on, the same on every node.
    pub fn begin(&mut self, now: Timestamp, number: u64) {
        self.input = Some((now, number));
        self.n_drawn = 0;
    }

    /// The next bytes.
    pub fn draw(&mut self) -> Seed {
        self.n_drawn += 1;
        let n_drawn = self.n_drawn.to_be_bytes();
        let tag = match self.input {
            None => hmac::sign(&self.key, &n_drawn),
            Some((at, number)) => {
                let place = [at.as_micros().to_be_bytes(), number.to_be_bytes(), n_drawn];
                hmac::sign(&self.key, place.as_flattened())
            }
        };
        tag.as_ref().try_into().expect("SHA-256 has 32 bytes")
    }
}
