//! Live sources: a client with the source password broadcasts by `PUT /<route>` or `SOURCE /<route>`, as to Icecast.
//!
//! Listeners are switched to it at a frame boundary, and back to the folder when it ends. Titles are set by
//! `GET /admin/metadata?mode=updinfo&mount=/route&song=…`.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::{Bytes, BytesMut};
use tokio::io::AsyncReadExt;
use tokio::time::timeout;
use tracing::{info, warn};

use super::external_source::{self, SourceWriter};
use super::http_body::HttpBody;
use super::source_slot::{SourceKind, SourceLease};
use crate::audio::charset;
use crate::audio::one_line::clean;
use crate::http::backend::TakeOver;
use crate::http::guarded::Guarded;
use crate::http::head::Head;
use crate::http::keys::Denied;
use crate::radio::StreamMode;
use crate::radio::library::track::Track;
use crate::radio::output::listener::send_and_close;
use crate::radio::paths::decoded;
use crate::radio::protocol::{essence, is_mp3};
use crate::radio::station_handle::StationHandle;
use crate::radio::stations::Stations;

/// Bytes read from a source at a time.
const READ_BYTES: usize = 8 * 1024;

/// The user name of source clients.
const USER: &str = "source";

/// What live tracks have in place of a file name.
const FILE: &str = "live";

/// Why a source is rejected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rejection {
    /// Live sources are disabled.
    Disabled,
    /// The password is wrong or missing.
    WrongPassword,
    /// Its address has sent too many wrong passwords.
    TooOften(Duration),
    /// There is no station at its path.
    NoStation,
    /// Each listener has a station of its own.
    Individual,
    /// Its media type is not MP3.
    NotMp3,
    /// Another live source is on the air.
    InUse,
}

impl Rejection {
    /// The response, with Icecast's status codes.
    fn response(self) -> Bytes {
        let wait;
        let (status, headers, message) = match self {
            Self::TooOften(time) => {
                wait = format!("Retry-After: {}\r\n", time.as_secs().max(1));
                ("429 Too Many Requests", wait.as_str(), "too many wrong passwords from this address")
            }
            Self::Disabled => ("403 Forbidden", "", "live sources are disabled: set [radio] source_password"),
            Self::WrongPassword => (
                "401 Unauthorized",
                "WWW-Authenticate: Basic realm=\"radio\"\r\n",
                "the source password is expected",
            ),
            Self::NoStation => ("404 Not Found", "", "there is no such stream"),
            Self::Individual => {
                ("403 Forbidden", "", "there are no live sources where each listener has an order of its own")
            }
            Self::NotMp3 => ("415 Unsupported Media Type", "", "audio/mpeg is expected: broadcast MP3"),
            Self::InUse => ("403 Forbidden", "", "Mountpoint in use"),
        };
        let head = format!(
            "HTTP/1.0 {status}\r\n{headers}Content-Type: text/plain\r\nConnection: close\r\n\r\n{message}\n"
        );
        head.into()
    }
}

/// Takes over connections of source clients.
pub fn intercept(stations: &Arc<Stations>, head: &Head) -> Option<TakeOver> {
    let is_source = head.method.eq_ignore_ascii_case("SOURCE");
    let is_put = head.method.eq_ignore_ascii_case("PUT") && stations.find(&decoded(&head.path)).is_some();
    if !is_source && !is_put {
        return None;
    }
    let (stations, head) = (Arc::clone(stations), head.clone());
    Some(Box::new(move |io| {
        let allowed = authorize(&stations, &head, io.connection().peer.ip());
        let context = stations.context.clone();
        context.spawn(async move { welcome(stations, head, io, allowed).await });
    }))
}

/// Answers a source, and broadcasts it if it may.
async fn welcome(
    stations: Arc<Stations>,
    head: Head,
    io: Guarded,
    allowed: Result<(StationHandle, SourceLease), Rejection>,
) {
    let (station, lease) = match allowed {
        Ok(allowed) => allowed,
        Err(rejection) => {
            warn!(peer = %io.connection().peer, ?rejection, "a source is rejected");
            return send_and_close(io, rejection.response()).await;
        }
    };
    let awaits_continue =
        head.header("expect").is_some_and(|expected| expected.eq_ignore_ascii_case("100-continue"));
    let name = head.header("ice-name").or(head.header("icy-name")).unwrap_or("Live");
    let title = Track { title: clean(name), ..live_track() };
    match external_source::start(&station, lease, SourceKind::Live, title, &stations.config) {
        Ok(writer) => {
            let response = if awaits_continue {
                &b"HTTP/1.1 100 Continue\r\n\r\n"[..]
            } else {
                b"HTTP/1.0 200 OK\r\n\r\n"
            };
            io.connection().send(&Bytes::from_static(response));
            broadcast(&stations, &station, io, writer, HttpBody::of(&head), awaits_continue).await;
        }
        Err(error) => warn!(error = format!("{error:#}"), "a source cannot be started"),
    }
}

fn authorize(
    stations: &Stations,
    head: &Head,
    peer: IpAddr,
) -> Result<(StationHandle, SourceLease), Rejection> {
    if !stations.source.has_key() {
        return Err(Rejection::Disabled);
    }
    let password = password_of(head.header("authorization"));
    let (address, now) = (head.client(peer, &stations.public_url.trusted), stations.context.clock.now());
    stations.source.open(address, password.as_deref(), now).map_err(|denied| match denied {
        Denied::Missing | Denied::Wrong => Rejection::WrongPassword,
        Denied::TooOften(wait) => Rejection::TooOften(wait),
    })?;
    if stations.config.stream_mode == StreamMode::Individual {
        return Err(Rejection::Individual);
    }
    if !is_mp3(&essence(head.header("content-type").unwrap_or("audio/mpeg"))) {
        return Err(Rejection::NotMp3);
    }
    let station = stations.find(&decoded(&head.path)).ok_or(Rejection::NoStation)?;
    let lease = station.source_slot.acquire(SourceKind::Live).ok_or(Rejection::InUse)?;
    Ok((station, lease))
}

