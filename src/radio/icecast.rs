//! The administration interface of Icecast 2.4, for its tools: titles of live sources, with the source password or the admin key;
//! statistics, mounts and listeners in XML, with the admin key as the password of the user `admin`.

use std::fmt::Write as _;
use std::sync::Arc;

use axum::extract::{FromRequestParts, RawQuery, State};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Extension, Router};
use http::header::{AUTHORIZATION, CONTENT_TYPE, WWW_AUTHENTICATE};
use http::request::Parts;
use http::{HeaderMap, StatusCode};
use url::Url;

use super::djs::SOURCE;
use super::output::audience::ListenerOrder;
use super::output::status::started;
use super::paths::encoded;
use super::sources::live;
use super::sources::login::password_of;
use super::stations::Stations;
use super::visitor::Base;
use super::xml::escaped;
use super::{StreamMode, yp};
use crate::audio::format::Format;
use crate::audio::streams::{Codec, Encoding};
use crate::http::connection::Connection;
use crate::http::keys::{AccessKey, Denied};
use crate::http::local::is_of_foreign_site;
use crate::http::routes::bearer;

/// The user name of operators.
const ADMIN: &str = "admin";

/// What Icecast answers where a mount is asked for that it does not have.
pub const NO_SOURCE: &str = "Source does not exist";

/// The routes below `/admin`.
pub fn router(stations: &Arc<Stations>) -> Router {
    Router::new()
        .route("/admin/metadata", get(metadata))
        .route("/admin/updatemetadata", get(title_form))
        .route("/admin/fallbacks", get(fallbacks))
        .route("/admin/stats", get(stats))
        .route("/admin/listmounts", get(list_mounts))
        .route("/admin/streamlist", get(list_mounts))
        .route("/admin/listclients", get(list_clients))
        .route("/admin/killclient", get(kill_client))
        .route("/admin/moveclients", get(move_clients))
        .with_state(Arc::clone(stations))
}

/// Whoever brought the admin key.
pub struct Operator;

impl FromRequestParts<Arc<Stations>> for Operator {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, stations: &Arc<Stations>) -> Result<Self, Response> {
        let connection = parts.extensions.get::<Arc<Connection>>();
        let connection = connection.ok_or_else(|| StatusCode::INTERNAL_SERVER_ERROR.into_response())?;
        open(stations, &stations.admin, ADMIN, connection, &parts.headers).map_err(|denied| *denied)?;
        Ok(Self)
    }
}

/// The path of the mount that the query names. Comes after `Operator`: nobody else is told which mounts there are.
struct NamedMount(Arc<str>);

impl FromRequestParts<Arc<Stations>> for NamedMount {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, stations: &Arc<Stations>) -> Result<Self, Response> {
        let path = mount(stations, parts.uri.query());
        path.map(Self).ok_or_else(|| response(StatusCode::BAD_REQUEST, 0, NO_SOURCE))
    }
}

/// A stream that listeners hear.
struct MountInfo {
    path: Arc<str>,
    name: String,
    description: String,
    genre: String,
    encoding: Encoding,
    format: Format,
    peak: usize,
    is_public: bool,
    title: String,
    artist: String,
}

/// Sets the title of a live source.
async fn metadata(
    State(stations): State<Arc<Stations>>,
    Extension(connection): Extension<Arc<Connection>>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Response {
    if is_of_foreign_site(&headers) {
        return foreign();
    }
    let authorization = headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok());
    // Operators set the title of any source, as whoever has the source password does. A DJ may have their name.
    let is_dj = stations.config.djs.iter().any(|dj| dj.name == ADMIN);
    let dj = if !is_dj && password_of(authorization, ADMIN).is_some() {
        match open(&stations, &stations.admin, ADMIN, &connection, &headers) {
            Ok(()) => None,
            Err(denied) => return *denied,
        }
    } else {
        let now = stations.context.clock.now();
        match stations.logins.login_by(connection.peer.ip(), &headers, now) {
            Ok(who) => who.dj().cloned(),
            Err(denied) => return keyless(denied, SOURCE),
        }
    };
    let query = query.unwrap_or_default();
    let Some(station) = parameter(&query, "mount").and_then(|mount| stations.find(&mount)) else {
        return response(StatusCode::BAD_REQUEST, 0, NO_SOURCE);
    };
    if parameter(&query, "mode").is_some_and(|mode| mode != "updinfo") {
        return response(StatusCode::OK, 0, "No such action");
    }
    let Some(track) = live::track_of(&query) else {
        return response(StatusCode::BAD_REQUEST, 0, "a song is expected");
    };
    if station.source_slot.set_title(track, dj.as_ref()).await {
        response(StatusCode::OK, 1, "Metadata update successful")
    } else {
        response(StatusCode::BAD_REQUEST, 0, NO_SOURCE)
    }
}

