//! Reads texts and pictures from `ID3v2` tags of versions 2.2 to 2.4, and texts from `ID3v1`, as programs write them. No I/O.

use std::mem;

use encoding_rs::{UTF_16BE, UTF_16LE};

use super::charset;

/// The frames that are read: of versions 2.3 and 2.4, and of 2.2.
const NAMES: [&[u8]; 17] = [
    b"TIT2", b"TPE1", b"TALB", b"TRCK", b"TPOS", b"TDRC", b"TYER", b"TXXX", b"TSRC", b"TT2", b"TP1", b"TAL",
    b"TRK", b"TPA", b"TYE", b"TXX", b"TRC",
];

/// The frames of pictures, of the same versions.
const PICTURES: [&[u8]; 2] = [b"APIC", b"PIC"];

/// A text of a tag.
#[derive(Debug, PartialEq, Eq)]
pub enum Field {
    /// A title.
    Title(String),
    /// Artists, joined by commas.
    Artist(String),
    /// An album.
    Album(String),
    /// A number on a disc.
    Track(String),
    /// The number of a disc.
    Disc(String),
    /// A date that begins with a year.
    Year(String),
    /// Any other one, by its name and its value.
    Other(String, String),
}

/// Reads an `ID3v2` tag, which may be truncated.
pub fn read_v2(tag: &[u8]) -> Vec<Field> {
    let mut fields = Vec::new();
    for_each_frame(tag, &NAMES, |name, content| {
        let mut values = values(content);
        match name {
            b"TPE1" | b"TP1" => fields.push(Field::Artist(values.join(", "))),
            b"TXXX" | b"TXX" => {
                if let [name, value, ..] = &mut values[..] {
                    fields.push(Field::Other(mem::take(name), mem::take(value)));
                }
            }
            b"TSRC" | b"TRC" => {
                let first = values.into_iter().next();
                fields.extend(first.map(|code| Field::Other("ISRC".into(), code)));
            }
            _ => {
                let kind = match name {
                    b"TIT2" | b"TT2" => Field::Title,
                    b"TALB" | b"TAL" => Field::Album,
                    b"TRCK" | b"TRK" => Field::Track,
                    b"TDRC" | b"TYER" | b"TYE" => Field::Year,
                    _ => Field::Disc,
                };
                fields.extend(values.into_iter().next().map(kind));
            }
        }
    });
    fields
}

/// Takes the pictures of an `ID3v2` tag, each with its type.
pub fn pictures_v2(tag: &[u8], mut take: impl FnMut(u8, &[u8])) {
    for_each_frame(tag, &PICTURES, |name, content| {
        let picture = || {
            let (encoding, rest) = content.split_first()?;
            // Version 2.2 has three letters in place of a media type.
            let n_type = if name.len() == 3 { 3 } else { rest.iter().position(|byte| *byte == 0)? + 1 };
            let (kind, rest) = rest.get(n_type..)?.split_first()?;
            let n_description = if matches!(encoding, 1 | 2) {
                rest.chunks_exact(2).position(|unit| unit == [0, 0])? * 2 + 2
            } else {
                rest.iter().position(|byte| *byte == 0)? + 1
            };
            Some((*kind, rest.get(n_description..)?))
        };
        if let Some((kind, picture)) = picture() {
            take(kind, picture);
        }
    });
}

/// Takes the frames that have one of these names, with their contents.
fn for_each_frame(tag: &[u8], names: &[&[u8]], mut take: impl FnMut(&[u8], &[u8])) {
    let &[b'I', b'D', b'3', major @ 2..=4, _, flags, _, _, _, _, ref body @ ..] = tag else { return };
    let is_unsynchronised = flags & 0x80 != 0;
    let whole = if is_unsynchronised && major < 4 { synchronised(body) } else { body.to_vec() };
    let mut rest = &whole[..];
    if flags & 0x40 != 0 && major > 2 {
        let n_bytes = if major == 4 { synchsafe(rest) } else { plain(rest).map(|n| n.saturating_add(4)) };
        rest = n_bytes.and_then(|n| rest.get(n..)).unwrap_or_default();
    }
    while let Some((name, flags, content, next)) = frame(rest, major) {
        rest = next;
        if names.contains(&name)
            && let Some(content) = unpacked(content, flags, major, is_unsynchronised)
        {
            take(name, &content);
        }
    }
}

/// Reads an `ID3v1` tag.
pub fn read_v1(tag: &[u8]) -> Vec<Field> {
    if tag.len() != 128 || !tag.starts_with(b"TAG") {
        return Vec::new();
    }
    let text =
        |bytes: &[u8]| charset::decode(bytes.split(|byte| *byte == 0).next().unwrap_or_default(), None);
    vec![
        Field::Title(text(&tag[3..33])),
        Field::Artist(text(&tag[33..63])),
        Field::Album(text(&tag[63..93])),
        Field::Year(text(&tag[93..97])),
    ]
}

