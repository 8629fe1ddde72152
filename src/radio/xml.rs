//! Text as it stands in XML.

/// Text between tags and in quotes, without the characters that no document of XML 1.0 may have in any form: names and titles
/// come from strangers.
pub fn escaped(text: &str) -> String {
    let mut xml = String::with_capacity(text.len());
    for c in text.chars().filter(|c| !c.is_control() && !matches!(c, '\u{fffe}' | '\u{ffff}')) {
        match c {
            '&' => xml.push_str("&amp;"),
            '<' => xml.push_str("&lt;"),
            '>' => xml.push_str("&gt;"),
            '"' => xml.push_str("&quot;"),
            c => xml.push(c),
        }
    }
    xml
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_name_ends_a_document_or_makes_it_none() {
        assert_eq!(escaped("a\u{0}\u{1b}\u{fffe}\u{ffff}<b c=\"&\">é"), "a&lt;b c=&quot;&amp;&quot;&gt;é");
    }
}
