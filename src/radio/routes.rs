//! The HTTP routes besides the streams: status in JSON and as events, playlist files, HLS, commands, and the page.

use std::convert::Infallible;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use axum::body::Body;
use axum::extract::{FromRequestParts, Path, Query, RawQuery, Request, State};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::{any, get, post};
use axum::{Extension, Router};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::header::{
    ALLOW, AUTHORIZATION, CACHE_CONTROL, CONNECTION, CONTENT_SECURITY_POLICY, CONTENT_TYPE, USER_AGENT,
    WWW_AUTHENTICATE,
};
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Method, StatusCode};
use ring::digest;
use rust_embed::Embed;
use serde::Deserialize;
use serde_json::json;
use tokio::time::{sleep, timeout};
use tower::util::MapRequest;

use super::StreamMode;
use super::library::track::Track;
use super::output::hls::{self, HlsPath};
use super::output::status;
use super::output::status_cache::StatusDocument;
use super::paths::encoded;
use super::protocol::{NowPlaying, PlayedTrack, station_name};
use super::sources::live;
use super::sources::source_slot::SourceKind;
use super::station_handle::{Command, HistoryEntry, StationHandle};
use super::stations::Stations;
use crate::http::address::{UNKNOWN, client};
use crate::http::connection::Connection;
use crate::http::keys::{Denied, KeyedDoor};
use crate::http::origin::AllowedOrigins;
use crate::http::switch::Mount;
use crate::http::{assets, layers, routes};

/// An event describes every station: `event_interval` grows by itself with each further such number of stations.
const STATIONS_PER_INTERVAL: u32 = 50;

/// The most stations that `/readyz` names.
const MAX_NAMED: usize = 20;

/// An idle event stream gets a comment this often: proxies close connections that are idle for a minute.
const KEEP_ALIVE: Duration = Duration::from_secs(20);

/// The page and everything that it loads.
#[derive(Embed)]
#[folder = "assets/radio/"]
struct Assets;

/// The hash of the page's inline script, for its content security policy.
static INLINE_SCRIPT: LazyLock<String> = LazyLock::new(|| {
    let page = Assets::get("index.html").map(|page| page.data).unwrap_or_default();
    let page = String::from_utf8_lossy(&page);
    let script = page.split_once("<script>").and_then(|(_, rest)| rest.split_once("</script>"));
    let hash = digest::digest(&digest::SHA256, script.map_or("", |(script, _)| script).as_bytes());
    format!("'sha256-{}'", STANDARD.encode(hash))
});

/// The URL of `/` as the client of a request sees it, without the slash.
struct Base(String);

impl FromRequestParts<Arc<Stations>> for Base {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, stations: &Arc<Stations>) -> Result<Self, Infallible> {
        let peer =
            parts.extensions.get::<Arc<Connection>>().map_or(UNKNOWN, |connection| connection.peer.ip());
        let mount = parts.extensions.get::<Mount>().copied();
        Ok(Self(stations.public_url.base_for(peer, &parts.headers, mount)))
    }
}

/// The query that names a station.
#[derive(Debug, Deserialize)]
struct RouteQuery {
    route: Option<String>,
}

impl RouteQuery {
    fn path(&self) -> &str {
        self.route.as_deref().unwrap_or("/")
    }
}

/// Routes every request that is not for a stream.
pub fn router(stations: &Arc<Stations>, metrics: KeyedDoor) -> Router {
    let pages = Router::new()
        .route("/", get(page))
        .route("/web", get(page))
        // The page loads its assets by relative paths, whatever prefix a proxy adds.
        .route("/web/", get(|| async { Redirect::permanent("../web") }))
        .route("/assets/{*path}", get(asset))
        .route("/streams", get(streams))
        .route("/now-playing", get(now_playing))
        .route("/history", get(history))
        .route("/events", get(events))
        .route("/reload-playlist", get(reload).post(reload))
        .route("/status-json.xsl", get(icecast))
        .route("/healthz", get(|| async { "ok" }))
        .merge(routes::health(stations.context.clock))
        .route("/{*path}", any(playlist_file))
        .with_state(Arc::clone(stations));
    let operators = Router::new()
        .route("/next-track", post(next))
        .route("/next-track/{*route}", post(next))
        .route("/prev-track", post(previous))
        .route("/prev-track/{*route}", post(previous))
        .route("/shuffle-playlist", post(shuffle))
        .route("/shuffle-playlist/{*route}", post(shuffle))
        .route("/admin/metadata", get(metadata))
        .with_state(Arc::clone(stations));
    let anyone = AllowedOrigins::new(&["*".to_owned()]);
    let router =
        layers::with_common_layers(pages, Router::new(), operators, &anyone, metrics, &stations.context);
    let ready = Router::new().route("/readyz", get(readiness)).with_state(Arc::clone(stations));
    let router = Router::new().fallback_service(router).merge(ready);
    Router::new().fallback_service(MapRequest::new(router, with_normalized_path))
}

