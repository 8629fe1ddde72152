//! The corpus, and mutations of it, at every run of the tests.

use std::collections::BTreeSet;
use std::fs;
use std::panic::catch_unwind;
use std::path::{Path, PathBuf};

use super::TARGETS;

/// Mutations of each target's files, all together.
const MUTATIONS: usize = 200;

/// Inputs grow to this length.
const MAX_BYTES: usize = 4096;

/// Bytes that parsers look for, and numbers at the edges.
const TOKENS: [&[u8]; 16] = [
    b"\0\0\0\0",
    b"\xff\xff\xff\xff",
    b"\x7f\xff\xff\xff",
    b"\x80",
    b"\n",
    b"\r\n\r\n",
    b"\"",
    b"\\ud83d",
    b"18446744073709551615",
    b"-1",
    b"1e308",
    b"null",
    b"[",
    b"{}",
    b"ID3\x04\0\0\0\0\0\x0a",
    b"\xff\xfb\x90\x00",
];

/// xorshift: the same mutations at every run.
struct Chance(u64);

impl Chance {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % limit.max(1) as u64) as usize
    }

    fn mutate(&mut self, corpus: &[Vec<u8>]) -> Vec<u8> {
        let mut bytes = corpus[self.below(corpus.len())].clone();
        for _ in 0..=self.below(4) {
            let at = self.below(bytes.len() + 1);
            let end = (at + self.below(16)).min(bytes.len());
            match self.below(7) {
                0 => bytes.truncate(at),
                1 => drop(bytes.drain(at..end)),
                2 => drop(bytes.splice(at..at, TOKENS[self.below(TOKENS.len())].iter().copied())),
                3 => drop(bytes.splice(at..end, TOKENS[self.below(TOKENS.len())].iter().copied())),
                4 => {
                    let again = bytes[at..end].to_vec();
                    bytes.splice(at..at, again);
                }
                5 => {
                    let other = &corpus[self.below(corpus.len())];
                    let from = self.below(other.len() + 1);
                    bytes.truncate(at);
                    bytes.extend(&other[from..]);
                }
                _ => {
                    if let Some(byte) = bytes.get_mut(at) {
                        *byte ^= 1 << self.below(8);
                    }
                }
            }
            bytes.truncate(MAX_BYTES);
        }
        bytes
    }
}

fn corpus() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src/fuzz/corpus")
}

fn files(target: &str) -> Vec<(PathBuf, Vec<u8>)> {
    let folder = corpus().join(target);
    let entries = fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths.into_iter().map(|path| (path.clone(), fs::read(path).unwrap())).collect()
}

#[test]
fn no_input_of_the_corpus_nor_one_like_it_breaks_a_parser() {
    for (name, target) in TARGETS {
        let files = files(name);
        assert!(!files.is_empty(), "{name} has no corpus");
        for (path, input) in &files {
            assert!(catch_unwind(|| target(input)).is_ok(), "{}", path.display());
        }
        let corpus: Vec<Vec<u8>> = files.into_iter().map(|(_, input)| input).collect();
        let mut chance = Chance(0x9e37_79b9_7f4a_7c15);
        for _ in 0..MUTATIONS {
            let input = chance.mutate(&corpus);
            assert!(catch_unwind(|| target(&input)).is_ok(), "{name}: b\"{}\"", input.escape_ascii());
        }
    }
}

#[test]
fn every_corpus_has_a_target() {
    let known: BTreeSet<&str> = TARGETS.iter().map(|(name, _)| *name).collect();
    for entry in fs::read_dir(corpus()).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        assert!(known.contains(name.as_str()), "{name} is no target");
    }
    assert_eq!(known.len(), TARGETS.len(), "a name is there twice");
}
