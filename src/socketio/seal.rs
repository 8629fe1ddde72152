//! Seals polling sessions: who knows a member's public id still cannot speak for it.
//!
//! The session id of a polling client is its member id, which rooms publish. So it goes out to the client with
//! a code that only this process can make, and only the pair opens the session.

use ring::hmac;
use ring::rand::SystemRandom;

/// Of the code, 128 bits are enough; it goes out in hexadecimal digits.
const CODE_BYTES: usize = 16;

/// What stands between the id and its code; no id holds it.
const MARK: char = '.';

/// The process's key.
pub struct Seal(hmac::Key);

impl Seal {
    /// A key that nobody knows.
    pub fn new() -> Self {
        Self(
            hmac::Key::generate(hmac::HMAC_SHA256, &SystemRandom::new())
                .expect("the system has random numbers"),
        )
    }

    /// The id with its code.
    pub fn close(&self, id: &str) -> String {
        let code = hmac::sign(&self.0, id.as_bytes());
        format!("{id}{MARK}{}", hex::encode(&code.as_ref()[..CODE_BYTES]))
    }

    /// The id, if its code is the right one.
    pub fn open<'a>(&self, sealed: &'a str) -> Option<&'a str> {
        let (id, _) = sealed.split_once(MARK)?;
        let expected = self.close(id);
        bool::from(subtle::ConstantTimeEq::ct_eq(expected.as_bytes(), sealed.as_bytes())).then_some(id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_sealed_id_opens() {
        let seal = Seal::new();
        let sealed = seal.close("Zm9vYmFyYmF6cXV4");
        assert_eq!(seal.open(&sealed), Some("Zm9vYmFyYmF6cXV4"));
        for forged in ["Zm9vYmFyYmF6cXV4", "Zm9vYmFyYmF6cXV4.", "", "."] {
            assert_eq!(seal.open(forged), None, "{forged}");
        }
        assert_eq!(seal.open(&sealed[..sealed.len() - 1]), None);
        assert_eq!(Seal::new().open(&sealed), None);
    }
}