/// Collapses repeated slashes and removes trailing ones, except the one of the page.
fn with_normalized_path(mut request: Request) -> Request {
    let path = request.uri().path();
    if path == "/" || path == "/web/" || !(path.contains("//") || path.ends_with('/')) {
        return request;
    }
    let parts: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
    let mut target = format!("/{}", parts.join("/"));
    if target == "/web" && path.ends_with('/') {
        target.push('/');
    }
    if let Some(query) = request.uri().query() {
        target = format!("{target}?{query}");
    }
    if let Ok(uri) = target.parse() {
        *request.uri_mut() = uri;
    }
    request
}

async fn readiness(State(stations): State<Arc<Stations>>) -> Response {
    let starting: Vec<&str> = stations.starting().take(MAX_NAMED).map(|station| &*station.route).collect();
    if !starting.is_empty() {
        return layers::not_ready(format!("not on the air yet: {}", starting.join(", ")));
    }
    let remark = |station: &StationHandle| Some(format!("{}: {}", station.route, station.queue.remark()?));
    let remarks: Vec<String> = stations.all.values().filter_map(remark).take(MAX_NAMED).collect();
    layers::readiness(&stations.context, remarks)
}

async fn page(headers: HeaderMap) -> Response {
    let Some(mut page) = assets::page::<Assets>("index.html", &headers) else { return not_found() };
    if let Some(policy) = page.headers_mut().get_mut(CONTENT_SECURITY_POLICY)
        && let Ok(text) = policy.to_str()
        && let Ok(more) = text.replace("script-src", &format!("script-src {}", *INLINE_SCRIPT)).parse()
    {
        *policy = more;
    }
    page
}

async fn asset(Path(path): Path<String>, headers: HeaderMap) -> Response {
    assets::file::<Assets>(&path, &headers).unwrap_or_else(not_found)
}

async fn streams(State(stations): State<Arc<Stations>>, Base(base): Base) -> Response {
    routes::json_text(status::text(StatusDocument::Streams, &stations, &base))
}

async fn now_playing(State(stations): State<Arc<Stations>>, Query(query): Query<RouteQuery>) -> Response {
    let Some(station) = stations.find(query.path()) else { return unknown_route() };
    let now = stations.context.clock.now();
    let on_air = station.on_air.lock().clone();
    let track = on_air.track;
    let of_track = |word: fn(&Track) -> &str| track.as_deref().map(word).unwrap_or_default().to_owned();
    routes::json(&NowPlaying {
        status: "success",
        route: station.route.to_string(),
        track: of_track(|track| &track.file),
        title: of_track(|track| &track.title),
        artist: of_track(|track| &track.artist),
        started_at: track.as_ref().map_or(0.0, |_| stations.unix_seconds(on_air.started_at)),
        elapsed_seconds: track.as_ref().map_or(0.0, |_| now.since(on_air.started_at).as_secs_f64()),
        duration_seconds: track.and_then(|track| track.duration_seconds),
        burst_seconds: stations.config.burst_seconds,
        next: station.queue.next_file(),
        listeners: stations.n_listeners(&station),
        source: on_air.source,
    })
}

async fn history(State(stations): State<Arc<Stations>>, Query(query): Query<RouteQuery>) -> Response {
    let Some(station) = stations.find(query.path()) else { return unknown_route() };
    let history = station.on_air.lock().history.clone();
    let report = |entry: HistoryEntry| PlayedTrack {
        track: entry.track,
        started_at: stations.unix_seconds(entry.started_at),
    };
    let history: Vec<PlayedTrack> = history.into_iter().map(report).collect();
    routes::json(&json!({"status": "success", "route": *station.route, "history": history}))
}

