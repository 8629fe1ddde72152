//! `[[radio.stations]]`: a station with its own settings. Everything else is as in `[radio]`.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::encodings::{allowed_bitrates, validate_mountpoints};
use super::{Config, StreamMode, home};
use crate::audio::encode::BITRATES;
use crate::audio::streams::Encoding;
use crate::config::Findings;
use crate::radio::about::{About, line};
use crate::radio::library::jingles::JingleRule;
use crate::radio::library::playlist::{KEPT_BEHIND, Order};
use crate::radio::library::spread::Weights;
use crate::radio::paths;
use crate::radio::requests::settings::{Rules, StationRules};
use crate::radio::schedule::{self, Interrupt, Schedule, Times};
use crate::radio::sources::track_settings::MAX_CROSSFADE;
use crate::radio::sources::upstream::parse_station_url;
use crate::secret::Secret;
use crate::time::human;

/// Loudness targets, in LUFS: below, listeners hear noise when they turn it up; above, peaks leave no room.
const LOUDNESS: std::ops::RangeInclusive<f64> = -30.0..=-8.0;

/// How much more often, or less often, a track may play.
const WEIGHTS: std::ops::RangeInclusive<f64> = 0.0..=100.0;

/// The longest that a show is on that is on once.
const MAX_LASTING: Duration = Duration::from_hours(7 * 24);

/// What is wrong where each listener has a stream of its own.
pub const SHARED: &str = "it is the same for all listeners: stream_mode = \"radio\" is expected";

/// A station.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct StationConfig {
    /// Its path, like `/jazz`.
    pub route: String,
    /// Its name, as players show it; empty is that of `[radio]` with the route.
    pub name: String,
    /// Its description; empty is that of `[radio]`.
    pub description: String,
    /// Its genre; empty is that of `[radio]`.
    pub genre: String,
    /// The language that is spoken, like `de`; empty tells none.
    pub language: String,
    /// Its folders; `~` is the home folder.
    pub folders: Vec<String>,
    /// A playlist file that gives its tracks and their order; its folder is the station's if no other is.
    pub playlist: String,
    /// The URL of a stream that it relays; its folders play while that fails.
    pub relay: String,
    /// The order in which its tracks play.
    pub order: Option<Order>,
    /// How often tracks play, by the beginnings of their paths below its folders; 1 is what others have.
    pub weights: BTreeMap<String, f64>,
    /// The number of tracks between two of an artist, as far as that can be.
    pub artist_separation: usize,
    /// The bitrate at which its tracks are encoded.
    pub bitrate_kbps: Option<u32>,
    /// The loudness that its tracks are brought to, in LUFS.
    pub loudness: Option<f64>,
    /// Further encodings.
    pub mountpoints: Option<Vec<Encoding>>,
    /// How long two tracks overlap.
    #[serde(with = "human::option")]
    pub crossfade: Option<Duration>,
    /// What plays between its tracks.
    pub jingles: JinglesConfig,
    /// How its listeners may ask for tracks.
    pub requests: StationRules,
    /// The time zone of its schedule; empty is that of `[radio]`.
    pub time_zone: String,
    /// What plays at its time.
    pub schedule: Vec<ShowConfig>,
    /// Whether directories list it; left out, `radio.yp_public` holds.
    pub yp_public: Option<bool>,
    /// Whether its live shows are recorded, where `radio.recordings_dir` is set; left out, they are.
    pub recording: Option<bool>,
    /// Whether its recordings are a podcast; left out, `radio.podcast` says so.
    pub podcast: Option<bool>,
    /// The key that listeners need; empty admits everybody.
    pub listener_key: Secret,
    /// A file that holds the key, instead of `listener_key`.
    pub listener_key_file: String,
}

