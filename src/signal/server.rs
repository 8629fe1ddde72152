//! Opens the port of signalling, and starts the hub behind Socket.IO and plain WebSockets.

use std::sync::Arc;

use anyhow::Result;
use axum::Router;

use super::hub::{Hub, Keys};
use super::operators;
use super::routes::Site;
use super::tokens::RoomTokens;
use super::{Config, SERVICE, routes};
use crate::http::keys::AccessKey;
use crate::http::layers;
use crate::http::listener::Listener;
use crate::http::origin::AllowedOrigins;
use crate::rooms::{ManagedRooms, Pings, Runner};
use crate::service::{Running, ServiceContext};
use crate::socketio;
use crate::websocket::PlainEndpoint;

/// Opens the port and serves until the process stops.
pub fn start(config: &Config, service_context: &ServiceContext<'_>) -> Result<Running> {
    let context = service_context.context;
    let key = &config.auth_key;
    let key =
        key.is_set().then(|| AccessKey::new("signal.auth_key", key.clone(), &service_context.wrong_keys));
    let listener = Listener::open(SERVICE, config.listen(), &service_context.opening, context)?;
    let mut running = Running::new(SERVICE, &listener)?;
    let origins = AllowedOrigins::new(&config.cors_origin);
    let pings = Pings { interval: config.ping_interval, timeout: config.ping_timeout };
    let mut runner = Runner::new(SERVICE, service_context.members, context);
    let endpoint = socketio::endpoint(&mut runner, pings, &origins, service_context.socketio, &listener);
    let plain = PlainEndpoint::new(&runner, pings, &origins, &listener);
    let tokens = RoomTokens::new(config)?;
    if key.is_none() && tokens.is_none() {
        running.open_without = Some("[signal] auth_key or token_secret");
    }
    let keys = Keys { key: key.clone(), ice: service_context.ice.clone(), tokens };
    let commands = runner.ingress().commands();
    let storage = service_context.ephemeral_storage(SERVICE);
    let hub = Hub::new(config, keys, storage.seed(), service_context.opening.network.trusted_networks());
    let queries = runner.run(storage, hub);
    let managed = ManagedRooms {
        service: SERVICE,
        queries: queries.clone(),
        commands,
        overview: Hub::overview,
        command: operators::command,
    };
    service_context.admin.add(Arc::new(managed), None);
    let pages = routes::router(Site { queries, plain, clock: context.clock, key });
    let pages = layers::with_common_layers(
        pages,
        Router::new(),
        service_context.admin.routes(&listener),
        &origins,
        service_context.metrics.clone(),
        context,
    );
    listener.serve(endpoint.merge(pages), context);
    Ok(running)
}
