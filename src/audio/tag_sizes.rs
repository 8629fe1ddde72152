//! The sizes of tags in an MP3 stream, by their first bytes: `ID3v2`, `ID3v1` and `APEv2`.

/// The size of an `ID3v1` tag, which is at the end of a file, or between two that were concatenated.
pub const ID3V1_BYTES: usize = 128;

/// The size of the header of an `APEv2` tag, and of its footer.
pub const APE_HEAD_BYTES: usize = 32;

/// The size of a tag that begins here, with its header.
pub fn tag_bytes(bytes: &[u8]) -> Option<usize> {
    if bytes.starts_with(b"TAG") {
        return Some(ID3V1_BYTES);
    }
    id3v2_bytes(bytes).or_else(|| ape_bytes(bytes))
}

/// The size of an `ID3v2` tag that begins here.
pub fn id3v2_bytes(bytes: &[u8]) -> Option<usize> {
    let &[b'I', b'D', b'3', major, _, flags, a, b, c, d, ..] = bytes else { return None };
    if major == 0xff || [a, b, c, d].iter().any(|byte| byte & 0x80 != 0) {
        return None;
    }
    let body = [a, b, c, d].iter().fold(0, |size, byte| size << 7 | usize::from(*byte));
    let footer = if flags & 0x10 == 0 { 0 } else { 10 };
    Some(10 + body + footer)
}

/// The size of the rest of an `APEv2` tag: the whole tag at its header, or the footer.
pub fn ape_bytes(bytes: &[u8]) -> Option<usize> {
    let head = bytes.get(..APE_HEAD_BYTES).filter(|head| head.starts_with(b"APETAGEX"))?;
    let n_bytes = u32::from_le_bytes(head[12..16].try_into().ok()?) as usize;
    let is_head = head[23] & 0x20 != 0;
    Some(APE_HEAD_BYTES + if is_head { n_bytes } else { 0 })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_from_headers() {
        assert_eq!(tag_bytes(b"ID3\x04\0\0\0\0\x02\x01"), Some(10 + 257));
        assert_eq!(tag_bytes(b"ID3\x04\0\x10\0\0\0\0"), Some(20));
        assert_eq!(tag_bytes(b"ID3\x03\0\0\0\0\0\xff"), None);
        assert_eq!(tag_bytes(b"TAGtitle"), Some(128));
        assert_eq!(tag_bytes(b"\xff\xfb\x90\0"), None);
    }
}
