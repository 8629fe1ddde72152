//! Titles and artists as listeners see them, whatever stands in tags and in what other servers send.

/// Longer titles and artists are cut: a metadata block holds 4080 bytes for both.
const MAX_CHARS: usize = 300;

/// Makes one line of printable characters of any text.
pub fn clean(text: &str) -> String {
    let is_space = |c: char| c.is_whitespace() || c.is_control() || is_invisible(c);
    let words = text.split(is_space).filter(|word| !word.is_empty());
    let mut line = String::new();
    for word in words {
        let n_chars = line.chars().count();
        if n_chars >= MAX_CHARS {
            break;
        }
        if !line.is_empty() {
            line.push(' ');
        }
        line.extend(word.chars().take(MAX_CHARS - n_chars));
    }
    line
}

/// Byte order marks, and marks that change the writing direction of the text after them.
fn is_invisible(c: char) -> bool {
    matches!(c, '\u{feff}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn titles_are_one_line_of_bounded_length() {
        assert_eq!(clean("\u{feff}a\r\n\tb\0 c\u{2028}d\u{202e}e "), "a b c d e");
        assert!(clean(&"long ".repeat(10_000)).chars().count() <= MAX_CHARS + 1);
        assert_eq!(clean(&"x".repeat(10_000)).chars().count(), MAX_CHARS);
    }
}
