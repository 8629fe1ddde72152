//! A station's director: looks at the clock, and tells the station which show is to play.
//!
//! The system's clock counts, which may be put forward and back: it is looked at once a second at least. The thread of a
//! show starts some seconds before the show, so that its first track is ready, and ends with it.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use tokio::sync::mpsc::Receiver;
use tokio::time::sleep;
use tracing::{info, warn};
use url::Url;

use super::library::track_index::TrackIndex;
use super::library::track_queue::TrackQueue;
use super::schedule::{Agenda, Interrupt, Schedule};
use super::sources::SourceItem;
use super::sources::folder_source;
use super::sources::track_settings::TrackSettings;
use super::station_handle::{Command, NextShow, Program, ShowOnAir, StationHandle, Switch, SwitchTo};
use crate::runtime::Context;
use crate::time::Timestamp;

/// The system's clock is looked at this often.
const LOOK_INTERVAL: Duration = Duration::from_secs(1);

/// A show's tracks are read this long before it starts.
const AHEAD: Duration = Duration::from_secs(5);

/// A show.
pub struct Show {
    /// Its name.
    pub name: Arc<str>,
    /// When it takes over, and gives back.
    pub interrupt: Interrupt,
    /// What it plays.
    pub source: ShowSource,
}

/// What a show plays.
pub enum ShowSource {
    /// Tracks of its own.
    Tracks(Arc<TrackQueue>, TrackSettings),
    /// The stream of another server.
    Relay(Url),
}

/// Directs one station.
pub struct Director {
    /// The station.
    pub station: StationHandle,
    /// When its shows are on.
    pub schedule: Schedule,
    /// Its shows, in the order of the schedule.
    pub shows: Vec<Show>,
    /// What is known of files.
    pub index: Arc<TrackIndex>,
    /// The process.
    pub context: Context,
    /// A show whose thread reads ahead.
    pub prepared: Option<(usize, Receiver<SourceItem>)>,
}

impl Director {
    /// Directs until the process stops.
    pub async fn run(mut self) {
        let context = self.context.clone();
        tokio::select! {
            () = context.stopping() => {}
            () = self.direct() => {}
        }
    }

    async fn direct(&mut self) {
        // What is on when the station starts, and when.
        let mut playing: Option<(usize, Timestamp)> = None;
        let mut is_first = true;
        let mut known: Option<(Timestamp, Agenda)> = None;
        let mut missed: Option<(usize, Timestamp)> = None;
        loop {
            let wall = self.context.clock.wall();
            let agenda = match known {
                Some((at, agenda)) if at <= wall && agenda.until.is_none_or(|until| wall < until) => agenda,
                _ => self.schedule.agenda(wall),
            };
            known = Some((wall, agenda));
            self.announce(&agenda);
            let due = agenda.on.map(|on| (on.show, on.starts_at));
            let wanted = due.filter(|(show, _)| self.can_play(*show));
            if let (Some((show, _)), None) = (due, wanted)
                && missed != due
            {
                missed = due;
                let name = &*self.shows[show].name;
                warn!(route = %self.station.route, show = name, "a show has nothing to play: the station goes on without it");
            }
            if wanted.map(|(show, _)| show) != playing.map(|(show, _)| show) {
                let interrupt = match (wanted, playing) {
                    _ if is_first => Interrupt::AtOnce,
                    // It has run out of tracks.
                    (None, Some((show, _))) if due.is_some_and(|(due, _)| due == show) => Interrupt::AtOnce,
                    (Some((show, _)), _) | (None, Some((show, _))) => self.shows[show].interrupt,
                    (None, None) => Interrupt::TrackEnd,
                };
                let ends_at = agenda.on.map_or(wall, |on| on.ends_at);
                if self.switch(wanted.map(|(show, _)| show), interrupt, ends_at).await.is_err() {
                    return;
                }
                playing = wanted;
            }
            is_first = false;
            let soon = agenda.next.filter(|next| next.starts_at.since(wall) <= AHEAD).map(|next| next.show);
            self.prepare(soon.filter(|show| playing.is_none_or(|(playing, _)| playing != *show)));
            let until = agenda.until.map_or(LOOK_INTERVAL, |until| until.since(wall));
            // A clock that is read again must not say that the moment is still to come.
            sleep(until.min(LOOK_INTERVAL) + Duration::from_millis(1)).await;
        }
    }

    /// Tells what comes next.
    fn announce(&self, agenda: &Agenda) {
        let next = agenda.next.map(|next| NextShow {
            name: Arc::clone(&self.shows[next.show].name),
            starts_at: next.starts_at,
        });
        let mut on_air = self.station.on_air.lock();
        if on_air.next_show != next {
            on_air.next_show = next;
            drop(on_air);
            self.station.changes.send_modify(|n| *n += 1);
        }
    }

    /// Whether a show has something to play.
    fn can_play(&self, show: usize) -> bool {
        match &self.shows[show].source {
            ShowSource::Tracks(queue, _) => {
                queue.playlist.lock().peek().is_some() && queue.remark().is_none()
            }
            ShowSource::Relay(_) => true,
        }
    }

    /// Starts to read the tracks of a show; one that does not come after all is dropped.
    fn prepare(&mut self, show: Option<usize>) {
        if self.prepared.as_ref().map(|(show, _)| *show) == show {
            return;
        }
        self.prepared = show.and_then(|show| match self.read(show) {
            Ok(items) => items.map(|items| (show, items)),
            Err(error) => {
                warn!(route = %self.station.route, error = format!("{error:#}"), "a show cannot be prepared");
                None
            }
        });
    }

    /// Starts the thread of a show that has tracks.
    fn read(&self, show: usize) -> Result<Option<Receiver<SourceItem>>> {
        let ShowSource::Tracks(queue, settings) = &self.shows[show].source else { return Ok(None) };
        queue.resume();
        let (queue, index) = (Arc::clone(queue), Arc::clone(&self.index));
        folder_source::start(settings.clone(), queue, index, self.context.clock).map(Some)
    }

    /// Has the station play a show, or else what it plays without one.
    async fn switch(
        &mut self,
        show: Option<usize>,
        interrupt: Interrupt,
        ends_at: Timestamp,
    ) -> Result<(), ()> {
        let to = match show.map(|show| (show, &self.shows[show].source)) {
            None => SwitchTo::Regular,
            Some((_, ShowSource::Relay(url))) => SwitchTo::Relay(url.clone()),
            Some((show, ShowSource::Tracks(queue, _))) => {
                let prepared = self.prepared.take().filter(|(prepared, _)| *prepared == show);
                let items = match prepared {
                    Some((_, items)) => Ok(Some(items)),
                    None => self.read(show),
                };
                match items {
                    Ok(Some(items)) => SwitchTo::Tracks(Program::new(Arc::clone(queue), items)),
                    Ok(None) => SwitchTo::Regular,
                    Err(error) => {
                        warn!(route = %self.station.route, error = format!("{error:#}"), "a show cannot start");
                        SwitchTo::Regular
                    }
                }
            }
        };
        let name = show.map(|show| Arc::clone(&self.shows[show].name));
        info!(route = %self.station.route, show = name.as_deref().unwrap_or_default(), "the schedule changes");
        let show = name.map(|name| ShowOnAir { name, ends_at });
        let switch = Switch { interrupt, to, show };
        self.station.commands.send(Command::Switch(Box::new(switch))).await.map_err(drop)
    }
}
