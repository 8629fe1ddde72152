//! Listeners: requests for a stream are intercepted before the HTTP library, so that a listener costs a socket, a
//! permit and a task.

use std::net::IpAddr;
use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue};
use ipnet::IpNet;
use tokio::io::AsyncReadExt;
use tokio::time::{Duration, timeout};

use super::listener_limits::ListenerPermit;
use super::ring::IcyMode;
use crate::audio::format::Format;
use crate::http::address::rate_limit_key;
use crate::http::assets;
use crate::http::backend::TakeOver;
use crate::http::guarded::{Guarded, StallLimit};
use crate::http::head::Head;
use crate::radio::paths::decoded;
use crate::radio::protocol::{FULL, stream_head};
use crate::radio::station_handle::{Command, JoinRequest, StationHandle};
use crate::radio::stations::Stations;

/// A blocked listener must accept at least this much within `stall_timeout`.
const PROGRESS_BYTES: usize = 1;

/// The time limit for sending a rejection, or a head alone.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(1);

/// Takes over connections that request a stream.
pub fn intercept(stations: &Arc<Stations>, head: &Head) -> Option<TakeOver> {
    let is_get = head.method.eq_ignore_ascii_case("GET");
    let station = stations.find(&decoded(&head.path))?;
    if !is_get && !head.method.eq_ignore_ascii_case("HEAD") {
        return None;
    }
    let is_titled = head.header("icy-metadata").is_some_and(|wanted| wanted.trim() == "1");
    let accepted = head
        .header("accept")
        .and_then(|accept| HeaderValue::from_str(accept).ok())
        .unwrap_or(HeaderValue::from_static("*/*"));
    let headers = HeaderMap::from_iter([(http::header::ACCEPT, accepted)]);
    let is_root = head.path.chars().all(|c| c == '/');
    if is_root && !is_titled && assets::prefers_html(&headers) {
        return None;
    }
    let icy_mode = if is_titled { IcyMode::Titled } else { IcyMode::Plain };
    let (stations, head) = (Arc::clone(stations), head.clone());
    Some(Box::new(move |io| {
        let address = limited_address(&head, &io, &stations.public_url.trusted);
        let permit = is_get.then(|| stations.limiter.acquire(&station.route, address, stations.limits));
        let context = stations.context.clone();
        context.spawn(async move {
            match permit {
                None => {
                    send_and_close(io, head_of(&stations, &station, icy_mode)).await;
                }
                Some(None) => {
                    metrics::counter!("roomhub_radio_listeners_rejected_total").increment(1);
                    send_and_close(io, Bytes::from_static(FULL.as_bytes())).await;
                }
                Some(Some(permit)) => listen(stations, station, icy_mode, io, permit).await,
            }
        });
    }))
}

/// The address whose limit a listener counts against; `None` if it is exempt.
fn limited_address(head: &Head, io: &Guarded, trusted: &[IpNet]) -> Option<IpAddr> {
    let address = head.client(io.connection().peer.ip(), trusted);
    let is_exempt = address.is_loopback() || trusted.iter().any(|network| network.contains(&address));
    (!is_exempt).then(|| rate_limit_key(address))
}

/// Serves a listener until it disconnects, is disconnected, or the process stops.
async fn listen(
    stations: Arc<Stations>,
    station: StationHandle,
    icy_mode: IcyMode,
    mut io: Guarded,
    _permit: ListenerPermit,
) {
    io.limit_stalls(StallLimit { timeout: stations.config.stall_timeout, progress_bytes: PROGRESS_BYTES });
    let connection = Arc::clone(io.connection());
    connection.limit_send_buffer(stations.config.listener_send_buffer_bytes);
    let own = stations.individual_station(&station);
    let station = own.clone().unwrap_or(station);
    connection.send(&head_of(&stations, &station, icy_mode));
    let presence = Arc::new(());
    let request = JoinRequest { connection, presence: Arc::downgrade(&presence), icy_mode };
    if station.commands.send(Command::Join(request)).await.is_err() {
        return;
    }
    let context = stations.context.clone();
    drop((stations, station));
    let mut ignored = [0; 64];
    tokio::select! {
        () = context.stopping() => {}
        () = async { while io.read(&mut ignored).await.is_ok_and(|n| n > 0) {} } => {}
    }
    drop((presence, own));
}

fn head_of(stations: &Stations, station: &StationHandle, icy_mode: IcyMode) -> Bytes {
    let on_air = station.on_air.lock();
    let mut path = stations.hop_id(&station.route);
    if !on_air.path.is_empty() {
        path = format!("{path}, {}", on_air.path);
    }
    let format = on_air.format.unwrap_or(Format::USUAL);
    // Before the first frame, the bitrate at which this station encodes.
    let kbps = if on_air.bitrate_kbps > 0 { on_air.bitrate_kbps } else { stations.config.bitrate_kbps };
    stream_head(&stations.config, &station.route, format, kbps, icy_mode, &path)
}

/// Sends a response and waits until it has been sent.
pub async fn send_and_close(mut io: Guarded, response: Bytes) {
    io.connection().send(&response);
    let mut ignored = [0; 64];
    let sent = async {
        while io.connection().queued_bytes() > 0 && io.read(&mut ignored).await.is_ok_and(|n| n > 0) {}
    };
    // A client that does not read is not waited for.
    let _ = timeout(CLOSE_TIMEOUT, sent).await;
}
