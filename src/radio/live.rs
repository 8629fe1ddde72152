//! Live programmes: whoever has the source password broadcasts by `PUT /<route>` or `SOURCE /<route>`, as to Icecast.
//!
//! Listeners move over at a frame boundary, and back to the folder when the programme ends. Titles come by
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

use super::StreamMode;
use super::body::Body;
use super::guest::{self, Inlet};
use super::handle::Handle;
use super::listening::say;
use super::microphone::{Origin, Turn};
use super::paths::decoded;
use super::protocol::{essence, is_mp3};
use super::stations::Stations;
use super::text;
use super::track::{Track, clean};
use crate::http::guard::Guarded;
use crate::http::head::Head;
use crate::http::keys::Denied;

/// Read from a source at a time.
const PIECE_BYTES: usize = 8 * 1024;

/// The user that source clients name.
const USER: &str = "source";

/// The file name under which a programme is listed that comes from no file.
const FILE: &str = "live";

/// Why a source is not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// There is no password that it could bring.
    Off,
    /// It brings another password, or none.
    WrongPassword,
    /// Its address brought wrong ones too often.
    TooOften(Duration),
    /// There is no such station.
    NoStation,
    /// Listeners have orders of their own.
    Individual,
    /// It broadcasts something else than MP3.
    NoMp3,
    /// Somebody else is on the air.
    InUse,
}

impl Refusal {
    /// The answer, in Icecast's codes.
    fn answer(self) -> Bytes {
        let wait;
        let (status, more, words) = match self {
            Self::TooOften(time) => {
                wait = format!("Retry-After: {}\r\n", time.as_secs().max(1));
                ("429 Too Many Requests", wait.as_str(), "too many wrong passwords from this address")
            }
            Self::Off => ("403 Forbidden", "", "live sources are off: set [radio] source_password"),
            Self::WrongPassword => (
                "401 Unauthorized",
                "WWW-Authenticate: Basic realm=\"radio\"\r\n",
                "the source password is expected",
            ),
            Self::NoStation => ("404 Not Found", "", "there is no such stream"),
            Self::Individual => ("403 Forbidden", "", "each listener has an order of its own here"),
            Self::NoMp3 => ("415 Unsupported Media Type", "", "audio/mpeg is expected: broadcast MP3"),
            Self::InUse => ("403 Forbidden", "", "Mountpoint in use"),
        };
        let head = format!(
            "HTTP/1.0 {status}\r\n{more}Content-Type: text/plain\r\nConnection: close\r\n\r\n{words}\n"
        );
        head.into()
    }
}

/// Takes a connection over if it wants to broadcast; gives others back.
pub fn admit(stations: &Arc<Stations>, head: &Head, io: Guarded) -> Option<Guarded> {
    let is_source = head.method.eq_ignore_ascii_case("SOURCE");
    let is_put = head.method.eq_ignore_ascii_case("PUT") && stations.find(&decoded(&head.path)).is_some();
    if !is_source && !is_put {
        return Some(io);
    }
    let peer = io.connection().peer;
    let allowed = allow(stations, head, peer.ip());
    let body = Body::of(head);
    let is_awaiting =
        head.header("expect").is_some_and(|expected| expected.eq_ignore_ascii_case("100-continue"));
    let name = head.header("ice-name").or(head.header("icy-name")).unwrap_or("Live").to_owned();
    let stations = Arc::clone(stations);
    let context = stations.context.clone();
    context.spawn(async move {
        let (station, turn) = match allowed {
            Ok(allowed) => allowed,
            Err(refusal) => {
                warn!(%peer, ?refusal, "a source is not taken");
                return say(io, refusal.answer()).await;
            }
        };
        let title = Track { title: clean(&name), ..programme() };
        match guest::start(&station, turn, Origin::Live, title, stations.config.bitrate_kbps) {
            Ok(inlet) => {
                let welcome = if is_awaiting {
                    &b"HTTP/1.1 100 Continue\r\n\r\n"[..]
                } else {
                    b"HTTP/1.0 200 OK\r\n\r\n"
                };
                io.connection().send(&Bytes::from_static(welcome));
                broadcast(&stations, &station, io, inlet, body, is_awaiting).await;
            }
            Err(error) => warn!(error = format!("{error:#}"), "a source cannot be heard"),
        }
    });
    None
}

