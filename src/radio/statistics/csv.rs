//! Tables as CSV (RFC 4180), safe to open in a spreadsheet: no cell begins as a formula does.

/// Adds a line of cells.
pub fn add_line(text: &mut String, cells: &[&str]) {
    for (place, cell) in cells.iter().enumerate() {
        if place > 0 {
            text.push(',');
        }
        add_cell(text, cell);
    }
    text.push_str("\r\n");
}

fn add_cell(text: &mut String, cell: &str) {
    let is_formula =
        cell.trim_start().starts_with(['=', '+', '-', '@', '\u{ff1d}', '\u{ff0b}', '\u{ff0d}', '\u{ff20}'])
            || cell.starts_with(['\t', '\r', '\n']);
    let guard = if is_formula { "'" } else { "" };
    if is_formula || cell.contains(['"', ',', '\r', '\n']) {
        text.extend(["\"", guard, &cell.replace('"', "\"\""), "\""]);
    } else {
        text.push_str(cell);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_title_becomes_a_formula() {
        let mut text = String::new();
        add_line(&mut text, &["=HYPERLINK(\"http://evil\")", "+1", "-1", "@SUM", " =1", "\t=1", "＝1"]);
        assert_eq!(
            text,
            "\"'=HYPERLINK(\"\"http://evil\"\")\",\"'+1\",\"'-1\",\"'@SUM\",\"' =1\",\"'\t=1\",\"'＝1\"\r\n"
        );
    }

    #[test]
    fn commas_quotes_and_line_breaks_stay_in_their_cell() {
        let mut text = String::new();
        add_line(&mut text, &["a", "", "b,c", "d\"e", "f\ng", "歌 - 1"]);
        assert_eq!(text, "a,,\"b,c\",\"d\"\"e\",\"f\ng\",歌 - 1\r\n");
    }
}
