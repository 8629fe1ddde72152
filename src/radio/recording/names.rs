//! Names of recordings: the moment and the title, with nothing in them that means anything in a path. Pure.

use jiff::civil::DateTime;

/// Bytes of a title in a name: file systems take names of 255, and there are a time, a number and an extension too.
const MAX_TITLE_BYTES: usize = 160;

/// The name of a show without one.
const NAMELESS: &str = "Live";

/// The folder of the station at `/`. No other station is called so.
const ROOT: &str = "stream";

/// What stands for a slash within a route: no route has a per cent sign.
const SLASH: &str = "%2F";

/// The folder of a station's recordings.
pub fn folder(route: &str) -> String {
    let route = route.trim_start_matches('/');
    if route.is_empty() { ROOT.to_owned() } else { route.replace('/', SLASH) }
}

/// The name of the `number`th recording that begins in that second, without its extension: `2026-11-28T20-00-00 Name`.
pub fn base(at: DateTime, title: &str, number: usize) -> String {
    let number = if number > 1 { format!(" ({number})") } else { String::new() };
    format!("{} {}{number}", at.strftime("%Y-%m-%dT%H-%M-%S"), safe(title))
}

/// Whether that is the name of a file within a folder.
pub fn is_plain(name: &str) -> bool {
    !name.is_empty() && !name.starts_with('.') && !name.contains(['/', '\\', '\0'])
}

/// A title with letters and digits of all scripts and a few signs; every other character becomes a hyphen.
fn safe(title: &str) -> String {
    let mut name = String::new();
    for c in title.chars() {
        let c = if c.is_alphanumeric() || " -_,.'()&+!#@=".contains(c) || is_mark(c) { c } else { '-' };
        if name.len() + c.len_utf8() > MAX_TITLE_BYTES {
            break;
        }
        let is_repeated = name.ends_with(c) && (c == '-' || c == ' ');
        if !is_repeated {
            name.push(c);
        }
    }
    // Windows takes no name that ends with one of these.
    let name = name.trim_matches(|c: char| c == '.' || c == '-' || c.is_whitespace());
    if name.is_empty() { NAMELESS.to_owned() } else { name.to_owned() }
}

/// Marks that belong to the letter before them, in scripts that have no letters without.
fn is_mark(c: char) -> bool {
    matches!(c, '\u{300}'..='\u{36f}' | '\u{900}'..='\u{dff}' | '\u{e31}'..='\u{e4e}' | '\u{3099}' | '\u{309a}')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(title: &str) -> String {
        base(jiff::civil::date(2026, 11, 28).at(20, 0, 5, 999_000_000), title, 1)
    }

    #[test]
    fn a_name_has_the_moment_and_the_title_without_anything_dangerous() {
        assert_eq!(named("Night show"), "2026-11-28T20-00-05 Night show");
        let odd = [
            ("../../etc/passwd", "etc-passwd"),
            ("a/b\\c:d*e?f\"g<h>i|j%k", "a-b-c-d-e-f-g-h-i-j-k"),
            ("...", "Live"),
            ("", "Live"),
            ("\0\n\r\t", "Live"),
            ("  Rock & Roll #1 (live)!  ", "Rock & Roll #1 (live)!"),
            ("Ночь, 夜, हिन्दी", "Ночь, 夜, हिन्दी"),
            ("a\u{202e}b", "a-b"),
            ("Show.mp3.", "Show.mp3"),
        ];
        for (title, name) in odd {
            assert_eq!(named(title), format!("2026-11-28T20-00-05 {name}"), "{title:?}");
            assert!(is_plain(&named(title)));
        }
        assert!(named(&"夜".repeat(1000)).len() <= 20 + MAX_TITLE_BYTES);
        assert_eq!(base(jiff::civil::date(2026, 1, 2).at(3, 4, 5, 0), "A", 3), "2026-01-02T03-04-05 A (3)");
        assert!(!["", ".", "..", ".x", "a/b", "a\\b", "a\0"].into_iter().any(is_plain));
    }

    #[test]
    fn each_station_has_one_folder() {
        assert_eq!(["/", "/night", "/a/b", "/夜 x"].map(folder), ["stream", "night", "a%2Fb", "夜 x"]);
    }
}
