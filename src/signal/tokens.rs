//! Tokens for rooms: whoever runs the application says who may join which room as whom, and until when.

use std::fs;

use anyhow::{Context as _, Result};
use serde::Deserialize;

use super::Config;
use super::protocol::{Id, Refusal, Seating};
use crate::jwt::{self, Flaw, Key, Token};
use crate::time::Timestamp;

/// What joins are held against.
pub struct RoomTokens(Key);

/// Whom a token lets in where; it must say until when, for nobody can take a token back.
#[derive(Deserialize)]
struct Claims {
    room: Id,
    user: Id,
}

impl RoomTokens {
    /// Tokens under the configured key; `None` if none are asked for.
    pub fn new(config: &Config) -> Result<Option<Self>> {
        if config.token_secret.is_set() {
            return Ok(Some(Self(Key::shared(&config.token_secret))));
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

    /// Until when a join holds, with its own token or the one that its connection brought; `now` is the wall clock's.
    ///
    /// # Errors
    /// The refusal to tell whoever asks.
    pub fn admit(
        &self,
        asked: &Seating,
        brought: Option<&str>,
        now: Timestamp,
    ) -> Result<Timestamp, Refusal> {
        let (claims, until) = self.read(asked.token.as_deref().or(brought), now)?;
        if claims.room != asked.room_id || claims.user != asked.user_id {
            return Err(Refusal::InvalidToken);
        }
        Ok(until)
    }

    /// Until when a token speaks for a user, whatever the room.
    ///
    /// # Errors
    /// The refusal to tell whoever asks.
    pub fn vouch(&self, user: &Id, token: Option<&str>, now: Timestamp) -> Result<Timestamp, Refusal> {
        let (claims, until) = self.read(token, now)?;
        if claims.user == *user { Ok(until) } else { Err(Refusal::InvalidToken) }
    }

    fn read(&self, token: Option<&str>, now: Timestamp) -> Result<(Claims, Timestamp), Refusal> {
        let token = token.ok_or(Refusal::TokenRequired)?;
        let token: Token<Claims> = jwt::read(token, &self.0, now).map_err(|flaw| match flaw {
            Flaw::Expired => Refusal::TokenExpired,
            Flaw::Forged | Flaw::Incomplete | Flaw::TooEarly => Refusal::InvalidToken,
        })?;
        Ok((token.claims, token.until.ok_or(Refusal::InvalidToken)?))
    }
}
