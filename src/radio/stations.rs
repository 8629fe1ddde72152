//! All stations, by route, and what they share.

mod plan;
mod start;

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use tokio::sync::watch;
use tokio::time::timeout;

use self::plan::StationPlan;
use super::access::ListenerKeys;
use super::library::cover_cache::Covers;
use super::library::rescan_limiter::RescanLimiter;
use super::library::track_index::TrackIndex;
use super::news::{NewsBox, Newsroom};
use super::output::addresses::Addresses;
use super::output::audience::Audience;
use super::output::broadcast::ListenerCount;
use super::output::listener_limits::{Limits, ListenerLimiter};
use super::output::mountpoint::Mountpoint;
use super::output::peaks::Peaks;
use super::output::status_cache::StatusCache;
use super::public_url::PublicUrl;
use super::recording::shelf::Shelf;
use super::recording::tap::Recording;
use super::recording::{self, Show as RecordedShow};
use super::sources::login::SourceLogins;
use super::sources::track_settings::TrackSettings;
use super::station_handle::StationHandle;
use super::statistics::{self, Reports};
use super::{Config, StreamMode, paths};
use crate::audio::ffmpeg::Ffmpeg;
use crate::http::keys::AccessKey;
use crate::random;
use crate::runtime::Context;
use crate::service::ServiceContext;
use crate::time::Timestamp;

/// Events that may wait for the count of listeners, which processes them at once.
const MAX_UNCOUNTED: usize = 1024;

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
    /// The stations of mountpoints, by path, with the number of each.
    mountpoints: HashMap<Arc<str>, (StationHandle, usize)>,
    /// Where clients reach this service.
    pub public_url: PublicUrl,
    /// The status documents of all stations.
    pub status: StatusCache,
    /// The covers that were asked for lately.
    pub covers: Covers,
    /// Counts listeners.
    pub limiter: Arc<ListenerLimiter>,
    /// Counts those who are sent a stream.
    n_connected: ListenerCount,
    /// Who listens.
    pub audience: Arc<Audience>,
    /// What is kept of the addresses of listeners.
    pub addresses: Addresses,
    /// The largest numbers of listeners.
    pub peaks: Peaks,
    /// What was played, if statistics are kept.
    pub reports: Option<Reports>,
    newsroom: Arc<Newsroom>,
    /// The most listeners that are admitted.
    pub limits: Limits,
    /// Admits listeners to stations with keys.
    pub listener_keys: ListenerKeys,
    /// Checks the admin key.
    pub admin: AccessKey,
    /// Who may broadcast.
    pub logins: SourceLogins,
    /// Recordings of live shows, if they are made.
    pub shelf: Option<Arc<Shelf>>,
    /// Counts those who download recordings.
    pub downloads: Arc<ListenerLimiter>,
    /// Counts those who search for what they could ask for.
    pub searches: Arc<ListenerLimiter>,
    /// Counts up with every change.
    pub changes: Arc<watch::Sender<u64>>,
    /// Requests scans of folders, by route.
    pub rescan_limiters: Vec<(String, RescanLimiter)>,
    /// The routes of stations that relay, all the time or in shows.
    pub relaying: Vec<String>,
    track_settings: BTreeMap<String, TrackSettings>,
    ffmpeg: Option<Ffmpeg>,
    index: Arc<TrackIndex>,
    /// Identifies this process to other stations.
    node: String,
}

/// Where events of the stations go.
pub struct Told {
    /// The events for the count of listeners.
    pub news: Arc<NewsBox>,
    /// Where statistics go.
    pub ledger: Option<statistics::Ledger>,
}

