//! Chance for the rules: all that is random comes from one secret seed, so a script has one transcript.

use ring::hmac;

use super::names::{OwnerToken, RoomId};
use crate::switchboard::Seed;

/// Characters at the end of a chat message's id.
const CHAT_SUFFIX_CHARS: usize = 7;

/// Bytes of an owner's token; 128 bits cannot be guessed.
const TOKEN_BYTES: usize = 16;

/// An endless stream of random bytes: HMAC-SHA256 of a counter under the seed.
pub struct Chance {
    key: hmac::Key,
    n_drawn: u64,
}

impl Chance {
    /// The stream of a seed.
    pub fn new(seed: &Seed) -> Self {
        Self { key: hmac::Key::new(hmac::HMAC_SHA256, seed), n_drawn: 0 }
    }

    /// A room's id; it may be taken.
    pub fn room_id(&mut self) -> RoomId {
        RoomId::of(self.digits())
    }

    /// An owner's token.
    pub fn owner_token(&mut self) -> OwnerToken {
        OwnerToken::of(hex::encode(&self.draw()[..TOKEN_BYTES]))
    }

    /// What makes a chat message's id unique within its millisecond.
    pub fn chat_suffix(&mut self) -> String {
        let digits: [u8; CHAT_SUFFIX_CHARS] = self.digits();
        digits.iter().map(|digit| char::from(digit.to_ascii_lowercase())).collect()
    }

    fn digits<const N: usize>(&mut self) -> [u8; N] {
        let drawn = self.draw();
        let mut wide = [0; 2];
        std::array::from_fn(|n| {
            wide.copy_from_slice(&drawn[2 * n..2 * n + 2]);
            RoomId::DIGITS[usize::from(u16::from_be_bytes(wide)) % RoomId::DIGITS.len()]
        })
    }

    fn draw(&mut self) -> Seed {
        self.n_drawn += 1;
        let tag = hmac::sign(&self.key, &self.n_drawn.to_be_bytes());
        tag.as_ref().try_into().expect("SHA-256 has 32 bytes")
    }
}
