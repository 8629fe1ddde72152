//! `iTunSMPB`, a tag of MP4 and MP3 files that says how many samples the encoder has added. No I/O.

/// The longest tag after its name.
const MAX_BYTES: usize = 160;

/// What the encoder has added, in samples.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Smpb {
    /// Before the audio.
    pub delay: u32,
    /// After it.
    pub padding: u32,
    /// The length of the audio.
    pub n_samples: u64,
}

/// Finds ` 00000000 00000840 000001CA 00000000003F31F6` behind its name, in the bytes of tags of any kind.
pub fn smpb(tags: &[u8]) -> Option<Smpb> {
    let at = tags.windows(8).position(|eight| eight == b"iTunSMPB")? + 8;
    let bytes = tags[at..].iter().take(MAX_BYTES);
    // Between name and text are lengths, and in UTF-16 every second byte is 0.
    let text: String =
        bytes.filter(|byte| matches!(byte, b' '..=b'~')).map(|byte| char::from(*byte)).collect();
    let mut words = text.split(' ').skip_while(|word| *word != "00000000").skip(1);
    // What comes after the last one may be printable too.
    let number = |word: &str| u64::from_str_radix(word.get(..16).unwrap_or(word), 16).ok();
    let mut number = || words.next().and_then(number);
    let (delay, padding) = (u32::try_from(number()?).ok()?, u32::try_from(number()?).ok()?);
    Some(Smpb { delay, padding, n_samples: number()? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_are_read_from_every_kind_of_tag_and_from_none_that_is_damaged() {
        let text = b" 00000000 00000210 00000A2C 000000000046E2A8 00000000";
        let expected = Smpb { delay: 528, padding: 2604, n_samples: 4_645_544 };
        let id3 = [&b"COMM\0\0\0\x50\0\0\0engiTunSMPB\0"[..], text].concat();
        let mp4 = [&b"iTunSMPB\0\0\0\x84data\0\0\0\x01\0\0\0\0"[..], text].concat();
        let wide: Vec<u8> = text.iter().flat_map(|byte| [*byte, 0]).collect();
        let utf16 = [&b"iTunSMPB\0\xff\xfe"[..], &wide].concat();
        let bare = [&b"iTunSMPB\0"[..], &text[..44], b"ID3"].concat();
        for tag in [id3, mp4, utf16, bare] {
            assert_eq!(smpb(&tag), Some(expected), "{tag:x?}");
            for end in 0..tag.len() {
                smpb(&tag[..end]);
            }
        }
        assert_eq!(smpb(b"iTunSMPB 00000000 FFFFFFFFF 0 0"), None);
    }
}
