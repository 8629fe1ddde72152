//! The rules, for fuzzing.

use super::Config;
use super::hub::{Hub, Keys};
use super::tokens::RoomTokens;
use crate::ice::IceServers;

/// A hub without rooms or keys.
pub fn hub() -> impl crate::rooms::Hub {
    let config = Config::default();
    let tokens = RoomTokens::new(&config).expect("no tokens are asked for by default");
    let keys = Keys { key: None, ice: IceServers::default(), tokens };
    Hub::new(&config, keys, &[7; 32], Vec::new())
}
