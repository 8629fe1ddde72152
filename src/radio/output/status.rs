//! Status documents of all stations: in JSON, as events, and in the format of Icecast.

use std::collections::BTreeSet;
use std::sync::Arc;

use bytes::Bytes;
use jiff::tz::TimeZone;
use serde_json::{Value, json};

use super::mountpoint::Mountpoint;
use super::status_cache::{BASE, StatusDocument};
use crate::audio::streams::{Codec, Encoding};
use crate::radio::StreamMode;
use crate::radio::covers;
use crate::radio::paths::encoded;
use crate::radio::protocol::{MountpointReport, RequestCount, ShowReports, StreamReport, UpcomingTrack};
use crate::radio::station_handle::StationHandle;
use crate::radio::stations::Stations;
use crate::time::Timestamp;

/// A document with URLs below `base`, of the stations that everybody may hear and those that are opened besides.
pub fn text(
    document: StatusDocument,
    stations: &Stations,
    base: &str,
    opened: Option<&BTreeSet<String>>,
) -> Bytes {
    let now = stations.context.clock.now();
    let is_told = |station: &&StationHandle| {
        !stations.listener_keys.is_private(&station.route)
            || opened.is_some_and(|opened| opened.contains(&*station.route))
    };
    let told: Vec<&StationHandle> = stations.all.values().filter(is_told).collect();
    let write = || match document {
        StatusDocument::Streams => streams(stations, &told, now),
        StatusDocument::Events => event(stations, &told, now),
        StatusDocument::Icecast => icecast(stations, &told),
    };
    if opened.is_some() {
        // For whoever has a key, and no two have the same.
        return write().replace(BASE, base).into();
    }
    stations.status.text(document, base, stations.config.status_max_age, now, write)
}

fn streams(stations: &Stations, told: &[&StationHandle], now: Timestamp) -> String {
    let streams: Vec<_> = told.iter().map(|station| report(stations, station, now)).collect();
    let message = format!("{} streams", streams.len());
    json!({"status": "success", "message": message, "streams": streams}).to_string()
}

/// Complete each time, so that clients need not merge updates, except for what only operators need.
fn event(stations: &Stations, told: &[&StationHandle], now: Timestamp) -> String {
    let report =
        |station: &&StationHandle| StreamReport { skipped: Vec::new(), ..report(stations, station, now) };
    let event = json!({
        "now": stations.unix_seconds(now),
        "burst_seconds": stations.config.burst_seconds,
        "streams": told.iter().map(report).collect::<Vec<_>>(),
    });
    format!("data: {event}\n\n")
}

/// Listener statistics in the format of Icecast.
fn icecast(stations: &Stations, told: &[&StationHandle]) -> String {
    let sources = told.iter().flat_map(|station| icecast_sources(stations, station));
    let [started, started_iso] = started(stations);
    let stats = json!({"icestats": {
        "server_id": format!("roomhub {}", env!("CARGO_PKG_VERSION")),
        "server_start": started,
        "server_start_iso8601": started_iso,
        "host": BASE,
        "source": sources.collect::<Vec<_>>(),
    }});
    stats.to_string()
}

/// When the process began, and with it each stream, in the two forms of Icecast.
pub fn started(stations: &Stations) -> [String; 2] {
    let clock = stations.context.clock;
    let began_at = clock.wall().earlier(clock.uptime());
    let began_at = jiff::Timestamp::from_microsecond(began_at.as_micros().cast_signed()).unwrap_or_default();
    let began_at = began_at.to_zoned_datetime(TimeZone::UTC);
    ["%a, %d %b %Y %H:%M:%S %z", "%Y-%m-%dT%H:%M:%S%z"].map(|form| began_at.strftime(form).to_string())
}

