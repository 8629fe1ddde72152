//! Keys of `[radio]` that give each of several routes a value, as a JSON object.

use std::collections::BTreeMap;
use std::path::PathBuf;

use url::Url;

use super::{Config, home};
use crate::config;
use crate::radio::library::playlist::Order;
use crate::radio::paths;
use crate::radio::sources::upstream::parse_station_url;

impl Config {
    /// The folders of routes.
    pub fn directories(&self) -> Result<BTreeMap<String, PathBuf>, String> {
        let folders = by_route(&self.directory_routes, "{\"humor\":\"~/audio/humor\"}")?;
        Ok(folders.into_iter().map(|(route, folder)| (route, home(&folder))).collect())
    }

    /// The orders of single routes.
    pub fn orders_of_routes(&self) -> Result<BTreeMap<String, Order>, String> {
        let orders = by_route(&self.orders, "{\"audiobook\":\"name\"}")?;
        let read = |(route, order): (String, String)| {
            let known = serde_json::from_value(order.as_str().into());
            known
                .map(|known| (route, known))
                .map_err(|_| format!("{order:?}: shuffle, name, album, newest or playlist is expected"))
        };
        orders.into_iter().map(read).collect()
    }

    /// The URLs that routes relay.
    pub fn relayed(&self) -> Result<BTreeMap<String, Url>, String> {
        let urls = by_route(&self.relays, "{\"news\":\"http://other:9999/news\"}")?;
        urls.into_iter().map(|(route, url)| Ok((route, parse_station_url(&url)?))).collect()
    }
}

/// Parses a JSON object whose keys are routes.
pub fn by_route(text: &str, example: &str) -> Result<BTreeMap<String, String>, String> {
    if text.trim().is_empty() {
        return Ok(BTreeMap::new());
    }
    let values: BTreeMap<String, String> = serde_json::from_str(text)
        .map_err(|error| config::without_credentials(&error.to_string()))
        .map_err(|error| format!("a JSON object like {example} is expected: {error}"))?;
    let mut routes = BTreeMap::new();
    for (route, value) in values {
        let route = paths::route(&route);
        if !paths::is_route(&route) {
            return Err(format!("{route:?}: a path like \"/humor\" that no page has is expected"));
        }
        routes.insert(route, value);
    }
    Ok(routes)
}
