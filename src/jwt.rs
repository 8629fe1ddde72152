//! JSON Web Tokens, as far as services take them: signed with HMAC-SHA256 or Ed25519, for a while.
//!
//! The key says which of the two a token must be signed with, so a token cannot choose a weaker one.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::{hmac, signature};
use rustls_pki_types::SubjectPublicKeyInfoDer;
use rustls_pki_types::pem::PemObject;
use serde::Deserialize;
use serde::de::{DeserializeOwned, Deserializer, IgnoredAny};

use crate::secret::Secret;
use crate::time::Timestamp;

/// What stands before the 32 bytes of an Ed25519 key in its public form.
const ED25519_PREFIX: [u8; 12] = [0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00];

/// The end of the year 9999, in seconds: a later end is one in milliseconds, and would never come.
const END_OF_TIME: f64 = 253_402_300_800.0;

/// A token may have been made so far ahead of the clock here, for clocks differ.
const SKEW_SECS: f64 = 30.0;

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

/// What a token claims, and until when.
#[derive(Debug, PartialEq)]
pub struct Token<C> {
    /// Its claims.
    pub claims: C,
    /// When its time is over, by the wall clock; it is good for ever without.
    pub until: Option<Timestamp>,
}

/// Extensions are not known here: a token that demands one, or is signed in another way, is refused.
#[derive(Deserialize)]
struct Header {
    alg: String,
    #[serde(default)]
    typ: Option<String>,
    #[serde(default, deserialize_with = "is_there")]
    crit: bool,
    #[serde(default, deserialize_with = "is_there")]
    b64: bool,
}

/// When a token is good, in seconds since the epoch.
#[derive(Deserialize)]
struct Span {
    #[serde(default, deserialize_with = "moment")]
    exp: Option<f64>,
    #[serde(default, deserialize_with = "moment")]
    nbf: Option<f64>,
    #[serde(default, deserialize_with = "moment")]
    iat: Option<f64>,
}

/// Whether a field is there, whatever it says.
fn is_there<'de, D: Deserializer<'de>>(deserializer: D) -> Result<bool, D::Error> {
    IgnoredAny::deserialize(deserializer).map(|_| true)
}

/// A moment of a field that is there: `null` is none.
fn moment<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<f64>, D::Error> {
    f64::deserialize(deserializer).map(Some)
}

impl Header {
    fn is_of(&self, key: &Key) -> bool {
        let is_jwt = |typ: &str| {
            let typ = typ.to_ascii_lowercase();
            let typ = typ.strip_prefix("application/").unwrap_or(&typ);
            typ == "jwt" || typ.ends_with("+jwt")
        };
        self.alg == key.algorithm() && !self.crit && !self.b64 && self.typ.as_deref().is_none_or(is_jwt)
    }
}

impl Span {
    /// Whether it is one, and `now` is in it.
    fn holds(&self, now: Timestamp) -> Result<(), Flaw> {
        let seconds = now.as_millis_f64() / 1000.0;
        match self {
            Self { exp: Some(end), .. } if *end >= END_OF_TIME => Err(Flaw::Incomplete),
            Self { exp: Some(end), .. } if seconds >= *end => Err(Flaw::Expired),
            Self { nbf: Some(start), .. } if seconds < *start => Err(Flaw::TooEarly),
            Self { iat: Some(made), .. } if seconds + SKEW_SECS < *made => Err(Flaw::TooEarly),
            Self { .. } => Ok(()),
        }
    }

