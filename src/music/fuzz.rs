//! The rules, for fuzzing.

use super::Config;
use super::hub::Hub;
use crate::time::Timestamp;

/// A hub without rooms.
pub fn hub(now: Timestamp) -> impl crate::rooms::Hub {
    Hub::new(&Config::default(), Vec::new(), now)
}
