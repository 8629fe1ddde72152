//! Seals polling sessions: who knows a member's public id still cannot speak for it.
//!
//! The session id of a polling client is its member id, which rooms publish. So it goes out to the client with
//! a code that only this process can make, and only the pair opens the session.

use ring::hmac;

use crate::random;

/// Of the code, 128 bits are enough; it goes out in hexadecimal digits.
const CODE_BYTES: usize = 16;

/// As many as the code has before it is cut.
const KEY_BYTES: usize = 32;

/// What stands between the id and its code; no id holds it.
const MARK: char = '.';

/// The process's key, and the node's name.
pub struct Seal {
    key: hmac::Key,
    node: String,
}

impl Seal {
    /// A key that nobody knows; sealed ids end with the node's name, if it has one.
    pub fn new(node: &str) -> Self {
        Self { key: hmac::Key::new(hmac::HMAC_SHA256, &random::bytes::<KEY_BYTES>()), node: node.to_owned() }
    }

    /// The id with its code.
    pub fn close(&self, id: &str) -> String {
        let code = hmac::sign(&self.key, id.as_bytes());
        let code = hex::encode(&code.as_ref()[..CODE_BYTES]);
        match self.node.as_str() {
            "" => format!("{id}{MARK}{code}"),
            node => format!("{id}{MARK}{code}{MARK}{node}"),
        }
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
        let seal = Seal::new("");
        let sealed = seal.close("Zm9vYmFyYmF6cXV4");
        assert_eq!(seal.open(&sealed), Some("Zm9vYmFyYmF6cXV4"));
        for forged in ["Zm9vYmFyYmF6cXV4", "Zm9vYmFyYmF6cXV4.", "", "."] {
            assert_eq!(seal.open(forged), None, "{forged}");
        }
        assert_eq!(seal.open(&sealed[..sealed.len() - 1]), None);
        assert_eq!(Seal::new("").open(&sealed), None);
    }

    #[test]
    fn a_sealed_id_ends_with_the_name_of_its_node() {
        let seal = Seal::new("east-1");
        let sealed = seal.close("Zm9vYmFyYmF6cXV4");
        assert!(sealed.ends_with(".east-1"));
        assert_eq!(seal.open(&sealed), Some("Zm9vYmFyYmF6cXV4"));
        assert_eq!(seal.open(sealed.trim_end_matches(".east-1")), None);
    }
}
