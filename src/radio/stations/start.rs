//! How a station is started: its folders are watched, and its threads and tasks begin.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result};
use parking_lot::Mutex;
use tokio::sync::{mpsc, watch};
use tracing::warn;
use url::Url;

use super::Stations;
use super::plan::{RouteSource, StationPlan};
use crate::audio::{extensions, one_line};
use crate::folder::walk::LinkPolicy;
use crate::radio::StreamMode;
use crate::radio::about::About;
use crate::radio::config::station::{ShowConfig, StationConfig};
use crate::radio::director::{Director, Show, ShowSource};
use crate::radio::library::playlist::{Order, Playlist};
use crate::radio::library::rescan_limiter::RescanLimiter;
use crate::radio::library::track_queue::{Jingles, TrackQueue};
use crate::radio::library::watcher::{self, WatcherSettings};
use crate::radio::output::broadcast::BroadcastSettings;
use crate::radio::output::hls_listeners::HlsListeners;
use crate::radio::output::mountpoint::{self, Mountpoint, MountpointSettings};
use crate::radio::output::segments::Segments;
use crate::radio::output::sound_feed::{Outlet, SoundFeed};
use crate::radio::paths;
use crate::radio::requests::StationRequests;
use crate::radio::sources::folder_source;
use crate::radio::sources::track_settings::{TrackSettings, TrackSource};
use crate::radio::station::{Station, StationState};
use crate::radio::station_handle::{Command, OnAir, Program, StationHandle};
use crate::random;

/// Commands that may wait for a station; a burst of listeners beyond it waits to join.
const MAX_QUEUED_COMMANDS: usize = 1024;

/// What a station begins with besides its tracks.
struct Outset {
    about: Arc<About>,
    relay: Option<Url>,
    shows_jingles: bool,
    requests: Option<Arc<StationRequests>>,
}

/// A folder, and what of it plays.
#[derive(Clone)]
struct Watched {
    folder: PathBuf,
    playlist: Option<PathBuf>,
    left_out: Option<PathBuf>,
}

impl Watched {
    fn of(folder: PathBuf, playlist: Option<PathBuf>) -> Self {
        Self { folder, playlist, left_out: None }
    }
}

impl Stations {
    /// Starts a station for one listener; `None` where all listeners share one.
    pub fn individual_station(&self, station: &StationHandle) -> Option<StationHandle> {
        if self.config.stream_mode == StreamMode::Radio {
            return None;
        }
        let settings = self.track_settings.get(&*station.route)?.clone();
        let about = Arc::clone(&station.about);
        let outset = Outset { about, relay: None, shows_jingles: station.shows_jingles, requests: None };
        match self.start(outset, settings, station.queue.fork(random_seed())) {
            Ok(own) => Some(own),
            Err(error) => {
                warn!(%error, "an individual station cannot be started");
                None
            }
        }
    }

