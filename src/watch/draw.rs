//! What the rules of watch rooms draw at random: ids, tokens, and what makes a chat message unique.

use super::protocol::{OwnerToken, RoomId};
use crate::rooms::{self, Seed};
use crate::time::Timestamp;

/// Characters at the end of a chat message's id.
const CHAT_SUFFIX_CHARS: usize = 7;

/// Bytes of an owner's token; 128 bits cannot be guessed.
const TOKEN_BYTES: usize = 16;

/// What the rules draw from it.
pub struct Rng(rooms::Rng);

impl Rng {
    /// From the stream of a seed.
    pub fn new(seed: &Seed) -> Self {
        Self(rooms::Rng::new(seed))
    }

    /// Draws for an input from here on, the same on every node.
    pub fn begin(&mut self, now: Timestamp, number: u64) {
        self.0.begin(now, number);
    }

    /// A room's id; it may be taken.
    pub fn room_id(&mut self) -> RoomId {
        RoomId::of(self.digits())
    }

    /// An owner's token.
    pub fn owner_token(&mut self) -> OwnerToken {
        OwnerToken::of(hex::encode(&self.0.draw()[..TOKEN_BYTES]))
    }

    /// What makes a chat message's id unique within its millisecond.
    pub fn chat_suffix(&mut self) -> String {
        let digits: [u8; CHAT_SUFFIX_CHARS] = self.digits();
        digits.iter().map(|digit| char::from(digit.to_ascii_lowercase())).collect()
    }

    /// The stream itself, for what rooms of other services draw too.
    pub fn shared(&mut self) -> &mut rooms::Rng {
        &mut self.0
    }

    fn digits<const N: usize>(&mut self) -> [u8; N] {
        let drawn = self.0.draw();
        let mut wide = [0; 2];
        std::array::from_fn(|n| {
            wide.copy_from_slice(&drawn[2 * n..2 * n + 2]);
            RoomId::DIGITS[usize::from(u16::from_be_bytes(wide)) % RoomId::DIGITS.len()]
        })
    }
}
