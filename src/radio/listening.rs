//! Who listens: requests for sound are taken over before any HTTP library, and cost a socket, a place and a task.

use std::net::IpAddr;
use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue};
use ipnet::IpNet;
use tokio::io::AsyncReadExt;
use tokio::time::{Duration, timeout};

use super::format::Format;
use super::handle::{Handle, Newcomer, Order};
use super::paths::decoded;
use super::places::Place;
use super::protocol::{FULL, stream_head};
use super::ring::Flavour;
use super::stations::Stations;
use crate::http::address::subscriber;
use crate::http::assets;
use crate::http::guard::{Guarded, StallLimit};
use crate::http::head::Head;

/// A blocked listener must take something at all within the configured time.
const PROGRESS_BYTES: usize = 1;

/// What the kernel holds for a listener: six seconds at the highest bitrate. More would be spent on those that have
/// stopped.
const SEND_BUFFER_BYTES: usize = 256 * 1024;

/// Time for a refusal, or a head alone, to get out.
const FAREWELL: Duration = Duration::from_secs(1);

/// Takes a connection over if its request is for sound; gives others back.
pub fn admit(stations: &Arc<Stations>, head: &Head, io: Guarded) -> Option<Guarded> {
    let is_get = head.method.eq_ignore_ascii_case("GET");
    let Some(station) = stations.find(&decoded(&head.path)) else { return Some(io) };
    if !is_get && !head.method.eq_ignore_ascii_case("HEAD") {
        return Some(io);
    }
    let is_titled = head.header("icy-metadata").is_some_and(|wanted| wanted.trim() == "1");
    let accepted = head
        .header("accept")
        .and_then(|accept| HeaderValue::from_str(accept).ok())
        .unwrap_or(HeaderValue::from_static("*/*"));
    let headers = HeaderMap::from_iter([(http::header::ACCEPT, accepted)]);
    let is_root = head.path.chars().all(|c| c == '/');
    if is_root && !is_titled && assets::prefers_html(&headers) {
        return Some(io);
    }
    let flavour = if is_titled { Flavour::Titled } else { Flavour::Plain };
    let address = counted(head, &io, &stations.origin.trusted);
    let place = is_get.then(|| stations.places.take(&station.route, address, stations.most));
    let context = stations.context.clone();
    let stations = Arc::clone(stations);
    context.spawn(async move {
        match place {
            None => {
                say(io, head_of(&stations, &station, flavour)).await;
            }
            Some(None) => {
                metrics::counter!("roomhub_radio_refused_total").increment(1);
                say(io, Bytes::from_static(FULL.as_bytes())).await;
            }
            Some(Some(place)) => listen(stations, station, flavour, io, place).await,
        }
    });
    None
}

/// The address that a listener counts for.
fn counted(head: &Head, io: &Guarded, trusted: &[IpNet]) -> Option<IpAddr> {
    let address = head.client(io.connection().peer.ip(), trusted);
    let is_exempt = address.is_loopback() || trusted.iter().any(|network| network.contains(&address));
    (!is_exempt).then(|| subscriber(address))
}

/// Stays until the listener goes, is cut, or the process stops.
async fn listen(stations: Arc<Stations>, station: Handle, flavour: Flavour, mut io: Guarded, _place: Place) {
    io.limit_stalls(StallLimit { timeout: stations.config.stall_timeout, progress_bytes: PROGRESS_BYTES });
    let connection = Arc::clone(io.connection());
    connection.limit_send_buffer(SEND_BUFFER_BYTES);
    let own = stations.own(&station);
    let station = own.clone().unwrap_or(station);
    connection.send(&head_of(&stations, &station, flavour));
    let presence = Arc::new(());
    let newcomer = Newcomer { connection, presence: Arc::downgrade(&presence), flavour };
    if station.orders.send(Order::Join(newcomer)).await.is_err() {
        return;
    }
    let context = stations.context.clone();
    drop((stations, station));
    let mut heard = [0; 64];
    tokio::select! {
        () = context.stopping() => {}
        () = async { while io.read(&mut heard).await.is_ok_and(|n| n > 0) {} } => {}
    }
    drop((presence, own));
}

fn head_of(stations: &Stations, station: &Handle, flavour: Flavour) -> Bytes {
    let on_air = station.on_air.lock();
    let mut path = stations.step(&station.route);
    if !on_air.path.is_empty() {
        path = format!("{path}, {}", on_air.path);
    }
    let format = on_air.format.unwrap_or(Format::USUAL);
    // What is sent at the moment; before anything is, what is encoded here.
    let kbps = if on_air.bitrate_kbps > 0 { on_air.bitrate_kbps } else { stations.config.bitrate_kbps };
    stream_head(&stations.config, &station.route, format, kbps, flavour, &path)
}

/// Says something and waits until it is out.
pub async fn say(mut io: Guarded, text: Bytes) {
    io.connection().send(&text);
    let mut heard = [0; 64];
    let sent = async {
        while io.connection().queued_bytes() > 0 && io.read(&mut heard).await.is_ok_and(|n| n > 0) {}
    };
    // Whoever does not listen is not waited for.
    let _ = timeout(FAREWELL, sent).await;
}
