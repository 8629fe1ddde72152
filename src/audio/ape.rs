//! The items of `APEv2` tags: finding them in a file, and taking them apart.

use std::fs::File;
use std::io;

use super::sniff::read;
use super::tag_sizes::APE_HEAD_BYTES;

/// The most bytes of a tag that are read: texts may come after pictures of 10 MiB.
const MAX_TAG_BYTES: u64 = 16 * 1024 * 1024;

/// The longest name of an item.
const MAX_KEY_BYTES: usize = 256;

/// The items of a tag that ends there; empty if there is none.
pub fn items_before(file: &mut File, end: u64) -> io::Result<Vec<u8>> {
    let head = APE_HEAD_BYTES as u64;
    let foot = read(file, end.saturating_sub(head), head)?;
    match n_bytes(&foot) {
        Some(n_bytes) if (head..=MAX_TAG_BYTES.min(end)).contains(&n_bytes) => {
            read(file, end - n_bytes, n_bytes - head)
        }
        _ => Ok(Vec::new()),
    }
}

/// The items of a tag that begins there; empty if there is none.
pub fn items_at(file: &mut File, at: u64) -> io::Result<Vec<u8>> {
    let head = read(file, at, APE_HEAD_BYTES as u64)?;
    match n_bytes(&head) {
        Some(n_bytes) => read(file, at + APE_HEAD_BYTES as u64, n_bytes.min(MAX_TAG_BYTES)),
        None => Ok(Vec::new()),
    }
}

/// Takes items with their names, up to a malformed one.
pub fn for_each_item(mut items: &[u8], mut take: impl FnMut(&[u8], &[u8])) {
    while let Some((head, rest)) = items.split_at_checked(8) {
        let n_bytes = u32::from_le_bytes([head[0], head[1], head[2], head[3]]) as usize;
        let Some(key_bytes) = rest.iter().take(MAX_KEY_BYTES).position(|byte| *byte == 0) else { return };
        let (key, value) = (&rest[..key_bytes], &rest[key_bytes + 1..]);
        let Some((value, next)) = value.split_at_checked(n_bytes) else { return };
        take(key, value);
        items = next;
    }
}

/// The bytes of a tag according to its head or foot.
fn n_bytes(head: &[u8]) -> Option<u64> {
    let is_whole = head.len() == APE_HEAD_BYTES && head.starts_with(b"APETAGEX");
    is_whole.then(|| u64::from(u32::from_le_bytes([head[12], head[13], head[14], head[15]])))
}
