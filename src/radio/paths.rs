//! Routes of stations, and which station a request path refers to. Pure.
//!
//! A route is stored decoded and in Unicode's composed form (NFC), with one slash before each of its parts. It is
//! percent-encoded in URLs and headers.

use icu_normalizer::ComposingNormalizerBorrowed;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

use crate::audio::streams::{Codec, Encoding};

/// First path segments that cannot be stations.
const RESERVED: [&str; 24] = [
    "web",
    "streams",
    "now-playing",
    "events",
    "history",
    "reload-playlist",
    "requests",
    "next-track",
    "prev-track",
    "shuffle-playlist",
    "status-json.xsl",
    "health",
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
    "podcast",
    "recordings",
];

/// Aliases of `/`; the last is the base name of its playlists.
const ALIASES: [&str; 3] = ["/stream", "/direct-stream", "/index"];

/// The name of the station at `/` where its path needs one.
const ROOT_NAME: &str = "/stream";

/// The extension without which some players refuse a URL.
const EXTENSION: &str = ".mp3";

/// The characters that are encoded in URLs.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'/').remove(b'-').remove(b'_').remove(b'.').remove(b'~');

/// Normalizes a route.
pub fn route(text: &str) -> String {
    // Whitespace before a last slash is trimmed too, so that normalization is idempotent.
    let text = text.trim_matches(|c: char| c == '/' || c.is_whitespace());
    let text = ComposingNormalizerBorrowed::new_nfc().normalize(text);
    let parts: Vec<&str> = text.split('/').filter(|part| !part.is_empty()).collect();
    format!("/{}", parts.join("/"))
}

/// Whether a route can be that of a station.
pub fn is_route(route: &str) -> bool {
    let mut parts = route.trim_start_matches('/').split('/');
    let is_reserved = parts.clone().next().is_some_and(|first| RESERVED.contains(&first));
    // Clients resolve these parts themselves.
    let is_relative = parts.any(|part| [".", ".."].contains(&part));
    !is_reserved && !is_relative && !route.chars().any(|c| c.is_control() || "%?#\\".contains(c))
}

/// The paths of a route's mountpoints: the first of a codec is named by it, others by their bitrates too.
pub fn mountpoints(route: &str, encodings: &[Encoding]) -> Vec<String> {
    let base = if route == "/" { ROOT_NAME } else { route };
    // The station itself is MP3.
    let mut named = vec![Codec::Mp3];
    let path = |encoding: &Encoding| {
        let Encoding { codec, kbps } = *encoding;
        if named.contains(&codec) {
            return format!("{base}-{kbps}.{}", codec.name());
        }
        named.push(codec);
        format!("{base}.{}", codec.name())
    };
    encodings.iter().map(path).collect()
}

/// A route as it appears in a URL.
pub fn encoded(route: &str) -> String {
    utf8_percent_encode(route, ENCODED).to_string()
}

/// A request path, decoded.
pub fn decoded(path: &str) -> String {
    percent_decode_str(path).decode_utf8_lossy().into_owned()
}

/// The routes that a decoded path may refer to, the best match first.
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
    fn routes_are_paths_that_are_not_reserved() {
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
    fn mountpoints_are_named_by_codec_and_where_that_is_taken_by_bitrate() {
        let encodings = ["opus 96", "opus 32", "mp3 64", "flac"].map(|text| text.parse().unwrap());
        let expected = ["/jazz.opus", "/jazz-32.opus", "/jazz-64.mp3", "/jazz.flac"];
        assert_eq!(mountpoints("/jazz", &encodings), expected);
        assert_eq!(mountpoints("/", &encodings[..1]), ["/stream.opus"]);
    }

    #[test]
    fn a_route_is_independent_of_how_accents_are_encoded() {
        assert_eq!(route("/cafe\u{301}"), route("/café"));
        assert_eq!(route(&decoded("/cafe%CC%81")), "/café");
        assert_eq!(decoded(&encoded("/ночь, джаз")), "/ночь, джаз");
        assert_eq!(encoded("/a b/ü"), "/a%20b/%C3%BC");
    }

    #[test]
    fn a_path_may_have_an_extension_and_aliases_mean_the_root_station() {
        let all = |path: &str| candidates(path).collect::<Vec<_>>().join(" ");
        assert_eq!(all("/rock.mp3"), "/rock.mp3 /rock");
        assert_eq!(all("//rock/"), "/rock");
        assert_eq!(all("/stream.MP3"), "/stream.MP3 /stream /");
        assert_eq!(all("/index"), "/index /");
        assert_eq!(all("/.mp3"), "/.mp3 /");
        assert_eq!(all("/é"), "/é");
    }
}