/// A frame's id, its format flags, its content, and the bytes after it.
type Parts<'a> = (&'a [u8], u8, &'a [u8], &'a [u8]);

/// The frame that begins here.
fn frame(bytes: &[u8], major: u8) -> Option<Parts<'_>> {
    let (name_bytes, head_bytes) = if major == 2 { (3, 6) } else { (4, 10) };
    let name = bytes.get(..name_bytes).filter(|name| is_name(name))?;
    let body = bytes.get(head_bytes..)?;
    let n_bytes = match major {
        2 => usize::from(bytes[3]) << 16 | usize::from(bytes[4]) << 8 | usize::from(bytes[5]),
        3 => plain(&bytes[4..])?,
        _ => {
            // Some programs write sizes of 2.4 as in 2.3.
            let (safe, plain) = (synchsafe(&bytes[4..]), plain(&bytes[4..])?);
            safe.filter(|n| *n == plain || ends_well(body, *n) || !ends_well(body, plain)).unwrap_or(plain)
        }
    };
    let content = &body[..n_bytes.min(body.len())];
    let flags = if major == 2 { 0 } else { bytes[9] };
    Some((name, flags, content, body.get(n_bytes..).unwrap_or_default()))
}

fn is_name(name: &[u8]) -> bool {
    name.iter().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit())
}

/// Whether a content of that length is followed by a frame, by padding or by nothing.
fn ends_well(body: &[u8], n_bytes: usize) -> bool {
    let follows = body.get(n_bytes..);
    follows.is_some_and(|next| next.is_empty() || next[0] == 0 || next.get(..4).is_some_and(is_name))
}

fn plain(bytes: &[u8]) -> Option<usize> {
    Some(u32::from_be_bytes(bytes.get(..4)?.try_into().ok()?) as usize)
}

fn synchsafe(bytes: &[u8]) -> Option<usize> {
    let four = bytes.get(..4).filter(|four| four.iter().all(|byte| byte & 0x80 == 0))?;
    Some(four.iter().fold(0, |size, byte| size << 7 | usize::from(*byte)))
}

/// A frame's content without the fields that its flags add; `None` if it is compressed or encrypted.
fn unpacked(content: &[u8], flags: u8, major: u8, is_unsynchronised: bool) -> Option<Vec<u8>> {
    match major {
        2 => Some(content.to_vec()),
        3 if flags & 0xc0 != 0 => None,
        3 => content.get(usize::from(flags & 0x20 != 0)..).map(<[u8]>::to_vec),
        _ if flags & 0x0c != 0 => None,
        _ => {
            let added = usize::from(flags & 0x40 != 0) + if flags & 0x01 == 0 { 0 } else { 4 };
            let content = content.get(added..)?;
            Some(if is_unsynchronised || flags & 0x02 != 0 {
                synchronised(content)
            } else {
                content.to_vec()
            })
        }
    }
}

/// Reverses unsynchronisation.
fn synchronised(bytes: &[u8]) -> Vec<u8> {
    let mut last = 0;
    let kept = bytes.iter().copied().filter(|byte| {
        let is_stuffing = last == 0xff && *byte == 0;
        last = *byte;
        !is_stuffing
    });
    kept.collect()
}

/// The values of a text frame.
fn values(content: &[u8]) -> Vec<String> {
    let text = match content {
        [1, text @ ..] => utf16(text),
        [2, text @ ..] => UTF_16BE.decode(&text[..text.len() / 2 * 2]).0.into_owned(),
        text => charset::decode(text.strip_prefix(&[0]).or(text.strip_prefix(&[3])).unwrap_or(text), None),
    };
    let values =
        text.split('\0').map(|value| value.trim_matches(|c: char| c.is_whitespace() || c == '\u{feff}'));
    values.filter(|value| !value.is_empty()).map(str::to_owned).collect()
}

