//! Files of recordings as an earlier process has left them.

use std::fs::{File, OpenOptions};
use std::io::{self, BufRead, BufReader, Read, Write};
use std::os::unix::fs::FileExt;
use std::path::Path;

use super::Unfinished;
use super::catalogue::Known;
use super::format::{Entry, Header, Line, MAX_HEADER_BYTES, Tail};
use super::names::RecordingId;
use crate::private;
use crate::time::Seconds;

/// A line that is longer is none of ours: what is on a screen has 64 KiB.
const MAX_LINE_BYTES: u64 = 4 * 1024 * 1024;

/// The end of a file is read in pieces of this size.
const PIECE_BYTES: u64 = 64 * 1024;

/// The name of the recording in a file's name.
pub fn id_of(path: &Path) -> Option<RecordingId> {
    let name = path.file_name()?.to_str()?;
    RecordingId::read(name.strip_suffix(".jsonl")?)
}

/// Looks at the file of a recording of that service: half a line at its end, as a crash leaves it, is cut off; `None` if it
/// is none.
pub fn look(path: &Path, service: &str, unfinished: Unfinished) -> io::Result<Option<Known>> {
    let file = private::open(path, OpenOptions::new().read(true).write(true))?;
    if !file.metadata()?.is_file() {
        return Ok(None);
    }
    let mut first = Vec::new();
    BufReader::new(&file).take(MAX_HEADER_BYTES).read_until(b'\n', &mut first)?;
    let header = first.strip_suffix(b"\n").and_then(Header::read);
    let Some(header) = header.filter(|header| header.service == service && Some(header.id) == id_of(path))
    else {
        return Ok(None);
    };
    let header_bytes = first.len() as u64;
    let (n_bytes, last) = last_line(&file, header_bytes)?;
    file.set_len(n_bytes)?;
    let tail: Option<Tail> = serde_json::from_slice(&last).ok();
    let mut known = Known {
        header,
        header_bytes,
        n_bytes,
        next: tail.as_ref().map_or(0, Tail::next),
        seconds: tail.as_ref().map_or(0.0, Tail::seconds),
        is_running: false,
    };
    let mut has_ended = tail.is_some_and(|tail| tail.is_end());
    if !has_ended && unfinished == Unfinished::End {
        known.n_bytes += end(&file, &known)?;
        has_ended = true;
    }
    if has_ended {
        known.next = u64::MAX;
    }
    Ok(Some(known))
}

/// Writes the last line of a recording; gives its bytes.
fn end(mut file: &File, known: &Known) -> io::Result<u64> {
    let at = Seconds::new(known.seconds).unwrap_or_default();
    let line = Line { n: known.next, at, entry: Entry::End };
    let line = serde_json::to_string(&line)? + "\n";
    file.write_all_at(line.as_bytes(), known.n_bytes)?;
    file.flush()?;
    Ok(line.len() as u64)
}

/// Where the last whole line ends, and the line itself, without its end; an empty one if there is only a header.
fn last_line(file: &File, header_bytes: u64) -> io::Result<(u64, Vec<u8>)> {
    let length = file.metadata()?.len();
    let mut read = Vec::new();
    let mut from = length;
    loop {
        let mut ends = read.iter().enumerate().rev().filter(|(_, byte)| **byte == b'\n').map(|(at, _)| at);
        let (last, before) = (ends.next(), ends.next());
        if let Some(last) = last
            && (before.is_some() || from == header_bytes)
        {
            let line = read[before.map_or(0, |before| before + 1)..last].to_vec();
            return Ok((from + last as u64 + 1, line));
        }
        if from == header_bytes {
            return Ok((header_bytes, Vec::new()));
        }
        if length - from > MAX_LINE_BYTES {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "a line is too long"));
        }
        let start = from.saturating_sub(PIECE_BYTES).max(header_bytes);
        let mut piece = vec![0; (from - start) as usize];
        file.read_exact_at(&mut piece, start)?;
        piece.append(&mut read);
        (read, from) = (piece, start);
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::super::names::Owner;
    use super::*;

    const ID: &str = "abcdefghijklmnop";

    fn header() -> String {
        let owner = Owner::of(&"k".repeat(32)).unwrap();
        let header = Header::new(RecordingId::read(ID).unwrap(), "watch", "Films".into(), 1000, true, owner);
        serde_json::to_string(&header).unwrap() + "\n"
    }

    fn look_at(text: &str, unfinished: Unfinished) -> (Option<Known>, String) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(format!("{ID}.jsonl"));
        fs::write(&path, text).unwrap();
        let known = look(&path, "watch", unfinished).unwrap();
        (known, fs::read_to_string(&path).unwrap())
    }

    #[test]
    fn half_a_line_is_cut_off_and_what_nobody_goes_on_with_ends() {
        let whole =
            header() + "{\"n\":0,\"at\":1,\"kind\":\"screen\"}\n{\"n\":1,\"at\":2.5,\"kind\":\"play\"}\n";
        let (known, left) = look_at(&format!("{whole}{{\"n\":2,\"at"), Unfinished::GoOn);
        let known = known.unwrap();
        assert_eq!(left, whole);
        assert_eq!((known.next, known.seconds, known.n_bytes), (2, 2.5, whole.len() as u64));
        assert_eq!(known.ended_at(), 3500);
        let (known, left) = look_at(&whole, Unfinished::End);
        assert_eq!(left, format!("{whole}{{\"n\":2,\"at\":2.5,\"kind\":\"end\"}}\n"));
        assert_eq!(known.unwrap().n_bytes, left.len() as u64);
        let (known, again) = look_at(&left, Unfinished::End);
        assert_eq!((again, known.unwrap().next), (left, u64::MAX), "nothing follows an end");
    }

    #[test]
    fn a_header_alone_is_a_recording_and_lines_may_be_long() {
        let (known, left) = look_at(&header(), Unfinished::GoOn);
        assert_eq!((left, known.unwrap().next), (header(), 0));
        let (known, left) = look_at(&(header() + "{\"n\":0"), Unfinished::End);
        assert_eq!(
            (left, known.unwrap().next),
            (header() + "{\"n\":0,\"at\":0,\"kind\":\"end\"}\n", u64::MAX)
        );
        let long =
            format!("{{\"n\":7,\"at\":1,\"kind\":\"screen\",\"state\":\"{}\"}}\n", "x".repeat(200_000));
        let (known, _) = look_at(&(header() + &long), Unfinished::GoOn);
        assert_eq!(known.unwrap().next, 8);
    }

    #[test]
    fn what_is_no_recording_stays_as_it_is() {
        let others = header().replace("watch", "music");
        let newer = header().replace("\"version\":1", "\"version\":2");
        let elsewhere = header().replace(ID, "aaaaaaaaaaaaaaaa");
        let long = "x".repeat(10_000);
        for text in ["", "{", "{}\n", "half", &others, &newer, &elsewhere, &long] {
            let (known, left) = look_at(text, Unfinished::End);
            assert!(known.is_none() && left == text, "{text}");
        }
    }
}
