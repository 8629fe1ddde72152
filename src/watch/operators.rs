//! What operators see of watch parties, and how they have things done in them.

use std::net::IpAddr;
use std::time::Duration;

use serde::Deserialize;
use serde_json::Value;

use super::SERVICE;
use super::admin::{MAX_BAN_SECS, MAX_BANNER_CHARS};
use super::bans::Ban;
use super::command::Command;
use super::history::Minute;
use super::hub::Hub;
use super::protocol::RoomId;
use super::room::{Room, Seat};
use crate::admin::{Action, Asked, Future, Input, Item, Listing, Managed, Order, Outcome, Overview};
use crate::effect::MemberId;
use crate::rooms::{Commands, Queries};
use crate::time::Timestamp;

/// What is said to a number of minutes that is none.
const MINUTES: &str = "1 to 525600 minutes are expected";

/// Bytes of a state that is looked into.
const MAX_STATE_BYTES: usize = 8 * 1024;

/// What a state may say of what it is.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Told {
    #[serde(rename = "type")]
    kind: Value,
    video_name: Option<Value>,
    channel_name: Option<Value>,
    owner_name: Option<Value>,
    song: Option<Value>,
}

impl Hub {
    /// What operators see of rooms and bans.
    pub fn shown(&self, asked: &Asked, now: Timestamp) -> Overview {
        let is_asked_for = |room: &&Room| {
            asked.fits([room.id().as_str(), room.name()])
                || asked.fits(room.seats.iter().map(|seat| seat.name.as_str()))
        };
        let mut rooms: Vec<&Room> = self.rooms.values().filter(is_asked_for).collect();
        rooms.sort_by(|a, b| a.id().as_str().cmp(b.id().as_str()));
        let mut listing = Listing::new(asked);
        let rooms = listing.section("rooms", rooms.into_iter().map(|room| room.item(now)));
        let bans: Vec<Ban> = self.bans.list(self.wall);
        let bans = listing.section("bans", bans.iter().map(Ban::item));
        let minutes = self.history.minutes(self.wall);
        let chart = |figure: fn(&Minute) -> u64| minutes.iter().map(figure).collect();
        Overview {
            figures: vec![
                ("rooms", self.rooms.count() as u64),
                ("members", self.n_members() as u64),
                ("connected", self.members.count() as u64),
            ],
            charts: vec![
                ("rooms", chart(|minute| minute.rooms as u64)),
                ("members", chart(|minute| minute.members as u64)),
                ("chats", chart(|minute| minute.chats)),
                ("events", chart(|minute| minute.events)),
            ],
            sections: vec![rooms, bans],
        }
    }
}

impl Room {
    fn item(&self, now: Timestamp) -> Item {
        let badges = [
            (!self.founding.is_public, "hidden"),
            (self.founding.code.is_some(), "password"),
            (!self.has(self.owner), "ownerAway"),
        ];
        Item {
            kind: "room",
            id: self.id().as_str().to_owned(),
            title: self.name().to_owned(),
            badges: badges.into_iter().filter_map(|(is_so, badge)| is_so.then_some(badge)).collect(),
            details: self.title_on_screen().map(|title| ("plays", title)).into_iter().collect(),
            actions: vec![Action::plain("banner").with(Input::Text), Action::grave("close")],
            items: self.seats.iter().map(|seat| self.member_item(seat, now)).collect(),
            n_more: 0,
        }
    }

    /// What is on the screen, as its client describes it.
    fn title_on_screen(&self) -> Option<String> {
        if self.on_screen.n_bytes() > MAX_STATE_BYTES {
            return None;
        }
        let told: Told = serde_json::from_str(self.on_screen.state()?.get()).ok()?;
        let song = told.song.and_then(|song| Some(song.get("name")?.clone()));
        let title = [told.video_name, told.channel_name, song, told.owner_name].into_iter().flatten().next();
        let words = [Some(told.kind), title].into_iter().flatten();
        let words: Vec<String> = words.filter_map(|word| Some(word.as_str()?.to_owned())).collect();
        Some(words.join(" · "))
    }

    fn member_item(&self, seat: &Seat, now: Timestamp) -> Item {
        let silence = format!("{} s", now.since(seat.heard_at).as_secs());
        let address = seat.address.map(|address| ("address", address.to_string()));
        Item {
            kind: "member",
            id: seat.id.as_str().to_owned(),
            title: seat.name.clone(),
            badges: if seat.id == self.owner { vec!["owner"] } else { Vec::new() },
            details: address.into_iter().chain([("silent", silence)]).collect(),
            actions: vec![Action::grave("kick"), Action::grave("ban").with(Input::Minutes)],
            ..Item::default()
        }
    }
}

impl Ban {
    fn item(&self) -> Item {
        Item {
            kind: "ban",
            id: self.address.to_string(),
            title: self.address.to_string(),
            details: vec![("until", Timestamp::from_millis(self.until).to_string())],
            actions: vec![Action::plain("lift")],
            ..Item::default()
        }
    }
}

/// Watch parties, as operators see and steer them.
pub struct ManagedRooms {
    /// Asks the hub.
    pub queries: Queries<Hub>,
    /// Has the hub do something.
    pub commands: Commands<Hub>,
}

impl ManagedRooms {
    /// The command that an order is.
    async fn command(&self, order: &Order) -> Result<Command, Outcome> {
        let id = order.id.as_str();
        let found = match (order.kind.as_str(), order.action.as_str()) {
            ("room", "close") => RoomId::read(id).map(Command::CloseRoom),
            ("room", "banner") => {
                let message = order.input.clone().unwrap_or_default();
                if message.is_empty() || message.chars().count() > MAX_BANNER_CHARS {
                    return Err(Outcome::Invalid("a message of 1 to 500 characters is expected"));
                }
                RoomId::read(id).map(|room| Command::ShowBanner(room, message))
            }
            ("member", "kick") => MemberId::new(id).map(Command::Kick),
            ("member", "ban") => {
                let minutes: Option<u64> =
                    order.input.as_deref().and_then(|minutes| minutes.trim().parse().ok());
                let span = minutes.and_then(|minutes| minutes.checked_mul(60));
                let Some(seconds) = span.filter(|seconds| (1..=MAX_BAN_SECS).contains(seconds)) else {
                    return Err(Outcome::Invalid(MINUTES));
                };
                let member = MemberId::new(id).ok_or(Outcome::NotFound)?;
                let address =
                    self.queries.ask(move |hub, _| hub.members.get(&member).map(|known| known.address));
                let address = address.await.ok_or(Outcome::Stopped)?;
                address.map(|address| Command::Ban(address, Duration::from_secs(seconds)))
            }
            ("ban", "lift") => {
                id.parse::<IpAddr>().ok().map(|address| Command::LiftBan(address.to_canonical()))
            }
            _ => None,
        };
        found.ok_or(Outcome::NotFound)
    }
}

impl Managed for ManagedRooms {
    fn name(&self) -> &'static str {
        SERVICE
    }

    fn overview(&self, asked: Asked) -> Future<'_, Option<Overview>> {
        Box::pin(self.queries.ask(move |hub, now| hub.shown(&asked, now)))
    }

    fn act(&self, order: Order) -> Future<'_, Outcome> {
        Box::pin(async move {
            match self.command(&order).await {
                Ok(command) => self.commands.give(command).await.into(),
                Err(outcome) => outcome,
            }
        })
    }
}
