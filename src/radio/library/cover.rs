//! The cover of a track: the picture in its tags, or else one beside its file. Reads disks, and belongs on threads that may block.

use std::fmt;
use std::fs::{self, File};
use std::io::{self, Read as _};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use bytes::Bytes;
use ring::digest;

use crate::audio::pictures;

/// The names of covers beside files, without extensions.
const NAMES: [&str; 4] = ["cover", "folder", "Cover", "Folder"];

/// Their extensions.
const EXTENSIONS: [&str; 5] = ["jpg", "jpeg", "png", "webp", "gif"];

/// What a cover is known by outside: a digest of its bytes, which tells nothing of where they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct CoverId([u8; 16]);

impl CoverId {
    fn of(bytes: &[u8]) -> Self {
        let digest = digest::digest(&digest::SHA256, bytes);
        let mut id = [0; 16];
        id.copy_from_slice(&digest.as_ref()[..16]);
        Self(id)
    }

    /// Reads 32 hexadecimal digits in lower case.
    pub fn parse(text: &str) -> Option<Self> {
        let mut id = [0; 16];
        let is_lower = !text.bytes().any(|byte| byte.is_ascii_uppercase());
        (is_lower && hex::decode_to_slice(text, &mut id).is_ok()).then_some(Self(id))
    }
}

impl fmt::Display for CoverId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&hex::encode(self.0))
    }
}

/// A picture.
#[derive(Debug, Clone)]
pub struct Cover {
    /// What it is known by.
    pub id: CoverId,
    /// What it is.
    pub media_type: &'static str,
    /// The picture.
    pub bytes: Bytes,
}

/// The cover of the track in a file, of so many bytes at most. What cannot be read has none.
pub fn find(path: &Path, max_bytes: usize) -> Option<Cover> {
    if max_bytes == 0 {
        return None;
    }
    let embedded = catch_unwind(AssertUnwindSafe(|| pictures::embedded(path, max_bytes)));
    let embedded = embedded.ok().and_then(Result::ok).flatten();
    let bytes = embedded.or_else(|| beside(path.parent()?, max_bytes))?;
    let media_type = pictures::media_type(&bytes)?;
    Some(Cover { id: CoverId::of(&bytes), media_type, bytes: bytes.into() })
}

/// The first picture in a folder that has a name of covers. Links are not followed: they may lead anywhere.
fn beside(folder: &Path, max_bytes: usize) -> Option<Vec<u8>> {
    let paths = NAMES
        .iter()
        .flat_map(|name| EXTENSIONS.iter().map(move |extension| folder.join(name).with_extension(extension)));
    paths
        .filter(|path| fs::symlink_metadata(path).is_ok_and(|found| found.is_file()))
        .filter_map(|path| read_up_to(&path, max_bytes).ok())
        .find(|bytes| bytes.len() <= max_bytes && pictures::media_type(bytes).is_some())
}

/// Reads one byte more than `max_bytes` at most.
fn read_up_to(path: &Path, max_bytes: usize) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)?.take(max_bytes as u64 + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn an_id_is_32_digits_and_nothing_else() {
        let id = CoverId::of(b"picture");
        assert_eq!(CoverId::parse(&id.to_string()), Some(id));
        for text in ["", "00", "../../../../etc/passwd", &"0".repeat(33), &"A".repeat(32), &"é".repeat(16)] {
            assert_eq!(CoverId::parse(text), None, "{text}");
        }
    }

    #[test]
    fn a_cover_beside_a_file_is_a_picture_of_bounded_size_and_no_link() {
        let folder = tempfile::tempdir().unwrap();
        let track = folder.path().join("a.mp3");
        let has = |max_bytes| find(&track, max_bytes).map(|cover| cover.bytes);
        fs::write(&track, "no music").unwrap();
        fs::write(folder.path().join("cover.jpg"), "<html>no picture</html>").unwrap();
        fs::write(folder.path().join("cover.png"), b"\x89PNG\r\n\x1a\nmuch too large a picture").unwrap();
        let elsewhere = tempfile::tempdir().unwrap();
        fs::write(elsewhere.path().join("secret"), "GIF89a").unwrap();
        symlink(elsewhere.path().join("secret"), folder.path().join("cover.gif")).unwrap();
        fs::create_dir(folder.path().join("cover.webp")).unwrap();
        assert_eq!(has(20), None);
        fs::write(folder.path().join("Folder.jpg"), b"\xff\xd8\xff\xe0 small").unwrap();
        assert_eq!(has(20).as_deref(), Some(&b"\xff\xd8\xff\xe0 small"[..]));
        assert_eq!(has(0), None);
        assert!(has(100).unwrap().starts_with(b"\x89PNG"));
    }
}