/// What plays between tracks.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct JinglesConfig {
    /// The folder of the jingles; empty for none.
    pub folder: String,
    /// A jingle plays after this many tracks; 0 turns this off.
    pub every_tracks: usize,
    /// A jingle plays at the end of the first track after this time; 0 turns this off.
    #[serde(with = "human")]
    pub every: Duration,
    /// Whether listeners see their titles.
    pub show_titles: bool,
}

/// A show of a schedule.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ShowConfig {
    /// Its name.
    pub name: String,
    /// When it is on every week, like `mon-fri 07:00-09:00`.
    pub times: String,
    /// When it is on once, like `2026-12-31 23:55`.
    pub at: String,
    /// For how long it is on then.
    #[serde(with = "human")]
    pub lasts: Duration,
    /// The folder that it plays…
    pub folder: String,
    /// …or the playlist file…
    pub playlist: String,
    /// …or the URL of the stream that it relays.
    pub relay: String,
    /// The order in which its tracks play.
    pub order: Option<Order>,
    /// When it takes over from what plays, and gives back.
    pub interrupt: Interrupt,
    /// Whether what listeners ask for plays during it.
    pub requests: bool,
}

impl StationConfig {
    /// What listeners are told about it.
    pub fn about(&self, config: &Config) -> About {
        let common = About::of(config, &self.normalized_route());
        let own = |text: &str, common: String| if text.is_empty() { common } else { line(text) };
        About {
            name: own(&self.name, common.name),
            description: own(&self.description, common.description),
            genre: own(&self.genre, common.genre),
            language: line(&self.language),
            is_named: !self.name.is_empty(),
            is_described: !self.description.is_empty(),
            is_configured: true,
        }
    }

    /// Its route, normalized.
    pub fn normalized_route(&self) -> String {
        paths::route(&self.route)
    }

    /// Its folders: if none is named, that of its playlist.
    pub fn folders(&self) -> Vec<PathBuf> {
        let named = self.folders.iter().map(|folder| home(folder));
        let of_playlist = self.playlist().and_then(|file| file.parent().map(Path::to_owned));
        named.chain(of_playlist.filter(|_| self.folders.is_empty())).collect()
    }

    /// Its playlist file.
    pub fn playlist(&self) -> Option<PathBuf> {
        (!self.playlist.is_empty()).then(|| home(&self.playlist))
    }

    /// The order of its tracks, if it differs from that in `[radio]`.
    pub fn order(&self) -> Option<Order> {
        self.order.or((!self.playlist.is_empty()).then_some(Order::Playlist))
    }

    /// How often its tracks play.
    pub fn weights(&self) -> Weights {
        let folders = self.folders();
        let below = |(prefix, weight): (&String, &f64)| {
            folders.iter().map(|folder| (folder.join(home(prefix)), *weight)).collect::<Vec<_>>()
        };
        Weights::new(self.weights.iter().flat_map(below).collect())
    }

    /// Its jingles: their folder, and when they come.
    pub fn jingles(&self) -> Option<(PathBuf, JingleRule)> {
        let JinglesConfig { folder, every_tracks, every, .. } = &self.jingles;
        let rule = JingleRule { every_tracks: *every_tracks, every: *every };
        (!folder.is_empty()).then(|| (home(folder), rule))
    }

    /// How its listeners may ask for tracks.
    pub fn rules(&self, config: &Config) -> Rules {
        self.requests.over(config.requests)
    }

    /// Its schedule.
    ///
    /// # Errors
    /// The time zone or a time is no such thing.
    pub fn schedule(&self, config: &Config) -> Result<Schedule, String> {
        let zone = if self.time_zone.is_empty() { &config.time_zone } else { &self.time_zone };
        let times: Result<Vec<Times>, String> = self.schedule.iter().map(ShowConfig::times).collect();
        Ok(Schedule::new(schedule::zone(zone)?, times?))
    }

