//! The rules as transcripts: what members say stands flush left, what they are told is indented.

mod comebacks;
mod dialects;
mod hosts;
mod log;
mod pace;
mod refusals;

use expect_test::Expect;

use crate::music::Config;
use crate::music::hub::Hub;
use crate::rooms::test_stage::{START, Stage};

fn check(script: &str, expected: &Expect) {
    check_with(&Config::default(), script, expected);
}

fn check_with(config: &Config, script: &str, expected: &Expect) {
    expected.assert_eq(&play(config, script));
}

fn play(config: &Config, script: &str) -> String {
    Stage::new(Hub::new(config, Vec::new(), START)).play(script)
}
