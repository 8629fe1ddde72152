//! Opens the port of signalling, and starts the hub behind Socket.IO and plain WebSockets.

use anyhow::Result;
use axum::Router;

use super::hub::{Hub, Keys};
use super::routes::Site;
use super::tokens::RoomTokens;
use super::{Config, routes};
use crate::config;
use crate::http::keys::KeyedDoor;
use crate::http::layers;
use crate::http::listener::Listener;
use crate::http::origin::AllowedOrigins;
use crate::service::{Premises, Running};
use crate::socketio;
use crate::switchboard::{Pings, Switchboard};
use crate::websocket::PlainEndpoint;

/// The service's name in logs and metrics.
const SERVICE: &str = "signal";

/// Opens the port and serves until the process stops.
pub fn start(config: &Config, premises: &Premises<'_>) -> Result<Running> {
    let context = premises.context;
    let key = config::secret("signal.auth_key_file", &config.auth_key, &config.auth_key_file)?;
    let key = key.is_set().then(|| KeyedDoor::new("signal.auth_key", key, &premises.wrong_keys));
    let turn_secret =
        config::secret("signal.turn_secret_file", &config.turn_secret, &config.turn_secret_file)?;
    let listener = Listener::open(SERVICE, &config.host, config.port, &premises.opening, context)?;
    let mut running = Running::new(SERVICE, &listener)?;
    let origins = AllowedOrigins::new(&config.cors_origin);
    let pings = Pings { interval: config.ping_interval, timeout: config.ping_timeout };
    let mut switchboard = Switchboard::new(SERVICE, premises.members, context);
    let endpoint = socketio::endpoint(&mut switchboard, pings, &origins, premises.socketio, &listener);
    let plain = PlainEndpoint::new(&switchboard, pings, &origins, &listener);
    let tokens = RoomTokens::new(config)?;
    if key.is_none() && tokens.is_none() {
        running.open_without = Some("[signal] auth_key or token_secret");
    }
    let keys = Keys { key: key.clone(), turn_secret, tokens };
    let home = premises.passing_home(SERVICE);
    let hub = Hub::new(config, keys, home.seed(), premises.opening.network.trusted_networks());
    let questions = switchboard.run(home, hub);
    let pages = routes::router(Site { questions, plain, clock: context.clock, key });
    let pages = layers::with_common_layers(pages, Router::new(), &origins, premises.metrics.clone(), context);
    listener.serve(endpoint.merge(pages), context);
    Ok(running)
}
