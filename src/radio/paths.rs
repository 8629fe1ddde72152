//! Routes of stations, and which station a request's path names. Pure.
//!
//! A route is kept decoded and in Unicode's composed form (NFC), with one slash before each of its parts. It is
//! percent-encoded wherever it goes out in an address or a header.

use icu_normalizer::ComposingNormalizerBorrowed;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

/// First segments of paths that are no stations.
const RESERVED: [&str; 20] = [
    "web",
    "streams",
    "now-playing",
    "events",
    "history",
    "reload-playlist",
    "next-track",
    "prev-track",
    "shuffle-playlist",
    "status-json.xsl",
    "healthz",
    "readyz",
    "livez",
    "metrics",
    "assets",
    "admin",
    "stream",
    "direct-stream",
    "favicon.ico",
    "robots.txt",
];

/// Other names of `/`; the last one is what its playlists are called.
const ALIASES: [&str; 3] = ["/stream", "/direct-stream", "/index"];

/// Some players open an address only if it ends like a file that they know.
const EXTENSION: &str = ".mp3";

/// What an address holds as it is.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'/').remove(b'-').remove(b'_').remove(b'.').remove(b'~');

/// A route as it is kept, from decoded text.
pub fn route(text: &str) -> String {
    // Blanks before a last slash are at an end too: the route of a route is the same.
    let text = text.trim_matches(|c: char| c == '/' || c.is_whitespace());
    let text = ComposingNormalizerBorrowed::new_nfc().normalize(text);
    let parts: Vec<&str> = text.split('/').filter(|part| !part.is_empty()).collect();
    format!("/{}", parts.join("/"))
}

/// Whether a station can be there.
pub fn is_route(route: &str) -> bool {
    let mut parts = route.trim_start_matches('/').split('/');
    let is_reserved = parts.clone().next().is_some_and(|first| RESERVED.contains(&first));
    // Clients resolve these parts themselves.
    let is_relative = parts.any(|part| [".", ".."].contains(&part));
    !is_reserved && !is_relative && !route.chars().any(|c| c.is_control() || "%?#\\".contains(c))
}

/// A route as it stands in an address.
pub fn encoded(route: &str) -> String {
    utf8_percent_encode(route, ENCODED).to_string()
}

/// The path of a request, decoded.
pub fn decoded(path: &str) -> String {
    percent_decode_str(path).decode_utf8_lossy().into_owned()
}

/// The routes that a decoded path may name, the nearest first.
pub fn candidates(path: &str) -> impl Iterator<Item = String> {
    let path = route(path);
    let at = path.len().saturating_sub(EXTENSION.len());
    let bare = path.get(at..).filter(|end| end.eq_ignore_ascii_case(EXTENSION)).map(|_| route(&path[..at]));
    let names = [Some(path), bare].into_iter().flatten();
    names.flat_map(|name| {
        let is_alias = ALIASES.contains(&name.as_str());
        [name].into_iter().chain(is_alias.then(|| "/".to_owned()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn routes_are_paths_that_no_page_has() {
        assert_eq!(
            (route("humor").as_str(), route("/").as_str(), route(" //a//b/ ").as_str()),
            ("/humor", "/", "/a/b")
        );
        assert_eq!((route("/a /").as_str(), route("/a / b/ /").as_str()), ("/a", "/a / b"));
        for path in ["/", "/humor", "/a/b", "/a b", "/радио", "/ラジオ/夜", "/Web"] {
            assert!(is_route(path), "{path}");
        }
        for path in ["/web", "/streams/x", "/a/../b", "/.", "/a?b", "/100%", "/a\nb", "/a\\b"] {
            assert!(!is_route(path), "{path}");
        }
    }

    #[test]
    fn a_route_is_the_same_however_its_accents_are_written() {
        assert_eq!(route("/cafe\u{301}"), route("/café"));
        assert_eq!(route(&decoded("/cafe%CC%81")), "/café");
        assert_eq!(decoded(&encoded("/ночь, джаз")), "/ночь, джаз");
        assert_eq!(encoded("/a b/ü"), "/a%20b/%C3%BC");
    }

    #[test]
    fn a_path_may_end_like_a_file_and_aliases_mean_the_first_station() {
        let all = |path: &str| candidates(path).collect::<Vec<_>>().join(" ");
        assert_eq!(all("/rock.mp3"), "/rock.mp3 /rock");
        assert_eq!(all("//rock/"), "/rock");
        assert_eq!(all("/stream.MP3"), "/stream.MP3 /stream /");
        assert_eq!(all("/index"), "/index /");
        assert_eq!(all("/.mp3"), "/.mp3 /");
        assert_eq!(all("/é"), "/é");
    }
}