/// What a form for titles is made of: the mount, if there is one.
async fn title_form(_: Operator, NamedMount(path): NamedMount) -> Response {
    let mut inner = String::new();
    source(&mut inner, &path, "");
    document(&inner)
}

/// Refuses to set a fallback: it is the station's folder.
async fn fallbacks(_: Operator, _: NamedMount) -> Response {
    response(StatusCode::BAD_REQUEST, 0, "the fallback of a station is its folder")
}

/// Statistics of the server and of all mounts, or of the one that the query names.
async fn stats(
    State(stations): State<Arc<Stations>>,
    _: Operator,
    Base(base): Base,
    RawQuery(query): RawQuery,
) -> Response {
    let mounts = mounts(&stations);
    let is_asked_for = query.as_deref().is_some_and(|query| parameter(query, "mount").is_some());
    let wanted = mount(&stations, query.as_deref());
    if is_asked_for && wanted.is_none() {
        return response(StatusCode::BAD_REQUEST, 0, NO_SOURCE);
    }
    let n_listeners: usize = mounts.iter().map(|mount| stations.audience.count(&mount.path)).sum();
    let [started, started_iso] = started(&stations);
    let host = Url::parse(&base).ok().and_then(|url| url.host_str().map(str::to_owned));
    let mut inner = elements(&[
        ("clients", n_listeners.to_string()),
        ("host", host.unwrap_or_default()),
        ("listener_connections", stations.audience.n_joined().to_string()),
        ("listeners", n_listeners.to_string()),
        ("server_id", concat!("roomhub ", env!("CARGO_PKG_VERSION")).to_owned()),
        ("server_start", started.clone()),
        ("server_start_iso8601", started_iso.clone()),
        ("sources", mounts.len().to_string()),
    ]);
    for mount in mounts.iter().filter(|mount| wanted.as_ref().is_none_or(|wanted| mount.path == *wanted)) {
        let (rate, channels) = (mount.encoding.rate(mount.format), mount.format.channels);
        let content = [
            ("genre", mount.genre.clone()),
            ("listener_peak", mount.peak.to_string()),
            ("listeners", stations.audience.count(&mount.path).to_string()),
            ("public", u8::from(mount.is_public).to_string()),
            ("server_description", mount.description.clone()),
            ("server_name", mount.name.clone()),
            ("server_type", media_type(mount.encoding).to_owned()),
            ("bitrate", mount.encoding.kbps.to_string()),
            ("ice-bitrate", mount.encoding.kbps.to_string()),
            ("samplerate", rate.to_string()),
            ("channels", channels.to_string()),
            ("audio_info", format!("samplerate={rate};channels={channels};bitrate={}", mount.encoding.kbps)),
            ("listenurl", format!("{base}{}", encoded(&mount.path))),
            ("max_listeners", stations.limits.per_station.to_string()),
            ("slow_listeners", "0".to_owned()),
            ("stream_start", started.clone()),
            ("stream_start_iso8601", started_iso.clone()),
            ("total_bytes_sent", stations.audience.n_bytes(&mount.path).to_string()),
            ("artist", mount.artist.clone()),
            ("title", mount.title.clone()),
            ("yp_currently_playing", mount.title.clone()),
        ];
        let subtype = subtype(mount.encoding.codec).map(|subtype| ("subtype", subtype.to_owned()));
        source(&mut inner, &mount.path, &format!("{}{}", elements(&content), elements(subtype.as_slice())));
    }
    document(&inner)
}

async fn list_mounts(State(stations): State<Arc<Stations>>, _: Operator) -> Response {
    document(&listed(&stations, None))
}

