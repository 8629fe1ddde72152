//! Relays: a station that is fed by another server, over one connection, with its titles.
//!
//! When the other one fails, the folder plays, and the relay is tried again after pauses that grow. A station says
//! whose sound it relays, and does not take its own from another.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use tokio::time::{sleep, timeout};
use tracing::{info, warn};
use url::Url;

use super::guest::{self, Inlet};
use super::handle::Handle;
use super::icy::{Heard, IcyReader};
use super::microphone::Origin;
use super::protocol::PATH_HEADER;
use super::stations::Stations;
use super::track::{Track, clean};
use super::upstream::{self, Trust, Upstream};
use crate::config;

/// The pause after the first failure; each one more doubles it.
const FIRST_PAUSE: Duration = Duration::from_secs(1);

/// A relay that was on the air for so long begins with the first pause again.
const STEADY: Duration = Duration::from_secs(30);

/// A live guest may have the microphone: the relay looks for its end this often.
const LOOK_AGAIN: Duration = Duration::from_millis(500);

/// What a relayed station is listed as, which has no file.
const FILE: &str = "relay";

/// Relays another station to this one until the process stops.
pub async fn run(stations: Arc<Stations>, station: Handle, uri: Url, trust: Trust) {
    let context = stations.context.clone();
    let relaying = async {
        let mut pause = FIRST_PAUSE;
        loop {
            while !station.microphone.is_free() {
                sleep(LOOK_AGAIN).await;
            }
            let started = context.clock.uptime();
            let ended = relay(&stations, &station, &uri, &trust).await;
            station.on_air.lock().path.clear();
            if context.clock.uptime().saturating_sub(started) > STEADY {
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
    };
    tokio::select! {
        () = context.stopping() => {}
        () = relaying => {}
    }
}

/// Relays once: why it ended.
async fn relay(stations: &Stations, station: &Handle, uri: &Url, trust: &Trust) -> Result<&'static str> {
    let patience = stations.config.source_timeout;
    let opened = timeout(patience, upstream::open(uri, trust)).await.context("it does not answer")?;
    let mut upstream = opened?;
    let answer = &upstream.answer;
    let path = answer.header(PATH_HEADER);
    ensure!(
        !path.split(", ").any(|step| step == stations.step(&station.route)),
        "it relays this station: a loop"
    );
    let Some(turn) = station.microphone.take(Origin::Relay) else { return Ok("a live source is on the air") };
    clean(path).clone_into(&mut station.on_air.lock().path);
    let title = Track { title: clean(answer.header("icy-name")), ..other_track() };
    let inlet = guest::start(station, turn, Origin::Relay, title, stations.config.bitrate_kbps)?;
    let shown = config::without_credentials(uri.as_str());
    info!(route = %station.route, uri = shown, "a station is relayed");
    let reader = IcyReader::new(answer.header("icy-metaint").parse().ok());
    let why = pass_on(&mut upstream, &inlet, reader, patience).await;
    if inlet.is_on() {
        inlet.finish().await;
    }
    Ok(why)
}

/// Passes on sound and titles until there are no more.
async fn pass_on(
    upstream: &mut Upstream,
    inlet: &Inlet,
    mut reader: IcyReader,
    patience: Duration,
) -> &'static str {
    loop {
        let mut bytes = match timeout(patience, upstream.content()).await {
            Err(_) => return "it has stalled",
            Ok(Err(_) | Ok(None)) => return "its connection has ended",
            Ok(Ok(Some(bytes))) => bytes,
        };
        while let Some(heard) = reader.next(&mut bytes) {
            let is_heard = match heard {
                Heard::Sound(sound) => inlet.say(sound).await,
                Heard::Title(title) => inlet.name(song(&title)).await,
            };
            if !is_heard {
                return "a live source took over, or nobody understands it";
            }
        }
    }
}

fn other_track() -> Track {
    Track { file: FILE.into(), ..Track::default() }
}

/// The track that a title names: `Artist - Title`, or the title alone.
pub fn song(title: &str) -> Track {
    let title = clean(title);
    match title.split_once(" - ") {
        Some((artist, title)) => {
            Track { title: title.trim().into(), artist: artist.trim().into(), ..other_track() }
        }
        None => Track { title, ..other_track() },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn songs_come_apart_at_the_first_dash() {
        let parts = |title: &str| (song(title).artist, song(title).title);
        assert_eq!(parts("Ann - Eins - Live"), ("Ann".into(), "Eins - Live".into()));
        assert_eq!(parts("Eins"), (String::new(), "Eins".into()));
    }
}