/// The status of all stations whenever it changes, as server-sent events.
async fn events(State(stations): State<Arc<Stations>>, Base(base): Base) -> Response {
    let mut changes = stations.changes.subscribe();
    changes.mark_changed();
    let pause = stations.config.event_interval * (1 + stations.all.len() as u32 / STATIONS_PER_INTERVAL);
    let stream = futures_util::stream::unfold((stations, changes), move |(stations, mut changes)| {
        let base = base.clone();
        async move {
            let context = stations.context.clone();
            let text = tokio::select! {
                () = context.stopping() => return None,
                update = timeout(KEEP_ALIVE, changes.changed()) => match update {
                    Ok(update) => {
                        update.ok()?;
                        let text = status::text(StatusDocument::Events, &stations, &base);
                        sleep(pause).await;
                        text
                    }
                    Err(_) => Bytes::from_static(b": keep-alive\n\n"),
                },
            };
            Some((Ok::<_, Infallible>(text), (stations, changes)))
        }
    });
    let headers = [(CONTENT_TYPE, "text/event-stream"), (CACHE_CONTROL, "no-store")];
    (headers, Body::from_stream(stream)).into_response()
}

async fn reload(State(stations): State<Arc<Stations>>, Query(query): Query<RouteQuery>) -> Response {
    let station = query.route.as_deref().map(|path| stations.find(path));
    let is_requested = |route: &str| match &station {
        Some(Some(station)) => *station.route == *route,
        _ => true,
    };
    if let Some(None) = station {
        return unknown_route();
    }
    for (_, limiter) in stations.rescan_limiters.iter().filter(|(route, _)| is_requested(route)) {
        limiter.request(&stations.context);
    }
    routes::json(&json!({"status": "success", "message": "the playlist is read again"}))
}

async fn next(
    State(stations): State<Arc<Stations>>,
    Extension(connection): Extension<Arc<Connection>>,
    route: Option<Path<String>>,
    headers: HeaderMap,
) -> Response {
    command(&stations, &connection, route, &headers, |_| Some(Command::Next)).await
}

async fn previous(
    State(stations): State<Arc<Stations>>,
    Extension(connection): Extension<Arc<Connection>>,
    route: Option<Path<String>>,
    headers: HeaderMap,
) -> Response {
    command(&stations, &connection, route, &headers, |_| Some(Command::Previous)).await
}

async fn shuffle(
    State(stations): State<Arc<Stations>>,
    Extension(connection): Extension<Arc<Connection>>,
    route: Option<Path<String>>,
    headers: HeaderMap,
) -> Response {
    let shuffle = |station: &StationHandle| {
        station.queue.playlist.lock().shuffle();
        None
    };
    command(&stations, &connection, route, &headers, shuffle).await
}

/// Performs an action on a station for a client with the admin key.
async fn command(
    stations: &Arc<Stations>,
    connection: &Connection,
    route: Option<Path<String>>,
    headers: &HeaderMap,
    action: fn(&StationHandle) -> Option<Command>,
) -> Response {
    let (peer, now) = (connection.peer.ip(), stations.context.clock.now());
    match stations.admin.open_by(peer, headers, routes::bearer(headers), now) {
        Ok(()) => {}
        Err(Denied::Missing | Denied::Wrong) => {
            let problem = "the admin key ([radio] admin_key) is expected as a bearer token";
            return routes::challenging(failure(StatusCode::UNAUTHORIZED, problem));
        }
        Err(denied @ Denied::TooOften(_)) => return denied.answer(""),
    }
    let path = route.map(|Path(route)| route).unwrap_or_default();
    let Some(station) = stations.find(&path) else { return unknown_route() };
    if station.on_air.lock().source != SourceKind::Folder {
        return failure(StatusCode::CONFLICT, "the station does not play its folder");
    }
    if let Some(command) = action(&station)
        && station.commands.send(command).await.is_err()
    {
        return failure(StatusCode::SERVICE_UNAVAILABLE, "the station has ended");
    }
    routes::json(&json!({"status": "success", "message": "done", "route": *station.route}))
}

/// Sets the title of a live source, as Icecast does.
async fn metadata(
    State(stations): State<Arc<Stations>>,
    Extension(connection): Extension<Arc<Connection>>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Response {
    let password = live::password_of(headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok()));
    let (peer, now) = (connection.peer.ip(), stations.context.clock.now());
    match stations.source.open_by(peer, &headers, password.as_deref(), now) {
        Ok(()) => {}
        Err(Denied::Missing | Denied::Wrong) => {
            let challenge = [(WWW_AUTHENTICATE, "Basic realm=\"radio\"")];
            return (StatusCode::UNAUTHORIZED, challenge, "the source password is expected").into_response();
        }
        Err(denied @ Denied::TooOften(_)) => return denied.answer(""),
    }
    let query = query.unwrap_or_default();
    let mount = form_urlencoded::parse(query.as_bytes()).find(|(name, _)| name == "mount");
    let station = mount.and_then(|(_, mount)| stations.find(&mount));
    let (station, track) = match (station, live::track_of(&query)) {
        (None, _) => return icecast_response(StatusCode::NOT_FOUND, 0, "there is no such stream"),
        (_, None) => return icecast_response(StatusCode::BAD_REQUEST, 0, "a song is expected"),
        (Some(station), Some(track)) => (station, track),
    };
    if station.source_slot.set_title(track).await {
        icecast_response(StatusCode::OK, 1, "Metadata update successful")
    } else {
        icecast_response(StatusCode::BAD_REQUEST, 0, "Source does not exist")
    }
}