    fn validate(&self, key: &str, config: &Config, findings: &mut Findings) {
        if self.route.is_empty() || !paths::is_route(&self.normalized_route()) {
            findings.add(format!("{key}.route"), "a path like \"/jazz\" that no page has is expected");
        }
        if self.folders.is_empty() && self.playlist.is_empty() && self.relay.is_empty() {
            findings
                .add(format!("{key}.folders"), "at least one folder is expected, or a playlist or a relay");
        }
        if self.folders.iter().any(String::is_empty) {
            findings.add(format!("{key}.folders"), "a folder is expected, not an empty text");
        }
        if self.bitrate_kbps.is_some_and(|wanted| !BITRATES.iter().any(|(kbps, _)| *kbps == wanted)) {
            findings.add(format!("{key}.bitrate_kbps"), allowed_bitrates());
        }
        if self.loudness.is_some_and(|lufs| !LOUDNESS.contains(&lufs)) {
            let (quiet, loud) = (LOUDNESS.start(), LOUDNESS.end());
            findings.add(format!("{key}.loudness"), format!("{quiet} to {loud} LUFS are expected"));
        }
        if let Some(mountpoints) = &self.mountpoints {
            validate_mountpoints(&format!("{key}.mountpoints"), mountpoints, findings);
        }
        if self.crossfade.is_some_and(|crossfade| crossfade.as_secs_f64() > MAX_CROSSFADE) {
            findings.add(format!("{key}.crossfade"), format!("0 to {MAX_CROSSFADE} seconds are expected"));
        }
        if !self.relay.is_empty()
            && let Err(problem) = parse_station_url(&self.relay)
        {
            findings.add(format!("{key}.relay"), problem);
        }
        self.validate_order(key, config, findings);
        self.validate_jingles(&format!("{key}.jingles"), findings);
        if !self.time_zone.is_empty()
            && let Err(problem) = schedule::zone(&self.time_zone)
        {
            findings.add(format!("{key}.time_zone"), problem);
        }
        let is_individual = config.stream_mode == StreamMode::Individual;
        if is_individual && !self.relay.is_empty() {
            findings.add(format!("{key}.relay"), SHARED);
        }
        if is_individual && !self.schedule.is_empty() {
            findings.add(format!("{key}.schedule"), SHARED);
        }
        let rules = self.rules(config);
        rules.validate(&format!("{key}.requests"), findings);
        if is_individual && self.requests.enabled == Some(true) {
            findings.add(format!("{key}.requests.enabled"), SHARED);
        }
        for (place, show) in self.schedule.iter().enumerate() {
            if show.requests && !rules.enabled {
                let key = format!("{key}.schedule[{}].requests", place + 1);
                findings.add(key, "the station takes no requests: requests.enabled = true is expected");
            }
            show.validate(&format!("{key}.schedule[{}]", place + 1), findings);
        }
    }

    fn validate_order(&self, key: &str, config: &Config, findings: &mut Findings) {
        let order = self.order().unwrap_or(config.order);
        if !self.playlist.is_empty() && order != Order::Playlist {
            findings.add(format!("{key}.order"), "a playlist gives the order: \"playlist\" is expected");
        }
        if !self.weights.is_empty() && order != Order::Shuffle {
            findings.add(format!("{key}.weights"), "only what is shuffled has weights");
        }
        for (prefix, weight) in self.weights.iter().filter(|(_, weight)| !WEIGHTS.contains(*weight)) {
            let problem =
                format!("{prefix:?} = {weight}: {} to {} is expected", WEIGHTS.start(), WEIGHTS.end());
            findings.add(format!("{key}.weights"), problem);
        }
        if self.artist_separation > 0 && order != Order::Shuffle {
            findings.add(format!("{key}.artist_separation"), "only what is shuffled keeps artists apart");
        }
        if self.artist_separation > KEPT_BEHIND {
            findings.add(format!("{key}.artist_separation"), format!("{KEPT_BEHIND} at most is expected"));
        }
    }

