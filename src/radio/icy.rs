//! What another station sends to a listener: the head of its answer, and sound with titles among it.

use bytes::{Buf, Bytes, BytesMut};

use super::text;
use crate::http::head;

/// What comes out of a stream.
#[derive(Debug, PartialEq, Eq)]
pub enum Heard {
    /// Bytes of sound.
    Sound(Bytes),
    /// What plays from here on; empty if nobody says.
    Title(String),
}

/// Takes titles out of a stream in which one may stand after each interval.
#[derive(Debug)]
pub struct IcyReader {
    interval: Option<usize>,
    /// Bytes of sound until the next title.
    left: usize,
    /// What has come of a title's block, with its length before it.
    block: BytesMut,
}

impl IcyReader {
    /// Reads a stream with titles after so many bytes; without them if there is no number.
    pub fn new(interval: Option<usize>) -> Self {
        let interval = interval.filter(|interval| *interval > 0);
        Self { interval, left: interval.unwrap_or(0), block: BytesMut::new() }
    }

    /// The next sound or title in bytes as they came; `None` once all of them are read.
    pub fn next(&mut self, bytes: &mut Bytes) -> Option<Heard> {
        let Some(interval) = self.interval else {
            return (!bytes.is_empty()).then(|| Heard::Sound(bytes.split_to(bytes.len())));
        };
        if self.left > 0 && !bytes.is_empty() {
            let sound = bytes.split_to(bytes.len().min(self.left));
            self.left -= sound.len();
            return Some(Heard::Sound(sound));
        }
        while !bytes.is_empty() {
            let n_bytes = self.block.first().map_or(1, |units| 1 + usize::from(*units) * 16);
            let missing = n_bytes - self.block.len();
            self.block.extend_from_slice(&bytes.split_to(bytes.len().min(missing)));
            let n_bytes = 1 + usize::from(self.block[0]) * 16;
            if self.block.len() == n_bytes {
                self.left = interval;
                let block = std::mem::take(&mut self.block);
                // An empty block says that nothing has changed.
                return if block.len() == 1 {
                    self.next(bytes)
                } else {
                    Some(Heard::Title(title(&block[1..])))
                };
            }
        }
        None
    }
}

/// The words of `StreamTitle='…';`, in which quotes and semicolons may stand too.
///
/// They end where another key or nothing follows; else at the last quote.
fn title(block: &[u8]) -> String {
    let text = text::decode(block, None);
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

/// The head of an answer.
#[derive(Debug, PartialEq, Eq)]
pub struct Answer {
    /// 200 if there is something to hear.
    pub status: u16,
    headers: Vec<(String, String)>,
}

impl Answer {
    /// Takes the head from the front of what came; `None` while it is not whole, an error if it is none.
    pub fn take(bytes: &mut BytesMut) -> Result<Option<Self>, &'static str> {
        let Some(end) = head::end(bytes) else { return Ok(None) };
        let text = String::from_utf8_lossy(&bytes[..end]).into_owned();
        bytes.advance(end);
        let mut lines = text.lines();
        let mut words = lines.next().unwrap_or_default().split(' ');
        let is_answer = words.next().is_some_and(|word| word.starts_with("HTTP/") || word == "ICY");
        let status = words.next().and_then(|status| status.parse().ok()).filter(|_| is_answer);
        let status = status.ok_or("it does not speak HTTP")?;
        let headers = lines
            .filter_map(|line| line.split_once(':'))
            .map(|(name, value)| (name.trim().to_ascii_lowercase(), value.trim().to_owned()))
            .collect();
        Ok(Some(Self { status, headers }))
    }

    /// The value of a header, by its name in lower case; empty if it is not there.
    pub fn header(&self, name: &str) -> &str {
        self.headers.iter().find(|(known, _)| known == name).map_or("", |(_, value)| value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::radio::ring::title_block;

    #[test]
    fn sound_and_titles_come_apart_wherever_the_stream_is_cut() {
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
                while let Some(heard) = reader.next(&mut bytes) {
                    match heard {
                        Heard::Sound(bytes) => sound.extend(bytes),
                        Heard::Title(title) => titles.push(title),
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
    fn answers_of_old_and_new_servers_are_read_and_others_are_not() {
        let mut bytes = BytesMut::from("ICY 200 OK\r\nicy-metaint:8192\r\n\r\nsound");
        let answer = Answer::take(&mut bytes).unwrap().unwrap();
        assert_eq!((answer.status, answer.header("icy-metaint"), &bytes[..]), (200, "8192", &b"sound"[..]));
        assert_eq!(Answer::take(&mut BytesMut::from("HTTP/1.1 302 Found\r\nLoc")), Ok(None));
        assert!(Answer::take(&mut BytesMut::from("SSH-2.0-OpenSSH\r\n\r\n")).is_err());
    }
}