/// A response in Icecast's XML.
fn icecast_response(status: StatusCode, code: u8, message: &str) -> Response {
    let xml = format!(
        "<?xml version=\"1.0\"?>\n<iceresponse><message>{message}</message><return>{code}</return></iceresponse>\n"
    );
    (status, [(CONTENT_TYPE, "text/xml")], xml).into_response()
}

async fn icecast(State(stations): State<Arc<Stations>>, Base(base): Base) -> Response {
    routes::json_text(status::text(StatusDocument::Icecast, &stations, &base))
}

/// `/<route>.m3u`, `/<route>.pls`, `/<route>/index.m3u8` and its segments.
async fn playlist_file(
    State(stations): State<Arc<Stations>>,
    Path(path): Path<String>,
    Extension(connection): Extension<Arc<Connection>>,
    Base(base): Base,
    method: Method,
    headers: HeaderMap,
) -> Response {
    let is_read = [Method::GET, Method::HEAD].contains(&method);
    if let Some(hls_path) = HlsPath::parse(&path).filter(|_| stations.config.hls && is_read) {
        return hls_response(&stations, &hls_path, &connection, &headers).unwrap_or_else(not_found);
    }
    let (path, kind) = match path.rsplit_once('.') {
        Some((path, kind @ ("m3u" | "pls"))) => (path, kind),
        _ => (&*path, ""),
    };
    let Some(station) = stations.find(path) else { return not_found() };
    if method == Method::PUT || method.as_str() == "SOURCE" {
        // Its stream comes by a way of its own, which a connection that has served others is not.
        let response = failure(StatusCode::SERVICE_UNAVAILABLE, "a source needs a connection of its own");
        return ([(CONNECTION, "close")], response).into_response();
    }
    if !is_read {
        let response = failure(StatusCode::METHOD_NOT_ALLOWED, "method not allowed");
        return ([(ALLOW, "GET, HEAD")], response).into_response();
    }
    let url = format!("{base}{}", encoded(&station.route));
    let name = station_name(&stations.config, &station.route);
    let (media_type, text) = match kind {
        "m3u" => ("audio/x-mpegurl", format!("#EXTM3U\n#EXTINF:-1,{name}\n{url}\n")),
        "pls" => {
            let text =
                format!("[playlist]\nNumberOfEntries=1\nFile1={url}\nTitle1={name}\nLength1=-1\nVersion=2\n");
            ("audio/x-scpls", text)
        }
        _ => return not_found(),
    };
    ([(CONTENT_TYPE, media_type), (CACHE_CONTROL, "no-store")], text).into_response()
}

/// An HLS playlist, whose fetch makes the client a listener, or a segment.
fn hls_response(
    stations: &Stations,
    hls_path: &HlsPath<'_>,
    connection: &Connection,
    headers: &HeaderMap,
) -> Option<Response> {
    match hls_path {
        HlsPath::Playlist(route) => {
            let station = stations.find(route)?;
            if stations.config.stream_mode == StreamMode::Individual {
                let message = "there is no HLS where each listener has an order of its own";
                return Some(failure(StatusCode::NOT_FOUND, message));
            }
            let address = client(connection.peer.ip(), headers, &stations.public_url.trusted);
            let agent = headers.get(USER_AGENT).map(HeaderValue::as_bytes).unwrap_or_default();
            let now = stations.context.clock.now();
            station.hls_listeners.record(address, agent, stations.limits.per_station, now);
            Some(hls::playlist(&station))
        }
        HlsPath::Segment(route, name) => hls::segment(&stations.find(route)?, name),
    }
}

fn failure(status: StatusCode, message: &str) -> Response {
    (status, axum::Json(json!({"status": "error", "message": message}))).into_response()
}

fn unknown_route() -> Response {
    failure(StatusCode::NOT_FOUND, "there is no such stream")
}

fn not_found() -> Response {
    failure(StatusCode::NOT_FOUND, "not found")
}