    fn validate_jingles(&self, key: &str, findings: &mut Findings) {
        let JinglesConfig { folder, every_tracks, every, .. } = &self.jingles;
        let is_timed = *every_tracks > 0 || !every.is_zero();
        match (folder.is_empty(), is_timed) {
            (false, false) => {
                findings.add(format!("{key}.every_tracks"), "1 or more is expected, or a time in `every`");
            }
            (true, true) => findings.add(format!("{key}.folder"), "a folder of jingles is expected"),
            (true, false) | (false, true) => {}
        }
    }
}

impl ShowConfig {
    /// When it is on.
    ///
    /// # Errors
    /// What is expected in place of what is there.
    pub fn times(&self) -> Result<Times, String> {
        if self.at.is_empty() { Times::weekly(&self.times) } else { Times::once(&self.at, self.lasts) }
    }

    /// The folder to look through: its own, or that of its playlist.
    pub fn folder(&self) -> Option<PathBuf> {
        match (self.folder.is_empty(), self.playlist()) {
            (false, _) => Some(home(&self.folder)),
            (true, Some(file)) => file.parent().map(Path::to_owned),
            (true, None) => None,
        }
    }

    /// Its playlist file.
    pub fn playlist(&self) -> Option<PathBuf> {
        (!self.playlist.is_empty()).then(|| home(&self.playlist))
    }

    fn validate(&self, key: &str, findings: &mut Findings) {
        if self.name.trim().is_empty() {
            findings.add(format!("{key}.name"), "a name is expected");
        }
        let time = if self.at.is_empty() { "times" } else { "at" };
        if self.times.is_empty() == self.at.is_empty() {
            findings.add(format!("{key}.times"), "either times or at is expected");
        } else if let Err(problem) = self.times() {
            findings.add(format!("{key}.{time}"), problem);
        }
        if !self.at.is_empty() && !(Duration::from_secs(1)..=MAX_LASTING).contains(&self.lasts) {
            let most = MAX_LASTING.as_secs() / 86_400;
            let problem = format!("a time from 1s to {most}days is expected, for a show that is on once");
            findings.add(format!("{key}.lasts"), problem);
        }
        if self.at.is_empty() && !self.lasts.is_zero() {
            findings.add(format!("{key}.lasts"), "times tell already how long it lasts");
        }
        let sources = [&self.folder, &self.playlist, &self.relay];
        if sources.iter().filter(|source| !source.is_empty()).count() != 1 {
            findings.add(format!("{key}.folder"), "one of folder, playlist and relay is expected");
        }
        if !self.relay.is_empty()
            && let Err(problem) = parse_station_url(&self.relay)
        {
            findings.add(format!("{key}.relay"), problem);
        }
        if self.requests && !self.relay.is_empty() {
            findings.add(format!("{key}.requests"), "a relayed show plays no tracks: false is expected");
        }
        if self.order.is_some_and(|order| !self.playlist.is_empty() && order != Order::Playlist) {
            findings.add(format!("{key}.order"), "a playlist gives the order: \"playlist\" is expected");
        }
    }
}

/// Checks all stations, and that no route has two.
pub fn validate(config: &Config, findings: &mut Findings) {
    let directories = config.directories().unwrap_or_default();
    let relayed = config.relayed().unwrap_or_default();
    let mut known: BTreeMap<String, usize> = BTreeMap::new();
    for (place, station) in config.stations.iter().enumerate() {
        let key = format!("radio.stations[{}]", place + 1);
        station.validate(&key, config, findings);
        let route = station.normalized_route();
        let key = format!("{key}.route");
        if let Some(other) = known.insert(route.clone(), place) {
            let other = other + 1;
            findings.add(&key, format!("radio.stations[{other}] has this route already"));
        }
        let elsewhere: BTreeSet<&str> = [
            directories.contains_key(&route).then_some("radio.directory_routes"),
            relayed.contains_key(&route).then_some("radio.relays"),
        ]
        .into_iter()
        .flatten()
        .collect();
        for other in elsewhere {
            findings.add(&key, format!("{other} has this route already"));
        }
    }
}
