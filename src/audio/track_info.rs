//! What is known of an audio file: its format, tags, length and loudness.

use std::fs::File;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use anyhow::{Context as _, Result};

use super::album_place::AlbumPlace;
use super::cue_points::CuePoints;
use super::decode::counted_seconds;
use super::format::Format;
use super::loudness::Loudness;
use super::sniff::{Content, mp3_frames, sniff};
use super::tags::Tags;
use super::wav::Spec;

/// What is known of an audio file.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct TrackInfo {
    /// The format of its MP3 frames; `None` for files of other kinds.
    pub format: Option<Format>,
    /// Its title; empty if unknown.
    pub title: String,
    /// Its artist; empty if unknown.
    pub artist: String,
    /// Its length, if known.
    pub duration_seconds: Option<f64>,
    /// Whether the length was counted, and not taken from a header.
    pub is_duration_exact: bool,
    /// Its loudness, once measured.
    pub loudness: Option<Loudness>,
    /// Its loudness in LUFS according to its tags.
    pub tagged_lufs: Option<f64>,
    /// Its album, its number in it and its year, if any of them is known; boxed, because many files have none.
    pub place: Option<Box<AlbumPlace>>,
    /// The part that is to be played; boxed, because few files have such tags.
    pub cue_points: Option<Box<CuePoints>>,
}

impl TrackInfo {
    /// Reads a file's tags and the format of its frames.
    ///
    /// # Errors
    /// If the file cannot be read; its content may be anything.
    pub fn read(path: &Path) -> Result<Self> {
        let mut file = File::open(path).context("cannot be opened")?;
        let content = sniff(&mut file)?;
        let tags = catch_unwind(AssertUnwindSafe(|| Tags::read(&mut file, &content)));
        let mut tags = tags.unwrap_or_else(|_| Ok(Tags::default()))?;
        tags.offer_name(path);
        let (format, seconds) = match &content {
            Content::Mp3(_) | Content::Unknown => mp3_head(path, &content).unwrap_or_default(),
            Content::Wav(chunks) => {
                (None, Spec::of(&chunks.format).ok().and_then(|spec| spec.seconds(&chunks.data)))
            }
            Content::Other(..) | Content::Matroska | Content::Foreign(_) => (None, None),
        };
        Ok(Self {
            format,
            title: tags.title,
            artist: tags.artist,
            duration_seconds: seconds.or(tags.seconds),
            is_duration_exact: false,
            loudness: None,
            tagged_lufs: tags.lufs,
            place: Some(tags.place).filter(|place| *place != AlbumPlace::default()).map(Box::new),
            cue_points: Some(tags.cue_points).filter(|points| *points != CuePoints::default()).map(Box::new),
        })
    }
}

/// The album of a file and the code of its recording (ISRC), by its tags; each empty if unknown.
///
/// # Errors
/// If the file cannot be read; its content may be anything.
pub fn album_and_isrc(path: &Path) -> Result<(String, String)> {
    let mut file = File::open(path).context("cannot be opened")?;
    let content = sniff(&mut file)?;
    let tags = catch_unwind(AssertUnwindSafe(|| Tags::read(&mut file, &content)));
    let tags = tags.unwrap_or_else(|_| Ok(Tags::default()))?;
    Ok((tags.place.album, tags.isrc))
}

/// The format of an MP3 file's first frame.
pub fn frame_format(path: &Path) -> Result<Format> {
    let mut file = File::open(path).context("cannot be opened")?;
    let content = sniff(&mut file)?;
    mp3_head(path, &content).and_then(|(format, _)| format.context("no MP3 frame in it"))
}

/// The format of an MP3 file's first frame, and the length of the file in seconds.
///
/// A Xing or VBRI header that does not fit the size of the file is ignored; then all frames are counted.
fn mp3_head(path: &Path, content: &Content) -> Result<(Option<Format>, Option<f64>)> {
    let file = File::open(path).context("cannot be opened")?;
    let n_bytes = file.metadata()?.len();
    let Some(mut frames) = mp3_frames(path, file, content)? else { return Ok((None, None)) };
    let Some(frame) = frames.next_frame()? else { return Ok((None, None)) };
    let header = frame.header;
    let vbr_header = frames.take_vbr_header().filter(|vbr_header| vbr_header.fits(n_bytes));
    let seconds = vbr_header
        .and_then(|vbr_header| vbr_header.n_samples(header.n_samples))
        .map(|n_samples| n_samples as f64 / f64::from(header.format.rate))
        .or_else(|| counted_seconds(path).ok());
    Ok((Some(header.format), seconds))
}