impl Stations {
    /// Starts all configured stations. `readers` receive their events, and so do the boxes that are returned.
    pub fn open(
        config: &Config,
        service_context: &ServiceContext<'_>,
        public_url: PublicUrl,
        mut readers: Vec<Arc<NewsBox>>,
    ) -> Result<(Self, Told)> {
        let context = service_context.context;
        let addresses = Addresses::new(config.listener_addresses, &config.geoip_database)?;
        let (ledger, peaks) = statistics::start(config, context)?
            .map_or((None, BTreeMap::new()), |kept| (Some(kept.ledger), kept.peaks));
        let news = NewsBox::new(MAX_UNCOUNTED, Box::new(|_| true));
        readers.push(Arc::clone(&news));
        let plans = plan::plans(config);
        let folders = plans.iter().flat_map(StationPlan::all_folders).collect();
        let index = TrackIndex::new(&config.data_dir, folders, config.max_tracks);
        write_periodically(Arc::clone(&index), context);
        let mut stations = Self {
            all: BTreeMap::new(),
            config: config.clone(),
            context: context.clone(),
            mountpoints: HashMap::new(),
            public_url,
            status: StatusCache::default(),
            covers: Covers::new(config.max_cover_bytes, config.cover_cache_bytes),
            limiter: Arc::default(),
            n_connected: ListenerCount::default(),
            audience: Audience::new(ledger.clone()),
            addresses,
            peaks: Peaks::new(peaks),
            reports: Reports::new(config),
            newsroom: Arc::new(Newsroom::new(readers)),
            limits: Limits {
                total: match config.stream_mode {
                    StreamMode::Radio => config.max_listeners,
                    StreamMode::Individual => config.max_listeners.min(config.max_individual_listeners),
                },
                per_station: config.max_listeners_per_station,
                per_address: config.max_listeners_per_address,
            },
            listener_keys: ListenerKeys::of(config, &service_context.wrong_keys),
            admin: AccessKey::new("radio.admin_key", config.admin_key.clone(), &service_context.wrong_keys),
            logins: SourceLogins::of(config, &service_context.wrong_keys)?,
            downloads: Arc::default(),
            searches: Arc::default(),
            shelf: recording::Limits::of(config).map(|limits| Shelf::open(limits, context)),
            changes: Arc::new(watch::channel(0).0),
            rescan_limiters: Vec::new(),
            relaying: Vec::new(),
            track_settings: BTreeMap::new(),
            ffmpeg: config.ffmpeg(),
            index,
            node: hex::encode(random::bytes::<8>()),
        };
        for plan in plans {
            stations.add(plan)?;
        }
        Ok((stations, Told { news, ledger }))
    }

    /// The station at a decoded path.
    pub fn find(&self, path: &str) -> Option<StationHandle> {
        paths::candidates(path).find_map(|route| self.all.get(&route).cloned())
    }

    /// The station and the mountpoint at a decoded path.
    pub fn find_mountpoint(&self, path: &str) -> Option<(StationHandle, Mountpoint)> {
        let (station, number) = self.mountpoints.get(&*paths::route(path))?;
        Some((station.clone(), station.mountpoints.get(*number)?.clone()))
    }

    /// What requests scans of a station's folders.
    pub fn rescan_limiters_of(&self, route: &str) -> impl Iterator<Item = &RescanLimiter> {
        self.rescan_limiters.iter().filter(move |(known, _)| known == route).map(|(_, limiter)| limiter)
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

    /// Starts the recording of a live show, unless the station records none.
    pub fn recording(
        &self,
        station: &StationHandle,
        title: String,
        dj: Option<&Arc<str>>,
    ) -> Option<Recording> {
        let kept_in = self.shelf.as_ref().filter(|_| self.config.is_recorded(&station.route))?;
        let show = RecordedShow {
            route: station.route.to_string(),
            title,
            dj: dj.map(ToString::to_string),
            zone: self.logins.zone_of(&station.route).clone(),
        };
        Some(Recording::new(kept_in, show, &station.on_air))
    }

    /// The stations that are neither on the air nor known to have nothing to play.
    pub fn starting(&self) -> impl Iterator<Item = &StationHandle> {
        let is_radio = self.config.stream_mode == StreamMode::Radio;
        let is_starting = move |station: &&StationHandle| {
            is_radio && !station.queue.has_been_idle() && station.on_air.lock().track.is_none()
        };
        self.all.values().filter(is_starting)
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
