//! Opens the port of the watch parties, and starts the hub behind its Socket.IO endpoint.

use std::path::Path;
use std::sync::Arc;

use anyhow::Result;
use tracing::warn;

use super::command::Command;
use super::event_log::{self, Rotation};
use super::hub::Hub;
use super::operators::ManagedRooms;
use super::recordings::{RecordedRooms, stop_recordings};
use super::rng::Rng;
use super::routes::Site;
use super::{Config, SERVICE, admin, key, media, routes};
use crate::http::keys::KeyedDoor;
use crate::http::layers;
use crate::http::listener::Listener;
use crate::http::operators::OperatorsDoor;
use crate::http::origin::AllowedOrigins;
use crate::party::TicketKey;
use crate::recordings::{self, RECORDED_LINES};
use crate::rooms::{EVENT_LOG, Pings, ROOMS_FILE, Runner};
use crate::service::{Running, ServiceContext};
use crate::socketio;

/// What recordings are called where something is wrong with them.
const RECORDINGS: &str = "recordings of watch";

/// Opens the port and serves until the process stops.
pub fn start(config: &Config, service_context: &ServiceContext<'_>) -> Result<Running> {
    let context = service_context.context;
    let (key, key_file) = key::key(config, service_context)?;
    let admin_key = config.admin_key.clone();
    if admin_key.is(key.expose()) {
        warn!("watch.admin_key is watch.auth_key: all members may close rooms, kick and ban");
    }
    let key = KeyedDoor::new("watch.auth_key", key, &service_context.wrong_keys);
    let admin_key = KeyedDoor::new("watch.admin_key", admin_key, &service_context.wrong_keys);
    let listener = Listener::open(SERVICE, config.listen(), &service_context.opening, context)?;
    let running = Running { key_file, ..Running::new(SERVICE, &listener)? };
    let origins = AllowedOrigins::new(&config.allowed_origins);
    let pings = Pings { interval: config.ping_interval, timeout: config.ping_timeout };
    let mut runner = Runner::new(SERVICE, service_context.members, context);
    let endpoint = socketio::endpoint(&mut runner, pings, &origins, service_context.socketio, &listener);
    if !config.event_log.is_empty() {
        let rotation = Rotation {
            max_bytes: config.event_log_bytes,
            n_kept: config.event_logs_kept,
            max_age: config.event_log_max_age,
        };
        runner.keep_notes(event_log::start(
            Path::new(&config.event_log),
            rotation,
            runner.reports(),
            context,
        )?);
    }
    let named = recordings::Service { name: SERVICE, remarks: RECORDINGS };
    let commands = runner.ingress().commands();
    let stop = stop_recordings(commands.clone());
    let recordings = service_context.recordings(named, &config.recordings_dir, stop, runner.reports());
    let catalogue = recordings.map(|recordings| {
        runner.keep_recordings(recordings.recorder);
        recordings.catalogue
    });
    let storage = service_context.persistent_storage(SERVICE);
    let mut places = Vec::new();
    places.extend(catalogue.is_some().then_some(RECORDED_LINES));
    places.extend((!config.event_log.is_empty()).then_some(EVENT_LOG));
    places.extend(storage.is_on_disk().then_some(ROOMS_FILE));
    let (rng, exempt) =
        (Rng::new(&storage.random_source()), service_context.opening.network.trusted_networks());
    let hub = Hub::new(config, key.clone(), storage.seed(), rng, exempt, storage.clock(context).now());
    let tickets = TicketKey::new(storage.seed());
    let reports = runner.reports();
    let queries = runner.run(storage, hub);
    let managed = ManagedRooms { queries: queries.clone(), commands: commands.clone() };
    service_context.admin.add(Arc::new(managed), Some(("watch.admin_key", &config.admin_key)));
    let eraser = commands.clone();
    service_context.serve_erasures(SERVICE, places, reports, move |name| {
        let commands = eraser.clone();
        async move { commands.give(Command::Erase(name)).await?.erased() }
    });
    let admin =
        admin::routes(queries.clone(), commands.clone(), OperatorsDoor::new(admin_key, context.clock))
            .merge(service_context.admin.routes(&listener));
    let media = media::router(config, queries.clone(), tickets, service_context)?;
    let rooms = RecordedRooms { queries: queries.clone(), commands };
    let ice = service_context.ice.clone();
    let mut pages = routes::router(Site { queries, ice, clock: context.clock, key });
    if let Some(catalogue) = catalogue {
        let wrong_keys = Arc::clone(&service_context.wrong_keys);
        pages = pages.merge(recordings::router(recordings::Site {
            rooms,
            catalogue,
            wrong_keys,
            clock: context.clock,
        }));
    }
    let pages =
        layers::with_common_layers(pages, media, admin, &origins, service_context.metrics.clone(), context);
    listener.serve(endpoint.merge(routes::with_headers(pages)), context);
    Ok(running)
}
