//! Live sources: a client with the source password, or a DJ's, broadcasts by `PUT /<route>` or `SOURCE /<route>`, as to Icecast.
//!
//! Listeners are switched to it at a frame boundary, and back to the folder when it ends. Titles are set by
//! `GET /admin/metadata?mode=updinfo&mount=/route&song=…`.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use tokio::io::AsyncReadExt;
use tracing::{debug, info, warn};

use super::external_source::{self, STALLED, SourceOf, SourceWriter};
use super::http_body::HttpBody;
use super::login::{Broadcaster, Leave, Unwelcome};
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
use crate::radio::protocol::{essence, is_playable};
use crate::radio::station_handle::{Command, StationHandle};
use crate::radio::stations::Stations;

/// Bytes read from a source at a time.
const READ_BYTES: usize = 8 * 1024;

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
    /// Its media type is none that is decoded.
    Unplayable,
    /// Another live source is on the air.
    InUse,
    /// The DJ does not broadcast here, or not now, or is kept out.
    Unwelcome(Unwelcome),
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
            Self::Disabled => {
                ("403 Forbidden", "", "live sources are disabled: set [radio] source_password or djs")
            }
            Self::WrongPassword => (
                "401 Unauthorized",
                "WWW-Authenticate: Basic realm=\"radio\"\r\n",
                "the source password is expected",
            ),
            Self::NoStation => ("404 Not Found", "", "there is no such stream"),
            Self::Individual => {
                ("403 Forbidden", "", "there are no live sources where each listener has an order of its own")
            }
            Self::Unplayable => (
                "415 Unsupported Media Type",
                "",
                "MP3, AAC, FLAC, or Vorbis, Opus or FLAC in Ogg is expected",
            ),
            Self::InUse => ("403 Forbidden", "", "Mountpoint in use"),
            Self::Unwelcome(Unwelcome::Elsewhere) => {
                ("403 Forbidden", "", "this account does not broadcast to this station")
            }
            Self::Unwelcome(Unwelcome::OutOfTime) => {
                ("403 Forbidden", "", "it is not the time of this account")
            }
            Self::Unwelcome(Unwelcome::KeptOut(time)) => {
                wait = format!("Retry-After: {}\r\n", time.as_secs().max(1));
                ("403 Forbidden", wait.as_str(), "an operator keeps this account out for a time")
            }
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
        let allowed = authorize(&stations, &head, io.connection().peer);
        let context = stations.context.clone();
        context.spawn(async move { welcome(stations, head, io, allowed).await });
    }))
}

/// Who may broadcast, where, and for how long.
struct Admitted {
    station: StationHandle,
    lease: SourceLease,
    leave: Leave,
}

/// Answers a source, and broadcasts it if it may.
async fn welcome(stations: Arc<Stations>, head: Head, io: Guarded, allowed: Result<Admitted, Rejection>) {
    let Admitted { station, lease, leave } = match allowed {
        Ok(allowed) => allowed,
        Err(rejection) => return send_and_close(io, rejection.response()).await,
    };
    let awaits_continue =
        head.header("expect").is_some_and(|expected| expected.eq_ignore_ascii_case("100-continue"));
    let named =
        head.header("ice-name").or(head.header("icy-name")).map(clean).filter(|name| !name.is_empty());
    let name = named.or_else(|| lease.dj().map(|dj| String::from(&*dj))).unwrap_or_else(|| "Live".to_owned());
    let title = Track { title: name, ..live_track() };
    let recording = stations.recording(&station, title.title.clone(), lease.dj().as_ref());
    let source = SourceOf { kind: SourceKind::Live, title, recording };
    match external_source::start(&station, lease, source, &stations.config) {
        Ok(writer) => {
            let response = if awaits_continue {
                &b"HTTP/1.1 100 Continue\r\n\r\n"[..]
            } else {
                b"HTTP/1.0 200 OK\r\n\r\n"
            };
            io.connection().send(&Bytes::from_static(response));
            let show = LiveShow { station, writer, leave, body: HttpBody::of(&head) };
            show.broadcast(&stations, io, awaits_continue).await;
        }
        Err(error) => warn!(error = format!("{error:#}"), "a source cannot be started"),
    }
}