/// All mounts but one, as a list.
fn listed(stations: &Stations, left_out: Option<&str>) -> String {
    let mut inner = String::new();
    for mount in mounts(stations).iter().filter(|mount| left_out != Some(&*mount.path)) {
        let content = [
            ("fallback", String::new()),
            ("listeners", stations.audience.count(&mount.path).to_string()),
            ("Connected", stations.context.clock.uptime().as_secs().to_string()),
            ("content-type", media_type(mount.encoding).to_owned()),
        ];
        source(&mut inner, &mount.path, &elements(&content));
    }
    inner
}

async fn list_clients(
    State(stations): State<Arc<Stations>>,
    _: Operator,
    NamedMount(path): NamedMount,
) -> Response {
    let listeners = stations.audience.of(&path);
    let now = stations.context.clock.now();
    let mut content = format!("<Listeners>{}</Listeners>", listeners.len());
    for (number, listener) in listeners {
        let client = [
            ("IP", listener.origin.address.to_string()),
            ("UserAgent", listener.player.into_string()),
            ("Connected", now.since(listener.joined_at).as_secs().to_string()),
            ("ID", number.to_string()),
        ];
        let _ = write!(content, "<listener>{}</listener>", elements(&client));
    }
    let mut inner = String::new();
    source(&mut inner, &path, &content);
    document(&inner)
}

async fn kill_client(
    State(stations): State<Arc<Stations>>,
    _: Operator,
    NamedMount(path): NamedMount,
    RawQuery(query): RawQuery,
) -> Response {
    let id = query.as_deref().and_then(|query| parameter(query, "id")).unwrap_or_default();
    match id.parse() {
        Ok(number) if stations.audience.order(&path, number, ListenerOrder::End) => {
            response(StatusCode::OK, 1, &format!("Client {number} removed"))
        }
        Ok(number) => response(StatusCode::OK, 0, &format!("Client {number} not found")),
        Err(_) => response(StatusCode::BAD_REQUEST, 0, "the id of a client is expected"),
    }
}

/// Moves listeners from one mount to another: one by its id, or else all.
async fn move_clients(
    State(stations): State<Arc<Stations>>,
    _: Operator,
    NamedMount(from): NamedMount,
    RawQuery(query): RawQuery,
) -> Response {
    let refused = |problem: &str| response(StatusCode::BAD_REQUEST, 0, problem);
    let named = |name: &str| query.as_deref().and_then(|query| parameter(query, name));
    let Some(destination) = named("destination") else {
        // Where to, is asked with what there is.
        let current = elements(&[("current_source", from.to_string())]);
        return document(&format!("{current}{}", listed(&stations, Some(&from))));
    };
    let Some(to) = mount_at(&stations, &destination) else { return refused("No such destination") };
    if from == to {
        return refused("supplied mountpoints are identical");
    }
    if stations.config.stream_mode == StreamMode::Individual {
        return refused("each listener has a stream of its own");
    }
    let mounts = mounts(&stations);
    let codec =
        |path: &Arc<str>| mounts.iter().find(|mount| mount.path == *path).map(|mount| mount.encoding.codec);
    if codec(&from) != codec(&to) {
        return refused("the two mounts have different codecs");
    }
    let id = named("id").map(|id| id.parse::<u64>());
    let is_meant = |number: u64| id.as_ref().is_none_or(|id| *id == Ok(number));
    let moved = stations.audience.of(&from).into_iter().filter(|(number, _)| is_meant(*number));
    let n_moved = moved
        .filter(|(number, _)| stations.audience.order(&from, *number, ListenerOrder::Move(Arc::clone(&to))))
        .count();
    match id {
        Some(Err(_)) => refused("the id of a client is expected"),
        Some(Ok(number)) if n_moved == 0 => {
            response(StatusCode::OK, 0, &format!("Client {number} not found"))
        }
        Some(Ok(_)) | None => {
            response(StatusCode::OK, 1, &format!("Clients moved from {from} to {destination}"))
        }
    }
}

/// Lets in who brings the key of a door, as that user's password or as a bearer token.
fn open(
    stations: &Stations,
    door: &AccessKey,
    user: &str,
    connection: &Connection,
    headers: &HeaderMap,
) -> Result<(), Box<Response>> {
    // A browser that knows the password sends it with whatever a foreign page asks for.
    if is_of_foreign_site(headers) {
        return Err(Box::new(foreign()));
    }
    let authorization = headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok());
    let password = password_of(authorization, user).or_else(|| bearer(headers).map(str::to_owned));
    let now = stations.context.clock.now();
    door.verify_request(connection.peer.ip(), headers, password.as_deref(), now)
        .map_err(|denied| Box::new(keyless(denied, user)))
}