    pub(super) fn add(&mut self, plan: StationPlan) -> Result<()> {
        let playlist = Playlist::new(random_seed())
            .in_order(plan.order)
            .with_weights(plan.weights.clone())
            .separating_artists(plan.artist_separation);
        let jingles = plan.jingles.clone().map(|(folder, rule)| {
            let queue = TrackQueue::new(Order::Shuffle, random_seed(), None);
            self.watch(&plan.route, &Watched::of(folder, None), &queue).map(|()| Jingles { queue, rule })
        });
        let queue = TrackQueue::of(playlist, Arc::default(), jingles.transpose()?, None);
        let settings = TrackSettings {
            route: plan.route.clone(),
            bitrate_kbps: plan.bitrate_kbps,
            leveling: plan.leveling,
            crossfade: plan.crossfade,
            trim_silence: self.config.trim_silence(),
            tracks_ahead: self.config.max_preload_tracks,
            ffmpeg: self.ffmpeg.clone(),
            max_cover_bytes: self.config.max_cover_bytes,
            mountpoints: match self.config.stream_mode {
                StreamMode::Radio => plan.mountpoints.clone(),
                StreamMode::Individual => Vec::new(),
            },
            source: match plan.source {
                RouteSource::Sample => TrackSource::Sample,
                RouteSource::Folders(_) => TrackSource::Queue,
            },
        };
        for folder in plan.folders() {
            let playlist = plan.playlist.clone();
            let left_out = plan.jingles.as_ref().map(|(folder, _)| folder.clone());
            let watched = Watched { folder: folder.clone(), playlist, left_out };
            self.watch(&plan.route, &watched, &queue)?;
        }
        let requests = self.requests_of(&plan, &queue);
        let StationPlan { route, about, relay, shows_jingles, station, .. } = plan;
        let outset = Outset { about: Arc::new(about), relay, shows_jingles, requests };
        let handle = match self.config.stream_mode {
            StreamMode::Radio => self.start(outset, settings.clone(), queue)?,
            StreamMode::Individual => self.handle(outset, &settings, queue, Vec::new()).0,
        };
        for (number, mountpoint) in handle.mountpoints.iter().enumerate() {
            self.mountpoints.insert(Arc::clone(&mountpoint.path), (handle.clone(), number));
        }
        let shows_relay =
            station.iter().flat_map(|station| &station.schedule).any(|show| !show.relay.is_empty());
        if handle.relayed.borrow().is_some() || shows_relay {
            self.relaying.push(route.clone());
        }
        if let Some(station) = station.filter(|station| !station.schedule.is_empty()) {
            self.direct(&station, &handle, &settings)?;
        }
        self.track_settings.insert(route.clone(), settings);
        self.all.insert(route, handle);
        Ok(())
    }

    /// What a station needs to take requests, if it plays files and takes any.
    fn requests_of(&self, plan: &StationPlan, queue: &Arc<TrackQueue>) -> Option<Arc<StationRequests>> {
        let folders = plan.folders().to_vec();
        let is_on = plan.requests.enabled && !folders.is_empty();
        let announced = (plan.route.as_str(), &self.changes);
        is_on.then(|| StationRequests::new(plan.requests, queue, &self.index, folders, announced))
    }

    /// Starts the director of a station that has a schedule.
    fn direct(
        &mut self,
        station: &StationConfig,
        handle: &StationHandle,
        settings: &TrackSettings,
    ) -> Result<()> {
        let schedule = station.schedule(&self.config).map_err(anyhow::Error::msg)?;
        let mut shows = Vec::new();
        for show in &station.schedule {
            let source = match Url::parse(&show.relay) {
                Ok(url) => ShowSource::Relay(url),
                Err(_) => self.tracks_of(show, handle, settings)?,
            };
            let name = one_line::clean(&show.name).into();
            shows.push(Show { name, interrupt: show.interrupt, source });
        }
        let director = Director {
            station: handle.clone(),
            schedule,
            shows,
            index: Arc::clone(&self.index),
            context: self.context.clone(),
            prepared: None,
        };
        self.context.spawn(director.run());
        Ok(())
    }

    /// What a show with tracks of its own plays.
    fn tracks_of(
        &mut self,
        show: &ShowConfig,
        handle: &StationHandle,
        settings: &TrackSettings,
    ) -> Result<ShowSource> {
        let order = match (show.order, show.playlist()) {
            (Some(order), _) => order,
            (None, Some(_)) => Order::Playlist,
            (None, None) => self.config.order,
        };
        let playlist = Playlist::new(random_seed()).in_order(order);
        let queue = TrackQueue::of(playlist, Arc::clone(&handle.queue.format), None, None);
        if let Some(requests) = handle.requests.as_ref().filter(|_| show.requests) {
            queue.take_requests(&requests.desk);
        }
        if let Some(folder) = show.folder() {
            self.watch(&handle.route, &Watched::of(folder, show.playlist()), &queue)?;
        }
        let settings = TrackSettings { source: TrackSource::Queue, ..settings.clone() };
        Ok(ShowSource::Tracks(queue, settings))
    }

