//! The ICY protocol as a client reads it: the response head, and audio with titles in between.

use bytes::{Buf, Bytes, BytesMut};

use crate::audio::charset;
use crate::http::head;

/// A part of the stream.
#[derive(Debug, PartialEq, Eq)]
pub enum IcyItem {
    /// Encoded sound.
    Audio(Bytes),
    /// The title of the audio that follows; empty if unknown.
    Title(String),
}

/// Separates audio from the titles that may follow each `icy-metaint` bytes of it.
#[derive(Debug)]
pub struct IcyReader {
    interval: Option<usize>,
    /// Bytes of audio before the next title.
    left: usize,
    /// The part of a metadata block that has arrived, with its length byte.
    block: BytesMut,
}

impl IcyReader {
    /// Reads a stream with a title after each `interval` bytes; without titles if it is `None`.
    pub fn new(interval: Option<usize>) -> Self {
        let interval = interval.filter(|interval| *interval > 0);
        Self { interval, left: interval.unwrap_or(0), block: BytesMut::new() }
    }

    /// The next audio or title in bytes from the connection; `None` once all of them are read.
    pub fn next(&mut self, bytes: &mut Bytes) -> Option<IcyItem> {
        let Some(interval) = self.interval else {
            return (!bytes.is_empty()).then(|| IcyItem::Audio(bytes.split_to(bytes.len())));
        };
        if self.left > 0 && !bytes.is_empty() {
            let sound = bytes.split_to(bytes.len().min(self.left));
            self.left -= sound.len();
            return Some(IcyItem::Audio(sound));
        }
        while !bytes.is_empty() {
            let n_bytes = self.block.first().map_or(1, |units| 1 + usize::from(*units) * 16);
            let missing = n_bytes - self.block.len();
            self.block.extend_from_slice(&bytes.split_to(bytes.len().min(missing)));
            let n_bytes = 1 + usize::from(self.block[0]) * 16;
            if self.block.len() == n_bytes {
                self.left = interval;
                let block = std::mem::take(&mut self.block);
                // An empty block means that the title has not changed.
                return if block.len() == 1 {
                    self.next(bytes)
                } else {
                    Some(IcyItem::Title(title(&block[1..])))
                };
            }
        }
        None
    }
}

/// The title in `StreamTitle='…';`, which may contain quotes and semicolons too.
///
/// It ends where another key or nothing follows; else at the last quote.
fn title(block: &[u8]) -> String {
    let text = charset::decode(block, None);
    let Some((_, words)) = text.trim_end_matches('\0').split_once("StreamTitle='") else {
        return String::new();
    };
    let is_end = |rest: &str| {
        let rest = rest.trim_start();
        let key = rest.split_once('=').map_or("", |(key, _)| key);
        rest.is_empty() || (!key.is_empty() && key.chars().all(|c| c.is_ascii_alphabetic()))
    };
    let mut ends = words.match_indices("';").map(|(at, _)| at);
    let end = ends.find(|at| is_end(&words[at + 2..])).or_else(|| words.rfind('\''));
    words[..end.unwrap_or(words.len())].to_owned()
}

/// The head of a response.
#[derive(Debug, PartialEq, Eq)]
pub struct ResponseHead {
    /// The status code.
    pub status: u16,
    headers: Vec<(String, String)>,
}

impl ResponseHead {
    /// Takes the head from the front of the bytes; `None` while it is incomplete, an error if it is not HTTP.
    pub fn take(bytes: &mut BytesMut) -> Result<Option<Self>, &'static str> {
        let Some(end) = head::end(bytes) else { return Ok(None) };
        let text = String::from_utf8_lossy(&bytes[..end]).into_owned();
        bytes.advance(end);
        let mut lines = text.lines();
        let mut words = lines.next().unwrap_or_default().split(' ');
        let is_http = words.next().is_some_and(|word| word.starts_with("HTTP/") || word == "ICY");
        let status = words.next().and_then(|status| status.parse().ok()).filter(|_| is_http);
        let status = status.ok_or("it does not speak HTTP")?;
        let headers = lines
            .filter_map(|line| line.split_once(':'))
            .map(|(name, value)| (name.trim().to_ascii_lowercase(), value.trim().to_owned()))
            .collect();
        Ok(Some(Self { status, headers }))
    }

    /// The value of a header, by its name in lower case; empty if it is missing.
    pub fn header(&self, name: &str) -> &str {
        self.headers.iter().find(|(known, _)| known == name).map_or("", |(_, value)| value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::radio::output::ring::title_block;

    #[test]
    fn audio_and_titles_are_separated_however_the_stream_is_split() {
        let mut stream = Vec::new();
        for (sound, block) in [
            (b"aaaa", title_block("Ann - 歌")),
            (b"bbbb", Bytes::from_static(&[0])),
            (b"cccc", title_block("it's")),
        ] {
            stream.extend(sound);
            stream.extend(block);
        }
        stream.extend(b"dd");
        for piece in 1..stream.len() {
            let mut reader = IcyReader::new(Some(4));
            let (mut sound, mut titles) = (Vec::new(), Vec::new());
            for bytes in stream.chunks(piece) {
                let mut bytes = Bytes::copy_from_slice(bytes);
                while let Some(item) = reader.next(&mut bytes) {
                    match item {
                        IcyItem::Audio(bytes) => sound.extend(bytes),
                        IcyItem::Title(title) => titles.push(title),
                    }
                }
            }
            assert_eq!(
                (&sound[..], titles),
                (&b"aaaabbbbccccdd"[..], vec!["Ann - 歌".to_owned(), "it's".into()]),
                "{piece}"
            );
        }
    }

    #[test]
    fn quotes_and_semicolons_stay_within_a_title() {
        for (block, expected) in [
            (&b"StreamTitle='Ann - It's';\0\0"[..], "Ann - It's"),
            (
                b"StreamTitle='It's a 'test'; really';StreamUrl='http://a/?b=c;d='e'';\0",
                "It's a 'test'; really",
            ),
            (b"StreamTitle='';StreamUrl='';", ""),
            (b"StreamTitle='cut off", "cut off"),
            (b"StreamTitle='no semicolon'\0", "no semicolon"),
            (b"StreamUrl='';StreamTitle='last';", "last"),
            (
                b"StreamTitle='\xca\xe8\xed\xee - \xc3\xf0\xf3\xef\xef\xe0 \xea\xf0\xee\xe2\xe8';\0",
                "Кино - Группа крови",
            ),
            (b"StreamUrl='';", ""),
        ] {
            assert_eq!(title(block), expected);
        }
    }

    #[test]
    fn response_heads_of_old_and_new_servers_are_read_and_others_are_rejected() {
        let mut bytes = BytesMut::from("ICY 200 OK\r\nicy-metaint:8192\r\n\r\nsound");
        let answer = ResponseHead::take(&mut bytes).unwrap().unwrap();
        assert_eq!((answer.status, answer.header("icy-metaint"), &bytes[..]), (200, "8192", &b"sound"[..]));
        assert_eq!(ResponseHead::take(&mut BytesMut::from("HTTP/1.1 302 Found\r\nLoc")), Ok(None));
        assert!(ResponseHead::take(&mut BytesMut::from("SSH-2.0-OpenSSH\r\n\r\n")).is_err());
    }
}
