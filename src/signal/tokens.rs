//! Tokens for rooms: whoever runs the application says who may join which room as whom, and until when.

use std::fs;

use anyhow::{Context as _, Result};
use serde::Deserialize;

use super::Config;
use super::names::Id;
use super::protocol::{Refusal, Seating};
use crate::config;
use crate::http::jwt::{self, Flaw, Key};
use crate::time::Timestamp;

/// What joins are held against.
pub struct RoomTokens(Key);

/// What a token says; `exp` must be there, for nobody can take a token back.
#[derive(Deserialize)]
struct Claims {
    room: Id,
    user: Id,
    #[serde(rename = "exp")]
    _until: f64,
}

impl RoomTokens {
    /// Tokens under the configured key; `None` if none are asked for.
    pub fn new(config: &Config) -> Result<Option<Self>> {
        let secret =
            config::secret("signal.token_secret_file", &config.token_secret, &config.token_secret_file)?;
        if secret.is_set() {
            return Ok(Some(Self(Key::shared(&secret))));
        }
        if config.token_public_key_file.is_empty() {
            return Ok(None);
        }
        let path = &config.token_public_key_file;
        let pem =
            fs::read_to_string(path).with_context(|| format!("[signal] token_public_key_file = {path:?}"))?;
        let key = Key::ed25519(&pem).with_context(|| {
            format!("[signal] token_public_key_file = {path:?}: a public Ed25519 key in PEM is expected")
        })?;
        Ok(Some(Self(key)))
    }

    /// Whether a join may be, with its own token or the one that its connection brought.
    ///
    /// # Errors
    /// The refusal to tell whoever asks.
    pub fn admit(&self, asked: &Seating, brought: Option<&str>, now: Timestamp) -> Result<(), Refusal> {
        let token = asked.token.as_deref().or(brought).ok_or(Refusal::TokenRequired)?;
        let claims: Claims = jwt::read(token, &self.0, now).map_err(|flaw| match flaw {
            Flaw::Expired => Refusal::TokenExpired,
            Flaw::Forged | Flaw::Incomplete | Flaw::TooEarly => Refusal::InvalidToken,
        })?;
        if claims.room != asked.room_id || claims.user != asked.user_id {
            return Err(Refusal::InvalidToken);
        }
        Ok(())
    }
}
