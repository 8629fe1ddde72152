//! The rules as transcripts: what members say stands flush left, what they are told is indented.

mod keys;
mod log;
mod operators;
mod relay;
mod rooms;

use expect_test::Expect;

use crate::http::Config as Network;
use crate::http::keys::{AccessKey, WrongKeys};
use crate::rooms::test_stage::Stage;
use crate::signal::Config;
use crate::signal::hub::{Hub, Keys};
use crate::signal::tokens::RoomTokens;

fn check(script: &str, expected: &Expect) {
    check_with(&Config::default(), script, expected);
}

fn check_with(config: &Config, script: &str, expected: &Expect) {
    expected.assert_eq(&stage(config).play(script));
}

fn stage(config: &Config) -> Stage<Hub> {
    let keys = Keys {
        key: config.auth_key.is_set().then(|| {
            AccessKey::new("signal.auth_key", config.auth_key.clone(), &WrongKeys::new(&Network::default()))
        }),
        ice: config.ice(),
        tokens: RoomTokens::new(config).unwrap(),
    };
    Stage::new(Hub::new(config, keys, &[7; 32], Vec::new()))
}
