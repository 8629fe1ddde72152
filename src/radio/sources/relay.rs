//! Relays: a station plays the stream of another server, with its titles, over one connection.
//!
//! While the other server fails, the folder plays, and the relay reconnects after pauses that grow. The head of a
//! relayed stream names the stations that it came through, so that a relay detects loops.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use tokio::time::{sleep, timeout};
use tracing::{info, warn};
use url::Url;

use super::external_source::{self, STALLED, SourceOf, SourceWriter};
use super::icy::{IcyItem, IcyReader};
use super::source_slot::SourceKind;
use super::upstream::{self, TlsConfig, Upstream};
use crate::audio::one_line::clean;
use crate::config;
use crate::radio::library::track::Track;
use crate::radio::protocol::PATH_HEADER;
use crate::radio::station_handle::StationHandle;
use crate::radio::stations::Stations;

/// The pause after the first failure; each further failure doubles it.
const FIRST_PAUSE: Duration = Duration::from_secs(1);

/// After so long on the air, a relay starts with the first pause again.
const STABLE_AFTER: Duration = Duration::from_secs(30);

/// While a live source holds the slot, a relay checks this often whether it has ended.
const SLOT_CHECK_INTERVAL: Duration = Duration::from_millis(500);

/// Relays to a station whatever it is to relay, until the process stops.
pub async fn run(stations: Arc<Stations>, station: StationHandle, tls_config: TlsConfig) {
    let context = stations.context.clone();
    let mut relayed = station.relayed.subscribe();
    let relaying = async {
        loop {
            let uri = relayed.borrow_and_update().clone();
            let relaying = async {
                match uri {
                    Some(uri) => relay_again_and_again(&stations, &station, &uri, &tls_config).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                () = relaying => {}
                changed = relayed.changed() => if changed.is_err() {
                    return;
                },
            }
            station.on_air.lock().path.clear();
        }
    };
    tokio::select! {
        () = context.stopping() => {}
        () = relaying => {}
    }
}

/// Relays a stream, and reconnects whenever that ends.
async fn relay_again_and_again(
    stations: &Stations,
    station: &StationHandle,
    uri: &Url,
    tls_config: &TlsConfig,
) {
    let clock = stations.context.clock;
    let mut pause = FIRST_PAUSE;
    loop {
        while !station.source_slot.is_free() {
            sleep(SLOT_CHECK_INTERVAL).await;
        }
        let started = clock.uptime();
        let ended = relay(stations, station, uri, tls_config).await;
        station.on_air.lock().path.clear();
        if clock.uptime().saturating_sub(started) > STABLE_AFTER {
            pause = FIRST_PAUSE;
        }
        let (route, retry_secs) = (&station.route, pause.as_secs());
        let uri = config::without_credentials(uri.as_str());
        match ended {
            Ok(why) => info!(%route, uri, why, retry_secs, "a relay has ended"),
            Err(error) => {
                warn!(%route, uri, error = format!("{error:#}"), retry_secs, "a station cannot be relayed");
            }
        }
        sleep(pause).await;
        pause = (pause * 2).min(stations.config.relay_max_pause);
    }
}

/// Relays over one connection; returns why it ended.
async fn relay(
    stations: &Stations,
    station: &StationHandle,
    uri: &Url,
    tls_config: &TlsConfig,
) -> Result<&'static str> {
    let time_limit = stations.config.source_timeout;
    let opened = timeout(time_limit, upstream::open(uri, tls_config, &stations.config))
        .await
        .context("it does not answer")?;
    let mut upstream = opened?;
    let response = &upstream.response;
    let path = response.header(PATH_HEADER);
    ensure!(
        !path.split(", ").any(|hop| hop == stations.hop_id(&station.route)),
        "it relays this station: a loop"
    );
    let Some(lease) = station.source_slot.acquire(SourceKind::Relay, None) else {
        return Ok("a live source is on the air");
    };
    clean(path).clone_into(&mut station.on_air.lock().path);
    let title = Track { title: clean(response.header("icy-name")), ..relayed_track() };
    let source = SourceOf { kind: SourceKind::Relay, title, recording: None };
    let writer = external_source::start(station, lease, source, &stations.config)?;
    let shown = config::without_credentials(uri.as_str());
    info!(route = %station.route, uri = shown, "a station is relayed");
    let reader = IcyReader::new(response.header("icy-metaint").parse().ok());
    let why = forward(&mut upstream, &writer, reader, time_limit).await;
    if writer.is_active() {
        writer.finish().await;
    }
    ensure!(why != STALLED, "it has stalled: no sound for radio.source_timeout");
    Ok(why)
}

/// Forwards audio and titles until the stream ends; returns why it ended.
async fn forward(
    upstream: &mut Upstream,
    writer: &SourceWriter,
    mut reader: IcyReader,
    time_limit: Duration,
) -> &'static str {
    let mut stalling = pin!(writer.stalls(time_limit));
    loop {
        let chunk = tokio::select! {
            chunk = upstream.next_chunk() => chunk,
            () = &mut stalling => return STALLED,
        };
        let Ok(Some(mut bytes)) = chunk else { return "its connection has ended" };
        while let Some(item) = reader.next(&mut bytes) {
            let is_played = match item {
                IcyItem::Audio(audio) => writer.write(audio).await,
                IcyItem::Title(title) => writer.set_title(track_of(&title)).await,
            };
            if !is_played {
                return "a live source took over, or it cannot be decoded";
            }
        }
    }
}

fn relayed_track() -> Track {
    Track { file: SourceKind::Relay.name().into(), ..Track::default() }
}

/// The track in a title: `Artist - Title`, or the title alone.
pub fn track_of(title: &str) -> Track {
    let title = clean(title);
    match title.split_once(" - ") {
        Some((artist, title)) => {
            Track { title: title.trim().into(), artist: artist.trim().into(), ..relayed_track() }
        }
        None => Track { title, ..relayed_track() },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn titles_are_split_at_the_first_dash() {
        let parts = |title: &str| (track_of(title).artist, track_of(title).title);
        assert_eq!(parts("Ann - Eins - Live"), ("Ann".into(), "Eins - Live".into()));
        assert_eq!(parts("Eins"), (String::new(), "Eins".into()));
    }
}
