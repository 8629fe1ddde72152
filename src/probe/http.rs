//! HTTP as a probe needs it: a request over a connection that stays, and the whole answer.

use std::io::{self, Read, Write};

use anyhow::{Context as _, Result, bail, ensure};

use super::Target;
use super::wire::{Place, Silence, Stream, is_silence};

/// The largest answer that is taken.
const MAX_ANSWER_BYTES: usize = 16 * 1024 * 1024;

/// A connection, and the answer that is coming on it.
pub struct Http {
    stream: Stream,
    host: String,
    key: String,
    /// What has come and was not taken.
    held: Vec<u8>,
}

/// An answer.
#[derive(Debug)]
pub struct Answer {
    /// Like 200.
    pub status: u16,
    /// All of it, as text.
    pub body: String,
}

impl Http {
    /// Connects.
    pub fn connect(target: &Target, place: &Place) -> Result<Self> {
        let stream = Stream::open(target, place)?;
        Ok(Self { stream, host: place.host.clone(), key: target.key.clone(), held: Vec::new() })
    }

    /// Sends a request.
    pub fn ask(&mut self, method: &str, path: &str, headers: &str, body: &str) -> Result<()> {
        let key = if self.key.is_empty() {
            String::new()
        } else {
            format!("Authorization: Bearer {}\r\n", self.key)
        };
        let length = body.len();
        let request = format!(
            "{method} {path} HTTP/1.1\r\nHost: {}\r\n{key}{headers}Content-Length: {length}\r\n\r\n{body}",
            self.host
        );
        self.stream.write_all(request.as_bytes()).context("the connection ended")?;
        Ok(self.stream.flush()?)
    }

    /// Sends a request and waits for the answer.
    pub fn get(&mut self, path: &str) -> Result<Answer> {
        self.ask("GET", path, "", "")?;
        self.answer()
    }

    /// Waits for an answer; after [`Silence`], for the same one again.
    pub fn answer(&mut self) -> Result<Answer> {
        loop {
            if let Some((answer, end)) = read_answer(&self.held)? {
                self.held.drain(..end);
                return Ok(answer);
            }
            ensure!(self.held.len() < MAX_ANSWER_BYTES, "an answer without an end");
            self.read_more()?;
        }
    }

    /// The head of an answer whose body does not end, and what has come of the body.
    pub fn head(&mut self) -> Result<(String, Vec<u8>)> {
        loop {
            if let Some(end) = end_of_head(&self.held) {
                let body = self.held.split_off(end);
                return Ok((String::from_utf8_lossy(&std::mem::take(&mut self.held)).into_owned(), body));
            }
            ensure!(self.held.len() < MAX_ANSWER_BYTES, "a head without an end");
            self.read_more()?;
        }
    }

    /// How it is reached.
    pub fn stream(&mut self) -> &mut Stream {
        &mut self.stream
    }

    fn read_more(&mut self) -> Result<()> {
        let mut piece = [0; 16 * 1024];
        match self.stream.read(&mut piece) {
            Ok(0) => bail!("the server closed the connection"),
            Ok(n) => self.held.extend(&piece[..n]),
            Err(problem) if is_silence(&problem) => return Err(Silence.into()),
            Err(problem) if problem.kind() == io::ErrorKind::Interrupted => {}
            Err(problem) => return Err(problem).context("the connection broke"),
        }
        Ok(())
    }
}

fn end_of_head(bytes: &[u8]) -> Option<usize> {
    bytes.windows(4).position(|four| four == b"\r\n\r\n").map(|at| at + 4)
}

/// A whole answer and where it ends; `None` while it is coming.
fn read_answer(bytes: &[u8]) -> Result<Option<(Answer, usize)>> {
    let Some(start) = end_of_head(bytes) else { return Ok(None) };
    let head = String::from_utf8_lossy(&bytes[..start]).to_ascii_lowercase();
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).context("no HTTP answer")?;
    let field = |name: &str| head.lines().find_map(|line| line.strip_prefix(name)).map(str::trim);
    let (body, end) = if field("transfer-encoding:").is_some_and(|coding| coding.contains("chunked")) {
        match unchunk(&bytes[start..])? {
            Some((body, n)) => (body, start + n),
            None => return Ok(None),
        }
    } else {
        let length = match field("content-length:") {
            Some(length) => length.parse().context("a length that is no number")?,
            None => 0,
        };
        let Some(body) = bytes.get(start..start + length) else { return Ok(None) };
        (body.to_vec(), start + length)
    };
    Ok(Some((Answer { status, body: String::from_utf8_lossy(&body).into_owned() }, end)))
}

/// A body in chunks and where it ends; `None` while it is coming.
fn unchunk(bytes: &[u8]) -> Result<Option<(Vec<u8>, usize)>> {
    let (mut body, mut at) = (Vec::new(), 0);
    loop {
        let Some(line) = bytes[at..].windows(2).position(|two| two == b"\r\n") else { return Ok(None) };
        let size = std::str::from_utf8(&bytes[at..at + line])?.split(';').next().unwrap_or_default().trim();
        let size = usize::from_str_radix(size, 16).context("a chunk without a size")?;
        let start = at + line + 2;
        let Some(chunk) = bytes.get(start..start + size + 2) else { return Ok(None) };
        body.extend(&chunk[..size]);
        at = start + size + 2;
        if size == 0 {
            return Ok(Some((body, at)));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_taken_whole_however_they_are_sent() {
        let plain = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhelloHTTP/1.1";
        let (answer, end) = read_answer(plain).unwrap().unwrap();
        assert_eq!((answer.status, answer.body.as_str(), end), (200, "hello", plain.len() - 8));
        let chunked =
            b"HTTP/1.1 404 No\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nhel\r\n2;x\r\nlo\r\n0\r\n\r\n";
        let (answer, end) = read_answer(chunked).unwrap().unwrap();
        assert_eq!((answer.status, answer.body.as_str(), end), (404, "hello", chunked.len()));
        for n in 0..chunked.len() {
            assert!(read_answer(&chunked[..n]).unwrap().is_none(), "{n} bytes");
        }
        assert!(read_answer(b"what?\r\n\r\n").is_err());
    }
}
