//! The rules, for fuzzing.

use super::Config;
use super::hub::{Hub, Keys};
use super::tokens::RoomTokens;

/// A hub without rooms or keys.
pub fn hub() -> impl crate::rooms::Hub {
    let config = Config::default();
    let tokens = RoomTokens::new(&config).expect("no tokens are asked for by default");
    let keys = Keys { key: None, turn_secret: config.turn_secret.clone(), tokens };
    Hub::new(&config, keys, &[7; 32], Vec::new())
}
