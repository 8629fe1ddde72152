//! Stations on the page `/admin`: what operators see of them, and their actions.

use std::sync::Arc;
use std::time::Duration;

use axum::response::Response;
use http::StatusCode;

use super::SERVICE;
use super::output::headcount::hls_mount;
use super::player_family;
use super::requests::desk::Request;
use super::sources::source_slot::SourceKind;
use super::station_handle::{Command, LiveOnAir, StationHandle};
use super::stations::Stations;
use crate::admin::{Action, Asked, Future, Input, Item, Listing, Managed, Order, Outcome, Overview};
use crate::http::routes;

/// The error if a station does not play its folder.
const NOT_FOLDER: &str = "the station does not play its folder";

/// What was played, by track.
const REPORT: &str = "report.csv";

/// The longest time that an account is kept out: a week.
const MAX_MINUTES: u64 = 7 * 24 * 60;

/// The error if no live source is connected.
const NOT_LIVE: &str = "no live source is on the air";

/// The stations.
pub struct ManagedStations(pub Arc<Stations>);

impl ManagedStations {
    fn overview_now(&self, asked: &Asked) -> Overview {
        let stations = &self.0;
        let is_asked_for =
            |station: &&StationHandle| asked.fits([&*station.route, station.about.name.as_str()]);
        let listed: Vec<&StationHandle> = stations.all.values().filter(is_asked_for).collect();
        let mut n_left = asked.most;
        let items: Vec<Item> = listed.into_iter().map(|station| self.item(station, &mut n_left)).collect();
        let listed = Listing::new(asked).section("stations", items.into_iter());
        let n_listeners: usize = stations.all.values().map(|station| stations.n_listeners(station)).sum();
        Overview {
            figures: vec![("stations", stations.all.len() as u64), ("listeners", n_listeners as u64)],
            sections: vec![listed],
            ..Overview::default()
        }
    }

    /// A station, with at most `n_left` of its listeners, which are taken off.
    fn item(&self, station: &StationHandle, n_left: &mut usize) -> Item {
        let stations = &self.0;
        let on_air = station.on_air.lock().clone();
        let mut actions = Vec::new();
        let badge = match on_air.source {
            SourceKind::Folder => {
                actions.extend(["skip", "previous", "shuffle"].map(Action::plain));
                "folder"
            }
            SourceKind::Live => "live",
            SourceKind::Relay => "relay",
        };
        if on_air.live.is_some() {
            actions.push(Action::grave("endSource"));
        }
        if stations.rescan_limiters_of(&station.route).next().is_some() {
            actions.push(Action::plain("rescan"));
        }
        let plays = on_air.track.map(|track| [&*track.artist, &*track.title].map(str::to_owned));
        let plays = plays.map(|names| names.into_iter().filter(|name| !name.is_empty()).collect::<Vec<_>>());
        let (n_listeners, peaks) = (stations.n_listeners(station), stations.peaks.of(&station.route));
        let details = [
            ("plays", plays.unwrap_or_default().join(" – ")),
            ("next", station.queue.next_file()),
            ("listeners", n_listeners.to_string()),
            ("peakToday", peaks.today.to_string()),
            ("peakEver", peaks.ever.to_string()),
        ];
        let items = self.listeners(station, *n_left);
        let asked_for = station.requests.iter().flat_map(|requests| requests.desk.all(request_item));
        let n_shown = items.len();
        *n_left -= n_shown;
        Item {
            kind: "station",
            id: station.route.to_string(),
            title: station.about.name.clone(),
            badges: vec![badge],
            details: details.into_iter().filter(|(_, text)| !text.is_empty()).collect(),
            actions,
            n_more: n_listeners.saturating_sub(n_shown),
            items: on_air.live.iter().map(source_item).chain(asked_for).chain(items).collect(),
        }
    }