/// Decodes UTF-16; without a byte order mark, in the byte order with more Latin characters.
fn utf16(bytes: &[u8]) -> String {
    let bytes = &bytes[..bytes.len() / 2 * 2];
    let n_zeros = |first: usize| bytes.iter().skip(first).step_by(2).filter(|byte| **byte == 0).count();
    let guessed = if n_zeros(0) > n_zeros(1) { UTF_16BE } else { UTF_16LE };
    guessed.decode(bytes).0.into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn utf16le(text: &str) -> Vec<u8> {
        text.encode_utf16().flat_map(u16::to_le_bytes).collect()
    }

    fn tag(major: u8, flags: u8, frames: &[u8]) -> Vec<u8> {
        let n = frames.len();
        let size = [(n >> 21) as u8 & 0x7f, (n >> 14) as u8 & 0x7f, (n >> 7) as u8 & 0x7f, n as u8 & 0x7f];
        [b"ID3", &[major, 0, flags][..], &size, frames].concat()
    }

    fn frame(name: &str, content: &[u8]) -> Vec<u8> {
        let n = content.len() as u32;
        let head = if name.len() == 3 {
            n.to_be_bytes()[1..].to_vec()
        } else {
            [n.to_be_bytes().to_vec(), vec![0; 2]].concat()
        };
        [name.as_bytes(), &head, content].concat()
    }

    fn read(tag: &[u8]) -> (String, String) {
        let (mut title, mut artist) = (String::new(), String::new());
        for field in read_v2(tag) {
            match field {
                Field::Title(text) => title = text.trim().to_owned(),
                Field::Artist(text) => artist = text,
                _ => {}
            }
        }
        (title, artist)
    }

    #[test]
    fn text_is_read_in_every_version_and_encoding() {
        let cases: [(u8, &str, Vec<u8>, &str); 12] = [
            (2, "TT2", b"\0Caf\xe9".to_vec(), "Café"),
            (3, "TIT2", b"\0\xcf\xe5\xf1\xed\xff".to_vec(), "Песня"),
            (3, "TIT2", [b"\x01\xff\xfe".to_vec(), utf16le("歌")].concat(), "歌"),
            (3, "TIT2", b"\x01\xfe\xff\x6b\x4c".to_vec(), "歌"),
            (3, "TIT2", [b"\x01".to_vec(), utf16le("plain")].concat(), "plain"),
            (3, "TIT2", [b"\x01\xff\xfe".to_vec(), utf16le("odd"), vec![0]].concat(), "odd"),
            (4, "TIT2", "\x03Ünï\0Second".as_bytes().to_vec(), "Ünï"),
            (4, "TIT2", b"\x02\0A\0B\0\0".to_vec(), "AB"),
            (4, "TIT2", b"\x03Caf\xe9".to_vec(), "Café"),
            (3, "TIT2", b"\0 \n ".to_vec(), ""),
            (3, "TIT2", b"".to_vec(), ""),
            (3, "TIT2", b"\x03".to_vec(), ""),
        ];
        for (major, name, content, expected) in cases {
            assert_eq!(read(&tag(major, 0, &frame(name, &content))).0, expected, "{major} {content:x?}");
        }
    }

    #[test]
    fn pictures_are_read_in_every_version_and_encoding_of_their_descriptions() {
        let cases: [(u8, &str, &[u8]); 4] = [
            (2, "PIC", b"\0JPG\x03front\0picture"),
            (3, "APIC", b"\0image/jpeg\0\x03\0picture"),
            (3, "APIC", b"\x01image/png\0\x03\xff\xfea\0\0\0picture"),
            (4, "APIC", b"\x03image/png\0\x03caf\xc3\xa9\0picture"),
        ];
        for (major, name, content) in cases {
            let mut found = Vec::new();
            pictures_v2(&tag(major, 0, &frame(name, content)), |kind, bytes| {
                found.push((kind, bytes.to_vec()));
            });
            assert_eq!(found, [(3, b"picture".to_vec())], "{major} {content:x?}");
            for end in 0..content.len() {
                pictures_v2(&tag(major, 0, &frame(name, &content[..end])), |_, _| {});
            }
        }
    }

    #[test]
    fn artists_separated_by_a_nul_are_joined() {
        let utf16 =
            [b"\x01\xff\xfe".to_vec(), utf16le("Ann"), vec![0, 0, 0xff, 0xfe], utf16le("Bob")].concat();
        for content in [b"\x03Ann\0Bob\0".to_vec(), b"\0Ann\0Bob".to_vec(), utf16] {
            assert_eq!(read(&tag(4, 0, &frame("TPE1", &content))).1, "Ann, Bob", "{content:x?}");
        }
    }

    #[test]
    fn titles_are_found_in_unsynchronised_tags_and_after_long_pictures() {
        let title = frame("TIT2", b"\0A\xff\xe9");
        let stuffed = [&title[..title.len() - 1], b"\0\xe9"].concat();
        assert_eq!(read(&tag(3, 0x80, &stuffed)).0, "Aÿé");
        // In 2.4 each frame is unsynchronised by itself; this one has a data length indicator.
        let content = b"\0\0\0\x04\0A\xff\0\xe9";
        let mut frame24 = frame("TIT2", content);
        frame24[9] = 0x03;
        assert_eq!(read(&tag(4, 0x80, &frame24)).0, "Aÿé");
        // A picture whose size is written as in 2.3.
        let picture = frame("APIC", &[7; 300]);
        assert_eq!(read(&tag(4, 0, &[picture, title.clone()].concat())).0, "Aÿé");
        let extended = [&b"\0\0\0\x06\0\0\0\0\0\0"[..], &title].concat();
        assert_eq!(read(&tag(3, 0x40, &extended)).0, "Aÿé");
        // Truncated anywhere, and with any byte corrupted.
        for end in 0..extended.len() {
            read(&tag(3, 0x40, &extended)[..end]);
            let mut broken = tag(4, 0x40, &extended);
            broken[end] = 0xff;
            read(&broken);
        }
    }
}
