//! Lists of all stations: in JSON, as events, and as Icecast gives them.
//!
//! Anybody may ask for them, as often as they like: each is written once in a while for all who ask.

use std::time::Duration;

use bytes::Bytes;
use parking_lot::Mutex;
use serde_json::json;

use super::handle::Handle;
use super::paths::encoded;
use super::protocol::{StreamReport, station_name};
use super::stations::Stations;
use crate::time::Timestamp;

/// A list is as old as this at most.
const WRITTEN_EVERY: Duration = Duration::from_millis(100);

/// Stands in a kept list for the address by which the client knows this service. Titles hold no control characters.
const BASE: &str = "\u{7f}base\u{7f}";

/// Which list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum List {
    /// `GET /streams`
    Streams,
    /// What `GET /events` sends.
    Events,
    /// `GET /status-json.xsl`
    Icecast,
}

/// The lists as they were last written.
#[derive(Debug, Default)]
pub struct Listings {
    streams: Mutex<Option<Kept>>,
    events: Mutex<Option<Kept>>,
    icecast: Mutex<Option<Kept>>,
}

#[derive(Debug)]
struct Kept {
    written_at: Timestamp,
    text: String,
    /// The text for one who reached this service at that address.
    told: Option<(String, Bytes)>,
}

impl Listings {
    /// A list, with the addresses of one who reaches this service at `base`.
    pub fn text(&self, list: List, stations: &Stations, base: &str) -> Bytes {
        let now = stations.context.clock.now();
        let mut kept = match list {
            List::Streams => self.streams.lock(),
            List::Events => self.events.lock(),
            List::Icecast => self.icecast.lock(),
        };
        if kept.as_ref().is_none_or(|kept| now.since(kept.written_at) >= WRITTEN_EVERY) {
            let text = match list {
                List::Streams => streams(stations, now),
                List::Events => event(stations, now),
                List::Icecast => icecast(stations),
            };
            *kept = Some(Kept { written_at: now, text, told: None });
        }
        let Some(kept) = kept.as_mut() else { return Bytes::new() };
        match &kept.told {
            Some((known, bytes)) if known == base => bytes.clone(),
            _ => {
                let bytes = Bytes::from(kept.text.replace(BASE, base));
                kept.told = Some((base.to_owned(), bytes.clone()));
                bytes
            }
        }
    }
}

fn streams(stations: &Stations, now: Timestamp) -> String {
    let streams: Vec<_> = stations.all.values().map(|station| report(stations, station, now)).collect();
    let message = format!("{} streams", streams.len());
    json!({"status": "success", "message": message, "streams": streams}).to_string()
}

/// All of it each time, so that nobody has to put parts together; but for what only operators look at.
fn event(stations: &Stations, now: Timestamp) -> String {
    let report = |station| StreamReport { skipped: Vec::new(), ..report(stations, station, now) };
    let event = json!({
        "now": stations.date(now),
        "burst_seconds": stations.config.burst_seconds,
        "streams": stations.all.values().map(report).collect::<Vec<_>>(),
    });
    format!("data: {event}\n\n")
}

/// Listener statistics as Icecast gives them.
fn icecast(stations: &Stations) -> String {
    let source = |station: &Handle| {
        let on_air = station.on_air.lock().clone();
        json!({
            "server_name": station_name(&stations.config, &station.route),
            "server_description": stations.config.description,
            "genre": stations.config.genre,
            "server_type": "audio/mpeg",
            "bitrate": on_air.bitrate_kbps,
            "samplerate": on_air.format.map_or(0, |format| format.rate),
            "channels": on_air.format.map_or(0, |format| format.channels),
            "listeners": stations.listeners(station),
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

fn report(stations: &Stations, station: &Handle, now: Timestamp) -> StreamReport {
    let on_air = station.on_air.lock();
    let (track, started_at) = (on_air.track.clone(), on_air.started_at);
    let (bitrate_kbps, source) = (on_air.bitrate_kbps, on_air.origin);
    drop(on_air);
    let shelf = &station.shelf;
    let remark = shelf.remark();
    let tracks = shelf.playlist.lock().n_tracks();
    let track = track.as_deref().cloned().unwrap_or_default();
    let is_on_air = !track.file.is_empty();
    StreamReport {
        route: station.route.to_string(),
        url: format!("{BASE}{}", encoded(&station.route)),
        current_track: track.file,
        listeners: stations.listeners(station),
        title: track.title,
        artist: track.artist,
        started_at: if is_on_air { stations.date(started_at) } else { 0.0 },
        elapsed_seconds: if is_on_air { now.since(started_at).as_secs_f64() } else { 0.0 },
        duration_seconds: track.duration_seconds,
        bitrate_kbps,
        source,
        skipped: shelf.skipped.lock().iter().cloned().collect(),
        tracks,
        scan: *shelf.scan.lock(),
        remark,
    }
}
