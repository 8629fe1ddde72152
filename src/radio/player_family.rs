//! The family of a player, by its `User-Agent`: statistics distinguish no more than these.

/// The longest name of a family.
const MAX_CHARS: usize = 32;

/// Browsers by a word that their names have; the first that fits, for many name others too.
const BROWSERS: [(&str, &str); 6] = [
    ("Edg", "Edge"),
    ("OPR/", "Opera"),
    ("Firefox/", "Firefox"),
    ("Chrome/", "Chrome"),
    ("Safari/", "Safari"),
    ("AppleWebKit/", "WebKit"),
];

/// The family of a player.
pub fn of(player: &str) -> String {
    if player.starts_with("Mozilla/") {
        let browser = BROWSERS.iter().find(|(word, _)| player.contains(word));
        return browser.map_or("browser", |(_, family)| family).to_owned();
    }
    let end = player.find(['/', '(', ';', ',']).unwrap_or(player.len());
    let words = player[..end].split(' ').filter(|word| !word.is_empty());
    // A version that follows the name as a word is none of it.
    let name: Vec<&str> = words.take_while(|word| !word.starts_with(|c: char| c.is_ascii_digit())).collect();
    name.join(" ").chars().take(MAX_CHARS).collect()
}

#[cfg(test)]
mod tests {
    use super::of;

    #[test]
    fn players_are_told_apart_without_their_versions() {
        for (player, family) in [
            ("VLC/3.0.18 LibVLC/3.0.18", "VLC"),
            ("mpv 0.35.1", "mpv"),
            ("Winamp (5.66)", "Winamp"),
            ("Lavf/59.27.100", "Lavf"),
            ("Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0", "Firefox"),
            (
                "Mozilla/5.0 (X11) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36",
                "Chrome",
            ),
            ("Mozilla/5.0 (X11) AppleWebKit/537.36 (KHTML) Chrome/140.0 Safari/537.36 Edg/140.0", "Edge"),
            ("Mozilla/5.0 (compatible)", "browser"),
            ("", ""),
            ("12", ""),
        ] {
            assert_eq!(of(player), family, "{player}");
        }
        assert_eq!(of(&"歌".repeat(300)).chars().count(), 32);
    }
}
