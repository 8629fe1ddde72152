//! Fuzz targets of the radio service: files, streams, URLs and text from others.

use std::io::{self, Read};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Component, Path};

use bytes::{Bytes, BytesMut};

use super::config::routes::by_route;
use super::library::{cover, playlist_file};
use super::output::hls::HlsPath;
use super::paths;
use super::sources::http_body::{ChunkDecoder, HttpBody};
use super::sources::icy::{IcyItem, IcyReader, ResponseHead};
use super::sources::{relay, upstream};
use crate::audio::charset;
use crate::audio::decode::{Decoder, Mp3Decoder};
use crate::audio::frame_reader::FrameReader;
use crate::audio::mp3::{Frame, Header};
use crate::audio::one_line::clean;
use crate::audio::track_info::TrackInfo;

/// The most blocks of a file that are decoded; faults show early.
const MAX_BLOCKS: usize = 64;

/// The most samples in a block of any codec.
const MAX_SAMPLES: usize = 8 * 1024 * 1024;

/// The most bytes of a cover.
const MAX_COVER_BYTES: usize = 64 * 1024;

/// The most bytes without a frame.
const MAX_JUNK_BYTES: usize = 64 * 1024;

/// Returns a few bytes at a time.
struct SmallReads<'a>(&'a [u8]);

impl Read for SmallReads<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let n = buffer.len().min(7);
        self.0.read(&mut buffer[..n])
    }
}

fn frames(source: impl Read) -> Vec<Frame> {
    let mut reader = FrameReader::new(source, MAX_JUNK_BYTES);
    std::iter::from_fn(|| reader.next_frame().ok().flatten()).collect()
}

/// MP3 frames: the same however the input is split, and decoded to the number of samples in their headers.
pub fn mp3(input: &[u8]) {
    let mut found = frames(input);
    assert_eq!(found, frames(SmallReads(input)));
    assert!(found.iter().map(|frame| frame.bytes.len()).sum::<usize>() <= input.len());
    let mut decoder = Mp3Decoder::new();
    for frame in found.iter_mut().take(MAX_BLOCKS) {
        let step = i32::from(frame.bytes[frame.bytes.len() - 1]) - 128;
        frame.add_gain(step);
        assert_eq!(Header::parse(&frame.bytes), Some(frame.header));
        let block = decoder.decode(frame);
        assert_eq!(block.samples.len(), frame.header.n_samples as usize * block.channels);
    }
}

/// A file of any type. A panic in a decoder is caught, as it is in the service.
pub fn audio(path: &Path) {
    let Ok(info) = TrackInfo::read(path) else { return };
    for text in [&info.title, &info.artist] {
        assert_eq!(*text, clean(text));
    }
    assert!(info.duration_seconds.is_none_or(|seconds| seconds.is_finite() && seconds >= 0.0));
    let cover = cover::find(path, MAX_COVER_BYTES);
    assert!(cover.is_none_or(|cover| cover.bytes.len() <= MAX_COVER_BYTES));
    let decode = || {
        let mut decoder = Decoder::open(path, None).ok()?;
        for _ in 0..MAX_BLOCKS {
            let block = decoder.next_block().ok().flatten()?;
            if block.samples.len() > MAX_SAMPLES {
                return Some(block.samples.len());
            }
        }
        None
    };
    let too_long = catch_unwind(AssertUnwindSafe(decode)).ok().flatten();
    assert_eq!(too_long, None, "samples in one block");
}

/// A relayed stream, after a byte with the interval of titles.
pub fn icy(input: &[u8]) {
    let Some((interval, stream)) = input.split_first() else { return };
    let read = |n: usize| {
        let mut reader = IcyReader::new(Some(usize::from(*interval)));
        let (mut sound, mut titles) = (Vec::new(), Vec::new());
        for piece in stream.chunks(n) {
            let mut bytes = Bytes::copy_from_slice(piece);
            while let Some(item) = reader.next(&mut bytes) {
                match item {
                    IcyItem::Audio(more) => sound.extend(more),
                    IcyItem::Title(title) => titles.push((sound.len(), title)),
                }
            }
            assert!(bytes.is_empty());
        }
        (sound, titles)
    };
    let whole = read(stream.len().max(1));
    assert!(whole.0.len() <= stream.len());
    for n in [1, 3] {
        assert_eq!(read(n), whole);
    }
    for (_, title) in whole.1 {
        let song = relay::track_of(&title);
        assert_eq!((clean(&song.title), clean(&song.artist)), (song.title, song.artist));
    }
}

