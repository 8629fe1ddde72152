//! Inputs led by coverage for one of the program's fuzz targets: the environment variable `FUZZ_TARGET` names it.
#![no_main]

use std::sync::LazyLock;

static TARGET: LazyLock<fn(&[u8])> = LazyLock::new(|| {
    let name = std::env::var("FUZZ_TARGET").unwrap_or_default();
    let target = roomhub::fuzz::TARGETS.iter().find(|(known, _)| *known == name);
    target.unwrap_or_else(|| panic!("FUZZ_TARGET={name:?} is no target")).1
});

// A panic that the program catches, as of a decoder, is none; one that leaves the target ends the run.
libfuzzer_sys::fuzz_target!(init: drop(std::panic::take_hook()), |input: &[u8]| TARGET(input));
