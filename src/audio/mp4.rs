//! The playable range of the audio in an MP4 file: from its edit list, or from iTunes' `iTunSMPB` tag.

use std::fs::File;
use std::io;

use super::itunes;
use super::sniff::read;

/// The most bytes of `moov` that are read, which hold the tables of days of audio.
const MAX_MOOV_BYTES: u64 = 64 * 1024 * 1024;

/// The most top-level atoms that are read.
const MAX_ATOMS: usize = 1000;

/// The part of the audio that is to be played, in seconds.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct PlayableRange {
    /// The encoder delay before it.
    pub before: f64,
    /// Its length, if known.
    pub seconds: Option<f64>,
}

/// Finds the playable range in a container that begins at `start`.
pub fn playable_range(file: &mut File, start: u64) -> io::Result<PlayableRange> {
    let mut at = start;
    for _ in 0..MAX_ATOMS {
        let head = read(file, at, 16)?;
        if head.len() < 8 {
            break;
        }
        let n_bytes = match u32_at(&head, 0) {
            Some(1) => u64_at(&head, 8).unwrap_or(0),
            Some(n) => u64::from(n),
            None => 0,
        };
        if n_bytes < 8 {
            break;
        }
        if &head[4..8] == b"moov" {
            let moov = read(file, at + 8, (n_bytes - 8).min(MAX_MOOV_BYTES))?;
            return Ok(edited(&moov).or_else(|| from_itunes(&moov)).unwrap_or_default());
        }
        at = at.saturating_add(n_bytes);
    }
    Ok(PlayableRange::default())
}

/// The first edit of the first audio track.
fn edited(moov: &[u8]) -> Option<PlayableRange> {
    let movie_scale = scale(atom(moov, "mvhd")?)?;
    let track = audio_track(moov)?;
    let media_scale = scale(atom(atom(track, "mdia")?, "mdhd")?)?;
    let list = atom(atom(track, "edts")?, "elst")?;
    let is_long = *list.first()? == 1;
    let entry_bytes = if is_long { 20 } else { 12 };
    for entry in list.get(8..)?.chunks_exact(entry_bytes).take(16) {
        let (length, from) = if is_long {
            (u64_at(entry, 0)?, u64_at(entry, 8)?.cast_signed())
        } else {
            (u64::from(u32_at(entry, 0)?), i64::from(u32_at(entry, 4)?.cast_signed()))
        };
        // A negative time is an empty edit: a pause before the audio.
        if from >= 0 {
            let seconds = Some(length as f64 / movie_scale).filter(|seconds| *seconds > 0.0);
            return Some(PlayableRange { before: from as f64 / media_scale, seconds });
        }
    }
    None
}

fn audio_track(moov: &[u8]) -> Option<&[u8]> {
    let mut tracks = atoms(moov).filter(|(name, _)| name == b"trak").map(|(_, body)| body);
    tracks.find(|track| {
        let handler = atom(track, "mdia").and_then(|media| atom(media, "hdlr"));
        handler.and_then(|handler| handler.get(8..12)) == Some(b"soun")
    })
}

/// The range according to `iTunSMPB`.
fn from_itunes(moov: &[u8]) -> Option<PlayableRange> {
    let rate = scale(atom(atom(audio_track(moov)?, "mdia")?, "mdhd")?)?;
    let smpb = itunes::smpb(moov)?;
    let seconds = Some(smpb.n_samples as f64 / rate).filter(|seconds| *seconds > 0.0);
    Some(PlayableRange { before: f64::from(smpb.delay) / rate, seconds })
}

/// The time scale in `mvhd` or `mdhd`.
fn scale(head: &[u8]) -> Option<f64> {
    u32_at(head, if *head.first()? == 1 { 20 } else { 12 }).filter(|scale| *scale > 0).map(f64::from)
}

fn atom<'a>(bytes: &'a [u8], name: &str) -> Option<&'a [u8]> {
    atoms(bytes).find(|(known, _)| *known == name.as_bytes()).map(|(_, body)| body)
}

/// Consecutive atoms, up to the first with an impossible length.
fn atoms(mut bytes: &[u8]) -> impl Iterator<Item = (&[u8], &[u8])> {
    std::iter::from_fn(move || {
        let n_bytes = u32_at(bytes, 0)? as usize;
        let body = bytes.get(8..n_bytes)?;
        let name = &bytes[4..8];
        bytes = &bytes[n_bytes..];
        Some((name, body))
    })
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_be_bytes(bytes.get(at..at + 4)?.try_into().ok()?))
}

fn u64_at(bytes: &[u8], at: usize) -> Option<u64> {
    Some(u64::from_be_bytes(bytes.get(at..at + 8)?.try_into().ok()?))
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    fn atom(name: &[u8], body: &[u8]) -> Vec<u8> {
        [&(body.len() as u32 + 8).to_be_bytes()[..], name, body].concat()
    }

    fn found(moov: &[u8]) -> PlayableRange {
        let mut file = tempfile::tempfile().unwrap();
        let atoms = [atom(b"ftyp", b"M4A "), atom(b"mdat", &[0; 50]), atom(b"moov", moov)];
        file.write_all(&atoms.concat()).unwrap();
        playable_range(&mut file, 0).unwrap()
    }

    #[test]
    fn the_playable_range_is_read_from_an_edit_list_or_from_itunes() {
        let scaled = |scale: u32| [&[0; 12][..], &scale.to_be_bytes(), &[0; 8]].concat();
        let handler = atom(b"hdlr", b"\0\0\0\0\0\0\0\0soun");
        let media = atom(b"mdia", &[atom(b"mdhd", &scaled(44_100)), handler].concat());
        let list = [0_u32, 2, 500, u32::MAX, 0, 2_000, 1024, 0x1_0000].map(u32::to_be_bytes).concat();
        let edits = atom(b"edts", &atom(b"elst", &list));
        let moov = [atom(b"mvhd", &scaled(1000)), atom(b"trak", &[edits, media.clone()].concat())].concat();
        assert_eq!(found(&moov), PlayableRange { before: 1024.0 / 44_100.0, seconds: Some(2.0) });
        for end in 0..moov.len() {
            found(&moov[..end]);
        }
        let tag = [
            &b"iTunSMPB\0\0\0\x84data\0\0\0\x01\0\0\0\0"[..],
            b" 00000000 00000840 000001CA 000000000000AC44 00000000",
        ];
        let parts = [atom(b"mvhd", &scaled(1000)), atom(b"trak", &media), atom(b"udta", &tag.concat())];
        assert_eq!(found(&parts.concat()), PlayableRange { before: 2112.0 / 44_100.0, seconds: Some(1.0) });
        assert_eq!(found(b""), PlayableRange::default());
    }
}
