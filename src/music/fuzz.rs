//! The rules, for fuzzing.

use super::Config;
use super::hub::Hub;
use crate::rooms::Rng;
use crate::time::Timestamp;

/// A hub without rooms.
pub fn hub(now: Timestamp) -> impl crate::rooms::Hub {
    Hub::new(&Config::default(), &[1; 32], Rng::new(&[2; 32]), Vec::new(), now)
}
