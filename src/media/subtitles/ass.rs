//! Advanced SubStation Alpha and its forerunner: their texts, without styles and places. Pure.

use super::{Cue, escape, read_time};

/// The columns of a file that does not say.
const USUAL: &str = "Layer, Start, End, Style, Name, MarginL, MarginR, MarginV, Effect, Text";

/// The texts of a file in the order in which they appear; what is no text is left out.
pub fn cues(text: &str) -> Vec<Cue> {
    let mut columns: Vec<String> = columns(USUAL);
    let mut is_events = false;
    let mut cues = Vec::new();
    for line in text.lines().map(str::trim) {
        if line.starts_with('[') {
            is_events = line.eq_ignore_ascii_case("[events]");
        } else if let Some(format) = line.strip_prefix("Format:").filter(|_| is_events) {
            columns = self::columns(format);
        } else if let Some(fields) = line.strip_prefix("Dialogue:").filter(|_| is_events) {
            cues.extend(cue(fields, &columns));
        }
    }
    cues.sort_by_key(|cue| (cue.from, cue.to));
    cues.dedup();
    cues
}

fn columns(format: &str) -> Vec<String> {
    format.split(',').take(32).map(|column| column.trim().to_ascii_lowercase()).collect()
}

fn cue(fields: &str, columns: &[String]) -> Option<Cue> {
    // The text comes last, and may have commas in it.
    let fields: Vec<&str> = fields.splitn(columns.len(), ',').collect();
    let field = |name: &str| fields.get(columns.iter().position(|column| column == name)?).copied();
    let (from, to) = (read_time(field("start")?)?, read_time(field("end")?)?);
    let text = field("text")?;
    let lines: Vec<String> = without_commands(text)?
        .replace("\\h", "\u{a0}")
        .replace("\\n", "\\N")
        .split("\\N")
        .map(|line| escape(line.trim()))
        .filter(|line| !line.is_empty())
        .collect();
    (!lines.is_empty() && to > from).then(|| Cue { from, to, text: lines.join("\n") })
}

/// A text without what stands in braces; `None` if that makes it a drawing.
fn without_commands(text: &str) -> Option<String> {
    let mut kept = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('{') {
        kept.push_str(before);
        let (commands, after) = after.split_once('}').unwrap_or((after, ""));
        let mut commands = commands.split('\\').map(|command| command.trim().strip_prefix('p'));
        if commands
            .any(|scale| scale.and_then(|scale| scale.parse::<u32>().ok()).is_some_and(|scale| scale > 0))
        {
            return None;
        }
        rest = after;
    }
    kept.push_str(rest);
    Some(kept)
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = "[Script Info]\nTitle: x\n[V4+ Styles]\nFormat: Name, Fontname\nStyle: Default,Arial\n\
        [Events]\nFormat: Layer, Start, End, Style, Name, MarginL, MarginR, MarginV, Effect, Text\n\
        Dialogue: 0,0:00:05.00,0:00:06.50,Default,,0,0,0,,{\\an8\\pos(1,2)}Hello, {\\i1}you{\\i0}\\Nand <you>\n\
        Dialogue: 0,0:00:01.00,0:00:02.00,Default,,0,0,0,,First\\hone\n\
        Comment: 0,0:00:01.00,0:00:02.00,Default,,0,0,0,,no\n\
        Dialogue: 0,0:00:01.00,0:00:09.00,Default,,0,0,0,,{\\p1}m 0 0 l 100 0{\\p0}\n\
        Dialogue: 0,0:00:03.00,0:00:03.00,Default,,0,0,0,,no time\n\
        Dialogue: broken\n[Fonts]\nDialogue: 0,0:00:07.00,0:00:08.00,Default,,0,0,0,,elsewhere\n";

    #[test]
    fn texts_are_read_without_their_looks() {
        let read: Vec<_> = cues(FILE).into_iter().map(|cue| (cue.from, cue.to, cue.text)).collect();
        assert_eq!(
            read,
            [(1000, 2000, "First\u{a0}one".to_owned()), (5000, 6500, "Hello, you\nand ".to_owned())]
        );
        for end in 0..FILE.len() {
            cues(&FILE[..end]);
        }
    }

    #[test]
    fn the_columns_are_those_that_the_file_names() {
        let old =
            "[Events]\nFormat: Marked, Start, End, Text\nDialogue: Marked=0,0:00:01.00,0:00:02.00,a, b\n";
        assert_eq!(cues(old), [Cue { from: 1000, to: 2000, text: "a, b".into() }]);
        assert!(cues("[Events]\nFormat:\nDialogue: a,b\n").is_empty());
    }
}