/// The answer to a page of another site.
fn foreign() -> Response {
    response(StatusCode::FORBIDDEN, 0, "this is not for pages of other sites")
}

/// The answer without the password of a user.
fn keyless(denied: Denied, user: &str) -> Response {
    match denied {
        Denied::Missing | Denied::Wrong => {
            let challenge = [(WWW_AUTHENTICATE, "Basic realm=\"radio\"")];
            let problem = format!("the password of the user {user} is expected");
            (StatusCode::UNAUTHORIZED, challenge, problem).into_response()
        }
        Denied::TooOften(_) => denied.answer(""),
    }
}

/// All streams: stations and their mountpoints.
fn mounts(stations: &Stations) -> Vec<MountInfo> {
    let mut mounts = Vec::new();
    for station in stations.all.values() {
        let on_air = station.on_air.lock().clone();
        let track = on_air.track.unwrap_or_default();
        let (title, artist) = (track.display(), track.artist.clone());
        let format = on_air.format.unwrap_or(Format::USUAL);
        let info = |path: &Arc<str>, encoding, peak| MountInfo {
            path: Arc::clone(path),
            name: station.about.name.clone(),
            description: station.about.description.clone(),
            genre: station.about.genre.clone(),
            encoding,
            peak,
            is_public: yp::is_public(stations, &station.route),
            title: title.clone(),
            artist: artist.clone(),
            format,
        };
        let own = Encoding { codec: Codec::Mp3, kbps: on_air.bitrate_kbps };
        mounts.push(info(&station.route, own, on_air.peak_listeners));
        mounts.extend(
            station
                .mountpoints
                .iter()
                .map(|mountpoint| info(&mountpoint.path, mountpoint.encoding, mountpoint.peak_listeners())),
        );
    }
    mounts
}

/// The path of the mount that a query names, if there is one.
fn mount(stations: &Stations, query: Option<&str>) -> Option<Arc<str>> {
    mount_at(stations, &parameter(query?, "mount")?)
}

/// The path of the mount at a path, if there is one.
fn mount_at(stations: &Stations, path: &str) -> Option<Arc<str>> {
    let station = stations.find(path).map(|station| station.route);
    station.or_else(|| stations.find_mountpoint(path).map(|(_, mountpoint)| mountpoint.path))
}

/// A parameter of a query.
pub fn parameter(query: &str, name: &str) -> Option<String> {
    form_urlencoded::parse(query.as_bytes())
        .find(|(known, _)| known == name)
        .map(|(_, value)| value.into_owned())
}

fn media_type(encoding: Encoding) -> &'static str {
    encoding.codec.media_type().split(';').next().unwrap_or_default()
}

/// What is in Ogg, as Icecast names it.
fn subtype(codec: Codec) -> Option<&'static str> {
    match codec {
        Codec::Opus => Some("Opus"),
        Codec::Flac => Some("FLAC"),
        Codec::Mp3 | Codec::Aac => None,
    }
}

/// Adds a source of that path.
fn source(inner: &mut String, path: &str, content: &str) {
    let _ = write!(inner, "<source mount=\"{}\">{content}</source>", escaped(path));
}

fn elements(texts: &[(&str, String)]) -> String {
    texts.iter().fold(String::new(), |mut xml, (name, text)| {
        let _ = write!(xml, "<{name}>{}</{name}>", escaped(text));
        xml
    })
}

fn document(inner: &str) -> Response {
    xml(StatusCode::OK, &format!("<icestats>{inner}</icestats>"))
}

/// An answer of success, which is 1, or failure.
pub fn response(status: StatusCode, code: u8, message: &str) -> Response {
    let message = escaped(message);
    xml(status, &format!("<iceresponse><message>{message}</message><return>{code}</return></iceresponse>"))
}

fn xml(status: StatusCode, root: &str) -> Response {
    (status, [(CONTENT_TYPE, "text/xml; charset=utf-8")], format!("<?xml version=\"1.0\"?>\n{root}\n"))
        .into_response()
}
