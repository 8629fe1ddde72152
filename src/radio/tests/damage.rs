//! What happens to files: cut, overwritten, zeroed, misnamed, joined, with heads that lie. All by chance, from a seed.

/// The same numbers for the same seed (`SplitMix64`).
pub struct Chance(u64);

impl Chance {
    pub fn of(seed: u64) -> Self {
        Self(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ self.0 >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ mixed >> 31
    }

    pub fn below(&mut self, n: usize) -> usize {
        (self.next() % n.max(1) as u64) as usize
    }

    fn byte(&mut self) -> u8 {
        self.next() as u8
    }

    /// A part of so many bytes, of at most a length.
    fn part(&mut self, n_bytes: usize, longest: usize) -> std::ops::Range<usize> {
        let start = self.below(n_bytes);
        start..(start + 1 + self.below(longest)).min(n_bytes)
    }
}

/// A file: its extension, and its bytes.
pub type File = (String, Vec<u8>);

/// Where heads are, in which lengths and formats stand.
const HEAD_BYTES: usize = 300;

/// A file as it was, or with up to three kinds of damage.
pub fn damaged(files: &[File], chance: &mut Chance) -> File {
    let (mut extension, mut bytes) = files[chance.below(files.len())].clone();
    for _ in 0..chance.below(4) {
        let (other_extension, other) = &files[chance.below(files.len())];
        match chance.below(12) {
            0 => bytes.truncate(chance.below(bytes.len())),
            1 => flip(&mut bytes, HEAD_BYTES, chance),
            2 => flip(&mut bytes, usize::MAX, chance),
            3 => {
                let part = chance.part(bytes.len(), 2_000);
                bytes[part].fill(0);
            }
            4 => {
                let part = chance.part(bytes.len(), 4_000);
                bytes.drain(part);
            }
            5 => {
                let at = chance.below(bytes.len());
                let junk: Vec<u8> = (0..chance.below(3_000)).map(|_| chance.byte()).collect();
                bytes.splice(at..at, junk);
            }
            6 => extension.clone_from(other_extension),
            7 => bytes.extend(other),
            8 => {
                let cut = chance.below(bytes.len());
                bytes.truncate(cut);
                bytes.extend(&other[cut.min(other.len())..]);
            }
            9 => huge_length(&mut bytes, chance),
            10 => bytes = [tag(chance), bytes].concat(),
            _ if chance.below(4) == 0 => bytes.clear(),
            _ => bytes.drain(..chance.below(bytes.len())).for_each(drop),
        }
    }
    (extension, bytes)
}

/// Other bits, a few of them, as far as `reach`.
fn flip(bytes: &mut [u8], reach: usize, chance: &mut Chance) {
    let reach = reach.min(bytes.len());
    for _ in 0..=chance.below(16) {
        if let Some(byte) = bytes[..reach].get_mut(chance.below(reach)) {
            *byte ^= 1 << chance.below(8);
        }
    }
}

/// Four or eight bytes of a head that say more than there is.
fn huge_length(bytes: &mut [u8], chance: &mut Chance) {
    let at = chance.below(bytes.len().min(HEAD_BYTES));
    let n_bytes = [4, 8][chance.below(2)];
    let most = [0xff, 0x7f][chance.below(2)];
    for byte in bytes.iter_mut().skip(at).take(n_bytes) {
        *byte = most;
    }
}

/// An `ID3v2` tag of junk, whose size may be a lie.
fn tag(chance: &mut Chance) -> Vec<u8> {
    let n_bytes = chance.below(5_000);
    let said = if chance.below(2) == 0 { n_bytes } else { chance.below(1 << 28) };
    let mut tag = b"ID3\x04\0\0".to_vec();
    tag[3] = [2, 3, 4][chance.below(3)];
    tag.extend([21, 14, 7, 0].map(|shift| (said >> shift) as u8 & 0x7f));
    tag.extend((0..n_bytes).map(|_| chance.byte()));
    tag
}
