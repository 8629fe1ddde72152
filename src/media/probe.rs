//! Reads what a file is: by `ffprobe` for films, if it is there, else by the readers that this program has.

use std::fs::File;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, Result};
use serde::Deserialize;
use symphonia::core::codecs::CodecParameters;
use symphonia::core::codecs::audio::AudioCodecId;
use symphonia::core::codecs::audio::well_known as sound;
use symphonia::core::codecs::video::VideoCodecId;
use symphonia::core::codecs::video::well_known as picture;
use symphonia::core::formats::FormatReader;
use symphonia::core::meta::StandardTag;

use super::formats::{Kind, Streams};
use super::item::Facts;
use super::tool::{self, Limits, Tools};
use crate::audio::one_line::clean;
use crate::audio::symphonia_decoder::probe as open;
use crate::audio::track_info::TrackInfo;
use crate::runtime::Context;

/// What `ffprobe` may take: it reads the ends of a file.
const PROBE_LIMITS: Limits = Limits { time: Duration::from_secs(20), max_output: 256 * 1024 };

/// What `ffprobe` is asked for.
const ENTRIES: &str = "format=duration:format_tags=title,artist,album:\
    stream=codec_name,codec_type,width,height,pix_fmt:stream_disposition=attached_pic:stream_tags=title";

/// Longer files are broken headers.
const MAX_SECONDS: f64 = 1e6;

/// Reads a file.
pub fn read(path: &Path, kind: Kind, tools: Option<&Tools>, context: &Context) -> Facts {
    let extension = extension(path);
    let mut facts = match (kind, tools) {
        (Kind::Video, Some(tools)) => by_ffprobe(path, tools, context).unwrap_or_default(),
        (Kind::Video, None) | (Kind::Audio, _) => own(path, &extension).unwrap_or_default(),
    };
    if let (Kind::Audio, false, Some(tools)) = (kind, facts.streams.is_known(), tools) {
        facts = by_ffprobe(path, tools, context).unwrap_or_default();
    }
    if kind == Kind::Audio {
        add_tags(path, &mut facts);
    }
    if facts.title.is_empty() {
        facts.title = clean(&path.file_stem().unwrap_or_default().to_string_lossy());
    }
    facts.seconds = facts.seconds.filter(|seconds| (0.0..MAX_SECONDS).contains(seconds));
    facts.streams.container = extension;
    facts
}

/// A file's extension, in lower case.
pub fn extension(path: &Path) -> String {
    path.extension().and_then(|extension| extension.to_str()).unwrap_or_default().to_ascii_lowercase()
}

/// Reads an uploaded file by this program's own readers alone: those know no names of other files.
pub fn read_sound(path: &Path, extension: &str) -> Option<Facts> {
    let mut facts = own(path, extension)?;
    if facts.streams.video.is_some() || facts.streams.audio.is_none() {
        return None;
    }
    add_tags(path, &mut facts);
    extension.clone_into(&mut facts.streams.container);
    Some(facts)
}

/// What the tags of a sound file say: they are read in all the ways that programs write them.
fn add_tags(path: &Path, facts: &mut Facts) {
    let Ok(info) = TrackInfo::read(path) else { return };
    facts.title = info.title;
    facts.artist = info.artist;
    facts.seconds = info.duration_seconds.or(facts.seconds);
    if !facts.streams.is_known() && info.format.is_some() {
        facts.streams.audio = Some("mp3".into());
    }
}

/// Reads a file with symphonia, which panics on none that is known; the next may be the first.
fn own(path: &Path, extension: &str) -> Option<Facts> {
    catch_unwind(AssertUnwindSafe(|| {
        let mut reader = open(File::open(path).ok()?, 0, extension).ok()?;
        Some(facts(&mut *reader))
    }))
    .ok()
    .flatten()
}

fn facts(reader: &mut dyn FormatReader) -> Facts {
    let mut facts = Facts::default();
    let info = reader.media_info();
    let times = std::iter::once((info.time_base, info.duration));
    let times = times.chain(reader.tracks().iter().map(|track| (track.time_base, track.duration)));
    let seconds = times.filter_map(|(base, duration)| Some(base?.calc_duration(duration?)?.as_secs_f64()));
    facts.seconds = seconds.reduce(f64::max);
    for track in reader.tracks() {
        match &track.codec_params {
            Some(CodecParameters::Audio(audio)) if facts.streams.audio.is_none() => {
                facts.streams.audio = Some(sound_name(audio.codec).to_owned());
            }
            Some(CodecParameters::Video(video)) if facts.streams.video.is_none() => {
                facts.streams.video = Some(picture_name(video.codec).to_owned());
                let size = video.width.zip(video.height);
                facts.size = size.map(|(width, height)| (u32::from(width), u32::from(height)));
            }
            _ => {}
        }
    }
    let mut metadata = reader.metadata();
    loop {
        if let Some(revision) = metadata.current() {
            facts.has_cover |= !revision.media.visuals.is_empty();
            for tag in &revision.media.tags {
                let (known, text) = match &tag.std {
                    Some(StandardTag::TrackTitle(title)) => (&mut facts.title, title),
                    Some(StandardTag::Artist(artist)) => (&mut facts.artist, artist),
                    Some(StandardTag::Album(album)) => (&mut facts.album, album),
                    _ => continue,
                };
                if known.is_empty() {
                    *known = clean(text);
                }
            }
        }
        if metadata.pop().is_none() {
            return facts;
        }
    }
}

