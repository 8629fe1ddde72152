//! Room passwords: kept as codes, tried a few times.
//!
//! A code is HMAC-SHA256 of room and password under a random key, which is kept where rooms are kept. Whoever reads
//! that reads the owners' tokens too, so a slow hash would protect little more, and a flood of wrong passwords would
//! stop every room: this one takes a microsecond. Guessing is stopped by counting.

use std::collections::HashMap;
use std::net::IpAddr;
use std::time::Duration;

use ring::hmac;
use serde::{Deserialize, Serialize};

use super::names::RoomId;
use crate::http::address::subscriber;
use crate::switchboard::Seed;
use crate::time::Timestamp;

/// Bytes of a code.
const CODE_BYTES: usize = 32;

/// A password as it is kept.
#[derive(Clone, Serialize, Deserialize)]
pub struct Code([u8; CODE_BYTES]);

/// How often somebody may be wrong.
#[derive(Debug, Clone, Copy)]
pub struct TryLimit {
    /// Wrong passwords of one address at one room…
    pub tries: u32,
    /// …within this time; after that it may try again.
    pub window: Duration,
}

/// The key of all codes, and who has been wrong how often.
pub struct Passwords {
    key: hmac::Key,
    limit: TryLimit,
    wrong: HashMap<(RoomId, IpAddr), Wrong>,
}

/// Wrong tries since a moment.
struct Wrong {
    tries: u32,
    since: Timestamp,
}

impl Passwords {
    /// Codes under the key of that seed.
    pub fn new(seed: &Seed, limit: TryLimit) -> Self {
        Self { key: hmac::Key::new(hmac::HMAC_SHA256, seed), limit, wrong: HashMap::new() }
    }

    /// A password as it is kept for a room.
    pub fn encode(&self, room: RoomId, password: &str) -> Code {
        let tag = hmac::sign(&self.key, text(room, password).as_bytes());
        Code(tag.as_ref().try_into().expect("SHA-256 has 32 bytes"))
    }

    /// Whether somebody at that address knows a room's password; always false for who was wrong too often.
    pub fn is_right(
        &mut self,
        room: RoomId,
        code: &Code,
        guess: &str,
        address: IpAddr,
        now: Timestamp,
    ) -> bool {
        let guesser = (room, subscriber(address));
        let wrong = self.wrong.get(&guesser).filter(|wrong| now.since(wrong.since) < self.limit.window);
        let tries = wrong.map_or(0, |wrong| wrong.tries);
        if tries >= self.limit.tries {
            return false;
        }
        if hmac::verify(&self.key, text(room, guess).as_bytes(), &code.0).is_ok() {
            self.wrong.remove(&guesser);
            return true;
        }
        let since = wrong.map_or(now, |wrong| wrong.since);
        self.wrong.insert(guesser, Wrong { tries: tries + 1, since });
        false
    }

    /// Forgets what counts no more.
    pub fn forget(&mut self, now: Timestamp) {
        self.wrong.retain(|_, wrong| now.since(wrong.since) < self.limit.window);
    }
}

fn text(room: RoomId, password: &str) -> String {
    format!("{room}\n{password}")
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_millis(1_700_000_000_000);

    #[test]
    fn whoever_was_wrong_too_often_waits_and_nobody_else_does() {
        let limit = TryLimit { tries: 2, window: Duration::from_mins(1) };
        let mut passwords = Passwords::new(&Seed::default(), limit);
        let room = RoomId::of(*b"AB12CD");
        let code = passwords.encode(room, "secret");
        let (eve, ann) = (IpAddr::from([10, 0, 0, 1]), IpAddr::from([10, 0, 0, 2]));
        let mut guess = |guess, address, at: u64| {
            passwords.is_right(room, &code, guess, address, NOW + Duration::from_secs(at))
        };
        assert!(guess("secret", eve, 0));
        assert!(!guess("a", eve, 0) && !guess("b", eve, 59));
        assert!(!guess("secret", eve, 59), "it has had its tries");
        assert!(guess("secret", ann, 59));
        assert!(guess("secret", eve, 60));
    }

    #[test]
    fn a_code_is_good_for_its_room_alone() {
        let limit = TryLimit { tries: 9, window: Duration::from_mins(1) };
        let mut passwords = Passwords::new(&Seed::default(), limit);
        let code = passwords.encode(RoomId::of(*b"AB12CD"), "secret");
        assert!(!passwords.is_right(RoomId::of(*b"AB12CE"), &code, "secret", [10, 0, 0, 1].into(), NOW));
    }
}
