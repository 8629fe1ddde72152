//! JSON Web Tokens, as far as services take them: signed with HMAC-SHA256 or Ed25519, for a while.
//!
//! The key says which of the two a token must be signed with, so a token cannot choose a weaker one.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::{hmac, signature};
use rustls_pki_types::SubjectPublicKeyInfoDer;
use rustls_pki_types::pem::PemObject;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::secret::Secret;
use crate::time::Timestamp;

/// What stands before the 32 bytes of an Ed25519 key in its public form.
const ED25519_PREFIX: [u8; 12] = [0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00];

/// What tokens are held against.
#[derive(Clone)]
pub enum Key {
    /// `HS256`: whoever makes tokens has the same secret.
    Shared(hmac::Key),
    /// `EdDSA`: whoever makes tokens keeps the private key.
    Ed25519(signature::UnparsedPublicKey<Vec<u8>>),
}

/// Why a token is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flaw {
    /// It is no token, or not signed by the key.
    Forged,
    /// It does not say what it must.
    Incomplete,
    /// Its time is over.
    Expired,
    /// Its time has not come.
    TooEarly,
}

#[derive(Deserialize)]
struct Header {
    alg: String,
}

/// When a token is good, in seconds since the epoch.
#[derive(Deserialize)]
struct Span {
    exp: Option<f64>,
    nbf: Option<f64>,
}

impl Key {
    /// The key of a secret.
    pub fn shared(secret: &Secret) -> Self {
        Self::Shared(hmac::Key::new(hmac::HMAC_SHA256, secret.expose().as_bytes()))
    }

    /// The public key in a PEM text, if it is one of Ed25519.
    pub fn ed25519(pem: &str) -> Option<Self> {
        let info = SubjectPublicKeyInfoDer::from_pem_slice(pem.as_bytes()).ok()?;
        let key = info.as_ref().strip_prefix(&ED25519_PREFIX)?;
        (key.len() == 32)
            .then(|| Self::Ed25519(signature::UnparsedPublicKey::new(&signature::ED25519, key.to_vec())))
    }

    fn algorithm(&self) -> &'static str {
        match self {
            Self::Shared(_) => "HS256",
            Self::Ed25519(_) => "EdDSA",
        }
    }

    fn has_signed(&self, text: &[u8], signature: &[u8]) -> bool {
        match self {
            Self::Shared(key) => hmac::verify(key, text, signature).is_ok(),
            Self::Ed25519(key) => key.verify(text, signature).is_ok(),
        }
    }
}

/// What a token claims, if the key has signed it and its time has come and is not over.
pub fn read<C: DeserializeOwned>(token: &str, key: &Key, now: Timestamp) -> Result<C, Flaw> {
    let (signed, signature) = token.rsplit_once('.').ok_or(Flaw::Forged)?;
    let (header, claims) = signed.split_once('.').ok_or(Flaw::Forged)?;
    let decode = |text: &str| URL_SAFE_NO_PAD.decode(text).map_err(|_| Flaw::Forged);
    if !key.has_signed(signed.as_bytes(), &decode(signature)?) {
        return Err(Flaw::Forged);
    }
    let header: Header = serde_json::from_slice(&decode(header)?).map_err(|_| Flaw::Forged)?;
    if header.alg != key.algorithm() {
        return Err(Flaw::Forged);
    }
    let claims = decode(claims)?;
    let span: Span = serde_json::from_slice(&claims).map_err(|_| Flaw::Incomplete)?;
    let seconds = now.as_millis_f64() / 1000.0;
    if span.exp.is_some_and(|end| seconds >= end) {
        return Err(Flaw::Expired);
    }
    if span.nbf.is_some_and(|start| seconds < start) {
        return Err(Flaw::TooEarly);
    }
    serde_json::from_slice(&claims).map_err(|_| Flaw::Incomplete)
}

/// A token as somebody makes it who has the secret.
#[cfg(test)]
pub fn signed(header: &str, claims: &str, secret: &str) -> String {
    let text = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(claims));
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
    format!("{text}.{}", URL_SAFE_NO_PAD.encode(hmac::sign(&key, text.as_bytes()).as_ref()))
}

#[cfg(test)]
mod tests {
    use ring::signature::KeyPair;

    use super::*;

    const NOW: Timestamp = Timestamp::from_millis(1_700_000_000_000);
    const HS256: &str = r#"{"alg":"HS256","typ":"JWT"}"#;

    #[derive(Debug, PartialEq, Deserialize)]
    struct Claims {
        sub: String,
    }

    fn ann() -> Claims {
        Claims { sub: "ann".into() }
    }

    #[test]
    fn a_token_is_good_while_it_lasts_and_signed_by_the_key_alone() {
        let key = Key::shared(&Secret::new("key"));
        let outcome = |header: &str, claims: &str, secret: &str| {
            read::<Claims>(&signed(header, claims, secret), &key, NOW)
        };
        assert_eq!(outcome(HS256, r#"{"sub":"ann"}"#, "key"), Ok(ann()));
        assert_eq!(outcome(HS256, r#"{"sub":"ann","exp":1700000001,"nbf":1700000000}"#, "key"), Ok(ann()));
        for (header, claims, secret, flaw) in [
            (HS256, r#"{"sub":"ann","exp":1700000000}"#, "key", Flaw::Expired),
            (HS256, r#"{"sub":"ann","nbf":1700000001}"#, "key", Flaw::TooEarly),
            (HS256, r#"{"sub":"ann"}"#, "kex", Flaw::Forged),
            (r#"{"alg":"none"}"#, r#"{"sub":"ann"}"#, "key", Flaw::Forged),
            (r#"{"alg":"EdDSA"}"#, r#"{"sub":"ann"}"#, "key", Flaw::Forged),
            (HS256, "{}", "key", Flaw::Incomplete),
            (HS256, "[]", "key", Flaw::Incomplete),
        ] {
            assert_eq!(outcome(header, claims, secret), Err(flaw), "{header} {claims} {secret}");
        }
        for nonsense in ["", ".", "..", "a.b.c", "ä.ö.ü"] {
            assert_eq!(read::<Claims>(nonsense, &key, NOW), Err(Flaw::Forged), "{nonsense:?}");
        }
    }

    #[test]
    fn a_public_key_takes_what_its_private_key_signed_and_nothing_signed_with_itself() {
        let pair = signature::Ed25519KeyPair::from_seed_unchecked(&[7; 32]).unwrap();
        let public = [&ED25519_PREFIX[..], pair.public_key().as_ref()].concat();
        let encoded = base64::engine::general_purpose::STANDARD.encode(&public);
        let pem = format!("-----BEGIN PUBLIC KEY-----\n{encoded}\n-----END PUBLIC KEY-----\n");
        let key = Key::ed25519(&pem).unwrap();
        let text = format!(
            "{}.{}",
            URL_SAFE_NO_PAD.encode(r#"{"alg":"EdDSA"}"#),
            URL_SAFE_NO_PAD.encode(r#"{"sub":"ann"}"#)
        );
        let token = format!("{text}.{}", URL_SAFE_NO_PAD.encode(pair.sign(text.as_bytes()).as_ref()));
        assert_eq!(read(&token, &key, NOW), Ok(ann()));
        assert_eq!(read::<Claims>(&token.replace("eyJzdW", "eyJzdX"), &key, NOW), Err(Flaw::Forged));
        let confused = signed(HS256, r#"{"sub":"ann"}"#, &pem);
        assert_eq!(read::<Claims>(&confused, &key, NOW), Err(Flaw::Forged));
        assert!(Key::ed25519("-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n").is_none());
    }
}
