//! Directories of stations, like that of Xiph: each public stream is added, touched now and then, and removed, as by
//! Icecast 2.4. Stations with a listener key are in none.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use tokio::time::{sleep, timeout};
use tracing::{info, warn};
use url::Url;

use super::output::mountpoint::Mountpoint;
use super::paths::encoded;
use super::post::post;
use super::sources::icy::ResponseHead;
use super::sources::upstream::{TlsConfig, parse_station_url};
use super::station_handle::StationHandle;
use super::stations::Stations;
use super::{Config, StreamMode};
use crate::audio::format::Format;
use crate::audio::streams::{Codec, Encoding};
use crate::config::Findings;

/// The most directories: each stream has a task for each of them.
const MAX_DIRECTORIES: usize = 8;

/// A stream is touched for the first time so soon after it was added.
const FIRST_TOUCH: Duration = Duration::from_secs(5);

/// The longest time between two touches, whatever a directory says.
const MAX_TOUCH_INTERVAL: Duration = Duration::from_hours(1);

/// A stream that is not on the air is looked at again after this time.
const LOOK_INTERVAL: Duration = Duration::from_secs(1);

/// When the process stops, a directory has this long to take a stream out.
const REMOVAL_TIME: Duration = Duration::from_secs(2);

/// The longest name that a directory may give to an entry.
const MAX_SID_CHARS: usize = 256;

/// Checks what is configured.
pub fn validate(config: &Config, findings: &mut Findings) {
    let expected =
        |problem: String| problem.replace("http://other:9999/news", "https://dir.xiph.org/cgi-bin/yp-cgi");
    for url in &config.yp_urls {
        if let Err(problem) = parse_station_url(url) {
            findings.add("radio.yp_urls", expected(problem));
        }
    }
    if config.yp_urls.len() > MAX_DIRECTORIES {
        findings.add("radio.yp_urls", format!("at most {MAX_DIRECTORIES} are expected"));
    }
    let base = parse_station_url(&config.yp_base_url);
    if !(config.yp_urls.is_empty() && config.yp_base_url.is_empty()) && base.is_err() {
        let problem =
            "the address of the stations for everybody, like \"https://radio.example.org\", is expected";
        findings.add("radio.yp_base_url", problem);
    }
    for (place, station) in config.stations.iter().enumerate() {
        if station.yp_public == Some(true) && station.listener_key.is_set() {
            let key = format!("radio.stations[{}].yp_public", place + 1);
            findings.add(key, "a station with a listener key is in no directory");
        }
    }
    findings.not_zero("radio.yp_timeout", config.yp_timeout);
    findings.not_zero("radio.yp_min_touch_interval", config.yp_min_touch_interval);
    findings.not_zero("radio.yp_retry_pause", config.yp_retry_pause);
}

/// Whether a station is to be in directories.
pub fn is_public(stations: &Stations, route: &str) -> bool {
    let config = &stations.config;
    let station = config.stations.iter().find(|station| station.normalized_route() == route);
    let is_wanted = station.and_then(|station| station.yp_public).unwrap_or(config.yp_public);
    let is_shared = config.stream_mode == StreamMode::Radio;
    is_wanted && is_shared && !config.yp_urls.is_empty() && !stations.listener_keys.is_private(route)
}

/// Everything that is to be in directories.
pub fn all(stations: &Arc<Stations>, tls_config: &TlsConfig) -> Vec<Listing> {
    let mut listings = Vec::new();
    let directories = || stations.config.yp_urls.iter().filter_map(|url| parse_station_url(url).ok());
    for station in stations.all.values().filter(|station| is_public(stations, &station.route)) {
        let mountpoints = station.mountpoints.iter().cloned().map(Some);
        for mountpoint in std::iter::once(None).chain(mountpoints) {
            listings.extend(directories().map(|directory| Listing {
                stations: Arc::clone(stations),
                tls_config: Arc::clone(tls_config),
                station: station.clone(),
                mountpoint: mountpoint.clone(),
                directory,
                is_failing: false,
            }));
        }
    }
    listings
}

/// A stream and a directory.
pub struct Listing {
    stations: Arc<Stations>,
    tls_config: TlsConfig,
    station: StationHandle,
    /// `None` is the station's own stream.
    mountpoint: Option<Mountpoint>,
    directory: Url,
    is_failing: bool,
}

/// What a directory calls an entry, and how often it wants to hear of it.
struct Listed {
    sid: String,
    interval: Duration,
}