/// A station and its mountpoints as Icecast's sources.
fn icecast_sources(stations: &Stations, station: &StationHandle) -> Vec<Value> {
    let on_air = station.on_air.lock().clone();
    let [started, started_iso] = started(stations);
    let (format, title) = (on_air.format, on_air.track.map(|track| track.display()).unwrap_or_default());
    let source = |path: &str, encoding: Encoding, listeners: usize, peak: usize| {
        json!({
            "server_name": station.about.name,
            "server_description": station.about.description,
            "genre": station.about.genre,
            "language": station.about.language,
            "server_type": encoding.codec.media_type().split(';').next(),
            "bitrate": encoding.kbps,
            "samplerate": format.map_or(0, |format| encoding.rate(format)),
            "channels": format.map_or(0, |format| format.channels),
            "listeners": listeners,
            "listener_peak": peak,
            "title": title,
            "listenurl": format!("{BASE}{}", encoded(path)),
            "stream_start": started,
            "stream_start_iso8601": started_iso,
        })
    };
    let own = Encoding { codec: Codec::Mp3, kbps: on_air.bitrate_kbps };
    let mut sources = vec![source(&station.route, own, stations.n_listeners(station), on_air.peak_listeners)];
    sources.extend(station.mountpoints.iter().map(|mountpoint| {
        source(&mountpoint.path, mountpoint.encoding, mountpoint.n_listeners(), mountpoint.peak_listeners())
    }));
    sources
}

/// The path of a station's HLS playlist, if it has one.
fn hls_path(stations: &Stations, route: &str) -> Option<String> {
    let has_hls = stations.config.hls && stations.config.stream_mode == StreamMode::Radio;
    has_hls.then(|| format!("{}/index.m3u8", encoded(route).trim_end_matches('/')))
}

fn mountpoint_report(mountpoint: &Mountpoint) -> MountpointReport {
    let Encoding { codec, kbps } = mountpoint.encoding;
    MountpointReport {
        url: format!("{BASE}{}", encoded(&mountpoint.path)),
        media_type: codec.media_type(),
        codec,
        bitrate_kbps: kbps,
        listeners: mountpoint.n_listeners(),
    }
}

fn report(stations: &Stations, station: &StationHandle, now: Timestamp) -> StreamReport {
    let on_air = station.on_air.lock();
    let (track, started_at) = (on_air.track.clone(), on_air.started_at);
    let queue = on_air.show_queue.clone().unwrap_or_else(|| Arc::clone(&station.queue));
    let next_track = UpcomingTrack::of(on_air.source, &queue);
    let (bitrate_kbps, source, shows) = (on_air.bitrate_kbps, on_air.source, ShowReports::of(&on_air));
    let dj = on_air.dj();
    drop(on_air);
    let queue = &station.queue;
    let remark = queue.remark();
    let tracks = queue.playlist.lock().n_tracks();
    let track = track.as_deref().cloned().unwrap_or_default();
    let is_on_air = !track.file.is_empty();
    StreamReport {
        route: station.route.to_string(),
        url: format!("{BASE}{}", encoded(&station.route)),
        about: Arc::clone(&station.about),
        current_track: track.file,
        listeners: stations.n_listeners(station),
        title: track.title,
        artist: track.artist,
        album: track.album,
        year: track.year,
        cover: track.cover.map(|id| format!("{BASE}{}", covers::path(id))),
        next_track,
        started_at: if is_on_air { stations.unix_seconds(started_at) } else { 0.0 },
        elapsed_seconds: if is_on_air { now.since(started_at).as_secs_f64() } else { 0.0 },
        duration_seconds: track.duration_seconds,
        bitrate_kbps,
        source,
        dj,
        hls_url: hls_path(stations, &station.route).map(|path| format!("{BASE}{path}")),
        mountpoints: station.mountpoints.iter().map(mountpoint_report).collect(),
        skipped: queue.skipped.lock().iter().cloned().collect(),
        tracks,
        scan: queue.scan(),
        remark,
        is_private: stations.listener_keys.is_private(&station.route),
        shows,
        requests: RequestCount::of(station),
    }
}
