//! Decodes text of unknown encoding, in tags and titles. No I/O.

use encoding_rs::{Encoding, KOI8_R, UTF_8, WINDOWS_1251, WINDOWS_1252};

use super::east_asian;

/// Decodes text as UTF-16 if it begins with the mark of that, as UTF-8 if it is valid, else by the declared character set, else by
/// a guess.
///
/// The guess is an East Asian character set if most characters are common ones there, else Windows-1251 or KOI8-R if most words are Cyrillic in it,
/// else Windows-1252, a superset of Latin-1. An unknown
/// declared character set is ignored.
pub fn decode(bytes: &[u8], declared: Option<&str>) -> String {
    if let Some((utf_16, n_bytes)) = Encoding::for_bom(bytes).filter(|(encoding, _)| *encoding != UTF_8) {
        return utf_16.decode_without_bom_handling(&bytes[n_bytes..]).0.into_owned();
    }
    let declared = declared.and_then(|label| Encoding::for_label(label.trim().as_bytes()));
    // UTF-16 and ISO-2022-JP may be valid UTF-8 with another meaning.
    if let Some(encoding) = declared.filter(|encoding| !encoding.is_ascii_compatible()) {
        return encoding.decode(bytes).0.into_owned();
    }
    match std::str::from_utf8(bytes) {
        Ok(text) => return text.trim_start_matches('\u{feff}').to_owned(),
        // A field of fixed length may truncate a character.
        Err(error) if error.error_len().is_none() && !bytes[..error.valid_up_to()].is_ascii() => {
            return String::from_utf8_lossy(&bytes[..error.valid_up_to()]).into_owned();
        }
        Err(_) => {}
    }
    let by_words = || match bytes {
        _ if !is_cyrillic(bytes) => WINDOWS_1252,
        _ if is_koi8(bytes) => KOI8_R,
        _ => WINDOWS_1251,
    };
    let encoding = declared.or_else(|| east_asian::guess(bytes)).unwrap_or_else(by_words);
    // A truncated character.
    encoding.decode_without_bom_handling(bytes).0.trim_end_matches('\u{fffd}').to_owned()
}

/// Whether more letters are in words that are wholly Cyrillic in Windows-1251 than in words that mix ASCII with other
/// letters: Latin languages have few words without a single ASCII letter.
fn is_cyrillic(bytes: &[u8]) -> bool {
    let words = bytes.split(|byte| !byte.is_ascii_alphabetic() && !is_letter_of_1251(*byte));
    let (mut n_cyrillic, mut n_latin) = (0, 0);
    for word in words.filter(|word| word.len() > 1) {
        match word.iter().filter(|byte| byte.is_ascii()).count() {
            0 => n_cyrillic += word.len(),
            n_ascii if n_ascii < word.len() => n_latin += word.len(),
            _ => {}
        }
    }
    n_cyrillic > n_latin
}

/// Whether Cyrillic text is in KOI8-R: in Windows-1251, its words would have a small letter before capital ones.
fn is_koi8(bytes: &[u8]) -> bool {
    let is_small = |byte: u8| byte >= 0xe0;
    let words = bytes.split(|byte| *byte < 0xc0).filter(|word| word.len() > 1);
    let (mut n_koi8, mut n_1251) = (0, 0);
    for word in words {
        match (is_small(word[0]), word[1..].iter().all(|byte| is_small(*byte) != is_small(word[0]))) {
            (true, true) => n_koi8 += 1,
            (false, true) => n_1251 += 1,
            (_, false) => {}
        }
    }
    n_koi8 > n_1251
}

fn is_letter_of_1251(byte: u8) -> bool {
    matches!(byte, 0xc0..|0xa8| 0xb8 | 0xa5 | 0xaa | 0xaf | 0xb2..=0xb4 | 0xba | 0xbf)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_of_old_programs_is_decoded_in_the_likeliest_character_set() {
        let cases: [(&[u8], Option<&str>, &str); 18] = [
            (
                b"\xeb\xc9\xce\xcf - \xe7\xd2\xd5\xd0\xd0\xc1 \xcb\xd2\xcf\xd7\xc9",
                None,
                "Кино - Группа крови",
            ),
            (b"\xca\xc8\xcd\xce \xe2 \xcc\xee\xf1\xea\xe2\xe5", None, "КИНО в Москве"),
            (b"\xc7\xe0\xbb\xa8\xb4\xc9", None, "青花瓷"),
            (b"\x82\xb3\x82\xad\x82\xe7 (Live)", None, "さくら (Live)"),
            (b"\xff\xfeA\0\x4c\x6b", None, "A歌"),
            (b"\xfe\xff\0A\x6b\x4c", Some("utf-8"), "A歌"),
            ("Песня 歌🎵".as_bytes(), None, "Песня 歌🎵"),
            (b"\xef\xbb\xbfplain", None, "plain"),
            ("Песн".as_bytes().split_last().unwrap().1, None, "Пес"),
            (
                b"\xca\xe8\xed\xee - \xc3\xf0\xf3\xef\xef\xe0 \xea\xf0\xee\xe2\xe8",
                None,
                "Кино - Группа крови",
            ),
            (b"DJ \xb8\xeb\xea\xe0 feat. \xdf", None, "DJ ёлка feat. Я"),
            (b"Bj\xf6rk - J\xf3ga", None, "Björk - Jóga"),
            (b"Mot\xf6rhead \x96 \xc0 la \xe9t\xe9", None, "Motörhead – À la été"),
            (b"caf\xe9", Some("nonsense"), "café"),
            (b"\xcb\xc9\xce\xcf", Some("koi8-r"), "кино"),
            (b"\x83\x5c", Some("Shift_JIS"), "ソ"),
            (b"A\0B\0", Some("utf-16le"), "AB"),
            ("schon gut".as_bytes(), Some("windows-1251"), "schon gut"),
        ];
        for (bytes, declared, expected) in cases {
            assert_eq!(decode(bytes, declared), expected, "{bytes:x?}");
        }
    }
}
