//! Pages, scripts and sounds that are part of the program: typed, tagged, and served in parts where asked.
//!
//! Markup that several pages have is in a file of its own. A page names it in a comment, `<!-- include common/head.html -->`,
//! and is sent with the file in place of the comment.

use axum::Router;
use axum::body::Body;
use axum::extract::Path;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use bytes::Bytes;
use http::header::{
    ACCEPT, ACCEPT_RANGES, CACHE_CONTROL, CONTENT_RANGE, CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG,
    IF_NONE_MATCH, RANGE, VARY,
};
use http::{HeaderMap, HeaderValue, StatusCode};
use ring::digest;
use rust_embed::{EmbeddedFile, RustEmbed};

use super::problem::with_problems;
use super::routes;

/// Scripts and styles from here alone; sound from anywhere, for that is what rooms share.
const PAGE_POLICY: &str = "default-src 'self'; media-src * blob: data:; img-src 'self' data:; \
    connect-src 'self' ws: wss:; style-src 'self'; script-src 'self'; frame-ancestors 'self'; base-uri 'none'";

/// The same for a page that loads streams piece by piece, from anywhere, and takes them apart in a worker.
const STREAMING_PAGE_POLICY: &str = "default-src 'self'; media-src * blob: data:; img-src 'self' data: blob:; \
    connect-src *; worker-src 'self' blob:; style-src 'self'; script-src 'self'; frame-ancestors 'self'; \
    base-uri 'none'";

/// Where the shared files are among the files of each service, so that pages reach them by relative addresses.
const COMMON: &str = "common/";

/// What stands in a page before and after the path of a file that is included.
const INCLUDE: (&str, &str) = ("<!-- include ", " -->\n");

/// What the pages of all services share.
#[derive(RustEmbed)]
#[folder = "assets/common/"]
struct Common;

/// The route of the files of a service, below `assets/`.
pub fn router<Folder: RustEmbed + 'static, S: Clone + Send + Sync + 'static>() -> Router<S> {
    let file = async |Path(path): Path<String>, headers: HeaderMap| {
        file::<Folder>(&path, &headers).unwrap_or_else(routes::not_found)
    };
    with_problems(Router::new().route("/assets/{*path}", get(file)))
}

/// The embedded file at `path`, or 304 when the client has it; `None` if there is no such file.
///
/// A path that starts with `common/` names a file that all services share, every other one a file of `Folder`.
pub fn file<Folder: RustEmbed>(path: &str, headers: &HeaderMap) -> Option<Response> {
    let file = embedded::<Folder>(path)?;
    let tag = tag(&file.metadata.sha256_hash());
    let bytes = match file.data {
        std::borrow::Cow::Borrowed(bytes) => Bytes::from_static(bytes),
        std::borrow::Cow::Owned(bytes) => Bytes::from(bytes),
    };
    Some(answer(bytes, tag, media_type(path), headers))
}

/// The text of the page at `path` with all that it includes; `None` if any of it is missing.
pub fn text<Folder: RustEmbed>(path: &str) -> Option<String> {
    let page = embedded::<Folder>(path)?;
    assembled::<Folder>(str::from_utf8(&page.data).ok()?)
}

fn assembled<Folder: RustEmbed>(page: &str) -> Option<String> {
    let (before, after) = INCLUDE;
    let mut parts = page.split(before);
    let mut text = parts.next()?.to_owned();
    for part in parts {
        let (path, rest) = part.split_once(after)?;
        let included = embedded::<Folder>(path)?;
        text.push_str(str::from_utf8(&included.data).ok()?);
        text.push_str(rest);
    }
    Some(text)
}

fn embedded<Folder: RustEmbed>(path: &str) -> Option<EmbeddedFile> {
    match path.strip_prefix(COMMON) {
        Some(shared) => Common::get(shared),
        None => Folder::get(path),
    }
}

/// A whole file, or 304 when the client has it.
fn answer(bytes: Bytes, tag: HeaderValue, media_type: &'static str, headers: &HeaderMap) -> Response {
    if has(headers, &tag) {
        return (StatusCode::NOT_MODIFIED, [(ETAG, tag)]).into_response();
    }
    let mut response = bytes.into_response();
    let head = response.headers_mut();
    head.insert(CONTENT_TYPE, HeaderValue::from_static(media_type));
    head.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    head.insert(ETAG, tag);
    response
}

/// The embedded page at `path`, under a policy that lets nothing foreign run in it.
pub fn page<Folder: RustEmbed>(path: &str, headers: &HeaderMap) -> Option<Response> {
    page_under::<Folder>(PAGE_POLICY, path, headers)
}

/// The same for a page that plays streams of other servers.
pub fn streaming_page<Folder: RustEmbed>(path: &str, headers: &HeaderMap) -> Option<Response> {
    page_under::<Folder>(STREAMING_PAGE_POLICY, path, headers)
}

fn page_under<Folder: RustEmbed>(policy: &'static str, path: &str, headers: &HeaderMap) -> Option<Response> {
    let text = text::<Folder>(path)?;
    let tag = tag(digest::digest(&digest::SHA256, text.as_bytes()).as_ref());
    let mut response = answer(text.into(), tag, media_type(path), headers);
    response.headers_mut().insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(policy));
    response.headers_mut().insert(VARY, HeaderValue::from_static("accept"));
    Some(response)
}

