//! Everything but the sound: what plays in JSON and as events, playlist files, orders, and the page.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::{Path, Query, RawQuery, State};
use axum::response::{IntoResponse, Response};
use axum::routing::{any, get, post};
use axum::{Extension, Router};
use http::header::{AUTHORIZATION, CACHE_CONTROL, CONTENT_TYPE, HOST, USER_AGENT, WWW_AUTHENTICATE};
use http::{HeaderMap, HeaderValue, StatusCode};
use rust_embed::Embed;
use serde::Deserialize;
use serde_json::json;

use super::handle::{Handle, Order};
use super::hls::{self, Wanted};
use super::live;
use super::microphone::Origin;
use super::protocol::{NowPlaying, StreamReport, station_of};
use super::stations::Stations;
use crate::http::address::client;
use crate::http::connection::Connection;
use crate::http::origin::AllowedOrigins;
use crate::http::{assets, routes};
use crate::secret::Secret;

/// Events go out no more often than this: a crowd that comes is one event.
const EVENT_PAUSE: Duration = Duration::from_millis(250);

/// The page and everything that it loads.
#[derive(Embed)]
#[folder = "assets/radio/"]
struct Assets;

/// Which station is meant.
#[derive(Debug, Deserialize)]
struct Which {
    route: Option<String>,
}

impl Which {
    fn route(&self) -> String {
        station_of(self.route.as_deref().unwrap_or("/"))
    }
}

/// The routes of every request that is not for sound.
pub fn router(stations: &Arc<Stations>, metrics_token: Secret) -> Router {
    let pages = Router::new()
        .route("/", get(page))
        .route("/web", get(page))
        .route("/assets/{*path}", get(asset))
        .route("/streams", get(streams))
        .route("/now-playing", get(now_playing))
        .route("/history", get(history))
        .route("/events", get(events))
        .route("/reload-playlist", get(reload).post(reload))
        .route("/next-track", post(next))
        .route("/next-track/{*route}", post(next))
        .route("/next-track/", post(next))
        .route("/prev-track", post(previous))
        .route("/prev-track/", post(previous))
        .route("/prev-track/{*route}", post(previous))
        .route("/shuffle-playlist", post(shuffle))
        .route("/shuffle-playlist/", post(shuffle))
        .route("/shuffle-playlist/{*route}", post(shuffle))
        .route("/status-json.xsl", get(icecast))
        .route("/admin/metadata", get(metadata))
        .route("/healthz", get(|| async { "ok" }))
        .route("/{*path}", any(playlist_file))
        .with_state(Arc::clone(stations));
    let anyone = AllowedOrigins::new(&["*".to_owned()]);
    let router = routes::surround(pages, &anyone, metrics_token, &stations.context);
    let ready = Router::new().route("/readyz", get(readiness)).with_state(Arc::clone(stations));
    Router::new().fallback_service(router).merge(ready)
}

async fn readiness(State(stations): State<Arc<Stations>>) -> Response {
    if stations.context.is_stopping() {
        return (StatusCode::SERVICE_UNAVAILABLE, "stopping").into_response();
    }
    if !stations.are_on_air() {
        return (StatusCode::SERVICE_UNAVAILABLE, "a station is not on the air yet").into_response();
    }
    "ready".into_response()
}

async fn page(headers: HeaderMap) -> Response {
    assets::page::<Assets>("index.html", &headers).unwrap_or_else(not_found)
}

async fn asset(Path(path): Path<String>, headers: HeaderMap) -> Response {
    assets::file::<Assets>(&path, &headers).unwrap_or_else(not_found)
}

async fn streams(State(stations): State<Arc<Stations>>, headers: HeaderMap) -> Response {
    let streams = reports(&stations, &origin(&headers));
    routes::json(
        &json!({"status": "success", "message": format!("{} streams", streams.len()), "streams": streams}),
    )
}

async fn now_playing(State(stations): State<Arc<Stations>>, Query(which): Query<Which>) -> Response {
    let Some(station) = stations.find(&which.route()) else { return unknown_route() };
    let now = stations.context.clock.now();
    let on_air = station.on_air.lock().clone();
    let track = on_air.track;
    let of_track =
        |word: fn(&super::track::Track) -> &str| track.as_deref().map(word).unwrap_or_default().to_owned();
    routes::json(&NowPlaying {
        status: "success",
        route: station.route.to_string(),
        track: of_track(|track| &track.file),
        title: of_track(|track| &track.title),
        artist: of_track(|track| &track.artist),
        started_at: on_air.started_at.as_millis_f64() / 1000.0,
        elapsed_seconds: track.as_ref().map_or(0.0, |_| now.since(on_air.started_at).as_secs_f64()),
        duration_seconds: track.and_then(|track| track.duration_seconds),
        burst_seconds: stations.config.burst_seconds,
        next: station.shelf.next_file(),
        listeners: stations.listeners(&station),
        source: on_air.origin,
    })
}

