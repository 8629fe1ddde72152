//! JSON as clients write it: what the JSON libraries of JavaScript and Python write and take is taken here too.
//!
//! Of a repeated key the last counts; half of a surrogate pair, as a text cut within an emoji has it, is U+FFFD.

use std::borrow::Cow;
use std::collections::HashMap;
use std::fmt;

use bytes::{Bytes, BytesMut};
use serde::de::value::MapDeserializer;
use serde::de::{Deserializer, MapAccess, Visitor};
use serde::{Deserialize, Serialize, Serializer};
use serde_json::value::RawValue;

/// Arrays and objects within each other; deeper ones are refused, for many readers cannot take them.
const MAX_DEPTH: usize = 128;

/// Digits of a whole number; Python reads none of more than 4,300.
const MAX_DIGITS: usize = 1000;

/// The mark that some programs put before a text.
const BYTE_ORDER_MARK: &[u8] = "\u{feff}".as_bytes();

/// An escaped UTF-16 unit: `\ud83d`.
const ESCAPE_BYTES: usize = 6;

/// What stands for half of a surrogate pair.
const REPLACEMENT: &[u8; ESCAPE_BYTES] = b"\\ufffd";

/// Whether a field says nothing: rooms are kept as text, thousands of them each second, without what is as usual.
pub fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

/// Reads an object; `None` if it is not of that kind. An array is none, though structs would take it for their fields.
pub fn object<'de, T: Deserialize<'de>>(text: &'de str) -> Option<T> {
    if !text.trim_start().starts_with('{') {
        return None;
    }
    serde_json::from_str(text).ok().or_else(|| {
        // Structs take no key twice.
        let Fields(fields) = serde_json::from_str(text).ok()?;
        let last: HashMap<Cow<'_, str>, &RawValue> = fields.into_iter().collect();
        T::deserialize(MapDeserializer::new(last.into_iter())).ok()
    })
}

/// A text, borrowed where it has no escapes.
#[derive(Deserialize)]
pub struct Text<'a>(#[serde(borrow)] pub Cow<'a, str>);

/// An object's fields in their order, repeated ones too.
pub struct Fields<'a>(pub Vec<(Cow<'a, str>, &'a RawValue)>);

impl Serialize for Fields<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(name, value)| (name, value)))
    }
}

impl<'de> Deserialize<'de> for Fields<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(FieldsReader)
    }
}

struct FieldsReader;

impl<'de> Visitor<'de> for FieldsReader {
    type Value = Fields<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Fields<'de>, A::Error> {
        let mut fields = Vec::new();
        while let Some((Text(name), value)) = map.next_entry()? {
            fields.push((name, value));
        }
        Ok(Fields(fields))
    }
}

/// The text without a byte order mark, and with U+FFFD for each half of a surrogate pair; everything else to the byte.
pub fn mended(mut text: Bytes) -> Bytes {
    if text.starts_with(BYTE_ORDER_MARK) {
        text = text.slice(BYTE_ORDER_MARK.len()..);
    }
    if !may_have_units(&text) {
        return text;
    }
    let mut mended: Option<BytesMut> = None;
    let mut at = 0;
    while let Some(ahead) = text[at..].iter().position(|byte| *byte == b'\\') {
        at += ahead;
        at += match (unit_at(&text, at), unit_at(&text, at + ESCAPE_BYTES)) {
            (Some(0xd800..=0xdbff), Some(0xdc00..=0xdfff)) => 2 * ESCAPE_BYTES,
            (Some(0xd800..=0xdfff), _) => {
                let mended = mended.get_or_insert_with(|| BytesMut::from(&text[..]));
                mended[at..at + ESCAPE_BYTES].copy_from_slice(REPLACEMENT);
                ESCAPE_BYTES
            }
            (Some(_), _) => ESCAPE_BYTES,
            // The character after a backslash begins no escape.
            (None, _) => 2,
        };
        at = at.min(text.len());
    }
    mended.map_or(text, BytesMut::freeze)
}

/// Whether a UTF-16 unit may be escaped anywhere. It never stops early, so that many bytes are looked at in one step.
fn may_have_units(text: &[u8]) -> bool {
    let pairs = text.iter().zip(text.get(1..).unwrap_or_default());
    let is_opening = |(first, second): (&u8, &u8)| u8::from(*first == b'\\') & u8::from(*second == b'u');
    pairs.map(is_opening).fold(0, |found, here| found | here) != 0
}

/// The UTF-16 unit that is escaped there.
fn unit_at(text: &[u8], at: usize) -> Option<u32> {
    let digits = text.get(at..at + ESCAPE_BYTES)?.strip_prefix(b"\\u")?;
    digits.iter().try_fold(0, |unit, digit| Some(unit * 16 + char::from(*digit).to_digit(16)?))
}

