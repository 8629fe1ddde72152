//! Kinds of files, and which of them browsers play. Pure.

use serde::Serialize;

/// Extensions of videos, with the media type that they are served under. Browsers look inside, but refuse types that
/// they do not know.
const VIDEOS: [(&str, &str); 17] = [
    ("mp4", "video/mp4"),
    ("m4v", "video/mp4"),
    ("mov", "video/mp4"),
    ("webm", "video/webm"),
    ("mkv", "video/x-matroska"),
    ("ogv", "video/ogg"),
    ("avi", "video/x-msvideo"),
    ("ts", "video/mp2t"),
    ("m2ts", "video/mp2t"),
    ("mts", "video/mp2t"),
    ("mpg", "video/mpeg"),
    ("mpeg", "video/mpeg"),
    ("vob", "video/mpeg"),
    ("wmv", "video/x-ms-wmv"),
    ("flv", "video/x-flv"),
    ("3gp", "video/3gpp"),
    ("rmvb", "application/octet-stream"),
];

/// The same of music.
const SOUNDS: [(&str, &str); 15] = [
    ("mp3", "audio/mpeg"),
    ("m4a", "audio/mp4"),
    ("m4b", "audio/mp4"),
    ("aac", "audio/aac"),
    ("flac", "audio/flac"),
    ("ogg", "audio/ogg"),
    ("oga", "audio/ogg"),
    ("opus", "audio/ogg"),
    ("wav", "audio/wav"),
    ("weba", "audio/webm"),
    ("aif", "audio/aiff"),
    ("aiff", "audio/aiff"),
    ("alac", "audio/mp4"),
    ("wma", "audio/x-ms-wma"),
    ("ape", "application/octet-stream"),
];

/// What a library is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// It has a picture.
    Video,
    /// It is sound alone.
    Audio,
}

impl Kind {
    /// The extensions of files that may be of this kind.
    pub fn extensions(self) -> Vec<&'static str> {
        self.types().iter().map(|(extension, _)| *extension).collect()
    }

    fn types(self) -> &'static [(&'static str, &'static str)] {
        match self {
            Self::Video => &VIDEOS,
            Self::Audio => &SOUNDS,
        }
    }
}

/// The media type of files with an extension, in lower case.
pub fn media_type(extension: &str) -> &'static str {
    let mut all = VIDEOS.iter().chain(&SOUNDS);
    all.find(|(known, _)| *known == extension)
        .map_or("application/octet-stream", |(_, media_type)| media_type)
}

/// What a file holds, as far as it is known.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Streams {
    /// The container, by its usual extension.
    pub container: String,
    /// The codec of the first picture, as ffmpeg names it.
    pub video: Option<String>,
    /// The codec of the first sound.
    pub audio: Option<String>,
    /// How samples of the picture are stored, as ffmpeg names it.
    pub pixels: Option<String>,
}

impl Streams {
    /// Why browsers do not play it, with the codec named; `None` if they do.
    pub fn problem(&self) -> Option<String> {
        let (video, audio) = (self.video.as_deref(), self.audio.as_deref());
        if !self.is_known() {
            return Some("nothing in it can be read".into());
        }
        if let Some(codec) = video.filter(|codec| !is_picture_playable(codec)) {
            return Some(format!("{} video", name(codec)));
        }
        if video == Some("h264") && self.pixels.as_deref().is_some_and(|pixels| !is_plain(pixels)) {
            return Some("H.264 video of more than 8 bits, or with full colour".into());
        }
        if let Some(codec) = audio.filter(|codec| !is_sound_playable(codec)) {
            return Some(format!("{} audio", name(codec)));
        }
        let is_held_well = match &*self.container {
            "mp4" | "m4v" | "mov" | "m4a" | "m4b" => audio.is_none_or(|codec| codec != "vorbis"),
            // What is in a Matroska file that holds what WebM holds is a WebM file.
            "webm" | "weba" | "mkv" => {
                video.is_none_or(|codec| ["vp8", "vp9", "av1"].contains(&codec))
                    && audio.is_none_or(|codec| ["vorbis", "opus"].contains(&codec))
            }
            "ogg" | "oga" | "opus" => video.is_none(),
            "mp3" | "aac" | "flac" | "wav" => true,
            _ => false,
        };
        (!is_held_well).then(|| format!("the container {}", self.container.to_uppercase()))
    }

