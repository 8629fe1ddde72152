//! Listeners: requests for a stream are intercepted before the HTTP library, so that a listener costs a socket, a
//! permit and a task.

use std::net::IpAddr;
use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue};
use ipnet::IpNet;
use tokio::io::AsyncReadExt;
use tokio::time::{Duration, timeout};

use super::audience::{ListenerInfo, ListenerOrder, Place};
use super::broadcast::{Entrance, JoinRequest};
use super::listener_limits::ListenerPermit;
use super::mountpoint::Mountpoint;
use super::on_demand::ListenerGuard;
use super::presence::Presence;
use super::ring::IcyMode;
use crate::audio::format::Format;
use crate::audio::streams::{Codec, Encoding};
use crate::http::address::rate_limit_key;
use crate::http::assets;
use crate::http::backend::TakeOver;
use crate::http::connection::Connection;
use crate::http::guarded::{Guarded, StallLimit};
use crate::http::head::Head;
use crate::radio::access::offered;
use crate::radio::paths::decoded;
use crate::radio::protocol::{self, FULL, stream_head};
use crate::radio::station_handle::{Command, StationHandle};
use crate::radio::stations::Stations;

/// A blocked listener must accept at least this much within `stall_timeout`.
const PROGRESS_BYTES: usize = 1;

/// The time limit for sending a rejection, or a head alone.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(1);

/// What a listener hears: a station, or one of its mountpoints.
#[derive(Clone)]
struct Target {
    station: StationHandle,
    mountpoint: Option<Mountpoint>,
}

impl Target {
    fn find(stations: &Stations, path: &str) -> Option<Self> {
        let station = stations.find(path).map(|station| Self { station, mountpoint: None });
        station.or_else(|| {
            let (station, mountpoint) = stations.find_mountpoint(path)?;
            Some(Self { station, mountpoint: Some(mountpoint) })
        })
    }

    /// Whether titles can stand among the sound.
    fn may_be_titled(&self) -> bool {
        self.mountpoint.as_ref().is_none_or(|mountpoint| !mountpoint.encoding.codec.has_titles())
    }

    /// The path of the stream.
    fn path(&self) -> Arc<str> {
        Arc::clone(self.mountpoint.as_ref().map_or(&self.station.route, |mountpoint| &mountpoint.path))
    }

    /// Joins; false if the station has ended.
    async fn join(&self, request: JoinRequest) -> bool {
        match &self.mountpoint {
            Some(mountpoint) => {
                self.station.commands.send(Command::Expect).await.is_ok()
                    && mountpoint.joins.send(request).await.is_ok()
            }
            None => self.station.commands.send(Command::Join(request)).await.is_ok(),
        }
    }
}

/// Takes over connections that request a stream.
pub fn intercept(stations: &Arc<Stations>, head: &Head) -> Option<TakeOver> {
    let is_get = head.method.eq_ignore_ascii_case("GET");
    let target = Target::find(stations, &decoded(&head.path))?;
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
    let icy_mode = if is_titled && target.may_be_titled() { IcyMode::Titled } else { IcyMode::Plain };
    let (stations, head) = (Arc::clone(stations), head.clone());
    Some(Box::new(move |io| {
        let peer = io.connection().peer.ip();
        let key = offered(&head.query, head.header("authorization"));
        let asking = head.client(peer, &stations.public_url.trusted);
        let now = stations.context.clock.now();
        if let Err(denied) = stations.listener_keys.admit(&target.station.route, asking, key.as_deref(), now)
        {
            let response = Bytes::from(protocol::denied(denied));
            stations.context.clone().spawn(send_and_close(io, response));
            return;
        }
        let address = limited_address(&head, &io, &stations.public_url.trusted);
        let permit =
            is_get.then(|| stations.limiter.acquire(&target.station.route, address, stations.limits));
        let context = stations.context.clone();
        context.clone().spawn(async move {
            match permit {
                None => {
                    send_and_close(io, head_of(&stations, &target, icy_mode)).await;
                }
                Some(None) => {
                    metrics::counter!("roomhub_radio_listeners_rejected_total").increment(1);
                    send_and_close(io, Bytes::from_static(FULL.as_bytes())).await;
                }
                Some(Some(permit)) => {
                    let player = head.header("user-agent").unwrap_or_default();
                    let origin = stations.addresses.origin(asking, context.clock.wall());
                    let listener =
                        ListenerInfo::new(target.path(), &target.station.route, origin, player, now);
                    let place = stations.audience.join(listener);
                    listen(stations, target, icy_mode, io, (permit, place)).await;
                }
            }
        });
    }))
}

