//! Subtitles of all formats as WebVTT, whatever their encoding. No I/O.

mod ass;
mod srt;
mod text;

use std::fmt::Write as _;

pub use text::decode;

/// A file of subtitles, or of lyrics, has no more than this: three hours of speech are 200 KiB.
pub const MAX_BYTES: u64 = 4 * 1024 * 1024;

/// One text on the screen, as WebVTT has it.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Cue {
    /// When it appears, in milliseconds.
    from: u64,
    /// When it goes.
    to: u64,
    /// Its lines, escaped.
    text: String,
}

/// The same subtitles as WebVTT; `extension` says what they are.
pub fn to_webvtt(bytes: &[u8], extension: &str) -> String {
    let text = decode(bytes);
    let cues = match extension {
        "vtt" if text.trim_start().starts_with("WEBVTT") => return text.trim_start().to_owned(),
        "ass" | "ssa" => ass::cues(&text),
        // Some programs name the one like the other.
        _ => srt::cues(&text),
    };
    let mut written = String::from("WEBVTT\n");
    for Cue { from, to, text } in cues {
        // Writing to a string does not fail.
        let _ = write!(written, "\n{} --> {}\n{text}\n", time(from), time(to));
    }
    written
}

/// A moment as WebVTT writes it.
fn time(millis: u64) -> String {
    let (seconds, rest) = (millis / 1000, millis % 1000);
    format!("{:02}:{:02}:{:02}.{rest:03}", seconds / 3600, seconds / 60 % 60, seconds % 60)
}

/// Reads a moment like `1:02:03,4`, in milliseconds: hours may be left out, and fractions have any number of digits.
fn read_time(text: &str) -> Option<u64> {
    let (whole, fraction) = text.trim().split_once([',', '.']).unwrap_or((text.trim(), ""));
    let mut seconds = 0_u64;
    let mut n_parts = 0;
    for part in whole.split(':') {
        let part: u64 = part.trim().parse().ok().filter(|part| *part < 100_000)?;
        seconds = seconds.checked_mul(60)?.checked_add(part)?;
        n_parts += 1;
    }
    let digits = fraction.bytes().take_while(u8::is_ascii_digit).take(3);
    let (millis, n_digits) =
        digits.fold((0, 0), |(millis, n), digit| (millis * 10 + u64::from(digit - b'0'), n + 1));
    let millis = millis * 10_u64.pow(3 - n_digits);
    (2..=3).contains(&n_parts).then(|| seconds * 1000 + millis)
}

/// Escapes what means something in WebVTT, but for the tags of italics, bold and underlining; leaves out other tags and
/// the commands in braces that programs for ASS write.
fn escape(line: &str) -> String {
    let mut escaped = String::with_capacity(line.len());
    let mut rest = line;
    while let Some(at) = rest.find(['<', '>', '&', '{']) {
        escaped.push_str(&rest[..at]);
        let (mark, after) = rest[at..].split_at(1);
        rest = after;
        match mark {
            "&" => escaped.push_str("&amp;"),
            ">" => escaped.push_str("&gt;"),
            "{" if after.starts_with('\\') && after.contains('}') => {
                rest = after.split_once('}').map_or("", |(_, rest)| rest);
            }
            "{" => escaped.push('{'),
            _ => match after.split_once('>').filter(|(tag, _)| is_tag(tag)) {
                Some((tag, after)) => {
                    if ["i", "b", "u", "/i", "/b", "/u"].contains(&&*tag.to_ascii_lowercase()) {
                        escaped.extend(["<", &*tag.to_ascii_lowercase(), ">"]);
                    }
                    rest = after;
                }
                None => escaped.push_str("&lt;"),
            },
        }
    }
    escaped.push_str(rest);
    escaped
}

/// Whether a text between angle brackets is the inside of a tag.
fn is_tag(inside: &str) -> bool {
    inside.trim_start_matches('/').starts_with(|c: char| c.is_ascii_alphabetic()) && !inside.contains('<')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_read_in_every_spelling() {
        let cases = [
            ("00:00:01,500", Some(1500)),
            ("1:02:03.04", Some(3_723_040)),
            ("02:03", Some(123_000)),
            ("0:00:01,23456", Some(1234)),
            ("00:00:01,", Some(1000)),
            ("99999:00:00", Some(359_996_400_000)),
            ("12", None),
            ("1:2:3:4", None),
            ("-1:00", None),
            ("99999999999999999999:00:00", None),
            ("a:b", None),
            ("", None),
        ];
        for (text, expected) in cases {
            assert_eq!(read_time(text), expected, "{text}");
        }
        assert_eq!(time(359_996_400_001), "99999:00:00.001");
    }

    #[test]
    fn only_what_webvtt_knows_is_left_of_tags() {
        let cases = [
            ("<I>a</i> & <b>b</B>", "<i>a</i> &amp; <b>b</b>"),
            ("<font color=\"#fff\">x</font>", "x"),
            ("1 < 2 > 0 --> x", "1 &lt; 2 &gt; 0 --&gt; x"),
            ("{\\an8}up {not} {\\open", "up {not} {\\open"),
            ("<script>alert(1)</script><", "alert(1)&lt;"),
            ("<v Ann>Hi <c.x>you", "Hi you"),
            ("<<i>", "&lt;<i>"),
        ];
        for (line, expected) in cases {
            assert_eq!(escape(line), expected, "{line}");
        }
    }

    #[test]
    fn a_file_that_is_webvtt_stays_as_it_is_and_nonsense_is_empty() {
        assert_eq!(
            to_webvtt(b"\xef\xbb\xbfWEBVTT\n\n00:01.000 --> 00:02.000\nHi\n", "vtt"),
            "WEBVTT\n\n00:01.000 --> 00:02.000\nHi\n"
        );
        for extension in ["vtt", "srt", "ass", "ssa"] {
            assert_eq!(to_webvtt(b"", extension), "WEBVTT\n");
            assert_eq!(to_webvtt(&[0xff; 5000], extension), "WEBVTT\n");
            assert_eq!(to_webvtt("-->\n-->\n\n-->".repeat(100).as_bytes(), extension), "WEBVTT\n");
        }
    }
}