    /// Keeps a queue in step with a folder.
    fn watch(&mut self, route: &str, watched: &Watched, queue: &Arc<TrackQueue>) -> Result<()> {
        let Watched { folder, playlist, left_out } = watched.clone();
        let settings = WatcherSettings {
            folder,
            playlist,
            left_out,
            queue: Arc::clone(queue),
            index: Arc::clone(&self.index),
            rescan_interval: self.config.rescan_interval,
            max_tracks: self.config.max_tracks,
            links: if self.config.follow_links { LinkPolicy::Follow } else { LinkPolicy::StayInside },
            extensions: extensions::playable(self.config.include_video),
            clock: self.context.clock,
            changes: Arc::clone(&self.changes),
        };
        let limiter = RescanLimiter::new(watcher::start(settings)?, self.config.reload_interval);
        self.rescan_limiters.push((route.to_owned(), limiter));
        Ok(())
    }

    /// Starts a station's folder source and its task.
    fn start(
        &self,
        outset: Outset,
        settings: TrackSettings,
        queue: Arc<TrackQueue>,
    ) -> Result<StationHandle> {
        let clock = self.context.clock;
        let broadcast = BroadcastSettings {
            burst: Duration::from_secs_f64(self.config.burst_seconds),
            ring_bytes: self.config.buffer_size,
            lag_interval: self.config.lag_interval,
            in_all: self.n_connected.clone(),
        };
        let (mountpoints, outlets) = self.start_mountpoints(&settings, &broadcast)?.into_iter().unzip();
        let sound_feed = SoundFeed::start(&settings.route, outlets, broadcast.burst, clock)?;
        let (handle, commands) = self.handle(outset, &settings, Arc::clone(&queue), mountpoints);
        let items = folder_source::start(settings, Arc::clone(&queue), Arc::clone(&self.index), clock)
            .with_context(|| format!("radio: station {}", handle.route))?;
        let state =
            StationState::of(&handle).with_sound_feed(sound_feed).with_live_fade(self.config.live_fade);
        // An individual station has no HLS playlist.
        let state = if self.config.hls && self.config.stream_mode == StreamMode::Radio {
            state.with_segments(&handle.segments)
        } else {
            state
        };
        let state = match self.config.stream_mode {
            StreamMode::Radio => state.with_newsroom(&self.newsroom),
            StreamMode::Individual => state,
        };
        let program = Program::new(queue, items);
        let station = Station::new(state, program, commands, &self.context, broadcast);
        self.context.spawn(station.run());
        Ok(handle)
    }

    /// Starts the further encodings of a station.
    fn start_mountpoints(
        &self,
        settings: &TrackSettings,
        broadcast: &BroadcastSettings,
    ) -> Result<Vec<(Mountpoint, Outlet)>> {
        let (route, encodings) = (&settings.route, &settings.mountpoints);
        let how = MountpointSettings {
            broadcast: broadcast.clone(),
            idle_timeout: self.config.mountpoint_idle_timeout,
            hls_tag: self.config.hls.then(|| self.hls_tag()),
        };
        let started =
            paths::mountpoints(route, encodings).into_iter().zip(encodings).map(|(path, encoding)| {
                mountpoint::start(route, path, *encoding, self.ffmpeg.clone(), &how, &self.context)
            });
        started.collect()
    }

    /// What of this process is in the names of segments.
    fn hls_tag(&self) -> &str {
        &self.node[..4]
    }

    fn handle(
        &self,
        Outset { about, relay, shows_jingles, requests }: Outset,
        settings: &TrackSettings,
        queue: Arc<TrackQueue>,
        mountpoints: Vec<Mountpoint>,
    ) -> (StationHandle, mpsc::Receiver<Command>) {
        let (commands, queued) = mpsc::channel(MAX_QUEUED_COMMANDS);
        let handle = StationHandle {
            route: settings.route.as_str().into(),
            about,
            bitrate_kbps: settings.bitrate_kbps,
            shows_jingles,
            requests,
            relayed: Arc::new(watch::channel(relay).0),
            queue,
            on_air: Arc::new(Mutex::new(OnAir::default())),
            commands,
            source_slot: Arc::default(),
            mountpoints: mountpoints.into(),
            segments: Arc::new(Mutex::new(Segments::new(self.hls_tag().to_owned(), "mp3"))),
            hls_listeners: Arc::new(HlsListeners::new(self.config.hls_listener_timeout)),
            changes: Arc::clone(&self.changes),
        };
        (handle, queued)
    }
}

fn random_seed() -> u64 {
    u64::from_ne_bytes(random::bytes())
}
