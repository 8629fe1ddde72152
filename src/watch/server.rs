//! Opens the port of the watch parties, and starts the hub behind its Socket.IO endpoint.

use std::path::Path;

use anyhow::Result;
use tracing::warn;

use super::event_log::{self, Rotation};
use super::hub::Hub;
use super::rng::Rng;
use super::routes::Site;
use super::{Config, admin, key, routes};
use crate::config;
use crate::http::keys::KeyedDoor;
use crate::http::layers;
use crate::http::listener::Listener;
use crate::http::operators::OperatorsDoor;
use crate::http::origin::AllowedOrigins;
use crate::service::{Premises, Running};
use crate::socketio;
use crate::switchboard::{Pings, Switchboard};

/// The service's name in logs and metrics.
const SERVICE: &str = "watch";

/// Opens the port and serves until the process stops.
pub fn start(config: &Config, premises: &Premises<'_>) -> Result<Running> {
    let context = premises.context;
    let (key, key_file) = key::key(config, premises)?;
    let admin_key = config::secret("watch.admin_key_file", &config.admin_key, &config.admin_key_file)?;
    if admin_key.is(key.expose()) {
        warn!("watch.admin_key is watch.auth_key: all members may close rooms, kick and ban");
    }
    let key = KeyedDoor::new("watch.auth_key", key, &premises.wrong_keys);
    let admin_key = KeyedDoor::new("watch.admin_key", admin_key, &premises.wrong_keys);
    let listener = Listener::open(SERVICE, &config.host, config.port, &premises.opening, context)?;
    let running = Running { key_file, ..Running::new(SERVICE, &listener)? };
    let origins = AllowedOrigins::new(&config.allowed_origins);
    let pings = Pings { interval: config.ping_interval, timeout: config.ping_timeout };
    let mut switchboard = Switchboard::new(SERVICE, premises.members, context);
    let endpoint = socketio::endpoint(&mut switchboard, pings, &origins, premises.socketio, &listener);
    if !config.event_log.is_empty() {
        let rotation = Rotation { max_bytes: config.event_log_bytes, n_kept: config.event_logs_kept };
        switchboard.keep_notes(event_log::start(Path::new(&config.event_log), rotation, context)?);
    }
    let commands = switchboard.exchange().commands();
    let home = premises.lasting_home(SERVICE);
    let (rng, exempt) = (Rng::new(&home.random_source()), premises.opening.network.trusted_networks());
    let hub = Hub::new(config, key.clone(), home.seed(), rng, exempt, context.clock.now());
    let questions = switchboard.run(home, hub);
    let admin = admin::routes(questions.clone(), commands, OperatorsDoor::new(admin_key, context.clock));
    let pages = routes::router(Site { questions, clock: context.clock, key });
    let pages = layers::with_common_layers(pages, admin, &origins, premises.metrics.clone(), context);
    listener.serve(endpoint.merge(routes::with_headers(pages)), context);
    Ok(running)
}
