//! The service on the network: opens the port, starts every station and relay, and routes requests to them.

use std::sync::Arc;

use anyhow::Result;

use super::output::listener;
use super::public_url::PublicUrl;
use super::sources::{live, relay, upstream};
use super::stations::Stations;
use super::{Config, routes};
use crate::http::head::Head;
use crate::http::listener::Listener;
use crate::service::{Running, ServiceContext};

/// The service's name in logs and metrics.
const SERVICE: &str = "radio";

/// Opens the port and serves until the process stops.
pub fn start(config: &Config, service_context: &ServiceContext<'_>) -> Result<Running> {
    let context = service_context.context;
    let socket = Listener::open(SERVICE, config.listen(), &service_context.opening, context)?;
    let running = Running::new(SERVICE, &socket)?;
    let public_url = PublicUrl {
        trusted: service_context.opening.network.trusted_networks(),
        scheme: if socket.is_tls() { "https" } else { "http" },
        port: socket.port().unwrap_or(config.port),
    };
    let stations = Arc::new(Stations::open(config, service_context, public_url)?);
    start_relays(&stations)?;
    let router = routes::router(&stations, service_context.metrics.clone());
    let intercepted = Arc::clone(&stations);
    let interceptor = Arc::new(move |head: &Head| {
        live::intercept(&intercepted, head).or_else(|| listener::intercept(&intercepted, head))
    });
    socket.intercepted_by(interceptor).serve(router, context);
    Ok(running)
}

/// Starts a task for each relay.
fn start_relays(stations: &Arc<Stations>) -> Result<()> {
    let relayed = stations.config.relayed().unwrap_or_default();
    if relayed.is_empty() {
        return Ok(());
    }
    let tls_config = upstream::tls_config(&stations.config.relay_ca)?;
    for (route, uri) in relayed {
        if let Some(station) = stations.find(&route) {
            stations.context.spawn(relay::run(Arc::clone(stations), station, uri, Arc::clone(&tls_config)));
        }
    }
    Ok(())
}
