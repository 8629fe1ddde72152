//! The rules as transcripts: what members say stands flush left, what they are told is indented.

mod admission;
mod comebacks;
mod dates;
mod invitations;
mod log;
mod owners;
mod permanence;
mod presses;
mod recordings;
mod roles;
mod rude;
mod screen;
mod tabs;
mod votes;
mod waiting;

use expect_test::Expect;

use crate::http::Config as Network;
use crate::http::keys::{AccessKey, WrongKeys};
use crate::rooms::test_stage::{START, Stage};
use crate::rooms::{Rng, Seed};
use crate::secret::Secret;
use crate::watch::Config;
use crate::watch::hub::Hub;

/// Where all that is random comes from.
const SEED: Seed = [7; 32];

/// What it gives the first two rooms of every script.
const ROOM: &str = "Z4F6JG";
const TOKEN: &str = "b74d323021c36bb6e1eaac2e439f1934";

fn check(script: &str, expected: &Expect) {
    check_with(&Config::default(), script, expected);
}

/// Plays a script in which `ROOM` and `TOKEN` stand for the first room's.
fn check_with(config: &Config, script: &str, expected: &Expect) {
    let script = script.replace("ROOM", ROOM).replace("TOKEN", TOKEN);
    let transcript = stage(config).play(&script);
    expected.assert_eq(&transcript.replace(ROOM, "ROOM").replace(TOKEN, "TOKEN"));
}

pub(crate) fn stage(config: &Config) -> Stage<Hub> {
    Stage::new(hub(config))
}

fn hub(config: &Config) -> Hub {
    let key = AccessKey::new("watch.auth_key", Secret::new("key"), &WrongKeys::new(&Network::default()));
    Hub::new(config, key, &SEED, Rng::new(&SEED), Vec::new(), START)
}
