//! The stations on the network: opens the port, starts every station, and wires listeners and routes to them.

use std::sync::Arc;

use anyhow::Result;

use super::public_url::Origin;
use super::stations::Stations;
use super::{Config, listening, live, relay, routes, upstream};
use crate::http::head::Head;
use crate::http::listener::Listener;
use crate::service::{Premises, Running};

/// The service's name in logs and metrics.
const SERVICE: &str = "radio";

/// Opens the port and serves until the process stops.
pub fn start(config: &Config, premises: &Premises<'_>) -> Result<Running> {
    let context = premises.context;
    let listener = Listener::open(SERVICE, &config.host, config.port, &premises.opening, context)?;
    let running = Running::new(SERVICE, &listener)?;
    let origin = Origin {
        trusted: premises.opening.network.trusted_networks(),
        scheme: if listener.is_tls() { "https" } else { "http" },
        port: listener.address()?.port(),
    };
    let stations = Arc::new(Stations::open(config, premises, origin)?);
    start_relays(&stations)?;
    let router = routes::router(&stations, premises.metrics.clone());
    let doors = Arc::clone(&stations);
    let doorman = Arc::new(move |head: &Head, io| {
        let io = live::admit(&doors, head, io)?;
        listening::admit(&doors, head, io)
    });
    listener.guarded_by(doorman).serve(router, context);
    Ok(running)
}

/// Starts a task for each station that relays another.
fn start_relays(stations: &Arc<Stations>) -> Result<()> {
    let relayed = stations.config.relayed().unwrap_or_default();
    if relayed.is_empty() {
        return Ok(());
    }
    let trust = upstream::trust(&stations.config.relay_ca)?;
    for (route, uri) in relayed {
        if let Some(station) = stations.find(&route) {
            stations.context.spawn(relay::run(Arc::clone(stations), station, uri, Arc::clone(&trust)));
        }
    }
    Ok(())
}