/// The address whose limit a listener counts against; `None` if it is exempt.
fn limited_address(head: &Head, io: &Guarded, trusted: &[IpNet]) -> Option<IpAddr> {
    let address = head.client(io.connection().peer.ip(), trusted);
    (!is_exempt(address, trusted)).then(|| rate_limit_key(address))
}

/// Whether any number may listen from an address: from this machine, or behind a proxy that names nobody.
pub fn is_exempt(address: IpAddr, trusted: &[IpNet]) -> bool {
    address.is_loopback() || trusted.iter().any(|network| network.contains(&address))
}

/// Serves a listener until it disconnects, is disconnected, or the process stops.
async fn listen(
    stations: Arc<Stations>,
    mut target: Target,
    icy_mode: IcyMode,
    mut io: Guarded,
    (mut permit, place): (ListenerPermit, Place),
) {
    io.limit_stalls(StallLimit { timeout: stations.config.stall_timeout, progress_bytes: PROGRESS_BYTES });
    let connection = Arc::clone(io.connection());
    connection.limit_send_buffer(stations.config.listener_send_buffer_bytes);
    let own = stations.individual_station(&target.station);
    target.station = own.clone().unwrap_or(target.station);
    connection.send(&head_of(&stations, &target, icy_mode));
    let seated = take_seat(target, &connection, &place, icy_mode, Entrance::New).await;
    let Some((mut presence, mut guard)) = seated else { return };
    let context = stations.context.clone();
    let mut ignored = [0; 64];
    loop {
        let order = tokio::select! {
            () = context.stopping() => break,
            order = place.ordered() => order,
            read = io.read(&mut ignored) => if read.is_ok_and(|n| n > 0) { continue } else { break },
        };
        let ListenerOrder::Move(path) = order else { break };
        let Some(target) = Target::find(&stations, &path) else { continue };
        let entrance = Entrance::From(presence.leave());
        permit.move_to(&target.station.route);
        place.move_to(&target.path(), &target.station.route);
        let seated = take_seat(target, &connection, &place, icy_mode, entrance).await;
        let Some(other) = seated else { break };
        (presence, guard) = other;
    }
    drop((presence, guard, own));
    place.note(context.clock.now());
}

/// Has a listener hear something, and its encoder run; `None` if that has ended.
async fn take_seat(
    target: Target,
    connection: &Arc<Connection>,
    place: &Place,
    icy_mode: IcyMode,
    entrance: Entrance,
) -> Option<(Arc<Presence>, Option<ListenerGuard>)> {
    let guard = target.mountpoint.as_ref().map(|mountpoint| mountpoint.on_demand.listener());
    let presence = Presence::counted_by(&place.n_bytes);
    let connection = Arc::clone(connection);
    let request = JoinRequest { connection, presence: Arc::downgrade(&presence), icy_mode, entrance };
    target.join(request).await.then_some((presence, guard))
}

fn head_of(stations: &Stations, target: &Target, icy_mode: IcyMode) -> Bytes {
    let station = &target.station;
    let on_air = station.on_air.lock();
    let mut path = stations.hop_id(&station.route);
    if !on_air.path.is_empty() {
        path = format!("{path}, {}", on_air.path);
    }
    let format = on_air.format.unwrap_or(Format::USUAL);
    // Before the first frame, the bitrate at which this station encodes.
    let kbps = if on_air.bitrate_kbps > 0 { on_air.bitrate_kbps } else { station.bitrate_kbps };
    let encoding = target.mountpoint.as_ref().map(|mountpoint| mountpoint.encoding);
    let encoding = encoding.unwrap_or(Encoding { codec: Codec::Mp3, kbps });
    stream_head(&station.about, format, encoding, icy_mode, &path)
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
