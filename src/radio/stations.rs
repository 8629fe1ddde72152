//! Every station there is: what each route plays, and how a station begins.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result};
use parking_lot::Mutex;
use ring::rand::{SecureRandom, SystemRandom};
use tokio::sync::{mpsc as tasks, watch};
use tokio::time::timeout;
use tracing::warn;

use super::feed::{self, Levels, Making, Plays};
use super::handle::{Handle, OnAir, Order};
use super::index::Index;
use super::library::Links;
use super::listing::Listings;
use super::places::{Most, Places};
use super::public_url::Origin;
use super::rescans::Rescans;
use super::segments::Segments;
use super::shelf::Shelf;
use super::station::{Desk, Station};
use super::watching::{self, Watch};
use super::{Config, StreamMode, paths};
use crate::http::keys::KeyedDoor;
use crate::runtime::Context;
use crate::service::Premises;
use crate::time::Timestamp;

/// Where the container image expects the audio.
const USUAL_DIR: &str = "/app/audio";

/// Orders that may wait for a station: a burst of listeners, who wait in line beyond it.
const MAX_ORDERS: usize = 1024;

/// The index is written whole, 20 MB of it for a large library; what was learnt since is learnt again after a crash.
const INDEX_WRITTEN_EVERY: Duration = Duration::from_mins(10);

/// Every station there is.
pub struct Stations {
    /// By route.
    pub all: BTreeMap<String, Handle>,
    /// The service's section.
    pub config: Config,
    /// The process.
    pub context: Context,
    /// Where clients reach this service.
    pub origin: Origin,
    /// Lists of all stations.
    pub listings: Listings,
    /// Who listens.
    pub places: Arc<Places>,
    /// The most that may.
    pub most: Most,
    /// Who passes may skip.
    pub admin: KeyedDoor,
    /// Who passes may broadcast.
    pub source: KeyedDoor,
    /// Counts up with every change.
    pub changes: Arc<watch::Sender<u64>>,
    /// Makes folders be looked through again.
    pub rescans: BTreeMap<String, Rescans>,
    makings: BTreeMap<String, Making>,
    index: Arc<Index>,
    /// This process among others.
    node: String,
}

/// What a route plays.
enum Plan {
    Folder(PathBuf),
    Sample,
}

impl Plan {
    fn folder(&self) -> Option<&PathBuf> {
        match self {
            Self::Folder(folder) => Some(folder),
            Self::Sample => None,
        }
    }
}

/// What each route plays; routes without a folder of their own play the default one.
fn plans(config: &Config) -> Vec<(String, Plan)> {
    let directories = config.directories().unwrap_or_default();
    let default = match config.audio_dir.as_str() {
        "" if Path::new(USUAL_DIR).is_dir() => Some(USUAL_DIR.into()),
        "" => None,
        folder => Some(super::home(folder)),
    };
    if default.is_none() && !directories.contains_key("/") {
        warn!(
            "no folder of audio is named: the built-in sample plays; pass --audio-dir FOLDER to play your own"
        );
    }
    let named: BTreeSet<String> = config.stream_routes.iter().map(|route| paths::route(route)).collect();
    let relayed = config.relayed().unwrap_or_default();
    let known = || directories.keys().chain(relayed.keys()).cloned().chain(["/".to_owned()]).collect();
    let routes: BTreeSet<String> = if named.is_empty() { known() } else { named };
    let plan = |route: String| {
        let folder = directories.get(&route).cloned().or_else(|| default.clone());
        (route, folder.map_or(Plan::Sample, Plan::Folder))
    };
    routes.into_iter().map(plan).collect()
}

impl Stations {
    /// Starts every station that the configuration names.
    pub fn open(config: &Config, premises: &Premises<'_>, origin: Origin) -> Result<Self> {
        let context = premises.context;
        let plans = plans(config);
        let folders = plans.iter().filter_map(|(_, plan)| plan.folder().cloned()).collect();
        let index = Index::new(&config.data_dir, folders, config.max_tracks);
        keep_written(Arc::clone(&index), context);
        let mut stations = Self {
            all: BTreeMap::new(),
            config: config.clone(),
            context: context.clone(),
            origin,
            listings: Listings::default(),
            places: Arc::default(),
            most: Most {
                total: match config.stream_mode {
                    StreamMode::Radio => config.max_listeners,
                    StreamMode::Individual => config.max_listeners.min(config.max_individual_listeners),
                },
                per_station: config.max_listeners_per_station,
                per_address: config.max_listeners_per_address,
            },
            admin: KeyedDoor::new("radio.admin_key", config.key()?, &premises.wrong_keys),
            source: KeyedDoor::new("radio.source_password", config.source_word()?, &premises.wrong_keys),
            changes: Arc::new(watch::channel(0).0),
            rescans: BTreeMap::new(),
            makings: BTreeMap::new(),
            index,
            node: format!("{:016x}", seed()),
        };
        for (route, plan) in plans {
            stations.add(&route, plan)?;
        }
        Ok(stations)
    }

    /// The station that a decoded path names.
    pub fn find(&self, path: &str) -> Option<Handle> {
        paths::candidates(path).find_map(|route| self.all.get(&route).cloned())
    }

