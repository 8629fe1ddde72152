//! What a service shows to operators, and what they may have it do: plain items with actions, which the page shows alike
//! whatever they are.

use std::pin::Pin;

use axum::response::Response;
use serde::{Deserialize, Serialize};

/// What a service answers, once it does.
pub type Future<'a, T> = Pin<Box<dyn std::future::Future<Output = T> + Send + 'a>>;

/// A service, as operators see and steer it.
pub trait Managed: Send + Sync {
    /// Its name.
    fn name(&self) -> &'static str;

    /// What it holds; `None` once it has stopped.
    fn overview(&self, asked: Asked) -> Future<'_, Option<Overview>>;

    /// Has something done.
    fn act(&self, order: Order) -> Future<'_, Outcome>;

    /// A table of that name to keep, as a query asks for it; `None` if it has no such table.
    fn table(&self, _name: String, _query: String) -> Future<'_, Option<Response>> {
        Box::pin(async { None })
    }
}

/// How much of a service is asked for.
#[derive(Debug, Clone)]
pub struct Asked {
    /// Only rooms, devices and stations that have this in their names, in lower case; empty is all.
    pub text: String,
    /// Items that are listed, with those that are in them.
    pub most: usize,
}

impl Asked {
    /// Whether one of these names has the text.
    pub fn fits<'a>(&self, names: impl IntoIterator<Item = &'a str>) -> bool {
        self.text.is_empty() || names.into_iter().any(|name| name.to_lowercase().contains(&self.text))
    }
}

/// What a service holds.
#[derive(Debug, Default, Serialize)]
pub struct Overview {
    /// Numbers by their names.
    pub figures: Vec<(&'static str, u64)>,
    /// The last hour minute by minute, by name.
    pub charts: Vec<(&'static str, Vec<u64>)>,
    /// Its rooms, stations and so on.
    pub sections: Vec<Section>,
}

/// Items of one kind.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Section {
    /// What they are, like `rooms`.
    pub name: &'static str,
    /// Those that are listed.
    pub items: Vec<Item>,
    /// How many more there are that were asked for.
    pub n_more: usize,
}

/// A room, a member, a device, a station.
#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Item {
    /// What it is, like `room`.
    pub kind: &'static str,
    /// By what an order names it.
    pub id: String,
    /// What people call it.
    pub title: String,
    /// Words about it, like `hidden`.
    pub badges: Vec<&'static str>,
    /// What else is known of it, by name.
    pub details: Vec<(&'static str, String)>,
    /// What may be done with it.
    pub actions: Vec<Action>,
    /// What is in it.
    pub items: Vec<Item>,
    /// How much more is in it.
    pub n_more: usize,
}

/// Something that may be done.
#[derive(Debug, Clone, Copy, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Action {
    /// Its name, like `kick`.
    pub name: &'static str,
    /// What whoever does it says besides.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub input: Option<Input>,
    /// Whether somebody loses something by it: it is asked for twice.
    pub is_grave: bool,
}

/// What is said besides.
#[derive(Debug, Clone, Copy, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Input {
    /// A text.
    Text,
    /// A number of minutes.
    Minutes,
}

impl Action {
    /// One that does no harm.
    pub const fn plain(name: &'static str) -> Self {
        Self { name, input: None, is_grave: false }
    }

    /// One that somebody loses something by.
    pub const fn grave(name: &'static str) -> Self {
        Self { name, input: None, is_grave: true }
    }

    /// The same, with something that is said besides.
    pub const fn with(self, input: Input) -> Self {
        Self { input: Some(input), ..self }
    }
}

/// What is to be done.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Order {
    /// The service.
    pub service: String,
    /// The name of the action.
    pub action: String,
    /// What the item is.
    pub kind: String,
    /// Its id.
    pub id: String,
    /// The id of the item that it is in, if it is in one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub within: Option<String>,
    /// What is said besides.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub input: Option<String>,
}

/// What came of an order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// It is done.
    Done,
    /// Nothing, or nobody, has that id, or nothing is called that.
    NotFound,
    /// It cannot be done as things are.
    Conflict(&'static str),
    /// What was said besides is not what is expected.
    Invalid(&'static str),
    /// The service has stopped.
    Stopped,
}

impl Outcome {
    /// Its name in the audit log.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::NotFound => "not_found",
            Self::Conflict(_) => "conflict",
            Self::Invalid(_) => "invalid",
            Self::Stopped => "stopped",
        }
    }
}

/// Lists items until as many are listed as may be, with what is in them.
pub struct Listing(usize);

impl Listing {
    /// As much as is asked for.
    pub fn new(asked: &Asked) -> Self {
        Self(asked.most)
    }

    /// A section of all that are given, as far as they may be listed.
    pub fn section(&mut self, name: &'static str, all: impl ExactSizeIterator<Item = Item>) -> Section {
        let (mut n_left, mut items) = (all.len(), Vec::new());
        for mut item in all {
            if self.0 == 0 {
                break;
            }
            self.0 -= 1;
            let n_inside = item.items.len().min(self.0);
            item.n_more += item.items.len() - n_inside;
            item.items.truncate(n_inside);
            self.0 -= n_inside;
            n_left -= 1;
            items.push(item);
        }
        Section { name, items, n_more: n_left }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_more_is_listed_than_may_be_and_the_rest_is_counted() {
        let room = |n: usize| Item { items: (0..n).map(|_| Item::default()).collect(), ..Item::default() };
        let mut listing = Listing::new(&Asked { text: String::new(), most: 6 });
        let rooms = listing.section("rooms", [room(2), room(5), room(1)].into_iter());
        let inside: Vec<_> = rooms.items.iter().map(|room| (room.items.len(), room.n_more)).collect();
        assert_eq!((inside, rooms.n_more), (vec![(2, 0), (2, 3)], 1));
        assert_eq!(listing.section("bans", [room(0)].into_iter()).n_more, 1);
    }
}