fn allow(stations: &Stations, head: &Head, peer: IpAddr) -> Result<(Handle, Turn), Refusal> {
    if !stations.source.has_key() {
        return Err(Refusal::Off);
    }
    let password = password_of(head.header("authorization"));
    let (address, now) = (head.client(peer, &stations.origin.trusted), stations.context.clock.now());
    stations.source.open(address, password.as_deref(), now).map_err(|denied| match denied {
        Denied::Missing | Denied::Wrong => Refusal::WrongPassword,
        Denied::TooOften(wait) => Refusal::TooOften(wait),
    })?;
    if stations.config.stream_mode == StreamMode::Individual {
        return Err(Refusal::Individual);
    }
    if !is_mp3(&essence(head.header("content-type").unwrap_or("audio/mpeg"))) {
        return Err(Refusal::NoMp3);
    }
    let station = stations.find(&decoded(&head.path)).ok_or(Refusal::NoStation)?;
    let turn = station.microphone.take(Origin::Live).ok_or(Refusal::InUse)?;
    Ok((station, turn))
}

/// The password of a `Basic` header with the user `source`.
pub fn password_of(authorization: Option<&str>) -> Option<String> {
    let (scheme, word) = authorization?.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let pair = String::from_utf8(STANDARD.decode(word.trim()).ok()?).ok()?;
    let (user, password) = pair.split_once(':')?;
    (user == USER).then(|| password.to_owned())
}

/// Passes on what the source says, until it ends, stalls, or is not listened to any more.
async fn broadcast(
    stations: &Stations,
    station: &Handle,
    mut io: Guarded,
    inlet: Inlet,
    mut body: Body,
    is_awaited: bool,
) {
    let route = &station.route;
    let peer = io.connection().peer;
    info!(%route, %peer, "a source is connected");
    metrics::gauge!("roomhub_radio_sources", "route" => route.to_string()).set(1);
    let end = loop {
        if body.is_over() {
            break "it is over";
        }
        let mut piece = BytesMut::with_capacity(PIECE_BYTES);
        let read = tokio::select! {
            read = timeout(stations.config.source_timeout, io.read_buf(&mut piece)) => read,
            () = stations.context.stopping() => break "the server stops",
        };
        match read {
            Err(_) => break "it has stalled",
            Ok(Err(_) | Ok(0)) => break "its connection has ended",
            Ok(Ok(_)) => {}
        }
        let mut bytes = piece.freeze();
        let mut is_heard = true;
        while is_heard && !bytes.is_empty() {
            let Ok(content) = body.content(&mut bytes) else { break };
            is_heard = content.is_empty() || inlet.say(content).await;
        }
        if !is_heard || !bytes.is_empty() {
            break "what it says is not understood";
        }
    };
    metrics::gauge!("roomhub_radio_sources", "route" => route.to_string()).set(0);
    info!(%route, %peer, why = end, "a source is gone");
    inlet.finish().await;
    if is_awaited && body.is_over() {
        say(io, Bytes::from_static(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"))
            .await;
    }
}

/// What plays when no file does.
fn programme() -> Track {
    Track { file: FILE.into(), ..Track::default() }
}

/// The track that a metadata request names: `song` as `Artist - Title`, or `artist` and `title`.
pub fn named(query: &str) -> Option<Track> {
    let charset = parameter(query, "charset").and_then(|label| String::from_utf8(label).ok());
    let value =
        |name: &str| parameter(query, name).map(|bytes| clean(&text::decode(&bytes, charset.as_deref())));
    let (artist, title) = match value("song") {
        Some(song) => song.split_once(" - ").map_or_else(
            || (String::new(), song.clone()),
            |(artist, title)| (artist.trim().to_owned(), title.trim().to_owned()),
        ),
        None => (value("artist").unwrap_or_default(), value("title")?),
    };
    Some(Track { title, artist, ..programme() })
}

/// A parameter's bytes, in the charset of the source client.
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
    fn the_source_password_comes_with_the_user_source_alone() {
        let brought = |pair: &str| password_of(Some(&format!("basic {}", STANDARD.encode(pair))));
        assert_eq!(brought("source:hack:me").as_deref(), Some("hack:me"));
        assert_eq!(brought("source:").as_deref(), Some(""));
        for pair in ["admin:hack:me", "source", ""] {
            assert_eq!(brought(pair), None, "{pair}");
        }
        assert_eq!(password_of(Some("Basic %%%")).or(password_of(None)), None);
    }

    #[test]
    fn songs_are_named_in_any_charset() {
        let named = |query| named(query).map(|track| (track.artist, track.title));
        let pair = |artist: &str, title: &str| Some((artist.to_owned(), title.to_owned()));
        assert_eq!(named("mode=updinfo&song=Ann+-+%E6%AD%8C"), pair("Ann", "歌"));
        assert_eq!(named("song=Bj%F6rk%20-%20J%F3ga"), pair("Björk", "Jóga"));
        assert_eq!(named("song=100%"), pair("", "100%"));
        assert_eq!(named("artist=Ann&title=Eins%0A"), pair("Ann", "Eins"));
        assert_eq!(named("song=%CB%C9%CE%CF&charset=koi8-r"), pair("", "кино"));
        assert_eq!(named("mode=updinfo"), None);
    }
}