    /// How a station of this process is named to others, for whom it may be a step of a loop.
    pub fn step(&self, route: &str) -> String {
        format!("{}{}", self.node, paths::encoded(route))
    }

    /// A moment as dates are told: in seconds since the epoch, by the wall clock.
    pub fn date(&self, moment: Timestamp) -> f64 {
        self.context.clock.offset().wall(moment).as_millis_f64() / 1000.0
    }

    /// How many listen to a station, over connections and by fetching segments.
    pub fn listeners(&self, station: &Handle) -> usize {
        self.places.of(&station.route) + station.audience.count(self.context.clock.now())
    }

    /// The stations of which it is not known yet what they play.
    pub fn not_on_air(&self) -> impl Iterator<Item = &Handle> {
        let is_radio = self.config.stream_mode == StreamMode::Radio;
        let is_waited_for = move |station: &&Handle| {
            is_radio && !station.shelf.was_idle() && station.on_air.lock().track.is_none()
        };
        self.all.values().filter(is_waited_for)
    }

    /// A station for one listener alone, where each has its own.
    pub fn own(&self, station: &Handle) -> Option<Handle> {
        if self.config.stream_mode == StreamMode::Radio {
            return None;
        }
        let making = self.makings.get(&*station.route)?.clone();
        match self.begin(&station.route, making, station.shelf.copy(seed())) {
            Ok(own) => Some(own),
            Err(error) => {
                warn!(%error, "a listener gets no station of its own");
                None
            }
        }
    }

    fn add(&mut self, route: &str, plan: Plan) -> Result<()> {
        let order = self.config.orders_of_routes().unwrap_or_default().get(route).copied();
        let tracks = Shelf::new(order.unwrap_or(self.config.order), seed(), None);
        let making = Making {
            route: route.to_owned(),
            bitrate_kbps: self.config.bitrate_kbps,
            levels: if self.config.normalize { Levels::Equal } else { Levels::AsRecorded },
            tracks_ahead: self.config.max_preload_tracks,
            plays: if matches!(plan, Plan::Sample) { Plays::Sample } else { Plays::Shelf },
        };
        if let Plan::Folder(folder) = plan {
            let watch = Watch {
                folder,
                shelf: Arc::clone(&tracks),
                index: Arc::clone(&self.index),
                rescan: self.config.rescan_interval,
                max_tracks: self.config.max_tracks,
                links: if self.config.follow_links { Links::Followed } else { Links::KeptInside },
                clock: self.context.clock,
                changes: Arc::clone(&self.changes),
            };
            self.rescans.insert(route.to_owned(), Rescans::new(watching::start(watch)?));
        }
        let handle = match self.config.stream_mode {
            StreamMode::Radio => self.begin(route, making.clone(), tracks)?,
            StreamMode::Individual => self.handle(route, tracks).0,
        };
        self.makings.insert(route.to_owned(), making);
        self.all.insert(route.to_owned(), handle);
        Ok(())
    }

    /// Starts a station's thread and task.
    fn begin(&self, route: &str, making: Making, tracks: Arc<Shelf>) -> Result<Handle> {
        let clock = self.context.clock;
        let items = feed::start(making, Arc::clone(&tracks), Arc::clone(&self.index), clock)
            .with_context(|| format!("radio: station {route}"))?;
        let (handle, orders) = self.handle(route, tracks);
        let burst = Duration::from_secs_f64(self.config.burst_seconds);
        let of_station = Desk::of(&handle);
        // A listener's own station has nobody else to list segments for.
        let of_station = if self.config.hls && self.config.stream_mode == StreamMode::Radio {
            of_station.with_segments(&handle.segments)
        } else {
            of_station
        };
        let station = Station::new(of_station, items, orders, &self.context, burst, self.config.buffer_size);
        self.context.spawn(station.run());
        Ok(handle)
    }

    fn handle(&self, route: &str, tracks: Arc<Shelf>) -> (Handle, tasks::Receiver<Order>) {
        let (orders, taken) = tasks::channel(MAX_ORDERS);
        let handle = Handle {
            route: route.into(),
            shelf: tracks,
            on_air: Arc::new(Mutex::new(OnAir::default())),
            orders,
            microphone: Arc::default(),
            segments: Arc::new(Mutex::new(Segments::new(self.node[..4].to_owned()))),
            audience: Arc::default(),
            changes: Arc::clone(&self.changes),
        };
        (handle, taken)
    }
}

/// Writes the index down now and then, and at the end.
fn keep_written(index: Arc<Index>, context: &Context) {
    let stop = context.clone();
    context.spawn(async move {
        let mut is_over = false;
        while !is_over {
            is_over = timeout(INDEX_WRITTEN_EVERY, stop.stopping()).await.is_ok();
            let index = Arc::clone(&index);
            // It is a cache: a write that panicked costs time at the next start.
            let _ = tokio::task::spawn_blocking(move || index.write()).await;
        }
    });
}

/// Chance for an order.
fn seed() -> u64 {
    let mut bytes = [0; 8];
    SystemRandom::new().fill(&mut bytes).expect("the system has randomness");
    u64::from_ne_bytes(bytes)
}