impl Listing {
    /// Keeps the stream in the directory until the process stops.
    pub async fn run(mut self) {
        let context = self.stations.context.clone();
        let mut listed: Option<Listed> = None;
        let mut pause = Duration::ZERO;
        loop {
            tokio::select! {
                () = context.stopping() => break,
                () = sleep(pause) => {}
            }
            let turn = async {
                let is_on_air = self.station.on_air.lock().track.is_some();
                match &listed {
                    None if is_on_air => self.add().await.map(|listed| (Some(listed), FIRST_TOUCH)),
                    None => Ok((None, LOOK_INTERVAL)),
                    Some(known) => {
                        let interval = self.touch(known).await?;
                        Ok((Some(Listed { sid: known.sid.clone(), interval }), interval))
                    }
                }
            };
            let told = tokio::select! {
                () = context.stopping() => break,
                told = turn => told,
            };
            self.note(&told);
            (listed, pause) = match told {
                Ok((listed, pause)) => {
                    let pause = pause.min(listed.as_ref().map_or(pause, |listed| listed.interval));
                    (listed, pause)
                }
                Err(_) => (None, self.stations.config.yp_retry_pause),
            };
        }
        if let Some(listed) = listed {
            let form = [("action", "remove".to_owned()), ("sid", listed.sid)];
            // The directory forgets a stream that is not touched.
            let _ = timeout(REMOVAL_TIME, self.say(&form)).await;
        }
    }

    fn note(&mut self, told: &Result<(Option<Listed>, Duration)>) {
        let (directory, mount) = (self.directory.host_str().unwrap_or_default(), self.path());
        match told {
            Err(error) if !self.is_failing => {
                let error = format!("{error:#}");
                warn!(directory, mount, error, "a directory does not list a stream");
            }
            Ok((Some(_), _)) if self.is_failing => {
                info!(directory, mount, "a directory lists a stream again");
            }
            Err(_) | Ok(_) => {}
        }
        self.is_failing = told.is_err() || self.is_failing && matches!(told, Ok((None, _)));
    }

    fn path(&self) -> &str {
        self.mountpoint.as_ref().map_or(&self.station.route, |mountpoint| &mountpoint.path)
    }

    async fn add(&self) -> Result<Listed> {
        let about = &self.station.about;
        let (kbps, format) = {
            let on_air = self.station.on_air.lock();
            (on_air.bitrate_kbps, on_air.format.unwrap_or(Format::USUAL))
        };
        let own = Encoding { codec: Codec::Mp3, kbps };
        let encoding = self.mountpoint.as_ref().map_or(own, |mountpoint| mountpoint.encoding);
        let base = self.stations.config.yp_base_url.trim_end_matches('/');
        let media_type = encoding.codec.media_type();
        let (kind, subtype) = media_type.split_once("; codecs=").unwrap_or((media_type, ""));
        let form = [
            ("action", "add".to_owned()),
            ("sn", about.name.clone()),
            ("genre", about.genre.clone()),
            ("cpswd", String::new()),
            ("desc", about.description.clone()),
            ("url", base.to_owned()),
            ("listenurl", format!("{base}{}", encoded(self.path()))),
            ("type", kind.to_owned()),
            ("stype", subtype.to_owned()),
            ("b", encoding.kbps.to_string()),
            ("samplerate", encoding.rate(format).to_string()),
            ("channels", format.channels.to_string()),
        ];
        let head = self.say(&form).await?;
        let sid: String = head.header("sid").chars().take(MAX_SID_CHARS).collect();
        ensure!(!sid.is_empty(), "it names no SID");
        Ok(Listed { sid, interval: self.interval(&head) })
    }

    async fn touch(&self, Listed { sid, .. }: &Listed) -> Result<Duration> {
        let title = self.station.on_air.lock().track.as_ref().map(|track| track.display());
        let form = [
            ("action", "touch".to_owned()),
            ("sid", sid.clone()),
            ("st", title.unwrap_or_default()),
            ("listeners", self.stations.audience.count(self.path()).to_string()),
            ("max_listeners", self.stations.limits.per_station.to_string()),
            ("stype", String::new()),
        ];
        Ok(self.interval(&self.say(&form).await?))
    }

    /// How often a directory wants to hear of the stream.
    fn interval(&self, head: &ResponseHead) -> Duration {
        let least = self.stations.config.yp_min_touch_interval;
        let wanted = head.header("touchfreq").parse().map_or(least, Duration::from_secs);
        wanted.min(MAX_TOUCH_INTERVAL).max(least)
    }

    async fn say(&self, form: &[(&str, String)]) -> Result<ResponseHead> {
        let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish();
        let headers = [("Content-Type", "application/x-www-form-urlencoded".to_owned())];
        let time = self.stations.config.yp_timeout;
        let head = post(&self.directory, &self.tls_config, &headers, &body, time).await?;
        ensure!(head.status == 200, "it answers {}", head.status);
        match head.header("ypresponse") {
            "1" => Ok(head),
            "" => bail!("it is no directory"),
            _ => Err(anyhow::Error::msg(head.header("ypmessage").to_owned())).context("it refuses"),
        }
    }
}
