//! Opens the port of the watch parties, and starts the hub behind its Socket.IO endpoint.

use std::path::Path;
use std::sync::Arc;

use anyhow::Result;
use tracing::warn;

use super::command::Command;
use super::event_log::{self, Rotation};
use super::hub::Hub;
use super::operators::ManagedRooms;
use super::routes::Site;
use super::{Config, SERVICE, admin, key, routes};
use crate::http::keys::AccessKey;
use crate::http::layers;
use crate::http::listener::Listener;
use crate::http::operators::OperatorAccess;
use crate::http::origin::AllowedOrigins;
use crate::media;
use crate::party::{self, TicketKey};
use crate::recordings::{self, RECORDED_LINES};
use crate::rooms::{EVENT_LOG, Pings, ROOMS_FILE, Rng, Runner};
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
    let key = AccessKey::new("watch.auth_key", key, &service_context.wrong_keys);
    let admin_key = AccessKey::new("watch.admin_key", admin_key, &service_context.wrong_keys);
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
    let stop = party::routes::stop_recordings(commands.clone());
    let catalogue = service_context.record(&mut runner, named, &config.recordings_dir, stop);
    let storage = service_context.persistent_storage(SERVICE);
    let mut places = Vec::new();
    places.extend(catalogue.is_some().then_some(RECORDED_LINES));
    places.extend((!config.event_log.is_empty()).then_some(EVENT_LOG));
    places.extend(storage.is_on_disk().then_some(ROOMS_FILE));
    let (seed, rng) = (*storage.seed(), Rng::new(&storage.random_source()));
    let exempt = service_context.opening.network.trusted_networks();
    let hub = Hub::new(config, key.clone(), &seed, rng, exempt, storage.clock(context).now());
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
        admin::routes(queries.clone(), commands.clone(), OperatorAccess::new(admin_key, context.clock))
            .merge(service_context.admin.routes(&listener));
    let check = media::ticket_check(queries.clone(), TicketKey::new(&seed), Hub::media_caller);
    let media = media::start(config.media(&service_context.rooms.data_dir), check, context)?;
    let shared = party::routes::Site {
        queries: queries.clone(),
        commands,
        ice: service_context.ice.clone(),
        clock: context.clock,
        wrong_keys: Arc::clone(&service_context.wrong_keys),
    };
    let pages = routes::router(Site { queries, clock: context.clock, key })
        .merge(party::routes::router(shared, catalogue));
    let pages =
        layers::with_common_layers(pages, media, admin, &origins, service_context.metrics.clone(), context);
    listener.serve(endpoint.merge(routes::with_headers(pages)), context);
    Ok(running)
}