async fn history(State(stations): State<Arc<Stations>>, Query(which): Query<Which>) -> Response {
    let Some(station) = stations.find(&which.route()) else { return unknown_route() };
    let history = station.on_air.lock().history.clone();
    routes::json(&json!({"status": "success", "route": *station.route, "history": history}))
}

/// What changes, as it changes: the whole of it each time, so that nobody has to put parts together.
async fn events(State(stations): State<Arc<Stations>>, headers: HeaderMap) -> Response {
    let mut changes = stations.changes.subscribe();
    changes.mark_changed();
    let origin = origin(&headers);
    let stream = futures_util::stream::unfold((stations, changes), move |(stations, mut changes)| {
        let origin = origin.clone();
        async move {
            let stop = stations.context.clone();
            tokio::select! {
                () = stop.stopping() => return None,
                news = changes.changed() => news.ok()?,
            }
            let event = json!({
                "now": stations.context.clock.now().as_millis_f64() / 1000.0,
                "burst_seconds": stations.config.burst_seconds,
                "streams": reports(&stations, &origin),
            });
            let text = format!("data: {event}\n\n");
            tokio::time::sleep(EVENT_PAUSE).await;
            Some((Ok::<_, Infallible>(text), (stations, changes)))
        }
    });
    let headers = [(CONTENT_TYPE, "text/event-stream"), (CACHE_CONTROL, "no-store")];
    (headers, Body::from_stream(stream)).into_response()
}

async fn reload(State(stations): State<Arc<Stations>>, Query(which): Query<Which>) -> Response {
    let route = which.route.as_deref().map(station_of);
    if route.as_ref().is_some_and(|route| !stations.all.contains_key(route)) {
        return unknown_route();
    }
    for (_, rescan) in
        stations.rescans.iter().filter(|(known, _)| route.as_ref().is_none_or(|route| route == *known))
    {
        // A word that waits already is as good as two.
        let _ = rescan.try_send(());
    }
    routes::json(&json!({"status": "success", "message": "the playlist is read again"}))
}

async fn next(
    State(stations): State<Arc<Stations>>,
    route: Option<Path<String>>,
    headers: HeaderMap,
) -> Response {
    command(&stations, route, &headers, |_| Some(Order::Next)).await
}

async fn previous(
    State(stations): State<Arc<Stations>>,
    route: Option<Path<String>>,
    headers: HeaderMap,
) -> Response {
    command(&stations, route, &headers, |_| Some(Order::Previous)).await
}

async fn shuffle(
    State(stations): State<Arc<Stations>>,
    route: Option<Path<String>>,
    headers: HeaderMap,
) -> Response {
    let order = |station: &Handle| {
        station.shelf.playlist.lock().shuffle();
        None
    };
    command(&stations, route, &headers, order).await
}

async fn command(
    stations: &Arc<Stations>,
    route: Option<Path<String>>,
    headers: &HeaderMap,
    order: fn(&Handle) -> Option<Order>,
) -> Response {
    if !routes::bearer(headers).is_some_and(|key| stations.admin_key.is(key)) {
        return failure(StatusCode::UNAUTHORIZED, "the admin key is expected as a bearer token");
    }
    let route = station_of(&route.map(|Path(route)| route).unwrap_or_default());
    let Some(station) = stations.find(&route) else { return unknown_route() };
    if station.on_air.lock().origin != Origin::Folder {
        return failure(StatusCode::CONFLICT, "the station does not play its folder");
    }
    if let Some(order) = order(&station)
        && station.orders.send(order).await.is_err()
    {
        return failure(StatusCode::SERVICE_UNAVAILABLE, "the station has ended");
    }
    routes::json(&json!({"status": "success", "message": "done", "route": route}))
}

/// A live source names what it plays, as it would to Icecast.
async fn metadata(
    State(stations): State<Arc<Stations>>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Response {
    let authorization = headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok());
    if !live::brings(authorization, &stations.source_password) {
        let challenge = [(WWW_AUTHENTICATE, "Basic realm=\"radio\"")];
        return (StatusCode::UNAUTHORIZED, challenge, "the source password is expected").into_response();
    }
    let query = query.unwrap_or_default();
    let mount = form_urlencoded::parse(query.as_bytes()).find(|(name, _)| name == "mount");
    let station = mount.and_then(|(_, mount)| stations.find(&station_of(&mount)));
    let (station, track) = match (station, live::named(&query)) {
        (None, _) => return told(StatusCode::NOT_FOUND, 0, "there is no such stream"),
        (_, None) => return told(StatusCode::BAD_REQUEST, 0, "a song is expected"),
        (Some(station), Some(track)) => (station, track),
    };
    if station.microphone.name(track).await {
        told(StatusCode::OK, 1, "Metadata update successful")
    } else {
        told(StatusCode::BAD_REQUEST, 0, "Source does not exist")
    }
}

