//! Playlist files: M3U, PLS and XSPF. What they list is read as it stands; which of it plays is the watcher's to say.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Component, Path, PathBuf};

use percent_encoding::percent_decode_str;

use crate::audio::charset;

/// The extensions of playlist files.
pub const EXTENSIONS: [&str; 4] = ["m3u", "m3u8", "pls", "xspf"];

/// The longest playlist file that is read: some 100,000 tracks with long paths. It is read into memory whole.
pub const MAX_BYTES: u64 = 16 * 1024 * 1024;

/// A path or a URL in a playlist file.
#[derive(Debug, PartialEq, Eq)]
pub struct Entry {
    /// As it reads.
    pub text: String,
    /// As it is written, in a list that is not in UTF-8: the name of its file may be those bytes.
    bytes: Option<Vec<u8>>,
}

impl Entry {
    /// The paths that it may mean in a playlist in `folder`, the likeliest first; `None` if it is no file of this machine.
    pub fn paths(&self, folder: &Path) -> Option<Vec<PathBuf>> {
        let mut paths = vec![resolve(&self.text, folder)?];
        // Windows writes paths otherwise, and some programs write paths as URLs: a name may have those signs in it.
        if self.text.contains('\\') {
            paths.extend(resolve(&self.text.replace('\\', "/"), folder));
        }
        if self.text.contains('%') {
            paths.extend(resolve(&percent_decode_str(&self.text).decode_utf8_lossy(), folder));
        }
        if let Some(bytes) = &self.bytes {
            paths.push(plain(&folder.join(OsStr::from_bytes(bytes))));
        }
        Some(paths)
    }
}

/// What a playlist file lists, in order. The extension says of which kind it is.
pub fn entries(bytes: &[u8], extension: &str) -> Vec<Entry> {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let extension = extension.to_ascii_lowercase();
    let parse = |text: &str| match &*extension {
        "pls" => pls(text),
        "xspf" => xspf(text),
        _ => m3u(text),
    };
    let texts = parse(&charset::decode(bytes, None)).into_iter();
    let mut entries: Vec<Entry> = texts.map(|text| Entry { text, bytes: None }).collect();
    if extension != "xspf" && std::str::from_utf8(bytes).is_err() {
        // Each byte as a letter: what parts entries is ASCII in every character set of paths.
        let letters: String = bytes.iter().map(|byte| char::from(*byte)).collect();
        for (entry, letters) in entries.iter_mut().zip(parse(&letters)) {
            entry.bytes = Some(letters.chars().map(|letter| letter as u8).collect());
        }
    }
    entries
}

/// Lines that are no comments; old programs end them with a CR alone.
fn m3u(text: &str) -> Vec<String> {
    let lines = text.split(['\r', '\n']).map(str::trim);
    lines.filter(|line| !line.is_empty() && !line.starts_with('#')).map(str::to_owned).collect()
}

/// `File1=…`, sorted by their numbers.
fn pls(text: &str) -> Vec<String> {
    let entry = |line: &str| {
        let (key, value) = line.split_once('=')?;
        let key = key.trim().to_ascii_lowercase();
        let number: u32 = key.strip_prefix("file")?.parse().ok()?;
        Some((number, value.trim().to_owned())).filter(|(_, value)| !value.is_empty())
    };
    let mut entries: Vec<_> = text.split(['\r', '\n']).filter_map(entry).collect();
    entries.sort_by_key(|(number, _)| *number);
    entries.into_iter().map(|(_, value)| value).collect()
}

/// The first `<location>` of each `<track>`.
fn xspf(text: &str) -> Vec<String> {
    let tracks = text.split("<track>").skip(1);
    let location = |track: &str| {
        let track = track.split("</track>").next()?;
        let (location, _) = track.split_once("<location>")?.1.split_once("</location>")?;
        let location = location.trim();
        let plain = location.strip_prefix("<![CDATA[").and_then(|rest| rest.strip_suffix("]]>"));
        let text = plain.map_or_else(|| unescaped(location), str::to_owned);
        // A location is a URL, also where it is relative.
        Some(if text.contains("://") {
            text
        } else {
            percent_decode_str(&text).decode_utf8_lossy().into_owned()
        })
    };
    tracks.filter_map(location).filter(|location| !location.trim().is_empty()).collect()
}

