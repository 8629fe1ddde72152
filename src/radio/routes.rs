//! The HTTP routes besides the streams: status in JSON and as events, playlist files, HLS, commands, and the page.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::{Path, Query, Request, State};
use axum::middleware::map_response;
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::{any, get, post};
use axum::{Extension, Router};
use bytes::Bytes;
use http::header::{ALLOW, CACHE_CONTROL, CONNECTION, CONTENT_TYPE, USER_AGENT};
use http::{HeaderMap, HeaderValue, Method, StatusCode};
use serde::Deserialize;
use serde_json::json;
use tokio::time::{sleep, timeout};
use tower::util::MapRequest;

use super::StreamMode;
use super::about::About;
use super::answers::{failure, not_found, unknown_route};
use super::library::track::Track;
use super::output::hls::{self, HlsPath};
use super::output::hls_listeners::Fetcher;
use super::output::listener::is_exempt;
use super::output::status;
use super::output::status_cache::StatusDocument;
use super::paths::encoded;
use super::protocol::{NowPlaying, PlayedTrack, RequestCount, ShowReports, UpcomingTrack};
use super::sources::source_slot::SourceKind;
use super::station_handle::{Command, HistoryEntry, StationHandle};
use super::stations::Stations;
use super::visitor::{Base, Visitor};
use super::{covers, icecast, pages, podcast, requests};
use crate::http::address::client;
use crate::http::connection::Connection;
use crate::http::keys::{AccessKey, Denied};
use crate::http::origin::AllowedOrigins;
use crate::http::problem::with_problems;
use crate::http::{layers, routes};

/// An event describes every station: `event_interval` grows by itself with each further such number of stations.
const STATIONS_PER_INTERVAL: u32 = 50;

/// The most stations that `/readyz` names: people read it, and probes keep a line of it.
const MAX_NAMED: usize = 20;

/// An idle event stream gets a comment this often: proxies close connections that are idle for a minute.
const KEEP_ALIVE: Duration = Duration::from_secs(20);

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
pub fn router(stations: &Arc<Stations>, admin: Router, metrics: AccessKey) -> Router {
    let pages = Router::new()
        .route("/", get(pages::directory))
        .route("/web", get(pages::directory))
        // The page loads its assets by relative paths, whatever prefix a proxy adds.
        .route("/web/", get(|| async { Redirect::permanent("../web") }))
        .route("/web/{*route}", get(pages::station))
        .merge(with_problems(Router::new().route("/assets/{*path}", get(pages::asset))))
        .route("/streams", get(streams))
        .route("/now-playing", get(now_playing))
        .route("/history", get(history))
        .route("/events", get(events))
        .route("/reload-playlist", get(reload).post(reload))
        .route("/status-json.xsl", get(icecast_status))
        .route("/healthz", get(|| async { "ok" }))
        .merge(routes::health(stations.context.clock))
        .merge(podcast::router())
        .route("/{*path}", any(file))
        .method_not_allowed_fallback(method_not_allowed)
        .with_state(Arc::clone(stations));
    let operators = Router::new()
        .route("/next-track", post(next))
        .route("/next-track/{*route}", post(next))
        .route("/prev-track", post(previous))
        .route("/prev-track/{*route}", post(previous))
        .route("/shuffle-playlist", post(shuffle))
        .route("/shuffle-playlist/{*route}", post(shuffle))
        .method_not_allowed_fallback(method_not_allowed)
        .with_state(Arc::clone(stations))
        .merge(icecast::router(stations))
        .merge(requests::routes::router(stations))
        .merge(admin);
    let anyone = AllowedOrigins::new(&["*".to_owned()]);
    let router =
        layers::with_common_layers(pages, Router::new(), operators, &anyone, metrics, &stations.context);
    let ready =
        with_problems(Router::new().route("/readyz", get(readiness))).with_state(Arc::clone(stations));
    let router = Router::new().fallback_service(router).merge(ready).layer(map_response(pages::open_frames));
    Router::new().fallback_service(MapRequest::new(router, with_normalized_path))
}

