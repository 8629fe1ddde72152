//! SubRip, as programs and people write it. Pure.

use super::{Cue, escape, read_time};

/// The texts of a file; what is no text is left out.
///
/// A text begins with its times, whether or not a number stands above them, and ends at an empty line, or at the next
/// times: some files have no empty lines.
pub fn cues(text: &str) -> Vec<Cue> {
    let mut cues: Vec<Cue> = Vec::new();
    let mut is_open = false;
    for line in text.lines().map(str::trim) {
        if let Some((from, to)) = times(line) {
            drop_number(&mut cues, is_open);
            cues.push(Cue { from, to, text: String::new() });
            is_open = true;
        } else if line.is_empty() {
            is_open = false;
        } else if is_open && let Some(cue) = cues.last_mut() {
            if !cue.text.is_empty() {
                cue.text.push('\n');
            }
            cue.text.push_str(&escape(line));
        }
    }
    cues.retain(|cue| !cue.text.trim().is_empty() && cue.to > cue.from);
    cues
}

/// Takes the number of the next text from the end of an open one.
fn drop_number(cues: &mut [Cue], is_open: bool) {
    let Some(cue) = cues.last_mut().filter(|_| is_open) else { return };
    let (before, last) = cue.text.rsplit_once('\n').unwrap_or(("", &cue.text));
    if !last.is_empty() && last.bytes().all(|byte| byte.is_ascii_digit()) {
        cue.text = before.to_owned();
    }
}

fn times(line: &str) -> Option<(u64, u64)> {
    let (from, to) = line.split_once("-->")?;
    // Places on the screen may follow.
    Some((read_time(from)?, read_time(to.split_whitespace().next()?)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Vec<(u64, u64, String)> {
        cues(text).into_iter().map(|cue| (cue.from, cue.to, cue.text)).collect()
    }

    #[test]
    fn files_of_many_programs_are_read() {
        let plain = "1\r\n00:00:01,000 --> 00:00:02,000 X1:0 Y1:0\r\nHello\r\n<i>you</i>\r\n\r\n2\r\n0:00:03.5 --> 0:00:04\r\nBye\r\n";
        let expected = [(1000, 2000, "Hello\n<i>you</i>".to_owned()), (3500, 4000, "Bye".to_owned())];
        assert_eq!(read(plain), expected);
        let without_empty_lines =
            "1\n00:00:01,000 --> 00:00:02,000\nHello\n<i>you</i>\n2\n00:00:03,5 --> 00:00:04,0\nBye";
        assert_eq!(read(without_empty_lines), expected);
    }

    #[test]
    fn what_is_broken_is_left_out() {
        let broken = "junk\n\n1\n00:00:02,000 --> 00:00:01,000\nbackwards\n\n00:00:01 --> \nno end\n\n\
            00:00:05,000 --> 00:00:06,000\n\n00:00:07,000 --> 00:00:08,000\nkept";
        assert_eq!(read(broken), [(7000, 8000, "kept".to_owned())]);
        for end in 0..broken.len() {
            cues(&broken[..end]);
        }
    }
}
