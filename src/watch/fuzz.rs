//! The rules, for fuzzing.

use super::Config;
use super::hub::Hub;
use crate::http::Config as Network;
use crate::http::keys::{AccessKey, WrongKeys};
use crate::rooms::{Rng, Seed};
use crate::secret::Secret;
use crate::time::Timestamp;

/// A hub without rooms, whose names of rooms and tokens are the same every time.
pub fn hub(now: Timestamp) -> impl crate::rooms::Hub {
    const SEED: Seed = [7; 32];
    let key = AccessKey::new("watch.auth_key", Secret::new("key"), &WrongKeys::new(&Network::default()));
    Hub::new(&Config::default(), key, &SEED, Rng::new(&SEED), Vec::new(), now)
}
