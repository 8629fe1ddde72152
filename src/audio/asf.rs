//! The tags of ASF, the container of WMA: its header is a list of objects, two of which hold texts.

use super::id3::Field;

/// The most bytes of a header that are read: pictures are in it too.
pub const MAX_HEAD_BYTES: u64 = 1024 * 1024;

/// Before the objects in the header.
const HEAD_BYTES: usize = 30;

/// The most objects and texts that are read.
const MAX_ITEMS: usize = 1000;

/// The ids of objects: title, author and others in this order; and texts by their names.
const DESCRIPTION: [u8; 16] =
    [0x33, 0x26, 0xb2, 0x75, 0x8e, 0x66, 0xcf, 0x11, 0xa6, 0xd9, 0x00, 0xaa, 0x00, 0x62, 0xce, 0x6c];
const MORE: [u8; 16] =
    [0x40, 0xa4, 0xd0, 0xd2, 0x07, 0xe3, 0xd2, 0x11, 0x97, 0xf0, 0x00, 0xa0, 0xc9, 0x5e, 0xa8, 0x50];

/// The fields in the header of a file.
pub fn fields(head: &[u8]) -> Vec<Field> {
    let mut fields = Vec::new();
    let mut rest = head.get(HEAD_BYTES..).unwrap_or_default();
    for _ in 0..MAX_ITEMS {
        let Some((id, after)) = rest.split_first_chunk::<16>() else { break };
        let Some((size, body)) = after.split_first_chunk::<8>() else { break };
        let n_bytes = usize::try_from(u64::from_le_bytes(*size)).unwrap_or(usize::MAX);
        let Some(body) = n_bytes.checked_sub(24).and_then(|n| body.get(..n)) else { break };
        match *id {
            DESCRIPTION => fields.extend(described(body).into_iter().flatten()),
            MORE => fields.extend(named(body)),
            _ => {}
        }
        rest = &rest[n_bytes..];
    }
    fields
}

/// Title and author.
fn described(body: &[u8]) -> Option<[Field; 2]> {
    let (title, author) = (length(body, 0)?, length(body, 2)?);
    let texts = body.get(10..)?;
    Some([Field::Title(text(texts.get(..title)?)), Field::Artist(text(texts.get(title..title + author)?))])
}

/// Texts with their names.
fn named(body: &[u8]) -> Vec<Field> {
    let n_items = length(body, 0).unwrap_or(0).min(MAX_ITEMS);
    let mut rest = body.get(2..).unwrap_or_default();
    let mut fields = Vec::new();
    for _ in 0..n_items {
        let Some((name, kind, value, after)) = item(rest) else { break };
        rest = after;
        let value = match (kind, value) {
            (0, text_bytes) => text(text_bytes),
            (3, &[a, b, c, d]) => u32::from_le_bytes([a, b, c, d]).to_string(),
            _ => continue,
        };
        fields.push(match name.as_str() {
            "WM/AlbumTitle" => Field::Album(value),
            "WM/TrackNumber" => Field::Track(value),
            "WM/PartOfSet" => Field::Disc(value),
            _ => Field::Other(name, value),
        });
    }
    fields
}

/// A name, the kind of its value, its value, and what comes after it.
fn item(bytes: &[u8]) -> Option<(String, usize, &[u8], &[u8])> {
    let n_name = length(bytes, 0)?;
    let name = text(bytes.get(2..2 + n_name)?);
    let rest = bytes.get(2 + n_name..)?;
    let (kind, n_value) = (length(rest, 0)?, length(rest, 2)?);
    Some((name, kind, rest.get(4..4 + n_value)?, rest.get(4 + n_value..)?))
}

fn length(bytes: &[u8], at: usize) -> Option<usize> {
    let bytes = bytes.get(at..at + 2)?;
    Some(usize::from(u16::from_le_bytes([bytes[0], bytes[1]])))
}

/// UTF-16 up to its end or its first zero.
fn text(bytes: &[u8]) -> String {
    let units = bytes.as_chunks().0.iter().map(|two| u16::from_le_bytes(*two)).take_while(|unit| *unit != 0);
    char::decode_utf16(units).map(|letter| letter.unwrap_or(char::REPLACEMENT_CHARACTER)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn utf16(text: &str) -> Vec<u8> {
        text.encode_utf16().chain([0]).flat_map(u16::to_le_bytes).collect()
    }

    fn object(id: [u8; 16], body: &[u8]) -> Vec<u8> {
        [&id[..], &(24 + body.len() as u64).to_le_bytes(), body].concat()
    }

    #[test]
    fn titles_and_names_are_read_and_lies_about_lengths_end_it() {
        let (title, author, album) = (utf16("Eins"), utf16("Ann"), utf16("WM/AlbumTitle"));
        let mut described: Vec<u8> =
            [title.len(), author.len(), 0, 0, 0].iter().flat_map(|n| (*n as u16).to_le_bytes()).collect();
        described.extend([title, author].concat());
        let mut named = [1_u16, album.len() as u16].map(u16::to_le_bytes).concat();
        named.extend(&album);
        named.extend([0_u16, utf16("Viele").len() as u16].map(u16::to_le_bytes).concat());
        named.extend(utf16("Viele"));
        let head = [vec![0; HEAD_BYTES], object(DESCRIPTION, &described), object(MORE, &named)].concat();
        let texts = |head: &[u8]| -> Vec<String> {
            let text = |field: Field| match field {
                Field::Title(text) | Field::Artist(text) | Field::Album(text) => text,
                _ => String::new(),
            };
            fields(head).into_iter().map(text).collect()
        };
        assert_eq!(texts(&head), ["Eins", "Ann", "Viele"]);
        for n in 0..head.len() {
            assert!(texts(&head[..n]).len() < 3);
        }
        let mut lie = head;
        lie[HEAD_BYTES + 16..HEAD_BYTES + 24].fill(0xff);
        assert!(texts(&lie).is_empty());
    }
}
