//! The pages: the directory of all stations, the page of one, and the player that other sites have in a frame.

use std::fmt::Write as _;
use std::sync::{Arc, LazyLock};

use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::header::{
    CACHE_CONTROL, CONTENT_LENGTH, CONTENT_SECURITY_POLICY, CONTENT_TYPE, RETRY_AFTER, VARY,
    WWW_AUTHENTICATE, X_FRAME_OPTIONS,
};
use http::{HeaderMap, HeaderValue, StatusCode, Uri};
use ring::digest;
use rust_embed::Embed;

use super::about::About;
use super::answers::not_found;
use super::covers;
use super::paths::encoded;
use super::station_handle::StationHandle;
use super::stations::Stations;
use super::visitor::{Base, Visitor};
use crate::http::assets;

/// What the station at `/` is called in the addresses of pages.
const ROOT_NAME: &str = "/stream";

/// What of a station's page is written for each request.
const HEAD: &str = "<!-- head -->";

/// The policy of a station's page; that of the player has another word at its end. Nothing foreign runs in either.
///
/// What they load is named from the root, wherever a proxy has put it: so there is a base, and only here.
const POLICY: &str = "default-src 'self'; media-src 'self' blob:; img-src 'self' data:; base-uri 'self'; \
    form-action 'self'; frame-ancestors ";

/// The policy of the page in place of one that is not shown.
const CLOSED_POLICY: &str = "default-src 'self'; img-src 'self' data:; base-uri 'self'; form-action 'self'; \
    frame-ancestors 'self'";

/// The picture of a station without a cover, which must be no SVG where others show it.
const ICON: &str = "/assets/icon-512.png";

/// The pages and everything that they load.
#[derive(Embed)]
#[folder = "assets/radio/"]
struct Assets;

/// The hash of the directory's inline script, for its content security policy.
static INLINE_SCRIPT: LazyLock<String> = LazyLock::new(|| {
    let page = page("index.html");
    let script = page.split_once("<script>").and_then(|(_, rest)| rest.split_once("</script>"));
    let hash = digest::digest(&digest::SHA256, script.map_or("", |(script, _)| script).as_bytes());
    format!("'sha256-{}'", STANDARD.encode(hash))
});

/// Marks a page that may stand in a frame of any site.
#[derive(Clone, Copy)]
struct Framable;

/// Which page of a station.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// All about it.
    Whole,
    /// The player, for a frame.
    Player,
}

impl Kind {
    fn of(query: &str) -> Self {
        let is_player = form_urlencoded::parse(query.as_bytes()).any(|(name, _)| name == "embed");
        if is_player { Self::Player } else { Self::Whole }
    }
}

/// `GET /web`: every station that the key in the query opens, if there is one.
pub async fn directory(
    State(stations): State<Arc<Stations>>,
    uri: Uri,
    visitor: Visitor,
    headers: HeaderMap,
) -> Response {
    if let Err(denied) = visitor.opened(&stations) {
        return closed(*denied, &visitor, &uri, &headers);
    }
    let Some(mut page) = assets::page::<Assets>("index.html", &headers) else { return not_found() };
    if let Some(policy) = page.headers_mut().get_mut(CONTENT_SECURITY_POLICY)
        && let Ok(text) = policy.to_str()
        && let Ok(more) = text.replace("script-src", &format!("script-src {}", *INLINE_SCRIPT)).parse()
    {
        *policy = more;
    }
    page
}

/// `GET /assets/<path>`
pub async fn asset(Path(path): Path<String>, headers: HeaderMap) -> Response {
    assets::file::<Assets>(&path, &headers).unwrap_or_else(not_found)
}

/// `GET /web/<route>`: one station; with `?embed`, its player.
pub async fn station(
    State(stations): State<Arc<Stations>>,
    Path(path): Path<String>,
    Base(base): Base,
    uri: Uri,
    visitor: Visitor,
    headers: HeaderMap,
) -> Response {
    let station = match visitor.find(&stations, &path) {
        Ok(station) => station,
        Err(denied) => return closed(*denied, &visitor, &uri, &headers),
    };
    let query = visitor.query_for(&stations, &station).unwrap_or_default();
    let kind = Kind::of(uri.query().unwrap_or_default());
    let (file, ancestors) = match kind {
        Kind::Whole => ("station.html", "'self'"),
        Kind::Player => ("embed.html", "*"),
    };
    let head = format!(
        "<base href=\"{}\">\n{}",
        way_to_root(uri.path()),
        head(&station, &stations.config.name, &base, &query)
    );
    let headers = [
        (CONTENT_TYPE, "text/html; charset=utf-8".to_owned()),
        (CACHE_CONTROL, if query.is_empty() { "no-cache" } else { "no-store" }.to_owned()),
        (CONTENT_SECURITY_POLICY, format!("{POLICY}{ancestors}")),
    ];
    let mut response = (headers, page(file).replacen(HEAD, &head, 1)).into_response();
    if kind == Kind::Player {
        response.extensions_mut().insert(Framable);
    }
    response
}

