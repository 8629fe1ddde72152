//! Opens the port of the listening rooms, and starts the hub behind its Socket.IO endpoint.

use anyhow::Result;
use axum::Router;

use super::hub::Hub;
use super::{Config, routes};
use crate::http::layers;
use crate::http::listener::Listener;
use crate::http::origin::AllowedOrigins;
use crate::service::{Premises, Running};
use crate::socketio;
use crate::switchboard::{Pings, Switchboard};

/// The service's name in logs and metrics.
const SERVICE: &str = "music";

/// Opens the port and serves until the process stops.
pub fn start(config: &Config, premises: &Premises<'_>) -> Result<Running> {
    let context = premises.context;
    let listener = Listener::open(SERVICE, &config.host, config.port, &premises.opening, context)?;
    let running = Running::new(SERVICE, &listener)?;
    let origins = AllowedOrigins::new(&config.cors_origin);
    let pings = Pings { interval: config.ping_interval, timeout: config.ping_timeout };
    let mut switchboard = Switchboard::new(SERVICE, premises.members, context);
    let endpoint = socketio::endpoint(&mut switchboard, pings, &origins, premises.socketio, &listener);
    let home = premises.lasting_home(SERVICE);
    let questions = switchboard
        .run(home, Hub::new(config, premises.opening.network.trusted_networks(), context.clock.now()));
    let pages = routes::router(questions, context.clock, config.max_list_bytes);
    let pages = layers::with_common_layers(pages, Router::new(), &origins, premises.metrics.clone(), context);
    listener.serve(endpoint.merge(pages), context);
    Ok(running)
}