/// Text of XML without its five entities.
fn unescaped(text: &str) -> String {
    let entities = [("&lt;", "<"), ("&gt;", ">"), ("&quot;", "\""), ("&apos;", "'"), ("&amp;", "&")];
    entities.iter().fold(text.to_owned(), |text, (entity, letter)| text.replace(entity, letter))
}

/// The path that a text means in `folder`; `None` if it is no file of this machine.
fn resolve(entry: &str, folder: &Path) -> Option<PathBuf> {
    let path = match entry.split_once("://") {
        Some((scheme, rest)) if scheme.eq_ignore_ascii_case("file") => {
            // A host, which is this one, stands before the path.
            let path = &rest[rest.find('/')?..];
            PathBuf::from(percent_decode_str(path).decode_utf8_lossy().into_owned())
        }
        Some(_) => return None,
        None => folder.join(entry),
    };
    Some(plain(&path))
}

/// A path without `.` and `..`.
fn plain(path: &Path) -> PathBuf {
    let mut plain = PathBuf::new();
    for part in path.components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir => {
                plain.pop();
            }
            part => plain.push(part),
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(bytes: &[u8], extension: &str) -> Vec<String> {
        entries(bytes, extension).into_iter().map(|entry| entry.text).collect()
    }

    #[test]
    fn entries_are_read_from_every_kind() {
        let m3u =
            "\u{feff}#EXTM3U\r\n#EXTINF:3,Ann - Song\r\na b.mp3\r\n\r\n  sub/歌.mp3  \r\nhttp://other/x\r\n";
        assert_eq!(texts(m3u.as_bytes(), "m3u8"), ["a b.mp3", "sub/歌.mp3", "http://other/x"]);
        assert_eq!(texts(b"Caf\xe9.mp3", "M3U"), ["Café.mp3"]);
        assert_eq!(texts(b"#EXTM3U\ra.mp3\rb.mp3\r", "m3u"), ["a.mp3", "b.mp3"]);
        let utf_16 = "\u{feff}a.mp3\r\nd\u{e9}j\u{e0}.mp3\r\n".encode_utf16();
        assert_eq!(
            texts(&utf_16.flat_map(u16::to_le_bytes).collect::<Vec<_>>(), "m3u"),
            ["a.mp3", "déjà.mp3"]
        );
        let pls =
            "[playlist]\nFile10=c.mp3\nfile2 = b.mp3\nFile1=a=1.mp3\nTitle1=x\nFile3=\nNumberOfEntries=3";
        assert_eq!(texts(pls.as_bytes(), "pls"), ["a=1.mp3", "b.mp3", "c.mp3"]);
        let xspf = "<playlist><location>none</location><trackList><track><title>x</title><location>a%20b&amp;c.mp3</location>\
                    <location>second</location></track><track><title>y</title></track>\
                    <track><location><![CDATA[d&e.mp3]]></location></track>\
                    <track>\n<location>\n file:///m/%C3%A9.mp3 </location></track></trackList></playlist>";
        assert_eq!(texts(xspf.as_bytes(), "xspf"), ["a b&c.mp3", "d&e.mp3", "file:///m/%C3%A9.mp3"]);
    }

    #[test]
    fn an_entry_is_relative_to_its_playlist_and_a_stream_is_none() {
        let of =
            |entry: &str| resolve(entry, Path::new("/m/lists")).map(|path| path.to_str().unwrap().to_owned());
        assert_eq!(of("a.mp3").as_deref(), Some("/m/lists/a.mp3"));
        assert_eq!(of("./../b/./c.mp3").as_deref(), Some("/m/b/c.mp3"));
        assert_eq!(of("/x/../../a.mp3").as_deref(), Some("/a.mp3"));
        assert_eq!(of("file://localhost/m/%C3%A9.mp3").as_deref(), Some("/m/é.mp3"));
        assert_eq!((of("http://other/a.mp3"), of("file://none")), (None, None));
    }
}