/// What a person sees in place of a page, whose refusal programs get as it is: what is wrong, and a field for the key.
fn closed(refusal: Response, visitor: &Visitor, uri: &Uri, headers: &HeaderMap) -> Response {
    let (mut head, body) = refusal.into_parts();
    head.headers.insert(VARY, HeaderValue::from_static("accept"));
    if !assets::prefers_html(headers) {
        return Response::from_parts(head, body);
    }
    let reason = match head.status {
        StatusCode::UNAUTHORIZED if visitor.key.is_some() => "key_wrong",
        StatusCode::UNAUTHORIZED => "key_expected",
        StatusCode::TOO_MANY_REQUESTS => "too_many_keys",
        _ => "no_station",
    };
    let wait = head.headers.get(RETRY_AFTER).and_then(|wait| wait.to_str().ok()).unwrap_or_default();
    let meta = format!(
        "<base href=\"./{}\">\n<meta name=\"roomhub-reason\" content=\"{reason}\">\n\
         <meta name=\"roomhub-wait\" content=\"{}\">",
        way_to_root(uri.path()),
        escaped(wait)
    );
    let page = page("closed.html").replacen(HEAD, &meta, 1);
    head.headers.remove(CONTENT_LENGTH);
    for (name, value) in [
        (CONTENT_TYPE, "text/html; charset=utf-8"),
        (CACHE_CONTROL, "no-store"),
        (CONTENT_SECURITY_POLICY, CLOSED_POLICY),
    ] {
        head.headers.insert(name, HeaderValue::from_static(value));
    }
    if head.status == StatusCode::UNAUTHORIZED {
        // The page has a field for the key: a browser that knows this scheme asks for nothing before it.
        head.headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer realm=\"radio\""));
    }
    Response::from_parts(head, page.into())
}

/// Takes the header off that keeps pages out of frames of other sites, where a page may stand in one.
pub async fn open_frames(mut response: Response) -> Response {
    if response.extensions().get::<Framable>().is_some() {
        response.headers_mut().remove(X_FRAME_OPTIONS);
    }
    response
}

/// The text of a page, with the fragments that several pages have.
fn page(file: &str) -> String {
    assets::text::<Assets>(file).unwrap_or_default()
}

/// The relative address of `/`, seen from a page at this path.
fn way_to_root(path: &str) -> String {
    "../".repeat(path.matches('/').count().saturating_sub(1))
}

/// The path of a station's page.
fn page_path(route: &str) -> String {
    format!("/web{}", encoded(if route == "/" { ROOT_NAME } else { route }))
}

/// What other programs read of a station: where they show links to it, and where they look for its stream.
fn head(station: &StationHandle, site: &str, base: &str, query: &str) -> String {
    let About { name, description, .. } = &*station.about;
    let cover = station.on_air.lock().track.as_ref().and_then(|track| track.cover);
    let image =
        cover.map_or_else(|| format!("{base}{ICON}"), |id| format!("{base}{}{query}", covers::path(id)));
    let route = encoded(&station.route);
    let page = format!("{base}{}{query}", page_path(&station.route));
    let stream = format!("{base}{route}{query}");
    let list = format!("{base}{}.m3u{query}", if route == "/" { "/index" } else { &route });
    let title = escaped(name);
    let mut head = format!("<title>{title}</title>\n");
    for (name, content) in [
        ("roomhub-route", &*station.route),
        ("description", description),
        ("twitter:card", "summary"),
        ("twitter:title", name),
        ("twitter:description", description),
        ("twitter:image", &image),
    ] {
        let _ = writeln!(head, "<meta name=\"{name}\" content=\"{}\">", escaped(content));
    }
    for (property, content) in [
        ("og:type", "music.radio_station"),
        ("og:site_name", site),
        ("og:title", name),
        ("og:description", description),
        ("og:url", &page),
        ("og:image", &image),
        ("og:audio", &stream),
        ("og:audio:type", "audio/mpeg"),
    ] {
        let _ = writeln!(head, "<meta property=\"{property}\" content=\"{}\">", escaped(content));
    }
    for (media_type, url) in [("audio/mpeg", &stream), ("audio/x-mpegurl", &list)] {
        let url = escaped(url);
        let _ =
            writeln!(head, "<link rel=\"alternate\" type=\"{media_type}\" title=\"{title}\" href=\"{url}\">");
    }
    if !query.is_empty() {
        head.push_str("<meta name=\"robots\" content=\"noindex\">\n");
    }
    head
}

/// Escapes text for HTML, between tags and in quotes.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            c => escaped.push(c),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_way_to_the_root_goes_by_the_address_as_it_was_written() {
        for (path, way) in [("/web/jazz", "../"), ("/web/jazz/", "../../"), ("/web/a/b%2Fc", "../../")] {
            assert_eq!(way_to_root(path), way, "{path}");
        }
        assert_eq!((&*page_path("/"), &*page_path("/a b")), ("/web/stream", "/web/a%20b"));
    }

    #[test]
    fn markup_in_names_stays_text() {
        assert_eq!(escaped("\"><script>'&é"), "&quot;&gt;&lt;script&gt;&#39;&amp;é");
    }

    #[test]
    fn the_player_is_asked_for_by_name() {
        assert_eq!(Kind::of("key=embed&x"), Kind::Whole);
        assert_eq!(Kind::of("key=x&embed"), Kind::Player);
        assert_eq!(Kind::of("embed=1"), Kind::Player);
    }

    #[test]
    fn the_pages_have_a_place_for_what_is_written_for_each_request() {
        for file in ["station.html", "embed.html", "closed.html"] {
            assert_eq!(page(file).matches(HEAD).count(), 1, "{file}");
        }
    }
}