/// Whether the JSON libraries of clients can be expected to read a text, as far as depth and the length of numbers go. What
/// they cannot read must reach nobody: a member that fails at the answer to its join never knows that it is in.
pub fn is_readable(text: &[u8]) -> bool {
    if text.len() <= MAX_DEPTH {
        return true;
    }
    let (mut depth, mut is_in_string, mut is_escaped) = (0_usize, false, false);
    let (mut n_digits, mut is_past_point) = (0_usize, false);
    for byte in text {
        match byte {
            _ if is_escaped => is_escaped = false,
            b'\\' => is_escaped = true,
            b'"' => is_in_string = !is_in_string,
            _ if is_in_string => {}
            b'0'..=b'9' => n_digits += usize::from(!is_past_point),
            // An exponent is no part of the whole number either.
            b'.' | b'e' | b'E' => is_past_point = true,
            _ => {
                (n_digits, is_past_point) = (0, false);
                match byte {
                    b'[' | b'{' => depth += 1,
                    b']' | b'}' => depth = depth.saturating_sub(1),
                    _ => {}
                }
            }
        }
        if depth > MAX_DEPTH || n_digits > MAX_DIGITS {
            return false;
        }
    }
    true
}

/// The value without the blanks between its parts: what a client writes twice is the same text then.
pub fn compact(value: &str) -> String {
    let (mut is_in_string, mut is_escaped) = (false, false);
    let is_part = |c: &char| {
        let is_part = is_in_string || !c.is_ascii_whitespace();
        match c {
            _ if is_escaped => is_escaped = false,
            '\\' => is_escaped = true,
            '"' => is_in_string = !is_in_string,
            _ => {}
        }
        is_part
    };
    value.chars().filter(is_part).collect()
}

/// The length of a text as a JSON string.
pub fn written_bytes(text: &str) -> usize {
    let length = |byte: u8| match byte {
        b'"' | b'\\' => 2,
        0..0x20 => ESCAPE_BYTES,
        _ => 1,
    };
    2 + text.bytes().map(length).sum::<usize>()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Deserialize)]
    struct Pair<'a> {
        #[serde(borrow)]
        a: &'a RawValue,
        b: Option<String>,
    }

    fn pair(text: &str) -> Option<(String, Option<String>)> {
        object(text).map(|Pair { a, b }: Pair<'_>| (a.get().to_owned(), b))
    }

    #[test]
    fn of_a_repeated_key_the_last_counts() {
        let expected = Some(("[2]".to_owned(), Some("x".to_owned())));
        assert_eq!(pair(r#"{"a":1,"b":"y","c":0,"\u0061":[2],"c":1,"b":"x"}"#), expected);
        assert_eq!(pair(r#"{"a":1,"a":2,"b":7}"#), None);
        assert_eq!(pair(" \n{\"a\":1}"), Some(("1".to_owned(), None)));
        for text in ["", "[1,\"x\"]", r#""a""#, r#"{"a":1,"a":2"#] {
            assert_eq!(pair(text), None, "{text}");
        }
    }

    #[test]
    fn half_a_surrogate_pair_is_replaced_and_nothing_else_is_touched() {
        let mended = |text: &str| String::from_utf8(mended(Bytes::from(text.to_owned())).to_vec()).unwrap();
        for (text, expected) in [
            (r#"{"a":"\ud83d"}"#, r#"{"a":"\ufffd"}"#),
            (r#""\uDC00\ud83dx\ud83d\ud83d\ude00""#, r#""\ufffd\ufffdx\ufffd\ud83d\ude00""#),
            (r#""\ud83d\n\ud83d\""#, r#""\ufffd\n\ufffd\""#),
            ("\u{feff}{}", "{}"),
        ] {
            assert_eq!(mended(text), expected);
        }
        for same in
            [r#""\\ud83d""#, r#""\ud83d\ude00 \u00e9 \" \\""#, r"\", r"\u", r"\ud8", r"\\\", "ü\\ü", ""]
        {
            assert_eq!(mended(same), same);
        }
    }

    #[test]
    fn what_is_nested_too_deep_or_counts_too_far_is_not_readable() {
        let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        let number = |n_digits: usize| format!("{{\"a\":-{}}}", "9".repeat(n_digits));
        let long = "7".repeat(5000);
        let readable = [
            nested(MAX_DEPTH),
            "[],{}".repeat(1000),
            format!(r#""\"{}""#, "[".repeat(1000)),
            number(MAX_DIGITS),
            format!("[{},1]", "12345,".repeat(1000)),
            format!("[0.{long},0.{long}e1,1E{long},\"{long}\",\"\\\"{long}\"]"),
        ];
        for text in readable {
            assert!(is_readable(text.as_bytes()), "{text}");
        }
        for text in [nested(MAX_DEPTH + 1), number(MAX_DIGITS + 1), format!("[1.5,{long}]")] {
            assert!(!is_readable(text.as_bytes()), "{text}");
        }
    }

    #[test]
    fn blanks_between_parts_make_no_difference() {
        assert_eq!(compact("{ \"a b\" :\t[1,\n \"\\\" \"] }"), r#"{"a b":[1,"\" "]}"#);
    }
}
