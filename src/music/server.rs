//! Opens the port of the listening rooms, and starts the hub behind its Socket.IO endpoint.

use anyhow::Result;
use axum::Router;

use super::hub::Hub;
use super::{Config, routes};
use crate::http::layers;
use crate::http::listener::Listener;
use crate::http::origin::AllowedOrigins;
use crate::rooms::{Pings, Rng, Runner};
use crate::service::{Running, ServiceContext};
use crate::socketio;

/// The service's name in logs and metrics.
const SERVICE: &str = "music";

/// Opens the port and serves until the process stops.
pub fn start(config: &Config, service_context: &ServiceContext<'_>) -> Result<Running> {
    let context = service_context.context;
    let listener = Listener::open(SERVICE, &config.host, config.port, &service_context.opening, context)?;
    let running = Running::new(SERVICE, &listener)?;
    let origins = AllowedOrigins::new(&config.cors_origin);
    let pings = Pings { interval: config.ping_interval, timeout: config.ping_timeout };
    let mut runner = Runner::new(SERVICE, service_context.members, context);
    let endpoint = socketio::endpoint(&mut runner, pings, &origins, service_context.socketio, &listener);
    let storage = service_context.persistent_storage(SERVICE);
    let (seed, rng) = (*storage.seed(), Rng::new(&storage.random_source()));
    let exempt = service_context.opening.network.trusted_networks();
    let queries = runner.run(storage, Hub::new(config, &seed, rng, exempt, context.clock.now()));
    let pages = routes::router(queries, context.clock, config.max_list_bytes);
    let pages =
        layers::with_common_layers(pages, Router::new(), &origins, service_context.metrics.clone(), context);
    listener.serve(endpoint.merge(pages), context);
    Ok(running)
}