/// A playlist file, after a line with its extension: no entry is empty, and each means a path without `..`, or none.
pub fn playlist(input: &[u8]) {
    let (extension, text) = line_and_rest(input);
    for entry in playlist_file::entries(text, &String::from_utf8_lossy(extension)) {
        assert!(!entry.text.trim().is_empty());
        for path in entry.paths(Path::new("/music")).unwrap_or_default() {
            assert!(path.is_absolute() && path.components().all(|part| part != Component::ParentDir));
        }
    }
}

/// A response head, and the playlist after it.
pub fn relay_response(input: &[u8]) {
    let mut bytes = BytesMut::from(input);
    match ResponseHead::take(&mut bytes) {
        Ok(Some(answer)) => {
            assert!(bytes.len() < input.len() && input.ends_with(&bytes));
            let _ = upstream::parse_station_url(answer.header("location"));
            let _ = upstream::first_entry(&String::from_utf8_lossy(&bytes));
        }
        Ok(None) => assert_eq!(bytes, input),
        Err(_) => {}
    }
}

/// The body of a live source, chunked or with a length: the same content however the input is split.
pub fn body(input: &[u8]) {
    let read = |mut body: HttpBody, n: usize| {
        let mut content = Vec::new();
        for piece in input.chunks(n) {
            let mut bytes = Bytes::copy_from_slice(piece);
            while !bytes.is_empty() {
                let n_before = bytes.len();
                content.extend(body.next_content(&mut bytes).ok()?);
                assert!(bytes.len() < n_before, "no byte is read");
            }
        }
        assert!(content.len() <= input.len());
        Some((content, body))
    };
    let all = input.len().max(1);
    let whole = read(HttpBody::Chunked(ChunkDecoder::default()), all);
    for n in [1, 5] {
        assert_eq!(read(HttpBody::Chunked(ChunkDecoder::default()), n), whole);
    }
    let length = input.first().map_or(0, |byte| u64::from(*byte));
    assert_eq!(read(HttpBody::Length(length), 3), read(HttpBody::Length(length), all));
}

/// Text of unknown encoding, after a line with a declared one.
pub fn charset(input: &[u8]) {
    let (label, bytes) = line_and_rest(input);
    let label = String::from_utf8_lossy(label);
    for text in [charset::decode(bytes, None), charset::decode(bytes, Some(&label))] {
        // A byte becomes at most three bytes of UTF-8.
        assert!(text.len() <= 3 * bytes.len() + 3);
        let line = clean(&text);
        assert!(!line.chars().any(char::is_control));
        assert_eq!(clean(&line), line);
    }
}

/// The `relays` of the configuration, and request paths.
pub fn routes(input: &[u8]) {
    let text = String::from_utf8_lossy(input);
    if let Ok(routes) = by_route(&text, "") {
        for (route, url) in routes {
            assert!(paths::is_route(&route));
            assert_eq!(paths::decoded(&paths::encoded(&route)), route);
            let _ = upstream::parse_station_url(&url);
        }
    }
    let _ = (upstream::parse_station_url(&text), HlsPath::parse(&text));
    let route = paths::route(&paths::decoded(&text));
    assert_eq!(paths::route(&route), route);
    assert_eq!(paths::decoded(&paths::encoded(&route)), route);
    assert!(paths::candidates(&route).count() <= 4);
}

fn line_and_rest(input: &[u8]) -> (&[u8], &[u8]) {
    let end = input.iter().position(|byte| *byte == b'\n');
    end.map_or((&[], input), |end| (&input[..end], &input[end + 1..]))
}
