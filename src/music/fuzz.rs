//! The rules, for fuzzing.

use super::Config;
use super::hub::Hub;
use crate::switchboard::Shared;
use crate::time::Timestamp;

/// A hub without rooms.
pub fn hub(now: Timestamp) -> impl Shared {
    Hub::new(&Config::default(), Vec::new(), now)
}