/// The password in a `Basic` header of the user `source`.
pub fn password_of(authorization: Option<&str>) -> Option<String> {
    let (scheme, credentials) = authorization?.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let pair = String::from_utf8(STANDARD.decode(credentials.trim()).ok()?).ok()?;
    let (user, password) = pair.split_once(':')?;
    (user == USER).then(|| password.to_owned())
}

/// Why a source is let go that has sent nothing for `radio.source_timeout`.
const STALLED: &str = "it has stalled";

/// Forwards what the source sends until it ends, stalls or is interrupted.
async fn broadcast(
    stations: &Stations,
    station: &StationHandle,
    mut io: Guarded,
    writer: SourceWriter,
    mut body: HttpBody,
    awaits_final_response: bool,
) {
    let route = &station.route;
    let peer = io.connection().peer;
    info!(%route, %peer, "a source is connected");
    metrics::gauge!("roomhub_radio_sources", "route" => route.to_string()).set(1);
    let end = loop {
        if body.is_complete() {
            break "it has ended";
        }
        let mut buffer = BytesMut::with_capacity(READ_BYTES);
        let read = tokio::select! {
            read = timeout(stations.config.source_timeout, io.read_buf(&mut buffer)) => read,
            () = stations.context.stopping() => break "the server is stopping",
        };
        match read {
            Err(_) => break STALLED,
            Ok(Err(_) | Ok(0)) => break "its connection has ended",
            Ok(Ok(_)) => {}
        }
        let mut bytes = buffer.freeze();
        let mut is_played = true;
        while is_played && !bytes.is_empty() {
            let Ok(content) = body.next_content(&mut bytes) else { break };
            is_played = content.is_empty() || writer.write(content).await;
        }
        if !is_played || !bytes.is_empty() {
            break "it was interrupted, or is not MP3";
        }
    };
    metrics::gauge!("roomhub_radio_sources", "route" => route.to_string()).set(0);
    info!(%route, %peer, why = end, "a source is disconnected");
    writer.finish().await;
    let status = match end {
        STALLED => "408 Request Timeout",
        _ if body.is_complete() => "200 OK",
        _ => return,
    };
    if awaits_final_response {
        let answer = format!("HTTP/1.1 {status}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
        send_and_close(io, answer.into()).await;
    }
}

/// A track without a file.
fn live_track() -> Track {
    Track { file: FILE.into(), ..Track::default() }
}

/// The track in a metadata request: `song` as `Artist - Title`, or `artist` and `title`.
pub fn track_of(query: &str) -> Option<Track> {
    let charset = parameter(query, "charset").and_then(|label| String::from_utf8(label).ok());
    let value =
        |name: &str| parameter(query, name).map(|bytes| clean(&charset::decode(&bytes, charset.as_deref())));
    let (artist, title) = match value("song") {
        Some(song) => song.split_once(" - ").map_or_else(
            || (String::new(), song.clone()),
            |(artist, title)| (artist.trim().to_owned(), title.trim().to_owned()),
        ),
        None => (value("artist").unwrap_or_default(), value("title")?),
    };
    Some(Track { title, artist, ..live_track() })
}

/// The bytes of a parameter, in the source client's character set.
fn parameter(query: &str, name: &str) -> Option<Vec<u8>> {
    let pair = query.split('&').find_map(|pair| pair.split_once('=').filter(|(known, _)| *known == name));
    let (_, value) = pair?;
    let mut decoded = Vec::with_capacity(value.len());
    let mut rest = value.as_bytes();
    while let [first, after @ ..] = rest {
        let escaped = after.get(..2).filter(|_| *first == b'%').and_then(|hex| std::str::from_utf8(hex).ok());
        if let Some(byte) = escaped.and_then(|hex| u8::from_str_radix(hex, 16).ok()) {
            decoded.push(byte);
            rest = &after[2..];
        } else {
            decoded.push(if *first == b'+' { b' ' } else { *first });
            rest = after;
        }
    }
    Some(decoded)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_source_password_needs_the_user_source() {
        let password = |pair: &str| password_of(Some(&format!("basic {}", STANDARD.encode(pair))));
        assert_eq!(password("source:hack:me").as_deref(), Some("hack:me"));
        assert_eq!(password("source:").as_deref(), Some(""));
        for pair in ["admin:hack:me", "source", ""] {
            assert_eq!(password(pair), None, "{pair}");
        }
        assert_eq!(password_of(Some("Basic %%%")).or(password_of(None)), None);
    }

    #[test]
    fn titles_are_read_in_any_character_set() {
        let named = |query| track_of(query).map(|track| (track.artist, track.title));
        let pair = |artist: &str, title: &str| Some((artist.to_owned(), title.to_owned()));
        assert_eq!(named("mode=updinfo&song=Ann+-+%E6%AD%8C"), pair("Ann", "歌"));
        assert_eq!(named("song=Bj%F6rk%20-%20J%F3ga"), pair("Björk", "Jóga"));
        assert_eq!(named("song=100%"), pair("", "100%"));
        assert_eq!(named("artist=Ann&title=Eins%0A"), pair("Ann", "Eins"));
        assert_eq!(named("song=%CB%C9%CE%CF&charset=koi8-r"), pair("", "кино"));
        assert_eq!(named("mode=updinfo"), None);
    }
}
