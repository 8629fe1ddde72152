//! The built-in sample, which plays where no folder is configured.

use std::io::Cursor;
use std::path::Path;
use std::sync::Arc;

use anyhow::Result;

use super::open_track::OpenTrack;
use super::track_reader::TrackReader;
use crate::audio::block::Block;
use crate::audio::cue_points::CuePoints;
use crate::audio::format::Format;
use crate::radio::library::track::Track;
use crate::sample;

/// The sample as a track of the station's format.
pub fn track(format: Format) -> OpenTrack {
    let path: Arc<Path> = Path::new("roomhub-sample.wav").into();
    let track = Track {
        file: path.to_string_lossy().into_owned(),
        title: "Sample: pass --audio-dir to play your own".into(),
        artist: "roomhub".into(),
        ..Track::default()
    };
    let mut wav = None;
    let next_block = move || {
        let wav = match &mut wav {
            Some(wav) => wav,
            none => none.insert(hound::WavReader::new(Cursor::new(sample::wav()))?),
        };
        let rate = wav.spec().sample_rate;
        let samples: Result<Vec<i16>, _> = wav.samples::<i16>().take(4096).collect();
        let samples: Vec<f32> = samples?.into_iter().map(|sample| f32::from(sample) / 32768.0).collect();
        Ok((!samples.is_empty()).then_some(Block { rate, channels: 1, samples }))
    };
    let reader = TrackReader::blocks(Box::new(next_block), format, 0.0, CuePoints::default());
    OpenTrack::new(path, Arc::new(track), format, reader)
}
