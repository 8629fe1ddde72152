//! Text files of unknown encoding. Pure.

use encoding_rs::{Encoding, GB18030, UTF_16BE, UTF_16LE};

use crate::audio::charset;

/// Decodes a text file: by its byte order mark, as UTF-8 if it is that, as UTF-16 if every other byte is zero, as Chinese
/// if it can be nothing else, and by the guess for tags.
pub fn decode(bytes: &[u8]) -> String {
    let text = decode_with_zeros(bytes);
    if text.contains('\0') { text.replace('\0', "") } else { text }
}

fn decode_with_zeros(bytes: &[u8]) -> String {
    if let Some((encoding, n_bytes)) = Encoding::for_bom(bytes) {
        return encoding.decode_without_bom_handling(&bytes[n_bytes..]).0.into_owned();
    }
    if let Ok(text) = std::str::from_utf8(bytes)
        && !bytes.contains(&0)
    {
        return text.to_owned();
    }
    if let Some(encoding) = utf16(bytes) {
        return encoding.decode_without_bom_handling(bytes).0.into_owned();
    }
    if is_chinese(bytes)
        && let Some(text) = GB18030.decode_without_bom_handling_and_without_replacement(bytes)
    {
        return text.into_owned();
    }
    charset::decode(bytes, None)
}

/// The byte order of UTF-16 in which most characters are Latin.
fn utf16(bytes: &[u8]) -> Option<&'static Encoding> {
    let head = &bytes[..bytes.len().min(4096)];
    let n_zeros = |first: usize| head.iter().skip(first).step_by(2).filter(|byte| **byte == 0).count();
    match (n_zeros(0), n_zeros(1)) {
        (even, odd) if odd > even && odd * 4 > head.len() / 2 => Some(UTF_16LE),
        (even, odd) if even > odd && even * 4 > head.len() / 2 => Some(UTF_16BE),
        _ => None,
    }
}

/// Whether bytes beyond ASCII come in the pairs of common Chinese characters; words of other languages have odd lengths.
fn is_chinese(bytes: &[u8]) -> bool {
    let runs = bytes.split(u8::is_ascii).filter(|run| !run.is_empty());
    let (mut n_even, mut n_odd) = (0, 0);
    for run in runs {
        if run.len() % 2 == 0 && run.iter().all(|byte| *byte >= 0xa1) {
            n_even += 1;
        } else {
            n_odd += 1;
        }
    }
    n_even > 9 * n_odd
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_decoded_whatever_program_wrote_it() {
        let utf16: Vec<u8> = "1\n00:01\nПривет\n".encode_utf16().flat_map(u16::to_le_bytes).collect();
        let with_mark = [&b"\xff\xfe"[..], &utf16].concat();
        let cases: [(&[u8], &str); 8] = [
            (b"\xef\xbb\xbfplain", "plain"),
            ("日本語".as_bytes(), "日本語"),
            (&with_mark, "1\n00:01\nПривет\n"),
            (&utf16, "1\n00:01\nПривет\n"),
            (b"\xc4\xe3\xba\xc3\xa3\xac\xca\xc0\xbd\xe7", "你好，世界"),
            (b"D\xe9j\xe0 vu \xe0 la caf\xe9", "Déjà vu à la café"),
            (
                b"\xcf\xf0\xe8\xe2\xe5\xf2, \xec\xe8\xf0! \xca\xe0\xea \xe4\xe5\xeb\xe0",
                "Привет, мир! Как дела",
            ),
            (b"", ""),
        ];
        for (bytes, expected) in cases {
            assert_eq!(decode(bytes), expected, "{bytes:x?}");
        }
        for n in 0..64 {
            decode(&[0xff, 0, 0xd8, 0x81, 0x30, n].repeat(50)[..usize::from(n) * 4]);
        }
    }
}
