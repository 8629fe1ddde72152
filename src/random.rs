//! Random numbers that nobody can guess, from the operating system. What nodes must draw alike is in `rooms/rng.rs`.

use ring::rand::{SecureRandom, SystemRandom};

/// So many random bytes.
pub fn bytes<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    SystemRandom::new().fill(&mut bytes).expect("the system has random numbers");
    bytes
}
