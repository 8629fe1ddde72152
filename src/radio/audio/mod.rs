//! Audio files and MP3 frames: what a file contains, decoding, resampling, loudness and encoding. No network, no
//! stations.

pub mod block;
pub mod decode;
pub mod downmix;
pub mod encode;
pub mod format;
pub mod frame_reader;
pub mod loudness;
pub mod mp3;
mod mp4;
mod resample;
pub mod riff;
pub mod sniff;
pub mod symphonia_decoder;
pub mod tag_sizes;
pub mod transcoder;
mod true_peak;
mod vbr_header;
pub mod wav;
