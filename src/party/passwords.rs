//! Room passwords: kept as codes, tried a few times.
//!
//! A code is HMAC-SHA256 of room and password under a random key, which is kept where rooms are kept. Whoever reads
//! that reads the owners' tokens too, so a slow hash would protect little more, and a flood of wrong passwords would
//! stop every room: this one takes a microsecond. Guessing is stopped by counting, on all nodes together.

use std::net::IpAddr;
use std::time::Duration;

use ring::hmac;
use serde::{Deserialize, Serialize};

use crate::http::address::rate_limit_key;
use crate::rooms::{Seed, TrackedMap};
use crate::time::Timestamp;

/// Bytes of a code.
const CODE_BYTES: usize = 32;

/// The beginning of the names of the facts that tell who was wrong.
const WRONG: &str = "wrong/";

/// A password as it is kept; it does not show.
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

/// The key of all codes, and how often somebody may be wrong.
pub struct Passwords {
    key: hmac::Key,
    limit: TryLimit,
}

/// Somebody who tries a room's password.
#[derive(Clone, Copy)]
pub struct Guesser<'a> {
    /// The room's name.
    pub room: &'a str,
    /// Where it tries from.
    pub address: IpAddr,
}

/// Wrong tries since a moment.
#[derive(Serialize, Deserialize)]
struct Wrong {
    tries: u32,
    since: Timestamp,
}

impl Passwords {
    /// Codes under the key of that seed.
    pub fn new(seed: &Seed, limit: TryLimit) -> Self {
        Self { key: hmac::Key::new(hmac::HMAC_SHA256, seed), limit }
    }

    /// A password as it is kept for a room.
    pub fn encode(&self, room: &str, password: &str) -> Code {
        let tag = hmac::sign(&self.key, text(room, password).as_bytes());
        Code(tag.as_ref().try_into().expect("SHA-256 has 32 bytes"))
    }

    /// Whether somebody knows a room's password; always false for who was wrong too often.
    pub fn is_right(
        &self,
        facts: &mut TrackedMap<String, String>,
        guesser: Guesser<'_>,
        code: &Code,
        guess: &str,
        now: Timestamp,
    ) -> bool {
        let fact = format!("{WRONG}{}/{}", guesser.room, rate_limit_key(guesser.address));
        let wrong = facts.get(&fact).and_then(|text| self.read(text, now));
        let tries = wrong.as_ref().map_or(0, |wrong| wrong.tries);
        if tries >= self.limit.tries {
            return false;
        }
        if hmac::verify(&self.key, text(guesser.room, guess).as_bytes(), &code.0).is_ok() {
            if wrong.is_some() {
                facts.remove(&fact);
            }
            return true;
        }
        let since = wrong.map_or(now, |wrong| wrong.since);
        facts.insert(fact, write(&Wrong { tries: tries + 1, since }));
        false
    }

    /// Forgets what counts no more.
    pub fn forget(&self, facts: &mut TrackedMap<String, String>, now: Timestamp) {
        let is_over = |(fact, text): &(&String, &String)| is_about(fact) && self.read(text, now).is_none();
        let over: Vec<String> = facts.all().filter(is_over).map(|(fact, _)| fact.clone()).collect();
        for fact in over {
            facts.remove(&fact);
        }
    }

    fn read(&self, text: &str, now: Timestamp) -> Option<Wrong> {
        let wrong: Wrong = serde_json::from_str(text).ok()?;
        (now.since(wrong.since) < self.limit.window).then_some(wrong)
    }
}

/// Whether a fact tells who was wrong.
pub fn is_about(fact: &str) -> bool {
    fact.starts_with(WRONG)
}

/// Wrong tries that were counted on nodes out of each other's reach: all of them.
pub fn merge(theirs: &str, ours: &str) -> String {
    let read = |text: &str| serde_json::from_str::<Wrong>(text).ok();
    match (read(theirs), read(ours)) {
        (Some(theirs), Some(ours)) => write(&Wrong {
            tries: theirs.tries.saturating_add(ours.tries),
            since: theirs.since.max(ours.since),
        }),
        (Some(_), None) => theirs.to_owned(),
        (None, _) => ours.to_owned(),
    }
}

fn write(wrong: &Wrong) -> String {
    serde_json::to_string(wrong).expect("wrong tries are plain data")
}

fn text(room: &str, password: &str) -> String {
    format!("{room}\n{password}")
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_millis(1_700_000_000_000);

    #[test]
    fn whoever_was_wrong_too_often_waits_and_nobody_else_does() {
        let limit = TryLimit { tries: 2, window: Duration::from_mins(1) };
        let passwords = Passwords::new(&Seed::default(), limit);
        let mut facts = TrackedMap::default();
        let room = "AB12CD";
        let code = passwords.encode(room, "secret");
        let (eve, ann) = (IpAddr::from([10, 0, 0, 1]), IpAddr::from([10, 0, 0, 2]));
        let mut guess = |guess, address, at: u64| {
            let guesser = Guesser { room, address };
            passwords.is_right(&mut facts, guesser, &code, guess, NOW + Duration::from_secs(at))
        };
        assert!(guess("secret", eve, 0));
        assert!(!guess("a", eve, 0) && !guess("b", eve, 59));
        assert!(!guess("secret", eve, 59), "it has had its tries");
        assert!(guess("secret", ann, 59));
        assert!(!guess("c", ann, 59));
        assert!(guess("secret", eve, 60));
        passwords.forget(&mut facts, NOW + Duration::from_secs(118));
        assert_eq!(facts.count(), 1, "what counts is kept");
        passwords.forget(&mut facts, NOW + Duration::from_secs(119));
        assert_eq!(facts.count(), 0);
    }

    #[test]
    fn tries_on_both_sides_of_a_separation_count_together() {
        let limit = TryLimit { tries: 2, window: Duration::from_mins(1) };
        let passwords = Passwords::new(&Seed::default(), limit);
        let room = "AB12CD";
        let code = passwords.encode(room, "secret");
        let guesser = Guesser { room, address: [10, 0, 0, 1].into() };
        let wrong_once = || {
            let mut facts = TrackedMap::default();
            assert!(!passwords.is_right(&mut facts, guesser, &code, "a", NOW));
            facts
        };
        let (theirs, ours) = (wrong_once(), wrong_once());
        let (fact, theirs) = theirs.all().next().unwrap();
        let mut both = TrackedMap::default();
        both.put(fact.clone(), Some(merge(theirs, ours.get(fact).unwrap())));
        assert!(!passwords.is_right(&mut both, guesser, &code, "secret", NOW));
    }

    #[test]
    fn a_code_is_good_for_its_room_alone() {
        let limit = TryLimit { tries: 9, window: Duration::from_mins(1) };
        let passwords = Passwords::new(&Seed::default(), limit);
        let code = passwords.encode("AB12CD", "secret");
        let elsewhere = Guesser { room: "AB12CE", address: [10, 0, 0, 1].into() };
        assert!(!passwords.is_right(&mut TrackedMap::default(), elsewhere, &code, "secret", NOW));
    }
}