    /// Whether anything in it could be read.
    pub fn is_known(&self) -> bool {
        self.video.is_some() || self.audio.is_some()
    }

    /// Whether its picture can stay as it is in HLS.
    pub fn keeps_video(&self) -> bool {
        let is_plain = self.pixels.as_deref().is_none_or(is_plain);
        self.video.as_deref().is_some_and(|codec| codec == "h264" && is_plain)
    }

    /// Whether its sound can stay as it is in HLS.
    pub fn keeps_audio(&self) -> bool {
        self.audio.as_deref().is_some_and(|codec| codec == "aac")
    }
}

fn is_picture_playable(codec: &str) -> bool {
    ["h264", "vp8", "vp9", "av1"].contains(&codec)
}

fn is_sound_playable(codec: &str) -> bool {
    ["aac", "mp3", "opus", "vorbis", "flac", "pcm_u8", "pcm_s16le", "pcm_s24le", "pcm_f32le"].contains(&codec)
}

/// 8 bits a sample and colour at half the resolution: what every decoder of H.264 in a browser knows.
fn is_plain(pixels: &str) -> bool {
    ["yuv420p", "yuvj420p"].contains(&pixels)
}

/// A codec as people know it.
fn name(codec: &str) -> &str {
    match codec {
        "hevc" => "HEVC (H.265)",
        "mpeg2video" => "MPEG-2",
        "mpeg1video" => "MPEG-1",
        "mpeg4" => "MPEG-4 (DivX, Xvid)",
        "msmpeg4v3" => "DivX 3",
        "vc1" => "VC-1",
        "theora" => "Theora",
        "ac3" => "AC-3 (Dolby Digital)",
        "eac3" => "E-AC-3 (Dolby Digital Plus)",
        "dts" => "DTS",
        "truehd" => "TrueHD",
        "alac" => "Apple Lossless",
        "mp2" => "MPEG layer II",
        "wmv1" | "wmv2" | "wmv3" | "wmav1" | "wmav2" | "wmapro" | "wmalossless" => "Windows Media",
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problem(container: &str, video: &str, audio: &str, pixels: &str) -> Option<String> {
        let some = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        let streams = Streams {
            container: container.into(),
            video: some(video),
            audio: some(audio),
            pixels: some(pixels),
        };
        streams.problem()
    }

    #[test]
    fn what_browsers_do_not_play_says_which_codec_it_is() {
        let playable = [
            ("mp4", "h264", "aac", "yuv420p"),
            ("mp4", "av1", "opus", "yuv420p10le"),
            ("mov", "h264", "", ""),
            ("webm", "vp9", "opus", ""),
            ("mkv", "vp9", "opus", ""),
            ("mp3", "", "mp3", ""),
            ("ogg", "", "vorbis", ""),
            ("wav", "", "pcm_s16le", ""),
        ];
        for (container, video, audio, pixels) in playable {
            assert_eq!(problem(container, video, audio, pixels), None, "{container} {video} {audio}");
        }
        let others = [
            ("mp4", "hevc", "aac", "", "HEVC (H.265) video"),
            ("mp4", "h264", "aac", "yuv420p10le", "H.264 video of more than 8 bits, or with full colour"),
            ("mkv", "h264", "ac3", "", "AC-3 (Dolby Digital) audio"),
            ("mkv", "h264", "aac", "", "the container MKV"),
            ("ts", "h264", "aac", "", "the container TS"),
            ("ogv", "theora", "vorbis", "", "Theora video"),
            ("m4a", "", "alac", "", "Apple Lossless audio"),
            ("avi", "", "", "", "nothing in it can be read"),
        ];
        for (container, video, audio, pixels, expected) in others {
            assert_eq!(problem(container, video, audio, pixels).as_deref(), Some(expected));
        }
    }
}