/// A sound, whole or in the part that a player asks for: without parts, browsers do not seek.
pub fn media(bytes: &Bytes, media_type: &'static str, headers: &HeaderMap) -> Response {
    let whole = bytes.len();
    let part = headers.get(RANGE).and_then(|range| range.to_str().ok()).map(|range| byte_range(range, whole));
    let mut response = match part {
        None => bytes.clone().into_response(),
        Some(Some((first, last))) => {
            let mut response = (StatusCode::PARTIAL_CONTENT, bytes.slice(first..=last)).into_response();
            let range =
                HeaderValue::try_from(format!("bytes {first}-{last}/{whole}")).expect("digits are a header");
            response.headers_mut().insert(CONTENT_RANGE, range);
            response
        }
        Some(None) => {
            let mut response = (StatusCode::RANGE_NOT_SATISFIABLE, Body::empty()).into_response();
            let range = HeaderValue::try_from(format!("bytes */{whole}")).expect("digits are a header");
            response.headers_mut().insert(CONTENT_RANGE, range);
            return response;
        }
    };
    let head = response.headers_mut();
    head.insert(CONTENT_TYPE, HeaderValue::from_static(media_type));
    head.insert(ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    head.insert(CACHE_CONTROL, HeaderValue::from_static("public, max-age=3600"));
    response
}

/// Whether the client would rather see a page than JSON.
pub fn prefers_html(headers: &HeaderMap) -> bool {
    let accept = headers.get(ACCEPT).and_then(|accept| accept.to_str().ok()).unwrap_or_default();
    let place = |media_type: &str| accept.find(media_type).unwrap_or(usize::MAX);
    place("text/html") < place("application/json")
}

/// The first and last byte of a single range, if it lies within the whole.
fn byte_range(range: &str, whole: usize) -> Option<(usize, usize)> {
    let (first, last) = range.strip_prefix("bytes=")?.split_once('-')?;
    let (first, last) = match (first.trim(), last.trim()) {
        ("", suffix) => {
            (whole.saturating_sub(suffix.parse().ok().filter(|n| *n > 0)?), whole.checked_sub(1)?)
        }
        (first, "") => (first.parse().ok()?, whole.checked_sub(1)?),
        (first, last) => (first.parse().ok()?, last.parse::<usize>().ok()?.min(whole.checked_sub(1)?)),
    };
    (first <= last && first < whole).then_some((first, last))
}

fn tag(hash: &[u8]) -> HeaderValue {
    HeaderValue::try_from(format!("\"{}\"", hex::encode(&hash[..16]))).expect("hex is a header value")
}

fn has(headers: &HeaderMap, tag: &HeaderValue) -> bool {
    let known = headers.get(IF_NONE_MATCH).and_then(|tags| tags.to_str().ok()).unwrap_or_default();
    // Compression weakens a tag: `W/"…"` is the same file.
    known.split(',').any(|known| known.trim().trim_start_matches("W/").as_bytes() == tag.as_bytes())
}

fn media_type(path: &str) -> &'static str {
    match path.rsplit_once('.').map_or("", |(_, extension)| extension) {
        "html" => "text/html; charset=utf-8",
        "js" | "mjs" => "text/javascript; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "json" => "application/json",
        "wav" => "audio/wav",
        "webmanifest" => "application/manifest+json",
        _ => "text/plain; charset=utf-8",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_player_gets_the_part_it_asks_for() {
        assert_eq!(byte_range("bytes=0-", 10), Some((0, 9)));
        assert_eq!(byte_range("bytes=2-4", 10), Some((2, 4)));
        assert_eq!(byte_range("bytes=2-400", 10), Some((2, 9)));
        assert_eq!(byte_range("bytes=-3", 10), Some((7, 9)));
        assert_eq!(byte_range("bytes=-30", 10), Some((0, 9)));
        for nonsense in
            ["bytes=10-", "bytes=5-4", "bytes=-0", "bytes=-", "items=0-1", "bytes=a-b", "bytes=0-1,3-4"]
        {
            assert_eq!(byte_range(nonsense, 10), None, "{nonsense}");
        }
        assert_eq!(byte_range("bytes=0-", 0), None);
    }

    #[test]
    fn a_page_has_what_it_includes_in_place_of_the_comment() {
        let head = Common::get("head.html").unwrap().data;
        let page = assembled::<Common>("<head>\n<!-- include common/head.html -->\n</head>\n").unwrap();
        assert_eq!(page, format!("<head>\n{}</head>\n", str::from_utf8(&head).unwrap()));
        assert_eq!(assembled::<Common>("<!-- include none.html -->\n"), None);
    }

    #[test]
    fn a_browser_prefers_the_page_and_a_program_does_not() {
        let accepting =
            |accept: &str| prefers_html(&HeaderMap::from_iter([(ACCEPT, accept.parse().unwrap())]));
        assert!(accepting("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"));
        assert!(!accepting("*/*"));
        assert!(!accepting("application/json, text/html"));
        assert!(!prefers_html(&HeaderMap::new()));
    }
}
