//! Counts listeners once a second: the most of a day and the most ever, their seconds, and those of each track.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use jiff::civil::Date;
use jiff::tz::TimeZone;
use tokio::time::{interval, sleep};

use super::hls_listeners::HlsListener;
use crate::radio::library::track::Track;
use crate::radio::news::{Event, News, NewsBox};
use crate::radio::schedule;
use crate::radio::station_handle::StationHandle;
use crate::radio::stations::Stations;
use crate::radio::statistics::{Entry, Ledger, Play, Session};
use crate::time::Timestamp;

/// How often listeners are counted.
const INTERVAL: Duration = Duration::from_secs(1);

/// When the process stops, sessions that end are waited for so often, so long.
const LAST_LOOKS: u32 = 40;
const LAST_LOOK_INTERVAL: Duration = Duration::from_millis(50);

/// Counts.
pub struct Counter {
    stations: Arc<Stations>,
    news: Arc<NewsBox>,
    /// Where statistics go, if they are kept.
    ledger: Option<Ledger>,
    zone: TimeZone,
    day: Option<Date>,
    /// The tracks that are on the air.
    plays: HashMap<Arc<str>, Play>,
}

impl Counter {
    /// Nothing has been counted.
    pub fn new(stations: &Arc<Stations>, news: Arc<NewsBox>, ledger: Option<Ledger>) -> Self {
        let zone = schedule::zone(&stations.config.time_zone).unwrap_or(TimeZone::UTC);
        Self { stations: Arc::clone(stations), news, ledger, zone, day: None, plays: HashMap::new() }
    }

    /// Counts until the process stops.
    pub async fn run(mut self) {
        let context = self.stations.context.clone();
        // Ticks that come late come all the same: each is a second.
        let mut ticks = interval(INTERVAL);
        loop {
            tokio::select! {
                () = context.stopping() => break,
                (news, _) = self.news.next() => self.take(news),
                _ = ticks.tick() => self.count(),
            }
        }
        self.end().await;
    }

    fn count(&mut self) {
        self.turn_day();
        let stations = Arc::clone(&self.stations);
        let now = stations.context.clock.now();
        for station in stations.all.values() {
            let heads = Heads::of(&stations, station, now);
            heads.tell_metrics();
            let n_listeners = heads.sum();
            let (peak, is_record) = stations.peaks.note(&station.route, n_listeners);
            for (period, most) in [("today", peak.today), ("ever", peak.ever)] {
                let route = station.route.to_string();
                metrics::gauge!("roomhub_radio_listeners_peak", "route" => route, "period" => period)
                    .set(most as f64);
            }
            if let Some(play) = self.plays.get_mut(&station.route) {
                play.listeners[2] = play.listeners[2].max(n_listeners);
                play.listener_seconds += n_listeners as u64;
            }
            if let Some(ledger) = self.ledger.as_ref().filter(|_| is_record) {
                ledger.enter(Entry::Peak(Arc::clone(&station.route), n_listeners, now));
            }
            self.note_hls(station, station.hls_listeners.take_gone(now));
        }
    }

    fn turn_day(&mut self) {
        let wall = self.stations.context.clock.wall().as_micros().cast_signed();
        let moment = jiff::Timestamp::from_microsecond(wall).ok();
        let day = moment.map(|moment| self.zone.to_datetime(moment).date());
        if self.day != day {
            self.day = day;
            self.stations.peaks.forget_day();
        }
    }

    fn take(&mut self, News { route, at, event }: News) {
        match event {
            Event::Track(track, _) if track.is_jingle => self.begin(route, at, track, "jingle"),
            Event::Jingle(track) => self.begin(route, at, track, "jingle"),
            Event::Track(track, source) => self.begin(route, at, track, source.name()),
            Event::LiveEnd => self.finish(&route, at),
            Event::LiveStart | Event::ShowStart(_) | Event::ShowEnd(_) => {}
        }
    }

