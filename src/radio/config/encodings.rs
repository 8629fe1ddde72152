//! What a station may be encoded as.

use crate::audio::encode::BITRATES;
use crate::audio::streams::Encoding;
use crate::config::Findings;

/// The most mountpoints of a station: each has an encoder, a thread and a buffer.
const MAX_MOUNTPOINTS: usize = 16;

/// What a bitrate has to be.
pub fn allowed_bitrates() -> String {
    let allowed: Vec<String> = BITRATES.iter().map(|(kbps, _)| kbps.to_string()).collect();
    format!("one of {} is expected", allowed.join(", "))
}

/// Checks that no encoding is there twice, and that there are not too many.
pub fn validate_mountpoints(key: &str, encodings: &[Encoding], findings: &mut Findings) {
    let mut sorted = encodings.to_vec();
    sorted.sort_unstable();
    if let Some([twice, _]) = sorted.array_windows().find(|[one, other]| one == other) {
        findings.add(key, format!("{twice} is there twice"));
    }
    if encodings.len() > MAX_MOUNTPOINTS {
        findings.add(key, format!("at most {MAX_MOUNTPOINTS} are expected"));
    }
}
