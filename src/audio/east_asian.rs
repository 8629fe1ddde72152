//! Guesses which East Asian character set text is in, by how common its characters are in each. No I/O.

use encoding_rs::{BIG5, EUC_KR, Encoding, GBK, SHIFT_JIS};

/// Texts of fewer characters than this may be of any of them; they are taken for Chinese and not for Korean.
const FEW: usize = 5;

/// How text reads in a character set.
#[derive(Default)]
struct Reading {
    n_common: usize,
    n_rare: usize,
    has_latin_letters: bool,
}

impl Reading {
    /// Reads pairs of bytes of which `is_common` says whether they are a common character; `None` if there are other ones.
    fn of(bytes: &[u8], encoding: &'static Encoding, is_common: fn(u8, u8) -> bool) -> Option<Self> {
        let mut reading = Self::default();
        let mut rest = bytes;
        // A field of fixed length may truncate a character.
        while let [first, after @ ..] = rest
            && (first.is_ascii() || !after.is_empty())
        {
            rest = after;
            reading.has_latin_letters |= first.is_ascii_alphabetic();
            if let Some((second, after)) = after.split_first().filter(|_| !first.is_ascii()) {
                rest = after;
                if is_common(*first, *second) {
                    reading.n_common += 1;
                } else if !is_sign(*first) {
                    reading.n_rare += 1;
                }
            }
        }
        let whole = &bytes[..bytes.len() - rest.len()];
        encoding.decode_without_bom_handling_and_without_replacement(whole)?;
        Some(reading).filter(|reading| reading.n_common > 1 && reading.n_rare * 3 <= reading.n_common)
    }
}

/// The character set that text is in, if it is one of these: each pair of bytes is a character there, and most are common.
pub fn guess(bytes: &[u8]) -> Option<&'static Encoding> {
    // In Western text, kanji are an apostrophe and the letter behind it.
    let japanese = Reading::of(bytes, SHIFT_JIS, is_japanese);
    if japanese.is_some_and(|reading| has_kana(bytes) || !reading.has_latin_letters) {
        return Some(SHIFT_JIS);
    }
    // Words of Cyrillic: capital letters, or in KOI8-R small ones behind a capital.
    let mut words = bytes.split(u8::is_ascii).filter(|word| !word.is_empty());
    let is_cyrillic = |byte: &u8| (0xc0..=0xdf).contains(byte);
    if words.all(|word| word[0] >= 0xc0 && word[1..].iter().all(is_cyrillic)) {
        return None;
    }
    let simplified = Reading::of(bytes, GBK, is_simplified).map_or(0, |reading| reading.n_common);
    let traditional = Reading::of(bytes, BIG5, is_traditional).map_or(0, |reading| reading.n_common);
    let korean = Reading::of(bytes, EUC_KR, is_hangul).map_or(0, |reading| reading.n_common);
    let has_words =
        bytes.windows(3).any(|three| !three[0].is_ascii() && three[1] == b' ' && !three[2].is_ascii());
    match simplified.max(traditional) {
        0 if korean == 0 => None,
        n if korean >= n && (korean >= FEW || has_words) => Some(EUC_KR),
        n if n == simplified => Some(GBK),
        _ => Some(BIG5),
    }
}

/// Punctuation and letters of double width, which are at the beginning of all these sets.
fn is_sign(first: u8) -> bool {
    matches!(first, 0xa1..=0xa3)
}

/// A syllable of kana, or a kanji of the first level.
fn is_japanese(first: u8, second: u8) -> bool {
    is_kana(first, second) || matches!(first, 0x88..=0x98)
}

fn is_kana(first: u8, second: u8) -> bool {
    first == 0x82 && (0x9f..=0xf1).contains(&second) || first == 0x83 && (0x40..=0x96).contains(&second)
}

fn has_kana(bytes: &[u8]) -> bool {
    bytes.windows(2).any(|two| is_kana(two[0], two[1]))
}

