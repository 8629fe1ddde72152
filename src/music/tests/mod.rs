//! The rules as transcripts: what members say stands flush left, what they are told is indented.

mod comebacks;
mod company;
mod dialects;
mod erasure;
mod going_on;
mod hosts;
mod log;
mod operators;
mod order;
mod pace;
mod permanent;
mod private;
mod queue;
mod recordings;
mod refusals;

use expect_test::Expect;

use crate::music::Config;
use crate::music::hub::Hub;
use crate::rooms::Rng;
use crate::rooms::test_stage::{START, Stage};

fn check(script: &str, expected: &Expect) {
    check_with(&Config::default(), script, expected);
}

fn check_with(config: &Config, script: &str, expected: &Expect) {
    expected.assert_eq(&play(config, script));
}

/// A hub without rooms.
pub fn hub(config: &Config) -> Hub {
    Hub::new(config, &[1; 32], Rng::new(&[2; 32]), Vec::new(), START)
}

fn play(config: &Config, script: &str) -> String {
    Stage::new(hub(config)).play(script)
}