/// An answer in Icecast's XML.
fn told(status: StatusCode, code: u8, message: &str) -> Response {
    let xml = format!(
        "<?xml version=\"1.0\"?>\n<iceresponse><message>{message}</message><return>{code}</return></iceresponse>\n"
    );
    (status, [(CONTENT_TYPE, "text/xml")], xml).into_response()
}

/// Listener statistics as Icecast gives them.
async fn icecast(State(stations): State<Arc<Stations>>, headers: HeaderMap) -> Response {
    let origin = origin(&headers);
    let source = |station: &Handle| {
        let on_air = station.on_air.lock().clone();
        json!({
            "server_name": stations.config.name,
            "server_description": stations.config.description,
            "genre": stations.config.genre,
            "server_type": "audio/mpeg",
            "bitrate": on_air.bitrate_kbps,
            "samplerate": on_air.format.map_or(0, |format| format.rate),
            "channels": on_air.format.map_or(0, |format| format.channels),
            "listeners": stations.listeners(station),
            "listener_peak": on_air.peak_listeners,
            "title": on_air.track.map(|track| track.display()).unwrap_or_default(),
            "listenurl": format!("{origin}{}", station.route),
        })
    };
    let sources: Vec<_> = stations.all.values().map(source).collect();
    routes::json(&json!({"icestats": {
        "server_id": format!("roomhub {}", env!("CARGO_PKG_VERSION")),
        "host": origin,
        "source": sources,
    }}))
}

/// `/<route>.m3u`, `/<route>.pls`, `/<route>/index.m3u8` and its segments.
async fn playlist_file(
    State(stations): State<Arc<Stations>>,
    Path(path): Path<String>,
    Extension(connection): Extension<Arc<Connection>>,
    headers: HeaderMap,
) -> Response {
    if let Some(wanted) = Wanted::of(&path).filter(|_| stations.config.hls) {
        return segmented(&stations, &wanted, &connection, &headers).unwrap_or_else(not_found);
    }
    let Some((route, kind)) = path.rsplit_once('.') else { return not_found() };
    let route =
        if route == "index" && !stations.all.contains_key("/index") { "/".into() } else { station_of(route) };
    let Some(station) = stations.find(&route) else { return not_found() };
    let url = format!("{}{}", origin(&headers), station.route);
    let name = stations.config.name.replace(['\r', '\n'], " ");
    let (media_type, text) = match kind {
        "m3u" => ("audio/x-mpegurl", format!("#EXTM3U\n#EXTINF:-1,{name}\n{url}\n")),
        "pls" => {
            let text =
                format!("[playlist]\nNumberOfEntries=1\nFile1={url}\nTitle1={name}\nLength1=-1\nVersion=2\n");
            ("audio/x-scpls", text)
        }
        _ => return not_found(),
    };
    ([(CONTENT_TYPE, media_type)], text).into_response()
}

/// A list of segments, which makes whoever fetches it a listener, or one of them.
fn segmented(
    stations: &Stations,
    wanted: &Wanted<'_>,
    connection: &Connection,
    headers: &HeaderMap,
) -> Option<Response> {
    match wanted {
        Wanted::List(route) => {
            let station = stations.find(&station_of(route))?;
            let address = client(connection.peer.ip(), headers, &stations.trusted);
            let agent = headers.get(USER_AGENT).map(HeaderValue::as_bytes).unwrap_or_default();
            let now = stations.context.clock.now();
            station.audience.note(address, agent, stations.most.per_station, now);
            Some(hls::list(&station))
        }
        Wanted::Segment(route, name) => hls::segment(&stations.find(&station_of(route))?, name),
    }
}

fn reports(stations: &Stations, origin: &str) -> Vec<StreamReport> {
    let now = stations.context.clock.now();
    let report = |station: &Handle| {
        let on_air = station.on_air.lock().clone();
        let track = on_air.track;
        let track = track.as_deref().cloned().unwrap_or_default();
        let is_on_air = !track.file.is_empty();
        StreamReport {
            route: station.route.to_string(),
            url: format!("{origin}{}", station.route),
            current_track: track.file,
            listeners: stations.listeners(station),
            title: track.title,
            artist: track.artist,
            elapsed_seconds: if is_on_air { now.since(on_air.started_at).as_secs_f64() } else { 0.0 },
            duration_seconds: track.duration_seconds,
            bitrate_kbps: on_air.bitrate_kbps,
            source: on_air.origin,
            skipped: station.shelf.skipped.lock().iter().cloned().collect(),
            tracks: station.shelf.playlist.lock().n_tracks(),
            scan: *station.shelf.scan.lock(),
        }
    };
    stations.all.values().map(report).collect()
}

/// This service as the request names it.
fn origin(headers: &HeaderMap) -> String {
    let host = headers.get(HOST).and_then(|host| host.to_str().ok()).unwrap_or("localhost");
    let scheme = headers.get("x-forwarded-proto").and_then(|scheme| scheme.to_str().ok()).unwrap_or("http");
    format!("{}://{host}", if scheme == "https" { "https" } else { "http" })
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
