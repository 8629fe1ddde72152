//! A text that must not be seen: it prints and serialises as a mask.

use std::fmt;

use serde::{Deserialize, Serialize, Serializer};
use subtle::ConstantTimeEq;

/// What stands in a secret's place wherever it would show.
pub const MASK: &str = "********";

/// A key, token or password; empty when none is set.
#[derive(Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub struct Secret(String);

impl Secret {
    /// Wraps the text as it is.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text itself, for the one place that needs it.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// Whether one is set at all.
    pub fn is_set(&self) -> bool {
        !self.0.is_empty()
    }

    /// Whether `guess` is the secret, in a time that tells nothing about it; never when none is set.
    pub fn is(&self, guess: &str) -> bool {
        self.is_set() && bool::from(self.0.as_bytes().ct_eq(guess.as_bytes()))
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.is_set() { MASK } else { "\"\"" })
    }
}

impl Serialize for Secret {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(if self.is_set() { MASK } else { "" })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_shows_nowhere() {
        let secret = Secret::new("hunter2");
        assert_eq!(format!("{secret:?}"), MASK);
        assert_eq!(serde_json::to_string(&secret).unwrap(), format!("\"{MASK}\""));
    }

    #[test]
    fn only_the_right_word_matches_and_no_word_matches_nothing() {
        assert!(Secret::new("hunter2").is("hunter2"));
        assert!(!Secret::new("hunter2").is("hunter3"));
        assert!(!Secret::default().is(""));
    }
}