/// Collapses repeated slashes and removes trailing ones, except those of pages.
fn with_normalized_path(mut request: Request) -> Request {
    let path = request.uri().path();
    // The page of a station depends on its address as the browser has it.
    let is_exact = ["/", "/admin/"].contains(&path) || path.starts_with("/web/");
    if is_exact || !(path.contains("//") || path.ends_with('/')) {
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
    let starting: Vec<String> =
        stations.starting().take(MAX_NAMED).map(|station| named(&stations, station)).collect();
    if !starting.is_empty() {
        return layers::not_ready(format!("not on the air yet: {}", starting.join(", ")));
    }
    let name = |station: &StationHandle| named(&stations, station);
    let remark = |station: &StationHandle| Some(format!("{}: {}", name(station), station.queue.remark()?));
    let remarks: Vec<String> = stations.all.values().filter_map(remark).take(MAX_NAMED).collect();
    layers::readiness(&stations.context, remarks)
}

/// A station's route, unless it needs a key.
fn named(stations: &Stations, station: &StationHandle) -> String {
    let is_private = stations.listener_keys.is_private(&station.route);
    if is_private { "a station with a key".to_owned() } else { station.route.to_string() }
}

async fn streams(State(stations): State<Arc<Stations>>, Base(base): Base, visitor: Visitor) -> Response {
    status_document(StatusDocument::Streams, &stations, &base, &visitor)
}

fn status_document(document: StatusDocument, stations: &Stations, base: &str, visitor: &Visitor) -> Response {
    match visitor.opened(stations) {
        Ok(opened) => routes::json_text(status::text(document, stations, base, opened.as_ref())),
        Err(denied) => *denied,
    }
}

async fn now_playing(
    State(stations): State<Arc<Stations>>,
    Base(base): Base,
    Query(query): Query<RouteQuery>,
    visitor: Visitor,
) -> Response {
    let station = match visitor.find(&stations, query.path()) {
        Ok(station) => station,
        Err(denied) => return *denied,
    };
    let now = stations.context.clock.now();
    let on_air = station.on_air.lock().clone();
    let (shows, dj) = (ShowReports::of(&on_air), on_air.dj());
    let queue = on_air.show_queue.as_ref().unwrap_or(&station.queue);
    let next = queue.next_file();
    let next_track = UpcomingTrack::of(on_air.source, queue);
    let track = on_air.track;
    let of_track = |word: fn(&Track) -> &str| track.as_deref().map(word).unwrap_or_default().to_owned();
    routes::json(&NowPlaying {
        status: "success",
        route: station.route.to_string(),
        track: of_track(|track| &track.file),
        title: of_track(|track| &track.title),
        artist: of_track(|track| &track.artist),
        album: of_track(|track| &track.album),
        year: track.as_ref().and_then(|track| track.year),
        cover: track.as_ref().and_then(|track| track.cover).map(|id| format!("{base}{}", covers::path(id))),
        started_at: track.as_ref().map_or(0.0, |_| stations.unix_seconds(on_air.started_at)),
        elapsed_seconds: track.as_ref().map_or(0.0, |_| now.since(on_air.started_at).as_secs_f64()),
        duration_seconds: track.and_then(|track| track.duration_seconds),
        burst_seconds: stations.config.burst_seconds,
        next,
        next_track,
        listeners: stations.n_listeners(&station),
        source: on_air.source,
        dj,
        shows,
        requests: RequestCount::of(&station),
    })
}

async fn history(
    State(stations): State<Arc<Stations>>,
    Base(base): Base,
    Query(query): Query<RouteQuery>,
    visitor: Visitor,
) -> Response {
    let station = match visitor.find(&stations, query.path()) {
        Ok(station) => station,
        Err(denied) => return *denied,
    };
    let history = station.on_air.lock().history.clone();
    let report = |entry: HistoryEntry| PlayedTrack {
        cover: entry.track.cover.map(|id| format!("{base}{}", covers::path(id))),
        track: entry.track,
        started_at: stations.unix_seconds(entry.started_at),
        dj: entry.dj,
    };
    let history: Vec<PlayedTrack> = history.into_iter().map(report).collect();
    routes::json(&json!({"status": "success", "route": *station.route, "history": history}))
}

/// The status of all stations whenever it changes, as server-sent events.
async fn events(State(stations): State<Arc<Stations>>, Base(base): Base, visitor: Visitor) -> Response {
    let opened = match visitor.opened(&stations) {
        Ok(opened) => opened.map(Arc::new),
        Err(denied) => return *denied,
    };
    let mut changes = stations.changes.subscribe();
    changes.mark_changed();
    let pause = stations.config.event_interval * (1 + stations.all.len() as u32 / STATIONS_PER_INTERVAL);
    let stream = futures_util::stream::unfold((stations, changes), move |(stations, mut changes)| {
        let (base, opened) = (base.clone(), opened.clone());
        async move {
            let context = stations.context.clone();
            let text = tokio::select! {
                () = context.stopping() => return None,
                update = timeout(KEEP_ALIVE, changes.changed()) => match update {
                    Ok(update) => {
                        update.ok()?;
                        let text = status::text(StatusDocument::Events, &stations, &base, opened.as_deref());
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

async fn reload(
    State(stations): State<Arc<Stations>>,
    Query(query): Query<RouteQuery>,
    visitor: Visitor,
) -> Response {
    let station = match query.route.as_deref().map(|path| visitor.find(&stations, path)).transpose() {
        Ok(station) => station,
        Err(denied) => return *denied,
    };
    let is_requested = |route: &str| station.as_ref().is_none_or(|station| *station.route == *route);
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
    match stations.admin.verify_request(peer, headers, routes::bearer(headers), now) {
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

async fn icecast_status(
    State(stations): State<Arc<Stations>>,
    Base(base): Base,
    visitor: Visitor,
) -> Response {
    status_document(StatusDocument::Icecast, &stations, &base, &visitor)
}

/// `/cover/<id>`, `/<route>.m3u`, `/<route>.pls`, `/<route>/index.m3u8` and its segments.
async fn file(
    State(stations): State<Arc<Stations>>,
    Path(path): Path<String>,
    Extension(connection): Extension<Arc<Connection>>,
    Base(base): Base,
    visitor: Visitor,
    method: Method,
    headers: HeaderMap,
) -> Response {
    let is_read = [Method::GET, Method::HEAD].contains(&method);
    if let Some(id) = covers::id_in(&path).filter(|_| is_read) {
        return covers::answer(&stations, id, &visitor, &headers).await;
    }
    if let Some(hls_path) = HlsPath::parse(&path).filter(|_| stations.config.hls && is_read) {
        let response = hls_response(&stations, &hls_path, &connection, &visitor, &headers).await;
        return response.unwrap_or_else(not_found);
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
        return ([(ALLOW, "GET, HEAD")], method_not_allowed().await).into_response();
    }
    if kind.is_empty() {
        return not_found();
    }
    if let Err(denied) = visitor.find(&stations, path) {
        return *denied;
    }
    let query = visitor.query_for(&stations, &station).unwrap_or_default();
    let url = format!("{base}{}{query}", encoded(&station.route));
    let name = &station.about.name;
    let (media_type, text) = match kind {
        "m3u" => ("audio/x-mpegurl", m3u(&station.about, &url)),
        "pls" => {
            let text =
                format!("[playlist]\nNumberOfEntries=1\nFile1={url}\nTitle1={name}\nLength1=-1\nVersion=2\n");
            ("audio/x-scpls", text)
        }
        _ => return not_found(),
    };
    ([(CONTENT_TYPE, media_type), (CACHE_CONTROL, "no-store")], text).into_response()
}

/// A playlist of one entry. Only those of configured stations say more than the name.
fn m3u(About { name, genre, language, is_configured, .. }: &About, url: &str) -> String {
    if !is_configured {
        return format!("#EXTM3U\n#EXTINF:-1,{name}\n{url}\n");
    }
    let language = match language.replace('"', "'") {
        language if language.is_empty() => language,
        language => format!(" tvg-language=\"{language}\""),
    };
    format!("#EXTM3U\n#PLAYLIST:{name}\n#EXTGENRE:{genre}\n#EXTINF:-1{language},{name}\n{url}\n")
}

/// An HLS playlist, whose fetch makes the client a listener, or a segment.
async fn hls_response(
    stations: &Stations,
    hls_path: &HlsPath<'_>,
    connection: &Connection,
    visitor: &Visitor,
    headers: &HeaderMap,
) -> Option<Response> {
    let route = hls_path.station_route();
    let station = stations.find(route)?;
    if let Err(denied) = visitor.find(stations, route) {
        return Some(*denied);
    }
    let query = visitor.query_for(stations, &station);
    match hls_path {
        HlsPath::Playlist(_) | HlsPath::Variant(..) => {
            if stations.config.stream_mode == StreamMode::Individual {
                let message = "there is no HLS where each listener has an order of its own";
                return Some(failure(StatusCode::NOT_FOUND, message));
            }
            let trusted = &stations.public_url.trusted;
            let address = client(connection.peer.ip(), headers, trusted);
            let agent = headers.get(USER_AGENT).map(HeaderValue::as_bytes).unwrap_or_default();
            let now = stations.context.clock.now();
            let origin = || stations.addresses.origin(address, stations.context.clock.wall());
            let fetcher = Fetcher { address, agent, is_exempt: is_exempt(address, trusted) };
            station.hls_listeners.record(fetcher, stations.limits, now, origin);
            hls::start_variants(&station, &stations.config, now).await;
            match hls_path {
                HlsPath::Variant(_, name) => hls::variant(&station, name, query.as_deref()),
                _ => Some(hls::playlist(&station, query.as_deref())),
            }
        }
        HlsPath::Segment(_, name) => hls::segment(&station, name, query.is_some()),
    }
}

/// The answer to a method that a path of the contract does not support.
async fn method_not_allowed() -> Response {
    failure(StatusCode::METHOD_NOT_ALLOWED, "method not allowed")
}