/// A character of the first level of GB 2312.
fn is_simplified(first: u8, second: u8) -> bool {
    (0xb0..=0xd7).contains(&first) && second >= 0xa1
}

/// A character of the first level of Big5.
fn is_traditional(first: u8, _: u8) -> bool {
    (0xa4..=0xc6).contains(&first)
}

fn is_hangul(first: u8, second: u8) -> bool {
    (0xb0..=0xc8).contains(&first) && second >= 0xa1
}

#[cfg(test)]
mod tests {
    use encoding_rs::{KOI8_R, WINDOWS_1251, WINDOWS_1252};

    use super::*;

    /// Titles that are known to be told apart.
    const TITLES: [(&Encoding, &[&str]); 7] = [
        (KOI8_R, &["Группа крови", "Кино", "Звезда по имени Солнце", "Мой рок-н-ролл", "Алла Пугачёва"]),
        (
            GBK,
            &[
                "青花瓷",
                "周杰伦",
                "稻香",
                "月亮代表我的心",
                "邓丽君",
                "后来 (Live)",
                "我的歌声里 - 曲婉婷",
                "海阔天空",
                "王菲",
                "十年",
                "说好的幸福呢",
                "平凡之路 feat. 朴树",
                "《千里之外》",
                "五月天",
            ],
        ),
        (
            BIG5,
            &["青花瓷", "周杰倫", "鄧麗君", "月亮代表我的心", "後來", "海闊天空", "張惠妹", "聽海 (Live)"],
        ),
        (
            SHIFT_JIS,
            &[
                "さくら",
                "森山直太朗",
                "上を向いて歩こう",
                "宇多田ヒカル",
                "残酷な天使のテーゼ",
                "First Love 宇多田ヒカル",
                "夜に駆ける",
            ],
        ),
        (EUC_KR, &["강남스타일", "사랑했지만 김광석", "봄날 방탄소년단", "좋은 날", "그대라는 시"]),
        (
            WINDOWS_1251,
            &[
                "Группа крови",
                "Кино",
                "ДДТ",
                "Он и она",
                "ГРУППА КРОВИ",
                "Звезда по имени Солнце",
                "Би-2",
                "Мой рок-н-ролл",
                "Алла Пугачёва",
                "Миллион алых роз",
                "Ты",
                "Лето",
                "Катюша",
                "Подмосковные вечера",
                "Земфира",
                "Что такое осень",
                "АЛИСА",
                "Мумий Тролль",
            ],
        ),
        (
            WINDOWS_1252,
            &[
                "Björk - Jóga",
                "Für Élise",
                "Motörhead – À la été",
                "Don’t Stop",
                "It’s my life – don’t",
                "Édith Piaf",
                "Señorita",
                "Größenwahn",
                "Ça ira",
                "Æther",
                "naïve",
                "Voilà l’été",
                "Åse Øåæ",
                "São João",
                "Sigur Rós – Ágætis byrjun",
                "“Heroes”",
                "Ágúst",
                "Blåøy",
            ],
        ),
    ];

    #[test]
    fn titles_in_east_asian_character_sets_are_told_from_each_other_and_from_others() {
        let mut wrong = Vec::new();
        for (encoding, texts) in TITLES {
            for text in texts {
                let (bytes, _, is_lossy) = encoding.encode(text);
                assert!(!is_lossy, "{text}");
                let expected = Some(encoding).filter(|encoding| !encoding.is_single_byte());
                let guessed = guess(&bytes);
                if guessed != expected {
                    wrong.push(format!("{text} in {}: {:?}", encoding.name(), guessed.map(Encoding::name)));
                }
            }
        }
        assert!(wrong.is_empty(), "{wrong:#?}");
        let (bytes, ..) = GBK.encode("青花瓷");
        assert_eq!(guess(&bytes[..5]), Some(GBK));
    }
}
