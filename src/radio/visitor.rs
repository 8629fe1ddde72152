//! The client of a request: the URL by which it reaches this service, its address, and its key.

use std::collections::BTreeSet;
use std::convert::Infallible;
use std::net::IpAddr;
use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::response::Response;
use http::header::AUTHORIZATION;
use http::request::Parts;

use super::access;
use super::answers::{keyless, unknown_route};
use super::station_handle::StationHandle;
use super::stations::Stations;
use crate::http::address::{UNKNOWN, client, rate_limit_key};
use crate::http::connection::Connection;
use crate::http::switch::Mount;

/// The URL of `/` as the client of a request sees it, without the slash.
pub struct Base(pub String);

impl FromRequestParts<Arc<Stations>> for Base {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, stations: &Arc<Stations>) -> Result<Self, Infallible> {
        let peer =
            parts.extensions.get::<Arc<Connection>>().map_or(UNKNOWN, |connection| connection.peer.ip());
        let mount = parts.extensions.get::<Mount>().copied();
        Ok(Self(stations.public_url.base_for(peer, &parts.headers, mount)))
    }
}

/// Whoever sent a request, and the key that it brought.
pub struct Visitor {
    /// Past trusted proxies.
    pub address: IpAddr,
    /// From the query, or else the `Authorization`.
    pub key: Option<String>,
    /// From the query alone.
    queried_key: Option<String>,
}

impl FromRequestParts<Arc<Stations>> for Visitor {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, stations: &Arc<Stations>) -> Result<Self, Infallible> {
        let peer =
            parts.extensions.get::<Arc<Connection>>().map_or(UNKNOWN, |connection| connection.peer.ip());
        let query = parts.uri.query().unwrap_or_default();
        let authorization = parts.headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok());
        Ok(Self {
            address: client(peer, &parts.headers, &stations.public_url.trusted),
            key: access::offered(query, authorization),
            queried_key: access::key_in(query),
        })
    }
}

impl Visitor {
    /// Who it is to limits.
    pub fn person(&self) -> IpAddr {
        rate_limit_key(self.address)
    }

    /// The station at a path, if this visitor may hear it.
    pub fn find(&self, stations: &Stations, path: &str) -> Result<StationHandle, Box<Response>> {
        let station = stations.find(path).ok_or_else(|| Box::new(unknown_route()))?;
        self.admit(stations, &station).map(|()| station)
    }

    /// Whether this visitor may hear a station.
    pub fn admit(&self, stations: &Stations, station: &StationHandle) -> Result<(), Box<Response>> {
        let now = stations.context.clock.now();
        let admitted = stations.listener_keys.admit(&station.route, self.address, self.key.as_deref(), now);
        admitted.map_err(|denied| Box::new(keyless(denied)))
    }

    /// The stations with a key that are listed in addition to the public ones.
    ///
    /// An `Authorization` may be meant for a proxy and is not looked at: it is no wrong key.
    pub fn opened(&self, stations: &Stations) -> Result<Option<BTreeSet<String>>, Box<Response>> {
        let Some(key) = self.queried_key.as_deref().filter(|_| stations.listener_keys.has_any()) else {
            return Ok(None);
        };
        let now = stations.context.clock.now();
        stations
            .listener_keys
            .opened_by(self.address, key, now)
            .map(Some)
            .map_err(|denied| Box::new(keyless(denied)))
    }

    /// The stations that this visitor's key opens, wherever it brought it; none without one.
    pub fn opened_by_its_key(&self, stations: &Stations) -> Result<BTreeSet<String>, Box<Response>> {
        let Some(key) = self.key.as_deref() else { return Ok(BTreeSet::new()) };
        let opened = stations.listener_keys.opened_by(self.address, key, stations.context.clock.now());
        opened.map_err(|denied| Box::new(keyless(denied)))
    }

    /// What is appended to addresses of a station, so that players find the key there.
    pub fn query_for(&self, stations: &Stations, station: &StationHandle) -> Option<String> {
        let key = self.key.as_deref().filter(|_| stations.listener_keys.is_private(&station.route))?;
        Some(access::query_with(key))
    }
}
