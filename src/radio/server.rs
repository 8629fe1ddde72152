//! The service on the network: opens the port, starts every station and relay, and routes requests to them.

use std::sync::Arc;

use anyhow::Result;

use super::operators::ManagedStations;
use super::output::headcount::Counter;
use super::output::listener;
use super::public_url::PublicUrl;
use super::sources::{live, relay, upstream};
use super::stations::{Stations, Told};
use super::webhooks::Webhook;
use super::{Config, SERVICE, live_orders, routes, yp};
use crate::http::head::Head;
use crate::http::listener::Listener;
use crate::service::{Running, ServiceContext};

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
    let webhooks = Webhook::all(config);
    let readers = webhooks.iter().map(|webhook| Arc::clone(&webhook.unread)).collect();
    let (stations, told) = Stations::open(config, service_context, public_url, readers)?;
    let stations = Arc::new(stations);
    start_relays(&stations)?;
    start_told(&stations, told, webhooks)?;
    let managed = ManagedStations(Arc::clone(&stations));
    service_context.admin.add(Arc::new(managed), Some(("radio.admin_key", &config.admin_key)));
    let orders = live_orders::router(&stations, &service_context.admin);
    let admin = service_context.admin.routes(&socket).merge(orders);
    let router = routes::router(&stations, admin, service_context.metrics.clone());
    let intercepted = Arc::clone(&stations);
    let interceptor = Arc::new(move |head: &Head| {
        live::intercept(&intercepted, head).or_else(|| listener::intercept(&intercepted, head))
    });
    socket.intercepted_by(interceptor).serve(router, context);
    Ok(running)
}

/// Starts the count of listeners, a task for each webhook, and one for each entry of a directory.
fn start_told(stations: &Arc<Stations>, told: Told, webhooks: Vec<Webhook>) -> Result<()> {
    stations.context.spawn(Counter::new(stations, told.news, told.ledger).run());
    if webhooks.is_empty() && stations.config.yp_urls.is_empty() {
        return Ok(());
    }
    let tls_config = upstream::tls_config(&stations.config.relay_ca)?;
    for webhook in webhooks {
        stations.context.spawn(webhook.run(Arc::clone(stations), Arc::clone(&tls_config)));
    }
    for listing in yp::all(stations, &tls_config) {
        stations.context.spawn(listing.run());
    }
    Ok(())
}

/// Starts a task for each station that relays, be it in a show.
fn start_relays(stations: &Arc<Stations>) -> Result<()> {
    if stations.relaying.is_empty() {
        return Ok(());
    }
    let tls_config = upstream::tls_config(&stations.config.relay_ca)?;
    for station in stations.relaying.iter().filter_map(|route| stations.all.get(route)) {
        let relay = relay::run(Arc::clone(stations), station.clone(), Arc::clone(&tls_config));
        stations.context.spawn(relay);
    }
    Ok(())
}