/// A picture that a file brings: the front cover, if it says which that is, else the first.
pub fn cover(path: &Path) -> Option<Vec<u8>> {
    use symphonia::core::meta::StandardVisualKey::FrontCover;
    catch_unwind(AssertUnwindSafe(|| {
        let mut reader = open(File::open(path).ok()?, 0, &extension(path)).ok()?;
        let mut metadata = reader.metadata();
        loop {
            let visuals = metadata.current().map(|revision| &revision.media.visuals[..]).unwrap_or_default();
            let front = visuals.iter().find(|visual| visual.usage == Some(FrontCover)).or(visuals.first());
            if let Some(visual) = front {
                return Some(visual.data.to_vec());
            }
            metadata.pop()?;
        }
    }))
    .ok()
    .flatten()
}

/// What `ffprobe` prints.
#[derive(Debug, Deserialize)]
struct Probed {
    #[serde(default)]
    streams: Vec<ProbedStream>,
    #[serde(default)]
    format: ProbedFormat,
}

#[derive(Debug, Default, Deserialize)]
struct ProbedFormat {
    duration: Option<String>,
    #[serde(default)]
    tags: ProbedTags,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct ProbedTags {
    #[serde(alias = "TITLE")]
    title: String,
    #[serde(alias = "ARTIST")]
    artist: String,
    #[serde(alias = "ALBUM")]
    album: String,
}

#[derive(Debug, Deserialize)]
struct ProbedStream {
    #[serde(default)]
    codec_name: String,
    #[serde(default)]
    codec_type: String,
    width: Option<u32>,
    height: Option<u32>,
    pix_fmt: Option<String>,
    #[serde(default)]
    disposition: Disposition,
}

#[derive(Debug, Default, Deserialize)]
struct Disposition {
    #[serde(default)]
    attached_pic: u8,
}

fn by_ffprobe(path: &Path, tools: &Tools, context: &Context) -> Result<Facts> {
    let mut command = tools.probe(path);
    command.args(["-show_entries", ENTRIES, "-of", "json"]);
    let printed = tool::run(&mut command, PROBE_LIMITS, context)?;
    let probed: Probed = serde_json::from_slice(&printed).context("what ffprobe printed")?;
    let mut facts = Facts {
        title: clean(&probed.format.tags.title),
        artist: clean(&probed.format.tags.artist),
        album: clean(&probed.format.tags.album),
        seconds: probed.format.duration.and_then(|seconds| seconds.parse().ok()),
        ..Facts::default()
    };
    let Streams { video, audio, pixels, .. } = &mut facts.streams;
    for stream in probed.streams {
        match &*stream.codec_type {
            "video" if stream.disposition.attached_pic != 0 => {}
            "video" if video.is_none() => {
                *video = Some(stream.codec_name);
                *pixels = stream.pix_fmt;
                facts.size = stream.width.zip(stream.height);
            }
            "audio" if audio.is_none() => *audio = Some(stream.codec_name),
            _ => {}
        }
    }
    Ok(facts)
}

/// A codec as ffmpeg names it.
fn picture_name(codec: VideoCodecId) -> &'static str {
    match codec {
        picture::CODEC_ID_H264 => "h264",
        picture::CODEC_ID_HEVC => "hevc",
        picture::CODEC_ID_VVC => "vvc",
        picture::CODEC_ID_VP8 => "vp8",
        picture::CODEC_ID_VP9 => "vp9",
        picture::CODEC_ID_AV1 => "av1",
        picture::CODEC_ID_MPEG1 => "mpeg1video",
        picture::CODEC_ID_MPEG2 => "mpeg2video",
        picture::CODEC_ID_MPEG4 => "mpeg4",
        picture::CODEC_ID_MSMPEG4V3 => "msmpeg4v3",
        picture::CODEC_ID_THEORA => "theora",
        picture::CODEC_ID_VC1 => "vc1",
        _ => "unknown",
    }
}

/// The same for sound.
fn sound_name(codec: AudioCodecId) -> &'static str {
    match codec {
        sound::CODEC_ID_AAC => "aac",
        sound::CODEC_ID_MP3 => "mp3",
        sound::CODEC_ID_MP2 => "mp2",
        sound::CODEC_ID_OPUS => "opus",
        sound::CODEC_ID_VORBIS => "vorbis",
        sound::CODEC_ID_FLAC => "flac",
        sound::CODEC_ID_ALAC => "alac",
        sound::CODEC_ID_AC3 => "ac3",
        sound::CODEC_ID_EAC3 => "eac3",
        sound::CODEC_ID_DCA => "dts",
        sound::CODEC_ID_TRUEHD => "truehd",
        sound::CODEC_ID_PCM_U8 => "pcm_u8",
        sound::CODEC_ID_PCM_S16LE => "pcm_s16le",
        sound::CODEC_ID_PCM_S24LE => "pcm_s24le",
        sound::CODEC_ID_PCM_F32LE => "pcm_f32le",
        _ => "unknown",
    }
}
