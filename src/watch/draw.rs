//! What the rules of watch rooms draw at random: ids, tokens, and what makes a chat message unique.

use super::protocol::{OwnerToken, RoomId};
use crate::rooms::Rng;

/// Characters at the end of a chat message's id.
const CHAT_SUFFIX_CHARS: usize = 7;

/// Bytes of an owner's token; 128 bits cannot be guessed.
const TOKEN_BYTES: usize = 16;

/// A room's id; it may be taken.
pub fn room_id(rng: &mut Rng) -> RoomId {
    RoomId::of(digits(rng))
}

/// An owner's token.
pub fn owner_token(rng: &mut Rng) -> OwnerToken {
    OwnerToken::of(hex::encode(&rng.draw()[..TOKEN_BYTES]))
}

/// What makes a chat message's id unique within its millisecond.
pub fn chat_suffix(rng: &mut Rng) -> String {
    let digits: [u8; CHAT_SUFFIX_CHARS] = digits(rng);
    digits.iter().map(|digit| char::from(digit.to_ascii_lowercase())).collect()
}

fn digits<const N: usize>(rng: &mut Rng) -> [u8; N] {
    let drawn = rng.draw();
    let mut wide = [0; 2];
    std::array::from_fn(|n| {
        wide.copy_from_slice(&drawn[2 * n..2 * n + 2]);
        RoomId::DIGITS[usize::from(u16::from_be_bytes(wide)) % RoomId::DIGITS.len()]
    })
}
