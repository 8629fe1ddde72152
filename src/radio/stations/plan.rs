//! What each route plays, by the configuration. Nothing is started here.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tracing::warn;
use url::Url;

use crate::audio::loudness::TARGET_LUFS;
use crate::audio::streams::Encoding;
use crate::radio::about::About;
use crate::radio::config::home;
use crate::radio::config::station::{ShowConfig, StationConfig};
use crate::radio::library::jingles::JingleRule;
use crate::radio::library::playlist::Order;
use crate::radio::library::spread::Weights;
use crate::radio::requests::settings::Rules;
use crate::radio::sources::track_settings::Leveling;
use crate::radio::{Config, paths};

/// Where the container image expects the audio.
const DEFAULT_AUDIO_DIR: &str = "/app/audio";

/// What a route plays, and how.
pub struct StationPlan {
    pub route: String,
    pub about: About,
    pub source: RouteSource,
    pub playlist: Option<PathBuf>,
    pub order: Order,
    pub weights: Weights,
    pub artist_separation: usize,
    pub bitrate_kbps: u32,
    pub leveling: Leveling,
    pub mountpoints: Vec<Encoding>,
    pub crossfade: Duration,
    pub jingles: Option<(PathBuf, JingleRule)>,
    pub shows_jingles: bool,
    pub relay: Option<Url>,
    pub requests: Rules,
    /// What is configured of it.
    pub station: Option<StationConfig>,
}

/// Where the tracks of a route come from.
pub enum RouteSource {
    Folders(Vec<PathBuf>),
    Sample,
}

impl StationPlan {
    /// Of a route that has nothing of its own but its folder and its order.
    fn of(config: &Config, route: String, source: RouteSource) -> Self {
        let order = config.orders_of_routes().unwrap_or_default().get(&route).copied();
        Self {
            about: About::of(config, &route),
            relay: config.relayed().unwrap_or_default().remove(&route),
            route,
            source,
            playlist: None,
            weights: Weights::default(),
            artist_separation: 0,
            jingles: None,
            shows_jingles: false,
            requests: config.requests,
            station: None,
            order: order.unwrap_or(config.order),
            bitrate_kbps: config.bitrate_kbps,
            leveling: if config.normalize { Leveling::Normalized(TARGET_LUFS) } else { Leveling::AsRecorded },
            mountpoints: config.mountpoints.clone(),
            crossfade: config.crossfade,
        }
    }

    fn of_station(config: &Config, station: &StationConfig, default: Option<&PathBuf>) -> Self {
        let mut folders = station.folders();
        if folders.is_empty() {
            folders.extend(default.cloned());
        }
        let source = if folders.is_empty() { RouteSource::Sample } else { RouteSource::Folders(folders) };
        let common = Self::of(config, station.normalized_route(), source);
        Self {
            about: station.about(config),
            playlist: station.playlist(),
            order: station.order().unwrap_or(common.order),
            weights: station.weights(),
            artist_separation: station.artist_separation,
            jingles: station.jingles(),
            shows_jingles: station.jingles.show_titles,
            requests: station.rules(config),
            relay: Url::parse(&station.relay).ok(),
            station: Some(station.clone()),
            bitrate_kbps: station.bitrate_kbps.unwrap_or(common.bitrate_kbps),
            leveling: station.loudness.map_or(common.leveling, Leveling::Normalized),
            mountpoints: station.mountpoints.clone().unwrap_or(common.mountpoints),
            crossfade: station.crossfade.unwrap_or(common.crossfade),
            ..common
        }
    }

    pub fn folders(&self) -> &[PathBuf] {
        match &self.source {
            RouteSource::Folders(folders) => folders,
            RouteSource::Sample => &[],
        }
    }

    /// Its folders, and those of its jingles and shows.
    pub fn all_folders(&self) -> Vec<PathBuf> {
        let shows = self.station.iter().flat_map(|station| &station.schedule);
        let jingles = self.jingles.iter().map(|(folder, _)| folder.clone());
        self.folders().iter().cloned().chain(jingles).chain(shows.filter_map(ShowConfig::folder)).collect()
    }
}

/// What each route plays; routes without a folder of their own play the default folder.
pub fn plans(config: &Config) -> Vec<StationPlan> {
    let directories = config.directories().unwrap_or_default();
    let default = match config.audio_dir.as_str() {
        "" if Path::new(DEFAULT_AUDIO_DIR).is_dir() => Some(DEFAULT_AUDIO_DIR.into()),
        "" => None,
        folder => Some(home(folder)),
    };
    let named: BTreeSet<String> = config.stream_routes.iter().map(|route| paths::route(route)).collect();
    let relayed = config.relayed().unwrap_or_default();
    // Where stations are configured, the sample is not one more of them.
    let root = (default.is_some() || config.stations.is_empty()).then(|| "/".to_owned());
    let known = || directories.keys().chain(relayed.keys()).cloned().chain(root).collect();
    let mut routes: BTreeSet<String> = if named.is_empty() { known() } else { named };
    for station in &config.stations {
        routes.remove(&station.normalized_route());
    }
    let plan = |route: String| {
        let folder = directories.get(&route).cloned().or_else(|| default.clone());
        let source = folder.map_or(RouteSource::Sample, |folder| RouteSource::Folders(vec![folder]));
        StationPlan::of(config, route, source)
    };
    let plans = routes.into_iter().map(plan);
    let of_station = |station| StationPlan::of_station(config, station, default.as_ref());
    let plans: Vec<_> = plans.chain(config.stations.iter().map(of_station)).collect();
    if plans.iter().any(|plan| plan.route == "/" && matches!(plan.source, RouteSource::Sample)) {
        warn!(
            "no folder of audio is configured: the built-in sample plays; pass --audio-dir FOLDER to play your own"
        );
    }
    plans
}