/// Says whether a source may broadcast, and in the log why it may not.
fn authorize(stations: &Stations, head: &Head, peer: SocketAddr) -> Result<Admitted, Rejection> {
    let refused = |rejection: Rejection| {
        warn!(%peer, ?rejection, "a source is rejected");
        rejection
    };
    if !stations.logins.has_any() {
        return Err(refused(Rejection::Disabled));
    }
    let (address, now) = (head.client(peer.ip(), &stations.public_url.trusted), stations.context.clock.now());
    let who = stations.logins.login(address, head.header("authorization"), now).map_err(|denied| {
        refused(match denied {
            Denied::Missing | Denied::Wrong => Rejection::WrongPassword,
            Denied::TooOften(wait) => Rejection::TooOften(wait),
        })
    })?;
    admit(stations, head, &who).inspect_err(|rejection| {
        let dj = who.dj().map(|dj| &**dj);
        match rejection {
            // Clients try again and again.
            Rejection::Unwelcome(_) if !who.is_news() => {
                debug!(%peer, dj, ?rejection, "a source is rejected");
            }
            _ => warn!(%peer, dj, ?rejection, "a source is rejected"),
        }
    })
}

fn admit(stations: &Stations, head: &Head, who: &Broadcaster) -> Result<Admitted, Rejection> {
    if stations.config.stream_mode == StreamMode::Individual {
        return Err(Rejection::Individual);
    }
    if !is_playable(&essence(head.header("content-type").unwrap_or("audio/mpeg"))) {
        return Err(Rejection::Unplayable);
    }
    let station = stations.find(&decoded(&head.path)).ok_or(Rejection::NoStation)?;
    let admitted = stations.logins.admit(who, &station.route, stations.context.clock);
    let admitted = admitted.map_err(Rejection::Unwelcome)?;
    let lease = station.source_slot.acquire(SourceKind::Live, who.dj().cloned());
    Ok(Admitted { lease: lease.ok_or(Rejection::InUse)?, station, leave: admitted })
}

/// Why a DJ's source is let go.
const OVERDUE: &str = "its time is over";

/// A source that broadcasts.
struct LiveShow {
    station: StationHandle,
    writer: SourceWriter,
    leave: Leave,
    body: HttpBody,
}

impl LiveShow {
    /// Forwards what the source sends until it ends, stalls or is interrupted.
    async fn broadcast(mut self, stations: &Stations, mut io: Guarded, awaits_final_response: bool) {
        let route = Arc::clone(&self.station.route);
        let (peer, dj) = (io.connection().peer, self.writer.dj());
        let dj = dj.as_deref();
        info!(%route, %peer, dj, "a source is connected");
        metrics::gauge!("roomhub_radio_sources", "route" => route.to_string()).set(1);
        let end = tokio::select! {
            end = forward(&mut io, &mut self.body, &self.writer) => end,
            () = self.writer.stalls(stations.config.source_timeout) => STALLED,
            () = stations.context.stopping() => "the server is stopping",
            () = self.writer.preempted() => "it was ended by an operator",
            () = self.leave.over(stations.context.clock) => OVERDUE,
        };
        metrics::gauge!("roomhub_radio_sources", "route" => route.to_string()).set(0);
        if end == STALLED {
            warn!(%route, %peer, dj, why = end, "a source is disconnected: it has sent no sound for radio.source_timeout");
        } else {
            info!(%route, %peer, dj, why = end, "a source is disconnected");
        }
        if end == OVERDUE {
            // What is queued would go on for seconds.
            let _ = self.station.commands.send(Command::EndSource).await;
        }
        self.writer.finish().await;
        let status = match end {
            STALLED => "408 Request Timeout",
            _ if self.body.is_complete() => "200 OK",
            _ => return,
        };
        if awaits_final_response {
            let answer = format!("HTTP/1.1 {status}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
            send_and_close(io, answer.into()).await;
        }
    }
}

/// Forwards what the source sends; gives why it ended.
async fn forward(io: &mut Guarded, body: &mut HttpBody, writer: &SourceWriter) -> &'static str {
    loop {
        if body.is_complete() {
            return "it has ended";
        }
        let mut buffer = BytesMut::with_capacity(READ_BYTES);
        match io.read_buf(&mut buffer).await {
            Err(_) | Ok(0) => return "its connection has ended",
            Ok(_) => {}
        }
        let mut bytes = buffer.freeze();
        let mut is_played = true;
        while is_played && !bytes.is_empty() {
            let Ok(content) = body.next_content(&mut bytes) else { break };
            is_played = content.is_empty() || writer.write(content).await;
        }
        if !is_played || !bytes.is_empty() {
            return "it was interrupted, or cannot be decoded";
        }
    }
}

/// A track without a file.
fn live_track() -> Track {
    Track { file: SourceKind::Live.name().into(), ..Track::default() }
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
