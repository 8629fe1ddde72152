//! Status documents of all stations: in JSON, as events, and in the format of Icecast.

use bytes::Bytes;
use serde_json::json;

use super::status_cache::{BASE, StatusDocument};
use crate::radio::paths::encoded;
use crate::radio::protocol::{StreamReport, station_name};
use crate::radio::station_handle::StationHandle;
use crate::radio::stations::Stations;
use crate::time::Timestamp;

/// A document with URLs below `base`.
pub fn text(document: StatusDocument, stations: &Stations, base: &str) -> Bytes {
    let now = stations.context.clock.now();
    let write = || match document {
        StatusDocument::Streams => streams(stations, now),
        StatusDocument::Events => event(stations, now),
        StatusDocument::Icecast => icecast(stations),
    };
    stations.status.text(document, base, stations.config.status_max_age, now, write)
}

fn streams(stations: &Stations, now: Timestamp) -> String {
    let streams: Vec<_> = stations.all.values().map(|station| report(stations, station, now)).collect();
    let message = format!("{} streams", streams.len());
    json!({"status": "success", "message": message, "streams": streams}).to_string()
}

/// Complete each time, so that clients need not merge updates, except for what only operators need.
fn event(stations: &Stations, now: Timestamp) -> String {
    let report = |station| StreamReport { skipped: Vec::new(), ..report(stations, station, now) };
    let event = json!({
        "now": stations.unix_seconds(now),
        "burst_seconds": stations.config.burst_seconds,
        "streams": stations.all.values().map(report).collect::<Vec<_>>(),
    });
    format!("data: {event}\n\n")
}

/// Listener statistics in the format of Icecast.
fn icecast(stations: &Stations) -> String {
    let source = |station: &StationHandle| {
        let on_air = station.on_air.lock().clone();
        json!({
            "server_name": station_name(&stations.config, &station.route),
            "server_description": stations.config.description,
            "genre": stations.config.genre,
            "server_type": "audio/mpeg",
            "bitrate": on_air.bitrate_kbps,
            "samplerate": on_air.format.map_or(0, |format| format.rate),
            "channels": on_air.format.map_or(0, |format| format.channels),
            "listeners": stations.n_listeners(station),
            "listener_peak": on_air.peak_listeners,
            "title": on_air.track.map(|track| track.display()).unwrap_or_default(),
            "listenurl": format!("{BASE}{}", encoded(&station.route)),
        })
    };
    let stats = json!({"icestats": {
        "server_id": format!("roomhub {}", env!("CARGO_PKG_VERSION")),
        "host": BASE,
        "source": stations.all.values().map(source).collect::<Vec<_>>(),
    }});
    stats.to_string()
}

fn report(stations: &Stations, station: &StationHandle, now: Timestamp) -> StreamReport {
    let on_air = station.on_air.lock();
    let (track, started_at) = (on_air.track.clone(), on_air.started_at);
    let (bitrate_kbps, source) = (on_air.bitrate_kbps, on_air.source);
    drop(on_air);
    let queue = &station.queue;
    let remark = queue.remark();
    let tracks = queue.playlist.lock().n_tracks();
    let track = track.as_deref().cloned().unwrap_or_default();
    let is_on_air = !track.file.is_empty();
    StreamReport {
        route: station.route.to_string(),
        url: format!("{BASE}{}", encoded(&station.route)),
        current_track: track.file,
        listeners: stations.n_listeners(station),
        title: track.title,
        artist: track.artist,
        started_at: if is_on_air { stations.unix_seconds(started_at) } else { 0.0 },
        elapsed_seconds: if is_on_air { now.since(started_at).as_secs_f64() } else { 0.0 },
        duration_seconds: track.duration_seconds,
        bitrate_kbps,
        source,
        skipped: queue.skipped.lock().iter().cloned().collect(),
        tracks,
        scan: *queue.scan.lock(),
        remark,
    }
}
