//! All stations: what each route plays, and how a station is started.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result};
use parking_lot::Mutex;
use tokio::sync::{mpsc, watch};
use tokio::time::timeout;
use tracing::warn;

use super::library::rescan_limiter::RescanLimiter;
use super::library::track_index::TrackIndex;
use super::library::track_queue::TrackQueue;
use super::library::watcher::{self, WatcherSettings};
use super::output::hls_listeners::HlsListeners;
use super::output::listener_limits::{Limits, ListenerLimiter};
use super::output::segments::Segments;
use super::output::status_cache::StatusCache;
use super::public_url::PublicUrl;
use super::sources::folder_source::{self, Leveling, TrackSettings, TrackSource};
use super::station::{Station, StationSettings, StationState};
use super::station_handle::{Command, OnAir, StationHandle};
use super::{Config, StreamMode, paths};
use crate::audio::ffmpeg::Ffmpeg;
use crate::folder::walk::LinkPolicy;
use crate::http::keys::KeyedDoor;
use crate::random;
use crate::runtime::Context;
use crate::service::ServiceContext;
use crate::time::Timestamp;

/// Where the container image expects the audio.
const DEFAULT_AUDIO_DIR: &str = "/app/audio";

/// Commands that may wait for a station; a burst of listeners beyond it waits to join.
const MAX_QUEUED_COMMANDS: usize = 1024;

/// The index is written this often; after a crash, files are analysed again whose entries had not been written.
const INDEX_WRITE_INTERVAL: Duration = Duration::from_secs(10);

/// All stations, and what they share.
pub struct Stations {
    /// The stations by route.
    pub all: BTreeMap<String, StationHandle>,
    /// The service's section.
    pub config: Config,
    /// The process.
    pub context: Context,
    /// Where clients reach this service.
    pub public_url: PublicUrl,
    /// The status documents of all stations.
    pub status: StatusCache,
    /// Counts listeners.
    pub limiter: Arc<ListenerLimiter>,
    /// The most listeners that are admitted.
    pub limits: Limits,
    /// Checks the admin key.
    pub admin: KeyedDoor,
    /// Checks the source password.
    pub source: KeyedDoor,
    /// Counts up with every change.
    pub changes: Arc<watch::Sender<u64>>,
    /// Requests scans of folders, by route.
    pub rescan_limiters: BTreeMap<String, RescanLimiter>,
    track_settings: BTreeMap<String, TrackSettings>,
    ffmpeg: Option<Ffmpeg>,
    index: Arc<TrackIndex>,
    /// Identifies this process to other stations.
    node: String,
}

/// What a route plays.
enum RouteSource {
    Folder(PathBuf),
    Sample,
}

impl RouteSource {
    fn folder(&self) -> Option<&PathBuf> {
        match self {
            Self::Folder(folder) => Some(folder),
            Self::Sample => None,
        }
    }
}

/// What each route plays; routes without a folder of their own play the default folder.
fn route_sources(config: &Config) -> Vec<(String, RouteSource)> {
    let directories = config.directories().unwrap_or_default();
    let default = match config.audio_dir.as_str() {
        "" if Path::new(DEFAULT_AUDIO_DIR).is_dir() => Some(DEFAULT_AUDIO_DIR.into()),
        "" => None,
        folder => Some(super::home(folder)),
    };
    if default.is_none() && !directories.contains_key("/") {
        warn!(
            "no folder of audio is configured: the built-in sample plays; pass --audio-dir FOLDER to play your own"
        );
    }
    let named: BTreeSet<String> = config.stream_routes.iter().map(|route| paths::route(route)).collect();
    let relayed = config.relayed().unwrap_or_default();
    let known = || directories.keys().chain(relayed.keys()).cloned().chain(["/".to_owned()]).collect();
    let routes: BTreeSet<String> = if named.is_empty() { known() } else { named };
    let source = |route: String| {
        let folder = directories.get(&route).cloned().or_else(|| default.clone());
        (route, folder.map_or(RouteSource::Sample, RouteSource::Folder))
    };
    routes.into_iter().map(source).collect()
}

impl Stations {
    /// Starts every configured station.
    pub fn open(
        config: &Config,
        service_context: &ServiceContext<'_>,
        public_url: PublicUrl,
    ) -> Result<Self> {
        let context = service_context.context;
        let sources = route_sources(config);
        let folders = sources.iter().filter_map(|(_, source)| source.folder().cloned()).collect();
        let index = TrackIndex::new(&config.data_dir, folders, config.max_tracks);
        write_periodically(Arc::clone(&index), context);
        let mut stations = Self {
            all: BTreeMap::new(),
            config: config.clone(),
            context: context.clone(),
            public_url,
            status: StatusCache::default(),
            limiter: Arc::default(),
            limits: Limits {
                total: match config.stream_mode {
                    StreamMode::Radio => config.max_listeners,
                    StreamMode::Individual => config.max_listeners.min(config.max_individual_listeners),
                },
                per_station: config.max_listeners_per_station,
                per_address: config.max_listeners_per_address,
            },
            admin: KeyedDoor::new("radio.admin_key", config.admin_key.clone(), &service_context.wrong_keys),
            source: KeyedDoor::new(
                "radio.source_password",
                config.source_password.clone(),
                &service_context.wrong_keys,
            ),
            changes: Arc::new(watch::channel(0).0),
            rescan_limiters: BTreeMap::new(),
            track_settings: BTreeMap::new(),
            ffmpeg: config.ffmpeg(),
            index,
            node: format!("{:016x}", random_seed()),
        };
        for (route, source) in sources {
            stations.add(&route, source)?;
        }
        Ok(stations)
    }

