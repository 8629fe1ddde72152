//! Who may connect as which device: anybody, whoever has the key, or each device with a token of its own.

use std::collections::HashMap;
use std::path::Path;

use anyhow::{Context as _, Result, bail};
use ring::digest;
use serde::{Deserialize, Serialize};

use super::hub::Grant;
use super::protocol::names::DeviceId;
use crate::jwt::{self, Key, Token};
use crate::secret::Secret;
use crate::time::Timestamp;

/// What a client must bring.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Demand {
    /// Nothing: any device, as the original server has it.
    None,
    /// The key.
    Key,
    /// A token of its own, from the token file or as a JWT.
    Tokens,
}

/// What clients' tokens are held against.
#[derive(Clone)]
pub enum Auth {
    /// Nothing.
    Open,
    /// One key for all.
    Key(Secret),
    /// Devices by the digest of their token, and the key that signs JWTs.
    Tokens {
        /// SHA-256 of a token, and whose it is.
        devices: HashMap<[u8; 32], DeviceId>,
        /// Signs tokens with HMAC-SHA256; none are taken if it is empty.
        jwt_secret: Secret,
    },
}

/// Whose a JWT is.
#[derive(Deserialize)]
struct Claims {
    sub: String,
}

impl Auth {
    /// Reads the token file: a device's id and its token on each line, `#` begins a comment.
    pub fn tokens(file: Option<&Path>, jwt_secret: Secret) -> Result<Self> {
        let mut devices = HashMap::new();
        if let Some(path) = file {
            let text = std::fs::read_to_string(path)
                .with_context(|| format!("[devices] token_file = {:?}", path.display()))?;
            for (number, line) in text.lines().enumerate() {
                let line = line.trim();
                if line.is_empty() || line.starts_with('#') {
                    continue;
                }
                let named = line.rsplit_once(char::is_whitespace);
                let Some((device, token)) =
                    named.and_then(|(device, token)| Some((DeviceId::new(device.trim())?, token)))
                else {
                    bail!("{}: line {}: a device id and its token are expected", path.display(), number + 1);
                };
                devices.insert(hash(token), device);
            }
        }
        Ok(Self::Tokens { devices, jwt_secret })
    }

    /// What a client with that token may be; nothing without a good one. `now` is the wall clock's.
    pub fn grant(&self, token: Option<&str>, now: Timestamp) -> Option<Grant> {
        match self {
            Self::Open => Some(Grant::AnyDevice),
            Self::Key(key) => key.is(token?).then_some(Grant::AnyDevice),
            Self::Tokens { devices, jwt_secret } => {
                let token = token?;
                let device = devices.get(&hash(token)).cloned();
                device.map(Grant::Device).or_else(|| grant_of_jwt(token, jwt_secret, now))
            }
        }
    }
}

/// Digests are looked up, so that the time it takes tells nothing of the tokens.
fn hash(token: &str) -> [u8; 32] {
    let digest = digest::digest(&digest::SHA256, token.as_bytes());
    digest.as_ref().try_into().expect("SHA-256 has 32 bytes")
}

/// What the subject of a JWT may that the key has signed and whose time it is, while it lasts.
fn grant_of_jwt(token: &str, secret: &Secret, now: Timestamp) -> Option<Grant> {
    if !secret.is_set() {
        return None;
    }
    let Token { claims, until } = jwt::read::<Claims>(token, &Key::shared(secret), now).ok()?;
    let device = DeviceId::new(&claims.sub)?;
    Some(
        until
            .map_or_else(|| Grant::Device(device.clone()), |until| Grant::DeviceUntil(device.clone(), until)),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_millis(1_700_000_000_000);

    #[test]
    fn a_jwt_is_good_for_its_subject() {
        let auth = Auth::tokens(None, Secret::new("key")).unwrap();
        let granted =
            |claims: &str, key: &str| auth.grant(Some(&jwt::signed(r#"{"alg":"HS256"}"#, claims, key)), NOW);
        let d1 = DeviceId::new("d1").unwrap();
        let until = Grant::DeviceUntil(d1.clone(), Timestamp::from_millis(1_700_000_001_500));
        assert_eq!(granted(r#"{"sub":"d1","exp":1700000001.5}"#, "key"), Some(until));
        assert_eq!(granted(r#"{"sub":"d1"}"#, "key"), Some(Grant::Device(d1)));
        assert_eq!(granted(r#"{"sub":"d1","exp":1700000000}"#, "key"), None);
        assert_eq!(granted(r#"{"sub":"d1"}"#, "kex"), None);
        assert_eq!(granted(r#"{"sub":""}"#, "key"), None);
        assert_eq!(auth.grant(None, NOW), None);
    }

    #[test]
    fn a_token_of_the_file_is_its_devices_alone() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), "# tokens\nd1 secret-1\nliving room lamp  secret-2\n").unwrap();
        let auth = Auth::tokens(Some(file.path()), Secret::default()).unwrap();
        let granted = |token: &str| auth.grant(Some(token), NOW);
        assert_eq!(granted("secret-1"), DeviceId::new("d1").map(Grant::Device));
        assert_eq!(granted("secret-2"), DeviceId::new("living room lamp").map(Grant::Device));
        assert_eq!(granted("secret-3"), None);
        std::fs::write(file.path(), "d1\n").unwrap();
        assert!(Auth::tokens(Some(file.path()), Secret::default()).is_err());
    }
}