    /// The listeners of a station, up to a number. HLS listeners, who have no connection, come last.
    fn listeners(&self, station: &StationHandle, most: usize) -> Vec<Item> {
        let stations = &self.0;
        let (now, offset) = (stations.context.clock.now(), stations.context.clock.offset());
        let item = |id: String, player: &str, details: [(&'static str, String); 5], actions| Item {
            kind: "listener",
            id,
            title: player_family::of(player),
            details: details.into_iter().filter(|(_, text)| !text.is_empty()).collect(),
            actions,
            ..Item::default()
        };
        let since = |joined_at| offset.wall(joined_at).to_string();
        let connected = stations.audience.of_station(&station.route, most);
        let mut items: Vec<Item> = connected
            .into_iter()
            .map(|(number, listener)| {
                let details = [
                    ("address", listener.origin.address.to_string()),
                    ("country", listener.origin.country.to_string()),
                    ("mount", listener.path.to_string()),
                    ("since", since(listener.joined_at)),
                    ("sentBytes", listener.n_bytes().to_string()),
                ];
                item(number.to_string(), &listener.player, details, vec![Action::grave("disconnect")])
            })
            .collect();
        let mount = hls_mount(&station.route);
        let others = station.hls_listeners.listed(most - items.len(), now);
        items.extend(others.into_iter().enumerate().map(|(place, listener)| {
            let details = [
                ("address", listener.origin.address.to_string()),
                ("country", listener.origin.country.to_string()),
                ("mount", mount.clone()),
                ("since", since(listener.joined_at)),
                ("sentBytes", String::new()),
            ];
            item(format!("hls {}", place + 1), &listener.player, details, Vec::new())
        }));
        items
    }

    /// Ends the stream of a listener.
    fn disconnect(&self, order: &Order) -> Outcome {
        let number = order.id.parse().ok().filter(|_| order.action == "disconnect");
        let found = order.within.as_deref().zip(number);
        if found.is_some_and(|(route, number)| self.0.audience.end_in_station(route, number)) {
            Outcome::Done
        } else {
            Outcome::NotFound
        }
    }

    /// Ends a live source, and keeps whose it is out for a time.
    async fn end_source(&self, station: &StationHandle, kept_out: Duration) -> Outcome {
        let dj = station.on_air.lock().live.as_ref().and_then(|live| live.dj.clone());
        if !station.source_slot.end_live() {
            return Outcome::Conflict(NOT_LIVE);
        }
        if !kept_out.is_zero() {
            let until = self.0.context.clock.now() + kept_out;
            self.0.logins.keep_out(dj.as_ref(), &station.route, until);
        }
        command(station, Command::EndSource).await
    }

    /// Executes an action on the live source of a station if it is still the same source.
    async fn act_on_source(&self, station: &StationHandle, order: &Order) -> Outcome {
        let Some(live) = station.on_air.lock().live.clone() else { return Outcome::Conflict(NOT_LIVE) };
        if live.name() != order.id {
            return Outcome::NotFound;
        }
        match (order.action.as_str(), live.is_muted) {
            ("endSource", _) => self.end_source(station, Duration::ZERO).await,
            ("kickSource", _) => {
                let minutes = order.input.as_deref().and_then(|minutes| minutes.trim().parse().ok());
                match minutes.filter(|minutes: &u64| (1..=MAX_MINUTES).contains(minutes)) {
                    Some(minutes) => self.end_source(station, Duration::from_mins(minutes)).await,
                    None => Outcome::Invalid("minutes are expected, 1 to 10080"),
                }
            }
            ("muteSource", false) => command(station, Command::Mute).await,
            ("unmuteSource", true) => command(station, Command::Unmute).await,
            ("muteSource", true) => Outcome::Conflict("it is muted already"),
            ("unmuteSource", false) => Outcome::Conflict("it is not muted"),
            _ => Outcome::NotFound,
        }
    }

    async fn act_on(&self, station: &StationHandle, action: &str) -> Outcome {
        let wanted = match action {
            "rescan" => {
                let limiters: Vec<_> = self.0.rescan_limiters_of(&station.route).collect();
                if limiters.is_empty() {
                    return Outcome::Conflict("the station has no folder");
                }
                for limiter in limiters {
                    limiter.request(&self.0.context);
                }
                return Outcome::Done;
            }
            "endSource" => return self.end_source(station, Duration::ZERO).await,
            "skip" => Some(Command::Next),
            "previous" => Some(Command::Previous),
            "shuffle" => None,
            _ => return Outcome::NotFound,
        };
        if station.on_air.lock().source != SourceKind::Folder {
            return Outcome::Conflict(NOT_FOLDER);
        }
        match wanted {
            None => station.queue.playlist.lock().shuffle(),
            Some(wanted) => return command(station, wanted).await,
        }
        Outcome::Done
    }
}

/// A request of a listener.
fn request_item(request: &Request) -> Item {
    Item {
        kind: "request",
        id: request.id.to_string(),
        title: request.wish.title.clone(),
        badges: if request.is_next { vec!["asked", "upNext"] } else { vec!["asked"] },
        details: vec![("votes", request.votes().to_string())],
        actions: vec![Action::plain("dropRequest")],
        ..Item::default()
    }
}

fn act_on_request(station: &StationHandle, order: &Order) -> Outcome {
    let (Some(requests), Ok(id), "dropRequest") =
        (&station.requests, order.id.parse::<u64>(), &*order.action)
    else {
        return Outcome::NotFound;
    };
    if requests.desk.remove(id) { Outcome::Done } else { Outcome::NotFound }
}

impl Managed for ManagedStations {
    fn name(&self) -> &'static str {
        SERVICE
    }

    fn overview(&self, asked: Asked) -> Future<'_, Option<Overview>> {
        Box::pin(async move { Some(self.overview_now(&asked)) })
    }

    fn act(&self, order: Order) -> Future<'_, Outcome> {
        Box::pin(async move {
            let route = match order.kind.as_str() {
                "listener" => return self.disconnect(&order),
                "source" | "request" => order.within.as_ref(),
                _ => Some(&order.id),
            };
            let station = route.and_then(|route| self.0.all.get(route));
            match (station, order.kind.as_str()) {
                (Some(station), "station") => self.act_on(station, &order.action).await,
                (Some(station), "source") => self.act_on_source(station, &order).await,
                (Some(station), "request") => act_on_request(station, &order),
                _ => Outcome::NotFound,
            }
        })
    }

    fn table(&self, name: String, query: String) -> Future<'_, Option<Response>> {
        Box::pin(async move {
            if name != REPORT {
                return None;
            }
            Some(match &self.0.reports {
                Some(reports) => reports.answer(&query).await,
                None => {
                    routes::error(StatusCode::NOT_FOUND, "no statistics are kept: radio.statistics is off")
                }
            })
        })
    }
}

async fn command(station: &StationHandle, command: Command) -> Outcome {
    let sent = station.commands.send(command).await;
    if sent.is_ok() { Outcome::Done } else { Outcome::Stopped }
}

/// A live source, in its station.
fn source_item(live: &LiveOnAir) -> Item {
    let mute = if live.is_muted { "unmuteSource" } else { "muteSource" };
    Item {
        kind: "source",
        id: live.name().to_owned(),
        title: live.name().to_owned(),
        badges: vec![if live.is_muted { "muted" } else { "live" }],
        actions: vec![Action::plain(mute), Action::grave("kickSource").with(Input::Minutes)],
        ..Item::default()
    }
}