    fn until(&self) -> Option<Timestamp> {
        self.exp.map(|end| Timestamp::from_micros((end * 1e6) as u64))
    }
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

/// Reads a token, if the key has signed it and its time has come and is not over; `now` is the wall clock's.
pub fn read<C: DeserializeOwned>(token: &str, key: &Key, now: Timestamp) -> Result<Token<C>, Flaw> {
    let (signed, signature) = token.rsplit_once('.').ok_or(Flaw::Forged)?;
    let (header, claims) = signed.split_once('.').ok_or(Flaw::Forged)?;
    let decode = |text: &str| URL_SAFE_NO_PAD.decode(text).map_err(|_| Flaw::Forged);
    if !key.has_signed(signed.as_bytes(), &decode(signature)?) {
        return Err(Flaw::Forged);
    }
    let header: Header = object(&decode(header)?).ok_or(Flaw::Forged)?;
    if !header.is_of(key) {
        return Err(Flaw::Forged);
    }
    let claims = decode(claims)?;
    let span: Span = object(&claims).ok_or(Flaw::Incomplete)?;
    span.holds(now)?;
    Ok(Token { claims: object(&claims).ok_or(Flaw::Incomplete)?, until: span.until() })
}

/// An object; a struct's fields in an array are none.
fn object<T: DeserializeOwned>(json: &[u8]) -> Option<T> {
    json.trim_ascii_start().starts_with(b"{").then(|| serde_json::from_slice(json).ok()).flatten()
}

/// A token as somebody makes it who has the secret.
#[cfg(any(test, fuzzing))]
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
            read::<Claims>(&signed(header, claims, secret), &key, NOW).map(|token| token.claims)
        };
        assert_eq!(outcome(HS256, r#"{"sub":"ann"}"#, "key"), Ok(ann()));
        assert_eq!(outcome(HS256, r#"{"sub":"ann","exp":1700000001,"nbf":1700000000}"#, "key"), Ok(ann()));
        for (header, claims, secret, flaw) in [
            (HS256, r#"{"sub":"ann","exp":1700000000}"#, "key", Flaw::Expired),
            (HS256, r#"{"sub":"ann","nbf":1700000001}"#, "key", Flaw::TooEarly),
            (HS256, r#"{"sub":"ann"}"#, "kex", Flaw::Forged),
            (r#"{"alg":"none"}"#, r#"{"sub":"ann"}"#, "key", Flaw::Forged),
            (r#"{"alg":"EdDSA"}"#, r#"{"sub":"ann"}"#, "key", Flaw::Forged),
            (r#"{"alg":"hs256"}"#, r#"{"sub":"ann"}"#, "key", Flaw::Forged),
            (r#"{"alg":"HS256","alg":"HS256"}"#, r#"{"sub":"ann"}"#, "key", Flaw::Forged),
            (r#"{"alg":"HS256","crit":["exp"]}"#, r#"{"sub":"ann"}"#, "key", Flaw::Forged),
            (r#"{"alg":"HS256","crit":null}"#, r#"{"sub":"ann"}"#, "key", Flaw::Forged),
            (r#"{"alg":"HS256","b64":false}"#, r#"{"sub":"ann"}"#, "key", Flaw::Forged),
            (r#"{"alg":"HS256","typ":"JOSE"}"#, r#"{"sub":"ann"}"#, "key", Flaw::Forged),
            (r#"{"alg":"HS256"} x"#, r#"{"sub":"ann"}"#, "key", Flaw::Forged),
            (r#"["HS256",null]"#, r#"{"sub":"ann"}"#, "key", Flaw::Forged),
            (HS256, r#"{"sub":"ann","iat":1700000031}"#, "key", Flaw::TooEarly),
            (HS256, r#"{"sub":"ann","exp":-1}"#, "key", Flaw::Expired),
            (HS256, r#"{"sub":"ann","exp":1700000060000}"#, "key", Flaw::Incomplete),
            (HS256, r#"{"sub":"ann","exp":1e999}"#, "key", Flaw::Incomplete),
            (HS256, r#"{"sub":"ann","exp":"1700000001"}"#, "key", Flaw::Incomplete),
            (HS256, r#"{"sub":"ann","exp":null}"#, "key", Flaw::Incomplete),
            (HS256, r#"{"sub":"ann","exp":1700000000,"exp":1700000001}"#, "key", Flaw::Incomplete),
            (HS256, r#"{"sub":"ann","exp":1700000000,"e\u0078p":1700000001}"#, "key", Flaw::Incomplete),
            (HS256, r#"{"sub":"ann","sub":"bob"}"#, "key", Flaw::Incomplete),
            (HS256, r#"{"sub":"ann"} {}"#, "key", Flaw::Incomplete),
            (HS256, r#"["ann"]"#, "key", Flaw::Incomplete),
            (HS256, "{}", "key", Flaw::Incomplete),
            (HS256, "[]", "key", Flaw::Incomplete),
        ] {
            assert_eq!(outcome(header, claims, secret), Err(flaw), "{header} {claims} {secret}");
        }
        for header in [r#"{"alg":"HS256"}"#, r#"{"typ":"at+JWT","alg":"HS256","kid":"../x"}"#] {
            assert_eq!(outcome(header, r#"{"sub":"ann","iat":1700000029}"#, "key"), Ok(ann()), "{header}");
        }
        let token = signed(HS256, r#"{"sub":"ann"}"#, "key");
        // Its last character has two bits that say nothing, and must be zero.
        let (rest, last) = token.split_at(token.len() - 1);
        let last = format!("{rest}{}", char::from(last.as_bytes()[0] + 1));
        for nonsense in [format!("{token}="), format!("{token}.x"), format!("{token} "), last] {
            assert_eq!(read::<Claims>(&nonsense, &key, NOW), Err(Flaw::Forged), "{nonsense:?}");
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
        assert_eq!(read(&token, &key, NOW).map(|token| token.claims), Ok(ann()));
        assert_eq!(read::<Claims>(&token.replace("eyJzdW", "eyJzdX"), &key, NOW), Err(Flaw::Forged));
        let confused = signed(HS256, r#"{"sub":"ann"}"#, &pem);
        assert_eq!(read::<Claims>(&confused, &key, NOW), Err(Flaw::Forged));
        assert!(Key::ed25519("-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n").is_none());
    }
}