    /// The station at a decoded path.
    pub fn find(&self, path: &str) -> Option<StationHandle> {
        paths::candidates(path).find_map(|route| self.all.get(&route).cloned())
    }

    /// The id under which relays know a station of this process, to detect loops.
    pub fn hop_id(&self, route: &str) -> String {
        format!("{}{}", self.node, paths::encoded(route))
    }

    /// A moment in seconds since the epoch, by the wall clock.
    pub fn unix_seconds(&self, moment: Timestamp) -> f64 {
        self.context.clock.offset().wall(moment).as_millis_f64() / 1000.0
    }

    /// The number of a station's listeners, with those of HLS.
    pub fn n_listeners(&self, station: &StationHandle) -> usize {
        self.limiter.count(&station.route) + station.hls_listeners.count(self.context.clock.now())
    }

    /// The stations that are neither on the air nor known to have nothing to play.
    pub fn starting(&self) -> impl Iterator<Item = &StationHandle> {
        let is_radio = self.config.stream_mode == StreamMode::Radio;
        let is_starting = move |station: &&StationHandle| {
            is_radio && !station.queue.has_been_idle() && station.on_air.lock().track.is_none()
        };
        self.all.values().filter(is_starting)
    }

    /// Starts a station for one listener; `None` where all listeners share one.
    pub fn individual_station(&self, station: &StationHandle) -> Option<StationHandle> {
        if self.config.stream_mode == StreamMode::Radio {
            return None;
        }
        let settings = self.track_settings.get(&*station.route)?.clone();
        match self.start(&station.route, settings, station.queue.fork(random_seed())) {
            Ok(own) => Some(own),
            Err(error) => {
                warn!(%error, "an individual station cannot be started");
                None
            }
        }
    }

    fn add(&mut self, route: &str, source: RouteSource) -> Result<()> {
        let order = self.config.orders_of_routes().unwrap_or_default().get(route).copied();
        let queue = TrackQueue::new(order.unwrap_or(self.config.order), random_seed(), None);
        let settings = TrackSettings {
            route: route.to_owned(),
            bitrate_kbps: self.config.bitrate_kbps,
            leveling: if self.config.normalize { Leveling::Normalized } else { Leveling::AsRecorded },
            tracks_ahead: self.config.max_preload_tracks,
            ffmpeg: self.ffmpeg.clone(),
            source: if matches!(source, RouteSource::Sample) {
                TrackSource::Sample
            } else {
                TrackSource::Queue
            },
        };
        if let RouteSource::Folder(folder) = source {
            let watcher = WatcherSettings {
                folder,
                queue: Arc::clone(&queue),
                index: Arc::clone(&self.index),
                rescan_interval: self.config.rescan_interval,
                max_tracks: self.config.max_tracks,
                links: if self.config.follow_links { LinkPolicy::Follow } else { LinkPolicy::StayInside },
                clock: self.context.clock,
                changes: Arc::clone(&self.changes),
            };
            self.rescan_limiters.insert(
                route.to_owned(),
                RescanLimiter::new(watcher::start(watcher)?, self.config.reload_interval),
            );
        }
        let handle = match self.config.stream_mode {
            StreamMode::Radio => self.start(route, settings.clone(), queue)?,
            StreamMode::Individual => self.handle(route, queue).0,
        };
        self.track_settings.insert(route.to_owned(), settings);
        self.all.insert(route.to_owned(), handle);
        Ok(())
    }

    /// Starts a station's folder source and its task.
    fn start(&self, route: &str, settings: TrackSettings, queue: Arc<TrackQueue>) -> Result<StationHandle> {
        let clock = self.context.clock;
        let items = folder_source::start(settings, Arc::clone(&queue), Arc::clone(&self.index), clock)
            .with_context(|| format!("radio: station {route}"))?;
        let (handle, commands) = self.handle(route, queue);
        let settings = StationSettings {
            burst: Duration::from_secs_f64(self.config.burst_seconds),
            ring_bytes: self.config.buffer_size,
            lag_interval: self.config.lag_interval,
        };
        let state = StationState::of(&handle);
        // An individual station has no HLS playlist.
        let state = if self.config.hls && self.config.stream_mode == StreamMode::Radio {
            state.with_segments(&handle.segments)
        } else {
            state
        };
        let station = Station::new(state, items, commands, &self.context, settings);
        self.context.spawn(station.run());
        Ok(handle)
    }

    fn handle(&self, route: &str, queue: Arc<TrackQueue>) -> (StationHandle, mpsc::Receiver<Command>) {
        let (commands, queued) = mpsc::channel(MAX_QUEUED_COMMANDS);
        let handle = StationHandle {
            route: route.into(),
            queue,
            on_air: Arc::new(Mutex::new(OnAir::default())),
            commands,
            source_slot: Arc::default(),
            segments: Arc::new(Mutex::new(Segments::new(self.node[..4].to_owned()))),
            hls_listeners: Arc::new(HlsListeners::new(self.config.hls_listener_timeout)),
            changes: Arc::clone(&self.changes),
        };
        (handle, queued)
    }
}

/// Writes the index at intervals, and when the process stops.
fn write_periodically(index: Arc<TrackIndex>, context: &Context) {
    let stop = context.clone();
    context.spawn(async move {
        let mut is_over = false;
        while !is_over {
            is_over = timeout(INDEX_WRITE_INTERVAL, stop.stopping()).await.is_ok();
            let index = Arc::clone(&index);
            // It is a cache: a write that panics costs time at the next start.
            let _ = tokio::task::spawn_blocking(move || index.write()).await;
        }
    });
}

fn random_seed() -> u64 {
    u64::from_ne_bytes(random::bytes())
}
