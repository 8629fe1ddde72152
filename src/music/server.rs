//! Opens the port of the listening rooms, and starts the hub behind its Socket.IO endpoint.

use std::sync::Arc;

use anyhow::Result;

use super::command::Command;
use super::hub::Hub;
use super::operators;
use super::routes::Site;
use super::{Config, SERVICE, routes};
use crate::http::layers;
use crate::http::listener::Listener;
use crate::http::origin::AllowedOrigins;
use crate::media::{self, UPLOAD_PATH};
use crate::party::{self, TicketKey};
use crate::recordings::{self, RECORDED_LINES};
use crate::rooms::{ManagedRooms, Pings, ROOMS_FILE, Rng, Runner};
use crate::service::{Running, ServiceContext};
use crate::socketio;

/// What recordings are called where something is wrong with them.
const RECORDINGS: &str = "recordings of music";

/// Opens the port and serves until the process stops.
pub fn start(config: &Config, service_context: &ServiceContext<'_>) -> Result<Running> {
    let context = service_context.context;
    let listener = Listener::open(SERVICE, config.listen(), &service_context.opening, context)?;
    let running = Running::new(SERVICE, &listener)?;
    let origins = AllowedOrigins::new(&config.cors_origin);
    let pings = Pings { interval: config.ping_interval, timeout: config.ping_timeout };
    let mut runner = Runner::new(SERVICE, service_context.members, context);
    let endpoint = socketio::endpoint(&mut runner, pings, &origins, service_context.socketio, &listener);
    let named = recordings::Service { name: SERVICE, remarks: RECORDINGS };
    let commands = runner.ingress().commands();
    let stop = party::routes::stop_recordings(commands.clone());
    let catalogue = service_context.record(&mut runner, named, &config.recordings_dir, stop);
    let storage = service_context.persistent_storage(SERVICE);
    let mut places = Vec::new();
    places.extend(catalogue.is_some().then_some(RECORDED_LINES));
    places.extend(storage.is_on_disk().then_some(ROOMS_FILE));
    let (seed, rng) = (*storage.seed(), Rng::new(&storage.random_source()));
    let exempt = service_context.opening.network.trusted_networks();
    let hub = Hub::new(config, &seed, rng, exempt, storage.clock(context).now());
    let reports = runner.reports();
    let queries = runner.run(storage, hub);
    let managed = ManagedRooms {
        service: SERVICE,
        queries: queries.clone(),
        commands: commands.clone(),
        overview: Hub::overview,
        command: operators::command,
    };
    service_context.admin.add(Arc::new(managed), None);
    let eraser = commands.clone();
    service_context.serve_erasures(SERVICE, places, reports, move |name| {
        let commands = eraser.clone();
        async move { commands.give(Command::Erase(name)).await?.erased() }
    });
    let check = media::ticket_check(queries.clone(), TicketKey::new(&seed), Hub::media_caller);
    let media = media::start(config.media(&service_context.rooms.data_dir), check, context)?;
    let shared = party::routes::Site {
        queries: queries.clone(),
        commands,
        ice: service_context.ice.clone(),
        clock: context.clock,
        wrong_keys: Arc::clone(&service_context.wrong_keys),
    };
    let pages = routes::router(Site::new(queries, context.clock, config))
        .merge(party::routes::router(shared, catalogue));
    let pages = layers::with_common_layers(
        pages,
        media,
        service_context.admin.routes(&listener),
        &origins,
        service_context.metrics.clone(),
        context,
    );
    listener.streaming_bodies_to(UPLOAD_PATH).serve(endpoint.merge(pages), context);
    Ok(running)
}
