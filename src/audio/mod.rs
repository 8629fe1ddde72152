//! Audio files and MP3 frames: what a file contains, its tags, decoding, resampling, loudness and encoding. No network,
//! no stations.

pub mod block;
pub mod charset;
pub mod decode;
pub mod downmix;
pub mod encode;
pub mod ffmpeg;
pub mod format;
pub mod frame_reader;
mod id3;
pub mod loudness;
pub mod mp3;
mod mp4;
pub mod one_line;
mod resample;
pub mod riff;
pub mod sniff;
pub mod symphonia_decoder;
pub mod tag_sizes;
mod tags;
pub mod track_info;
pub mod transcoder;
mod true_peak;
mod vbr_header;
pub mod wav;