    fn begin(&mut self, route: Arc<str>, at: Timestamp, track: Arc<Track>, kind: &'static str) {
        self.finish(&route, at);
        if self.ledger.is_none() {
            return;
        }
        let listeners = [self.n_listeners(&route); 3];
        let route_of_play = Arc::clone(&route);
        let play = Play {
            route: route_of_play,
            track,
            kind,
            started_at: at,
            seconds: 0.0,
            listeners,
            listener_seconds: 0,
        };
        self.plays.insert(route, play);
    }

    fn finish(&mut self, route: &str, at: Timestamp) {
        let Some(mut play) = self.plays.remove(route) else { return };
        play.seconds = at.since(play.started_at).as_secs_f64();
        play.listeners[1] = self.n_listeners(route);
        if let Some(ledger) = self.ledger.as_ref().filter(|_| play.seconds > 0.0) {
            ledger.enter(Entry::Play(play));
        }
    }

    fn n_listeners(&self, route: &str) -> usize {
        self.stations.all.get(route).map_or(0, |station| self.stations.n_listeners(station))
    }

    fn note_hls(&self, station: &StationHandle, gone: Vec<HlsListener>) {
        let Some(ledger) = &self.ledger else { return };
        for listener in gone {
            ledger.enter(Entry::Session(Session {
                route: Arc::clone(&station.route),
                path: hls_mount(&station.route).into(),
                origin: listener.origin,
                player: listener.player,
                joined_at: listener.joined_at,
                seconds: listener.fetched_at.since(listener.joined_at).as_secs_f64(),
                n_bytes: 0,
            }));
        }
    }

    /// The process stops: what is on the air, and whoever listens, is written down.
    async fn end(mut self) {
        let Some(ledger) = self.ledger.clone() else { return };
        while let Some((news, _)) = self.news.take() {
            self.take(news);
        }
        let now = self.stations.context.clock.now();
        let routes: Vec<Arc<str>> = self.plays.keys().cloned().collect();
        for route in routes {
            self.finish(&route, now);
        }
        for station in self.stations.all.values() {
            self.note_hls(station, station.hls_listeners.listed(usize::MAX, now));
        }
        for _ in 0..LAST_LOOKS {
            if self.stations.audience.is_empty() {
                break;
            }
            sleep(LAST_LOOK_INTERVAL).await;
        }
        ledger.enter(Entry::End);
    }
}

/// How many listen to a station, by mount.
struct Heads<'a> {
    route: &'a str,
    by_mount: Vec<(&'a str, usize)>,
    n_hls: usize,
}

impl<'a> Heads<'a> {
    fn of(stations: &Stations, station: &'a StationHandle, now: Timestamp) -> Self {
        let mountpoints = station.mountpoints.iter().map(|mountpoint| &*mountpoint.path);
        let paths = std::iter::once(&*station.route).chain(mountpoints);
        let by_mount = paths.map(|path| (path, stations.audience.count(path))).collect();
        Self { route: &station.route, by_mount, n_hls: station.hls_listeners.count(now) }
    }

    fn sum(&self) -> usize {
        self.by_mount.iter().map(|(_, n)| n).sum::<usize>() + self.n_hls
    }

    fn tell_metrics(&self) {
        let count = |mount: String, n: usize| {
            let route = self.route.to_owned();
            metrics::counter!("roomhub_radio_listener_seconds_total", "route" => route, "mount" => mount)
                .increment(n as u64);
        };
        self.by_mount.iter().for_each(|(mount, n)| count((*mount).to_owned(), *n));
        count(hls_mount(self.route), self.n_hls);
        metrics::gauge!("roomhub_radio_hls_listeners", "route" => self.route.to_owned())
            .set(self.n_hls as f64);
    }
}

/// The path of a station's HLS playlist.
pub fn hls_mount(route: &str) -> String {
    format!("{}/index.m3u8", route.trim_end_matches('/'))
}
